#!/bin/sh
# Frames to latents and back.
. "$(dirname "$0")/harness"

works generate --local "a red butterfly" -m "$demo" --frames 9 --size 32x48 --no-recipe \
    -o frames.safetensors --save-latents latents.safetensors
works decode latents.safetensors -m "$demo" -o again.safetensors
check "latents decode to the same frames" cmp frames.safetensors again.safetensors
for out in a.mp4 a.webm a.gif a.mov a.apng a.webp pictures/; do
    works decode latents.safetensors -m "$demo" -o $out
    check "$out is reported" grep -q "^$out: 9 frames 32x48, " "$log/out"
done
works generate --local "a red butterfly" -m "$demo" --frames 9 --size 32x48 -o b.mp4 --fps 24 \
    --save-latents recipe.safetensors
works decode recipe.safetensors -m "$demo" -o c.mp4
check "recipe and speed go along: the same mp4" cmp b.mp4 c.mp4
works decode recipe.safetensors -m "$demo" -o plain.mp4 --no-recipe --fps 8 --json
check "--no-recipe" lacks butterfly plain.mp4
check "every line is an event" test -z "$(grep -vE '^\{"event":"[a-z]+",.*\}$' "$log/out")"
check "finished" grep -qE '"finished","path":"plain.mp4".*"frames":9.*"complete":true' "$log/out"

works generate --local "a red butterfly" -m "$demo" --frames 5 --size 32x48 -o five.safetensors \
    --save-latents five-latents.safetensors
works decode five-latents.safetensors -m "$demo" -o five2.safetensors
check "a clip that ends inside its chunk" cmp five.safetensors five2.safetensors
works decode five-latents.safetensors -m "$demo" -o nine.mp4 --frames 9
check "--frames takes the whole chunk" grep -q ': 9 frames' "$log/out"
works decode latents.safetensors -m "$demo" -o three.gif --frames 3
check "--frames 3" grep -q ': 3 frames' "$log/out"

works decode recipe.safetensors -m "$demo"
check "a name from the recipe" test -s 0-a-red-butterfly.mp4

# videos, pictures, tensors; known by content
works encode b.mp4 -m "$demo" -o e.safetensors
check "three latents" grep -q '^e.safetensors: 3 latents' "$log/out"
check "the recipe is kept" grep -qa butterfly e.safetensors
works decode e.safetensors -m "$demo" -o e.mp4
check "32x48 again" grep -q '9 frames 32x48' "$log/out"
works encode b.mp4 -m "$demo" -o e2.safetensors --no-recipe --frames 5
check "--no-recipe" lacks butterfly e2.safetensors
check "--frames 5" grep -q ': 2 latents' "$log/out"
cp b.mp4 film.safetensors
works encode film.safetensors -m "$demo" -o e3.safetensors
check "a video with another ending" cmp e.safetensors e3.safetensors
cp frames.safetensors frames.mp4
works encode frames.mp4 -m "$demo" -o e4.safetensors
check "frames with another ending" grep -q ': 3 latents' "$log/out"
for input in picture.jpg picture.png alpha.png picture.bmp picture.webp clip.avi clip.mkv rotated.mp4; do
    works encode "$data/store/$input" -m "$demo" -o "$input.safetensors" --size 32x32
done
works encode "$data/store/clip.mkv" -m "$demo" -o fps.safetensors --size 32x32 --fps 2

# what does not fit is cut and said
works encode "$data/cli/frames.safetensors" -m "$demo" -o cut.safetensors
check "crop is said" grep -q 'note: pictures of 35x40 cropped to 32x32' "$log/err"
check "frames cut is said" grep -q 'note: the first 5 of 6 frames taken' "$log/err"
check "two latents" grep -q ': 2 latents' "$log/out"
works decode cut.safetensors -m "$demo" -o cut.mp4
check "that fit the model" grep -q '5 frames 32x32' "$log/out"
works generate --local "a red star" -m "$demo" --extend e.safetensors --size 32x48 --frames 21 -o on.mp4

# text
works encode-text "a red butterfly" -m "$demo" -o text.safetensors
check "tensors of encode-text" grep -qaE \
    '"ids":\{"dtype":"I(32|64)","shape":\[64\].*"mask":.*"context":\{"dtype":"F32","shape":\[64,128\]' \
    text.safetensors
tail -c 25600 text.safetensors >tail # rows 14.. of the context; the prompt has fewer tokens
head -c 25600 /dev/zero >zeros
check "zero rows past the prompt" cmp tail zeros
echo "a red butterfly" | "$DANAUS" encode-text - -m "$demo" -o text2.safetensors >"$log/out" 2>&1
check "prompt from standard input" cmp text.safetensors text2.safetensors

refuses 1 'frames_bytes.*holds .*\[-1, 1\]' encode "$data/cli/frames_bytes.safetensors" -m "$demo" -o x.safetensors
refuses 1 'no tensor frames' encode latents.safetensors -m "$demo" -o x.safetensors
refuses 1 'no tensor latents' decode frames.safetensors -m "$demo" -o x.mp4
refuses 2 '--size is for videos' encode frames.safetensors -m "$demo" -o x.safetensors --size 16x16
refuses 2 'size 33x32.*multiples of 16.*use 32x32' encode b.mp4 -m "$demo" -o x.safetensors --size 33x32
refuses 1 'exists.*--force' encode b.mp4 -m "$demo" -o e.safetensors
refuses 1 'exists.*--force' decode latents.safetensors -m "$demo" -o a.mp4
refuses 1 'exists.*--force' decode latents.safetensors -m "$demo" -o again.safetensors
refuses 1 'exists.*--force' encode-text x -m "$demo" -o text.safetensors
refuses 2 'no latents' decode
refuses 2 'nothing to encode' encode -m "$demo" -o x.safetensors
refuses 2 'no prompt' encode-text -m "$demo" -o x.safetensors
refuses 2 'prompt is empty' encode-text "" -m "$demo" -o x.safetensors
refuses 2 'does not take --checkpoint' decode latents.safetensors --checkpoint x -o x.mp4
refuses 1 'cannot (open|read) missing.mp4' encode missing.mp4 -m "$demo" -o x.safetensors
refuses 1 'cannot read' encode "$top/Makefile" -m "$demo" -o x.safetensors
refuses 2 'is a directory' encode "$data" -m "$demo" -o x.safetensors
head -c 1500 b.mp4 >short.mp4
refuses 1 'short.mp4' encode short.mp4 -m "$demo" -o x.safetensors
head -c 3000 latents.safetensors >short.safetensors
refuses 1 'short.safetensors' decode short.safetensors -m "$demo" -o x.mp4
works decode latents.safetensors -m "$demo" -o a.mp4 --force
finish
