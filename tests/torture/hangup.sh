#!/bin/sh
# The terminal goes away in the middle of a clip that was started in it, together with the engine's
# first start: the clip is finished all the same.
. "$(dirname "$0")/torture"
trials=$(count 3 50)
r="generate -m $demo --frames 81 --size 48x48 --seed 5"

works $r "a blue star"
prints 1 >"$log/want"
works engine stop
for i in $(seq "$trials"); do
    job=$((i + 1))
    # script(1) is the terminal: when it is killed, its session gets SIGHUP
    if command -v script >/dev/null; then
        script -qc "$DANAUS $r 'a blue star'" /dev/null >"$log/terminal" 2>&1 </dev/null &
    else
        setsid "$DANAUS" $r "a blue star" >"$log/terminal" 2>&1 &
    fi
    terminal=$!
    for n in $(seq 100); do
        [ "$("$DANAUS" engine status 2>/dev/null | grep -c ', job')" -eq 1 ] && break
        sleep 0.05
    done
    nap 500
    if command -v script >/dev/null; then kill -9 $terminal 2>/dev/null; else kill -s HUP -- -$terminal 2>/dev/null; fi # it may be done
    wait $terminal 2>/dev/null
    timeout 100 "$DANAUS" watch $job >"$log/watch" 2>&1
    check "trial $i: done, not $(state $job)" test "$(state $job)" = done
    prints $job >"$log/got"
    check "trial $i: as undisturbed" cmp "$log/got" "$log/want"
    [ $((i % 2)) -eq 0 ] || works engine stop
done
finish
