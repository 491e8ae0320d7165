-- Files that moved: what applications and administrators call about them.

CREATE FUNCTION missing_photos.sha1(data bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'missing_photos_sha1'
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION missing_photos.sha1 IS 'SHA-1 digest, which Immich makes of paths';

CREATE FUNCTION add_file(owner anycompatible, path text, OUT photo text, OUT action text)
RETURNS record
AS 'MODULE_PATHNAME', 'missing_photos_add_file'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION add_file IS
	'for an importer: links a discovered file to the photo that has its content; action says what was done: known, restored, relinked, added, copy, created, new or conflict';

CREATE FUNCTION missing_photos.remap_paths(
	owner anycompatible, old_prefix text, new_prefix text, dry_run boolean DEFAULT true,
	force boolean DEFAULT false,
	OUT photo text, OUT file text, OUT old_path text, OUT new_path text, OUT state text,
	OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_remap_paths'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 10000;
COMMENT ON FUNCTION missing_photos.remap_paths IS
	'for a folder that moved as a whole: gives an owner''s files below old_prefix their paths below new_prefix where they are found there; by default only shows what it would do (ready, absent, different, unreachable, invalid, readonly, collision)';

CREATE FUNCTION missing_photos.merge_reimported(
	owner anycompatible, dry_run boolean DEFAULT true,
	OUT photo text, OUT reimported text, OUT path text, OUT state text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_merge_reimported'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION missing_photos.merge_reimported IS
	'folds photos that were imported again after their file moved into the ones they were; by default only shows which (ready, ambiguous)';

CREATE FUNCTION missing_photos.undo_moves(job_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'missing_photos_undo_moves'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION missing_photos.undo_moves IS
	'gives the files that a job moved their old paths back, where they still have those it gave them, and nothing else; returns how many';
