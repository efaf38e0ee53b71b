#!/bin/sh
# Clips that begin with what is there: after a pause, with a broken file, as branches of another.
. "$(dirname "$0")/../torture/torture"
size="--frames 81 --size 48x48"
r="generate -m $demo $size --seed 5"

# enqueue PROMPT SEED MORE: a job through the protocol; prints its number
enqueue() {
    ask "{\"type\":\"enqueue\",\"request\":{\"prompt\":\"$1\",\"model\":\"$demo\",\"seed\":$2,\"frames\":81,
        \"size\":\"48x48\",\"local_attn_size\":6,\"attention\":\"monarch\"}$3}" |
        sed -n 's/.*"job":\([0-9]*\).*/\1/p'
}
latents() { echo "$(folder "$1")/latents.safetensors"; }

works engine start
first=$(enqueue "a blue star" 5 "")
works watch "$first"
check "made" test "$(state "$first")" = done
prints "$first" >"$log/want"

# at no chunk, at chunk 3, at the end: the same request goes on as the parent did
for chunk in 0 3 7; do
    job=$(enqueue "a blue star" 5 \
        ",\"parent\":$first,\"parent_chunk\":$chunk,\"relation\":\"branch\",\"paused\":true")
    "$DANAUS" watch "$job" --json >"$log/events" &
    for i in $(seq 200); do # it begins when somebody watches
        [ -s "$log/events" ] && break
        sleep 0.05
    done
    works queue resume "$job"
    wait $!
    prints "$job" >"$log/got"
    check "a branch at chunk $chunk that changes nothing" cmp "$log/got" "$log/want"
    check "it made only what was new" grep -q "\"started\".*\"chunks_done\":$chunk," "$log/events"
done
# another prompt from chunk 3 on: 9 latents are shared, 33 frames; then it goes its own way
other=$(enqueue "a red circle" 5 ",\"parent\":$first,\"parent_chunk\":3")
works watch "$other"
works decode "$(latents "$first")" -m "$demo" -o a/ --no-recipe
works decode "$(latents "$other")" -m "$demo" -o b/ --no-recipe
check "the first 33 frames are the parent's" sh -c \
    'for i in $(seq -w 00001 00033); do cmp a/frame-$i.png b/frame-$i.png || exit 1; done'
check "the last one is not" differ a/frame-00081.png b/frame-00081.png
enqueue "a red circle" 5 ",\"parent\":$first,\"parent_chunk\":70" >"$log/bad" 2>&1
check "more chunks than there are" grep -q "clip $first has 7 chunks here, 70 of them cannot be kept" "$log/bad"

# latents that were damaged while the job stood still: the clip begins anew, the damaged file is kept
# (the worker sleeps while the order is on its way: it is quicker than a command; if it was done even
# before, another clip is tried)
for try in $(seq 20); do
    job=$(enqueue "a blue star" 5 ",\"paused\":true")
    worker=$(worker_pids)
    works queue resume "$job"
    for i in $(seq 2000); do
        [ -s "$(latents "$job")" ] && break
        sleep 0.01
    done
    kill -STOP "$worker"
    "$DANAUS" queue pause "$job" >"$log/out" 2>&1
    kill -CONT "$worker"
    for i in $(seq 400); do
        "$DANAUS" engine status | grep -q ", job $job" || break
        sleep 0.05
    done
    [ "$(state "$job")" = paused ] && break
done
check "paused on its way" test "$(state "$job")" = paused
head -c 100 "$(latents "$job")" >short && cp short "$(latents "$job")"
echo half >"$(folder "$job")/.poster.jpg-0123abcd.part" # as of a worker that was killed
works queue resume "$job"
works watch "$job"
prints "$job" >"$log/got"
check "made anew" cmp "$log/got" "$log/want"
check "nothing temporary is left" test -z "$(find "$(folder "$job")" -name '*.part')"
check "the damaged file is kept" cmp short "$(latents "$job").broken"
check "and the log says so" grep -q 'broken and the clip begins anew' "$XDG_STATE_HOME/danaus/engine.log"

# a file of the copy's name that came into being meanwhile is not replaced
works queue pause
works $r "a blue star" -o mine.mp4 --detach
last=$(sed -n 's/^job \([0-9]*\) is queued/\1/p' "$log/out")
echo mine >mine.mp4
works queue resume
run watch "$last"
check "the job fails and watch says so" test $status -eq 1
check "the job fails" test "$(state "$last")" = failed
check "the file is the user's" grep -q '^mine$' mine.mp4
rm mine.mp4
works queue retry "$last"
works watch "$last"
check "then there is room" cmp mine.mp4 "$(folder "$last")/video.mp4"
check "everything is sound" sound
finish
