#!/bin/sh
# Prompts to videos, with the model that ships.
. "$(dirname "$0")/harness"

# clip OUT ARGUMENTS...: nine small frames
clip() {
    file=$1
    shift
    works generate --local -m "$demo" --frames 9 --size 32x32 -o "$file" "$@"
}

# every kind of output, and a second time the same bytes
for out in a.mp4 a.webm a.gif a.safetensors; do
    clip $out "a red butterfly" --seed 3
    check "$out is reported" grep -q "^$out: 9 frames 32x32, seed 3, " "$log/out"
    clip "b-$out" "a red butterfly" --seed 3
    check "$out twice" cmp $out "b-$out"
    clip "c-$out" "a red butterfly" --seed 4
    check "$out with another seed" differ $out "c-$out"
done
clip pictures/ "a red butterfly" --seed 3
check "nine pictures" test "$(ls pictures/*.png | wc -l)" -eq 9
check "recipe beside the pictures" grep -q '"seed":"\{0,1\}3' pictures/recipe.json
check "recipe beside the gif" grep -q '"prompt":"a red butterfly"' a.gif.json
check "recipe in the mp4" grep -qa '"prompt":"a red butterfly"' a.mp4
clip bare.mp4 "a red butterfly" --no-recipe
check "--no-recipe" lacks "a red butterfly" bare.mp4
clip d.safetensors "a blue star" --seed 3
check "another prompt" differ a.safetensors d.safetensors
check "no temporary is left" test -z "$(find . -name '*.part*')"

# several clips
cat >prompts.txt <<'P'
a red circle moving to the left

a blue star growing on grass
P
works generate --local -m "$demo" --frames 5 --size 32x32 -f prompts.txt --count 2 --seed 10 -o many/
check "four clips, named" test "$(ls many | tr '\n' ' ')" = "$(echo 0001-10-a-red-circle-moving-to-the-left.mp4 \
    0002-11-a-red-circle-moving-to-the-left.mp4 0003-10-a-blue-star-growing-on-grass.mp4 \
    0004-11-a-blue-star-growing-on-grass.mp4) "
works generate --local -m "$demo" --frames 5 --size 32x32 "a red circle" -n 2 -s 10 -o two.safetensors
check "NAME-0001.EXT" test -s two-0001.safetensors -a -s two-0002.safetensors
works generate --local -m "$demo" --frames 5 --size 32x32 "a red circle" -s 11 -o one.safetensors
check "clip 2 of 2 is seed + 1" cmp two-0002.safetensors one.safetensors
works generate --local -m "$demo" --frames 5 --size 32x32 "Two red STARS!" -s 5
check "a name of its own" test -s 5-two-red-stars.mp4
works generate --local -m "$demo" --frames 5 --size 32x32 -f prompts.txt
check "several names" test -s 0001-0-a-red-circle-moving-to-the-left.mp4 -a -s 0002-0-a-blue-star-growing-on-grass.mp4
echo "a red circle" | "$DANAUS" generate --local - -m "$demo" --frames 5 --size 32x32 -s 11 \
    -o stdin.safetensors >"$log/out" 2>"$log/err"
check "prompt from standard input" cmp stdin.safetensors one.safetensors
echo "a red circle" | "$DANAUS" generate --local -f - -m "$demo" --frames 5 --size 32x32 -s 11 \
    -o stdin2.safetensors >"$log/out" 2>"$log/err"
check "-f -" cmp stdin2.safetensors one.safetensors
printf '\357\273\277a red circle\r\n' >windows.txt
works generate --local -m "$demo" --frames 5 --size 32x32 -f windows.txt -s 11 -o windows.safetensors
check "a list with a byte order mark" cmp windows.safetensors one.safetensors
works generate --local -m "$demo" --frames 5 --size 32x32 -s 11 -o one.safetensors --force "a red circle"
check "quiet when not a terminal" test ! -s "$log/err"

# events
clip json.mp4 "a red butterfly" --seed 3 --json
check "every line is an event" test -z "$(grep -vE '^\{"event":"[a-z]+",.*\}$' "$log/out")"
for event in started step latents frames finished; do
    check "event $event" grep -q "^{\"event\":\"$event\"," "$log/out"
done
check "finished tells file and frames" grep -qE \
    '"finished","path":"json.mp4".*"frames":9.*"complete":true' "$log/out"
check "the same clip with --json" cmp json.mp4 a.mp4

# text of our own: the context takes the text encoder's place, bit by bit
works encode-text "a red butterfly" -m "$demo" -o context.safetensors
clip context.mp4.safetensors "other words" --seed 3 --context context.safetensors --no-recipe
clip words.safetensors "a red butterfly" --seed 3 --no-recipe
check "--context is the prompt" cmp context.mp4.safetensors words.safetensors
works generate --local -m "$demo" --frames 5 --size 32x32 --context context.safetensors -o noprompt.mp4

# noise of our own
clip noise1.safetensors "a red star" --seed 1 --noise "$data/cli/noise.safetensors" --no-recipe
clip noise2.safetensors "a red star" --seed 2 --noise "$data/cli/noise.safetensors" --no-recipe
check "given noise makes the seed idle" cmp noise1.safetensors noise2.safetensors
refuses 2 'noise .*(3|4)' generate --local x -m "$demo" --frames 21 --size 32x32 -o n.mp4 \
    --noise "$data/cli/noise.safetensors"

# from a picture, and on from latents
clip first.safetensors "a red star" --image "$data/store/picture.jpg"
check "a picture changes the clip" differ first.safetensors d.safetensors
clip head.safetensors "a red star" --seed 6 --save-latents head-latents.safetensors
check "latents are reported" grep -q '^head-latents.safetensors: 3 latents' "$log/out"
works generate --local -m "$demo" --frames 21 --size 32x32 "a red star" --seed 6 \
    --extend head-latents.safetensors --save-latents all-latents.safetensors -o extended.safetensors
check "21 frames" grep -q '^extended.safetensors: 21 frames' "$log/out"
works decode all-latents.safetensors -m "$demo" -o again.safetensors --no-recipe
works generate --local -m "$demo" --frames 21 --size 32x32 "a red star" --seed 6 --no-recipe \
    --extend head-latents.safetensors -o extended2.safetensors
check "extended clip decodes to itself" cmp again.safetensors extended2.safetensors

# attention
clip dense.safetensors x --attention dense
clip monarch.safetensors x --attention monarch
check "monarch is not dense" differ dense.safetensors monarch.safetensors
clip h2.safetensors x --attention monarch --h-reduce 2 --w-reduce 1 --f-tied 1 --iters 2
check "h-reduce 2 is not 1" differ h2.safetensors monarch.safetensors
clip rules.safetensors x --attention monarch --attention-rules "steps 0-9 layers 0-99: dense" \
    --no-recipe
clip dense2.safetensors x --attention dense --no-recipe
check "rules that say dense everywhere" cmp rules.safetensors dense2.safetensors

# samplers
for sampler in few_step unipc euler; do
    clip $sampler.safetensors "a red star" --sampler $sampler --steps 3
    check "$sampler is another clip" differ $sampler.safetensors d.safetensors
done
clip negative.safetensors "a red star" --sampler unipc --steps 3 --guidance 4 --negative "a blue circle"
check "a negative prompt counts" differ negative.safetensors unipc.safetensors
clip public.safetensors x -c "$data/config/few_step_chunks.yaml" --size 32x32 --frames 9
check "-c reads a public config" test -s public.safetensors
clip named.safetensors x -c euler --steps 2
finish
