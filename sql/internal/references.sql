-- What references a table's rows, read from the catalog each time: the application's migrations and
-- other people's tables are seen without attaching again.

CREATE FUNCTION missing_photos.type_name(type oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%I.%I', space.nspname, t.typname)
	  FROM pg_type AS t JOIN pg_namespace AS space ON space.oid = t.typnamespace
	 WHERE t.oid = type_name.type
$$;
COMMENT ON FUNCTION missing_photos.type_name IS
	'a type''s name with its schema and without a modifier, as a cast may use it whatever search_path is';

CREATE FUNCTION missing_photos.relation_name(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%I.%I', space.nspname, class.relname)
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = relation_name.relation
$$;
COMMENT ON FUNCTION missing_photos.relation_name IS 'a table''s name with its schema, quoted';

CREATE FUNCTION missing_photos.relation_source(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Foreign keys hold for a table's own rows, so tables that inherit have their own step.
	SELECT CASE class.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END
	       || missing_photos.relation_name(class.oid)
	  FROM pg_class AS class WHERE class.oid = relation_source.relation
$$;
COMMENT ON FUNCTION missing_photos.relation_source IS
	'a table in a FROM clause: with its partitions, without tables that inherit from it';

CREATE FUNCTION missing_photos.stored_columns(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(attribute.attname ORDER BY attribute.attnum)
	  FROM pg_attribute AS attribute
	 WHERE attribute.attrelid = stored_columns.relation AND attribute.attnum > 0
	   AND NOT attribute.attisdropped AND attribute.attgenerated = ''
$$;
COMMENT ON FUNCTION missing_photos.stored_columns IS 'a table''s columns but for generated ones';

CREATE FUNCTION missing_photos.row_key(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The primary key, else a unique index over columns that are never NULL, else the whole row.
	SELECT COALESCE(
		(SELECT (SELECT array_agg(attribute.attname ORDER BY part.place)
		           FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		           JOIN pg_attribute AS attribute
		             ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		          WHERE part.place <= index.indnkeyatts)
		   FROM pg_index AS index
		  WHERE index.indrelid = row_key.relation AND index.indisunique AND index.indisvalid
		    AND index.indpred IS NULL AND index.indexprs IS NULL
		    AND NOT EXISTS (
		        SELECT FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS attribute
		            ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts
		           AND (NOT attribute.attnotnull OR attribute.attgenerated <> ''))
		  ORDER BY index.indisprimary DESC, index.indnkeyatts, index.indexrelid
		  LIMIT 1),
		missing_photos.stored_columns(row_key.relation))
$$;
COMMENT ON FUNCTION missing_photos.row_key IS 'columns that tell a table''s rows apart';

-- The partitioned table a partition belongs to, else the table itself.
CREATE FUNCTION missing_photos.whole_table(relation oid)
RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN class.relispartition THEN pg_partition_root(class.oid::regclass)::oid
	            ELSE class.oid END
	  FROM pg_class AS class WHERE class.oid = whole_table.relation
$$;
COMMENT ON FUNCTION missing_photos.whole_table IS
	'the partitioned table a partition belongs to, else the table itself';

CREATE FUNCTION missing_photos.inheriting_tables(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The table itself and those that inherit from it; partitions belong to their table.
	WITH RECURSIVE tree (relation) AS (
		SELECT inheriting_tables.relation
		UNION
		SELECT link.inhrelid
		  FROM tree
		  JOIN pg_inherits AS link ON link.inhparent = tree.relation
		  JOIN pg_class AS class ON class.oid = link.inhrelid AND NOT class.relispartition
	)
	SELECT tree.relation FROM tree
$$;
COMMENT ON FUNCTION missing_photos.inheriting_tables IS
	'a table and the tables that inherit from it';

CREATE FUNCTION missing_photos.references_to(relation oid)
RETURNS TABLE (
	con oid, child oid, partitions oid[], parent_columns name[], child_columns name[],
	parent_types text[], operators text[], nullable name[], rule "char", set_columns name[],
	match_full boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- A foreign key of a partition's own holds for that partition alone. What a partitioned table's
	-- foreign key made for its partitions (conparentid) is the same key again.
	RETURN QUERY
	WITH con AS MATERIALIZED (
		SELECT k.*
		  FROM pg_constraint AS k
		 WHERE k.contype = 'f' AND k.conparentid = 0
		   AND k.confrelid = ANY (ARRAY(
		       SELECT tree.relid::oid FROM pg_partition_tree(references_to.relation) AS tree
		       UNION SELECT references_to.relation))
	)
	SELECT con.oid, missing_photos.whole_table(holder.relation),
	       CASE WHEN class.relispartition
	            THEN ARRAY(SELECT leaf.relid::oid FROM pg_partition_tree(class.oid) AS leaf
	                        WHERE leaf.isleaf) END,
	       part.parent_columns, part.child_columns, part.parent_types, part.operators,
	       part.nullable, con.confdeltype,
	       -- PostgreSQL 15 can name the columns that SET NULL and SET DEFAULT mean.
	       COALESCE((SELECT array_agg(attribute.attname ORDER BY chosen.place)
	                   FROM jsonb_array_elements_text(
	                            CASE jsonb_typeof(to_jsonb(con) -> 'confdelsetcols')
	                            WHEN 'array' THEN to_jsonb(con) -> 'confdelsetcols' ELSE '[]' END)
	                        WITH ORDINALITY AS chosen (attnum, place)
	                   JOIN pg_attribute AS attribute
	                     ON attribute.attrelid = con.conrelid
	                    AND attribute.attnum = chosen.attnum::smallint),
	                part.child_columns),
	       con.confmatchtype = 'f'
	  FROM con
	  JOIN pg_class AS class ON class.oid = con.conrelid
	 CROSS JOIN LATERAL missing_photos.inheriting_tables(con.conrelid) AS holder (relation)
	 CROSS JOIN LATERAL (
		SELECT array_agg(parent.attname ORDER BY pair.place) AS parent_columns,
		       array_agg(child.attname ORDER BY pair.place) AS child_columns,
		       array_agg(missing_photos.type_name(parent.atttypid) ORDER BY pair.place)
		           AS parent_types,
		       array_agg(format('OPERATOR(%I.%s)', space.nspname, operator.oprname)
		                 ORDER BY pair.place) AS operators,
		       array_agg(child.attname ORDER BY pair.place)
		           FILTER (WHERE NOT child.attnotnull AND NOT type.typnotnull
		                     AND child.attgenerated = '') AS nullable
		  FROM unnest(con.confkey, con.conkey, con.conpfeqop)
		       WITH ORDINALITY AS pair (parent_attnum, child_attnum, operator, place)
		  JOIN pg_attribute AS parent
		    ON parent.attrelid = con.confrelid AND parent.attnum = pair.parent_attnum
		  JOIN pg_attribute AS child
		    ON child.attrelid = con.conrelid AND child.attnum = pair.child_attnum
		  JOIN pg_type AS type ON type.oid = child.atttypid
		  JOIN pg_operator AS operator ON operator.oid = pair.operator
		  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	  ) AS part
	 ORDER BY 2, con.conname COLLATE "C", holder.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.references_to IS
	'the foreign keys that reference a table or its partitions, with what they say of deleting';
