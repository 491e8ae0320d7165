-- Rows that another session holds: reported as busy, not waited for, nothing written for the pair.

SET lock_timeout = '2s';
SELECT t.keep('start');

SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {photo} SET {photo.video} = {photo.video} WHERE {photo.key} = %L', t.photo('1', 1)));
SELECT t.is(t.lose('1', '{1,2}'), '1 image busy; 2 image changed main->image', 'a photo held by another session');
SELECT t.other('ROLLBACK');
SELECT t.is(t.lose('1', '{1}'), '1 image changed main->image', 'free again');

SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {file} SET {file.missing} = false WHERE {file.key} = %L', t.file('1', 10, 'raw')));
SELECT t.is(t.lose('1', '{10}', '{metadata,raw}'), '10 metadata changed; 10 raw busy', 'a file held');
SELECT t.is(t.state('1', 10), 'image raw; main image; flagged metadata', 'its pair is untouched');
SELECT t.other('ROLLBACK');

SELECT t.other('BEGIN');
SELECT t.other(format('DELETE FROM {link} WHERE {link.file} = %L', t.file('1', 20, 'raw')));
SELECT t.is(t.lose('1', '{20}', '{raw}'), '20 raw busy', 'a link held');
SELECT t.other('COMMIT');
SELECT t.is(t.lose('1', '{20}', '{raw}'), NULL, 'a link the application took away itself: no row');

-- The file to be shown instead must stay too.
SELECT t.other('BEGIN');
SELECT t.other(format('DELETE FROM {link} WHERE {link.file} = %L', t.file('1', 30, 'raw')));
SELECT t.is(t.lose('1', '{30}', '{image,metadata}'), '30 image busy; 30 metadata changed',
	'the next main file is being unlinked: the main file''s pair is busy');
SELECT t.other('ROLLBACK');
SELECT t.is(t.lose('1', '{30}', '{image}'), '30 image changed main->raw', 'it wasn''t: it is shown');

SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {photo} SET {photo.video} = {photo.video} WHERE {photo.key} = %L', t.photo('1', 1)));
SELECT t.is(t.back('1', '{1,2}'), '1 image busy; 2 image changed linked', 'back: a photo held');
SELECT t.other('ROLLBACK');
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {file} SET {file.missing} = true WHERE {file.key} = %L', t.file('1', 1, 'image')));
SELECT t.is(t.back('1', '{1}'), '1 image busy', 'back: a file held');
SELECT t.other('ROLLBACK');
SELECT t.is(t.back('1', '{1}'), '1 image changed linked', 'free again');

-- An application that only references our rows doesn't keep us off, nor we it.
SELECT t.other('BEGIN');
SELECT t.value(format('SELECT 1 FROM {photo} WHERE {photo.key} = %L', t.photo('1', 4)));
SELECT t.other(format('DO $d$ BEGIN PERFORM FROM {photo} WHERE {photo.key} = %L FOR KEY SHARE; END $d$', t.photo('1', 4)));
SELECT t.is(t.lose('1', '{4}'), '4 image changed main->image', 'a foreign key''s lock isn''t in the way');
SELECT t.other('COMMIT');
BEGIN;
SELECT t.lose('1', '{6}');
SELECT t.is(t.other(format('DO $d$ BEGIN SET LOCAL lock_timeout = 100; PERFORM FROM {photo} '
	|| 'WHERE {photo.key} = %L FOR KEY SHARE; END $d$', t.photo('1', 6))),
	'DO', 'nor is ours in the way of a foreign key');
COMMIT;

-- What another session committed just before is seen.
SELECT t.other(format('UPDATE {file} SET {file.path} = ''/data/1/new'' WHERE {file.key} = %L', t.file('1', 8, 'image')));
SELECT t.is(t.lose('1', '{8}'), NULL, 'a path changed just before: no row');
