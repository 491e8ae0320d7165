-- The verbs applications call. Owner and photo are anycompatible: 42, '42', a uuid or numeric
-- column and an untyped parameter all reach the one function.

CREATE FUNCTION check_files(
	photo anycompatible,
	OUT file text, OUT path text, OUT state missing_photos.file_state, OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_check_files'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 3;
COMMENT ON FUNCTION check_files IS
	'looks at one photo''s files on disk and brings the library in line with what it finds';

CREATE FUNCTION scan_missing(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL,
	relink boolean DEFAULT NULL)
RETURNS missing_photos.scan_result
AS 'MODULE_PATHNAME', 'missing_photos_scan_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION scan_missing IS
	'looks for all files of an owner''s photos, flags those that are gone and restores those that are back, all in the caller''s transaction; with relink (not given: the setting missing_photos.relink) files that moved are found first';

CREATE PROCEDURE scan_missing_photos(
	owner anycompatible, batch_size integer DEFAULT 5000, force boolean DEFAULT false,
	job_id uuid DEFAULT NULL, relink boolean DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_scan_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE scan_missing_photos IS
	'scan_missing with a commit after each batch, so that progress shows and no transaction stays open while the disk is read';
