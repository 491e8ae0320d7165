-- Without a SET clause, so that it is part of the query that calls it and not a statement per name.
-- Plain ASCII is its own normal form, and most names are nothing else.
CREATE FUNCTION missing_photos.twin_key(name text)
RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN pg_catalog.octet_length(name) OPERATOR(pg_catalog.<>) pg_catalog.length(name)
	             AND pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) 'UTF8'
	            THEN pg_catalog.lower(pg_catalog.normalize(pg_catalog.rtrim(name), 'NFC'))
	            ELSE pg_catalog.lower(pg_catalog.rtrim(name)) END
$$;
COMMENT ON FUNCTION missing_photos.twin_key IS
	'what two names have in common that differ only by letter case, Unicode normalisation or blanks at the end';

CREATE FUNCTION missing_photos.twins(
	rows integer[], folders integer[], names text[], here_folders integer[], here_names text[])
RETURNS TABLE ("row" integer, twin text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT gone."row", min(here.name)
	  FROM unnest(rows, folders, names) AS gone ("row", folder, name)
	  JOIN unnest(here_folders, here_names) AS here (folder, name)
	    ON here.folder = gone.folder
	   AND missing_photos.twin_key(here.name) = missing_photos.twin_key(gone.name)
	   AND here.name <> gone.name
	 GROUP BY gone."row"
$$;
COMMENT ON FUNCTION missing_photos.twins IS
	'for names missing from folders, names there that differ only in spelling';
