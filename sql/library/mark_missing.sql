-- library_mark_missing: takes the links of vanished files away and flags the files.

CREATE FUNCTION missing_photos.generate_mark_missing(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What was judged may have changed since: only what still says what was judged is written, and
	-- of that only the columns that change. A photo that loses its main file shows the best of its
	-- remaining ones; where none remains the pointer stays, because the application's own way of
	-- linking a returned file looks there.
	SELECT missing_photos.contract_define(names, 'library_mark_missing',
		'of_owner text, of_photos text[], of_files text[], of_paths text[]',
		'TABLE (photo text, file text, outcome text, was_main boolean, main_after text, '
		|| 'was_flagged boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape'
		WHEN 'linked' THEN missing_photos.mark_missing_linked(names)
		ELSE missing_photos.mark_missing_single(names) END,
		'records that files are gone, where the library still says what was judged; outcome: changed or busy, no row where there was nothing to change')
$$;
COMMENT ON FUNCTION missing_photos.generate_mark_missing IS 'defines library_mark_missing';

-- The two statements that write many rows, where the lock has told which. With a place (ctid) no
-- index is asked again. A trigger of the library's may have written the same rows since, which then
-- lie elsewhere: whoever wrote fewer than were locked asks once more, by the keys alone.
CREATE FUNCTION missing_photos.mark_missing_writes(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE names ->> 'flag' WHEN 'own' THEN '' ELSE
		flag || ' AND f.{file.place} {=} t.place' || $body$;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF my.written {<>} (SELECT pg_catalog.count(*)
	                      FROM (SELECT DISTINCT t.key
	                              FROM ROWS FROM (pg_catalog.unnest(my.gone), pg_catalog.unnest(my.flags),
	                                              pg_catalog.unnest(my.free)) AS t(key, flag, free)
	                             WHERE t.free AND NOT t.flag) AS d) THEN$body$
		|| flag || $body$;
	END IF;$body$ END
		|| unlink || ' AND l.{link.place} {=} t.place' || $body$;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF my.written {<>} (SELECT pg_catalog.count(*) FROM pg_catalog.unnest(my.free) AS t(free)
	                     WHERE t.free) THEN$body$
		|| unlink || $body$;
	END IF;$body$
	  FROM (SELECT $body$
	UPDATE {file} AS f SET {set_missing}
	  FROM ROWS FROM (pg_catalog.unnest(my.gone), pg_catalog.unnest(my.file_places),
	                  pg_catalog.unnest(my.free)) AS t(key, place, free)
	 WHERE t.free AND f.{file.key} {=} t.key{and_file_of_owner} AND NOT f.{file.missing}$body$ AS flag,
	$body$
	DELETE FROM {link} AS l
	 USING ROWS FROM (pg_catalog.unnest(my.photo_keys), pg_catalog.unnest(my.gone),
	                  pg_catalog.unnest(my.link_places), pg_catalog.unnest(my.free))
	    AS t(photo, file, place, free)
	 WHERE t.free AND l.{link.photo} {=} t.photo
	   AND COALESCE(l.{link.file} {=} t.file, false){and_link_of_owner}$body$ AS unlink) AS piece
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_writes IS
	'the part of the body that flags files and takes links away';

CREATE FUNCTION missing_photos.mark_missing_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	held_ordinals pg_catalog.int8[];
	held_files {file.key:type}[];
	others pg_catalog.bool;		-- whether any of the photos has another link
	photos pg_catalog.text[];
	files pg_catalog.text[];
	mains pg_catalog.bool[];
	flags pg_catalog.bool[];
	free pg_catalog.bool[];
	afters pg_catalog.text[];
	photo_keys {photo.key:type}[];
	gone {file.key:type}[];
	link_places {link.place:type}[];
	file_places {file.place:type}[];
	written pg_catalog.int8;
	best pg_catalog.jsonb := pg_catalog.jsonb_build_object();
	held pg_catalog.jsonb := pg_catalog.jsonb_build_object();
BEGIN
	-- What comes back is locked, and is what the rows say now. One statement for the three tables:
	-- each row is found once, by its keys. It waits for nobody, so its order can't lead to a
	-- deadlock (library_lock tells more). COALESCE: a link is to be found by its photo, which has few;
	-- an index on files would serve as well, but texts compare slowly. A pair of which anything is
	-- locked by another session has links that were seen and not locked.
	WITH seen AS MATERIALIZED (
		SELECT g.ordinal, g.photo, g.file, g.path, l.{link.place} AS place,
		       COALESCE(l.{link.file} {=} g.file, false) AS asked, {links_of_place} AS links
		  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                  pg_catalog.unnest($3::{file.key:type}[]), pg_catalog.unnest($4))
		       WITH ORDINALITY AS g(photo, file, path, ordinal)
		  JOIN {link} AS l ON l.{link.photo} {=} g.photo{and_link_of_owner}{by_place}
	), held AS MATERIALIZED (
		SELECT s.ordinal, p.{photo.key}::pg_catalog.text AS photo, p.{photo.key} AS photo_key,
		       f.{file.key}::pg_catalog.text AS file, f.{file.key} AS file_key,
		       COALESCE(p.{photo.main} {=} f.{file.key}, false) AS was_main,
		       f.{file.missing} AS flagged,
		       COALESCE(s.path {=} f.{file.path}::pg_catalog.text,
		                s.path IS NULL AND f.{file.path} IS NULL) AS same,
		       l.{link.place} AS link_place, f.{file.place} AS file_place
		  FROM seen AS s
		  JOIN {link} AS l
		    ON l.{link.place} {=} s.place AND l.{link.photo} {=} s.photo
		   AND COALESCE(l.{link.file} {=} s.file, false){and_link_of_owner}
		  JOIN {photo} AS p
		    ON p.{photo.key} {=} s.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
		  JOIN {file} AS f ON f.{file.key} {=} s.file{and_file_of_owner}
		 WHERE s.asked
		 ORDER BY l.{link.photo}, l.{link.file}
		   FOR NO KEY UPDATE OF p, f SKIP LOCKED
		   FOR UPDATE OF l SKIP LOCKED
	), busy AS MATERIALIZED (
		SELECT e.ordinal
		  FROM (SELECT s.ordinal, s.links FROM seen AS s WHERE s.asked
		        UNION ALL
		        SELECT h.ordinal, -1 FROM held AS h) AS e
		 GROUP BY e.ordinal
		HAVING pg_catalog.sum(e.links) {<>} 0
	)
	SELECT (SELECT COALESCE(pg_catalog.array_agg(b.ordinal), '{}') FROM busy AS b),
	       (SELECT pg_catalog.bool_or(NOT s.asked) FROM seen AS s),
	       pg_catalog.array_agg(h.photo), pg_catalog.array_agg(h.file),
	       pg_catalog.array_agg(h.was_main), pg_catalog.array_agg(h.flagged),
	       pg_catalog.array_agg(h.same), pg_catalog.array_agg(h.photo_key),
	       pg_catalog.array_agg(h.file_key), pg_catalog.array_agg(h.link_place),
	       pg_catalog.array_agg(h.file_place)
	  INTO held_ordinals, others, photos, files, mains, flags, free, photo_keys, gone, link_places,
	       file_places
	  FROM held AS h
	 WHERE h.same AND NOT h.ordinal {=} ANY (SELECT b.ordinal FROM busy AS b);
	IF pg_catalog.cardinality(my.held_ordinals) {>} 0 THEN
		held_files := ARRAY(SELECT g.file
		                      FROM pg_catalog.unnest($3::{file.key:type}[])
		                           WITH ORDINALITY AS g(file, ordinal)
		                     WHERE g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_ordinals)));
		RETURN QUERY
		SELECT DISTINCT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text, 'busy',
		       COALESCE(p.{photo.main} {=} f.{file.key}, false), NULL::pg_catalog.text, f.{file.missing}
		  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                  pg_catalog.unnest($3::{file.key:type}[]))
		       WITH ORDINALITY AS g(photo, file, ordinal)
		  JOIN {photo} AS p
		    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
		  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
		 WHERE g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_ordinals));
	END IF;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	IF my.others AND true {=} ANY (my.mains) THEN
		-- The file each photo shows from now on. Its row and its link are locked too, so that it is
		-- still there when we commit.
		SELECT COALESCE(pg_catalog.jsonb_object_agg(b.photo, b.file), my.best) INTO best
		  FROM (SELECT DISTINCT ON (l.{link.photo}) t.photo, k.key::pg_catalog.text AS file
		          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.mains),
		                          pg_catalog.unnest(my.free)) AS t(photo, main, free)
		         -- Few links are left here. OFFSET 0 keeps the planner, which can't know that, from
		         -- reading the whole link or file table.
		         CROSS JOIN LATERAL (SELECT l.{link.photo}, l.{link.file} FROM {link} AS l
		                              WHERE l.{link.photo} {=} t.photo::{photo.key:type}{and_link_of_owner}
		                             OFFSET 0) AS l
		         CROSS JOIN LATERAL (SELECT f.{file.key} AS key, {rank} AS rank FROM {file} AS f
		                              WHERE f.{file.key} {=} l.{link.file}{and_file_of_owner}
		                                AND {media} AND NOT f.{file.missing} OFFSET 0) AS k
		         WHERE t.main AND t.free
		           -- Not a file that is gone too, be it that its own turn is later.
		           AND NOT l.{link.file} {=} ANY (SELECT pg_catalog.unnest(my.gone)
		                                          UNION ALL SELECT pg_catalog.unnest(my.held_files))
		         ORDER BY l.{link.photo}, k.rank, k.key) AS b;
		SELECT COALESCE(pg_catalog.jsonb_object_agg(k.photo, k.file), my.held) INTO held
		  FROM (SELECT b.key AS photo, b.value AS file
		          FROM pg_catalog.jsonb_each_text(my.best) AS b
		          JOIN {link} AS l ON l.{link.photo} {=} b.key::{photo.key:type}
		                          AND l.{link.file} {=} b.value::{file.key:type}{and_link_of_owner}
		          JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_of_owner}
		         WHERE NOT f.{file.missing}
		         ORDER BY f.{file.key}
		           FOR KEY SHARE OF l, f SKIP LOCKED) AS k;
	END IF;
	SELECT pg_catalog.array_agg(CASE WHEN t.main AND k.free
	                                 THEN COALESCE(my.held OPERATOR(pg_catalog.->>) t.photo, t.file) END
	                            ORDER BY t.ordinal),
	       pg_catalog.array_agg(k.free ORDER BY t.ordinal)
	  INTO afters, free
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.mains), pg_catalog.unnest(my.free))
	       WITH ORDINALITY AS t(photo, file, main, free, ordinal)
	 CROSS JOIN LATERAL (SELECT t.free AND (NOT t.main
	                            OR NOT my.best OPERATOR(pg_catalog.?) t.photo
	                            OR my.held OPERATOR(pg_catalog.?) t.photo)) AS k(free);
	$body$ || CASE WHEN names ? 'photo.main:expression' THEN '' ELSE $body$
	UPDATE {photo} AS p SET {photo.main} = t.after::{file.key:type}
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.afters)) AS t(photo, file, after)
	 WHERE t.after {<>} t.file AND p.{photo.key} {=} t.photo::{photo.key:type}
	   AND p.{photo.owner} {=} $1::{photo.owner:type};$body$ END
	|| missing_photos.mark_missing_writes(names) || $body$
	-- A pair that was given twice is told once.
	RETURN QUERY
	SELECT DISTINCT t.photo, t.file, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, t.main,
	       t.after, t.flag
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.free), pg_catalog.unnest(my.mains),
	                  pg_catalog.unnest(my.afters), pg_catalog.unnest(my.flags))
	    AS t(photo, file, free, main, after, flag);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_linked IS 'the body for photos, files and links';

CREATE FUNCTION missing_photos.mark_missing_single(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The row stays the user's: one already in the trash keeps the time it was put there.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	free pg_catalog.bool[];
BEGIN
	SELECT pg_catalog.array_agg(k.photo ORDER BY k.ordinal),
	       pg_catalog.array_agg(k.locked ORDER BY k.ordinal)
	  INTO photos, free
	  FROM missing_photos.library_lock($1, $2, $3) AS k
	 WHERE NOT k.flagged
	   AND (NOT k.locked OR COALESCE(($4)[k.ordinal] {=} k.path,
	                                 ($4)[k.ordinal] IS NULL AND k.path IS NULL));
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {photo} AS p
	   SET {set_missing}
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free))
	               AS t(photo, free)
	            WHERE t.free));$body$ END || $body$
	RETURN QUERY
	SELECT t.photo, t.photo, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, true,
	       CASE WHEN t.free THEN t.photo END, false
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free)) AS t(photo, free);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_single IS
	'the body where one row is the photo and its file';
