#!/bin/sh
# Runs test programs and scripts, adds up their `N passed, N failed` lines. Usage: tests/run.sh TEST...
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}" # idle threads sleep soon: the machine may be busy
# leaks of libraries, for builds with a sanitizer
export LSAN_OPTIONS="suppressions=$(cd "$(dirname "$0")" && pwd)/lsan.supp:print_suppressions=0"
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t in "$@"; do
    if timeout "${RUN_LIMIT:-600}" "$t" >"$log" 2>&1; then status=0; else status=$?; fi
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    p=$(echo "$line" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    f=$(echo "$line" | sed -n 's/.*passed, \([0-9]*\) failed.*/\1/p')
    passed=$((passed + ${p:-0}))
    failed=$((failed + ${f:-0}))
    if [ $status -ne 0 ] && [ "${f:-0}" -eq 0 ]; then
        failed=$((failed + 1)) # crashed before its closing line
    fi
    if [ $status -ne 0 ]; then
        echo "FAIL $t (exit $status)"
        # what failed first may be far above the end
        grep -E 'failed$|^FAIL' "$log" | head -n 8 | sed 's/^/    /'
        tail -n 40 "$log" | sed 's/^/    /'
    elif [ -z "$line" ]; then
        echo "FAIL $t: no closing line"
        failed=$((failed + 1))
    else
        echo "ok   $t: $line"
        # the full counts come with their figures
        [ "${TORTURE:-}" != full ] || grep -vE '^[0-9]+ passed|^ok|^$' "$log" | tail -n 25 | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
