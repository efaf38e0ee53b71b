#!/bin/sh
# Videos from elsewhere become clips: one of ours with its recipe, folders as Self-Forcing writes
# them, what is there already, what is no video.
. "$(dirname "$0")/harness"
g="generate --local -m $demo --size 64x64 --frames 5 -q"

works $g "a red butterfly" --seed 7 -o ours.mp4
for seed in 1 2 3 4; do works $g "a star" --seed $seed --no-recipe -o "s$seed.mp4"; done
sha256sum s?.mp4 >"$log/sums"
check "videos that differ" test "$(cut -c 1-64 "$log/sums" | sort -u | wc -l)" -eq 4

works import ours.mp4 --tag foreign
check "told" grep -q '^clip 1 is ours.mp4$' "$log/out"
works show 1
check "its prompt from the recipe" grep -q 'a red butterfly' "$log/out"
check "its seed too" grep -q '^seed *7$' "$log/out"
works list tag:foreign origin:import
check "tagged" grep -q '^ *1 .*done .*5x64x64 .*a red butterfly$' "$log/out"
check "copied byte by byte" cmp ours.mp4 "$XDG_DATA_HOME"/danaus/clips/*/*/*/000001-*/video.mp4
check "with a poster" test -s "$XDG_DATA_HOME"/danaus/clips/*/*/*/000001-*/poster.jpg
refuses 1 'ours.mp4 is in the library already: clip 1' import ours.mp4

# two ways in which the names tell the prompt
mkdir names numbers
long="a very long prompt about a lighthouse on a cliff above the sea, of which a name can hold the beginnin"
long=$(echo "$long" | cut -c 1-100)
mv s1.mp4 "names/a boat, at sea-0.mp4"
mv s2.mp4 "names/$long-1.mp4"
printf '%s\n' "first" "the second line" "$long and then its end" >list.txt
works import names -f list.txt
works list
check "from the name" grep -q ' a boat, at sea$' "$log/out"
works search 'end'
check "the whole of a prompt that the name cuts" test "$(wc -l <"$log/out")" -eq 1
mv s3.mp4 numbers/1-0_ema.mp4
works import numbers -f list.txt
works list 'second'
check "by its number in the list" grep -q 'the second line$' "$log/out"
mv s4.mp4 numbers/2-0_ema.mp4
run import numbers -f list.txt --prompt "as I say"
check "goes on behind what is there" test $status -eq 0
check "which is told" grep -q '1-0_ema.mp4 is in the library already' "$log/err"
works list --count
check "five clips" test "$(cat "$log/out")" = 5
works list 'say'
check "the prompt that is given" grep -q 'as I say$' "$log/out"

# as JSON, with a name that is no text for a terminal
works $g "a moon" --seed 9 -o moon.mp4
cp moon.mp4 "$(printf 'moon\033[2J.mp4')"
works import "$(printf 'moon\033[2J.mp4')" --json
check "told as JSON" grep -q '^{"clip":[0-9]*,"path":"moon.u001B\[2J.mp4","width":64,"height":64,"frames":5}$' "$log/out"
run import moon.mp4
check "the same content under another name" test $status -eq 1
works rm last
works trash empty

# hostile files: one line each, at once, and nothing is left
mkfifo pipe.mp4
refuses 1 'no ordinary file' import pipe.mp4
printf '#EXTM3U\n#EXTINF:1,\n/etc/passwd\n' >list.mp4
refuses 1 'no image or video' import list.mp4
printf "ffconcat version 1.0\nfile 'ours.mp4'\n" >concat.mp4
refuses 1 'no image or video' import concat.mp4
head -c 1500 ours.mp4 >short.mp4
refuses 1 'short.mp4' import short.mp4
: >nothing.mp4
refuses 1 'it is empty' import nothing.mp4
# no box of an mp4
LC_ALL=C awk 'BEGIN {for (i = 0; i < 400; i++) printf "AAAA"}' >zeros.mp4
refuses 1 'zeros.mp4' import zeros.mp4
ln -s /dev/zero endless.mp4
refuses 1 'no ordinary file' import endless.mp4

