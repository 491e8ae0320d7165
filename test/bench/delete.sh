#!/bin/bash
# delete.sh: how long a deletion takes, beside the same without anything kept, and beside an ORM.
#
#     test/bench/delete.sh DIR [large|wide|small]...      DIR: where the throwaway server goes
#
# large: 97,575 photos of which 14,014 are missing, as LibrePhotos holds them (one day, five things, one
# place, 0.2 albums and 1.5 faces per photo), on a copy of the database for each run: the bare set-based
# deletes with their foreign key checks, in one transaction and given what to delete, against
# delete_missing_photos as it is called, which finds that out, looks for the files, keeps everything
# and brings counters in line, and against its database's side alone. Goal: at most 1.5 times the
# bare ones.
#
# wide: the same with all columns and indexes of the application's, as large as its own (embeddings,
# captions, addresses: librephotos_wide.sql).
#
# small: 20,000 wide photos of which 2,000 are missing, 10.75 of 215 things per photo, 14,000 faces: ours
# beside what LibrePhotos does (django_delete.py): its newest code, an experimental one of it without an
# ORM, and that of October 2024 photo by photo, on LOOP_PHOTOS (40) of them, all in proportion. Commits
# wait for the disk here. Goals: 8 times faster than the newest, 500 times than photo by photo.
#
# All clients come by TCP with a password, as between LibrePhotos's containers. Medians of RUNS (5); what
# is compared takes turns. LAYOUTS: which of them. Libraries made once are used again as long as DIR is
# kept; MAKE_ONLY=1 makes them and ends. ADDRESS: where the server listens (tcp.sh).
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$1
shift
RUNS=${RUNS:-5}
LOOP_PHOTOS=${LOOP_PHOTOS:-40}
PYTHON=${PYTHON:-/usr/bin/python3}		# Django comes as Debian's packages
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

. test/bench/tcp.sh
psql() { client "$server" psql -X -Atq -v ON_ERROR_STOP=1 "$@"; }

start_server() {
    test/tools/server start "$server" shared_buffers=512MB max_wal_size=4GB
    let_clients_in "$server"
    mkdir -p "$server/disk" && chmod 755 "$server/disk"
}

make_library() {    # NAME LAYOUT wide|narrow PHOTOS MISSING [HOW MANY OF WHAT]
    local widen=() widened=()
    if PGDATABASE=$1 psql -o /dev/null -c 'SELECT 1 / (count(*) > 0)::int FROM missing_photos.roots' 2>/dev/null; then return; fi
    if [ "$3" = wide ]; then
        widen=(-f test/bench/librephotos_wide.sql -c 'SELECT fixture.widen()')
        widened=(-c 'SELECT fixture.stop_filling_in()')
    fi
    PGDATABASE=postgres psql -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1" 2>/dev/null
    PGDATABASE=$1 psql -o /dev/null -f "test/fixtures/$2.sql" -f test/fixtures/put.sql "${widen[@]}" \
        -f test/fixtures/fill_for_deletion.sql -c "SELECT fixture.fill_for_deletion($4, $5${6:+, $6})" \
        "${widened[@]}" -c 'CREATE EXTENSION missing_photos' \
        -c "SELECT missing_photos.attach_library('librephotos')" \
        -c "SELECT missing_photos.add_root('/data', '$server/disk')" -c 'VACUUM ANALYZE' 2>/dev/null
}

fresh_copy() {
    PGDATABASE=postgres psql -c 'DROP DATABASE IF EXISTS run' -c "CREATE DATABASE run TEMPLATE $1" \
        2>/dev/null
    PGDATABASE=run psql -o /dev/null -c "CREATE FUNCTION delete_part(uuid, text, text[], text[], boolean) RETURNS text
        LANGUAGE c AS '\$libdir/missing_photos', 'missing_photos_delete_unasked'" -c CHECKPOINT
}

# What every variant deletes, as tables with one key each.
chosen="CREATE TEMPORARY TABLE gone AS SELECT photo::KEYTYPE AS photo, (row_number() OVER () - 1)::integer AS n
          FROM missing_photos.library_missing_photos('1');
        CREATE TEMPORARY TABLE lost AS SELECT file, (row_number() OVER () - 1)::integer AS n
          FROM missing_photos.library_missing_files('1');
        CREATE UNIQUE INDEX ON gone (photo); ANALYZE gone; ANALYZE lost"

