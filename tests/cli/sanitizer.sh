#!/bin/sh
# What tests/gpu/sanitizer.sh makes of compute-sanitizer's words, without a GPU: they come from a
# program of the test's own in its place.
. "$(dirname "$0")/harness"

mkdir bin
cat >bin/compute-sanitizer <<'TOOL'
#!/bin/sh
echo "$*" >>"$SEEN"
for program in "$@"; do :; done
"$program"
status=$?
cat "$SAYS"
exit $status
TOOL
for name in linear attention; do
    printf '#!/bin/sh\nsleep ${SLEEP:-0}\necho "${TESTS:-3 passed, 0 failed}"\n' >bin/test_$name
done
chmod +x bin/*
export PATH="$work/bin:$PATH" SEEN="$work/seen" SAYS="$work/says"

# judged TOOL PROGRAM LAST-LINE PATTERN: the script's last line, and something that it says
judged() {
    : >"$SEEN"
    TOOLS=$1 CUDA_TESTS="$work/bin/test_$2" "$top/tests/gpu/sanitizer.sh" >"$log/judgement" 2>&1
    check "$1 of $2: $3" test "$(tail -n 1 "$log/judgement")" = "$3"
    check "$1 of $2 says $4" grep -qE -- "$4" "$log/judgement"
}
# reads KERNEL: what initcheck says of two threads
reads() {
    for thread in 0 1; do
        echo "========= Uninitialized __global__ memory read of size 4 bytes"
        echo "=========     at $1+0x420 in linear.cu:100"
        echo "=========     by thread ($thread,0,0) in block (0,0,0)"
        echo "========= "
    done
}

echo "========= ERROR SUMMARY: 0 errors" >says
judged memcheck linear "1 passed, 0 failed" passed
judged initcheck linear "1 passed, 0 failed" passed
check "nothing is left away where it matters who writes" lacks exclude seen
TESTS="2 passed, 1 failed" judged memcheck linear "0 passed, 1 failed" "2 passed, 1 failed"
SLEEP=60 LIMIT=1 judged memcheck linear "0 passed, 1 failed" "status 124"

echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)" >says
judged racecheck linear "1 passed, 0 failed" passed
judged racecheck attention "2 passed, 0 failed" passed
check "slow kernels: first launches" grep -qE 'kernel-name kernel_substring=16attention_kernel .*launch-count' seen
check "slow kernels: away from the others" grep -q 'exclude kernel_substring=16attention_kernel' seen

# race KERNEL
race() {
    echo "========= Warning: Race reported between Read access at $1(int)+0xbf60 in a.cu:74"
    echo "=========     and Write access at $1(int)+0xc2f0 in a.cu:83 [128 hazards]"
    echo "========= RACECHECK SUMMARY: 1 hazard displayed (0 errors, 1 warning)"
}
race nvjet_sm90 >says
judged racecheck linear "1 passed, 0 failed" "1 complaints let off"
race turn_kernel >says
judged racecheck linear "0 passed, 1 failed" 'Read access at turn_kernel.*a.cu:74'

# the products are let off, nothing else
{ reads "finish_kernel(finish_problem)" && echo "========= ERROR SUMMARY: 2 errors"; } >says
judged initcheck linear "1 passed, 0 failed" "2 complaints let off"
judged memcheck linear "0 passed, 1 failed" " 2 at finish_kernel"
{ reads "finish_kernel(finish_problem)" && reads "norm_kernel(norm_problem)" && echo "========= ERROR SUMMARY: 4 errors"; } >says
judged initcheck linear "0 passed, 1 failed" " 2 at norm_kernel"
{ reads "finish_kernel(finish_problem)" && echo "========= ERROR SUMMARY: 7 errors"; } >says
judged initcheck linear "0 passed, 1 failed" "7 found"
{ reads "finish_kernel(finish_problem)" && echo "========= 9 errors were skipped (error buffer overflow)." && echo "========= ERROR SUMMARY: 3 errors"; } >says
judged initcheck linear "1 passed, 0 failed" "more than the tool could tell"
: >says
judged memcheck linear "0 passed, 1 failed" "no summary"
finish
