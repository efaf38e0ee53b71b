#!/bin/sh
# The library from the command line: look, find, rate, tag, throw away and bring back, and new clips
# from old ones.
. "$(dirname "$0")/harness"
g="generate -m $demo --size 64x64 -q"

refuses 1 'there is no library in .* yet' list
works $g "a red butterfly" --frames 33 --seed 3
works $g "a blue circle moving left" --frames 9 --seed 4
works $g "a green star" --frames 5 --seed 5

# looking
works list
check "three lines" test "$(wc -l <"$log/out")" -eq 3
check "newest first" grep -q '^ *3 .*done .*5x64x64 .*a green star$' "$log/out"
works list --json -n 1
check "one JSON line" grep -q '^{"clip":3,"state":"done",.*"prompt":"a green star"' "$log/out"
works list --before 3 --count
check "counted" test "$(cat "$log/out")" = 3
works list --before 3
check "the next page" test "$(wc -l <"$log/out")" -eq 2
works search butter\*
check "by the beginning of a word" grep -q 'a red butterfly$' "$log/out"
check "and nothing else" test "$(wc -l <"$log/out")" -eq 1
works search seed:4
check "by a key" grep -q '^ *2 ' "$log/out"
works search nothing such
check "no hit is no error" grep -q '^no clip$' "$log/out"
refuses 2 'search for what' search
refuses 2 'colour' search colour:red
works show last
check "facts" grep -q '^seed *5$' "$log/out"
check "files" grep -q "^video *$XDG_DATA_HOME/danaus/clips/.*/video.mp4$" "$log/out"
works show 1 --json
check "the whole request" grep -q '"request":{.*"frames":33' "$log/out"
refuses 2 '"x" is no clip' show x
refuses 2 '99' show 99

# judging
works rate 1 2 4
works rate last --favourite
works tag 1 '#2' insects
works tag 2 --collection "of today"
works note 3 "wings are good"
works list rating:4 tag:insects
check "stars and tags are found" test "$(wc -l <"$log/out")" -eq 2
works list favourite:yes
check "the favourite" grep -q '^ *3 ' "$log/out"
works search wings
check "notes are searched" grep -q '^ *3 ' "$log/out"
works show 2
check "the page has them" grep -q '^tags *insects$' "$log/out"
check "and the collection" grep -q '^in *of today$' "$log/out"
works tag 2 insects --remove
works list tag:insects
check "a tag is taken away" test "$(wc -l <"$log/out")" -eq 1
refuses 2 '"6" are no stars' rate 1 6

# throwing away
works rm 2
works list
check "two are left" test "$(wc -l <"$log/out")" -eq 2
works trash
check "the trash has it" grep -q '^ *2 .*a blue circle' "$log/out"
works trash restore 2
works list --count
check "it is back" test "$(cat "$log/out")" = 3
works rm 2
works trash empty --older-than 1
works trash
check "not old enough" grep -q '^ *2 ' "$log/out"
refuses 2 'empty does not take "2".*all that is in the trash' trash empty 2
refuses 2 'list does not take "2"' trash list 2
refuses 2 'list does not take "2"' queue list 2
refuses 2 'check does not take "2"' library check 2
works trash
check "what was no order is still there" grep -q '^ *2 ' "$log/out"
works trash empty
works trash
check "gone" grep -q '^no clip$' "$log/out"
refuses 2 '2' show 2

# new clips from old ones
works branch 1@2 --prompt "a blue butterfly" -q
works branch 1@1 --count 2 --seed 8 -q
works vary 1 --count 2 -q
works redo 1 --set attention=dense --json
check "told as JSON" grep -q '^{"event":"finished"' "$log/out"
works extend 1 --seconds 1 -q
works list --count
check "seven more" test "$(cat "$log/out")" = 9
works show 4 --json
check "a branch knows its parent" grep -q '"parent":1,"parent_chunk":2' "$log/out"
check "and its own prompt" grep -q '"prompt":"a blue butterfly"' "$log/out"
works show 9 --json
check "redo keeps the seed" grep -q '"seed":3,' "$log/out"
check "and changes what it is told" grep -q '"attention":"dense"' "$log/out"
works show 10 --json
check "extend is longer" grep -q '"frames":49,' "$log/out"
works show 1
check "the tree" grep -q '^   *4 .*a blue butterfly$' "$log/out"
check "the clip is marked" grep -q '^> *1 ' "$log/out"

# files of their own
works export 1 -o one.mp4
check "told" grep -q '^one.mp4$' "$log/out"
works export 1 4 --as joined -o joined.mp4
works export 1 4 --as beside -o beside.mp4
works export 1 4 5 --as grid -o grid.gif --no-recipe
check "no recipe beside it" test ! -e grid.gif.json
works export 1 4 -o folder/
check "a file each" test "$(ls folder | wc -l)" -eq 2
works export 1 --from 0.5 --to 1 --size 32x48 -o part/
check "half a second of pictures" test "$(ls part/*.png | wc -l)" -eq 8
refuses 1 'one.mp4 exists' export 4 -o one.mp4
works export 4 -o one.mp4 --force
refuses 2 'does not come after' export 1 --from 2 --to 1 -o x.mp4
refuses 2 'must be WIDTHxHEIGHT' export 1 --size big -o x.mp4

# the folder
works library
check "totals" grep -q '^9 clips, 0 more in the trash' "$log/out"
works library check
check "whole" grep -q '^the library is whole$' "$log/out"
works library backup copy.db
check "a copy of the catalog" test -s copy.db
refuses 1 'engine stop' library move "$home/moved"
works engine stop
works library move "$home/moved"
export XDG_CONFIG_HOME="$work/nothing"
works library
check "it is elsewhere" grep -q "^$home/moved$" "$log/out"
works list --count
check "with everything" test "$(cat "$log/out")" = 9
rm "$home"/moved/clips/*/*/*/*4-*/video.mp4
refuses 1 '1 things in the library' library check
check "what is wrong" grep -q '^clip 4: .*video.mp4 missing' "$log/out"
refuses 2 'it cannot be left after 9' branch 1@9
refuses 2 'no such option' redo 1 --set colour=red
refuses 2 'branch which clip' branch
finish
