-- What a deletion means for the standalone tables; see deletion_librephotos.sql.

CREATE FUNCTION missing_photos.deletion_standalone()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json${
		"rules": [
			{"name": "album_count", "table": "albums", "key": "id", "column": "photo_count",
			 "touched": ["album_photos.album"],
			 "value": "COALESCE(f.photos, 0)",
			 "from": "SELECT l.album AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.album_photos AS l WHERE l.album {=} ANY ({keys}) GROUP BY l.album"},
			{"name": "face_count", "table": "people", "key": "id", "column": "face_count",
			 "touched": ["faces.person"],
			 "value": "COALESCE(f.faces, 0)",
			 "from": "SELECT l.person AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.faces AS l WHERE l.person {=} ANY ({keys}) GROUP BY l.person"},
			{"name": "empty_date_album", "table": "albums", "key": "id",
			 "touched": ["album_photos.album"],
			 "when": "t.kind {=} 'date' AND NOT EXISTS (SELECT FROM {schema}.album_photos AS l WHERE l.owner {=} t.owner AND l.album {=} t.id)"}
		]
	}$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_standalone IS
	'counters and albums of the standalone tables that follow a deletion';
