#!/bin/sh
# A library whose catalog is gone, damaged or full of lies: rebuilt from what is left.
. "$(dirname "$0")/harness"
g="generate -m $demo --size 64x64 -q"
lib=$XDG_DATA_HOME/danaus
# what a rebuild gives back of a clip, in lines: without the times of the run
facts() {
    "$DANAUS" show "$1" --json | sed 's/"request":.*//' | tr ',{' '\n\n' |
        grep -E '^"(state|origin|prompt|negative|model|model_sha256|sampler|attention|seed|width|height|frames|chunks|fps|kind|path|bytes|sha256)":'
}

refuses 2 'there is no library' library rebuild
works $g "a red butterfly" --frames 33 --seed 3
works $g "a blue circle; moving \"left\"" --frames 9 --seed 4 --negative rain
works $g "a green star" --frames 5 --seed 5
works rm 3
refuses 1 'engine stop' library rebuild
works engine stop
refuses 1 'is sound' library rebuild
for n in 1 2 3; do facts $n >"$home/facts$n"; done

# gone, but for its log
cp "$lib/catalog.db" "$home/kept.db"
rm "$lib/catalog.db"
printf 'a stale log' >"$lib/catalog.db-wal"
refuses 1 'danaus library rebuild' list
refuses 1 'danaus library rebuild' engine start
refuses 2 'no model' library rebuild -m nowhere
works library rebuild -m "$demo"
check "three are made of files" grep -q '^3 rows made of files, 0 things' "$log/out"
for n in 1 2 3; do
    facts $n >"$home/again"
    check "clip $n is as it was" cmp "$home/facts$n" "$home/again"
done
works list --count
check "the trash is the trash" test "$(cat "$log/out")" = 2
works library check
check "whole" grep -q '^the library is whole$' "$log/out"
check "nothing is left behind" test ! -e "$lib/rebuild.part"
works search butterfly
check "search knows it" grep -q '^ *1 ' "$log/out"
works branch 1@1 --prompt "a blue butterfly" -q
works show last
check "numbers go on" grep -q '^clip *4$' "$log/out"
works trash restore 3
works rate 1 4
works rate 3 5
works tag 1 insects
works note 1 "wings are good"
works engine stop

# a snapshot a week: the stars come from it
rm -r "$lib/backups"
works engine start
works engine stop
check "the engine made one" test "$(ls "$lib/backups" | wc -l)" -eq 1
newest=$(ls "$lib/backups" | tail -n 1)
mv "$lib/backups/$newest" "$home/newest.db"
for day in 01 02 03 04 05 06 07 08 09 10 11; do
    cp "$home/newest.db" "$lib/backups/catalog-2020-01-$day.db"
done
works engine start
works engine stop
check "ten are kept" test "$(ls "$lib/backups" | wc -l)" -eq 10
check "the oldest went" test ! -e "$lib/backups/catalog-2020-01-02.db"
rm "$lib"/backups/*
mv "$home/newest.db" "$lib/backups/$newest"
printf junk >"$lib/backups/catalog-2999-01-01.db"
works $g "made since" --frames 5 --seed 6
works rm 2
works trash empty
works engine stop
head -c 100 /dev/urandom >"$lib/catalog.db"
rm -f "$lib/catalog.db-wal"
works library rebuild
check "the damaged snapshot is passed over" grep -q '^catalog-2999-01-01.db: ' "$log/out"
check "rows of the snapshot" grep -q "^3 rows from $lib/backups/$newest" "$log/out"
check "and one of files" grep -q '^1 rows made of files, 1 things' "$log/out"
check "the damaged one is kept" test "$(cat "$lib"/catalog-damaged-*.db | wc -c)" -eq 100
works show 1
check "stars are back" grep -q '^rating *\*\*\*\*\|^rating *4' "$log/out"
check "the tag" grep -q '^tags *insects$' "$log/out"
check "the note" grep -q 'wings are good' "$log/out"
works show 4 --json
check "the parent" grep -q '"parent":1,' "$log/out"
refuses 2 '2' show 2
works library check
works engine stop

# damaged: what can be read of it comes first
rm -r "$lib/backups"
works tag 3 stars
works engine stop
truncate -s -4096 "$lib/catalog.db"
works library rebuild
check "what can be read is saved" grep -q '^4 rows saved of the damaged catalog' "$log/out"
works show 3
check "stars too" grep -q '^tags *stars$' "$log/out"
works library check

# folders of strangers and recipes that lie
dir=$(dirname "$(ls -d "$lib"/clips/*/*/*/000001-*)")
mkdir "$dir/000099-empty" "$dir/no-number" "$dir/000001-another" "$dir/99999999999-far" "$dir/000050-torn"
printf 'no video' >"$dir/000050-torn/video.mp4"
rm "$lib"/catalog.db*
works library rebuild
check "told of each" test "$(grep -cE '(000099-empty|no-number|another|99999999999-far|000050-torn):' "$log/out")" -eq 5
works show 50
check "a torn clip is one that failed" grep -q '^state *failed' "$log/out"
works show 1
check "the folder that comes first has the number" grep -q '000001-a' "$log/out"
finish
