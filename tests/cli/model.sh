#!/bin/sh
# danaus model: what files are, and that hostile ones are refused in one line.
. "$(dirname "$0")/harness"

works model check "$demo"
check "complete" grep -q 'complete' "$log/out"
works model info "$demo" --json
check "parts in JSON" grep -q '"kind": "transformer"' "$log/out"
works model info "$demo/Wan2.1_VAE.pth"
check "the VAE's kind and hash" grep -qE 'sha256 +[0-9a-f]{64}' "$log/out"
for file in "$data"/format/*_bf16.pt "$data"/format/sharded_bf16 "$data"/format/gen_bf16_legacy.pt; do
    works model check "$file"
done
for file in "$data"/format/hostile_*; do
    refuses 1 "$(basename "$file")" model check "$file"
done
check "no hostile file ran anything" test ! -e /tmp/PWNED
refuses 1 'nowhere' model check nowhere
refuses 2 'no action' model
refuses 2 'no action "frob"' model frob x
refuses 2 'unknown option --fast' model check --fast x
mkfifo pipe
refuses 1 'pipe' model check pipe
refuses 1 '/dev/zero' model check /dev/zero
finish
