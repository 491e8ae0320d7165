-- library_job: the application's own job table.

CREATE FUNCTION t.job(what text, columns text) RETURNS text LANGUAGE sql AS $$
	SELECT t.value(format('SELECT concat_ws('' '', %s) FROM {job} AS j WHERE {job.key} = %L', columns, md5(what)::uuid))
$$;
CREATE FUNCTION t.progress(what text) RETURNS text LANGUAGE sql AS $$
	SELECT t.job(what, CASE WHEN missing_photos.contract_names(mapping) ? 'job.current'
		THEN '{job.current}, {job.target}'
		ELSE '{job.result} #>> ''{progress,current}'', {job.result} #>> ''{progress,target}''' END)
	  FROM missing_photos.attached_library
$$;
CREATE FUNCTION t.result(what text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN missing_photos.contract_names(mapping) ? 'job.result'
	            THEN t.job(what, 'COALESCE(({job.result} - ''progress'')::text, ''null'')') ELSE 'none' END
	  FROM missing_photos.attached_library
$$;
CREATE FUNCTION t.report(what text, kind text, state text, done integer, total integer, error text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	SELECT missing_photos.library_job(md5(what)::uuid, '12', kind, state, done, total, error)
$$;
SELECT missing_photos.contract_names(mapping) ? 'job.result' AS has_result,
       missing_photos.contract_names(mapping) ? 'job.cancelled' AS has_cancelled
  FROM missing_photos.attached_library \gset

SELECT t.keep('start');
SELECT t.report('scan', 'scan', 'running', 1, 2);
SELECT t.report('scan', 'scan', 'finished', 1, 2);
SELECT t.is(t.changes('start'), 'nothing', 'progress of a job that has no row: nothing');
SELECT t.report('scan', 'scan', 'started', 0, 7);
SELECT t.is(t.changes('start'), t.plain('{job} -0 +1'), 'started: one row');
SELECT t.is(t.job('scan', '{job.owner}, {job.finished}, {job.failed}, {job.queued} IS NOT NULL, '
	|| '{job.started} IS NOT NULL, {job.ended} IS NULL, {job.key}'),
	'12 f f t t t ' || md5('scan')::uuid, 'of this owner, begun, not ended');
SELECT t.is(t.job('scan', '{job.type}'), t.value('SELECT {job_scan}'), 'of type scan');
SELECT t.is(t.progress('scan'), '0 7', 'progress at the start');
SELECT t.report('scan', 'scan', 'running', 3, 7);
SELECT t.is(t.progress('scan'), '3 7', 'progress under way');
SELECT t.report('scan', 'scan', 'running', 4, NULL);
SELECT t.is(t.progress('scan'), CASE WHEN :'has_result' AND t.job('scan', '{job.finished}') = 'f'
	AND t.progress('scan') = '4 0' THEN '4 0' ELSE '4 7' END, 'a total left out');
SELECT t.report('scan', 'scan', 'finished', 7, 7);
SELECT t.is(t.job('scan', '{job.finished}, {job.failed}, {job.ended} >= {job.started}'), 't f t', 'finished');
SELECT t.is(t.progress('scan'), '7 7', 'all of it');
SELECT t.is(t.changes('start'), t.plain('{job} -0 +1'), 'still one row, nothing else');

SELECT t.report('scan', 'scan', 'started', 0, 3);
SELECT t.is(t.job('scan', '{job.finished}, {job.failed}, {job.ended} IS NULL') || ' ' || t.progress('scan'),
	'f f t 0 3', 'started again: the same row, reset');
SELECT t.report('scan', 'scan', 'failed', 1, 3, 'disk "full"');
SELECT t.is(t.job('scan', '{job.finished}, {job.failed}'), 't t', 'failed');
SELECT t.is(t.result('scan'), CASE WHEN :'has_result'
	THEN '{"error": "disk \"full\"", "status": "failed"}' ELSE 'none' END, 'and says why, where it can');
SELECT t.report('scan', 'scan', 'started', 0, 3);
SELECT t.ok(t.result('scan') IN ('none', 'null', '{}'), 'a new start forgets the failure');
SELECT t.report('scan', 'scan', 'cancelled', 1, 3);
SELECT t.is(t.job('scan', '{job.finished}, ' || CASE WHEN :'has_cancelled' THEN '{job.cancelled}, {job.failed}'
	ELSE '{job.failed}, false' END), 't t f', 'cancelled');
SELECT t.is(t.result('scan'), CASE WHEN :'has_result' THEN '{"status": "cancelled"}' ELSE 'none' END,
	'and says so, where it can');

SELECT t.report('delete', 'delete', 'started', 0, 1);
SELECT t.is(t.job('delete', '{job.type}'), t.value('SELECT {job_delete}'), 'a job of type delete');
SELECT t.keep('mine');
SELECT t.throws(format('SELECT missing_photos.library_job(%L, ''1'', ''scan'', %L, 0, 0, NULL)',
	md5('scan')::uuid, state), '22023', 'another owner''s job: ' || state)
  FROM unnest('{started,running,finished,failed,cancelled}'::text[]) AS state;
SELECT t.throws(format('SELECT missing_photos.library_job(%L, ''12'', ''delete'', ''running'', 0, 0, NULL)',
	md5('scan')::uuid), '22023', 'a job of another type');
SELECT t.is(t.changes('mine'), 'nothing', 'and nothing written');
