-- LibrePhotos. Its layouts differ in the photo's key, in uniqueness and in the job table; all of
-- that is looked up.

CREATE FUNCTION missing_photos.preset_librephotos(library_schema name)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'application', 'LibrePhotos',
		'shape', 'linked',
		'tables', jsonb_build_object(
			'owner', '{"name": "api_user", "columns": {"key": "id"},
			           "optional": {"folder": "scan_directory"}}'::jsonb,
			'photo', jsonb_build_object('name', 'api_photo', 'columns', jsonb_build_object(
				'key', COALESCE(missing_photos.contract_key(
					library_schema, 'api_photo', 'api_photo_files', 'photo_id'), 'id'),
				'owner', 'owner_id', 'main', 'main_file_id', 'video', 'video'),
				'optional', '{"hash": "image_hash", "removed": "removed",
				              "trashed": "in_trashcan"}'::jsonb),
			'file', '{"name": "api_file", "columns": {"key": "hash", "path": "path",
			          "type": "type", "missing": "missing"}}'::jsonb,
			'link', '{"name": "api_photo_files",
			          "columns": {"photo": "photo_id", "file": "file_id"}}'::jsonb,
			'job', '{"name": "api_longrunningjob", "if_present": true,
			         "columns": {"key": "job_id", "type": "job_type", "owner": "started_by_id",
			                     "finished": "finished", "failed": "failed", "queued": "queued_at",
			                     "started": "started_at", "ended": "finished_at"},
			         "optional": {"current": "progress_current", "target": "progress_target",
			                      "step": "progress_step", "result": "result",
			                      "cancelled": "cancelled"}}'::jsonb),
		'file_types', '{"image": "1", "video": "2", "metadata": "3", "raw": "4"}'::jsonb,
		'job_types', '{"scan": "14", "delete": "5"}'::jsonb,
		-- A file's key is the MD5 of its content and then its owner's id.
		'digest', '{"algorithm": "md5", "length": 32}'::jsonb,
		'owner_in_key', 33)
$$;
COMMENT ON FUNCTION missing_photos.preset_librephotos IS
	'what a LibrePhotos library looks like';
