-- library_job: keeps the application's own job table in step, so that its page shows our work.

CREATE FUNCTION missing_photos.generate_job(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_job',
		'of_job uuid, of_owner text, kind text, state text, done integer, total integer, '
		|| 'error text',
		'void', 'LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE',
		CASE WHEN names ? 'job'
		     THEN missing_photos.job_body(names) ELSE $body$
BEGIN
	-- This library keeps no jobs.
END
$body$ END, 'writes a job''s state into the application''s own job table, where it has one')
$$;
COMMENT ON FUNCTION missing_photos.generate_job IS 'defines library_job';

-- Layouts differ in where progress goes and how an ending is told. A cell is the column, the value
-- when a job starts, while it runs, and when it ends; a NULL leaves the column as it is.
CREATE FUNCTION missing_photos.job_cells(names jsonb)
RETURNS TABLE (place integer, name text, at_start text, under_way text, at_end text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT cell.place, '{job.' || cell.name || '}', cell.at_start, cell.under_way, cell.at_end
	  FROM (VALUES
		(1, 'finished', 'false', NULL, 'true'),
		(2, 'failed', 'false', NULL, CASE WHEN names ? 'job.cancelled'
			THEN '$4 {=} ''failed''' ELSE '$4 {<>} ''finished''' END),
		(3, 'cancelled', 'false', NULL, '$4 {=} ''cancelled'''),
		(4, 'started', 'CASE WHEN $4 {=} ''started'' THEN pg_catalog.clock_timestamp() END', NULL, NULL),
		(5, 'ended', 'NULL', NULL, 'pg_catalog.clock_timestamp()'),
		(6, 'current', 'COALESCE($5, 0)', 'COALESCE($5, j.{job.current})',
		 'COALESCE($5, j.{job.current})'),
		(7, 'target', 'COALESCE($6, 0)', 'COALESCE($6, j.{job.target})',
		 'COALESCE($6, j.{job.target})'),
		(8, 'step', 'my.step', NULL, 'NULL'),
		(9, 'result',
		 CASE WHEN names ? 'job.current' THEN 'NULL' ELSE 'my.progress' END,
		 CASE WHEN names ? 'job.current' THEN NULL ELSE 'my.progress' END,
		 CASE WHEN names ? 'job.current'
		      THEN 'CASE WHEN $4 {=} ''finished'' THEN j.{job.result} ELSE my.ending END'
		      ELSE 'my.progress OPERATOR(pg_catalog.||) my.ending' END)
	) AS cell(place, name, at_start, under_way, at_end)
	 WHERE names ? ('job.' || cell.name)
$$;
COMMENT ON FUNCTION missing_photos.job_cells IS
	'which columns of the application''s job table change when, and to what';

CREATE FUNCTION missing_photos.job_body(names jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(replace(replace(replace(replace($body$
#variable_conflict use_column
<<my>>
DECLARE
	code {job.type:type} := CASE WHEN $3 {=} 'scan' THEN {job_scan}::{job.type:type}
	                             WHEN $3 {=} 'delete' THEN {job_delete}::{job.type:type} END;
	step pg_catalog.text := CASE WHEN $3 {=} 'scan' THEN 'Looking for missing photos'
	                             ELSE 'Removing missing photos' END;
	progress pg_catalog.jsonb := pg_catalog.jsonb_build_object('progress',
		pg_catalog.jsonb_build_object('current', COALESCE($5, 0), 'target', COALESCE($6, 0)));
	ending pg_catalog.jsonb := CASE
		WHEN $4 {=} 'failed' THEN pg_catalog.jsonb_build_object('status', $4, 'error', $7)
		WHEN $4 {=} 'cancelled' THEN pg_catalog.jsonb_build_object('status', $4)
		ELSE pg_catalog.jsonb_build_object() END;
	ours pg_catalog.bool;
BEGIN
	IF $3 {=} ANY (ARRAY['relink', 'remap', 'merge']) THEN
		RETURN;  -- no application has a code for it
	ELSIF my.code IS NULL THEN
		RAISE EXCEPTION 'there is no job of kind "%"', $3 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT j.{job.owner} {=} $2::{job.owner:type} AND j.{job.type} {=} my.code INTO ours
	  FROM {job} AS j
	 WHERE j.{job.key} {=} $1::{job.key:type}
	   FOR NO KEY UPDATE;
	IF FOUND AND my.ours IS NOT TRUE THEN
		RAISE EXCEPTION 'job % of the application belongs to another owner or is of another kind', $1
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = 'Leave job_id out, or give the id of a job of this owner and kind.';
	ELSIF FOUND AND $4 {=} ANY (ARRAY['queued', 'started']) THEN
		UPDATE {job} AS j SET @start WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF $4 {=} ANY (ARRAY['queued', 'started']) THEN
		INSERT INTO {job} ({job.key}, {job.type}, {job.owner}, {job.queued}@columns)
		VALUES ($1::{job.key:type}, my.code, $2::{job.owner:type}, pg_catalog.clock_timestamp()@values);
	ELSIF FOUND AND $4 {=} 'running' THEN
		UPDATE {job} AS j SET @running WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF FOUND AND $4 {=} ANY (ARRAY['finished', 'failed', 'cancelled']) THEN
		UPDATE {job} AS j SET @end WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF FOUND THEN
		RAISE EXCEPTION 'there is no job state "%"', $4 USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$body$,
	'@start', string_agg(cell.name || ' = ' || cell.at_start, ', ' ORDER BY cell.place)),
	'@running', string_agg(cell.name || ' = ' || cell.under_way, ', ' ORDER BY cell.place)),
	'@end', string_agg(cell.name || ' = ' || cell.at_end, ', ' ORDER BY cell.place)),
	'@columns', string_agg(', ' || cell.name, '' ORDER BY cell.place)
	            || '{more_job_columns}'),
	'@values', string_agg(', ' || cell.at_start, '' ORDER BY cell.place)
	           || '{more_job_values}')
	  FROM missing_photos.job_cells(names) AS cell
$$;
COMMENT ON FUNCTION missing_photos.job_body IS
	'the body of library_job for an application with a job table';
