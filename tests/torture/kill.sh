#!/bin/sh
# kill -9 of the engine or a worker at random moments: no acknowledged job is lost, none is made
# twice, the catalog is sound, and every file is that of an undisturbed run.
. "$(dirname "$0")/torture"
kills=$(count 12 200)
limit=$(count 6000 2000) # ms until the next engine answers; more where the machine does other things

# request K: arguments of the K-th kind of clip
request() {
    case $1 in
    0) echo "--frames 9 --size 64x64 --seed 1" ;;
    1) echo "--frames 45 --size 48x48 --seed 2" ;;
    2) echo "--frames 33 --size 64x48 --seed 3" ;;
    3) echo "--frames 81 --size 32x32 --seed 4" ;;
    esac
}
# queue K: one more of that kind, into $log/acknowledged when the engine has said so
queue() {
    "$DANAUS" generate -m "$demo" "a red butterfly" $(request "$1") --detach -o copy-$2.mp4 \
        >"$log/queue.$2" 2>/dev/null &&
        sed -n "s/^job \([0-9]*\) is queued/\1 $1 $2/p" "$log/queue.$2" >>"$log/acknowledged"
}

: >"$log/acknowledged"
for k in 0 1 2 3; do
    works generate -m "$demo" "a red butterfly" $(request $k)
    prints $((k + 1)) >"$log/want.$k"
done
slowest=0
for i in $(seq "$kills"); do
    queue "$(below 4)" $i &
    [ $((i % 3)) -eq 0 ] || wait $!
    nap 700
    if [ $((i % 3)) -eq 2 ]; then victim=$(worker_pids | head -n 1); else victim=$(engine_pid); fi
    [ -z "$victim" ] || kill -9 "$victim"
    start=$(now_ms)
    "$DANAUS" engine status >"$log/out" 2>&1 || "$DANAUS" engine start >"$log/out" 2>&1 ||
        fail "no engine after kill $i: $(cat "$log/out")"
    took=$(($(now_ms) - start))
    [ $took -le $slowest ] || slowest=$took
    wait
done
check "the next engine answers within $limit ms, not $slowest" test $slowest -le "$limit"

# jobs that were hit three times by chance are set aside: as a user would, try them again
for round in 1 2 3; do
    timeout 500 "$DANAUS" watch >"$log/watch" 2>&1
    "$DANAUS" queue list --all | sed -n 's/^ *\([0-9]*\)  set aside .*/\1/p' >"$log/aside"
    [ -s "$log/aside" ] || break
    works queue retry $(cat "$log/aside")
done
jobs=$("$DANAUS" queue list --all | wc -l)
done=$("$DANAUS" queue list --all | grep -c '  done ')
check "all $jobs jobs are done, not $done" test "$jobs" -eq "$done"
check "every acknowledged job is there once" test \
    "$(sort -u "$log/acknowledged" | wc -l)" -eq "$(wc -l <"$log/acknowledged")"
check "some were acknowledged" test "$(wc -l <"$log/acknowledged")" -ge $((kills / 2))
while read -r job kind number; do
    prints "$job" >"$log/got"
    check "the copy of job $job" cmp "$(folder "$job")/video.mp4" "copy-$number.mp4"
    check "job $job is that of an undisturbed run" cmp "$log/got" "$log/want.$kind"
done <"$log/acknowledged"
check "the catalog and every file are sound" sound
works engine stop
works engine start # sweeps
left=$(find "$library" . -name '*.part*')
check "nothing temporary is left, not $left" test -z "$left"
echo "$kills kills, $(wc -l <"$log/acknowledged") acknowledged jobs, slowest restart $slowest ms"
finish
