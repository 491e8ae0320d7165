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

CREATE FUNCTION missing_photos.generate_lock(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_lock',
		'of_owner text, of_photos text[], of_files text[]',
		'TABLE (ordinal bigint, photo text, file text, path text, flagged boolean, main text, '
		|| 'links bigint, locked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
#variable_conflict use_column
<<my>>
DECLARE
	free_photos {photo.key:type}[];
	free_files {file.key:type}[];
	free_links pg_catalog.int8[];
BEGIN
	free_photos := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	free_files := ARRAY(
		SELECT f.{file.key} FROM {file} AS f
		 WHERE f.{file.key} {=} ANY (ARRAY(
		           SELECT g.file
		             FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                             pg_catalog.unnest($3::{file.key:type}[])) AS g(photo, file)
		             JOIN pg_catalog.unnest(my.free_photos) AS h(photo) ON h.photo {=} g.photo)){and_file_of_owner}
		 ORDER BY f.{file.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	-- One entry for each row locked: a pair may be linked more than once.
	free_links := ARRAY(
		SELECT g.ordinal
		  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                  pg_catalog.unnest($3::{file.key:type}[]))
		       WITH ORDINALITY AS g(photo, file, ordinal)
		  JOIN pg_catalog.unnest(my.free_photos) AS h(photo) ON h.photo {=} g.photo
		  JOIN {link} AS l ON l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}
		 ORDER BY l.{link.photo}, l.{link.file}
		   FOR UPDATE OF l SKIP LOCKED);
	RETURN QUERY
	SELECT DISTINCT ON (g.photo, g.file)
	       g.ordinal, p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, p.{photo.main}::pg_catalog.text,
	       h.links,
	       a.photo IS NOT NULL AND b.file IS NOT NULL AND h.links {=} COALESCE(c.links, 0)
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{file.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
	 CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS links FROM {link} AS l
	                      WHERE l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}) AS h
	  LEFT JOIN pg_catalog.unnest(my.free_photos) AS a(photo) ON a.photo {=} g.photo
	  LEFT JOIN pg_catalog.unnest(my.free_files) AS b(file) ON b.file {=} g.file
	  LEFT JOIN (SELECT e.ordinal, pg_catalog.count(*) AS links
	               FROM pg_catalog.unnest(my.free_links) AS e(ordinal)
	              GROUP BY e.ordinal) AS c ON c.ordinal {=} g.ordinal
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
	       1::pg_catalog.int8, a.photo IS NOT NULL
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{photo.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	  LEFT JOIN pg_catalog.unnest(my.free) AS a(photo) ON a.photo {=} g.photo
	 WHERE g.file {=} g.photo AND {alive} AND p.{photo.external}
	 ORDER BY g.photo, g.ordinal;
END
$body$ END, 'locks these pairs of photo and file without waiting, and says what they are now and which could be locked')
$$;
COMMENT ON FUNCTION missing_photos.generate_lock IS 'defines library_lock';
