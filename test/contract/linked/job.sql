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
       missing_photos.contract_names(mapping) ? 'job.current' AS has_current,
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
SELECT t.is(t.progress('scan'), CASE WHEN :'has_current' THEN '4 7' ELSE '4 0' END, 'a total left out');
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

-- What waits for a worker: queued, then started, or never.
SELECT t.keep('waiting');
SELECT t.report('waits', 'scan', 'queued', 0, 0);
SELECT t.is(t.changes('waiting'), t.plain('{job} -0 +1'), 'queued: one row');
SELECT t.is(t.job('waits', '{job.owner}, {job.finished}, {job.failed}, {job.queued} IS NOT NULL, '
	|| '{job.started} IS NULL, {job.ended} IS NULL') || ' ' || t.progress('waits'),
	'12 f f t t t 0 0', 'of this owner, not begun');
SELECT t.is(t.job('waits', '{job.type}'), t.value('SELECT {job_scan}'), 'of its type');
SELECT t.report('waits', 'scan', 'started', 0, 2);
SELECT t.is(t.job('waits', '{job.finished}, {job.started} IS NOT NULL') || ' ' || t.progress('waits'),
	'f t 0 2', 'started: begun');
SELECT t.report('waits', 'scan', 'failed', 1, 2, 'its worker ended');
SELECT t.report('waits', 'scan', 'queued', 0, 0);
SELECT t.is(t.job('waits', '{job.finished}, {job.failed}, {job.started} IS NULL, {job.ended} IS NULL'),
	'f f t t', 'queued again after it failed: open, not begun');
SELECT t.ok(t.result('waits') IN ('none', 'null', '{}'), 'and the failure is forgotten');
SELECT t.report('waits', 'scan', 'cancelled', 0, 0);
SELECT t.is(t.job('waits', '{job.finished}, {job.started} IS NULL, {job.ended} IS NOT NULL'), 't t t',
	'cancelled before it began');
SELECT t.is(t.changes('waiting'), t.plain('{job} -0 +1'), 'still one row, nothing else');

-- The application's own scans, where it has a type for them.
CREATE FUNCTION t.imports(owner text, what text, ended text, cells text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM missing_photos.library_job(md5(what)::uuid, owner, 'scan', 'started', 0, 0, NULL),
	        missing_photos.library_job(md5(what)::uuid, owner, 'scan', 'finished', 0, 0, NULL);
	EXECUTE t.filled(format('UPDATE {job} SET {job.type} = COALESCE({job_import}, {job_scan})::{job.type:type}, '
		|| '{job.ended} = %L, %s WHERE {job.key} = %L', ended, cells, md5(what)::uuid));
END $$;
CREATE FUNCTION t.last_import(owner text) RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE((finished_at AT TIME ZONE 'UTC')::text, 'none') FROM missing_photos.library_last_import(owner)
$$;
SELECT COALESCE(mapping #>> '{job_types,import}', '') <> '' AS has_imports FROM missing_photos.attached_library \gset
SELECT CASE WHEN :'has_imports' THEN '2020-01-02 00:00:00' ELSE 'none' END AS before \gset
SELECT t.is(t.last_import('12'), :'before', 'the one that was there: none of ours counts');
SELECT t.imports('12', 'older', '2030-01-01 00:00Z', '{job.failed} = false');
SELECT t.imports('12', 'newer', '2030-01-02 00:00Z', '{job.failed} = false');
SELECT t.imports('2', 'another''s', '2030-01-03 00:00Z', '{job.failed} = false');
SELECT t.imports('12', 'failed', '2030-01-04 00:00Z', '{job.failed} = true');
SELECT t.imports('12', 'runs', '2030-01-05 00:00Z', '{job.finished} = false');
SELECT t.imports('12', 'cancelled', '2030-01-06 00:00Z', '{job.cancelled} = true') WHERE :'has_cancelled';
SELECT t.is(t.last_import('12'), CASE WHEN :'has_imports' THEN '2030-01-02 00:00:00' ELSE 'none' END,
	'the last that finished, not one that failed, runs or was cancelled');
SELECT t.is(t.last_import('2'), CASE WHEN :'has_imports' THEN '2030-01-03 00:00:00' ELSE 'none' END, 'of each owner');
SELECT t.is(t.last_import('21') || ' ' || t.last_import('99'), :'before' || ' none', 'none is another''s');

SELECT t.keep('mine');
SELECT t.throws(format('SELECT missing_photos.library_job(%L, ''1'', ''scan'', %L, 0, 0, NULL)',
	md5('scan')::uuid, state), '22023', 'another owner''s job: ' || state)
  FROM unnest('{queued,started,running,finished,failed,cancelled}'::text[]) AS state;
SELECT t.throws(format('SELECT missing_photos.library_job(%L, ''12'', ''delete'', ''running'', 0, 0, NULL)',
	md5('scan')::uuid), '22023', 'a job of another type');
SELECT t.is(t.changes('mine'), 'nothing', 'and nothing written');