# no videos
echo nonsense >bad.mp4
refuses 1 'bad.mp4' import bad.mp4
refuses 2 'no mp4' import list.txt
refuses 1 'no.mp4' import no.mp4
mkdir empty
refuses 2 'holds no mp4' import empty
refuses 2 'import which file' import
check "nothing is left of them" test -z "$(ls "$XDG_DATA_HOME/danaus/incoming")"
works export 1 -o again.mp4
works library check
check "whole" grep -q '^the library is whole$' "$log/out"

# a recipe that lies is only text: the pictures say how large and how many, no parent is taken, and no
# control character reaches the terminal
works export 1 -o lies.gif --no-recipe
cat >lies.gif.json <<'LIES'
{"danaus":"9","model":{"name":"../../\u001b[31mred","sha256":"x"},
 "request":{"prompt":"hi there","frames":81,"size":"832x480","seed":7}}
LIES
works import lies.gif --json
check "the pictures' size" grep -q '"width":64,"height":64,' "$log/out"
check "and number" grep -q '"frames":5}' "$log/out"
works show last
check "its words" grep -q 'there' "$log/out"
check "as text" lacks "$escape" "$log/out"
check "the true size" lacks 832 "$log/out"
works list
check "in lists too" lacks "$escape" "$log/out"
works rm last
works trash empty
works export 1 -o parent.gif --no-recipe --size 32x32
echo '{"request":{"prompt":"mine","seed":7,"parent":1,"relation":"branch"}}' >parent.gif.json
works import parent.gif
works show last --json
check "no parent from outside" grep -q '"parent":0,' "$log/out"
check "a recipe with more than it may have is none" grep -q '"prompt":"parent"' "$log/out"
works rm last
works trash empty

# made again here: what the recipe does not tell comes from the user's danaus.yaml, or the model that
# comes with danaus is used
refuses 2 'clip 1 has no chunk to go on from.*danaus vary' branch 1
refuses 2 'clip 1 has no chunk to go on from.*danaus redo' extend 1
works vary 1 --seed 8 -q
works show last --json
check "the model that comes with danaus" grep -q '"model":"demo"' "$log/out"
check "as its recipe has it" grep -q '"frames":5,"size":"64x64",' "$log/out"
mkdir -p "$work/settings/danaus"
cp -r "$demo" "$work/mine"
printf 'model: %s\nthreads: 1\n' "$work/mine" >"$work/settings/danaus/danaus.yaml"
export XDG_CONFIG_HOME="$work/settings"
works redo 1 -q
works show last --json
check "the user's model" grep -q '"model":"mine"' "$log/out"
check "the user's threads" grep -q '"threads":1}' "$log/out"
check "but the recipe's frames and size" grep -q '"frames":5,"size":"64x64",' "$log/out"
check "and its seed" grep -q '"seed":7,' "$log/out"
works vary 2 -q
works show last --json
check "a video without a recipe is its prompt" grep -q '"prompt":"a boat, at sea"' "$log/out"
check "with the model's settings and the user's" grep -q '"size":"160x96",.*"threads":1}' "$log/out"
works redo 4 -q --frames 5
works show last --json
check "the command line goes over them" grep -q '"frames":5,"size":"160x96",' "$log/out"
for made in 1 2 3 4; do works rm last; done
works trash empty
export XDG_CONFIG_HOME="$work/nothing"

# what a killed import leaves goes when an engine starts
works engine stop
mkdir "$XDG_DATA_HOME/danaus/incoming/left"
works queue list
check "swept" test ! -e "$XDG_DATA_HOME/danaus/incoming/left"
works list --count
check "still five" test "$(cat "$log/out")" = 5
finish
