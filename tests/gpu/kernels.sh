#!/bin/sh
# The tests of the operations on the GPU: waiting after each operation, so that a fault names its
# own; and with all memory that nobody has written being NaN, so that what is left out shows.
. "$(dirname "$0")/harness"

for t in $CUDA_TESTS; do
    name=$(basename "$t")
    passes_all "$name" "$t"
    passes_all "$name, waiting after each" env DANAUS_SYNC=1 "$t"
    passes_all "$name, poisoned memory" env DANAUS_POISON=1 "$t"
done
finish
