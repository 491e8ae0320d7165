CREATE FUNCTION file_hash(path text)
RETURNS text
AS 'MODULE_PATHNAME', 'missing_photos_file_hash'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hash(text) IS
	'MD5 of a file''s content, 32 hexadecimal digits';

CREATE FUNCTION file_hash(path text, owner anycompatible)
RETURNS text
AS 'MODULE_PATHNAME', 'missing_photos_file_hash'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hash(text, anycompatible) IS
	'the key LibrePhotos gives a file: MD5 of its content followed by the owner''s id';

CREATE FUNCTION file_hashes(paths text[])
RETURNS TABLE (path text, hash text, state missing_photos.file_state)
AS 'MODULE_PATHNAME', 'missing_photos_file_hashes'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hashes(text[]) IS
	'MD5 of many files'' contents: a row for each path, in the array''s order; no hash where the file isn''t present';