tables='face albumdate_photos albumthing_photos albumthing_cover_photos albumplace_photos
    albumuser_photos albumauto_photos photo_shared_to photo_files'
newest='thumbnail photo_caption photo_search photo_ocr photometadata metadatafile metadataedit
    photoshare tag_photos photo_stacks photo_duplicates'

# The least that does it; WHICH: which photos.
bare_sql() {
    local key=$1 which=$2 more=
    [ "$key" = id ] && more=$newest
    echo "UPDATE api_person SET cover_photo_id = NULL WHERE cover_photo_id IN ($which);
          UPDATE api_albumuser SET cover_photo_id = NULL WHERE cover_photo_id IN ($which);
          UPDATE api_person SET cover_face_id = NULL
           WHERE cover_face_id IN (SELECT id FROM api_face WHERE photo_id IN ($which));"
    [ "$key" = id ] && echo "UPDATE api_photostack SET primary_photo_id = NULL WHERE primary_photo_id IN ($which);
          UPDATE api_duplicate SET kept_photo_id = NULL WHERE kept_photo_id IN ($which);
          UPDATE api_stackreview SET kept_photo_id = NULL WHERE kept_photo_id IN ($which);"
    for table in $tables $more; do echo "DELETE FROM api_$table WHERE photo_id IN ($which);"; done
    echo "DELETE FROM api_photo WHERE $key IN ($which);"
}
files_sql='DELETE FROM api_photo_files WHERE file_id IN (SELECT file FROM lost);
    DELETE FROM api_file_embedded_media WHERE from_file_id IN (SELECT file FROM lost);
    DELETE FROM api_file_embedded_media WHERE to_file_id IN (SELECT file FROM lost);
    DELETE FROM api_file WHERE hash IN (SELECT file FROM lost);'

whole_sql='CALL delete_missing_photos(1, force => true);'

# The same without looking at files: batches of a thousand, a commit each.
ours_sql="DO \$\$
    DECLARE
        job uuid := gen_random_uuid();
        last integer := (SELECT max(n) / 1000 FROM gone);
    BEGIN
        FOR i IN 0 .. last LOOP
            PERFORM delete_part(job, '1', ARRAY(SELECT photo::text FROM gone WHERE n / 1000 = i), '{}', i = last);
            COMMIT;
        END LOOP;
        FOR i IN 0 .. (SELECT max(n) / 1000 FROM lost) LOOP
            PERFORM delete_part(job, '1', '{}', ARRAY(SELECT file FROM lost WHERE n / 1000 = i), false);
            COMMIT;
        END LOOP;
    END
    \$\$;"

# Milliseconds of SQL from standard input, and with the choice of what to delete before it, in one
# session on a fresh copy.
time_on_copy() {    # LIBRARY KEYTYPE
    local sql
    sql=$(cat)
    fresh_copy "$1"
    { echo "SET jit = off; SELECT 'start ' || extract(epoch FROM clock_timestamp()) * 1000;"
      echo "${chosen//KEYTYPE/$2}; RESET jit;"; echo "SELECT 'from ' || extract(epoch FROM clock_timestamp()) * 1000;"
      echo "$sql"
      echo "SELECT 'to ' || extract(epoch FROM clock_timestamp()) * 1000;"; } |
        PGDATABASE=run psql | awk '$1 == "start" { start = $2 } $1 == "from" { from = $2 }
            $1 == "to" { printf "%.1f %.1f\n", $2 - from, $2 - start }'
}

