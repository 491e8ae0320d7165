-- library_mark_present: gives back what was lost, and only that.

SELECT t.keep('start');
SELECT t.lose('12', '{1,5,10,20,30}');
SELECT t.is(t.counts('12'), '40 5 11', 'lost');
SELECT t.is(t.back('12', '{1,5,10,20,30}'),
	'1 image changed linked; 5 video changed linked; 10 image changed linked; '
	|| '10 metadata changed linked; 10 raw changed linked; 20 image changed linked; '
	|| '20 metadata changed linked; 20 raw changed linked; 30 image changed linked; '
	|| '30 metadata changed linked; 30 raw changed linked', 'all back');
SELECT t.is(t.changes('start'), 'nothing', 'every table is as it was');
SELECT t.is(t.back('12', '{1,5,10,20,30}'), NULL, 'again: no row');
SELECT t.is(t.changes('start'), 'nothing', 'and nothing written');
TRUNCATE t.loss;

-- The main file comes back to be the main file.
SELECT t.lose('2', '{10}', '{image}');
SELECT t.is(t.state('2', 10), 'metadata raw; main raw; flagged image', 'the raw file is shown');
SELECT t.is(t.back('2', '{10}'), '10 image changed linked', 'the jpeg is back');
SELECT t.is(t.changes('start'), 'nothing', 'and shown again');
TRUNCATE t.loss;

-- One after the other, back in one call and back in either order.
SELECT t.lose('2', '{10}', '{image}');
SELECT t.lose('2', '{10}', '{raw}');
SELECT t.is(t.back('2', '{10}'), '10 image changed linked; 10 raw changed linked', 'both back in one call');
SELECT t.is(t.changes('start'), 'nothing', 'the first main file is shown again');
TRUNCATE t.loss;
SELECT t.lose('2', '{10}', '{image}');
SELECT t.lose('2', '{10}', '{raw}');
SELECT t.back('2', '{10}', '{raw}');
SELECT t.is(t.state('2', 10), 'metadata raw; main raw; flagged image', 'raw back first: shown meanwhile');
SELECT t.back('2', '{10}', '{image}');
SELECT t.is(t.changes('start'), 'nothing', 'then the jpeg: shown again');
TRUNCATE t.loss;
SELECT t.lose('2', '{10}', '{image}');
SELECT t.lose('2', '{10}', '{raw}');
SELECT t.back('2', '{10}', '{image}');
SELECT t.is(t.state('2', 10), 'image metadata; main image; flagged raw', 'the jpeg back first: shown');
SELECT t.back('2', '{10}', '{raw}');
SELECT t.is(t.changes('start'), 'nothing', 'then the raw file: the jpeg stays shown');
TRUNCATE t.loss;

-- What a user chose since stays.
SELECT t.lose('2', '{20}', '{image}');
SELECT t.run(format('UPDATE {photo} SET {photo.main} = %L WHERE {photo.key} = %L',
	t.file('2', 20, 'metadata'), t.photo('2', 20)));
SELECT t.back('2', '{20}');
SELECT t.is(t.state('2', 20), 'image metadata raw; main metadata; flagged nothing',
	'a main file chosen since the loss stays');
SELECT t.run(format('UPDATE {photo} SET {photo.main} = NULL WHERE {photo.key} = %L', t.photo('2', 20)));
SELECT t.is(t.counts('2'), '40 1 0', 'counts: a photo without a main file is missing');
SELECT t.is(t.back('2', '{20}'), '20 image changed', 'no main file: the returned one becomes it');
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');
TRUNCATE t.loss;

-- Only the flag, where the application linked the file itself.
SELECT t.lose('2', '{30}', '{metadata}');
SELECT t.run(format('INSERT INTO {link} (%s) VALUES (%s %L, %L)',
	CASE WHEN current_schema() = 'mine' THEN 'owner, photo, file' ELSE 'photo_id, file_id' END,
	CASE WHEN current_schema() = 'mine' THEN '''2'',' ELSE '' END,
	t.photo('2', 30), t.file('2', 30, 'metadata')));
SELECT t.is(t.back('2', '{30}'), '30 metadata changed', 'linked by the application already: only the flag');
SELECT t.is(t.changes('start'), 'nothing', 'one link, not two');
