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
    cut=$(below "$whole")
    [ "$i" -gt 1 ] || cut=4096 # surely what is read
    truncate -s "$cut" "model/$text"
    make_clip "a blue star $i" # another prompt: the text encoder is needed again
    check "trial $i: it fails, $status" test $status -ne 0
    check "trial $i: in one line" test "$(grep -c . "$log/err")" -eq 1
    check "trial $i: the engine is the same" test "$(engine_pid)" = "$pid"
    cp "$demo/$text" "model/$text"
    make_clip "a green square $i"
    check "trial $i: made again" test $status -eq 0
done
check "the log tells of the worker that died of it" grep -q "cut meanwhile (Bus error)" \
    "$XDG_STATE_HOME/danaus/engine.log"
check "every clip is there" sound
finish
