#!/bin/sh
# The engine as a person uses it: started by whoever needs it, a queue that is looked at and changed,
# clips in the library that are byte by byte those of --local.
. "$(dirname "$0")/harness"
g="generate -m $demo --size 64x64"

# state JOB: its word in the list
state() { "$DANAUS" queue list --all | sed -n "s/^ *$1  \([a-z]*\( aside\)\{0,1\}\) .*/\1/p"; }
# until JOB WORD: waits at most 20 s
until_state() {
    for i in $(seq 200); do
        [ "$(state "$1")" = "$2" ] && return 0
        sleep 0.1
    done
    echo "job $1 is $(state "$1")"
    return 1
}
# a chunk of the running job is done: waits at most 20 s
until_chunk() {
    for i in $(seq 400); do
        "$DANAUS" queue list | grep -q "^ *$1  running *[1-9]" && return 0
        sleep 0.05
    done
    echo "job $1 makes no chunk"
    return 1
}
video() { echo "$XDG_DATA_HOME"/danaus/clips/*/*/*/"$(printf %06d "$1")"-*/video.mp4; }

refuses 1 'no engine is running.*danaus engine start' engine status
works engine stop
check "stop without an engine" grep -q '^no engine is running' "$log/out"
works engine start
check "start tells the process" grep -q "^the engine runs as process $(engine_pid)\$" "$log/out"
works engine start
check "another start finds it" grep -q "process $(engine_pid)\$" "$log/out"
works engine status
check "status" grep -q '^worker 0: not started' "$log/out"
works queue
check "nothing waits" grep -q '^no job' "$log/out"

# a clip is the same wherever it is made, and so is its copy
for out in a.mp4 a.gif a.safetensors; do
    works $g "a red butterfly" --frames 9 --seed 3 -o $out --save-latents l-$out.safetensors
    check "$out is told" grep -q "^$out: 9 frames 64x64, seed 3, " "$log/out"
    works $g --local "a red butterfly" --frames 9 --seed 3 -o local-$out --save-latents m-$out.safetensors
    check "$out is that of --local" cmp $out local-$out
    check "its latents too" cmp l-$out.safetensors m-$out.safetensors
    check "and who may read them" test "$(stat -c %a $out l-$out.safetensors)" = \
        "$(stat -c %a local-$out m-$out.safetensors)"
done
check "the library's files are nobody else's" test -z "$(find "$XDG_DATA_HOME/danaus" -maxdepth 1 \
    -perm /077)"
check "the library has it" cmp "$(video 1)" a.mp4
check "and its latents" test -s "$(dirname "$(video 1)")/latents.safetensors"
works $g "only in the library" --frames 5
check "a clip without a name of its own" grep -q "^$XDG_DATA_HOME/danaus/clips/.*video.mp4: 5 frames" "$log/out"
refuses 1 'a.mp4 exists.*--force' $g x --frames 5 -o a.mp4
works $g "a red butterfly" --frames 9 --seed 4 -o a.mp4 --force
check "--force" differ a.mp4 local-a.mp4
works $g x --frames 5 --json -o j.mp4
for event in started step latents frames finished; do
    check "event $event" grep -q "^{\"event\":\"$event\"," "$log/out"
done
run $g x --size 65x64 --frames 5
check "a job that cannot be made: status 1" test $status -eq 1
check "and one line why" grep -q 'job 7: size 65x64: .*multiples of 16' "$log/err"
check "it is in the list" test "$(state 7)" = failed
refuses 1 'job 7: failed' watch 7
works show 7
check "and says why" grep -q '^why  *..' "$log/out"
works engine status
check "the model stays loaded" grep -q '^worker 0: process [0-9]*, idle with demo' "$log/out"

# the queue: order, pause, cancel, retry
works queue pause
for n in one two three; do works $g "$n" --frames 49 --detach; done
check "--detach tells the job" grep -q '^job 10 is queued' "$log/out"
works $g four --frames 5 --detach --next
works queue move 9 before 8
works queue
check "the order" test "$(sed -n 's/^ *\([0-9]*\)  queued.*/\1/p' "$log/out" | tr '\n' ' ')" = "11 9 8 10 "
check "the queue says that it is paused" grep -q 'queue is paused' "$log/out"
works queue pause 8
works queue cancel 10
refuses 2 'job 99' queue cancel 99
refuses 2 'job 1 is done' queue retry 1
works queue resume
works watch
check "watch ends when all is done" test "$(state 11)-$(state 9)-$(state 8)-$(state 10)" = done-done-paused-cancelled
check "watch tells steps" grep -q '^job 9 step ' "$log/out"
works queue resume 8
works queue retry 10
works watch 8
works watch 10
check "resumed and retried" test "$(state 8)-$(state 10)" = done-done

# pausing what runs: it goes on behind its last whole chunk, and nobody sees that it did
works $g long --frames 801 --detach
check "a chunk is done" until_chunk 12
works queue pause 12
until_state 12 paused
works $g short --frames 5
check "others go on meanwhile" test $status -eq 0
works queue resume 12
works watch 12 --json
check "chunks that were done are not made again" sh -c \
    "sed -n 's/.*\"started\".*\"chunks_done\":\([0-9]*\).*/\1/p' '$log/out' | grep -qv '^0*\$'"
works $g --local long --frames 801 -o long.mp4
check "a paused clip ends as an undisturbed one" cmp "$(video 12)" long.mp4

# Ctrl-C cancels and keeps what there is
interrupted $g "a red butterfly" --frames 1601 -o stopped.mp4
frames=$(last_number frames "$log/events")
check "status 130, not $status" test $status -eq 130
check "some frames, not all: ${frames:-none}" test "${frames:-0}" -gt 0 -a "${frames:-0}" -lt 1601
works encode stopped.mp4 -m "$demo" -o s.safetensors --json
check "stopped.mp4 holds what was told" test "$(last_number frames "$log/out")" = "$frames"
check "the job is cancelled" test "$(state 14)" = cancelled

# stop puts what runs back, start goes on
works $g longer --frames 201 --detach
until_state 15 running
works engine stop
sleep 0.2
check "no engine is left" test -z "$(engine_pid)"
works watch 15
check "it is done after another start" test "$(state 15)" = done
works engine log -n 3
check "three lines of the log" test "$(wc -l <"$log/out")" -eq 3
works engine restart
mkdir other
DANAUS_LIBRARY="$work/other" run queue
check "an engine for another library is not taken: status 1" test $status -eq 1
check "and one line says so" grep -q 'an engine runs for the library .*danaus, and .*other is meant' "$log/err"
DANAUS_LIBRARY="$work/other" works engine stop
check "but stopped" test -z "$(engine_pid)"
works engine start

# pictures in a folder
mkdir pictures
echo mine >pictures/mine
works $g x --frames 5 -o pictures/
check "pictures in a folder that was there" test "$(ls pictures/frame-*.png | wc -l)" -eq 5
check "which keeps what it had" grep -qx mine pictures/mine
refuses 1 'pictures/ holds frame-.*--force' $g x --frames 5 -o pictures/
works $g x --frames 9 -o pictures --force
check "--force replaces them" test "$(ls pictures/frame-*.png | wc -l)" -eq 9
check "no temporary is left" test -z "$(find . "$home" -name '*.part*')"
finish
