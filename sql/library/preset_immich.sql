-- Immich. One row of its asset table is a photo and its file. Its tables were plural until 2025,
-- and columns come and go; what we need is looked up.

CREATE FUNCTION missing_photos.preset_immich(library_schema name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('deletion', missing_photos.deletion_immich()) || '{
		"application": "Immich",
		"shape": "single",
		"tables": {
			"owner": {"name": ["user", "users"], "columns": {"key": "id"}},
			"photo": {"name": ["asset", "assets"],
			          "columns": {"key": "id", "owner": "ownerId", "path": "originalPath",
			                      "kind": "type", "offline": "isOffline", "external": "isExternal",
			                      "deleted_at": "deletedAt", "checksum": "checksum"},
			          "optional": {"status": "status", "algorithm": "checksumAlgorithm",
			                       "name": "originalFileName", "sidecar": "sidecarPath"}},
			"folder": {"name": ["library", "libraries"], "if_present": true,
			           "columns": {"owner": "ownerId", "paths": "importPaths"},
			           "optional": {"deleted_at": "deletedAt"}},
			"extra": {"name": ["asset_exif", "exif"], "if_present": true,
			          "columns": {"photo": "assetId", "size": "fileSizeInByte"}},
			"flight": {"name": "move_history", "if_present": true,
			           "columns": {"photo": "entityId", "kind": "pathType",
			                       "old": "oldPath", "new": "newPath"}},
			"sidecar": {"name": ["asset_file", "asset_files"], "if_present": true,
			            "columns": {"key": "id", "photo": "assetId", "path": "path",
			                        "kind": "type"}},
			"derived_photo": {"name": ["asset", "assets"], "columns": {"photo": "id"},
			                  "optional": {"encoded": "encodedVideoPath",
			                               "preview": "previewPath", "small": "thumbnailPath"}},
			"derived_file": {"name": ["asset_file", "asset_files"], "if_present": true,
			                 "columns": {"photo": "assetId", "path": "path", "kind": "type"}},
			"derived_person": {"name": ["person", "persons"], "if_present": true,
			                   "columns": {"face": "thumbnailPath"}}
		},
		"file_types": {"video": "VIDEO"},
		"states": {"active": "active", "deleting": "deleted", "flying": "original",
		           "sidecar": "sidecar"},
		"derived": {"base": "/usr/src/app",
		            "kinds": ["preview", "thumbnail", "fullsize", "encoded_video"]},
		"digest": {"algorithm": "sha1"},
		"path_digest": {"algorithm": "sha1-path", "prefix": "path:"}
	}'::jsonb
$$;
COMMENT ON FUNCTION missing_photos.preset_immich IS 'what an Immich library looks like';
