-- Writing the contract's functions.
--
-- A generator is a function missing_photos.generate_NAME(names jsonb): it defines one contract
-- function, or a tight family, for each shape it knows. Bodies are templates: {photo} is the photo
-- table, {photo.key} its key column, {photo.key:type} that column's type, {=} and the like the
-- operators of pg_catalog. Names and types are quoted before they get there, the finished body is
-- quoted as a whole, and a value is never looked at twice, so that a column named like a
-- placeholder, or worse, is only a strange name. Where a library has no such column but something
-- that says the same (a path in pieces), the names hold {photo.path:expression}, a template in which
-- {a} is the row's alias; then p.{photo.path} is that expression.
--
-- The generated functions run as the caller with the caller's search_path (triggers on the
-- library's tables may need it, so no SET), which may hold anything. So bodies name the schema of
-- every table, function, type and operator, and avoid what looks an operator up by its bare name:
-- IN, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF, CASE x WHEN, USING, NATURAL.

CREATE FUNCTION missing_photos.contract_fill(template text, names jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	filled text := '';
	piece text;
	alias text;
BEGIN
	FOR piece IN
		SELECT m[1] FROM regexp_matches(template, '(\{[a-z][a-z_.:]*\}|\{[=<>]+\}|[^{]+|\{)', 'g') AS m
	LOOP
		IF piece ~ '^\{.+\}$' THEN
			piece := substr(piece, 2, length(piece) - 2);
			alias := CASE WHEN names ? (piece || ':expression') THEN substring(filled FROM '\m([a-z])\.$') END;
			IF alias IS NOT NULL THEN
				filled := left(filled, -2) || missing_photos.contract_fill(
					names ->> (piece || ':expression'), names || jsonb_build_object('a', alias));
				CONTINUE;
			ELSIF NOT names ? piece THEN
				RAISE EXCEPTION 'the library contract names "%", which the preset does not give', piece
					USING ERRCODE = 'internal_error';
			END IF;
			piece := names ->> piece;
		END IF;
		filled := filled || piece;
	END LOOP;
	RETURN filled;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_fill IS 'puts names in the place of {placeholders}';

CREATE FUNCTION missing_photos.contract_define(
	names jsonb, function_name text, arguments text, result text, properties text, body text,
	comment text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	signature text := format('missing_photos.%I(%s)', function_name, arguments);
BEGIN
	EXECUTE format('CREATE FUNCTION %s RETURNS %s %s AS %L', signature, result, properties,
		missing_photos.contract_fill(body, names));
	-- Not a member of the extension, so that pg_dump writes it out; gone with it all the same.
	EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION missing_photos', signature);
	EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
	EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, comment);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_define IS 'defines one function of the contract';

CREATE FUNCTION missing_photos.contract_reads(rows integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Not STRICT and without SET, or the planner could not inline it.
	SELECT format('LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS %s', rows)
$$;
COMMENT ON FUNCTION missing_photos.contract_reads IS 'properties of a reading contract function';

CREATE FUNCTION missing_photos.contract_writes(rows integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Their statements look thousands of rows up by key, which the planner takes for costly enough to
	-- be compiled: at each batch that would take longer than running them.
	SELECT format('LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS %s '
	              || 'SET jit = off', rows)
$$;
COMMENT ON FUNCTION missing_photos.contract_writes IS 'properties of a writing contract function';

CREATE FUNCTION missing_photos.contract_zero(type text, category "char")
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What to supply for a column that we know nothing of and that must not be NULL.
	SELECT format('%s::%s', CASE
		WHEN category = 'B' THEN 'false'
		WHEN category = 'N' THEN '0'
		WHEN category = 'D' THEN 'pg_catalog.clock_timestamp()'
		WHEN category = 'S' THEN ''''''
		WHEN category = 'A' THEN '''{}'''
		WHEN type = 'pg_catalog.uuid' THEN 'pg_catalog.gen_random_uuid()'
		WHEN type IN ('pg_catalog.json', 'pg_catalog.jsonb') THEN '''{}'''
		ELSE 'NULL' END, type)
$$;
COMMENT ON FUNCTION missing_photos.contract_zero IS
	'an empty value of a type, for columns an INSERT must supply';
