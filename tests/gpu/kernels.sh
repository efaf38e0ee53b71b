#!/bin/sh
# The tests of the operations on the GPU: all memory is NaN until it is written (they set
# DANAUS_POISON), and once more waiting after each operation, so that a fault names its own; those of
# large shapes once.
. "$(dirname "$0")/harness"

for t in $CUDA_TESTS; do
    name=$(basename "$t")
    passes_all "$name" "$t"
    case $name in test_large_*) continue ;; esac
    passes_all "$name, waiting after each" env DANAUS_SYNC=1 "$t"
done
finish
