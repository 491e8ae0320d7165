-- The least that deletes owner 1's missing photos and files: one DELETE or UPDATE per table, children
-- first, and the foreign keys' checks at COMMIT. Nothing is kept, counted anew or looked at again.
CREATE TEMPORARY TABLE gone AS SELECT photo FROM missing_photos.library_missing_photos('1');
CREATE TEMPORARY TABLE lost AS SELECT file FROM missing_photos.library_missing_files('1');
SELECT CASE WHEN to_regclass('api_thumbnail') IS NULL THEN 'image_hash' ELSE 'id' END AS key,
       CASE WHEN to_regclass('api_thumbnail') IS NULL THEN 'varchar' ELSE 'uuid' END AS type \gset
ALTER TABLE gone ALTER photo TYPE :type USING photo::text::uuid::text::uuid;
ANALYZE gone;
ANALYZE lost;
