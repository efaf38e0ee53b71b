#!/bin/sh
# What cannot be done is refused in one line, and nothing half-written stays.
. "$(dirname "$0")/harness"
g="generate --local -m $demo --frames 5 --size 32x32"

# outputs
: >there.mp4
: >there.safetensors
mkdir there && : >there/frame-00001.png
for out in there.mp4 there.safetensors there/; do
    refuses 1 "$out.*(exists|already).*--force" $g x -o $out
done
refuses 1 'there.safetensors exists.*--force' $g x -o x.mp4 --save-latents there.safetensors
works $g x -o there.mp4 --force
refuses 1 'no-folder/x.mp4' $g x -o no-folder/x.mp4
refuses 1 'no-folder/x.safetensors' $g x -o no-folder/x.safetensors
refuses 1 'no-folder/l.safetensors' $g x -o x.mp4 --save-latents no-folder/l.safetensors
refuses 1 'no-folder' $g x -n 2 -o no-folder/deeper/
refuses 1 'xyz.*(mp4)' $g x -o x.xyz
refuses 2 'y.png.*one picture' $g x -o y.png
refuses 2 'both name z.safetensors' $g x -o z.safetensors --save-latents z.safetensors
refuses 2 'sampler.*self_forcing, few_step, unipc or euler' $g x -o x.mp4 --sampler dream

# what the queue would fail at is refused before it gets there
q="generate -m $demo --frames 5 --size 32x32 x"
refuses 1 'x.xyz' $q -o x.xyz
refuses 2 'y.png.*one picture' $q -o y.png
refuses 1 'no-folder/x.mp4' $q -o no-folder/x.mp4
refuses 1 'no-folder/l.safetensors' $q -o z.mp4 --save-latents no-folder/l.safetensors
refuses 2 'both name z.safetensors' $q -o z.safetensors --save-latents z.safetensors
check "and no library was made for it" test ! -e "$XDG_DATA_HOME/danaus"
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 555 locked
    refuses 1 'locked/x.mp4.*ermission' $g x -o locked/x.mp4
    refuses 1 'locked/x.safetensors.*ermission' $g x -o locked/x.safetensors
fi

printf 'a star\na circle\n' >two.txt
: >0002-0-a-circle.mp4
refuses 1 '0002-0-a-circle.mp4 exists' $g -f two.txt
printf 'a star\na \033 circle\n' >second.txt
refuses 2 'x1B circle' $g -f second.txt

# what is printed does not arrive, or has nowhere to go
for command in 'keys' '--version' 'help' 'completion zsh' 'doctor'; do
    "$DANAUS" $command >/dev/full 2>"$log/err"
    status=$?
    was_refused "$command to a full disk" 1 'cannot write to standard output'
done
"$DANAUS" $g "a star" --frames 1601 -o closed.mp4 <&- >&- 2>"$log/err" &
long=$!
while kill -0 $long 2>/dev/null && [ -z "$(find . -name '.closed*.part')" ]; do sleep 0.05; done
check "closed descriptors are no file's" test \
    "$(readlink /proc/$long/fd/0 /proc/$long/fd/1 | tr '\n' ' ')" = "/dev/null /dev/null "
kill -INT $long
wait $long
rm -f closed.mp4

refuses 2 'no queue for --detach' $g "a star" --detach
refuses 2 'no queue for --next' $g "a star" --next

# a full disk: a limit on file sizes everywhere, a small tmpfs where one can be mounted
for out in x.mp4 x.webm x.gif x.safetensors x/; do
    ls -A >"$log/before"
    (ulimit -f 4 && exec "$DANAUS" generate --local -m "$demo" --frames 9 --size 128x128 x -o $out) \
        >"$log/out" 2>"$log/err"
    status=$?
    was_refused "$out over the size limit" 1 'large'
done
mkdir disk
if mount -t tmpfs -o size=4k none disk 2>/dev/null; then
    for out in x.mp4 x.webm x.gif x.safetensors x/; do
        refuses 1 'No space left' generate --local -m "$demo" --frames 9 --size 128x128 --quality 4 x -o disk/$out
        check "nothing on the full disk ($out)" test -z "$(ls -A disk)"
    done
    run generate --local -m "$demo" --frames 9 --size 128x128 x -o y.mp4 --save-latents disk/l.safetensors
    check "latents on a full disk" grep -q 'l.safetensors.*No space left' "$log/err"
    check "status 1 then" test $status -eq 1
    check "the clip beside it is whole" grep -q '^y.mp4: 9 frames' "$log/out"
    umount disk
fi

