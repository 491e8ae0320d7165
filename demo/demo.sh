#!/bin/bash
# demo.sh: a short story, told by the commands and statements it runs.
#
#     demo/demo.sh DIR        DIR: where the throwaway server and the files go (make demo makes it)
#
# make demo installs what is missing, builds, runs this and removes everything again.
set -euo pipefail
cd "$(dirname "$0")/.."
# Servers of one's own, named by the environment, are none of its business.
unset PGHOST PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE

server=$1
disk=$server/disk
usb=$server/usb
aside=$server/aside
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }
quiet_psql() { PGDATABASE=photos test/tools/server psql "$server" -q -v ON_ERROR_STOP=1 "$@"; }

# Runs statements and shows them with their answers.
show() { sed 's/^/    /' <<<"$1"; quiet_psql -P footer=off -c "$1" 2>&1 | sed 's/^/    /'; }

# Runs a shell command and shows it, with the long names of the temporary folders cut.
run() { printf '    $ %s\n' "$*" | sed "s,$server,...,g"; "$@"; }

# A JPEG of one pixel; the name goes into a comment, so that no two contents are the same.
make_jpeg() {
    mkdir -p "$(dirname "$1")"
    perl -e 'my $name = shift;
        print "\xff\xd8\xff\xfe", pack("n", 2 + length $name), $name, pack("H*",
            "ffdb0043000302020202020302020203030303040604040404040806060506090"
            . "80a0a090809090a0c0f0c0a0b0e0b09090d110d0e0f101011100a0c1213121013"
            . "0f101010ffc9000b080001000101011100ffcc000600101005ffda00080101000"
            . "03f00d2cf20ffd9")' "${1##*/}" >"$1"
}

for n in 01 02 03 04 05 06 07 08; do make_jpeg "$disk/2023/holiday/IMG_$n.jpg"; done
for n in 09 10 11 12; do make_jpeg "$disk/2024/birthday/IMG_$n.jpg"; done
for n in 13 14 15; do make_jpeg "$usb/old/IMG_$n.jpg"; done
test/tools/server start "$server"
test/tools/server psql "$server" -q -c 'CREATE DATABASE photos'
quiet_psql -o /dev/null -f test/fixtures/librephotos_2024_10.sql -f test/fixtures/put.sql \
    -f test/tools/sample_library.sql
quiet_psql -o /dev/null <<'SQL'
SELECT sample.add_owner(42, '/data');
SELECT sample.add_photos(42, array_agg(path)) FROM (
    SELECT format('/data/2023/holiday/IMG_%s.jpg', to_char(n, 'FM00')) FROM generate_series(1, 8) n
    UNION ALL
    SELECT format('/data/2024/birthday/IMG_%s.jpg', to_char(n, 'FM00')) FROM generate_series(9, 12) n
    UNION ALL
    SELECT format('/usb/old/IMG_%s.jpg', to_char(n, 'FM00')) FROM generate_series(13, 15) n) f(path);
SQL

say "A LibrePhotos database: user 42 has 15 photos, 12 below /data and 3 on a USB disk."
show "SELECT count(*) AS photos, min(path) AS first, max(path) AS last
  FROM api_photo JOIN api_photo_files ON photo_id = image_hash JOIN api_file ON hash = file_id;"

say "The extension is told what kind of library this is, and where its folders are on this server."
show "CREATE EXTENSION missing_photos;"
show "SELECT missing_photos.attach_library('librephotos');"
printf "    SELECT missing_photos.add_root('/data', '.../disk');\n"
printf "    SELECT missing_photos.add_root('/usb', '.../usb');\n"
quiet_psql -o /dev/null -c "SELECT missing_photos.add_root('/data', '$disk')" \
    -c "SELECT missing_photos.add_root('/usb', '$usb')"

scan="SELECT photos, files, missing, restored, unreachable FROM scan_missing(42);"
counts="SELECT num_photos, num_missing_photos, num_missing_files, num_unreachable_files
  FROM missing_counts WHERE owner = '42';"
say "The first scan: everything is there."
show "$scan"

say "Three files vanish. The next scan finds exactly those."
mkdir -p "$aside"
run mv "$disk/2023/holiday/IMG_03.jpg" "$disk/2023/holiday/IMG_04.jpg" \
    "$disk/2024/birthday/IMG_12.jpg" "$aside"
show "$scan"
show "SELECT path, state, reason FROM missing_files WHERE owner = '42' ORDER BY path;"
show "$counts"

say "They come back. The next scan links them to their photos again."
run mv "$aside/IMG_03.jpg" "$aside/IMG_04.jpg" "$disk/2023/holiday"
run mv "$aside/IMG_12.jpg" "$disk/2024/birthday"
show "$scan"
show "$counts"

say "A whole folder vanishes: more than the breaker lets pass. The scan is held for a person."
run mv "$disk/2023" "$aside"
show "SET missing_photos.max_missing_files = 5;    -- 50 by default; this library is small
SELECT files, missing, held FROM scan_missing(42);"
say "It was moved by mistake, and is put back; what the scan found is dropped."
run mv "$aside/2023" "$disk"
show "SELECT missing_photos.cancel_job(job_id) FROM missing_photos.jobs WHERE state = 'held';"
show "$scan"

say "The USB disk is unplugged: its mount point is an empty folder. That is no deletion: nothing is flagged."
run mv "$usb" "$server/unplugged"
run mkdir "$usb"
show "$scan"
show "SELECT app_path, state, reason FROM missing_photos.roots ORDER BY app_path;"
show "$counts"

say "The disk is plugged in again."
run rmdir "$usb"
run mv "$server/unplugged" "$usb"
show "$scan"
show "$counts"

say "A folder is renamed. Its files are known by what they are; none has to be read, albums stay."
run mv "$disk/2024/birthday" "$disk/2024/anna"
show "SELECT files_seen, candidates, relinked, ambiguous, hashed_files FROM relink_missing(42);"
show "SELECT path FROM api_file WHERE path LIKE '/data/2024/%' ORDER BY path;"

say "Two photos are deleted for good. What would it take to remove them from the library, too?"
run rm "$disk/2023/holiday/IMG_01.jpg" "$disk/2023/holiday/IMG_02.jpg"
show "$scan"
show "SELECT * FROM missing_photos.delete_preview(42);"
show "SELECT jsonb_pretty(delete_missing(42) - 'job_id') AS delete_missing;"
show "SELECT count(*) AS photos FROM api_photo;"

say "On second thoughts: all of it is put back."
show "SELECT u.relation, u.outcome, u.rows
  FROM missing_photos.archives AS a, missing_photos.undo_delete(a.job_id) AS u;"
show "SELECT count(*) AS photos FROM api_photo;"

say "That was all; server and files are removed again."
