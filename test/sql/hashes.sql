-- Many files' hashes at once: one row for each path, whatever it is.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; cd $DIR; mkdir one two folder; for f in one/a one/b two/c; do printf $f >$f.jpg; done
\! cd $DIR; : >one/empty; ln -s a.jpg one/link.jpg; ln -s /etc/passwd one/out.jpg; mkfifo one/fifo
SELECT missing_photos.add_root('/one', :'dir' || '/one');
SELECT missing_photos.add_root('/two', :'dir' || '/two');

-- In the array's order, from two roots; twice what is there twice.
SELECT path, hash = md5(ltrim(regexp_replace(path, '\.jpg$', ''), '/')) AS right, state
  FROM file_hashes('{/two/c.jpg,/one/b.jpg,/one/a.jpg,/two/c.jpg,/one/a.jpg}');
SELECT * FROM file_hashes('{/one/empty,/one/gone.jpg,/one/gone/a.jpg,/one/link.jpg}');
-- What is outside the roots gets one answer, whether it exists or not, and so does what is no path.
SELECT left(path, 20) AS path, hash, state
  FROM file_hashes(ARRAY['/etc/passwd', '/etc/nothing', '/one/../etc/passwd', '/one/out.jpg',
	'one/a.jpg', '', NULL, '/one', '/one/', '/one/fifo', '/', '/one/' || repeat('x', 300)]);
SELECT * FROM file_hashes('{}');
SELECT * FROM file_hashes('{{/one/a.jpg,/one/b.jpg},{/two/c.jpg,NULL}}');
SELECT * FROM file_hashes(NULL);
SELECT state, count(*) FROM file_hashes(ARRAY[repeat('/one/', 2000)]) GROUP BY state;

-- The same as one by one, as many as take several requests.
\! cd $DIR/one; for i in $(seq 300); do head -c $i /dev/zero >$i; done
SELECT count(*), bool_and(hash = md5(repeat(E'\\000', n)::bytea)) AS right
  FROM file_hashes(ARRAY(SELECT '/one/' || 1 + i * 7 % 300 FROM generate_series(0, 9999) AS i))
 CROSS JOIN LATERAL substring(path, 6) AS name CROSS JOIN LATERAL CAST(name AS integer) AS n;
SELECT count(*) FROM file_hashes(ARRAY(SELECT '/one/' || i FROM generate_series(1, 300) AS i))
 WHERE hash = file_hash(path);

-- A root in doubt: nothing is missing below it.
\! mv $DIR/one $DIR.offline
SELECT * FROM file_hashes('{/one/a.jpg,/two/c.jpg,/one/gone.jpg,/two/gone.jpg}');
\! mv $DIR.offline $DIR/one

\! rm -r $DIR
DROP EXTENSION missing_photos;
