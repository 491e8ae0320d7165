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