in_one() { echo 'BEGIN;'; cat; echo 'COMMIT;'; }
median() { cut -d ' ' -f "${1:-1}" | sort -n | sed -n "$(((RUNS + 1) / 2))p"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# Runs one of LibrePhotos's ways. What was done for some photos only stands for as many of all.
orm() {    # LIBRARY ARGUMENT...: milliseconds for all that is missing
    local library=$1 once statements each each_statements n
    shift
    fresh_copy "$library"
    read -r once statements each each_statements n < <(
        client "$server" env PGDATABASE=run "$PYTHON" test/bench/django_delete.py "$@")
    awk -v s="$statements" -v e="$each_statements" -v n="$n" -v what="$1" \
        'BEGIN { printf "    %s: %d statements\n", what, s + (n > 1 ? e * 2000 / n : 0) }' >>"$server/statements"
    awk -v o="$once" -v e="$each" -v n="$n" 'BEGIN { printf "%.1f\n", o + (n > 1 ? e * 2000 / n : 0) }'
}

large() {    # LAYOUT KEY KEYTYPE [wide]
    local bare choosing whole ours library=${4:-large}_$1
    make_library "$library" "$1" "${4:-narrow}" 97575 14014
    if [ -n "${MAKE_ONLY:-}" ]; then return; fi
    : >"$server/bare"; : >"$server/whole"; : >"$server/ours"
    for _ in $(seq "$RUNS"); do
        { bare_sql "$2" 'SELECT photo FROM gone'; echo "$files_sql"; } | in_one |
            time_on_copy "$library" "$3" >>"$server/bare"
        echo "$whole_sql" | time_on_copy "$library" "$3" >>"$server/whole"
        echo "$ours_sql" | time_on_copy "$library" "$3" >>"$server/ours"
    done
    bare=$(median <"$server/bare") choosing=$(median 2 <"$server/bare")
    whole=$(median <"$server/whole") ours=$(median <"$server/ours")
    printf '%s%s, goal 1.5:\n    bare deletes %s ms; the database side of ours %s ms, %s times\n' "$1" \
        "${4:+, wide}" "$bare" "$ours" "$(ratio "$ours" "$bare")"
    printf '    with finding out what to delete %s ms; all of ours %s ms, %s times (%s times the bare deletes)\n' \
        "$choosing" "$whole" "$(ratio "$whole" "$choosing")" "$(ratio "$whole" "$bare")"
}

wide() { large "$@" wide; }

# Which of its ways belong to a layout, and how much faster than them we want to be.
ways_of() {
    case $1 in
        librephotos_2024_10) echo "loop:500" ;;
        librephotos_2026) echo "batched:8 direct:8" ;;
    esac
}

small() {    # LAYOUT KEY KEYTYPE
    local ours bare way took library=small_$1
    make_library "$library" "$1" wide 20000 2000 '10.75, 215, 0.7'
    if [ -n "${MAKE_ONLY:-}" ]; then return; fi
    PGDATABASE=postgres psql -o /dev/null -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()'
    rm -f "$server"/way_*
    : >"$server/ours"; : >"$server/bare"; : >"$server/statements"
    for _ in $(seq "$RUNS"); do
        echo "$whole_sql" | time_on_copy "$library" "$3" >>"$server/ours"
        { bare_sql "$2" 'SELECT photo FROM gone'; echo "$files_sql"; } | in_one |
            time_on_copy "$library" "$3" >>"$server/bare"
        for way in $(ways_of "$1"); do
            orm "$library" "${way%:*}" "$LOOP_PHOTOS" >>"$server/way_${way%:*}"
        done
    done
    PGDATABASE=postgres psql -o /dev/null -c 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()'
    ours=$(median <"$server/ours") bare=$(median <"$server/bare")
    printf '%s: ours %s ms; bare deletes, told what to delete, %s ms\n' "$1" "$ours" "$bare"
    for way in $(ways_of "$1"); do
        took=$(median <"$server/way_${way%:*}")
        printf '    %-8s %10s ms, %s times ours (goal %s), %s times the bare deletes\n' "${way%:*}" "$took" \
            "$(ratio "$took" "$ours")" "${way#*:}" "$(ratio "$took" "$bare")"
    done
    sort -u "$server/statements"
}

start_server
for part in "${@:-large wide small}"; do
    for layout in ${LAYOUTS:-librephotos_2024_10 librephotos_2026}; do
        for which in $part; do
            case $layout in
                librephotos_2024_10) "$which" "$layout" image_hash varchar ;;
                librephotos_2026) "$which" "$layout" id uuid ;;
            esac
        done
    done
done
