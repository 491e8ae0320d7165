-- A deletion's plan: every table that references a photo or file is in it, and what becomes of it.
SELECT t.ok(NOT EXISTS (
		SELECT FROM pg_constraint AS c
		 WHERE c.contype = 'f' AND c.confrelid = (
			SELECT format('%I.%I', mapping ->> 'schema', mapping #>> '{tables,photo,name}')::regclass
			  FROM missing_photos.attached_library)
		   AND NOT EXISTS (SELECT FROM missing_photos.deletion_steps('photo') AS s WHERE s.relation = c.conrelid)),
	'plan: no table that references photos is left out');
-- A table that nobody foresaw is in the next plan without attaching again.
SELECT format('%I.%I', mapping ->> 'schema', mapping #>> '{tables,photo,name}') AS photo,
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) FROM pg_index AS i
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
         WHERE i.indisprimary AND i.indrelid = format('%I.%I', mapping ->> 'schema', mapping #>> '{tables,photo,name}')::regclass) AS key
  FROM missing_photos.attached_library \gset
CREATE TABLE public.newcomer AS SELECT :key FROM :photo LIMIT 0;
ALTER TABLE public.newcomer ADD FOREIGN KEY (:key) REFERENCES :photo;
SELECT t.is((SELECT string_agg(DISTINCT s.action, ' ') FROM missing_photos.deletion_steps('photo') AS s
              WHERE s.relation = 'public.newcomer'::regclass), 'set null', 'plan: a new table whose column may be NULL');
DO $$
DECLARE
	c name;
BEGIN
	FOR c IN SELECT attname FROM pg_attribute WHERE attrelid = 'public.newcomer'::regclass AND attnum > 0 LOOP
		EXECUTE format('ALTER TABLE public.newcomer ALTER %I SET NOT NULL', c);
	END LOOP;
END
$$;
SELECT t.is((SELECT string_agg(DISTINCT s.action, ' ') FROM missing_photos.deletion_steps('photo') AS s
              WHERE s.relation = 'public.newcomer'::regclass), 'delete', 'plan: and one whose column may not');
