-- What deletions took, by which undo_delete puts it back. Written by the extension as its owner with
-- rows that passed through C memory, so no application can forge a row; pg_dump carries all of it.
--
-- A row's values are kept as the texts their types write, with the columns' names, many rows of one
-- statement to a row here: that survives columns that are added later.

CREATE TABLE missing_photos.archive (
	job_id     uuid        PRIMARY KEY,
	owner      text        NOT NULL,
	role       name        NOT NULL,
	deleted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	photos     bigint      NOT NULL DEFAULT 0,
	files      bigint      NOT NULL DEFAULT 0,
	rows       bigint      NOT NULL DEFAULT 0,
	undone_at  timestamptz
);
COMMENT ON TABLE missing_photos.archive IS 'deletions that can be undone';

CREATE TABLE missing_photos.archived_rows (
	id           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id       uuid    NOT NULL,
	table_schema name    NOT NULL,
	table_name   name    NOT NULL,
	action       text    NOT NULL CHECK (action IN ('delete', 'change', 'insert')),
	columns      name[]  NOT NULL,
	keys         integer,
	rule         text,
	row_count    integer NOT NULL,
	row_values   text[]  NOT NULL
);
-- Compressing takes longer than all else of archiving, but not so where the server has lz4.
DO $$
BEGIN
	ALTER TABLE missing_photos.archived_rows ALTER COLUMN row_values SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END
$$;
CREATE INDEX archived_rows_job ON missing_photos.archived_rows (job_id, id);
COMMENT ON TABLE missing_photos.archived_rows IS
	'rows that a deletion took, changed or added, in the order in which it did';
COMMENT ON COLUMN missing_photos.archived_rows.columns IS
	'what row_values holds: of a changed row its key (keys columns), then what was changed, old values and then new ones';
COMMENT ON COLUMN missing_photos.archived_rows.rule IS
	'the preset''s rule that changed these rows; none: a foreign key';

CREATE TABLE missing_photos.archived_loss (
	archived_by uuid NOT NULL,
	loss        missing_photos.loss NOT NULL
);
CREATE INDEX archived_loss_job ON missing_photos.archived_loss (archived_by);
COMMENT ON TABLE missing_photos.archived_loss IS
	'what was known of the lost files of deleted photos';

-- Each batch notes its keys together: one by one they would take longer to note than to settle.
CREATE TABLE missing_photos.unsettled (
	owner  text   NOT NULL,
	job_id uuid   NOT NULL,
	rule   text   NOT NULL,
	keys   text[] NOT NULL
);
CREATE INDEX unsettled_rule ON missing_photos.unsettled (owner, job_id, rule);
COMMENT ON TABLE missing_photos.unsettled IS
	'rows from which a deletion took something and whose counters, covers and the like are yet to be brought in line';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.archive', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_rows', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_rows_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_loss', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.unsettled', '');

-- In PL/pgSQL, which keeps its plan: a batch calls this for each of its statements.
CREATE FUNCTION missing_photos.keep_rows(
	job_id uuid, relation oid, action text, columns text[], keys integer, rule text,
	row_count integer, row_values text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO missing_photos.archived_rows
		(job_id, table_schema, table_name, action, columns, keys, rule, row_count, row_values)
	SELECT keep_rows.job_id, space.nspname, class.relname, keep_rows.action,
	       keep_rows.columns::name[], keep_rows.keys, keep_rows.rule, keep_rows.row_count,
	       keep_rows.row_values
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = keep_rows.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.keep_rows IS 'archives rows that a statement took or changed';

CREATE FUNCTION missing_photos.keep_archive(
	job_id uuid, owner text, role name, photos bigint, files bigint, rows bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.archive AS kept (job_id, owner, role, photos, files, rows)
	VALUES (keep_archive.job_id, keep_archive.owner, keep_archive.role, keep_archive.photos,
	        keep_archive.files, keep_archive.rows)
	ON CONFLICT ON CONSTRAINT archive_pkey DO UPDATE
	   SET photos = kept.photos + excluded.photos, files = kept.files + excluded.files,
	       rows = kept.rows + excluded.rows, deleted_at = excluded.deleted_at
$$;
COMMENT ON FUNCTION missing_photos.keep_archive IS 'counts what a job deleted';

CREATE FUNCTION missing_photos.note_touched(job_id uuid, owner text, rule text, keys text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO missing_photos.unsettled (owner, job_id, rule, keys)
	VALUES (note_touched.owner, note_touched.job_id, note_touched.rule, note_touched.keys);
END
$$;
COMMENT ON FUNCTION missing_photos.note_touched IS
	'notes rows whose counters and the like a deletion touched';

CREATE FUNCTION missing_photos.forget_settled(
	job_id uuid, owner text, rule text, held text[], there text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What is there and could not be held waits for another time.
	DELETE FROM missing_photos.unsettled AS u
	 WHERE u.owner = forget_settled.owner AND u.job_id = forget_settled.job_id
	   AND u.rule = forget_settled.rule;
	INSERT INTO missing_photos.unsettled (owner, job_id, rule, keys)
	SELECT forget_settled.owner, forget_settled.job_id, forget_settled.rule, left_over.keys
	  FROM (SELECT ARRAY(SELECT unnest(there) EXCEPT SELECT unnest(held)) AS keys) AS left_over
	 WHERE cardinality(left_over.keys) > 0
$$;
COMMENT ON FUNCTION missing_photos.forget_settled IS 'forgets rows that are in line again';

CREATE FUNCTION missing_photos.forget_deleted(job_id uuid, photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A loss is kept with the archive: after undo_delete its file can still come back.
	WITH gone AS (
		DELETE FROM missing_photos.loss AS lost
		 WHERE lost.photo = ANY (photos) OR lost.file = ANY (files)
		RETURNING lost
	)
	INSERT INTO missing_photos.archived_loss (archived_by, loss)
	SELECT forget_deleted.job_id, gone.lost FROM gone;
	DELETE FROM missing_photos.absence AS a WHERE a.photo = ANY (photos) OR a.file = ANY (files);
	DELETE FROM missing_photos.file_doubt AS d WHERE d.photo = ANY (photos) OR d.file = ANY (files);
$$;
COMMENT ON FUNCTION missing_photos.forget_deleted IS
	'forgets what was noted of files and photos that are deleted now';
