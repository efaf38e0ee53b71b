#!/bin/sh
# --help of every command, and the manual, which is the same text. DANAUS_UPDATE=1 writes
# man/danaus.1 anew.
. "$(dirname "$0")/harness"

works --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$log/out")
for name in generate encode-text decode encode verify model man; do
    check "$name is listed" sh -c "echo '$commands' | grep -qx '$name'"
done
works man
cp "$log/out" danaus.1
[ -z "${DANAUS_UPDATE:-}" ] || cp danaus.1 "$top/man/danaus.1"
check "man/danaus.1 is what danaus man prints (else run with DANAUS_UPDATE=1)" \
    cmp danaus.1 "$top/man/danaus.1"
works man protocol
[ -z "${DANAUS_UPDATE:-}" ] || cp "$log/out" "$top/man/danaus-protocol.7"
check "man/danaus-protocol.7 is what danaus man protocol prints" cmp "$log/out" "$top/man/danaus-protocol.7"
refuses 2 'no page "x"' man x
for name in $commands; do
    works $name --help
    check "usage of $name" grep -q "^usage: danaus $name" "$log/out"
    check "lines of $name --help fit 100 columns" test -z "$(grep -E '.{101}' "$log/out")"
    check "the manual has $name" grep -q "^\.SS danaus $name\$" danaus.1
    cp "$log/out" "$name.help"
    works help $name
    check "help $name is $name --help" cmp "$log/out" "$name.help"
done

# the flags that are fixed
has() {
    command=$1
    shift
    for flag in "$@"; do
        check "$command --help names $flag" grep -qE -- "(^|[ ,])$flag([ ,]|\$)" "$command.help"
        roff=$(echo "$flag" | sed 's/-/\\\\-/g')
        check "the manual names $flag" grep -qE -- "$roff" danaus.1
    done
}
has generate -f -o -m -c --checkpoint --use-ema --no-ema --seed --count --frames --size --attention \
    --h-reduce --w-reduce --f-tied --iters --sampler --negative --guidance --image --extend \
    --context --noise --save-latents --backend --json
has encode-text -m -o --backend
has decode -m -o --backend
has encode -m -o --backend
has verify --backend
check "model info and check" grep -q 'info|check' model.help

for page in danaus.1 danaus.yaml.5 danaus-protocol.7; do
    if command -v man >/dev/null && command -v groff >/dev/null; then
        man -l --warnings -Tutf8 "$top/man/$page" >page.txt 2>page.err
        check "$page renders" test -s page.txt
        check "$page renders without warnings" cmp page.err /dev/null
    fi
done
works --version
check "version" grep -qE '^danaus [0-9]+\.[0-9]+' "$log/out"
finish
