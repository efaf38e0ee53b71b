#!/bin/sh
# A file to 1000 lines, a function to 100 (its comment line above may say "long:" with the reason).
cd "${1:-.}" || exit 2
files=$(find src kernels store ui tests -name '*.[ch]' | grep -v html_entities)
out=$(awk '
    FNR == 1 { if (lines > 1000) print prev ": " lines " lines"; prev = FILENAME; start = 0 }
    { lines = FNR }
    /^{/ { start = FNR; long = (before ~ /long:/) }
    /^}/ { if (start && FNR - start > 101 && !long) print FILENAME ":" start ": function of " FNR - start - 1 " lines"; start = 0 }
    !/^[ \t]/ { before = (/\*\//) ? $0 : before }
    END { if (lines > 1000) print FILENAME ": " lines " lines" }' $files)
if [ -n "$out" ]; then
    echo "$out"
    echo "0 passed, 1 failed"
    exit 1
fi
echo "1 passed, 0 failed"
