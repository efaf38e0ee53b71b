#!/bin/sh
# A clip that is steered while it is made is the one that was asked for so, also after a kill.
. "$(dirname "$0")/../torture/torture"
r="generate -m $demo --frames 321 --size 64x64 --seed 3"

# begin: a job that runs, $job, its chunk 1 on disk
begin() {
    works $r "a red circle" "$@" --detach
    job=$(sed -n 's/^job \([0-9]*\) is queued/\1/p' "$log/out")
    for i in $(seq 400); do
        "$DANAUS" queue list | grep -q "^ *$job  running .* [1-9][0-9]*/27 " && return
        sleep 0.02
    done
    fail "job $job does not run"
}
# steer PROMPT: $chunk is where it takes effect
steer() {
    works steer "$job" "$1"
    chunk=$(sed -n 's/.* from chunk \([0-9]*\), frame .*/\1/p' "$log/out")
    check "a chunk is named" test "${chunk:-0}" -ge 1
    check "and its first frame" grep -q "frame $((12 * chunk - 3))\$" "$log/out"
}

begin
steer "a blue star"
first=$chunk
works show "$job"
check "show lists it while it is made" grep -q "^chunk $first  *a blue star" "$log/out"
works watch "$job"
prints "$job" >"$log/steered"
cp "$(folder "$job")/video.mp4" steered.mp4
works $r "a red circle" --at "$first: a blue star"
prints 2 >"$log/asked"
check "steered is as asked for" cmp "$log/steered" "$log/asked"
works $r "a red circle"
prints 3 >"$log/plain"
check "and another than the plain one" differ "$log/steered" "$log/plain"
works show 1 --json
check "the request tells" grep -q "\"prompt_changes\": *\[{\"chunk\": *$first, *\"prompt\": *\"a blue star\"}\]" \
    "$log/out"

# twice, with a transition and a copy for the user, and both processes killed in between
begin --transition 2 -o copy.webm
killed=$job
steer "a blue star"
one=$chunk
kill -9 "$(worker_pids)"
for i in $(seq 400); do
    "$DANAUS" queue list | grep -q "^ *$job  running " && "$DANAUS" engine status | grep -q "job $job" && break
    sleep 0.02
done
kill -9 "$(engine_pid)"
works engine start
for i in $(seq 400); do # behind the first change
    done=$("$DANAUS" queue list | sed -n "s|^ *$job  running  *\([0-9]*\)/27 .*|\1|p")
    [ "${done:-0}" -gt "$one" ] && break
    sleep 0.02
done
for i in $(seq 400); do
    "$DANAUS" steer "$job" "a green square" >"$log/out" 2>"$log/err" && break
    sleep 0.02
done
two=$(sed -n 's/.* from chunk \([0-9]*\), frame .*/\1/p' "$log/out")
kill -9 "$(worker_pids)"
check "the second change comes after the first" test "${two:-0}" -gt "$one"
works watch "$killed"
check "done" test "$(state "$killed")" = done
prints "$killed" >"$log/steered"
works $r "a red circle" --transition 2 -o asked.webm --at "$one: a blue star" --at "$two: a green square"
prints $((killed + 1)) >"$log/asked"
check "as asked for, after two kills" cmp "$log/steered" "$log/asked"
check "the copy too" cmp copy.webm asked.webm
check "the catalog and every file are sound" sound
check "nothing temporary is left" test -z "$(find "$library" . -name '*.part*')"

# branches keep what they share
works branch "1@$((first + 2))" --prompt "a green square" --seed 3
works show last --json
check "a branch keeps the changes" grep -q "a blue star.*\"chunk\": *$((first + 2)), *\"prompt\": *\"a green square\"" \
    "$log/out"
works extend 1 --seconds 1
works show last --json
check "so does what is extended" grep -q "a blue star" "$log/out"
works redo 1
works show last --json
check "and what is made again" grep -q "a blue star" "$log/out"

# what cannot be steered
refuse() {
    run steer "$@"
    check "steer $* is refused" test $status -ne 0 -a "$(wc -l <"$log/err")" -eq 1
}
refuse 1 "x"
check "it is done" grep -q "is done: only one that runs" "$log/err"
refuse 99 "x"
refuse x "x"
refuse 1
works queue pause
works $r "a red circle" --detach
last=$(sed -n 's/^job \([0-9]*\) is queued/\1/p' "$log/out")
refuse "$last" "x"
check "it waits" grep -q "is queued: only one that runs" "$log/err"
refuse "$last" " "
finish
