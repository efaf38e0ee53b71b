#!/bin/sh
# The demo model end to end: the GPU makes what the CPU makes from the same noise, twice the same
# bytes, also where nobody's memory is NaN, and with each operation waited for.
. "$(dirname "$0")/harness"

prompt="a red butterfly flying to the right over a meadow"
# make_clip NAME ARGUMENTS...: frames as floats, and latents
make_clip() {
    name=$1
    shift
    works generate --local -m "$demo" "$prompt" --seed 7 --frames 81 --no-recipe -o "$name.safetensors" \
        --save-latents "$name-latents.safetensors" "$@"
}
# near A B DECIBELS: frames and latents
near() {
    for part in frames latents; do
        suffix=$([ $part = frames ] || echo -latents)
        psnr=$("$COMPARE" "$1$suffix.safetensors" "$2$suffix.safetensors" $part "$3")
        echo "PSNR of $part, $1 and $2: $psnr dB"
        check "$part of $1 and $2: more than $4 dB" \
            awk -v p="$psnr" -v least="$4" 'BEGIN { exit !(p == "inf" || p + 0 > least) }'
    done
}

for attention in dense monarch; do
    make_clip cpu-$attention --backend cpu --attention $attention --dtype f32
    for dtype in f32 bf16; do
        make_clip gpu-$attention-$dtype --backend cuda --attention $attention --dtype $dtype
        make_clip again-$attention-$dtype --backend cuda --attention $attention --dtype $dtype
        check "$attention $dtype twice: frames" cmp gpu-$attention-$dtype.safetensors \
            again-$attention-$dtype.safetensors
        check "$attention $dtype twice: latents" cmp gpu-$attention-$dtype-latents.safetensors \
            again-$attention-$dtype-latents.safetensors
    done
    near cpu-$attention gpu-$attention-f32 2 60
    near cpu-$attention gpu-$attention-bf16 2 40 # the CPU's own bf16: 54
done
for how in SYNC POISON; do
    export DANAUS_$how=1
    make_clip $how --backend cuda --attention monarch --dtype bf16
    unset DANAUS_$how
    check "the same bytes with DANAUS_$how=1" cmp $how.safetensors gpu-monarch-bf16.safetensors
done

# finished files: encoded in the background, the same bytes as well
for name in a b; do
    works generate --local -m "$demo" "$prompt" --seed 7 --frames 21 --no-recipe --backend cuda -o $name.mp4
done
check "mp4 twice" cmp a.mp4 b.mp4
finish
