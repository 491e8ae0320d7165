#!/bin/bash
# watch.sh: what watching costs, and how soon a change shows.
#
#     test/bench/watch.sh DIR      DIR: where the throwaway server goes, emptied before
#
# For 2,000 and for 50,000 folders: seconds until all of them are watched, memory of the probe and of
# the kernel, processor time of watcher and probe while nothing happens. Then, with 10,000 photos:
# how long until a moved file, a deleted one, and a moved folder of all of them, shows in the library
# (as asked for every 2 ms). Kernel memory needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$1
IDLE_SECONDS=${IDLE_SECONDS:-30}
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

psql() { PGDATABASE=library test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"; }

make_library() {
    test/tools/server psql "$server" -q -c 'DROP DATABASE IF EXISTS library' -c 'CREATE DATABASE library'
    psql -o /dev/null -f test/fixtures/librephotos_2024_10.sql -f test/fixtures/put.sql \
        -f test/tools/sample_library.sql
    psql -o /dev/null <<SQL
SELECT sample.add_owner(7, '/data');
SELECT sample.add_photos(7, array_agg(format('/data/photos/IMG_%s.jpg', n)))
  FROM generate_series(1, 10000) AS n;
VACUUM ANALYZE;
CREATE EXTENSION missing_photos;
SELECT missing_photos.attach_library('librephotos');
SELECT missing_photos.add_root('/data', '$tree');
SQL
}

make_tree() {
    mkdir -p "$tree/photos"
    perl -e 'my ($tree, $folders) = @ARGV;
        for my $n (1 .. 10000) { open(my $file, ">", "$tree/photos/IMG_$n.jpg") or die $!; print $file $n; }
        for my $n (0 .. $folders - 3) {
            mkdir sprintf("%s/%03d", $tree, $n / 200) if $n % 200 == 0;
            mkdir sprintf("%s/%03d/%03d", $tree, $n / 200, $n % 200) if $n % 200;
        }' "$tree" "$1"
    chmod -R a+rX "$tree"
}

# What the kernel keeps for watches.  Caches of objects of one size may be one: each is counted once.
kernel_kib() {
    local cache n=0
    for cache in $(cd /sys/kernel/slab && realpath inotify_inode_mark fsnotify_mark_connector | sort -u); do
        n=$((n + $(cut -d' ' -f1 "$cache/slabs") * 4 * (1 << $(cat "$cache/order"))))
    done
    echo $n
}

child_of() { pgrep -P "$1" | head -1; }

# Nanoseconds of processor time of all threads.
busy_ns() { cat "/proc/$1"/task/*/schedstat "/proc/$2"/task/*/schedstat | awk '{ n += $1 } END { printf "%d\n", n }'; }

median_of() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
most_of() { printf '%s\n' "$@" | sort -n | tail -1; }

wait_until() {
    local end=$((SECONDS + 120))
    until [ "$(psql -c "$1")" = "$2" ]; do
        [ $SECONDS -lt $end ] || { echo "waited in vain for $1" >&2; exit 1; }
        sleep 0.02
    done
}

milliseconds_until() {
    perl -MTime::HiRes=time,sleep -e '
        my ($action, $query, $expected, @psql) = @ARGV;
        use IPC::Open2;
        my $pid = open2(my $out, my $in, @psql);
        $in->autoflush(1);
        my $ask = sub { print $in "$query;\n"; chomp(my $line = <$out>); return $line; };
        $ask->();
        my $began = time;
        system($action);
        sleep 0.002 until $ask->() eq $expected;
        printf "%.0f\n", 1000 * (time - $began);
        close $in;' "$1" "$2" "$3" test/tools/server psql "$server" -AtqX -d library
}

measure() {
    tree=$server/tree$1
    make_tree "$1"
    make_library
    local kernel began seconds watcher probe before after
    kernel=$(kernel_kib)
    began=$(date +%s%N)
    psql -o /dev/null -c 'SELECT missing_photos.start_watching()'
    wait_until "SELECT state FROM missing_photos.watches" watching
    seconds=$((($(date +%s%N) - began) / 1000000))
    sleep 5
    watcher=$(psql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'missing_photos watcher'")
    for keeper in $(pgrep -P "$watcher"); do
        [ "$(grep -c inotify <(ls -l "/proc/$(child_of "$keeper")/fd"))" = 0 ] || probe=$(child_of "$keeper")
    done
    echo "$(psql -c 'SELECT watches FROM missing_photos.watches') folders:" \
        "watched after $seconds ms;" \
        "probe $(awk '/^VmRSS/ { print $2 }' "/proc/$probe/status") KiB," \
        "kernel $(($(kernel_kib) - kernel)) KiB"
    before=$(busy_ns "$watcher" "$probe")
    sleep "$IDLE_SECONDS"
    after=$(busy_ns "$watcher" "$probe")
    echo "    idle: $(awk "BEGIN { print ($after - $before) / $IDLE_SECONDS / 1e7 }") % of a processor" \
        "in $IDLE_SECONDS s"
    local times=()
    for n in $(seq 1 11); do
        times+=("$(milliseconds_until "mv $tree/photos/IMG_$n.jpg $tree/photos/moved_$n.jpg" \
            "SELECT count(*) FROM api_file WHERE path = '/data/photos/moved_$n.jpg'" 1)")
    done
    echo "    a moved file shows after $(median_of "${times[@]}") ms (median of 11), $(most_of "${times[@]}") at most"
    times=()
    local from=photos to=000/photos swap
    for n in $(seq 1 7); do
        times+=("$(milliseconds_until "mv $tree/$from $tree/$to" \
            "SELECT count(*) FROM api_file WHERE path LIKE '/data/$to/%'" 10000)")
        swap=$from from=$to to=$swap
    done
    echo "    a moved folder of 10,000 files shows after $(median_of "${times[@]}") ms (median of 7)," \
        "$(most_of "${times[@]}") at most"
    times=()
    for n in $(seq 12 18); do
        times+=("$(milliseconds_until "rm $tree/$from/IMG_$n.jpg" \
            "SELECT count(*) FROM api_file WHERE missing AND path LIKE '%/IMG_$n.jpg'" 1)")
    done
    echo "    a deleted file shows after $(median_of "${times[@]}") ms (median of 7), $(most_of "${times[@]}") at most"
    psql -o /dev/null -c 'SELECT missing_photos.stop_watching()'
    wait_until 'SELECT missing_photos.watcher_is_alive()' f
}

test/tools/server start "$server" missing_photos.allow_superuser_jobs=on max_worker_processes=16
for folders in ${1:+2000 50000}; do
    measure "$folders"
done
