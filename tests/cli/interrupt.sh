#!/bin/sh
# Ctrl-C in the middle: exit status 130 and a valid shorter file that says how long it is.
. "$(dirname "$0")/harness"

# was_shorter WHOLE: the last event tells fewer frames, not complete
was_shorter() {
    frames=$(last_number frames "$log/events")
    check "status 130, not $status" test $status -eq 130
    check "one line says so" grep -q 'stopped' "$log/err"
    check "not complete" grep -q '"complete":false' "$log/events"
    check "some frames, not all: ${frames:-none} of $1" test "${frames:-0}" -gt 0 -a "${frames:-0}" -lt "$1"
    check "no temporary is left" test -z "$(find . -name '*.part*')"
}

for out in long.mp4 long.gif long.safetensors; do
    interrupted generate --local "a red butterfly" -m "$demo" --frames 1601 --size 64x64 -o $out \
        --save-latents "$out.latents.safetensors"
    was_shorter 1601
    check "$out and its latents are told" grep -q "\"path\":\"$out\",\"latents\":\"$out.latents" "$log/events"
    works encode $out -m "$demo" -o "$out.again.safetensors" --json
    check "$out holds what was told" test "$(last_number frames "$log/out")" = "$frames"
done
interrupted generate --local "a red butterfly" -m "$demo" --frames 1601 --size 64x64 -o long/
was_shorter 1601
check "pictures" test "$(ls long/*.png | wc -l)" -eq "$frames"

# latents for a long decode and encode: a clip that extends itself needs no drawing
works generate --local x -m "$demo" --frames 401 --size 64x64 -o film.safetensors --save-latents l.safetensors
interrupted decode l.safetensors -m "$demo" -o d.webm
was_shorter 401
works encode d.webm -m "$demo" -o d.safetensors --json
check "d.webm holds what was told" test "$(last_number frames "$log/out")" = "$frames"
interrupted encode film.safetensors -m "$demo" -o e.safetensors
was_shorter 401
works decode e.safetensors -m "$demo" -o e.mp4 --json
check "e.safetensors holds what was told" test "$(last_number frames "$log/out")" = "$frames"
finish
