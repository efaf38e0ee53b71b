#!/bin/sh
# Fixtures of the public implementations on the GPU, in float32 at its tolerances and in bf16 at
# those. DANAUS_GOLDEN: a further folder of fixtures.
. "$(dirname "$0")/harness"

for folder in "$data/model" "$data/kernels" ${DANAUS_GOLDEN:+"$DANAUS_GOLDEN"}; do
    for dtype in f32 bf16; do
        run verify --backend cuda --dtype $dtype "$folder"
        check "$folder in $dtype: $(grep -c '^FAIL' "$log/out") rows fail" \
            grep -qE '^[1-9][0-9]* passed, 0 failed' "$log/out"
        grep '^FAIL' "$log/out" | head -n 10
    done
done
finish
