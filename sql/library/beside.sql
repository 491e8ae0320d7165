-- library_beside, library_astray and library_move_beside: sidecars that the library names in rows of
-- their own without judging them, and that go where their photo goes. Where a sidecar is a file like
-- any other there are none.
--
-- In a mapping of the single shape: table "sidecar" (rows of state "sidecar" in its column "kind"), or
-- the photo's own column "sidecar".

-- s is a sidecar, with key, photo and path; m.old and m.new are the paths of its photo. A sidecar is
-- called like the photo's file with an ending more, or with its ending exchanged; one of another name
-- keeps its name. Where it is expected:
CREATE FUNCTION missing_photos.beside_names(names jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT names || jsonb_object_agg(part.key, missing_photos.contract_fill(part.value, names))
	  FROM jsonb_each_text(jsonb_build_object(
		'sidecars', CASE WHEN names ? 'sidecar'
			THEN 'SELECT c.{sidecar.key}::pg_catalog.text AS key, c.{sidecar.photo} AS photo, '
				|| 'c.{sidecar.path}::pg_catalog.text AS path FROM {sidecar} AS c '
				|| 'WHERE c.{sidecar.kind}::pg_catalog.text {=} {sidecar_kind}'
			ELSE 'SELECT c.{photo.key}::pg_catalog.text AS key, c.{photo.key} AS photo, '
				|| 'c.{photo.sidecar}::pg_catalog.text AS path FROM {photo} AS c '
				|| 'WHERE c.{photo.sidecar} {<>} ''''' END,
		'place', $p$CASE
			WHEN pg_catalog.starts_with(s.path, m.old)
			THEN pg_catalog.concat(m.new, pg_catalog.substr(s.path, pg_catalog.length(m.old) OPERATOR(pg_catalog.+) 1))
			WHEN pg_catalog.starts_with(s.path, pg_catalog.concat(o.stem, '.'))
			THEN pg_catalog.concat(pg_catalog.regexp_replace(m.new, '\.[^./]*$', ''),
			                       pg_catalog.substr(s.path, pg_catalog.length(o.stem) OPERATOR(pg_catalog.+) 1))
			ELSE pg_catalog.concat(pg_catalog.regexp_replace(m.new, '[^/]*$', ''),
			                       pg_catalog.regexp_replace(s.path, '^.*/', '')) END$p$,
		'folder_of_path', $p$pg_catalog.regexp_replace(s.path, '[^/]*$', '')$p$,
		'folder_of_old', $p$pg_catalog.regexp_replace(m.old, '[^/]*$', '')$p$,
		'stem_of_old', $p$pg_catalog.regexp_replace(m.old, '\.[^./]*$', '')$p$,
		'target', CASE WHEN names ? 'sidecar' THEN '{sidecar}' ELSE '{photo}' END,
		'target.key', CASE WHEN names ? 'sidecar' THEN '{sidecar.key}' ELSE '{photo.key}' END,
		'target.key:type', CASE WHEN names ? 'sidecar' THEN '{sidecar.key:type}' ELSE '{photo.key:type}' END,
		'target.path', CASE WHEN names ? 'sidecar' THEN '{sidecar.path}' ELSE '{photo.sidecar}' END,
		'target.path:type', CASE WHEN names ? 'sidecar' THEN '{sidecar.path:type}' ELSE '{photo.sidecar:type}' END
	)) AS part
$$;
COMMENT ON FUNCTION missing_photos.beside_names IS
	'what these templates say of sidecars and their places';

CREATE FUNCTION missing_photos.generate_beside(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	has_sidecars boolean := names ? 'sidecar' OR names ? 'photo.sidecar';
	all_names jsonb := CASE WHEN has_sidecars THEN missing_photos.beside_names(names) ELSE names END;
	rows text := 'TABLE (photo text, file text, path text, place text)';
	none text := 'SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, '
		|| 'NULL::pg_catalog.text WHERE false';
BEGIN
	PERFORM missing_photos.contract_define(all_names, 'library_beside',
		'of_photos text[], of_old_paths text[], of_new_paths text[]', rows,
		missing_photos.contract_reads(100), CASE WHEN has_sidecars THEN $body$
	SELECT m.photo, s.key, s.path, p.place
	  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
	    AS m(photo, old, new)
	  JOIN ({sidecars}) AS s ON s.photo {=} m.photo::{photo.key:type}
	 CROSS JOIN LATERAL (SELECT {stem_of_old} AS stem) AS o
	 CROSS JOIN LATERAL (SELECT {place} AS place) AS p
	 WHERE {folder_of_path} {=} {folder_of_old} AND p.place {<>} s.path
$body$ ELSE none END, 'sidecars that lay beside photos'' files at their old paths, and where they belong now that the files have new ones');
	PERFORM missing_photos.contract_define(all_names, 'library_astray', 'of_owner text', rows,
		missing_photos.contract_reads(100), CASE WHEN has_sidecars THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, s.key, s.path, w.place
	  FROM {photo} AS p
	  JOIN ({sidecars}) AS s ON s.photo {=} p.{photo.key}
	 CROSS JOIN LATERAL (SELECT p.{photo.path}::pg_catalog.text AS old) AS m
	 CROSS JOIN LATERAL (VALUES (pg_catalog.concat(m.old, '.xmp')),
	                            (pg_catalog.concat({stem_of_old}, '.xmp'))) AS w(place)
	 WHERE NOT pg_catalog.starts_with(s.path, p.{photo.path}::pg_catalog.text)
	   AND p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}{and_settled} AND p.{photo.external}
	   AND NOT p.{photo.offline} AND {folder_of_path} {<>} {folder_of_old}
	 ORDER BY s.key, pg_catalog.length(w.place) OPERATOR(pg_catalog.>) pg_catalog.length(m.old) DESC
$body$ ELSE none END, 'sidecars named elsewhere than beside an owner''s photos, and where they may be');
	PERFORM missing_photos.contract_define(all_names, 'library_move_beside',
		'of_files text[], of_paths text[], of_places text[]', 'TABLE (file text)',
		missing_photos.contract_writes(1000), CASE WHEN has_sidecars THEN $body$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	UPDATE {target} AS r SET {target.path} = g.place::{target.path:type}
	  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
	    AS g(file, path, place)
	 WHERE r.{target.key} {=} g.file::{target.key:type} AND r.{target.path} {=} g.path::{target.path:type}
	RETURNING r.{target.key}::pg_catalog.text;
END
$body$ ELSE $body$
BEGIN
	RETURN;
END
$body$ END, 'gives sidecars their new paths where the library still says the old ones');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_beside IS
	'defines library_beside, library_astray and library_move_beside';
