-- Files that moved are found and linked again.

CREATE FUNCTION relink_missing(
	owner anycompatible, under text DEFAULT NULL, dry_run boolean DEFAULT false)
RETURNS missing_photos.relink_result
AS 'MODULE_PATHNAME', 'missing_photos_relink_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION relink_missing IS
	'looks for an owner''s missing files in the owner''s folders, or below one, and gives their rows the paths where they are now; a dry run only tells, in missing_photos.candidates';

CREATE PROCEDURE relink_missing_photos(
	owner anycompatible, under text DEFAULT NULL, batch_size integer DEFAULT 5000,
	job_id uuid DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_relink_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE relink_missing_photos IS
	'relink_missing with a commit after each batch, so that no transaction stays open while the disk is read';

CREATE FUNCTION missing_photos.choose_candidate(file anycompatible, path text)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_choose_candidate'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION missing_photos.choose_candidate IS
	'gives a missing file the path that missing_photos.candidates offers for it';

CREATE VIEW missing_photos.candidates WITH (security_barrier) AS
	SELECT c.owner, photo.id AS photo, c.file, c.old_path, c.path, c.reason, c.certain, c.found_at,
	       c.job_id
	  FROM missing_photos.candidate AS c
	 CROSS JOIN LATERAL (SELECT DISTINCT p.id FROM pg_catalog.unnest(c.photos) AS p (id)) AS photo
	 WHERE missing_photos.sees_pair(photo.id, c.file);
COMMENT ON VIEW missing_photos.candidates IS
	'files that may be the missing ones; choose_candidate(file, path) links one';
COMMENT ON COLUMN missing_photos.candidates.old_path IS 'where the file was';
COMMENT ON COLUMN missing_photos.candidates.path IS 'a file that may be it';
COMMENT ON COLUMN missing_photos.candidates.certain IS
	'a dry run found it; relink_missing would link it by itself';
