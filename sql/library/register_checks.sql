-- What register_library says before it does anything. Each check raises an error that names the
-- parameter, and a hint that says what would do.

CREATE FUNCTION missing_photos.register_check_name(name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preset oid;
BEGIN
	IF register_check_name.name IS NULL OR register_check_name.name !~ '^[a-z][a-z0-9_]{0,55}$' THEN
		RAISE EXCEPTION 'a library can''t be called "%"', register_check_name.name
			USING ERRCODE = 'invalid_name',
			      HINT = 'Choose a name of lower-case letters, digits and underscores, for example ''gallery''.';
	END IF;
	preset := to_regprocedure(format('missing_photos.%I(name)', 'preset_' || register_check_name.name));
	IF preset IS NOT NULL AND NOT COALESCE(obj_description(preset, 'pg_proc') ^@ 'registered:', false) THEN
		RAISE EXCEPTION 'there is a preset called "%" already', register_check_name.name
			USING ERRCODE = 'duplicate_object',
			      HINT = format('Choose another name, or use it: SELECT missing_photos.attach_library(%L);',
			                    register_check_name.name);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_name IS
	'an error where a registered library can''t have this name';

CREATE FUNCTION missing_photos.register_check_form(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wrong record;
BEGIN
	SELECT c.problem, c.hint INTO wrong
	  FROM (VALUES
		(NOT wanted ? 'photo_table', 'photo_table must not be null', 'Name the table whose rows are photos.'),
		(wanted ? 'file_table' <> (wanted ? 'link_table'), 'file_table and link_table go together',
		 'Where a file''s own row says whose photo it is, register the file table as photo_table.'),
		(wanted ? 'link_table' AND NOT (wanted ? 'link_photo' AND wanted ? 'link_file'),
		 'a link table needs link_photo and link_file', 'Name its columns that hold the photo''s and the file''s key.'),
		(NOT wanted ? 'link_table' AND wanted ?| '{link_photo,link_file,main_column,type_column,file_key}',
		 'link_photo, link_file, main_column, type_column and file_key need a link table',
		 'Name file_table and link_table, or leave these out.'),
		(wanted ? 'link_table' AND wanted ?| '{trash_column,digest_column,path_hash_column,derived_column}',
		 'trash_column, digest_column, path_hash_column and derived_column are for libraries without a link table',
		 'Leave them out, or write a preset (docs/contract.md).'),
		(NOT wanted ? 'path_column' AND NOT (wanted ? 'directory_column' AND wanted ? 'name_column'),
		 'nothing says where a file is',
		 'Name path_column, or directory_column with directory_table, directory_path and name_column.'),
		(wanted ? 'directory_column' AND NOT (wanted ? 'directory_table' AND wanted ? 'directory_path'),
		 'directory_column needs directory_table and directory_path',
		 'Name the table of directories and its column with their paths.'),
		(NOT wanted ? 'directory_column' AND wanted ?| '{directory_table,directory_key,directory_path}',
		 'directory_table needs directory_column', 'Name the column that holds a directory''s key.'),
		(wanted ? 'path_column' AND wanted ? 'root' AND wanted ? 'directory_column',
		 'root, path_column and directory_column don''t go together', 'Leave one of them out.'),
		(NOT (wanted ->> 'root') ~ '^(/[^/]+)+/?$' OR wanted ->> 'root' ~ '/\.\.?(/|$)',
		 'root must be the absolute path of a folder', 'Give it as the application does, for example ''/media/originals''.'),
		(wanted ? 'derived_column' AND NOT COALESCE((wanted ->> 'derived_root') ~ '^/', false),
		 'derived_column needs derived_root', 'Give the absolute folder that its relative names start from.'),
		(wanted ? 'owner_table' AND NOT wanted ? 'owner_column', 'owner_table needs owner_column',
		 'Name the photo table''s column that holds an owner''s key, or leave owner_table out: then all photos are one owner''s.'),
		(NOT wanted ? 'owner_table' AND wanted ?| '{owner_key,owner_folder}',
		 'owner_key and owner_folder need owner_table', 'Name the table of owners, or leave these out.'),
		(wanted ? 'type_column' <> (wanted ? 'file_types'), 'type_column and file_types go together',
		 'Say which values mean what, for example {"image": "1", "video": "2", "raw": "4", "metadata": "3"}.'),
		(wanted ? 'file_types' AND (jsonb_typeof(wanted -> 'file_types') <> 'object'
		     OR NOT wanted -> 'file_types' <@ (SELECT jsonb_object_agg(k.kind, wanted -> 'file_types' -> k.kind)
		                                         FROM unnest('{image,video,raw,metadata}'::text[]) AS k (kind))),
		 'file_types must be an object of image, video, raw and metadata',
		 'Say which values mean what, for example {"image": "1", "video": "2", "raw": "4", "metadata": "3"}.'),
		(wanted ? 'digest_column' AND NOT wanted ->> 'digest_algorithm' IN ('md5', 'sha1'),
		 'digest_algorithm must be md5 or sha1', 'Leave digest_column out where it holds another digest.')
	  ) AS c (wrong, problem, hint)
	 WHERE c.wrong
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '%', wrong.problem
			USING ERRCODE = 'invalid_parameter_value', HINT = wrong.hint;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_form IS
	'an error where parameters of register_library don''t go together';

CREATE FUNCTION missing_photos.register_check_tables(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
BEGIN
	FOR part IN
		SELECT p.parameter, class.relname, class.relpersistence, class.relnamespace,
		       home.relnamespace AS library, class.relkind = ANY (p.kinds) AS fits
		  FROM (VALUES ('photo_table', '{r,p}'::"char"[]), ('file_table', '{r,p}'), ('link_table', '{r,p}'),
		               ('owner_table', '{r,p,v,m,f}'), ('directory_table', '{r,p,v,m,f}')) AS p (parameter, kinds)
		  JOIN pg_class AS class ON class.oid = (wanted ->> p.parameter)::oid
		  JOIN pg_class AS home ON home.oid = (wanted ->> 'photo_table')::oid
	LOOP
		IF part.relpersistence = 't' THEN
			RAISE EXCEPTION '"%" is temporary', part.relname
				USING ERRCODE = 'wrong_object_type',
				      HINT = format('No other session sees it. %s must be permanent.', part.parameter);
		ELSIF NOT part.fits THEN
			RAISE EXCEPTION '"%" is not a table', part.relname
				USING ERRCODE = 'wrong_object_type',
				      HINT = format('%s must be a table: scans lock and change its rows. A view will do for owner_table and directory_table.', part.parameter);
		ELSIF part.relnamespace <> part.library THEN
			RAISE EXCEPTION 'table "%" is in another schema than the photos', part.relname
				USING ERRCODE = 'invalid_parameter_value',
				      HINT = 'All tables of a library are in one schema; put a view of it there.';
		ELSIF part.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
			'missing_photos'::regnamespace)
		THEN
			RAISE EXCEPTION 'table "%" is not an application''s', part.relname
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the application''s own tables.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_tables IS
	'an error where a library can''t be made of these tables';

CREATE FUNCTION missing_photos.register_check_columns(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
BEGIN
	FOR part IN
		SELECT c.*, class.relname, class.relkind, space.nspname, a.attnum, a.attnotnull, a.attgenerated,
		       format_type(a.atttypid, a.atttypmod) AS type, k.types, k.hint,
		       k.types IS NULL OR a.atttypid::regtype::text = ANY (k.types) AS fits
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		  JOIN (VALUES
			('key', '{smallint,integer,bigint,uuid,text,character varying}'::text[],
			 'A key is an integer, a uuid or a text.'),
			('text', '{text,character varying}', 'A column with paths or names is text or varchar.'),
			('flag', '{boolean,timestamp with time zone,timestamp without time zone}',
			 'A flag is a boolean, or a timestamp that is NULL as long as it isn''t set.'),
			('number', '{integer,bigint}', 'A size is an integer or a bigint.'),
			('digest', '{text,character varying,character,bytea}', 'A digest is hexadecimal text or bytea.'),
			('any', NULL, NULL)) AS k (kind, types, hint) ON k.kind = c.kind
		  LEFT JOIN pg_attribute AS a
		    ON a.attrelid = c.relation AND a.attname = c.col AND a.attnum > 0 AND NOT a.attisdropped
	LOOP
		IF part.col IS NULL THEN
			RAISE EXCEPTION 'table "%" has no primary key of one column', part.relname
				USING ERRCODE = 'undefined_column', HINT = format('Name the column that tells its rows apart: %s.', part.parameter);
		ELSIF part.attnum IS NULL THEN
			RAISE EXCEPTION 'table "%" has no column "%" (%)', part.relname, part.col, part.parameter
				USING ERRCODE = 'undefined_column', HINT = format('Its columns are %s.', (
					SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum) FROM pg_attribute AS o
					 WHERE o.attrelid = part.relation AND o.attnum > 0 AND NOT o.attisdropped));
		ELSIF NOT part.fits THEN
			RAISE EXCEPTION 'column "%" of table "%" is of type %, which doesn''t fit %', part.col, part.relname,
					part.type, part.parameter
				USING ERRCODE = 'datatype_mismatch', HINT = part.hint;
		ELSIF part.written AND part.attgenerated <> '' THEN
			RAISE EXCEPTION 'column "%" of table "%" is generated and can''t be written (%)', part.col,
					part.relname, part.parameter
				USING ERRCODE = 'generated_always', HINT = 'Name the column it is made from.';
		ELSIF part.parameter = 'missing_column' AND part.attnotnull AND part.type LIKE 'timestamp%' THEN
			RAISE EXCEPTION 'column "%" of table "%" can''t be NULL, so it can''t say that a file is there',
					part.col, part.relname
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Name another column, or none: then missing_photos keeps the flags itself.';
		ELSIF part.identity AND part.relkind IN ('r', 'p') AND NOT (part.attnotnull
			AND missing_photos.contract_unique(part.nspname, part.relname, ARRAY[part.col]))
		THEN
			RAISE EXCEPTION 'column "%" doesn''t tell the rows of table "%" apart', part.col, part.relname
				USING ERRCODE = 'invalid_table_definition',
				      HINT = 'It needs to be NOT NULL and to have a unique index of its own.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_columns IS
	'an error where a column doesn''t exist, or can''t be what it is named for';

CREATE FUNCTION missing_photos.register_check_references(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pair record;
BEGIN
	-- A flag that says two things is worst: what is flagged as missing would be in the trash, never to
	-- be looked for again.
	FOR pair IN
		SELECT c.col, class.relname, string_agg(c.parameter, ', ' ORDER BY c.parameter) AS parameters
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		 GROUP BY c.col, c.of_table, class.relname
		HAVING count(*) > 1 AND (count(*) FILTER (WHERE c.written) > 1
		                         OR bool_or(c.parameter = 'missing_column'))
	LOOP
		RAISE EXCEPTION 'column "%" of table "%" can''t be all of this: %', pair.col, pair.relname,
				pair.parameters
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one column for each, or leave all but one out.';
	END LOOP;
	FOR pair IN
		WITH typed AS (
			SELECT c.parameter, format_type(a.atttypid, NULL) AS type,
			       CASE WHEN a.atttypid = ANY ('{smallint,integer,bigint}'::regtype[]) THEN 'integer'
			            WHEN a.atttypid = ANY ('{text,character varying}'::regtype[]) THEN 'text'
			            ELSE format_type(a.atttypid, NULL) END AS family
			  FROM missing_photos.register_columns(wanted) AS c
			  JOIN pg_attribute AS a ON a.attrelid = c.relation AND a.attname = c.col
		)
		SELECT one.parameter AS one, one.type AS one_type, other.parameter AS other, other.type AS other_type
		  FROM (VALUES ('owner_column', 'owner_key'), ('directory_column', 'directory_key'),
		               ('link_photo', 'photo_key'), ('link_file', 'file_key'), ('main_column', 'file_key'))
		       AS p (one, other)
		  JOIN typed AS one ON one.parameter = p.one
		  JOIN typed AS other ON other.parameter = p.other
		 WHERE one.family <> other.family
	LOOP
		RAISE EXCEPTION '% is of type %, but % of type %', pair.one, pair.one_type, pair.other, pair.other_type
			USING ERRCODE = 'datatype_mismatch', HINT = 'Name columns of which one holds the values of the other.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_references IS
	'an error where a column can''t hold the keys of the table it is said to point at';

-- A table's keys are unique by its index; a view's are looked at, as the caller, who may not be allowed
-- to read it. What it may hold later can't be told.
CREATE FUNCTION missing_photos.register_check_rows(wanted jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
	key text;
	times bigint;
BEGIN
	FOR part IN
		SELECT c.parameter, c.col, c.relation::regclass AS relation, class.relname
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		 WHERE c.identity AND class.relkind NOT IN ('r', 'p')
	LOOP
		BEGIN
			EXECUTE format('SELECT v.%1$I::text, count(*) FROM %2$s AS v GROUP BY v.%1$I '
				'HAVING count(*) > 1 OR v.%1$I IS NULL LIMIT 1', part.col, part.relation) INTO key, times;
		EXCEPTION WHEN insufficient_privilege THEN
			CONTINUE;
		END;
		IF times IS NOT NULL THEN
			RAISE EXCEPTION 'column "%" doesn''t tell the rows of "%" apart: % of them % %', part.col,
					part.relname, times, CASE WHEN times = 1 THEN 'has' ELSE 'have' END,
					COALESCE('"' || key || '"', 'NULL')
				USING ERRCODE = 'invalid_table_definition',
				      HINT = format('Each value may stand in one row, and none may be NULL. Name another %s, or change the view.',
				                    part.parameter);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_rows IS
	'an error where a view that stands for a table has a key twice, or none';
