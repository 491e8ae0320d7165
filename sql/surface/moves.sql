-- Files that moved: what applications and administrators call about them.

CREATE FUNCTION missing_photos.sha1(data bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'missing_photos_sha1'
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION missing_photos.sha1 IS 'SHA-1 digest, which Immich makes of paths';
