#!/bin/sh
# A hundred clients at once where no engine runs, after a clean end and after a kill -9 in turn: one
# engine each time, and all are served. A socket that nobody listens to is no obstacle.
. "$(dirname "$0")/torture"
rounds=$(count 2 20)
engines() { grep -lsa "[e]ngine.serve.*$XDG_DATA_HOME" /proc/[0-9]*/cmdline 2>/dev/null | wc -l; }

for round in $(seq "$rounds"); do
    rm -f "$log"/client.*
    for i in $(seq 100); do
        { "$DANAUS" queue list >"$log/client.$i.out" 2>&1 && : >"$log/client.$i.served"; } &
    done
    wait
    served=$(ls "$log"/client.*.served | wc -l)
    check "round $round: $served of 100 served" test "$served" -eq 100
    [ "$served" -eq 100 ] || cat "$log"/client.*.out | sort | uniq -c | head -n 5
    check "round $round: one engine, not $(engines)" test "$(engines)" -eq 1
    if [ $((round % 2)) -eq 0 ]; then
        works engine stop
    else
        kill -9 "$(engine_pid)"
        check "the socket stays behind" test -S "$XDG_RUNTIME_DIR/danaus/engine.sock"
        start=$(now_ms)
        works engine start
        took=$(($(now_ms) - start))
        check "a client has an engine again after $took ms" test $took -le "$(count 4000 1000)"
        kill -9 "$(engine_pid)"
    fi
done
check "nothing else is in the socket's directory" test \
    "$(ls "$XDG_RUNTIME_DIR/danaus" | grep -vE '^(engine\.(sock|lock)|start\.lock)$' | wc -l)" -eq 0
finish
