-- register_library: attaches a schema that no preset knows, by the names of its tables and columns.
--
-- The names are checked against the catalog and become a mapping like a preset's, kept as a preset
-- function of the name given, so that attach_library(NAME, schema) binds again after the application
-- changed its tables. All that is made of them is quoted names and literals: whoever may attach can put
-- no SQL of their own into functions that others call.

CREATE FUNCTION missing_photos.register_library(
	name text,
	photo_table regclass,
	photo_key name DEFAULT NULL,
	owner_column name DEFAULT NULL,
	owner_table regclass DEFAULT NULL,
	owner_key name DEFAULT NULL,
	owner_folder name DEFAULT NULL,
	path_column name DEFAULT NULL,
	root text DEFAULT NULL,
	name_column name DEFAULT NULL,
	directory_column name DEFAULT NULL,
	directory_table regclass DEFAULT NULL,
	directory_key name DEFAULT NULL,
	directory_path name DEFAULT NULL,
	missing_column name DEFAULT NULL,
	trash_column name DEFAULT NULL,
	file_table regclass DEFAULT NULL,
	file_key name DEFAULT NULL,
	link_table regclass DEFAULT NULL,
	link_photo name DEFAULT NULL,
	link_file name DEFAULT NULL,
	main_column name DEFAULT NULL,
	type_column name DEFAULT NULL,
	file_types jsonb DEFAULT NULL,
	size_column name DEFAULT NULL,
	digest_column name DEFAULT NULL,
	digest_algorithm text DEFAULT 'md5',
	path_hash_column name DEFAULT NULL,
	derived_column name DEFAULT NULL,
	derived_root text DEFAULT NULL,
	preview boolean DEFAULT false)
RETURNS TABLE (part text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object(
		'name', register_library.name, 'photo_table', photo_table::oid, 'photo_key', photo_key,
		'owner_column', owner_column, 'owner_table', owner_table::oid, 'owner_key', owner_key,
		'owner_folder', owner_folder, 'path_column', path_column, 'root', root,
		'name_column', name_column, 'directory_column', directory_column,
		'directory_table', directory_table::oid, 'directory_key', directory_key,
		'directory_path', directory_path, 'missing_column', missing_column,
		'trash_column', trash_column, 'file_table', file_table::oid, 'file_key', file_key,
		'link_table', link_table::oid, 'link_photo', link_photo, 'link_file', link_file,
		'main_column', main_column, 'type_column', type_column, 'file_types', file_types,
		'size_column', size_column, 'digest_column', digest_column,
		'path_hash_column', path_hash_column, 'derived_column', derived_column))
		|| jsonb_strip_nulls(jsonb_build_object('derived_root', derived_root,
			'digest_algorithm', digest_algorithm));
	sample text;
BEGIN
	FOR part, detail, sample IN
	SELECT r.* FROM missing_photos.contract_register(wanted, COALESCE(preview, false)) AS r
	LOOP
		IF sample IS NOT NULL THEN
			PERFORM missing_photos.register_check_rows(wanted);
			-- Read as the caller, who may not be allowed to see any.
			BEGIN
				EXECUTE sample INTO detail;
			EXCEPTION WHEN insufficient_privilege THEN
				detail := 'not readable for you';
			END;
			detail := COALESCE(detail, 'there is none yet');
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_library IS
	'attaches a library of any schema by the names of its tables and columns; preview: only says what it would be';

