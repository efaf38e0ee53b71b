#!/bin/sh
# danaus doctor: one screen, the same as JSON, and text from outside that cannot harm a terminal.
passed=0
failed=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# check WHAT: the status before decides
check() {
    if [ $? -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAIL: $1"; fi
}
run() { HOME="$dir/home" XDG_DATA_HOME="$dir/data" XDG_CONFIG_HOME="$dir/config" "$DANAUS" "$@"; }

run doctor >"$dir/out" 2>"$dir/err" </dev/null
check "doctor ends well with the demo model in place"
[ ! -s "$dir/err" ]
check "nothing on standard error"
[ "$(wc -l <"$dir/out")" -le 24 ] && [ "$(LC_ALL=C awk '{ if (length($0) > n) n = length($0) } END { print n }' "$dir/out")" -le 80 ]
check "one screen of 80 columns"
for word in '^danaus ' '^cpu ' '^memory ' '^gpu ' '^libraries ' '^models ' '^terminal ' '^paths ' \
    oneDNN libavformat SQLite libsixel jansson libyaml zlib OpenSSL 'demo: complete'; do
    grep -q -- "$word" "$dir/out"
    check "a row says $word"
done

run doctor --json >"$dir/json" </dev/null
check "doctor --json"
for word in '"danaus": "' '"threads": [1-9]' '"total_bytes": [1-9]' '"cuda_backend": ' '"demo_installed": true' \
    '"works": true' '"interactive": false'; do
    grep -q -- "$word" "$dir/json"
    check "JSON says $word"
done

# models of the user: a name that is an attack, a folder that is no model, more than have room
bell=$(printf 'a\033[2Jb')
mkdir -p "$dir/data/danaus/models/$bell"
for i in 1 2 3 4 5 6 7 8 9; do mkdir "$dir/data/danaus/models/empty$i"; done
run doctor >"$dir/out" </dev/null
check "models that do not fit are no reason to fail"
! grep -q "$(printf '\033')" "$dir/out" && grep -qi 'x1b\[2J' "$dir/out"
check "control characters in a model's name are shown escaped"
[ "$(wc -l <"$dir/out")" -le 24 ] && grep -q 'and [0-9]* more' "$dir/out"
check "many models still fit on one screen"
run doctor --json </dev/null | grep -q '"complete": false'
check "JSON says which models do not fit"

run doctor everything 2>"$dir/err" >/dev/null
[ $? -eq 2 ] && grep -q 'does not take everything' "$dir/err"
check "an unknown word is refused with status 2"
"$DANAUS" doctor --help | grep -q -- --json
check "doctor --help"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
