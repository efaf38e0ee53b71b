#!/bin/sh
# All parts of the demo model: sh train.sh OUT SECONDS. SECONDS is the time of each stage of the
# transformer; decoder and encoder train beside it. The shipped weights took about 540 a stage on
# one H100. On a CPU give the scripts small --batch values, hours, and patience.
set -e
here=$(dirname "$0") out=$1 seconds=$2
mkdir -p "$out"
python3 "$here/train_text.py" --batch 256 --seconds $((seconds / 6)) --out "$out"
(
    python3 "$here/train_vae.py" decoder --batch 64 --lr 2e-3 --seconds "$seconds" --out "$out"
    python3 "$here/train_vae.py" decoder --resume --batch 64 --lr 1.2e-3 \
        --seconds "$seconds" --out "$out"
) &
decoder=$!
python3 "$here/train_vae.py" encoder --batch 48 --seconds "$seconds" --out "$out" &
encoder=$!
video() { python3 "$here/train_video.py" --out "$out" --seconds "$seconds" "$@"; }
video --text "$out/text.pt" --first-batch 384 --next-batch 96
video --text "$out/text_with_video.pt" --resume "$out/video.pt" --seed 1 --first-share 0 \
    --first-batch 256 --next-batch 72 --lr 1.1e-3 --own-share 0.3
video --text "$out/text_with_video.pt" --resume "$out/video.pt" --seed 2 --polish --near 5 \
    --first-batch 128 --next-batch 64 --lr 5e-4
wait "$decoder" "$encoder"
