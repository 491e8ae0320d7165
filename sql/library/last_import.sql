-- library_last_import: when the application last looked for new files itself.

CREATE FUNCTION missing_photos.generate_last_import(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_last_import', 'of_owner text',
		'TABLE (finished_at timestamptz)', missing_photos.contract_reads(1),
		CASE WHEN names ? 'job' AND names ->> 'job_import' <> 'NULL' THEN $body$
	SELECT pg_catalog.max(j.{job.ended})::pg_catalog.timestamptz
	  FROM {job} AS j
	 WHERE j.{job.owner} {=} $1::{job.owner:type} AND j.{job.type} {=} {job_import}::{job.type:type}
	   AND j.{job.finished} AND NOT j.{job.failed}$body$
			|| CASE WHEN names ? 'job.cancelled' THEN ' AND NOT j.{job.cancelled}' ELSE '' END || E'\n'
		ELSE $body$
	SELECT NULL::pg_catalog.timestamptz
$body$ END,
		'when an owner''s last scan by the application itself ended; NULL where it keeps no such jobs')
$$;
COMMENT ON FUNCTION missing_photos.generate_last_import IS 'defines library_last_import';
