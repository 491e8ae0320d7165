-- library_claimed and library_photos_by_content: who has this path, and who this content.

CREATE FUNCTION missing_photos.generate_claimed(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Any row of any owner counts, one about to be deleted too, and so do both places of a file that
	-- the application is moving. The planner sees how many paths are
	-- asked for: few are looked up, many are hashed.
	SELECT missing_photos.contract_define(names, 'library_claimed', 'of_paths text[]',
		'TABLE (path text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT g.path
	  FROM pg_catalog.unnest($1) AS g(path)
	 WHERE EXISTS (SELECT FROM {file} AS f WHERE {at_path})
$body$ ELSE $body$
	SELECT g.path
	  FROM pg_catalog.unnest($1) AS g(path)
	 WHERE EXISTS (SELECT FROM {photo} AS p WHERE {at_path}){or_in_flight}
$body$ END, 'which of these paths a file of anybody''s has')
$$;
COMMENT ON FUNCTION missing_photos.generate_claimed IS 'defines library_claimed';

CREATE FUNCTION missing_photos.generate_photos_by_content(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo has a content when a file of it is linked, or pointed at as the main file, or when it
	-- remembers the digest itself, as photos do whose files were removed.
	SELECT missing_photos.contract_define(names, 'library_photos_by_content',
		'of_owner text, of_digests text[]',
		'TABLE (photo text, file text, path text, digest text, linked boolean, flagged boolean, '
		|| 'removed boolean)',
		missing_photos.contract_reads(1000),
		CASE WHEN names ->> 'shape' = 'linked' AND names ->> 'key_of_digest' <> '' THEN
			missing_photos.by_content_linked(names)
		WHEN names ->> 'shape' = 'linked' THEN $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text,
	       NULL::pg_catalog.text, false, false, false
	 WHERE false
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, d.digest, true, p.{photo.offline}, NOT ({active})
	  FROM pg_catalog.unnest($2) AS d(digest)
	  JOIN {photo} AS p
	    ON p.{photo.owner} {=} $1::{photo.owner:type} AND {alive} AND {has_digest}
	   AND {is_digest}
$body$ END, 'photos of an owner, removed ones too, that have a file of this content; file and path are NULL where only the photo knows its content, photo is NULL where no photo knows the file any more')
$$;
COMMENT ON FUNCTION missing_photos.generate_photos_by_content IS
	'defines library_photos_by_content';

CREATE FUNCTION missing_photos.by_content_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, d.digest,
	       EXISTS (SELECT FROM {link} AS l
	                WHERE l.{link.photo} {=} p.{photo.key} AND l.{link.file} {=} f.{file.key}{and_link_is_owners}),
	       COALESCE(f.{file.missing}, false), %s
	  FROM pg_catalog.unnest($2) AS d(digest)
	  LEFT JOIN {file} AS f ON f.{file.key} {=} {key_of_digest}{and_file_of_owner}
	  LEFT JOIN LATERAL (
	       SELECT l.{link.photo} FROM {link} AS l
	        WHERE l.{link.file} {=} {key_of_digest}{and_link_of_owner}
	       UNION
	       SELECT q.{photo.key} FROM {photo} AS q
	        WHERE q.{photo.main} {=} {key_of_digest} AND q.{photo.owner} {=} $1::{photo.owner:type}%s
	       ) AS c(photo) ON true
	  LEFT JOIN {photo} AS p
	    ON p.{photo.key} {=} c.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	 WHERE p.{photo.key} IS NOT NULL OR f.{file.key} IS NOT NULL
$body$, CASE WHEN names ? 'photo.removed' THEN 'COALESCE(p.{photo.removed}, false)' ELSE 'false' END,
		CASE WHEN names ? 'photo.hash' THEN '
	       UNION
	       SELECT q.{photo.key} FROM {photo} AS q
	        WHERE q.{photo.hash} {=} {key_of_digest}::{photo.hash:type}' ELSE '' END)
$$;
COMMENT ON FUNCTION missing_photos.by_content_linked IS
	'the body of library_photos_by_content where a file''s key is its digest';
