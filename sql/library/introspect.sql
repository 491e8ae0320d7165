-- Looking at the catalog: which tables and columns a schema really has. Presets say what they look
-- for; nothing here knows an application, its version or the name of a constraint.

CREATE FUNCTION missing_photos.contract_relation(library_schema name, candidates jsonb)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Candidates: one name or an array of names, the first that exists counts.
	SELECT class.relname
	  FROM jsonb_array_elements_text(
	           CASE jsonb_typeof(candidates) WHEN 'array' THEN candidates
	                ELSE jsonb_build_array(candidates) END)
	       WITH ORDINALITY AS wanted (name, rank)
	  JOIN pg_class AS class ON class.relname = wanted.name AND class.relkind IN ('r', 'p', 'f', 'v', 'm')
	  JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE space.nspname = library_schema
	 ORDER BY wanted.rank
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_relation IS
	'the first of these tables that the schema holds';

CREATE FUNCTION missing_photos.contract_is_table(library_schema name, relation name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS class
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		 WHERE space.nspname = library_schema AND class.relname = relation
		   AND class.relkind IN ('r', 'p'))
$$;
COMMENT ON FUNCTION missing_photos.contract_is_table IS
	'whether this is a table of the server''s own, whose rows have places';

CREATE FUNCTION missing_photos.contract_column(
	library_schema name, relation name, candidates jsonb, OUT name name, OUT type text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The type is written with its schema, so that generated bodies may cast to it whatever the
	-- caller's search_path is; without its modifier, or a cast would cut values off.
	SELECT attribute.attname,
	       CASE WHEN element.oid IS NULL THEN format('%I.%I', space.nspname, type.typname)
	            ELSE format('%I.%I[]', element_space.nspname, element.typname) END
	  FROM jsonb_array_elements_text(
	           CASE jsonb_typeof(candidates) WHEN 'array' THEN candidates
	                ELSE jsonb_build_array(candidates) END)
	       WITH ORDINALITY AS wanted (name, rank)
	  JOIN pg_attribute AS attribute
	    ON attribute.attname = wanted.name AND attribute.attnum > 0 AND NOT attribute.attisdropped
	  JOIN pg_class AS class ON class.oid = attribute.attrelid AND class.relname = relation
	  JOIN pg_namespace AS home
	    ON home.oid = class.relnamespace AND home.nspname = library_schema
	  JOIN pg_type AS type ON type.oid = attribute.atttypid
	  JOIN pg_namespace AS space ON space.oid = type.typnamespace
	  LEFT JOIN pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
	  LEFT JOIN pg_namespace AS element_space ON element_space.oid = element.typnamespace
	 ORDER BY wanted.rank
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_column IS
	'the first of these columns that the table has, and its type';

CREATE FUNCTION missing_photos.contract_key(
	library_schema name, relation name, from_relation name, from_column name)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What the link table points at is the key we must join by; a primary key elsewhere in the row
	-- (an application half-way through a migration) doesn't count. Without a foreign key the
	-- primary key has to do.
	SELECT target.attname
	  FROM pg_constraint AS con
	  JOIN pg_class AS class
	    ON class.oid = CASE con.contype WHEN 'f' THEN con.confrelid ELSE con.conrelid END
	  JOIN pg_namespace AS space ON space.oid = class.relnamespace
	  JOIN pg_attribute AS target
	    ON target.attrelid = class.oid
	   AND target.attnum = CASE con.contype WHEN 'f' THEN con.confkey[1] ELSE con.conkey[1] END
	  LEFT JOIN pg_class AS origin ON con.contype = 'f' AND origin.oid = con.conrelid
	  LEFT JOIN pg_attribute AS source
	    ON source.attrelid = origin.oid AND source.attnum = con.conkey[1]
	 WHERE space.nspname = library_schema AND class.relname = relation
	   AND cardinality(con.conkey) = 1
	   AND (con.contype = 'p'
	        OR con.contype = 'f' AND origin.relname = from_relation
	           AND origin.relnamespace = space.oid AND source.attname = from_column)
	 ORDER BY con.contype = 'f' DESC
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_key IS
	'the column of a table that another table''s column references, else its primary key';

CREATE FUNCTION missing_photos.contract_unique(
	library_schema name, relation name, columns name[])
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_index AS index
		  JOIN pg_class AS class ON class.oid = index.indrelid AND class.relname = relation
		  JOIN pg_namespace AS space
		    ON space.oid = class.relnamespace AND space.nspname = library_schema
		 WHERE index.indisunique AND index.indisvalid AND index.indimmediate
		   AND index.indpred IS NULL AND index.indexprs IS NULL
		   AND (SELECT array_agg(attribute.attname ORDER BY attribute.attname)
		          FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS attribute
		            ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts)
		       = (SELECT array_agg(wanted ORDER BY wanted) FROM unnest(columns) AS wanted))
$$;
COMMENT ON FUNCTION missing_photos.contract_unique IS
	'whether a unique index on exactly these columns can settle an INSERT ... ON CONFLICT';

CREATE FUNCTION missing_photos.contract_demands(library_schema name, relation name)
RETURNS TABLE (name name, type text, category "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT attribute.attname, format('%I.%I', type_space.nspname, type.typname), type.typcategory
	  FROM pg_attribute AS attribute
	  JOIN pg_class AS class ON class.oid = attribute.attrelid AND class.relname = relation
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = library_schema
	  JOIN pg_type AS type ON type.oid = attribute.atttypid
	  JOIN pg_namespace AS type_space ON type_space.oid = type.typnamespace
	 WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attnotnull
	   AND NOT attribute.atthasdef AND attribute.attidentity = ''
$$;
COMMENT ON FUNCTION missing_photos.contract_demands IS
	'columns that an INSERT must supply';
