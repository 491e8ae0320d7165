-- fixture.widen(): gives a LibrePhotos layout of test/fixtures the columns and indexes that it leaves
-- out, and has rows filled in as large as an application's: embeddings, captions, addresses, what the
-- camera wrote. To be called after the layout's file and before anything is inserted; whatever fills
-- the tables then need not know of it.
--
-- What the columns hold is made up; their sizes are those of the real ones: an embedding is 512 numbers
-- (an array in 2024, JSON in 2026), a face's encoding 128 doubles in hex.

CREATE FUNCTION fixture.wide_columns()
RETURNS TABLE (layout text, relation text, columns text)
LANGUAGE sql IMMUTABLE
AS $$
	VALUES
		('', 'api_user', 'last_login timestamptz, is_superuser boolean, first_name varchar(150),
			last_name varchar(150), email varchar(254), is_staff boolean, date_joined timestamptz,
			avatar varchar(100), nextcloud_server_address varchar(200), nextcloud_username varchar(64),
			nextcloud_app_password bytea, nextcloud_scan_directory varchar(512), confidence double precision,
			semantic_search_topk integer, favorite_min_rating integer, image_scale double precision,
			save_metadata_to_disk text, transcode_videos boolean, datetime_rules jsonb, default_timezone text,
			public_sharing boolean, confidence_unknown_face double precision, face_recognition_model text,
			min_cluster_size integer, cluster_selection_epsilon double precision, min_samples integer,
			llm_settings jsonb'),
		('2026', 'api_user', 'text_alignment text, header_size text, slideshow_interval integer,
			duplicate_clear_existing boolean, duplicate_sensitivity text, burst_detection_rules jsonb,
			stack_raw_jpeg boolean, public_sharing_defaults jsonb, save_face_tags_to_disk boolean'),
		('2024', 'api_photo', 'aspect_ratio double precision, dominant_color text, captions_json jsonb,
			search_captions text, search_location text, camera text, lens text, fstop double precision,
			focal_length double precision, iso integer, shutter_speed text, clip_embeddings double precision[],
			"focalLength35Equivalent" integer, "subjectDistance" double precision,
			"digitalZoomRatio" double precision'),
		('2026', 'api_photo', 'clip_embeddings jsonb, perceptual_hash varchar(64),
			exif_timestamp_subsec varchar(10), image_sequence_number integer'),
		('', 'api_photo', 'exif_gps_lat double precision, exif_gps_lon double precision,
			exif_timestamp timestamptz, exif_json jsonb, geolocation_json jsonb, "timestamp" timestamptz,
			video_length text, clip_embeddings_magnitude double precision'),
		('', 'api_face', 'location_top integer, location_bottom integer, location_left integer,
			location_right integer'),
		('', 'api_cluster', 'cluster_id integer'),
		('', 'api_albumdate', 'location jsonb'),
		('', 'api_albumplace', 'geolocation_level integer, favorited boolean'),
		('', 'api_albumauto', '"timestamp" timestamptz, created_on timestamptz, favorited boolean,
			gps_lat double precision, gps_lon double precision'),
		('2026', 'api_photo_search', 'search_location text'),
		('2026', 'api_photo_ocr', 'mean_confidence double precision, text_area_fraction double precision,
			source_width integer, source_height integer'),
		('2026', 'api_photostack', 'sequence_start timestamptz, sequence_end timestamptz'),
		('2026', 'api_stackreview', 'reviewed_at timestamptz, note text'),
		('2026', 'api_duplicate', 'reviewed_at timestamptz, similarity_score double precision, note text'),
		('2026', 'api_metadataedit', 'old_value jsonb, new_value jsonb, synced_at timestamptz'),
		('2026', 'api_metadatafile', 'creator_software varchar(100)'),
		('2026', 'api_photometadata', 'aperture double precision, shutter_speed varchar(20),
			shutter_speed_seconds double precision, iso integer, focal_length double precision,
			focal_length_35mm integer, exposure_compensation double precision, flash_fired boolean,
			metering_mode varchar(50), white_balance varchar(50), camera_make varchar(100),
			camera_model varchar(100), lens_make varchar(100), lens_model varchar(100),
			serial_number varchar(100), width integer, height integer, orientation integer,
			color_space varchar(50), bit_depth integer, date_taken timestamptz,
			date_taken_subsec varchar(10), date_modified timestamptz, timezone_offset varchar(10),
			gps_latitude double precision, gps_longitude double precision, gps_altitude double precision,
			location_country varchar(100), location_state varchar(100), location_city varchar(100),
			location_address text, title varchar(500), caption text, keywords jsonb, rating integer,
			copyright text, creator varchar(200), raw_exif jsonb, raw_xmp jsonb, raw_iptc jsonb')
$$;

-- Django indexes what its models say is looked for; of text it makes a second index, by pattern.
CREATE FUNCTION fixture.wide_indexes()
RETURNS TABLE (layout text, relation text, columns text)
LANGUAGE sql IMMUTABLE
AS $$
	VALUES
		('', 'api_user', 'username varchar_pattern_ops; scan_directory; confidence; favorite_min_rating;
			nextcloud_scan_directory'),
		('2024', 'api_photo', 'captions_json; search_captions; search_captions text_pattern_ops;
			search_location; search_location text_pattern_ops'),
		('2026', 'api_photo', 'perceptual_hash; perceptual_hash varchar_pattern_ops; is_screenshot;
			is_document; image_hash varchar_pattern_ops'),
		('', 'api_photo', 'added_on; exif_timestamp; "timestamp"; geolocation_json; hidden; in_trashcan;
			removed; rating; public; main_file_id varchar_pattern_ops'),
		('2024', 'api_face', 'person_label_is_inferred; person_label_probability'),
		('2026', 'api_face', 'classification_probability; cluster_probability'),
		('2026', 'api_file', 'path text_pattern_ops'),
		('', 'api_photo_files', 'file_id varchar_pattern_ops'),
		('', 'api_albumdate', 'date; favorited; location; title; title varchar_pattern_ops'),
		('', 'api_albumthing', 'favorited; thing_type; thing_type varchar_pattern_ops; title;
			title varchar_pattern_ops'),
		('2026', 'api_albumthing', 'last_modified'),
		('', 'api_albumplace', 'favorited; geolocation_level; title; title varchar_pattern_ops'),
		('2026', 'api_photo_caption', 'captions_json'),
		('2026', 'api_photo_search', 'search_captions; search_captions text_pattern_ops; search_location;
			search_location text_pattern_ops'),
		('2026', 'api_photometadata', 'camera_make, camera_model; date_taken; location_country,
			location_city; aperture; camera_make; camera_model; gps_latitude; gps_longitude; iso;
			lens_model; location_city; location_country; rating'),
		('2026', 'api_deletionlog', 'deleted_at; entity; entity varchar_pattern_ops;
			owner_id, entity, deleted_at')
$$;

-- Numbers that no compression makes smaller, as a model writes them: single precision in a double.
CREATE TABLE fixture.embedding (n integer PRIMARY KEY, numbers jsonb NOT NULL, hex text NOT NULL);
ALTER TABLE fixture.embedding ALTER COLUMN numbers SET STORAGE EXTERNAL, ALTER COLUMN hex SET STORAGE EXTERNAL;
SELECT setseed(0.5);
INSERT INTO fixture.embedding
SELECT n, (SELECT jsonb_agg((random() / 5 - 0.1 + k * 0)::real::double precision) FROM generate_series(1, 512) AS k),
       (SELECT string_agg(encode(float8send(random() / 5 - 0.1 + k * 0), 'hex'), '')
          FROM generate_series(1, 128) AS k)
  FROM generate_series(0, 499) AS n;

CREATE FUNCTION fixture.words(n integer, many integer)
RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
	SELECT string_agg(translate(substr(md5((n * 31 + k)::text), 1, 4 + k % 6), '0123456789', 'ghijklmnop'), ' ')
	  FROM generate_series(1, many) AS k
$$;

-- What a user has set, so many things.
CREATE FUNCTION fixture.rules(many integer)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
	SELECT jsonb_agg(jsonb_build_object('id', k, 'name', fixture.words(k, 6), 'is_default', k = 1,
	                                    'rule', fixture.words(k, 9)))
	  FROM generate_series(1, many) AS k
$$;

-- The address of a photo taken at one of 300 places, as a geocoder tells it.
CREATE FUNCTION fixture.address(n integer)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
	SELECT jsonb_build_object('features', jsonb_agg(jsonb_build_object('text', place, 'center', center)),
	           'places', jsonb_agg(place), 'address', string_agg(place, ', '), 'center', center, '_v', 1)
	  FROM (SELECT fixture.words(n % 300 * 10 + k, 2) AS place,
	               jsonb_build_array(40 + n % 300 / 10.0, 5 + n % 300 / 7.0) AS center
	          FROM generate_series(1, 8) AS k) AS p
	 GROUP BY center
$$;

-- What a row of a table may hold beside what it is given. Columns that it hasn't are left out.
CREATE FUNCTION fixture.wide_content(relation text, n integer)
RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	embedding fixture.embedding := (SELECT e FROM fixture.embedding AS e WHERE e.n = wide_content.n % 500);
	taken timestamptz := timestamptz '2015-01-01 00:00+00' + n * interval '1 hour';
	caption text := 'a ' || fixture.words(n, 9);
	captions jsonb := jsonb_build_object('im2txt', caption, 'places365', jsonb_build_object(
		'attributes', to_jsonb(string_to_array(fixture.words(n % 400, 9), ' ')),
		'categories', to_jsonb(string_to_array(fixture.words(n % 90, 2), ' ')), 'environment', 'outdoor'));
	exif jsonb := (SELECT jsonb_object_agg('EXIF:' || initcap(translate(fixture.words(k, 2), ' ', '')),
	                          substr(md5((n + k)::text), 1, 4 + k % 20)) FROM generate_series(1, 60) AS k);
BEGIN
	RETURN CASE relation
		WHEN 'api_photo' THEN jsonb_build_object(
			'clip_embeddings', embedding.numbers, 'clip_embeddings_magnitude', 1 + n % 7 / 10.0,
			'geolocation_json', fixture.address(n), 'captions_json', captions,
			'search_captions', caption || ' ' || fixture.words(n % 400, 11),
			'search_location', fixture.words(n % 300 * 10 + 1, 8), 'perceptual_hash', substr(md5(n::text), 1, 16),
			'exif_timestamp', taken, 'timestamp', taken, 'exif_timestamp_subsec', n % 100,
			'exif_gps_lat', 40 + n % 300 / 10.0, 'exif_gps_lon', 5 + n % 300 / 7.0, 'aspect_ratio', 1.5,
			'dominant_color', format('[%s, %s, %s]', n % 256, n % 250, n % 240), 'camera', 'Camera ' || n % 5,
			'lens', format('Lens %s mm f/2.8', n % 9 * 10), 'fstop', 2.8, 'focal_length', 35, 'iso', 100 * (n % 30),
			'shutter_speed', '1/' || n % 500, 'focalLength35Equivalent', 52)
		WHEN 'api_face' THEN jsonb_build_object('encoding', embedding.hex, 'location_top', n % 900,
			'location_bottom', n % 900 + 200, 'location_left', n % 1300, 'location_right', n % 1300 + 180)
		WHEN 'api_photo_caption' THEN jsonb_build_object('captions_json', captions)
		WHEN 'api_photo_search' THEN jsonb_build_object(
			'search_captions', caption || ' ' || fixture.words(n % 400, 11),
			'search_location', fixture.words(n % 300 * 10 + 1, 8))
		WHEN 'api_photometadata' THEN jsonb_build_object('aperture', 2.8, 'shutter_speed', '1/' || n % 500,
			'shutter_speed_seconds', 1.0 / (1 + n % 500), 'iso', 100 * (n % 30), 'focal_length', 35,
			'focal_length_35mm', 52, 'exposure_compensation', 0, 'flash_fired', false,
			'metering_mode', 'Multi-segment', 'white_balance', 'Auto', 'camera_make', 'Maker',
			'camera_model', 'Camera ' || n % 5, 'lens_make', 'Maker', 'lens_model', 'Lens ' || n % 9,
			'serial_number', substr(md5((n % 5)::text), 1, 12), 'width', 6000, 'height', 4000, 'orientation', 1,
			'color_space', 'sRGB', 'bit_depth', 8, 'date_taken', taken, 'date_modified', taken,
			'gps_latitude', 40 + n % 300 / 10.0, 'gps_longitude', 5 + n % 300 / 7.0, 'gps_altitude', n % 900,
			'location_country', fixture.words(n % 20, 1), 'location_city', fixture.words(n % 300, 1),
			'location_address', fixture.words(n % 300, 12), 'keywords', '[]'::jsonb, 'raw_exif', exif)
		WHEN 'api_user' THEN jsonb_build_object('is_superuser', false, 'first_name', '', 'last_name', '',
			'email', fixture.words(n, 2), 'is_staff', false, 'date_joined', taken, 'confidence', 0.1,
			'semantic_search_topk', 0, 'favorite_min_rating', 4, 'image_scale', 1, 'save_metadata_to_disk', 'OFF',
			'transcode_videos', false, 'datetime_rules', fixture.rules(8), 'default_timezone', 'UTC',
			'public_sharing', false, 'confidence_unknown_face', 0.5, 'face_recognition_model', 'HOG',
			'min_cluster_size', 0, 'cluster_selection_epsilon', 0.05, 'min_samples', 1,
			'llm_settings', fixture.rules(2))
		WHEN 'api_photo_ocr' THEN jsonb_build_object('text', fixture.words(n, 40), 'mean_confidence', 0.9,
			'text_area_fraction', 0.1, 'source_width', 6000, 'source_height', 4000)
		ELSE '{}' END;
END
$$;

CREATE SEQUENCE fixture.wide_row;

CREATE FUNCTION fixture.fill_in()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
	NEW := jsonb_populate_record(NEW, fixture.wide_content(TG_TABLE_NAME, nextval('fixture.wide_row')::integer));
	RETURN NEW;
END
$$;

CREATE FUNCTION fixture.widen()
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
	this text := CASE WHEN to_regclass('api_thumbnail') IS NULL THEN '2024' ELSE '2026' END;
	wide record;
BEGIN
	FOR wide IN SELECT * FROM fixture.wide_columns() AS w
	             WHERE w.layout IN ('', this) AND to_regclass(w.relation) IS NOT NULL
	LOOP
		EXECUTE format('ALTER TABLE %I %s', wide.relation,
			(SELECT string_agg('ADD COLUMN IF NOT EXISTS ' || c, ', ')
			   FROM regexp_split_to_table(wide.columns, ',\s*') AS c));
	END LOOP;
	FOR wide IN SELECT w.relation, c.columns
	              FROM fixture.wide_indexes() AS w CROSS JOIN regexp_split_to_table(w.columns, ';\s*') AS c (columns)
	             WHERE w.layout IN ('', this) AND to_regclass(w.relation) IS NOT NULL
	LOOP
		EXECUTE format('CREATE INDEX ON %I (%s)', wide.relation, wide.columns);
	END LOOP;
	FOREACH wide.relation IN ARRAY ARRAY['api_user', 'api_photo', 'api_face', 'api_photo_caption', 'api_photo_search',
	                                     'api_photometadata', 'api_photo_ocr']
	LOOP
		CONTINUE WHEN to_regclass(wide.relation) IS NULL;
		EXECUTE format('CREATE TRIGGER fill_in BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION fixture.fill_in()',
			wide.relation);
	END LOOP;
END
$$;

-- An application has no such triggers.
CREATE FUNCTION fixture.stop_filling_in()
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
	relation regclass;
BEGIN
	FOR relation IN SELECT tgrelid FROM pg_trigger WHERE tgfoid = 'fixture.fill_in'::regproc LOOP
		EXECUTE format('DROP TRIGGER fill_in ON %s', relation);
	END LOOP;
END
$$;
