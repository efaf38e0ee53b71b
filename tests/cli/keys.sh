#!/bin/sh
# The studio's keys, as a file of the user's changes them.
. "$(dirname "$0")/harness"
export XDG_CONFIG_HOME="$work/config"
mkdir -p "$XDG_CONFIG_HOME/danaus"
mine="$XDG_CONFIG_HOME/danaus/danaus.yaml"

works keys
check "as the tables say" grep -qE '^  f +:favourite +a heart' "$log/out"
cp "$log/out" before
works keys --yaml
cp "$log/out" "$mine"
works keys
check "printed as a file and read again, they are the same" cmp before "$log/out"
works generate --help # the section is the studio's, nobody else minds it
check "no warning" test ! -s "$log/err"

cat >"$mine" <<END
studio:
  keys:
    library:
      x: favourite
      Ctrl-T: [mark, down]
END
works keys
check "mine" grep -qE '^  x, f +:favourite ' "$log/out"
check "two at once" grep -qE '^  Ctrl-T +:mark, :down' "$log/out"
works keys --json
check "as JSON" python3 -c "
import json, sys
rows = [r for r in json.load(open('$log/out')) if r['yours']]
assert [(r['keys'], r['commands']) for r in rows] == [('x', ['favourite']), ('Ctrl-T', ['mark', 'down'])], rows"
works keys --defaults
check "without the file" cmp before "$log/out"

echo '      y: favorite' >>"$mine"
refuses 1 "danaus.yaml:6:7: y: there is no command favorite in library" keys
refuses 1 "danaus.yaml:6:7" studio
finish
