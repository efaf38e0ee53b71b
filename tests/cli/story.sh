#!/bin/sh
# A day with danaus: three clips are started in a session that then goes away, and everything is
# there when the person comes back.
. "$(dirname "$0")/harness"
library=$XDG_DATA_HOME/danaus

# folder CLIP
folder() { echo "$library"/clips/*/*/*/"$(printf %06d "$1")"-*; }
# chunks CLIP FROM TO: their latents. A latent frame is 16 channels of 8x8 float32; a clip has 15,
# a chunk 3.
latents() { tail -c $((15 * 4096)) "$(folder "$1")/latents.safetensors"; }
chunks() { latents "$1" | tail -c +$((($2 * 3) * 4096 + 1)) | head -c $((($3 - $2) * 3 * 4096)); }
# shared CLIP OTHER CHUNKS: both begin with the same CHUNKS; parted: behind them they differ
shared() {
    chunks "$1" 0 "$3" >"$log/one" && chunks "$2" 0 "$3" >"$log/two" && cmp "$log/one" "$log/two"
}
parted() {
    chunks "$1" "$3" 5 >"$log/one" && chunks "$2" "$3" 5 >"$log/two" && differ "$log/one" "$log/two"
}
# every file of every clip
prints() { (cd "$library" && find clips -type f | sort | xargs sha256sum); }
# seconds of the video FILE, one digit behind the point
seconds() { ffprobe -v error -show_entries format=duration -of csv=p=0 "$1" | cut -c 1-3; }

# three are started in a session: its first brings the engine up
cat >"$log/session" <<END
"$DANAUS" generate -m $demo --size 64x64 --frames 57 --detach --seed 11 "a red butterfly"
"$DANAUS" generate -m $demo --size 64x64 --frames 57 --detach --seed 12 "a blue circle moving left"
"$DANAUS" generate -m $demo --size 64x64 --frames 57 --detach --seed 13 "a green star"
echo asleep
sleep 1000
END
setsid sh "$log/session" >"$log/terminal" 2>&1 </dev/null &
session=$!
for i in $(seq 300); do
    grep -qs asleep "$log/terminal" && break
    sleep 0.1
done
check "three are queued" test "$(grep -c '^job [123] is queued$' "$log/terminal")" -eq 3
engine=$(engine_pid)
works queue list --all
check "and none of them lost or over" test "$(grep -cE '(queued|running)' "$log/out")" -ge 1

# the connection breaks
kill -s HUP -- "-$session"
wait $session 2>/dev/null
# what nobody has waited for yet is gone all the same
left() { ps -s $session -o stat= | grep -v '^Z'; }
for i in $(seq 50); do
    [ -z "$(left)" ] && break
    sleep 0.1
done
check "the session is gone" test -z "$(left)"

# back again: what was started goes on, in the same engine
check "the engine lives" test "$(engine_pid)" = "$engine"
for i in 1 2 3; do
    timeout 200 "$DANAUS" watch $i >"$log/watch" 2>&1 </dev/null
    works show $i
    check "clip $i is done" grep -q '^state *done' "$log/out"
done
check "and it was the same engine" test "$(engine_pid)" = "$engine"
works list
check "three clips" test "$(wc -l <"$log/out")" -eq 3
check "newest first" grep -q '^ *3 .*57x64x64 .*a green star$' "$log/out"
works search butterfly
check "one is a butterfly" grep -q '^ *1 .*a red butterfly$' "$log/out"
check "only one" test "$(wc -l <"$log/out")" -eq 1

# another end for the butterfly
works branch 1@3 --prompt "a blue butterfly" -q
check "begins like the first" shared 1 4 3
check "and ends otherwise" parted 1 4 3
works show 1
check "hangs on it in the tree" grep -q '^   *4 .*a blue butterfly$' "$log/out"
works search butterfly
check "two butterflies" test "$(wc -l <"$log/out")" -eq 2

# to be shown to somebody
works export 1 4 --as joined -o both.mp4
works export 3 -o star.gif
if command -v ffprobe >/dev/null; then
    check "both, one after the other" test "$(seconds both.mp4)" = 7.1 # 114 frames at 16/s
fi
check "a gif" test "$(head -c 6 star.gif)" = GIF89a

# thrown away, and not after all
prints >"$log/before"
works rm 2
works list --count
check "one is missing" test "$(cat "$log/out")" = 3
works trash
check "it is in the trash" grep -q '^ *2 .*a blue circle' "$log/out"
works trash restore 2
prints >"$log/after"
check "back as it was" cmp "$log/before" "$log/after"

# to a larger disk
works engine stop
works library move "$home/disk/clips of mine"
check "the old place is empty" test ! -e "$library/clips"
library="$home/disk/clips of mine"
prints >"$log/after"
check "every byte came along" cmp "$log/before" "$log/after"
works library check
check "whole" grep -q '^the library is whole$' "$log/out"
works list --count
check "four clips" test "$(cat "$log/out")" = 4
works search circle
check "found there" grep -q '^ *2 .*a blue circle' "$log/out"
works vary 2 -q
works library check
check "whole with what was made there" grep -q '^the library is whole$' "$log/out"
works engine stop # the harness knows the old place alone
finish
