-- Immich. One row of its asset table is a photo and its file. Its tables were plural until 2025,
-- and columns come and go; what we need is looked up.

CREATE FUNCTION missing_photos.preset_immich(library_schema name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '{
		"application": "Immich",
		"shape": "single",
		"tables": {
			"owner": {"name": ["user", "users"], "columns": {"key": "id"}},
			"photo": {"name": ["asset", "assets"],
			          "columns": {"key": "id", "owner": "ownerId", "path": "originalPath",
			                      "kind": "type", "offline": "isOffline", "external": "isExternal",
			                      "deleted_at": "deletedAt", "checksum": "checksum"},
			          "optional": {"status": "status", "algorithm": "checksumAlgorithm",
			                       "name": "originalFileName"}},
			"folder": {"name": ["library", "libraries"], "if_present": true,
			           "columns": {"owner": "ownerId", "paths": "importPaths"},
			           "optional": {"deleted_at": "deletedAt"}},
			"extra": {"name": ["asset_exif", "exif"], "if_present": true,
			          "columns": {"photo": "assetId", "size": "fileSizeInByte"}}
		},
		"file_types": {"video": "VIDEO"},
		"states": {"active": "active", "deleting": "deleted"},
		"digest": {"algorithm": "sha1"},
		"path_digest": {"algorithm": "sha1-path", "prefix": "path:"}
	}'::jsonb
$$;
COMMENT ON FUNCTION missing_photos.preset_immich IS 'what an Immich library looks like';
