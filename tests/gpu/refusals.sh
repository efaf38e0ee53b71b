#!/bin/sh
# What cannot be had is said in one line: no GPU, not enough of its memory. Nothing is left behind.
. "$(dirname "$0")/harness"

clip="generate --local x -m $demo -o clip.mp4 --backend cuda"
export CUDA_VISIBLE_DEVICES=""
# shellcheck disable=SC2086
refuses 1 'backend cuda: no GPU' $clip
works generate --local x -m "$demo" -o cpu.mp4 --frames 5 # auto takes the CPU, and says so
check "auto says why" grep -q 'running on the CPU' "$log/err"
rm -f cpu.mp4
unset CUDA_VISIBLE_DEVICES

# 210 GiB by plan, more than any GPU has
# shellcheck disable=SC2086
refuses 1 'GiB.* free' $clip --size 8192x8192 --frames 401 --local-attn-size 101
# shellcheck disable=SC2086
works $clip --frames 5

works bench --plan --model wan2.1-14b --size 1280x720 --frames 401
check "the plan says that it is too large" grep -q '^Too small: dense; this GPU has .* GiB free' "$log/out"
finish
