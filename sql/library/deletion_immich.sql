-- What a deletion means for Immich beyond its foreign keys; see deletion_librephotos.sql for what the
-- parts mean. Two more are used here:
--
-- instead      a row that would go with what it references references another row instead, where there
--              is one: {"table", "column", "value"}; t is the row, {keys} what goes
-- renewed      columns of which rows put back get new values, by their defaults: clients tell by them
--              what they have yet to fetch, and have been told meanwhile that the rows are gone
--
-- A stack shows its primary asset, which must be there. When that goes, another one of the stack takes
-- its place; a stack of which only one is left is none any more. A live photo's video is hidden; one
-- that outlives its photo is shown.

CREATE FUNCTION missing_photos.deletion_immich()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json${
		"renewed": ["updateId", "updatedAt"],
		"instead": [
			{"table": "stack", "column": "primaryAssetId",
			 "needs": ["stack.primaryAssetId", "asset.stackId", "asset.visibility"],
			 "value": "SELECT m.id FROM {photo} AS m WHERE m.\"stackId\" {=} t.id AND m.visibility::pg_catalog.text {=} 'timeline' AND NOT m.id {=} ANY ({keys}) AND (SELECT pg_catalog.count(*) FROM {photo} AS n WHERE n.\"stackId\" {=} t.id AND NOT n.id {=} ANY ({keys})) {>} 1 ORDER BY m.{photo.offline}, m.{photo.deleted_at} IS NOT NULL, m.id LIMIT 1"}
		],
		"rules": [
			{"name": "stack_of_one", "table": "stack", "key": "id",
			 "needs": ["stack.primaryAssetId", "asset.stackId"],
			 "touched": ["asset.stackId"],
			 "when": "(SELECT pg_catalog.count(*) FROM {photo} AS m WHERE m.\"stackId\" {=} t.id) {<} 2"},
			{"name": "video_alone", "table": "asset", "key": "id", "column": "visibility",
			 "needs": ["asset.livePhotoVideoId", "asset.visibility"],
			 "touched": ["asset.livePhotoVideoId"],
			 "value": "COALESCE('timeline', o.visibility)",
			 "when": "o.visibility::pg_catalog.text {=} 'hidden' AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.\"livePhotoVideoId\" {=} o.id)"}
		]
	}$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_immich IS
	'what Immich does beside its foreign keys when assets are deleted';