CREATE FUNCTION missing_photos.contract_register(
	wanted jsonb, preview boolean, OUT part text, OUT detail text, OUT sample text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preset name := 'preset_' || (wanted ->> 'name');
	library_schema name;
	mapping jsonb;
BEGIN
	PERFORM missing_photos.register_check_name(wanted ->> 'name');
	PERFORM missing_photos.register_check_form(wanted);
	PERFORM missing_photos.register_check_tables(wanted);
	PERFORM missing_photos.register_check_columns(wanted);
	PERFORM missing_photos.register_check_references(wanted);
	SELECT space.nspname INTO library_schema
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = (wanted ->> 'photo_table')::oid;
	mapping := missing_photos.contract_bind(missing_photos.registered_mapping(wanted), library_schema);
	RETURN QUERY SELECT d.part, d.detail, NULL::text FROM missing_photos.registered_parts(mapping) AS d;
	RETURN QUERY SELECT 'one of the paths', NULL::text, missing_photos.contract_fill(CASE mapping ->> 'shape'
		WHEN 'linked' THEN 'SELECT f.{file.path}::pg_catalog.text FROM {file} AS f WHERE f.{file.path} IS NOT NULL LIMIT 1'
		ELSE 'SELECT p.{photo.path}::pg_catalog.text FROM {photo} AS p WHERE p.{photo.path} IS NOT NULL LIMIT 1' END,
		missing_photos.contract_names(mapping));
	IF NOT preview THEN
		IF to_regprocedure(format('missing_photos.%I(name)', preset)) IS NOT NULL THEN
			EXECUTE format('DROP FUNCTION missing_photos.%I(name)', preset);
		END IF;
		EXECUTE format('CREATE FUNCTION missing_photos.%I(library_schema name) RETURNS jsonb '
			'LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS %L', preset,
			format('SELECT %L::pg_catalog.jsonb', missing_photos.registered_mapping(wanted)));
		EXECUTE format('ALTER FUNCTION missing_photos.%I(name) DEPENDS ON EXTENSION missing_photos', preset);
		EXECUTE format('REVOKE ALL ON FUNCTION missing_photos.%I(name) FROM PUBLIC', preset);
		EXECUTE format('COMMENT ON FUNCTION missing_photos.%I(name) IS %L', preset,
			'registered: what this library looks like');
		PERFORM missing_photos.contract_attach(wanted ->> 'name', library_schema);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_register IS
	'checks what register_library was told, and makes a preset of it';

-- Each name that register_library takes: where it belongs and what it must be. identity: tells rows
-- apart; written: changed by scans or relinking.
CREATE FUNCTION missing_photos.register_columns(wanted jsonb)
RETURNS TABLE (
	parameter text, of_table text, relation oid, col name, role text, column_role text, kind text,
	identity boolean, written boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.parameter, p.of_table, (wanted ->> p.of_table)::oid,
	       COALESCE(wanted ->> p.parameter, CASE WHEN p.identity THEN missing_photos.register_key(
	           (wanted ->> p.of_table)::oid) END)::name,
	       p.role, p.column_role, p.kind, p.identity, p.written
	  FROM (SELECT CASE WHEN wanted ? 'file_table' THEN 'file_table' ELSE 'photo_table' END AS rows,
	               CASE WHEN wanted ? 'file_table' THEN 'file' ELSE 'photo' END AS row,
	               wanted ? 'directory_column' AND NOT wanted ? 'path_column' AS pieces) AS at
	 CROSS JOIN LATERAL (VALUES
		('photo_key', 'photo_table', 'photo', 'key', 'key', true, false),
		('owner_column', 'photo_table', 'photo', 'owner', 'key', false, false),
		('owner_key', 'owner_table', 'owner', 'key', 'key', true, false),
		('owner_folder', 'owner_table', 'owner', 'folder', 'text', false, false),
		('path_column', at.rows, at.row, CASE WHEN wanted ? 'root' THEN 'relative' ELSE 'path' END,
		 'text', false, true),
		('name_column', at.rows, at.row, CASE WHEN at.pieces THEN 'leaf' ELSE 'name' END, 'text',
		 false, true),
		('directory_column', at.rows, at.row, 'directory', 'key', false, true),
		('directory_key', 'directory_table', 'directory', 'key', 'key', true, false),
		('directory_path', 'directory_table', 'directory', 'path', 'text', false, false),
		('missing_column', at.rows, at.row, 'flag', 'flag', false, true),
		('trash_column', 'photo_table', 'photo', 'trash', 'flag', false, false),
		('file_key', 'file_table', 'file', 'key', 'key', true, false),
		('link_photo', 'link_table', 'link', 'photo', 'key', false, true),
		('link_file', 'link_table', 'link', 'file', 'key', false, true),
		('main_column', 'photo_table', 'photo', 'main', 'key', false, true),
		('type_column', 'file_table', 'file', 'type', 'any', false, false),
		('size_column', at.rows, at.row, 'size', 'number', false, false),
		('digest_column', 'photo_table', 'photo', 'checksum', 'digest', false, false),
		('path_hash_column', 'photo_table', 'photo', 'path_hash', 'text', false, true),
		('derived_column', 'photo_table', 'derived_photo', 'made', 'text', false, false)
	  ) AS p (parameter, of_table, role, column_role, kind, identity, written)
	 WHERE wanted ? p.parameter OR p.identity AND wanted ? p.of_table
$$;
COMMENT ON FUNCTION missing_photos.register_columns IS
	'the columns that register_library was told of, keys it need not be told of among them';

CREATE FUNCTION missing_photos.register_key(relation oid)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT attribute.attname
	  FROM pg_index AS index
	  JOIN pg_attribute AS attribute
	    ON attribute.attrelid = index.indrelid AND attribute.attnum = index.indkey[0]
	 WHERE index.indrelid = register_key.relation AND index.indisprimary AND index.indnkeyatts = 1
$$;
COMMENT ON FUNCTION missing_photos.register_key IS 'a table''s primary key, if it is one column';

CREATE FUNCTION missing_photos.registered_mapping(wanted jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'application', wanted -> 'name', 'registered', true,
		'shape', CASE WHEN wanted ? 'file_table' THEN 'linked' ELSE 'single' END,
		'flag', CASE WHEN NOT wanted ? 'missing_column' THEN 'own'
		             WHEN (SELECT a.atttypid = 'boolean'::regtype FROM pg_attribute AS a
		                     JOIN missing_photos.register_columns(wanted) AS c
		                       ON c.relation = a.attrelid AND c.col = a.attname
		                    WHERE c.parameter = 'missing_column') THEN 'truth' ELSE 'time' END,
		'root', rtrim(wanted ->> 'root', '/'),
		'single_owner', CASE WHEN NOT wanted ? 'owner_column' THEN 'library' END,
		'file_types', wanted -> 'file_types',
		'digest', CASE WHEN wanted ? 'digest_column'
		          THEN jsonb_build_object('algorithm', wanted -> 'digest_algorithm') END,
		'derived', CASE WHEN wanted ? 'derived_column'
		           THEN jsonb_build_object('base', rtrim(wanted ->> 'derived_root', '/'), 'patterns', '[]'::jsonb) END,
		'tables', (SELECT jsonb_object_agg(t.role, jsonb_build_object('name', t.name, 'columns', t.columns))
		             FROM (SELECT c.role, class.relname AS name, jsonb_object_agg(c.column_role, c.col)
		                          || CASE WHEN c.role = 'derived_photo' THEN jsonb_build_object('photo',
		                             (SELECT k.col FROM missing_photos.register_columns(wanted) AS k
		                               WHERE k.parameter = 'photo_key')) ELSE '{}' END AS columns
		                     FROM missing_photos.register_columns(wanted) AS c
		                     JOIN pg_class AS class ON class.oid = c.relation
		                    GROUP BY c.role, class.relname) AS t)))
$$;
COMMENT ON FUNCTION missing_photos.registered_mapping IS
	'a preset''s mapping from what register_library was told';

CREATE FUNCTION missing_photos.registered_parts(mapping jsonb)
RETURNS TABLE (part text, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.part, d.detail
	  FROM (SELECT mapping ->> 'schema' AS schema, mapping -> 'tables' AS tables,
	               missing_photos.path_role(mapping) AS role,
	               mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns'] AS cols) AS m
	 CROSS JOIN LATERAL (VALUES
		(1, 'photos', format('%I.%I by %I', m.schema, m.tables #>> '{photo,name}',
		                     m.tables #>> '{photo,columns,key}')),
		(2, 'files', CASE m.role WHEN 'photo' THEN 'each photo is a file'
		             ELSE format('%I.%I by %I, linked by %I.%I', m.schema, m.tables #>> '{file,name}',
		                         m.tables #>> '{file,columns,key}', m.schema, m.tables #>> '{link,name}') END),
		(3, 'owners', CASE WHEN mapping ? 'single_owner' THEN format('one: "%s"', mapping ->> 'single_owner')
		              WHEN m.tables ? 'owner' THEN format('%I.%I by %I', m.schema, m.tables #>> '{owner,name}',
		                                                  m.tables #>> '{owner,columns,key}')
		              ELSE format('whoever %I names', m.tables #>> '{photo,columns,owner}') END),
		(4, 'paths', CASE WHEN m.cols ? 'leaf' THEN format('%I of %I.%I, and %I', m.tables #>> '{directory,columns,path}',
		                       m.schema, m.tables #>> '{directory,name}', m.cols ->> 'leaf')
		             ELSE quote_ident(COALESCE(m.cols ->> 'relative', m.cols ->> 'path')) END
		             || COALESCE(' below ' || (mapping ->> 'root'), '')),
		(5, 'missing', CASE mapping ->> 'flag' WHEN 'own' THEN 'kept by missing_photos'
		               ELSE format('column %I', m.cols ->> 'flag') END),
		(6, 'content', COALESCE((mapping #>> '{digest,algorithm}') || ' in ' || quote_ident(m.cols ->> 'checksum'),
		                        'not known'))
	  ) AS d (place, part, detail)
	 ORDER BY d.place
$$;
COMMENT ON FUNCTION missing_photos.registered_parts IS 'a registered library in words';
