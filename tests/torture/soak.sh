#!/bin/sh
# Many jobs in a row: memory, descriptors and threads of engine and worker stay what they were.
. "$(dirname "$0")/torture"
jobs=$(count 60 500)
early=$((jobs / 3))
[ "$jobs" -lt 500 ] || early=50

# facts PID: resident KiB, descriptors, threads
facts() {
    echo "$(sed -n 's/^VmRSS:[ \t]*\([0-9]*\).*/\1/p' /proc/"$1"/status)" "$(ls /proc/"$1"/fd | wc -l)" \
        "$(ls /proc/"$1"/task | wc -l)"
}
works generate -m "$demo" --frames 5 --size 32x32 "a red star" --count $early
engine=$(engine_pid)
worker=$(worker_pids)
sleep 0.5
facts "$engine" >"$log/engine.before"
facts "$worker" >"$log/worker.before"
works generate -m "$demo" --frames 5 --size 32x32 "a red star" --count $((jobs - early)) --seed 1000
sleep 0.5
facts "$engine" >"$log/engine.after"
facts "$worker" >"$log/worker.after"
for who in engine worker; do
    read -r rss fds threads <"$log/$who.before"
    read -r rss2 fds2 threads2 <"$log/$who.after"
    echo "$who after $early and $jobs jobs: $rss $rss2 KiB, $fds $fds2 descriptors, $threads $threads2 threads"
    grown=$((rss2 - rss))
    # a sanitizer keeps what is freed
    ldd "$DANAUS" | grep -q libasan || check "$who: memory ($grown KiB more)" test $((grown * 100)) -lt "$rss"
    check "$who: descriptors" test "$fds2" -le "$fds"
    check "$who: threads" test "$threads2" -le "$threads"
done
check "it was one worker all the time" test "$worker" = "$(worker_pids)"
check "the write-ahead log is small" test "$(stat -c %s "$library/catalog.db-wal")" -lt 67108864
check "every clip is there" sound
finish
