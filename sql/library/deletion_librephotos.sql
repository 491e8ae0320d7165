-- What a deletion means for LibrePhotos beyond its foreign keys.
--
-- references   what becomes of rows where the catalog can't tell, by "table.column": Django deletes a
--              photo's faces although the column may be NULL
-- traces       rows to be left behind when rows of the table "of" are deleted ({keys}: their "key"):
--              table, columns, select
-- rules        what is derived from rows that may go. A rule looks again at rows of "table", by its
--              column "key", when a row with that key went from a table under "touched":
--                  column, value, from, when   set the column where it differs; f is a row of "from"
--                                              that has the same key, o the row itself
--                  into, columns, select       add rows
--                  when alone                  delete the row t, and all that depends on it
--
-- The queries are written for many albums at once: what doesn't count is joined, not what counts (it
-- is little), and covers are looked for one by one until there are enough.
--
-- A trace or rule applies where all columns under "needs" exist and none of those under "unless":
-- that is how versions are told apart. They are carried out in this order.

CREATE FUNCTION missing_photos.deletion_librephotos()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'references', '{"api_face.photo_id": "delete"}'::jsonb,
		'traces', missing_photos.deletion_librephotos_traces(),
		'rules', missing_photos.deletion_librephotos_albums()
			|| missing_photos.deletion_librephotos_people())
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos IS
	'what LibrePhotos does beside its foreign keys when photos are deleted';

CREATE FUNCTION missing_photos.deletion_librephotos_traces()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- For the owner and for each user the photo was shared with. Stamped with the clock, so that a
	-- client that has already seen what changed before sees this too.
	SELECT $json$[
		{"table": "api_deletionlog", "of": "api_photo", "key": "id",
		 "needs": ["api_photo.id", "api_photo_shared_to.user_id", "api_deletionlog.entity_id"],
		 "columns": ["entity", "entity_id", "deleted_at", "owner_id"],
		 "select": "SELECT 'photo', d.photo::pg_catalog.text, pg_catalog.clock_timestamp(), d.viewer FROM (SELECT p.id AS photo, p.owner_id AS viewer FROM {schema}.api_photo AS p WHERE p.id {=} ANY ({keys}) UNION SELECT s.photo_id, s.user_id FROM {schema}.api_photo_shared_to AS s WHERE s.photo_id {=} ANY ({keys})) AS d ORDER BY d.photo, d.viewer"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_traces IS
	'what tells LibrePhotos''s clients that photos are gone';

CREATE FUNCTION missing_photos.deletion_librephotos_albums()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json$[
		{"name": "thing_count", "table": "api_albumthing", "key": "id", "column": "photo_count",
		 "needs": ["api_albumthing.photo_count"], "unless": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.albumthing_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden)) GROUP BY l.albumthing_id"},
		{"name": "thing_count_visible", "table": "api_albumthing", "key": "id",
		 "column": "photo_count",
		 "needs": ["api_albumthing.photo_count", "api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.albumthing_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden OR p.in_trashcan OR p.removed)) GROUP BY l.albumthing_id"},
		{"name": "thing_covers", "table": "api_albumthing", "key": "id",
		 "into": "api_albumthing_cover_photos",
		 "needs": ["api_albumthing_cover_photos.albumthing_id"],
		 "unless": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id", "api_albumthing_cover_photos.albumthing_id"],
		 "columns": ["albumthing_id", "photo_id"],
		 "select": "SELECT a.id, n.photo_id FROM (SELECT b.id, (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} b.id) AS covers FROM {schema}.api_albumthing AS b WHERE b.id {=} ANY ({keys})) AS a CROSS JOIN LATERAL (SELECT s.photo_id FROM (SELECT l.photo_id FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} a.id OFFSET 0) AS s WHERE (SELECT NOT p.hidden FROM {photo} AS p WHERE p.{photo.key} {=} s.photo_id) AND (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} a.id AND c.photo_id {=} s.photo_id) {=} 0 LIMIT 4 OPERATOR(pg_catalog.-) a.covers) AS n WHERE a.covers {<} 4"},
		{"name": "thing_covers_visible", "table": "api_albumthing", "key": "id",
		 "into": "api_albumthing_cover_photos",
		 "needs": ["api_albumthing_cover_photos.albumthing_id", "api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id", "api_albumthing_cover_photos.albumthing_id"],
		 "columns": ["albumthing_id", "photo_id"],
		 "select": "SELECT a.id, n.photo_id FROM (SELECT b.id, (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} b.id) AS covers FROM {schema}.api_albumthing AS b WHERE b.id {=} ANY ({keys})) AS a CROSS JOIN LATERAL (SELECT s.photo_id FROM (SELECT l.photo_id FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} a.id OFFSET 0) AS s WHERE (SELECT NOT p.hidden AND NOT p.in_trashcan AND NOT p.removed FROM {photo} AS p WHERE p.{photo.key} {=} s.photo_id) AND (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} a.id AND c.photo_id {=} s.photo_id) {=} 0 LIMIT 4 OPERATOR(pg_catalog.-) a.covers) AS n WHERE a.covers {<} 4"},
		{"name": "tag_count", "table": "api_tag", "key": "id", "column": "photo_count",
		 "needs": ["api_tag.photo_count", "api_tag_photos.tag_id"],
		 "touched": ["api_tag_photos.tag_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.tag_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_tag_photos AS l WHERE l.tag_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden OR p.in_trashcan OR p.removed)) GROUP BY l.tag_id"},
		{"name": "thing_modified", "table": "api_albumthing", "key": "id", "column": "last_modified",
		 "needs": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "place_modified", "table": "api_albumplace", "key": "id", "column": "last_modified",
		 "needs": ["api_albumplace.last_modified"],
		 "touched": ["api_albumplace_photos.albumplace_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "user_modified", "table": "api_albumuser", "key": "id", "column": "last_modified",
		 "needs": ["api_albumuser.last_modified"],
		 "touched": ["api_albumuser_photos.albumuser_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "auto_modified", "table": "api_albumauto", "key": "id", "column": "last_modified",
		 "needs": ["api_albumauto.last_modified"],
		 "touched": ["api_albumauto_photos.albumauto_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "empty_date_album", "table": "api_albumdate", "key": "id",
		 "touched": ["api_albumdate_photos.albumdate_id"],
		 "when": "NOT EXISTS (SELECT FROM {schema}.api_albumdate_photos AS l WHERE l.albumdate_id {=} t.id)"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_albums IS
	'what LibrePhotos derives from the photos of its albums and tags';

CREATE FUNCTION missing_photos.deletion_librephotos_people()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Who has no owner is never counted. The trash had another name in early 2024.
	SELECT $json$[
		{"name": "face_count_2024", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_face.person_label_probability", "api_photo.in_trashcan"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {owner} AS u ON u.{owner.key} {=} q.cluster_owner_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.in_trashcan AND c.person_label_probability OPERATOR(pg_catalog.>=) u.confidence_person GROUP BY c.person_id"},
		{"name": "face_count_early", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_face.person_label_probability", "api_photo.deleted"],
		 "unless": ["api_photo.in_trashcan"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {owner} AS u ON u.{owner.key} {=} q.cluster_owner_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.deleted AND c.person_label_probability OPERATOR(pg_catalog.>=) u.confidence_person GROUP BY c.person_id"},
		{"name": "face_count", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_photo.in_trashcan"],
		 "unless": ["api_face.person_label_probability"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.in_trashcan GROUP BY c.person_id"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_people IS
	'the faces that LibrePhotos counts for each person';
