#!/bin/bash
# delete.sh: how long a deletion takes, beside the same without anything kept, and beside an ORM.
#
#     test/bench/delete.sh DIR [large|small]...      DIR: where the throwaway server goes
#
# large: 97,575 photos of which 14,014 are missing, as LibrePhotos holds them (one day, five things, one
# place, 0.2 albums and 1.5 faces per photo), on a copy of the database for each run: the bare set-based
# deletes with their foreign key checks, in one transaction and given what to delete, against
# delete_missing_photos as it is called, which finds that out, looks for the files, keeps everything
# and brings counters in line, and against its database's side alone. Goal: at most 1.5 times the
# bare ones.
#
# small: 20,000 photos of which 2,000 are missing, eleven things per photo: ours, and Django's ORM as
# LibrePhotos uses it (django_delete.py): 500 photos at a time as its newest code does, and photo by
# photo as in October 2024, on LOOP_PHOTOS (20) of them, all in proportion. Commits wait for the disk
# here. Goals: 8 and 500 times faster.
#
# Medians of RUNS (5); what is compared takes turns. LAYOUTS: which of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$1
shift
RUNS=${RUNS:-5}
LOOP_PHOTOS=${LOOP_PHOTOS:-20}
PYTHON=${PYTHON:-/usr/bin/python3}		# Django comes as Debian's packages
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

psql() { test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"; }

make_library() {    # NAME LAYOUT PHOTOS MISSING THINGS
    PGDATABASE=postgres psql -c "CREATE DATABASE $1"
    PGDATABASE=$1 psql -o /dev/null -f "test/fixtures/$2.sql" -f test/fixtures/put.sql \
        -f test/fixtures/fill_for_deletion.sql -c "SELECT fixture.fill_for_deletion($3, $4, $5)" \
        -c 'CREATE EXTENSION missing_photos' -c "SELECT missing_photos.attach_library('librephotos')" \
        -c "SELECT missing_photos.add_root('/data', '$server/disk')" -c 'VACUUM ANALYZE' 2>/dev/null
}

fresh_copy() {
    PGDATABASE=postgres psql -c 'DROP DATABASE IF EXISTS run' -c "CREATE DATABASE run TEMPLATE $1" 2>/dev/null
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

orm() {    # ARGUMENT...: milliseconds for all that is missing
    local took n statements
    fresh_copy small
    read -r took n statements < <(PGDATABASE=run test/tools/server run "$server" env PGDATABASE=run \
        "$PYTHON" test/bench/django_delete.py "$@")
    echo "$took $n $statements" >>"$server/orm"
    awk -v t="$took" -v n="$n" 'BEGIN { printf "%.1f\n", t * 2000 / n }'
}

large() {    # LAYOUT KEY KEYTYPE
    local bare choosing whole ours
    make_library large "$1" 97575 14014 5
    : >"$server/bare"; : >"$server/whole"; : >"$server/ours"
    for _ in $(seq "$RUNS"); do
        { bare_sql "$2" 'SELECT photo FROM gone'; echo "$files_sql"; } | in_one | time_on_copy large "$3" >>"$server/bare"
        echo "$whole_sql" | time_on_copy large "$3" >>"$server/whole"
        echo "$ours_sql" | time_on_copy large "$3" >>"$server/ours"
    done
    bare=$(median <"$server/bare") choosing=$(median 2 <"$server/bare")
    whole=$(median <"$server/whole") ours=$(median <"$server/ours")
    printf '%s, goal 1.5:\n    bare deletes %s ms; the database side of ours %s ms, %s times\n' "$1" \
        "$bare" "$ours" "$(ratio "$ours" "$bare")"
    printf '    with finding out what to delete %s ms; all of ours %s ms, %s times (%s times the bare deletes)\n' \
        "$choosing" "$whole" "$(ratio "$whole" "$choosing")" "$(ratio "$whole" "$bare")"
    PGDATABASE=postgres psql -c 'DROP DATABASE large'
}

small() {    # LAYOUT KEY KEYTYPE
    local ours batched loop
    make_library small "$1" 20000 2000 11
    PGDATABASE=postgres psql -o /dev/null -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()'
    : >"$server/ours"; : >"$server/batched"; : >"$server/loop"; : >"$server/orm"
    for _ in $(seq "$RUNS"); do
        echo "$whole_sql" | time_on_copy small "$3" >>"$server/ours"
        orm batched >>"$server/batched"
        orm loop "$LOOP_PHOTOS" >>"$server/loop"
    done
    PGDATABASE=postgres psql -o /dev/null -c 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()'
    ours=$(median <"$server/ours") batched=$(median <"$server/batched") loop=$(median <"$server/loop")
    printf '%-20s ours %8s ms, batched %8s ms, %s times (goal 8), photo by photo %10s ms, %s times (goal 500)\n' \
        "$1" "$ours" "$batched" "$(ratio "$batched" "$ours")" "$loop" "$(ratio "$loop" "$ours")"
    awk '{ printf "    %d photos in %d statements\n", $2, $3 }' "$server/orm" | sort -u
    PGDATABASE=postgres psql -c 'DROP DATABASE small'
}

test/tools/server start "$server" shared_buffers=512MB max_wal_size=4GB
mkdir -p "$server/disk" && chmod 755 "$server/disk"
for part in "${@:-large small}"; do
    for layout in ${LAYOUTS:-librephotos_2024_10 librephotos_2026}; do
        for which in $part; do
            case $layout in
                librephotos_2024_10) "$which" "$layout" image_hash varchar ;;
                librephotos_2026) "$which" "$layout" id uuid ;;
            esac
        done
    done
done
