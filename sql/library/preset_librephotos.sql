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
				              "trashed": "in_trashcan", "added": "added_on",
				              "rating": "rating"}'::jsonb),
			'file', '{"name": "api_file", "columns": {"key": "hash", "path": "path",
			          "type": "type", "missing": "missing"}}'::jsonb,
			'link', '{"name": "api_photo_files",
			          "columns": {"photo": "photo_id", "file": "file_id"}}'::jsonb,
			-- Thumbnails have a table of their own since 2026.
			'derived_photo', jsonb_build_object('name', 'api_photo', 'columns', jsonb_build_object(
				'photo', COALESCE(missing_photos.contract_key(
					library_schema, 'api_photo', 'api_photo_files', 'photo_id'), 'id'),
				'hash', 'image_hash'), 'optional', thumbnails),
			'derived_thumbnail', jsonb_build_object('name', 'api_thumbnail', 'if_present', true,
				'columns', '{"photo": "photo_id"}'::jsonb, 'optional', thumbnails),
			'derived_face', '{"name": "api_face", "if_present": true,
			                  "columns": {"photo": "photo_id", "image": "image"}}'::jsonb,
			'derived_file', '{"name": "api_file", "columns": {"path": "path"}}'::jsonb,
			'job', '{"name": "api_longrunningjob", "if_present": true,
			         "columns": {"key": "job_id", "type": "job_type", "owner": "started_by_id",
			                     "finished": "finished", "failed": "failed", "queued": "queued_at",
			                     "started": "started_at", "ended": "finished_at"},
			         "optional": {"current": "progress_current", "target": "progress_target",
			                      "step": "progress_step", "result": "result",
			                      "cancelled": "cancelled"}}'::jsonb),
		'file_types', '{"image": "1", "video": "2", "metadata": "3", "raw": "4"}'::jsonb,
		'job_types', '{"scan": "14", "delete": "5", "import": "1"}'::jsonb,
		-- A file's key is the MD5 of its content and then its owner's id.
		'digest', '{"algorithm": "md5", "length": 32}'::jsonb,
		'owner_in_key', 33,
		'deletion', missing_photos.deletion_librephotos(),
		-- Found again on a photo imported again, a person is no other face of that person.
		'same_rows', '{"api_face": ["person_id"]}'::jsonb,
		-- What lies in MEDIA_ROOT under a name made of image_hash.
		'derived', '{"base": "/protected_media", "patterns": [
			"thumbnails_big/%s.webp",
			"square_thumbnails/%s.webp", "square_thumbnails/%s.mp4",
			"square_thumbnails_small/%s.webp", "square_thumbnails_small/%s.mp4",
			"embedded_media/%s_1.mp4", "embedded_media/%s_motion.mp4",
			"transcoded/%s.mp4"]}'::jsonb)
	  FROM (SELECT '{"big": "thumbnail_big", "square": "square_thumbnail",
	                 "small": "square_thumbnail_small"}'::jsonb AS thumbnails) AS columns
$$;
COMMENT ON FUNCTION missing_photos.preset_librephotos IS
	'what a LibrePhotos library looks like';
