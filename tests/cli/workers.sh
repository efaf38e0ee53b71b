#!/bin/sh
# Two workers with one queue: clips are those of one worker, and one that is killed is its own affair.
. "$(dirname "$0")/../torture/torture"
r="generate -m $demo --frames 81 --size 48x48"

works $r "a blue star" --seed 1
works $r "a red circle" --seed 2
prints 1 >"$log/want.1"
prints 2 >"$log/want.2"
works engine stop

export DANAUS_WORKERS=2
works engine start
works queue pause
for i in 1 2 3 4; do
    works $r "a blue star" --seed 1 --detach
    works $r "a red circle" --seed 2 --detach
done
"$DANAUS" watch --json >"$log/events" &
watcher=$!
for i in $(seq 400); do
    [ -s "$log/events" ] && break
    sleep 0.05
done
works queue resume
# at work both of them, and held there while they are looked at
for i in $(seq 400); do
    pids=$(worker_pids)
    kill -STOP $pids 2>/dev/null
    "$DANAUS" engine status >"$log/status"
    [ "$(grep -c '^worker .*, job ' "$log/status")" -eq 2 ] && break
    kill -CONT $pids 2>/dev/null
    sleep 0.02
done
check "two run at once" test "$(grep -c '^worker .*, job ' "$log/status")" -eq 2
victim=$(echo "$pids" | tail -n 1)
other=$(echo "$pids" | head -n 1)
its_job=$(sed -n "s/.*process $victim, job \([0-9]*\).*/\1/p" "$log/status")
kill -9 "$victim"
kill -CONT "$other"
wait "$watcher"
# "JOB STATE" in the order in which they came
sed -n 's/.*"type":"state","job":\([0-9]*\),.*"state":"\([a-z ]*\)".*/\1 \2/p' "$log/events" >"$log/states"
check "the first in line" test "$(grep running "$log/states" | head -n 2 | sort | tr '\n' ' ')" = \
    "3 running 4 running "
check "the killed one's clip was begun twice" test "$(grep -cx "$its_job running" "$log/states")" -eq 2
check "the other worker is the same one" sh -c 'echo "$1 of" $2, now $3; echo "$3" | grep -qx "$1"' \
    - "$other" "$pids" "$(worker_pids)"
check "all are done" test "$("$DANAUS" queue list --all | grep -c '  done ')" -eq 10
for job in 3 5 7 9; do
    prints $job >"$log/got"
    check "job $job is that of one worker" cmp "$log/got" "$log/want.1"
done
for job in 4 6 8 10; do
    prints $job >"$log/got"
    check "job $job is that of one worker" cmp "$log/got" "$log/want.2"
done
check "nothing temporary is left" test -z "$(find "$library" . -name '*.part*')"
check "the catalog and every file are sound" sound
finish
