#!/bin/sh
# A model's file is cut while a worker has it mapped: the engine survives, the job fails in one line,
# and when the file is whole again the next job is made.
. "$(dirname "$0")/torture"
trials=$(count 3 50)
text=$(cd "$demo" && ls | grep -E '^models_t5.*\.(safetensors|pth)$' | head -n 1)
mkdir model
cp -r "$demo"/. model/
chmod -R u+w model
make_clip() { run generate -m model "$1" --frames 5 --size 32x32; }

make_clip "a red circle"
check "made" test $status -eq 0
pid=$(engine_pid)
for i in $(seq "$trials"); do
    whole=$(stat -c %s "model/$text")
    truncate -s "$(below "$whole")" "model/$text"
    make_clip "a blue star $i" # another prompt: the text encoder is needed again
    check "trial $i: it fails, $status" test $status -ne 0
    check "trial $i: in one line" test "$(grep -c . "$log/err")" -eq 1
    check "trial $i: the engine is the same" test "$(engine_pid)" = "$pid"
    cp "$demo/$text" "model/$text"
    make_clip "a green square $i"
    check "trial $i: made again" test $status -eq 0
done

# in the midst of a clip, whose further prompts are encoded when their turn comes
works generate -m model "a red circle" --frames 321 --size 64x64 --at "20: a blue star" --detach
job=$(sed -n 's/^job \([0-9]*\) is queued/\1/p' "$log/out")
for i in $(seq 400); do
    "$DANAUS" queue list | grep -q "^ *$job  running .* [1-9][0-9]*/27 " && break
    sleep 0.02
done
truncate -s 4096 "model/$text"
run watch "$job"
check "the job fails" test "$(state "$job")" = failed
check "for what the next worker finds" sh -c '"$0" queue list --all | grep -q "^ *$1  failed .*cut short"' \
    "$DANAUS" "$job"
check "the engine is the same" test "$(engine_pid)" = "$pid"
cp "$demo/$text" "model/$text"
works queue retry "$job"
works watch "$job"
prints "$job" >"$log/got"
works generate -m model "a red circle" --frames 321 --size 64x64 --at "20: a blue star"
prints $((job + 1)) >"$log/want"
check "made to its end, it is that of an undisturbed run" cmp "$log/got" "$log/want"
check "the log tells of the worker that died of it" grep -q "cut meanwhile (Bus error)" \
    "$XDG_STATE_HOME/danaus/engine.log"
check "every clip is there" sound
finish
