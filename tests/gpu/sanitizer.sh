#!/bin/sh
# compute-sanitizer over the tests of the operations. Its initcheck was seen to complain of reads of
# cuBLASLt's products on an H200, presumably because it does not see Hopper's bulk copies, so kernels
# that read such results are left out there: kernels.sh looks at the same with poisoned memory.
# TOOLS="memcheck" runs that alone.
. "$(dirname "$0")/harness"

export DANAUS_POISON=0 # what nobody has written must stay so

if ! command -v compute-sanitizer >/dev/null; then
    echo "note: there is no compute-sanitizer here"
    pass
    finish
fi
for tool in ${TOOLS:-memcheck synccheck initcheck racecheck}; do
    case $tool in
    initcheck) more="--kernel-name-exclude kernel_substring=finish --kernel-name-exclude kernel_substring=sm90" ;;
    racecheck) more="--racecheck-report analysis" ;;
    *) more= ;;
    esac
    for t in $CUDA_TESTS; do
        case $t in */test_large_*) continue ;; esac # the same kernels, a hundred times slower
        # shellcheck disable=SC2086
        passes_all "$tool of $(basename "$t")" timeout "${LIMIT:-500}" compute-sanitizer --tool $tool \
            $more --print-limit 5 --error-exitcode 9 "$t"
    done
done
finish
