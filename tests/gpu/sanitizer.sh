#!/bin/sh
# compute-sanitizer over the tests of the operations, each tool and program under its own time limit.
# TOOLS="memcheck" runs that alone.
#
#   racecheck   follows every access of shared memory, so a kernel that multiplies out of there on
#               the float32 units is looked at apart from the others, in its first launches only; the
#               tests begin with small shapes. What it says of cuBLASLt's kernels is let off. They are
#               not left away: on an H200 (compute-sanitizer 2025.3.1) it ended in a fault at the first
#               of them that a filter left out
#   initcheck   does not see everything that cuBLASLt stores, so what reads its products is let off;
#               kernels.sh looks at the same with poisoned memory
. "$(dirname "$0")/harness"

export DANAUS_POISON=0 # what nobody has written must stay so

# what a tool may say: the kernel that it speaks of
let_off_initcheck='finish_kernel|residual_rows|softmax_kernel'
let_off_racecheck='nvjet|cublas|cutlass'

if ! command -v compute-sanitizer >/dev/null; then
    echo "note: there is no compute-sanitizer here"
    pass
    finish
fi

# What is complained of in $log/out, and where: "times place", most first.
complaints() {
    sed -nE 's/^=+ +(at |and |Host API |Device Frame: |((Error|Warning): )?Race reported )/\1/p' "$log/out" |
        sed -E 's/0x[0-9a-f]+/../g; s/ (to|of size) .*//; s/\[[0-9]+ hazards\]//' | sort | uniq -c | sort -rn
}
# "let-off others skipped": complaints that match PATTERN, the rest, and how often some were not told
judge() {
    awk -v off="$1" '
        function over() { if (place) { if (off != "" && block ~ off) let_off++; else others++ } block = ""; place = 0 }
        /^=+ *$/ || / SUMMARY: / { over(); next }
        / errors were skipped / { skipped++; next }
        /^=/ { block = block $0; if (/^=+ +(at|Host API) | Race reported /) place = 1 }
        END { over(); print let_off + 0, others + 0, skipped + 0 }' "$log/out"
}

# looks TOOL TEST OPTIONS...: the tests pass, and all that the tool complains of is let off
looks() {
    tool=$1
    t=$2
    shift 2
    what="$tool of $(basename "$t")"
    (cd "$top" && timeout -k 5 "${LIMIT:-100}" compute-sanitizer --tool "$tool" --show-backtrace device \
        --print-limit 20000 "$@" "$t") >"$log/out" 2>&1
    status=$?
    found=$(sed -nE 's/^=+ [A-Z]+ SUMMARY: ([0-9]+) .*/\1/p' "$log/out" | sort -n | tail -n 1)
    case $tool in
    initcheck) off=$let_off_initcheck ;;
    racecheck) off=$let_off_racecheck ;;
    *) off= ;;
    esac
    # shellcheck disable=SC2046
    set -- $(judge "$off")
    [ "$1" -eq 0 ] || echo "note: $what: $1 complaints let off"
    [ "$3" -eq 0 ] || echo "note: $what: more than the tool could tell, $3 times"
    if [ $status -eq 0 ] && [ "$2" -eq 0 ] && [ "${found:-none}" = $(($1 + $3)) ] &&
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
        # slow: a kernel, the test that it is looked at in, and that test's first launches of it
        case $(basename "$t") in
        test_large_*) continue ;; # the same kernels, a hundred times slower
        test_attention) slow=16attention_kernel test=shapes first=42 ;;
        test_video) slow=11conv_kernel test=convolutions first=12 ;;
        *) slow= ;;
        esac
        case $tool-$slow in
        racecheck-?*)
            export CHECK_TEST=$test
            looks $tool "$t" --kernel-name kernel_substring=$slow --launch-count $first
            unset CHECK_TEST
            looks $tool "$t" --kernel-name-exclude kernel_substring=$slow
            ;;
        *) looks $tool "$t" ;;
        esac
    done
done
finish
