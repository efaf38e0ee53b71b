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
works queue resume
for i in $(seq 200); do
    [ "$("$DANAUS" queue list | grep -c ' running ')" -eq 2 ] && break
    sleep 0.05
done
check "two run at once" test "$("$DANAUS" queue list | grep -c ' running ')" -eq 2
check "the first in line" sh -c '"$0" queue list | grep " running " | sed "s/^ *\([0-9]*\) .*/\1/" |
    sort | head -n 1 | grep -q "^[3-5]$"' "$DANAUS"
victim=$(worker_pids | tail -n 1)
other=$(worker_pids | head -n 1)
kill -9 "$victim"
works watch
check "the other worker is the same one" sh -c "pgrep -P $(engine_pid) | grep -qx $other"
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
