#!/bin/bash
# run.sh: how long a scan takes that finds nothing missing, beside what can't be avoided.
#
#     test/bench/run.sh DIR        DIR: where the throwaway server goes (test/run bench makes it)
#
# The tree: 100,000 empty files in 200 folders; the database: of LibrePhotos's shape, one photo of one
# file each. Everything is warm (each thing ran once before it is timed); medians of 5. The goal: a
# scan takes at most 3 times the larger of `find` over the tree and the bare query that fetches its
# rows. No figure is printed when a scan didn't do its work.
set -euo pipefail
cd "$(dirname "$0")/../.."

FOLDERS=${FOLDERS:-200}
PER_FOLDER=${PER_FOLDER:-500}
RUNS=5
GOAL=3
FILES=$((FOLDERS * PER_FOLDER))
server=$1
tree=$server/photos
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

psql() { PGDATABASE=library test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"; }

make_tree() {
    mkdir -p "$tree"
    perl -e 'my ($tree, $folders, $per_folder) = @ARGV;
        for my $folder (0 .. $folders - 1) {
            my $path = sprintf("%s/%04d", $tree, $folder);
            mkdir $path or die "$path: $!";
            for my $n (0 .. $per_folder - 1) {
                open(my $file, ">", sprintf("%s/IMG_%05d.jpg", $path, $n)) or die $!;
            }
        }' "$tree" "$FOLDERS" "$PER_FOLDER"
}

make_library() {
    test/tools/server psql "$server" -q -c 'CREATE DATABASE library'
    psql -o /dev/null -f test/fixtures/librephotos_2024_10.sql -f test/fixtures/put.sql \
        -f test/tools/sample_library.sql
    psql -o /dev/null <<SQL
SELECT sample.add_owner(7, '/data');
SELECT sample.add_photos(7, array_agg(format('/data/%s/IMG_%s.jpg',
           to_char(folder, 'FM0000'), to_char(n, 'FM00000'))))
  FROM generate_series(0, $FOLDERS - 1) folder, generate_series(0, $PER_FOLDER - 1) n;
VACUUM ANALYZE;
CREATE EXTENSION missing_photos;
SELECT missing_photos.attach_library('librephotos');
SELECT missing_photos.add_root('/data', '$tree');
SQL
}

# Prints the milliseconds of RUNS runs of a statement in one session, after one that isn't timed.
time_statement() {
    { echo "$1;"; echo '\timing on'; for _ in $(seq $RUNS); do echo "$1;"; done; } |
        psql -o /dev/null | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

time_command() {
    local from
    "$@" >/dev/null
    for _ in $(seq $RUNS); do
        from=$(date +%s%N)
        "$@" >/dev/null
        echo $((($(date +%s%N) - from) / 1000))
    done | awk '{ printf "%.1f\n", $1 / 1000 }'
}

# The same for the server's own execution of a query, without sending the rows to a client.
time_execution() {
    for _ in $(seq $RUNS); do echo "EXPLAIN (ANALYZE, TIMING OFF) $1;"; done |
        psql | sed -n 's/^Execution Time: \([0-9.]*\) ms.*/\1/p'
}

median() { sort -n | sed -n "$(((RUNS + 1) / 2))p"; }

# The scan must see all files, and this many missing ones.
check_scan() {
    local result
    result=$(psql -c 'SELECT files, missing, unreachable, invalid, held FROM scan_missing(7)')
    if [ "$result" != "$FILES|$1|0|0|f" ]; then
        echo "the scan didn't do its work, so there is nothing to claim: $result" >&2
        exit 1
    fi
}

row() { awk -v what="$1" -v ms="$2" -v base="$3" \
    'BEGIN { printf "%-62s %9.1f %7.2f\n", what, ms, ms / base }'; }

test/tools/server start "$server" shared_buffers=256MB
make_tree
make_library
check_scan 0
check_scan 0
fetch="SELECT photo, file, path FROM missing_photos.library_files('7')"
bare=$(time_statement "$fetch" | median)
inside=$(time_execution "$fetch" | median)
found=$(time_command find "$tree" | median)
scan=$(time_statement 'SELECT * FROM scan_missing(7)' | median)
called=$(time_statement 'CALL scan_missing_photos(7)' | median)
check_scan 0
rm "$tree/0000/IMG_00000.jpg"
check_scan 1
base=$(printf '%s\n' "$bare" "$found" | sort -n | tail -n 1)

echo "$FILES files in $FOLDERS folders on $(findmnt -n -o FSTYPE -T "$tree"), warm, nothing missing," \
    "$(nproc) processors, median of $RUNS"
printf '%-62s %9s %7s\n' '' 'ms' 'ratio'
row 'find over the tree' "$found" "$base"
row 'the bare query that fetches the rows' "$bare" "$base"
row '  the same without sending them to a client' "$inside" "$base"
row 'SELECT * FROM scan_missing(owner), second scan on' "$scan" "$base"
row 'CALL scan_missing_photos(owner)' "$called" "$base"
awk -v scan="$scan" -v base="$base" -v goal=$GOAL 'BEGIN {
    printf "a scan takes %.1f times the larger of the first two; the goal is at most %d: %s\n",
        scan / base, goal, scan <= goal * base ? "reached" : "NOT reached"
    exit scan > goal * base }'
