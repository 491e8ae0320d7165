#!/bin/bash
# jobs.sh: what jobs cost: all owners by scan_all beside one after another, and a page that polls.
#
#     test/bench/jobs.sh DIR       DIR: where the throwaway server goes (test/run bench makes it)
#
# 10 owners of 10,000 empty files each in 100 folders; the database: of LibrePhotos's shape. Everything
# is warm, but nothing of the far mount is kept by the kernel. What is compared runs in turn, is timed
# within a session of its own, and each figure is the median of its runs. The goals: scan_all with 2
# workers takes at most 0.6 times as long as one owner after another on a mount whose every answer takes
# 2 ms, and at most 1.05 times locally; a page that asks 20 times a second slows a scan by less than 5 %.
# Mounting needs root; without it that part is left out, and said so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/tools/common.sh

OWNERS=10
FOLDERS=100
PER_FOLDER=100
RUNS=${MISSING_PHOTOS_ROUNDS:-5}
POLLS=20
POLL_RUNS=$((2 * RUNS + 1))
POLL_PASSES=3
server=$1
tree=$server/photos
mount=$server/mount
trap clean_up EXIT

clean_up() {
    [ -z "${faultfs:-}" ] || { umount -l "$mount"; kill "$faultfs"; } 2>/dev/null || true
    test/tools/server stop "$server" immediate 2>/dev/null || true
}

psql() { PGDATABASE=library test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"; }

make_tree() {
    as_server mkdir -p "$tree"
    as_server perl -e 'my ($tree, $owners, $folders, $per_folder) = @ARGV;
        for my $owner (1 .. $owners) {
            mkdir "$tree/$owner" or die $!;
            for my $folder (0 .. $folders - 1) {
                my $path = sprintf("%s/%d/%04d", $tree, $owner, $folder);
                mkdir $path or die "$path: $!";
                for my $n (0 .. $per_folder - 1) {
                    open(my $file, ">", sprintf("%s/IMG_%05d.jpg", $path, $n)) or die $!;
                }
            }
        }' "$tree" "$OWNERS" "$FOLDERS" "$PER_FOLDER"
}

make_library() {
    test/tools/server psql "$server" -q -c 'CREATE DATABASE library' -c 'CREATE ROLE app LOGIN'
    psql -o /dev/null -f test/fixtures/librephotos_2024_10.sql -f test/fixtures/put.sql \
        -f test/tools/sample_library.sql
    psql -o /dev/null <<SQL
SELECT sample.add_owner(owner, '/data/' || owner) FROM generate_series(1, $OWNERS) owner;
SELECT sample.add_photos(owner, array_agg(format('/data/%s/%s/IMG_%s.jpg', owner,
           to_char(folder, 'FM0000'), to_char(n, 'FM00000'))))
  FROM generate_series(1, $OWNERS) owner, generate_series(0, $FOLDERS - 1) folder,
       generate_series(0, $PER_FOLDER - 1) n
 GROUP BY owner;
VACUUM ANALYZE;
CREATE EXTENSION missing_photos;
SELECT missing_photos.attach_library('librephotos');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app;
SELECT missing_photos.grant_application('app');
SQL
}

use_root() {
    psql -o /dev/null -c "SELECT missing_photos.drop_root(app_path) FROM missing_photos.roots" \
        -c "SELECT missing_photos.add_root('/data', '$1')"
}

as_app() { PGDATABASE=library test/tools/server run "$server" env PGUSER=app psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# Runs statements from standard input as the application; prints the milliseconds they took.
timed() {
    {
        echo 'SELECT extract(epoch FROM clock_timestamp()) AS began \gset'
        cat
        echo 'SELECT round((extract(epoch FROM clock_timestamp()) - :began) * 1000);'
    } | as_app 2>"$server/told" || { cat "$server/told" >&2; return 1; }
}

one_after_another() {
    local owner pass
    for pass in $(seq "${1:-1}"); do
        for owner in $(seq $OWNERS); do echo "CALL scan_missing_photos($owner);"; done
    done | timed
}

by_scan_all() { timed <<<'CALL missing_photos.scan_all();'; }

# Every owner must have been scanned, all files found.
check_jobs() {
    local result passes=${1:-1}
    result=$(psql -c "SELECT count(*), sum((result ->> 'files')::int), sum((result ->> 'missing')::int)
        FROM missing_photos.job WHERE state = 'finished'" -c 'DELETE FROM missing_photos.job')
    [ "$result" = "$((passes * OWNERS))|$((passes * OWNERS * FOLDERS * PER_FOLDER))|0" ] ||
        { echo "the scans didn't do their work, so there is nothing to claim: $result" >&2; exit 1; }
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

compare() {
    local what=$1 goal=$2 one all n
    for n in $(seq 0 "$RUNS"); do
        # Round 0 doesn't count.
        [ "$n" -gt 1 ] || rm -f "$server/one" "$server/all"
        one_after_another >>"$server/one" && check_jobs
        by_scan_all >>"$server/all" && check_jobs
    done
    one=$(median "$server/one")
    all=$(median "$server/all")
    awk -v what="$what" -v one="$one" -v all="$all" -v goal="$goal" 'BEGIN {
        printf "%-46s %9d %9d %7.2f  the goal is at most %.2f: %s\n", what, one, all, all / one, goal,
            all <= goal * one ? "reached" : "NOT reached" }'
}

# A page in a session of its own, for as long as there is the file "page".
poll() {
    perl -e '$| = 1;
        while (-e $ARGV[0]) {
            print "SELECT job_id, state, percent, rate, eta, bar FROM missing_jobs;\n";
            select(undef, undef, undef, 1 / $ARGV[1]);
        }' "$server/page" "$POLLS" | as_app >/dev/null
}

polling() {
    local n poller
    rm -f "$server/one" "$server/all"
    for n in $(seq "$POLL_RUNS"); do
        one_after_another $POLL_PASSES >>"$server/one" && check_jobs $POLL_PASSES
        touch "$server/page"
        poll &
        poller=$!
        sleep 0.3
        one_after_another $POLL_PASSES >>"$server/all" && check_jobs $POLL_PASSES
        rm "$server/page"
        wait $poller
    done
    awk -v one="$(median "$server/one")" -v all="$(median "$server/all")" 'BEGIN {
        printf "%-46s %9d %9d %7.2f  the goal is below 1.05: %s\n", "scans alone, and with a page that polls 20/s",
            one, all, all / one, all < 1.05 * one ? "reached" : "NOT reached" }'
}

test/tools/server start "$server" shared_buffers=256MB missing_photos.max_workers=2
make_tree
make_library
echo "$OWNERS owners of $((FOLDERS * PER_FOLDER)) files, warm, $(nproc) processors, ms, median of $RUNS"
printf '%-46s %9s %9s %7s\n' '' 'one' 'scan_all' 'ratio'
use_root "$tree"
compare 'one after another, and scan_all, locally' 1.05
polling
if [ "$(id -u)" = 0 ] && [ -e /dev/fuse ]; then
    mkdir -p "$mount"
    build/faultfs mount "$tree" "$mount" "$mount.ctl" 0 >/dev/null 2>&1 &
    faultfs=$!
    for _ in $(seq 50); do mountpoint -q "$mount" && break || sleep 0.1; done
    build/faultfs tell "$mount.ctl" latency 2000 >/dev/null
    use_root "$mount"
    compare 'the same on a mount that takes 2 ms' 0.60
else
    echo 'the mount that takes 2 ms needs root, and /dev/fuse: left out'
fi
