-- From what a preset looks for to what the catalog holds.
--
-- A preset returns a mapping:
--
--     application  how people call it
--     shape        "linked": photos, files and links between them are three tables
--                  "single": one row is the photo and its file
--     tables       role -> {name, columns, optional, if_present}. The roles are owner, photo, file,
--                  link and job; name and each column are one name or an array of names of which
--                  the first that exists counts. Columns under "optional" may be missing. A table
--                  with if_present may be missing as a whole.
--     file_types, digest, owner_in_key, job_types, states    codes; see the generators
--
-- contract_bind returns the same with one name each, the columns' types, and the schema.

CREATE FUNCTION missing_photos.contract_bind(mapping jsonb, library_schema name)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bound jsonb := '{}';
	part record;
	relation name;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = library_schema) THEN
		RAISE EXCEPTION 'schema "%" does not exist', library_schema
			USING ERRCODE = 'invalid_schema_name',
			      HINT = 'Name the schema that holds the library''s tables.';
	END IF;
	FOR part IN SELECT key AS role, value AS wanted FROM jsonb_each(mapping -> 'tables') LOOP
		relation := missing_photos.contract_relation(library_schema, part.wanted -> 'name');
		IF relation IS NOT NULL THEN
			bound := bound || jsonb_build_object(part.role, missing_photos.contract_bind_columns(
				mapping ->> 'application', library_schema, relation, part.wanted));
		ELSIF NOT COALESCE((part.wanted ->> 'if_present')::boolean, false) THEN
			RAISE EXCEPTION 'schema "%" holds no % library: there is no table "%"', library_schema,
					mapping ->> 'application',
					COALESCE(part.wanted -> 'name' ->> 0, part.wanted ->> 'name')
				USING ERRCODE = 'undefined_table',
				      HINT = 'Connect to the application''s database, and name the preset and the schema that fit it.';
		END IF;
	END LOOP;
	RETURN mapping || jsonb_build_object('schema', library_schema, 'tables', bound);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_bind IS
	'resolves a preset''s mapping against the catalog, or says what is missing';

CREATE FUNCTION missing_photos.contract_bind_columns(
	application text, library_schema name, relation name, wanted jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns jsonb := '{}';
	types jsonb := '{}';
	part record;
	found_name name;
	found_type text;
BEGIN
	FOR part IN
		SELECT key AS role, value AS candidates, true AS needed
		  FROM jsonb_each(wanted -> 'columns')
		UNION ALL
		SELECT key, value, false FROM jsonb_each(COALESCE(wanted -> 'optional', '{}'))
	LOOP
		SELECT c.name, c.type INTO found_name, found_type
		  FROM missing_photos.contract_column(library_schema, relation, part.candidates) AS c;
		IF found_name IS NOT NULL THEN
			columns := columns || jsonb_build_object(part.role, found_name);
			types := types || jsonb_build_object(part.role, found_type);
		ELSIF part.needed THEN
			RAISE EXCEPTION 'table "%.%" is not one of a % library: there is no column "%"',
					library_schema, relation, application,
					COALESCE(part.candidates ->> 0, part.candidates #>> '{}', part.role)
				USING ERRCODE = 'undefined_column',
				      HINT = 'Name the preset and the schema that fit this database; a newer version of the application may need a newer missing_photos.';
		END IF;
	END LOOP;
	RETURN jsonb_build_object('name', relation, 'columns', columns, 'types', types);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_bind_columns IS
	'resolves one table of a mapping';

-- What the generated functions rest on, as text without any oid, so that it is the same after dump
-- and restore: the columns they name with their types; for tables they insert into also the columns
-- an INSERT must supply and whether the link's pair is unique.
CREATE FUNCTION missing_photos.contract_signature(mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH bound AS (
		SELECT part.key AS role, part.value ->> 'name' AS relation, part.value AS bound
		  FROM jsonb_each(mapping -> 'tables') AS part
	), found AS (
		SELECT bound.role, bound.relation, attribute.attname,
		       format_type(attribute.atttypid, NULL) AS type,
		       EXISTS (SELECT FROM jsonb_each_text(bound.bound -> 'columns') AS used
		                WHERE used.value = attribute.attname) AS used,
		       bound.role IN ('link', 'file', 'job') AND attribute.attnotnull
		       AND NOT attribute.atthasdef AND attribute.attidentity = '' AS demanded
		  FROM bound
		  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
		  JOIN pg_class AS class
		    ON class.relnamespace = space.oid AND class.relname = bound.relation
		  JOIN pg_attribute AS attribute
		    ON attribute.attrelid = class.oid AND attribute.attnum > 0
		   AND NOT attribute.attisdropped
	), line AS (
		SELECT format('%s.%s %s%s', relation, attname, type,
		              CASE WHEN demanded THEN ' demanded' END) AS line
		  FROM found
		 WHERE used OR demanded
		UNION ALL
		SELECT format('%s pairs %s', bound.relation,
		              CASE WHEN missing_photos.contract_pairs_unique(mapping) THEN 'unique'
		                   ELSE 'not unique' END)
		  FROM bound
		 WHERE bound.role = 'link'
		UNION ALL
		SELECT format('%s is no table', bound.relation)
		  FROM bound
		 WHERE NOT missing_photos.contract_is_table((mapping ->> 'schema')::name, bound.relation::name)
	)
	SELECT string_agg(line.line, E'\n' ORDER BY line.line COLLATE "C") FROM line
$$;
COMMENT ON FUNCTION missing_photos.contract_signature IS
	'what of the library the generated functions rest on';

CREATE FUNCTION missing_photos.contract_pairs_unique(mapping jsonb)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_unique(
		(mapping ->> 'schema')::name, (link ->> 'name')::name,
		array_remove(ARRAY[link #>> '{columns,owner}', link #>> '{columns,photo}',
		                   link #>> '{columns,file}'], NULL)::name[])
	  FROM (SELECT mapping #> '{tables,link}' AS link) AS part
$$;
COMMENT ON FUNCTION missing_photos.contract_pairs_unique IS
	'whether the link table allows a photo and file only once';
