-- library_lock: takes what the marking functions are about to write, without ever waiting.
--
-- An application writes the same rows in whatever order its code has. Whoever waits for it while
-- holding rows can deadlock with it; so nothing here waits. Rows are locked with SKIP LOCKED, and a
-- pair of which anything is locked by another session is left alone and reported as busy.
-- The locks leave foreign keys alone (FOR NO KEY UPDATE): an application that adds a link to a
-- photo we hold need not wait for us.
--
-- Each statement of a volatile function sees what was committed before it began. So what is read
-- after the locks is the latest state, and stays so until our transaction ends.
--
-- The planner can't know how long an array is, in a plan kept for later calls least of all, and may
-- loop over two arrays to join them, which takes minutes for some ten thousand pairs. So here and in
-- the marking functions arrays are joined with tables only, never with each other: they go side by
-- side (ROWS FROM), or membership is asked with = ANY (SELECT ...), which is always hashed, or a
-- JSON object maps one to the other.

CREATE FUNCTION missing_photos.generate_lock(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_lock',
		'of_owner text, of_photos text[], of_files text[]',
		'TABLE (ordinal bigint, photo text, file text, path text, flagged boolean, main text, '
		|| 'linked boolean, locked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
#variable_conflict use_column
<<my>>
DECLARE
	free_photos {photo.key:type}[];
	free_files {file.key:type}[];
	free_links pg_catalog.int8[];
	held_links pg_catalog.int8[];
	photos {photo.key:type}[];
	files {file.key:type}[];
	ordinals pg_catalog.int8[];
BEGIN
	free_photos := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	SELECT pg_catalog.array_agg(k.photo) FILTER (WHERE k.free),
	       pg_catalog.array_agg(k.file) FILTER (WHERE k.free),
	       pg_catalog.array_agg(k.ordinal) FILTER (WHERE k.free)
	  INTO photos, files, ordinals
	  FROM (SELECT g.*, g.photo {=} ANY (SELECT pg_catalog.unnest(my.free_photos)) AS free
	          FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                          pg_catalog.unnest($3::{file.key:type}[]))
	               WITH ORDINALITY AS g(photo, file, ordinal)) AS k;
	free_files := ARRAY(
		SELECT f.{file.key} FROM {file} AS f
		 WHERE f.{file.key} {=} ANY (my.files){and_file_of_owner}
		 ORDER BY f.{file.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	-- One entry for each row locked: a pair may be linked more than once.
	free_links := ARRAY(
		SELECT g.ordinal
		  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                  pg_catalog.unnest(my.ordinals)) AS g(photo, file, ordinal)
		  JOIN {link} AS l ON l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}
		 ORDER BY l.{link.photo}, l.{link.file}
		   FOR UPDATE OF l SKIP LOCKED);
	held_links := ARRAY(
		SELECT e.ordinal
		  FROM (SELECT h.ordinal, 1 AS sign FROM pg_catalog.unnest(my.free_links) AS h(ordinal)
		        UNION ALL
		        SELECT g.ordinal, -1
		          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                          pg_catalog.unnest(my.ordinals)) AS g(photo, file, ordinal)
		          JOIN {link} AS l ON l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}
		       ) AS e
		 GROUP BY e.ordinal
		HAVING pg_catalog.sum(e.sign) {<>} 0);
	RETURN QUERY
	SELECT DISTINCT ON (g.photo, g.file)
	       g.ordinal, p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, p.{photo.main}::pg_catalog.text,
	       h.linked,
	       g.photo {=} ANY (SELECT pg_catalog.unnest(my.free_photos))
	       AND g.file {=} ANY (SELECT pg_catalog.unnest(my.free_files))
	       AND NOT g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_links))
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{file.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
	 CROSS JOIN LATERAL (SELECT pg_catalog.count(*) {>} 0 AS linked FROM {link} AS l
	                      WHERE l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}) AS h
	 ORDER BY g.photo, g.file, g.ordinal;
END
$body$ ELSE $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {photo.key:type}[];
BEGIN
	free := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT DISTINCT ON (g.photo)
	       g.ordinal, p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, p.{photo.key}::pg_catalog.text,
	       true, g.photo {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{photo.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	 WHERE g.file {=} g.photo AND {alive}{and_settled} AND p.{photo.external}
	 ORDER BY g.photo, g.ordinal;
END
$body$ END, 'locks these pairs of photo and file without waiting, and says what they are now and which could be locked')
$$;
COMMENT ON FUNCTION missing_photos.generate_lock IS 'defines library_lock';
