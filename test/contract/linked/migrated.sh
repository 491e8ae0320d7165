# migrated.sh SERVER LAYOUT: the application moves on to a newer layout under an attached library.
# check_library says so, nothing is misjudged meanwhile, and attaching again is one call.
set -eu
[ "$2" = librephotos_2024_10 ] || exit 0
server=$1
export PGDATABASE=contract
sql() { test/tools/server psql "$server" -qAt -v ON_ERROR_STOP=1 "$@"; }
is() { if [ "$1" = "$2" ]; then echo "ok - $3"; else printf 'not ok - %s\n# got: %s\n# wanted: %s\n' "$3" "$1" "$2"; fi; }

before=$(sql -c "SELECT * FROM missing_photos.library_counts(NULL) ORDER BY 1")
# As the application's own migrations do it: a uuid key beside the hash, links moved over, paths unique.
sql <<'SQL'
BEGIN;
ALTER TABLE api_photo ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE api_photo_files ADD COLUMN new_id uuid;
UPDATE api_photo_files AS l SET new_id = p.id FROM api_photo AS p WHERE p.image_hash = l.photo_id;
ALTER TABLE api_photo_files DROP COLUMN photo_id;
ALTER TABLE api_photo_files RENAME COLUMN new_id TO photo_id;
ALTER TABLE api_photo DROP CONSTRAINT api_photo_pkey CASCADE;
ALTER TABLE api_photo ADD PRIMARY KEY (id);
ALTER TABLE api_photo_files ADD FOREIGN KEY (photo_id) REFERENCES api_photo ON DELETE CASCADE;
CREATE INDEX ON api_photo_files (photo_id);
ALTER TABLE api_file ALTER COLUMN path SET NOT NULL, ADD UNIQUE (path);
ALTER TABLE api_longrunningjob ADD COLUMN progress_step varchar(100), ADD COLUMN result jsonb,
	ADD COLUMN cancelled boolean NOT NULL DEFAULT false;
ALTER TABLE api_longrunningjob ALTER COLUMN cancelled DROP DEFAULT;
COMMIT;
SQL
state=$(sql -v VERBOSITY=sqlstate -c 'SELECT missing_photos.check_library()' 2>&1 | sed 's/.*ERROR: *//' || true)
is "$state" 55000 "after a migration check_library says that the library has changed"
sql -c "SELECT missing_photos.attach_library('librephotos')"
is "$(sql -c 'SELECT missing_photos.check_library()' && echo in order)" "
in order" "attached again: in order"
is "$(sql -c "SELECT * FROM missing_photos.library_counts(NULL) ORDER BY 1")" "$before" "the same counts"
is "$(sql -c "SELECT layout FROM missing_photos.attached_library" | grep -c 'by id (uuid), links to files not unique')" 1 "the layout is the newer one"
sql -c "TRUNCATE t.map" -c "SELECT t.map('{1,2,12,21,112}', 40)"
is "$(sql -c "SELECT t.lose('12', '{10}', '{image}')")" "10 image changed main->raw" "marks work on it"
is "$(sql -c "SELECT t.back('12', '{10}')")" "10 image changed linked" "both ways"
