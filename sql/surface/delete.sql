-- Deleting what is gone for good.

CREATE FUNCTION delete_missing(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'missing_photos_delete_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION delete_missing IS
	'deletes an owner''s missing photos and all that depends on them, after looking for their files once more; {"status": true, "job_id": …}, or {"status": false, "job_id": …, "error": …} with nothing changed';

CREATE PROCEDURE delete_missing_photos(
	owner anycompatible, batch_size integer DEFAULT 1000, force boolean DEFAULT false,
	job_id uuid DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_delete_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE delete_missing_photos IS
	'delete_missing with a commit after each batch; called again it goes on with what is left';
