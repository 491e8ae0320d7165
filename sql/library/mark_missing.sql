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

CREATE FUNCTION missing_photos.mark_missing_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	ordinals pg_catalog.int8[];
	held_ordinals pg_catalog.int8[];
	held_files {file.key:type}[];
	others pg_catalog.bool;		-- whether any of the photos has another link
	photos pg_catalog.text[];
	files pg_catalog.text[];
	mains pg_catalog.bool[];
	flags pg_catalog.bool[];
	free pg_catalog.bool[];
	afters pg_catalog.text[];
	gone {file.key:type}[];
	best pg_catalog.jsonb := pg_catalog.jsonb_build_object();
	held pg_catalog.jsonb := pg_catalog.jsonb_build_object();
BEGIN
	-- What comes back is locked, and is what the rows say now. One statement for the three tables:
	-- each row is found once, by its keys. It waits for nobody, so its order can't lead to a
	-- deadlock (library_lock tells more). COALESCE: a link is to be found by its photo, which has few;
	-- an index on files would serve as well, but texts compare slowly.
	SELECT pg_catalog.array_agg(k.ordinal), pg_catalog.array_agg(k.photo), pg_catalog.array_agg(k.file),
	       pg_catalog.array_agg(k.was_main), pg_catalog.array_agg(k.flagged),
	       pg_catalog.array_agg(k.same), pg_catalog.array_agg(k.key)
	  INTO ordinals, photos, files, mains, flags, free, gone
	  FROM (SELECT g.ordinal, p.{photo.key}::pg_catalog.text AS photo,
	               f.{file.key}::pg_catalog.text AS file, f.{file.key} AS key,
	               COALESCE(p.{photo.main} {=} f.{file.key}, false) AS was_main,
	               f.{file.missing} AS flagged,
	               COALESCE(g.path {=} f.{file.path}::pg_catalog.text,
	                        g.path IS NULL AND f.{file.path} IS NULL) AS same
	          FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                          pg_catalog.unnest($3::{file.key:type}[]), pg_catalog.unnest($4))
	               WITH ORDINALITY AS g(photo, file, path, ordinal)
	          JOIN {link} AS l
	            ON l.{link.photo} {=} g.photo AND COALESCE(l.{link.file} {=} g.file, false){and_link_of_owner}
	          JOIN {photo} AS p
	            ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	          JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
	         ORDER BY l.{link.photo}, l.{link.file}
	           FOR NO KEY UPDATE OF p, f SKIP LOCKED
	           FOR UPDATE OF l SKIP LOCKED) AS k;
	-- A pair of which anything is locked by another session has links that didn't come back.
	SELECT COALESCE(pg_catalog.array_agg(k.ordinal) FILTER (WHERE k.links {<>} 0), '{}'),
	       pg_catalog.bool_or(k.others)
	  INTO held_ordinals, others
	  FROM (SELECT e.ordinal, pg_catalog.sum(e.sign) AS links, pg_catalog.bool_or(e.other) AS others
	          FROM (SELECT h.ordinal, 1 AS sign, false AS other
	                  FROM pg_catalog.unnest(my.ordinals) AS h(ordinal)
	                UNION ALL
	                SELECT g.ordinal, CASE WHEN l.{link.file} {=} g.file THEN -1 ELSE 0 END,
	                       l.{link.file} {<>} g.file
	                  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                                  pg_catalog.unnest($3::{file.key:type}[]))
	                       WITH ORDINALITY AS g(photo, file, ordinal)
	                  JOIN {link} AS l ON l.{link.photo} {=} g.photo{and_link_of_owner}) AS e
	         GROUP BY e.ordinal) AS k;
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
	SELECT pg_catalog.array_agg(t.photo), pg_catalog.array_agg(t.file), pg_catalog.array_agg(t.main),
	       pg_catalog.array_agg(t.flag), pg_catalog.array_agg(true), pg_catalog.array_agg(t.key)
	  INTO photos, files, mains, flags, free, gone
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.mains), pg_catalog.unnest(my.flags),
	                  pg_catalog.unnest(my.free), pg_catalog.unnest(my.gone),
	                  pg_catalog.unnest(my.ordinals))
	    AS t(photo, file, main, flag, same, key, ordinal)
	 WHERE t.same AND NOT t.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_ordinals));
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
	|| CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {file} AS f SET {set_missing}
	 WHERE f.{file.key} {=} ANY (ARRAY(
	           SELECT t.file::{file.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.files), pg_catalog.unnest(my.free))
	               AS t(file, free)
	            WHERE t.free)){and_file_of_owner}
	   AND NOT f.{file.missing};$body$ END || $body$
	DELETE FROM {link} AS l
	 USING ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.free)) AS t(photo, file, free)
	 WHERE t.free AND l.{link.photo} {=} t.photo::{photo.key:type}
	   AND COALESCE(l.{link.file} {=} t.file::{file.key:type}, false){and_link_of_owner};
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
