#!/bin/sh
# What NVML tells of a GPU, in doctor and engine status, by a library of the test's own in its place:
# values, values that cannot be asked, errors, missing functions, calls that never return.
. "$(dirname "$0")/harness"
export FAKE_GPU="$work/gpu"

# with FLAGS...: programs find the library, built so
with() {
    rm -rf "$work/lib"
    mkdir "$work/lib"
    ${CC:-cc} -shared -fPIC -o "$work/lib/libnvidia-ml.so.1" "$@" "$top/tests/cli/fake_nvml.c" &&
        cp "$work/lib/libnvidia-ml.so.1" "$work/lib/libcuda.so.1" || fail "the library cannot be built"
    export LD_LIBRARY_PATH="$work/lib"
}
is() { echo "$*" >"$FAKE_GPU.new" && mv "$FAKE_GPU.new" "$FAKE_GPU"; }
# says WHAT PATTERN: of doctor
says() {
    works doctor
    check "$1" grep -qE "$2" "$log/out"
    check "$1: one screen" test "$(wc -l <"$log/out")" -le 24
}
# until TEXT: engine status says it, within a minute
until_status() {
    for i in $(seq 300); do
        run engine status --json
        grep -qF "$1" "$log/out" && return 0
        sleep 0.2
    done
    cat "$log/out"
    return 1
}
lacks_until() {
    for i in $(seq 300); do
        run engine status --json
        grep -qF "$1" "$log/out" || return 0
        sleep 0.2
    done
    return 1
}
gib=1073741824

if [ ! -e /proc/driver/nvidia/version ]; then
    works doctor
    check "no NVML, no word of it" lacks NVML "$log/out"
    check "but of the CPU" grep -q '^gpu  *none: the CPU backend is used' "$log/out"
    works doctor --json
    check "no reading" grep -q '"readings": \[\]' "$log/out"
fi

with
is 0 61 $((13 * gib)) $((140 * gib)) 97 512400
says "the first GPU" '^ *Fake One, 51 °C, 13.0 of 140.0 GiB, 97 % busy, 512 W$'
check "the second, its name made safe" grep -qF 'Fake\x1B[2J Two, 61 ' "$log/out"
works doctor --json
check "as JSON" sh -c "tr -d ' \n' <'$log/out' | grep -qF '{\"name\":\"FakeOne\",\"celsius\":51.0,\"used_bytes\":$((13 * gib)),\"total_bytes\":$((140 * gib)),\"busy_percent\":97.0,\"watts\":512.39999999999998}'"

# what cannot be asked is not told; what can still is
is 0 61 - $((140 * gib)) 97 512400
says "no memory" 'Fake One, 51 °C, 97 % busy, 512 W$'
is 0 - $((13 * gib)) $((140 * gib)) - -
says "memory alone" 'Fake One, 13.0 of 140.0 GiB$'
is 0 - - - - -
says "a name alone" '^ *Fake One$'

# errors
is 18 61 1 2 3 4
says "why it does not start" 'NVML does not start: Driver/library.*version mismatch \(18\)'
check "nothing raw" lacks "$escape" "$log/out"
is hang 61 1 2 3 4
says "that it does not answer" 'NVML gave no answer within 5 s'
with -DNO_COUNT
says "which function is missing" 'libnvidia-ml.so.1 has no nvmlDeviceGetCount_v2'
with -DNO_POWER
is 0 61 $((13 * gib)) $((140 * gib)) 97 512400
says "an old library" 'Fake One, 51 °C, 13.0 of 140.0 GiB, 97 % busy$'

# a worker's own: CUDA's first is the second on the bus
with
works engine start
works engine status --json
check "no worker, no reading" lacks '"gpu"' "$log/out"
works generate "a star" -m "$demo" --size 64x64 --frames 5 -q -o one.mp4
check "the worker's GPU" until_status '"celsius":61.0'
check "that one" grep -qF '"name":"Fake\\x1B[2J Two"' "$log/out"
works engine status
check "in words" grep -qF '61 °C, 13.0 of 140.0 GiB, 97 % busy, 512 W' "$log/out"
is 0 - $((14 * gib)) $((140 * gib)) 97 512400
check "its memory goes on" until_status "\"used_bytes\":$((14 * gib))"
check "the temperature has vanished" lacks celsius "$log/out"
is 0 62 $((14 * gib)) $((140 * gib)) 97 512400
check "and is back" until_status '"celsius":62.0'
is 0 hang $((14 * gib)) $((140 * gib)) 97 512400
check "what is old is not told" lacks_until '"gpu"'
works generate "a star" -m "$demo" --size 64x64 --frames 5 -q -o two.mp4
check "it works while NVML hangs" cmp one.mp4 two.mp4
works engine stop

# one that CUDA has, but NVML has no such place
is 7 61 1 2 3 4
works generate "a star" -m "$demo" --size 64x64 --frames 5 -q -o three.mp4
check "nor does an error of NVML matter" cmp one.mp4 three.mp4
run engine status --json
check "of which nothing is told" lacks '"gpu"' "$log/out"
finish