# a model that is not whole
mkdir parts && cp "$demo"/*.json "$demo"/*.safetensors "$demo"/*.pth parts/ && cp -r "$demo/google" parts/
for part in diffusion_pytorch_model.safetensors Wan2.1_VAE.pth models_t5_umt5-xxl-enc-bf16.pth google; do
    mv parts/$part away
    refuses 1 'model parts has no .*put ' generate --local -m parts x -o x.mp4
    mv away parts/$part
done
refuses 1 'nowhere' generate --local -m nowhere x -o x.mp4
refuses 1 'nothing.pt' generate --local -m "$demo" --checkpoint nothing.pt x -o x.mp4
refuses 1 'the checkpoint .*base.safetensors' $g x -o x.mp4 --checkpoint "$data/format/base.safetensors"
head -c 100000 "$demo/diffusion_pytorch_model.safetensors" >parts/diffusion_pytorch_model.safetensors
refuses 1 'diffusion_pytorch_model.safetensors' generate --local -m parts x -o x.mp4
cp "$data/model/dit/tiny16/diffusion_pytorch_model.safetensors" "$data/model/dit/tiny16/config.json" parts/
refuses 1 'context rows of 128.*takes 4096' generate --local -m parts x -o x.mp4

# sizes and lengths
refuses 2 '33x32.*multiples of 16.*32x32' generate --local -m "$demo" --frames 5 x -o x.mp4 --size 33x32
refuses 2 'size' generate --local -m "$demo" x -o x.mp4 --size 0x32
refuses 2 'size' generate --local -m "$demo" x -o x.mp4 --size 32
refuses 2 'frames 10.*nearest are 9 and 13' generate --local -m "$demo" x -o x.mp4 --frames 10
refuses 2 'frames' generate --local -m "$demo" x -o x.mp4 --frames 99999999999999999999
refuses 2 'frames' generate --local -m "$demo" x -o x.mp4 --frames -3

# prompts
refuses 2 'prompt is empty' $g "" -o x.mp4
refuses 2 'prompt is empty|no prompt' $g "   " -o x.mp4
refuses 2 'no prompt' $g -o x.mp4
refuses 2 'holds no prompt' $g -f /dev/null -o x.mp4
refuses 1 'prompts from missing.txt' $g -f missing.txt -o x.mp4
long=$(head -c 65536 /dev/zero | tr '\0' 'a')
works $g "$long" -o long.mp4
refuses 2 '65537|65536|64 KiB' $g "${long}a" -o x.mp4
echo "${long}a" >long.txt
refuses 2 'long.txt:1: .*65537.*65536' $g -f long.txt -o x.mp4
refuses 2 'UTF-8' $g "$(printf 'caf\351')" -o x.mp4
printf 'a star\ncaf\351\n' >latin.txt
refuses 2 'latin.txt:2: .*UTF-8' $g -f latin.txt -o x.mp4
refuses 2 '\\x1B\[31m' $g "a $(printf '\033')[31mred star" -o x.mp4
printf 'a \033]0;owned\007 star\n' >escape.txt
refuses 2 '\\x1B' $g -f escape.txt -o x.mp4
refuses 1 '\\x1B' generate --local -m "$(printf 'no\033[2Jmodel')" x -o x.mp4
works $g "ein roter Schmetterling, 蝴蝶, 🦋" -o unicode.mp4

# words
refuses 2 'unknown option --frams.*did you mean --frames' $g x --frams 9
refuses 2 'unknown option -Z' $g x -Z
refuses 2 'at most 1 argument' $g a star
refuses 2 'prompt and also -f' $g a -f long.txt
refuses 2 'sampler' $g x --sampler magic -o x.mp4
refuses 2 'iters' $g x --iters 4 -o x.mp4
refuses 1 'backend|CUDA|cuda' $g x --backend cuda -o x.mp4
refuses 2 'attention.*(dense|monarch)' $g x --attention sparse -o x.mp4
printf 'frames: 9\nh_reduce: many\n' >bad.yaml
refuses 1 'bad.yaml:2:11: h_reduce many' $g x -c bad.yaml -o x.mp4
printf 'frames: [9\n' >broken.yaml
refuses 1 'broken.yaml:[0-9]+' $g x -c broken.yaml -o x.mp4
refuses 1 'config nothing.yaml.*euler' $g x -c nothing.yaml -o x.mp4
refuses 2 'no command "frob' frobnicate
refuses 2 'danaus studio: the studio needs a terminal' -m x # its options need no command
refuses 2 'danaus studio: unknown option --frob' --frob

# given material
refuses 1 'Makefile' $g x -o x.mp4 --image "$top/Makefile"
refuses 1 'tensor latents is missing' $g x -o x.mp4 --extend "$data/cli/noise.safetensors"
refuses 1 'tensor context is missing' $g x -o x.mp4 --context "$data/cli/noise.safetensors"
finish
