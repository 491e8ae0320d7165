#!/bin/bash
# delete.sh: how long a deletion takes, beside the same without anything kept, and beside LibrePhotos.
#
#     test/bench/delete.sh DIR        DIR: where the throwaway server goes
#
# 97,575 photos of which 14,014 are missing, as LibrePhotos holds them (one day, five things, one place,
# 0.2 albums and 1.5 faces per photo), on a copy of the database for each run: the bare set-based
# deletes with their foreign key checks, and ours in batches of 1,000 with a commit each. Goal: at most
# 1.5 times the bare ones. Then 20,000 photos of which 2,000 are missing: ours, the statements of
# LibrePhotos's newest code (batches of 500; by its rules, read off its behaviour), and a loop over
# photos as of October 2024 (on 20 of them). Goals: 8 and 500 times faster. Medians of RUNS (3), the
# two that are compared in turns.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$1
RUNS=${RUNS:-3}
trap 'test/tools/server stop "$server" immediate 2>/dev/null || true' EXIT

psql() { test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"; }

make_library() {    # NAME LAYOUT PHOTOS MISSING
    PGDATABASE=postgres psql -c "CREATE DATABASE $1"
    PGDATABASE=$1 psql -o /dev/null -f "test/fixtures/$2.sql" -f test/fixtures/put.sql \
        -f test/fixtures/fill_for_deletion.sql -c "SELECT fixture.fill_for_deletion($3, $4)" \
        -c 'CREATE EXTENSION missing_photos' -c "SELECT missing_photos.attach_library('librephotos')" \
        -c 'VACUUM ANALYZE'
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

# An ORM fetches what it is about to delete and names the rows one by one, 100 keys to a statement.
orm_sql() {
    local key=$1 photos
    for first in $(seq 0 500 1999); do
        photos="SELECT photo FROM gone WHERE n >= $first AND n < $first + 500"
        echo "SELECT DISTINCT albumthing_id FROM api_albumthing_photos WHERE photo_id IN ($photos);"
        echo "SELECT * FROM api_photo WHERE $key IN ($photos);"
        for part in 0 100 200 300 400; do
            part="SELECT photo FROM gone WHERE n >= $((first + part)) AND n < $((first + part)) + 100"
            echo "SELECT * FROM api_face WHERE photo_id IN ($part);"
            bare_sql "$key" "$part"
        done
    done
    echo "SELECT format('UPDATE api_albumthing SET photo_count = (SELECT count(*) FROM api_albumthing_photos l JOIN api_photo p
            ON p.$key = l.photo_id WHERE l.albumthing_id = %s AND NOT p.hidden) WHERE id = %s', id, id),
        format('SELECT count(*) FROM api_albumthing_cover_photos WHERE albumthing_id = %s', id),
        format('INSERT INTO api_albumthing_cover_photos (albumthing_id, photo_id) SELECT %s, p.$key FROM api_albumthing_photos l
            JOIN api_photo p ON p.$key = l.photo_id WHERE l.albumthing_id = %s AND NOT p.hidden LIMIT 1 ON CONFLICT DO NOTHING', id, id)
        FROM api_albumthing WHERE owner_id = 1 \\gexec"
    echo "$files_sql"
}

# One photo at a time: each album it is in is fetched, it is taken out, and the album counted anew.
loop_sql() {
    local key=$1
    echo "SELECT format('SELECT * FROM api_album%1\$s WHERE id = %2\$s', kind, album),
        format('DELETE FROM api_album%1\$s_photos WHERE album%1\$s_id = %2\$s AND photo_id = %3\$L', kind, album, photo),
        CASE kind WHEN 'thing' THEN format('UPDATE api_albumthing SET photo_count = (SELECT count(*) FROM api_albumthing_photos l
            JOIN api_photo p ON p.$key = l.photo_id WHERE l.albumthing_id = %1\$s AND NOT p.hidden) WHERE id = %1\$s', album) END
        FROM (SELECT g.n, g.photo, 'date' AS kind, albumdate_id AS album FROM gone g JOIN api_albumdate_photos l ON l.photo_id = g.photo
              UNION ALL SELECT g.n, g.photo, 'thing', albumthing_id FROM gone g JOIN api_albumthing_photos l ON l.photo_id = g.photo
              UNION ALL SELECT g.n, g.photo, 'place', albumplace_id FROM gone g JOIN api_albumplace_photos l ON l.photo_id = g.photo
              UNION ALL SELECT g.n, g.photo, 'user', albumuser_id FROM gone g JOIN api_albumuser_photos l ON l.photo_id = g.photo) AS a
        WHERE n < 20 ORDER BY n \\gexec"
    for n in $(seq 0 19); do
        echo "SELECT * FROM api_face WHERE photo_id = (SELECT photo FROM gone WHERE n = $n);"
        bare_sql "$key" "SELECT photo FROM gone WHERE n = $n"
    done
}

# Milliseconds of SQL from standard input after the choice, in one session on a fresh copy.
time_on_copy() {    # LIBRARY KEYTYPE
    local sql
    sql=$(cat)
    fresh_copy "$1"
    { echo "${chosen//KEYTYPE/$2};"; echo "SELECT 'from ' || extract(epoch FROM clock_timestamp()) * 1000;"
      echo "$sql"
      echo "SELECT 'to ' || extract(epoch FROM clock_timestamp()) * 1000;"; } |
        PGDATABASE=run psql | awk '$1 == "from" { from = $2 } $1 == "to" { printf "%.1f\n", $2 - from }'
}

in_one() { echo 'BEGIN;'; cat; echo 'COMMIT;'; }
median() { sort -n | sed -n "$(((RUNS + 1) / 2))p"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

large() {    # LAYOUT KEY KEYTYPE
    make_library large "$1" 97575 14014
    : >"$server/bare"; : >"$server/ours"
    for _ in $(seq "$RUNS"); do
        { bare_sql "$2" 'SELECT photo FROM gone'; echo "$files_sql"; } | in_one | time_on_copy large "$3" >>"$server/bare"
        echo "$ours_sql" | time_on_copy large "$3" >>"$server/ours"
    done
    local bare ours
    bare=$(median <"$server/bare") ours=$(median <"$server/ours")
    printf '%-22s %10s ms bare, %10s ms ours, ratio %s (goal 1.5)\n' "$1" "$bare" "$ours" "$(ratio "$ours" "$bare")"
    PGDATABASE=postgres psql -c 'DROP DATABASE large'
}

small() {    # LAYOUT KEY KEYTYPE
    make_library small "$1" 20000 2000
    : >"$server/ours"; : >"$server/orm"; : >"$server/loop"
    for _ in $(seq "$RUNS"); do
        echo "$ours_sql" | time_on_copy small "$3" >>"$server/ours"
        orm_sql "$2" | in_one | time_on_copy small "$3" >>"$server/orm"
        loop_sql "$2" | time_on_copy small "$3" >>"$server/loop"
    done
    local ours orm loop
    ours=$(median <"$server/ours") orm=$(median <"$server/orm") loop=$(median <"$server/loop")
    loop=$(awk -v l="$loop" 'BEGIN { print l * 100 }')
    printf '%-22s %10s ms ours, %10s ms newest (%s times), %10s ms photo by photo (%s times), statements alone\n' \
        "$1" "$ours" "$orm" "$(ratio "$orm" "$ours")" "$loop" "$(ratio "$loop" "$ours")"
    PGDATABASE=postgres psql -c 'DROP DATABASE small'
}

test/tools/server start "$server" shared_buffers=512MB max_wal_size=4GB
large librephotos_2024_10 image_hash varchar
large librephotos_2026 id uuid
small librephotos_2024_10 image_hash varchar
small librephotos_2026 id uuid
