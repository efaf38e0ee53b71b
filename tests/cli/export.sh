#!/bin/sh
# Clips of the library as files: every format, other rates, both ways, sheets, labels, and from the
# latents instead of the video.
. "$(dirname "$0")/harness"
g="generate -m $demo --size 64x64 -q"

works $g "a red butterfly, \"quoted\": 100% [of] it; C:\\x" --frames 33 --seed 3
works $g "a blue circle" --frames 9 --seed 4
folder() { echo "$XDG_DATA_HOME"/danaus/clips/*/*/*/"$(printf %06d "$1")"-*; }
# frames N: how many the last export --json wrote
frames() { grep -q "\"frames\":$1," "$log/out"; }
# size FILE W H: what a PNG says of itself
size() { test "$(od -An -tu1 -j16 -N8 "$1" | tr -s ' ')" = " 0 0 $(($2 / 256)) $(($2 % 256)) 0 0 $(($3 / 256)) $(($3 % 256))"; }

# formats
for out in a.mp4 a.webm a.mov a.gif a.apng a.webp; do
    works export 1 -o $out --json
    check "$out: 33 frames" frames 33
    check "$out: told" grep -q "^{\"path\":\"$out\",.*\"clips\":\[1\]}" "$log/out"
done
works export 1 -o a.png --from 1
check "a picture" size a.png 64 64
check "with its prompt" grep -qa 'tEXtparameters.a red butterfly' a.png
check "its recipe inside" test ! -e a.png.json
works export 1 -o a.jpg --no-recipe --json
check "one frame" frames 1
check "no recipe" test ! -e a.jpg.json
check "recipe beside the webp" grep -q butterfly a.webp.json
check "the recipe is the one that import reads" \
    grep -q '^{"danaus":.*"model":{"name":"demo",.*"request":{.*"seed": *3' a.webp.json

# rates
works export 1 -o r8.mp4 --fps 8 --json
check "half the frames" frames 17
works export 1 -o r32.mp4 --fps 32 --json
check "twice as many" frames 66
works export 1 -o s32.mp4 --fps 32 --smooth --json
check "about as many in between" grep -qE '"frames":6[0-6],' "$log/out"
check "which are others" test -n "$(cmp r32.mp4 s32.mp4)"
works export 1 -o fast.mp4 --speed 2 --json
check "the same frames, faster" frames 33
works encode fast.mp4 -m "$demo" -o fast.safetensors
works export 1 -o both.gif --there-and-back --loop 2 --json
check "without the ends again" frames 64
works export 2 1 --as joined --fps 16 -o joined.mp4 --json
check "both" frames 42
works export 1 2 -o n.gif
check "a file each, numbered" test -s n-0001.gif -a -s n-0002.gif

# sheets and labels
works export 1 2 --as sheet -o sheet.png --json
check "six frames a clip" size sheet.png 384 128
check "of both" grep -q '"clips":\[1,2\]' "$log/out"
works export 1 2 --as sheet --size 100x50 -o small.png
check "in cells as told" size small.png 600 100
works export 1 2 --as grid -o plain.png
run export 1 2 --as grid --label -o labelled.png
if grep -q 'finds no font' "$log/err"; then
    echo "labels: no font here"
else
    check "labels are drawn" test $status -eq 0 -a -n "$(cmp plain.png labelled.png)"
fi

# from the latents: what decode makes
lat=$(folder 1)/latents.safetensors
works decode "$lat" -m "$demo" -o want.safetensors --no-recipe
works export 1 -o have.safetensors --no-recipe
check "the same numbers" cmp want.safetensors have.safetensors
check "no warning" test ! -s "$log/err"
works decode "$lat" -m "$demo" -o want.mp4 --no-recipe
works export 1 -o have.mp4 --no-recipe --from-latents
check "the same film" cmp want.mp4 have.mp4
works export 1 -o video.mp4 --no-recipe
check "which is not that of the video" test -n "$(cmp have.mp4 video.mp4)"
works export 1 -o part.safetensors --from 0.5 --to 1 --json
check "half a second" frames 8
works export 1 2 --as grid --from-latents -o grid.mov --json
check "a grid of them" frames 33
mv "$lat" away
works export 1 -o other.safetensors
check "said" grep -q 'clip 1 is taken from its video' "$log/err"
refuses 1 'latents of clip 1' export 1 -o x.mp4 --from-latents
refuses 1 'latents of clip 2' export 2 -o x.mp4 --from-latents -m nowhere
check "nothing is left" test ! -e x.mp4
mv away "$lat"

# stopped
"$DANAUS" export 1 --fps 240 --smooth --size 640x640 -o long.webm >"$log/out" 2>"$log/err" &
pid=$!
sleep 0.5
kill -INT $pid
wait $pid
check "it says so" test $? -ne 0
check "and leaves nothing" test -z "$(ls -A | grep long)"

refuses 2 '65535' export 1 -o x.gif --loop 70000
refuses 2 'each, joined, beside, grid or sheet' export 1 -o x.gif --as pile
finish
