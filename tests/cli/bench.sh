#!/bin/sh
# danaus bench: the tables, the same as JSON, refusals before any work, and nothing left behind.
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
TMPDIR=$dir/tmp XDG_CONFIG_HOME=$dir/config
export TMPDIR XDG_CONFIG_HOME
mkdir "$TMPDIR"

# check WHAT: the status before decides
check() {
    if [ $? -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL: $1"; fi
}
# refused STATUS PATTERN ARGUMENTS...: one line on standard error, nothing else
refused() {
    want=$1 pattern=$2
    shift 2
    "$DANAUS" bench "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status -eq "$want" ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
        grep -q -- "$pattern" "$dir/err"
    check "bench $*: status $status, $(cat "$dir/err")"
}

"$DANAUS" bench --repeat 1 --frames 21 --threads 1 --dtype f32 >"$dir/out" 2>"$dir/err"
check "bench of the demo model"
[ ! -s "$dir/err" ]
check "nothing on standard error"
for word in '^demo, 21 frames 160x96, f32, 1 thread, Monarch attention, 1 clip$' '^text and buffers ' \
    '^denoising pass ' '^denoising pass, last chunk ' '^cache pass ' '^decode, first latent ' \
    '^decode, later latent  *5 ' '^encode to mp4 ' '^loading ' '^first frame ' 'frames/s' \
    'floor of 110 GFLOP/s' '^peak memory ' '^linear + GELU  *180 x 192-768 ' '^Monarch ' '^conv 3x3x3 '; do
    grep -q -- "$word" "$dir/out"
    check "a row says $word"
done
[ "$(awk '{ if (length($0) > n) n = length($0) } END { print n }' "$dir/out")" -le 110 ]
check "rows are short"

"$DANAUS" bench --repeat 2 --frames 5 --attention dense --json --compare-torch >"$dir/json"
check "bench --json --compare-torch"
for word in '"model": "demo"' '"attention": "dense"' '"clips": 2' '"frames": 5' '"load_seconds": 0' \
    '"first_frame_seconds": ' '"frames_per_second": ' '"share_of_floor": ' '"peak_memory_bytes": [1-9]' \
    '"phase": "denoising pass, last chunk"' '"op": "attention"' '"part": "decoder"' '"torch": {'; do
    grep -q -- "$word" "$dir/json"
    check "JSON says $word"
done
if grep -q not_measured "$dir/json"; then
    echo "note: no PyTorch here"
else
    grep -q '"torch_seconds": ' "$dir/json" && grep -q '"pass_seconds": 0*\.*[0-9]*[1-9]' "$dir/json" &&
        grep -q '"decode_seconds": 0*\.*[0-9]*[1-9]' "$dir/json"
    check "PyTorch did all of it"
fi

# several ways to attend in one run, a cache that rolls, and no MonarchRT
"$DANAUS" bench --repeat 1 --frames 69 --modes dense,h2 --window 6 --compare-monarchrt "$dir" >"$dir/out" 2>"$dir/err"
check "bench --modes --window"
for word in '^--- attention: dense ---$' '^--- attention: h2 ---$' '^attention  *180 x 360, ' '^Monarch h2 w1 ' \
    '^rolling  *6 chunks, 4 of them' '^MonarchRT: not compared: no checkout'; do
    grep -q -- "$word" "$dir/out"
    check "a row says $word"
done
[ "$(grep -c '^linear + GELU  *180 x 192-768 ' "$dir/out")" -eq 1 ]
check "what ways to attend have in common is timed once"

"$DANAUS" bench --repeat 1 --frames 5 --clips-only >"$dir/out" && ! grep -q '^operations' "$dir/out" &&
    grep -q '^clip  *[0-9]' "$dir/out"
check "--clips-only has clips only"
# fp8: its rows, and what it changes: 21 frames of two prompts with three seeds were 39 to 51 dB apart
"$DANAUS" bench --repeat 1 --frames 21 --modes dense --linear fp8 >"$dir/out" 2>"$dir/err"
check "bench --linear fp8"
for word in '^fp8 + GELU  *180 x 192-768  *[0-9]' '^fp8 beside ' '^fp8 + gate  *180 x 768-192  *1\.[0-9]*e-03$'; do
    grep -q -- "$word" "$dir/out"
    check "a row says $word"
done
awk '/^clip  *dense .* dB PSNR$/ { psnr = $3 } END { print "fp8: PSNR of the clip " psnr " dB"; exit !(psnr > 34 && psnr < 60) }' "$dir/out"
check "the clip is like the one without fp8"
refused 2 'linear.*fp4.*fp8' --linear fp4
refused 2 'modes.*"h2;"' --modes 'dense,h2;'
refused 2 'modes.*""' --modes 'dense,'
refused 2 'no model is called wan3' --model wan3
refused 2 'multiples of 16' --size 33x10
refused 2 'repeat' --repeat 0
refused 2 'frames' --frames 6
refused 1 'no CUDA backend' --model wan2.1-1.3b --backend cuda
available=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
[ "$available" -ge 54 ] || refused 1 'needs .* GiB of memory' --model wan2.1-14b --dtype f32
TMPDIR=$dir/nowhere
refused 1 'set TMPDIR' --model demo
TMPDIR=$dir/tmp

"$DANAUS" bench --repeat 500 >"$dir/out" 2>"$dir/err" &
pid=$!
sleep 1
kill -INT $pid
wait $pid
[ $? -eq 130 ] && grep -q 'stopped' "$dir/err"
check "Ctrl-C ends it: $(cat "$dir/err")"
[ -z "$(ls -A "$TMPDIR")" ]
check "nothing is left in TMPDIR"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
