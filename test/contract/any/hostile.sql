-- The caller's search_path may hold anything: operators, functions and types with the names ours
-- use. None of them may be called.

CREATE SCHEMA evil;
CREATE TABLE evil.called (what text);
CREATE FUNCTION evil.trap(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'a hostile % was called', what USING ERRCODE = 'P0666';
END
$$;
DO $$
DECLARE
	type text;
	operator text;
	number integer := 0;
BEGIN
	FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '>', '+', '||', '~'] LOOP
		FOREACH type IN ARRAY ARRAY['text', 'varchar', 'integer', 'bigint', 'uuid', 'boolean', 'jsonb', 'timestamptz'] LOOP
			number := number + 1;
			EXECUTE format('CREATE FUNCTION evil.op%s(%s, %2$s) RETURNS boolean LANGUAGE sql AS '
				'$f$ SELECT evil.trap(%3$L) $f$', number, type, operator || ' of ' || type);
			EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.op%3$s)',
				operator, type, number);
		END LOOP;
	END LOOP;
	FOREACH operator IN ARRAY ARRAY['count(', 'unnest(text[]', 'array_agg(text', 'array_agg(boolean',
		'substr(text, integer', 'left(text, integer', 'length(text', 'jsonb_build_object(', 'now(',
		'clock_timestamp(', 'concat(text, text', 'gen_random_uuid(', 'set_config(text, text, boolean'] LOOP
		EXECUTE format('CREATE FUNCTION evil.%s) RETURNS boolean LANGUAGE sql AS $f$ SELECT evil.trap(%L) $f$',
			operator, operator);
	END LOOP;
	FOREACH type IN ARRAY ARRAY['text', 'uuid', 'bool', 'int8', 'varchar', 'jsonb'] LOOP
		EXECUTE format('CREATE DOMAIN evil.%s AS pg_catalog.%s CHECK (evil.trap(%L))',
			quote_ident(type), quote_ident(type), 'type ' || type);
	END LOOP;
END
$$;
-- Everything is found out beforehand; after that only the contract runs on the hostile path.
SELECT format($q$
	CREATE FUNCTION t.hostile() RETURNS SETOF pg_catalog.text LANGUAGE plpgsql
	SET search_path = evil, pg_catalog AS %L $q$, format($body$
DECLARE
	photo pg_catalog.text := %L;
	file pg_catalog.text := %L;
	path pg_catalog.text := %L;
	owner pg_catalog.text := %L;
	other pg_catalog.text := '/data/12/other.jpg';
	outcome pg_catalog.text;
BEGIN
	PERFORM * FROM missing_photos.library_owners();
	PERFORM * FROM missing_photos.library_files(owner);
	PERFORM * FROM missing_photos.library_photo_files(photo);
	PERFORM * FROM missing_photos.library_photo(photo);
	PERFORM * FROM missing_photos.library_photo_count(owner);
	PERFORM * FROM missing_photos.library_pointed_files(owner);
	PERFORM * FROM missing_photos.library_file_rows(ARRAY[photo], ARRAY[file]);
	PERFORM * FROM missing_photos.library_content(ARRAY[file]);
	SELECT m.outcome INTO outcome FROM missing_photos.library_mark_missing(owner, ARRAY[photo], ARRAY[file], ARRAY[path]) AS m;
	RETURN NEXT outcome;
	PERFORM missing_photos.record_losses(NULL, owner, ARRAY[photo], ARRAY[file], ARRAY[path], ARRAY[true], ARRAY[file], ARRAY[false], NULL);
	PERFORM * FROM missing_photos.library_flagged_files(owner);
	PERFORM * FROM missing_photos.library_flagged_files(NULL);
	PERFORM * FROM missing_photos.library_counts(owner);
	PERFORM * FROM missing_photos.library_counts(NULL);
	SELECT m.outcome INTO outcome FROM missing_photos.library_mark_present(owner, ARRAY[photo], ARRAY[file], ARRAY[path], ARRAY[true], ARRAY[file]) AS m;
	RETURN NEXT outcome;
	PERFORM missing_photos.record_returns(NULL, owner, ARRAY[photo], ARRAY[file], ARRAY[path]);
	PERFORM * FROM missing_photos.library_move(owner, ARRAY[photo], ARRAY[file], ARRAY[path], ARRAY[other], ARRAY[true], ARRAY[file], NULL);
	SELECT m.moved::pg_catalog.text INTO outcome FROM missing_photos.library_move(owner, ARRAY[photo], ARRAY[file], ARRAY[other], ARRAY[path], NULL, NULL, NULL) AS m;
	RETURN NEXT outcome;
	PERFORM * FROM missing_photos.library_claimed(ARRAY[path]);
	PERFORM * FROM missing_photos.library_at(ARRAY[path]);
	PERFORM * FROM missing_photos.library_owners_below(path);
	PERFORM * FROM missing_photos.library_photos_by_content(owner, ARRAY['00']);
	PERFORM * FROM missing_photos.library_add(owner, photo, other, '00000000000000000000000000000000', 1, 'image');
	PERFORM missing_photos.library_job('00000000-0000-0000-0000-000000000001', owner, 'scan', 'started', 0, 1, NULL);
	PERFORM missing_photos.library_job('00000000-0000-0000-0000-000000000001', owner, 'scan', 'running', 1, 1, NULL);
	PERFORM missing_photos.library_job('00000000-0000-0000-0000-000000000001', owner, 'scan', 'failed', 1, 1, 'x');
	PERFORM missing_photos.check_library();
END
$body$, m.photo, m.file, m.path, m.owner))
  FROM t.map AS m WHERE m.who = '12' AND m.n = 10 AND m.kind = 'image' \gexec
SET check_function_bodies = off;
-- Its own triggers may need the caller's path; these don't matter here.
SELECT format('ALTER TABLE asset DISABLE TRIGGER USER') WHERE to_regclass('asset') IS NOT NULL \gexec
SELECT t.is((SELECT string_agg(o, ' ') FROM t.hostile() AS o), 'changed changed true',
	'every contract function runs on a hostile search_path and calls nothing of it');
CREATE FUNCTION t.careless() RETURNS text LANGUAGE plpgsql SET search_path = evil, pg_catalog AS $$
BEGIN
	PERFORM 'a'::pg_catalog.text = 'b'::pg_catalog.text;
	RETURN 'nothing was called';
END
$$;
SELECT t.throws('SELECT t.careless()', 'P0666 without a hint', 'where a careless function would');
SELECT missing_photos.attach_library(preset, library_schema) FROM missing_photos.attached_library;

-- Attaching works on such a path as well, and calls nothing of it.
SET search_path = evil, pg_catalog;
SELECT missing_photos.attach_library(preset, library_schema) FROM missing_photos.attached_library;
RESET search_path;
SELECT t.ok(true, 'attach_library on a hostile search_path');
