-- attach_library, detach_library and check_library.

CREATE FUNCTION missing_photos.contract_generators()
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- In an order in which each function finds those it calls.
	SELECT ARRAY['owners', 'files', 'photo_files', 'file_rows', 'photo', 'photo_count',
	             'pointed_files', 'flagged_files', 'counts', 'content', 'lock', 'mark_missing',
	             'mark_present', 'missing', 'lock_missing', 'move', 'claimed',
	             'photos_by_content', 'add', 'reimported', 'job', 'last_import', 'derived', 'at',
	             'owners_below', 'beside']
$$;
COMMENT ON FUNCTION missing_photos.contract_generators IS
	'the families of functions a library answers with';

CREATE FUNCTION missing_photos.contract_functions()
RETURNS TABLE (function oid, name text, owner oid, acl aclitem[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What depends on the extension without being a member of it is what was generated.
	SELECT proc.oid, proc.oid::regprocedure::text, proc.proowner, proc.proacl
	  FROM pg_proc AS proc
	  JOIN pg_depend AS tie
	    ON tie.classid = 'pg_proc'::regclass AND tie.objid = proc.oid AND tie.deptype = 'x'
	   AND tie.refclassid = 'pg_extension'::regclass
	  JOIN pg_extension AS extension
	    ON extension.oid = tie.refobjid AND extension.extname = 'missing_photos'
	 WHERE proc.pronamespace = 'missing_photos'::regnamespace
	   AND proc.proname ^@ 'library_'
$$;
COMMENT ON FUNCTION missing_photos.contract_functions IS 'the functions generated so far';

CREATE FUNCTION missing_photos.contract_drop()
RETURNS regrole[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	grantees regrole[];
	generated text;
BEGIN
	SELECT array_agg(DISTINCT privilege.grantee)::regrole[] INTO grantees
	  FROM missing_photos.contract_functions() AS f
	 CROSS JOIN LATERAL aclexplode(f.acl) AS privilege
	 WHERE privilege.grantee NOT IN (0, f.owner);
	FOR generated IN SELECT f.name FROM missing_photos.contract_functions() AS f LOOP
		EXECUTE format('DROP FUNCTION %s', generated);
	END LOOP;
	RETURN grantees;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_drop IS
	'drops the generated functions and returns the roles that could call them';

-- The only part that runs with the extension's rights. What it executes are the generated functions'
-- definitions, made of names quoted from the catalog; it calls nothing of the library's schema.
CREATE FUNCTION missing_photos.contract_attach(preset text, library_schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mapping jsonb;
	names jsonb;
	part text;
	grantee regrole;
	grantees regrole[];
	granted text;
BEGIN
	LOCK TABLE missing_photos.attached_library IN EXCLUSIVE MODE;
	EXECUTE format('SELECT missing_photos.%I($1)', 'preset_' || preset)
		INTO mapping USING library_schema;
	mapping := missing_photos.contract_bind(mapping, library_schema);
	names := missing_photos.contract_names(mapping);
	grantees := missing_photos.contract_drop();
	FOREACH part IN ARRAY missing_photos.contract_generators() LOOP
		EXECUTE format('SELECT missing_photos.%I($1)', 'generate_' || part) USING names;
	END LOOP;
	FOREACH grantee IN ARRAY COALESCE(grantees, '{}') LOOP
		FOR granted IN SELECT f.name FROM missing_photos.contract_functions() AS f LOOP
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', granted, grantee);
		END LOOP;
	END LOOP;
	PERFORM missing_photos.contract_forget(
		names ->> 'photo.key:type', COALESCE(names ->> 'file.key:type', names ->> 'photo.key:type'));
	DELETE FROM missing_photos.attached_library;
	INSERT INTO missing_photos.attached_library
		(preset, library_schema, layout, mapping, signature, version)
	VALUES (contract_attach.preset, contract_attach.library_schema,
		missing_photos.contract_layout(mapping), mapping,
		missing_photos.contract_signature(mapping), missing_photos.installed_version());
END
$$;
COMMENT ON FUNCTION missing_photos.contract_attach IS
	'generates the library contract for an existing library; called by attach_library';

CREATE FUNCTION missing_photos.contract_is_key(value text, type text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- By how it is written: a cast could run what a domain of the library's checks.
	SELECT CASE type
	       WHEN 'pg_catalog.uuid' THEN value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
	       WHEN 'pg_catalog.int8' THEN value ~ '^-?[0-9]{1,19}$'
	       WHEN 'pg_catalog.int4' THEN value ~ '^-?[0-9]{1,10}$'
	       ELSE true END
$$;
COMMENT ON FUNCTION missing_photos.contract_is_key IS 'whether a value looks like a key of this type';

-- An application may have given its photos keys of another type: what was noted by the old ones names
-- nothing any more, and could not even be looked up.
CREATE FUNCTION missing_photos.contract_forget(photo_type text, file_type text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	forgotten bigint;
BEGIN
	DELETE FROM missing_photos.file_doubt AS doubt
	 WHERE NOT missing_photos.contract_is_key(doubt.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(doubt.file, file_type);
	DELETE FROM missing_photos.loss AS lost
	 WHERE NOT missing_photos.contract_is_key(lost.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(lost.file, file_type);
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	DELETE FROM missing_photos.absence AS gone
	 WHERE NOT missing_photos.contract_is_key(gone.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(gone.file, file_type);
	DELETE FROM missing_photos.suspect AS suspect
	 WHERE NOT missing_photos.contract_is_key(suspect.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(suspect.file, file_type);
	IF forgotten > 0 THEN
		RAISE WARNING 'links that scans took away are forgotten: %', forgotten
			USING DETAIL = 'The library''s photos or files have keys of another type now.',
			      HINT = 'Main files that come back are still found; let the application''s own scan link the others.';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_forget IS
	'forgets what was noted by keys that the library no longer has';

CREATE FUNCTION missing_photos.contract_layout(mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s in schema %I: photos in %I by %I (%s)%s%s',
		mapping ->> 'application', mapping ->> 'schema', photo ->> 'name',
		photo #>> '{columns,key}',
		(SELECT format_type(to_regtype(photo #>> '{types,key}'), NULL)),
		CASE WHEN mapping ->> 'shape' <> 'linked' THEN ', each row with its file'
		     WHEN missing_photos.contract_pairs_unique(mapping) THEN ', unique links to files'
		     ELSE ', links to files not unique' END,
		CASE WHEN job IS NULL THEN ', no job table'
		     WHEN job #> '{columns,current}' IS NULL THEN ', job progress in the result'
		     ELSE ', job progress in columns of its own' END)
	  FROM (SELECT mapping #> '{tables,photo}' AS photo, mapping #> '{tables,job}' AS job) AS part
$$;
COMMENT ON FUNCTION missing_photos.contract_layout IS 'a mapping in words';

CREATE FUNCTION missing_photos.installed_version()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT extension.extversion FROM pg_extension AS extension WHERE extension.extname = 'missing_photos' $$;
COMMENT ON FUNCTION missing_photos.installed_version IS 'the version of the extension in this database';

CREATE FUNCTION missing_photos.attach_library(preset text, schema_name text DEFAULT 'public')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF preset IS NULL OR schema_name IS NULL OR NOT EXISTS (
		SELECT FROM pg_proc AS proc
		 WHERE proc.pronamespace = 'missing_photos'::regnamespace
		   AND proc.proname = 'preset_' || preset)
	THEN
		RAISE EXCEPTION 'unknown kind of photo library: "%"', preset
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = format('Known are %s.', (
			          SELECT string_agg(substr(proc.proname, 8), ', ' ORDER BY proc.proname)
			            FROM pg_proc AS proc
			           WHERE proc.pronamespace = 'missing_photos'::regnamespace
			             AND proc.proname ^@ 'preset_'));
	END IF;
	IF to_regprocedure(format('missing_photos.%I(name)', 'prepare_' || preset)) IS NOT NULL THEN
		EXECUTE format('SELECT missing_photos.%I($1)', 'prepare_' || preset)
			USING schema_name::name;
	END IF;
	PERFORM missing_photos.contract_attach(preset, schema_name::name);
END
$$;
COMMENT ON FUNCTION missing_photos.attach_library IS
	'finds out how the photo library in this schema is laid out and makes it the one this database''s scans work on; again after the application changed its tables';

CREATE FUNCTION missing_photos.detach_library()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	LOCK TABLE missing_photos.attached_library IN EXCLUSIVE MODE;
	PERFORM missing_photos.contract_drop();
	DELETE FROM missing_photos.attached_library;
END
$$;
COMMENT ON FUNCTION missing_photos.detach_library IS
	'forgets the attached library, which stays as it is';

CREATE FUNCTION missing_photos.check_library()
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	library missing_photos.attached_library;
	now_signature text;
BEGIN
	SELECT * INTO library FROM missing_photos.attached_library;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no photo library is attached to this database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = 'Call missing_photos.attach_library(preset), for example attach_library(''librephotos'').';
	END IF;
	-- An update brings new generators; what the old ones made stays until it is made anew.
	IF library.version <> missing_photos.installed_version() THEN
		RAISE EXCEPTION 'the photo library was attached by version % of missing_photos, and this is %',
				library.version, missing_photos.installed_version()
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = format('Attach it again: SELECT missing_photos.attach_library(%L, %L);',
			                    library.preset, library.library_schema);
	END IF;
	now_signature := missing_photos.contract_signature(library.mapping);
	IF now_signature IS DISTINCT FROM library.signature THEN
		RAISE EXCEPTION 'the photo library in schema "%" has changed since it was attached',
				library.library_schema
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      DETAIL = missing_photos.contract_difference(library.signature, now_signature),
			      HINT = format('Attach it again: SELECT missing_photos.attach_library(%L, %L);',
			                    library.preset, library.library_schema);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.check_library IS
	'an error where no library is attached, or it is no longer laid out as it was when attached';

CREATE FUNCTION missing_photos.contract_difference(attached text, found text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH old AS (
		SELECT unnest(string_to_array(attached, E'\n')) AS line
	), new AS (
		SELECT unnest(string_to_array(found, E'\n')) AS line
	), gone AS (
		SELECT string_agg(line, '; ') AS lines FROM (SELECT * FROM old EXCEPT SELECT * FROM new ORDER BY 1) AS g
	), come AS (
		SELECT string_agg(line, '; ') AS lines FROM (SELECT * FROM new EXCEPT SELECT * FROM old ORDER BY 1) AS c
	)
	SELECT concat_ws(' ', 'Then: ' || gone.lines || '.', 'Now: ' || come.lines || '.') FROM gone, come
$$;
COMMENT ON FUNCTION missing_photos.contract_difference IS
	'the lines by which two signatures differ';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA missing_photos FROM PUBLIC;
GRANT EXECUTE ON FUNCTION missing_photos.attach_library(text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_attach(text, name) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.prepare_standalone(name) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.standalone_tables() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.standalone_albums() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_fill(text, jsonb) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.detach_library() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_register(jsonb, boolean),
	missing_photos.register_check_rows(jsonb), missing_photos.register_columns(jsonb),
	missing_photos.register_key(oid) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.register_library TO pg_read_server_files;
