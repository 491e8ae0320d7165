-- What a deletion would take, what it took, and the way back.

CREATE FUNCTION missing_photos.undo_delete(
	job_id uuid, OUT relation text, OUT outcome text, OUT rows bigint, OUT key jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_undo_delete'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 30;
COMMENT ON FUNCTION missing_photos.undo_delete IS
	'puts back what a deletion took, where nothing is in its way; first a row for each one that could not be put back, with the reason and its key, then per table how many were restored';

CREATE FUNCTION missing_photos.delete_preview(
	owner anycompatible, OUT relation text, OUT action text, OUT rows bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_delete_preview'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 30;
COMMENT ON FUNCTION missing_photos.delete_preview IS
	'what deleting an owner''s missing photos and files would do: per table, what happens to how many rows';

CREATE FUNCTION missing_photos.undo_retention()
RETURNS interval
AS 'MODULE_PATHNAME', 'missing_photos_undo_retention'
LANGUAGE c STABLE PARALLEL SAFE;
COMMENT ON FUNCTION missing_photos.undo_retention IS
	'for how long a deletion can be undone (setting missing_photos.undo_retention)';

CREATE FUNCTION missing_photos.purge_archive()
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH due AS (
		DELETE FROM missing_photos.archive AS a
		 WHERE a.deleted_at + missing_photos.undo_retention() <= clock_timestamp()
		RETURNING a.job_id
	), rows AS (
		DELETE FROM missing_photos.archived_rows AS kept USING due WHERE kept.job_id = due.job_id
	), losses AS (
		DELETE FROM missing_photos.archived_loss AS kept USING due WHERE kept.archived_by = due.job_id
	)
	SELECT count(*) FROM due
$$;
COMMENT ON FUNCTION missing_photos.purge_archive IS
	'forgets deletions that are older than missing_photos.undo_retention, and returns how many; they can''t be undone any more';

CREATE VIEW missing_photos.archives WITH (security_barrier) AS
	SELECT a.job_id, a.owner, a.role, a.deleted_at, a.photos, a.files, a.rows,
	       COALESCE(kept.rows, 0) AS rows_kept,
	       COALESCE(kept.bytes, 0) AS bytes,
	       a.undone_at, a.deleted_at + missing_photos.undo_retention() AS purge_after
	  FROM missing_photos.archive AS a
	  LEFT JOIN LATERAL (SELECT pg_catalog.sum(r.row_count) AS rows,
	                            pg_catalog.sum(pg_catalog.pg_column_size(r.row_values)) AS bytes
	                       FROM missing_photos.archived_rows AS r
	                      WHERE r.job_id = a.job_id) AS kept ON true
	 WHERE a.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.archives IS 'deletions that can be undone';
COMMENT ON COLUMN missing_photos.archives.rows IS 'rows that were deleted';
COMMENT ON COLUMN missing_photos.archives.rows_kept IS
	'rows in the archive: deleted, changed and added ones; after undo_delete, those that could not be put back';
COMMENT ON COLUMN missing_photos.archives.bytes IS 'what the archive takes on disk';
COMMENT ON COLUMN missing_photos.archives.purge_after IS
	'from when on missing_photos.purge_archive() forgets it';
