-- A trigger of the library's may write rows anew that are locked and about to be written: they lie
-- elsewhere in their tables then, and are found all the same.

SELECT t.run('CREATE FUNCTION t.rewrite() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
	IF TG_ARGV[0] = ''files'' THEN
		UPDATE {file} SET {file.path} = {file.path};
	ELSE
		UPDATE {link} SET {link.photo} = {link.photo};
	END IF;
	RETURN NULL;
END $f$');
SELECT t.run('CREATE TRIGGER files BEFORE UPDATE ON {photo} FOR EACH STATEMENT EXECUTE FUNCTION t.rewrite(''files'')');
SELECT t.run('CREATE TRIGGER links BEFORE UPDATE ON {file} FOR EACH STATEMENT EXECUTE FUNCTION t.rewrite(''links'')');
SELECT t.is(t.lose('12', '{1}'), '1 image changed main->image', 'rows that triggers write anew: changed');
SELECT t.is(t.state('12', 1), 'nothing; main image; flagged image', 'the flag is set, the link taken away');

-- What would show that nobody looks for them.
SELECT replace(pg_get_functiondef('missing_photos.library_mark_missing'::regproc),
	'IF my.written', 'IF false AND my.written') \gexec
SELECT t.lose('12', '{2}');
SELECT t.is(t.state('12', 2), 'image; main image; flagged nothing', 'the test would show rows that are not found again');
