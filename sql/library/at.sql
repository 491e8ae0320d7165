-- library_at and library_owners_below: whose files have these paths, or lie below this folder.

CREATE FUNCTION missing_photos.generate_at(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_at', 'of_paths text[]',
		'TABLE (owner text, photo text, file text, path text, flagged boolean, readonly boolean)',
		missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text, f.{file.missing}, false
	  FROM pg_catalog.unnest($1) AS g(path)
	  JOIN {file} AS f ON {at_path}
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}{and_file_is_owners}
$body$ ELSE $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text, p.{photo.offline},
	       NOT p.{photo.external}
	  FROM pg_catalog.unnest($1) AS g(path)
	  JOIN {photo} AS p ON {at_path}
	 WHERE {alive}{and_settled}
$body$ END, 'the files that have these paths and the photos they are linked to, of any owner')
$$;
COMMENT ON FUNCTION missing_photos.generate_at IS 'defines library_at';

CREATE FUNCTION missing_photos.generate_owners_below(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_owners_below', 'of_folder text',
		'TABLE (owner text)', missing_photos.contract_reads(3),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT DISTINCT p.{photo.owner}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}{and_file_is_owners}
	 WHERE pg_catalog.starts_with(f.{file.path}::pg_catalog.text, pg_catalog.concat($1, '/'))
$body$ ELSE $body$
	SELECT DISTINCT p.{photo.owner}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE pg_catalog.starts_with(p.{photo.path}::pg_catalog.text, pg_catalog.concat($1, '/'))
	   AND {alive}
$body$ END, 'the owners who have files below this folder')
$$;
COMMENT ON FUNCTION missing_photos.generate_owners_below IS 'defines library_owners_below';
