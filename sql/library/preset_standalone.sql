-- Standalone: tables of our own (standalone_tables.sql), for those who have none. Every key is led
-- by the owner, so every join is too.

CREATE FUNCTION missing_photos.preset_standalone(library_schema name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '{
		"application": "standalone",
		"shape": "linked",
		"tables": {
			"owner": {"name": "owners", "columns": {"key": "owner", "folders": "folders"}},
			"photo": {"name": "photos", "columns": {"key": "id", "owner": "owner",
			          "main": "main_file", "video": "video", "removed": "removed",
			          "trashed": "in_trash", "added": "added_at"}},
			"file": {"name": "files", "columns": {"key": "hash", "owner": "owner", "path": "path",
			         "type": "type", "missing": "missing", "size": "size"}},
			"link": {"name": "photo_files",
			         "columns": {"owner": "owner", "photo": "photo", "file": "file"}},
			"derived_photo": {"name": "photos", "columns": {"photo": "id", "hash": "id"}},
			"derived_face": {"name": "faces", "if_present": true,
			                 "columns": {"photo": "photo", "image": "image"}},
			"job": {"name": "jobs",
			        "columns": {"key": "id", "type": "kind", "owner": "owner",
			                    "finished": "finished", "failed": "failed",
			                    "cancelled": "cancelled", "queued": "queued_at",
			                    "started": "started_at", "ended": "finished_at", "current": "done",
			                    "target": "total", "step": "step", "result": "result"}}
		},
		"file_types": {"image": "image", "video": "video", "metadata": "metadata", "raw": "raw"},
		"job_types": {"scan": "scan", "delete": "delete"},
		"digest": {"algorithm": "md5", "length": 32},
		"owner_in_key": 33,
		"makes_photos": true,
		"same_rows": {"faces": ["person"]},
		"derived": {"base": "/derived", "patterns": ["thumbnails/%s.webp"]}
	}'::jsonb || jsonb_build_object('deletion', missing_photos.deletion_standalone())
$$;
COMMENT ON FUNCTION missing_photos.preset_standalone IS 'what our own tables look like';
