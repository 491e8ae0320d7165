-- library_owners: every user of the application, and the folders that are theirs.

CREATE FUNCTION missing_photos.generate_owners(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_owners', '',
		'TABLE (owner text, folders text[])', missing_photos.contract_reads(10), $body$
	SELECT u.{owner.key}::pg_catalog.text, {folders}
	  FROM {owner} AS u
$body$, 'every user of the application, those without photos too, and the folders that are theirs')
$$;
COMMENT ON FUNCTION missing_photos.generate_owners IS 'defines library_owners';
