#!/bin/sh
# compute-sanitizer over the tests of the operations, each tool and program under its own time limit.
# TOOLS="memcheck" runs that alone.
#
#   memcheck, synccheck   our kernels
#   racecheck             ours too. It follows every access of shared memory, so kernels that multiply
#                         out of there on the float32 units are looked at apart from the others, in
#                         their first launches only; the tests begin with small shapes
#   initcheck             all kernels, for it wants to see who writes. It does not see everything that
#                         cuBLASLt stores: what reads its products is let off. kernels.sh looks at the
#                         same with poisoned memory
. "$(dirname "$0")/harness"

export DANAUS_POISON=0 # what nobody has written must stay so
products_readers='finish_kernel|residual_rows|softmax_kernel'

if ! command -v compute-sanitizer >/dev/null; then
    echo "note: there is no compute-sanitizer here"
    pass
    finish
fi
theirs= # kernels of cuBLASLt
for part in cublas cutlass nvjet xmma gemm gemv splitK; do
    theirs="$theirs --kernel-name-exclude kernel_substring=$part"
done

# What is complained of in $log/out, and where: "times place", most first.
complaints() {
    sed -nE 's/^=+ +(at |and |Host API |((Error|Warning): )?Race reported )/\1/p' "$log/out" |
        sed -E 's/0x[0-9a-f]+/../g; s/ (to|of size) .*//; s/\[[0-9]+ hazards\]//' | sort | uniq -c | sort -rn
}

# looks TOOL TEST OPTIONS...: the tests pass, and all that the tool complains of is let off
looks() {
    tool=$1
    t=$2
    shift 2
    what="$tool of $(basename "$t")"
    (cd "$top" && timeout -k 5 "${LIMIT:-100}" compute-sanitizer --tool "$tool" --show-backtrace no \
        --print-limit 20000 "$@" "$t") >"$log/out" 2>&1
    status=$?
    found=$(sed -nE 's/^=+ [A-Z]+ SUMMARY: ([0-9]+) .*/\1/p' "$log/out" | sort -n | tail -n 1)
    let_off=0
    [ "$tool" = initcheck ] && let_off=$(grep -cE "^=+ +at .*($products_readers)" "$log/out")
    [ "$let_off" -eq 0 ] || echo "note: $what: $let_off reads of products let off"
    if [ $status -eq 0 ] && [ "${found:-none}" = "$let_off" ] &&
        grep -qE '^[1-9][0-9]* passed, 0 failed' "$log/out"; then
        pass
    else
        fail "$what: status $status, ${found:-no summary, perhaps too slow,} found"
        complaints | head -n 12
        grep -v '^=========     ' "$log/out" | tail -n 4
    fi
}

for tool in ${TOOLS:-memcheck synccheck initcheck racecheck}; do
    for t in $CUDA_TESTS; do
        case $(basename "$t") in
        test_large_*) continue ;; # the same kernels, a hundred times slower
        test_attention) slow=16attention_kernel first=42 ;;
        test_video) slow=11conv_kernel first=12 ;;
        *) slow= ;;
        esac
        # shellcheck disable=SC2086
        case $tool-$slow in
        initcheck-*) looks $tool "$t" ;;
        racecheck-?*)
            looks $tool "$t" --kernel-name kernel_substring=$slow --launch-count $first
            looks $tool "$t" $theirs --kernel-name-exclude kernel_substring=$slow
            ;;
        *) looks $tool "$t" $theirs ;;
        esac
    done
done
finish
