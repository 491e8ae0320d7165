-- The tables of the preset standalone, made by attach_library in a schema that holds none of them.
--
-- Every key is led by the owner and every foreign key too, so the tables can be distributed by owner
-- as they are. An id is unique by construction (a uuid, or a digest with the owner's id behind it),
-- not by an index of its own, which a distributed table couldn't have; a plain index finds it.

CREATE FUNCTION missing_photos.prepare_standalone(library_schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_class
	            WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = library_schema)
	              AND relname IN ('owners', 'photos', 'files', 'photo_files', 'jobs'))
		OR NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = library_schema)
	THEN
		RETURN;
	END IF;
	IF NOT has_schema_privilege(library_schema, 'CREATE') THEN
		RAISE EXCEPTION 'permission denied to create tables in schema "%"', library_schema
			USING ERRCODE = 'insufficient_privilege',
			      HINT = format('GRANT CREATE, USAGE ON SCHEMA %I TO %I lets you.',
			                    library_schema, current_user);
	END IF;
	-- As the caller: the tables are the caller's, made with the caller's rights.
	EXECUTE missing_photos.contract_fill(missing_photos.standalone_tables()
		|| missing_photos.standalone_albums(),
		jsonb_build_object('schema', quote_ident(library_schema)));
END
$$;
COMMENT ON FUNCTION missing_photos.prepare_standalone IS
	'makes the standalone tables where the schema holds none of them';

CREATE FUNCTION missing_photos.standalone_tables()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $ddl$
CREATE TABLE {schema}.owners (
	owner   text   PRIMARY KEY CHECK (owner <> ''),
	name    text   NOT NULL DEFAULT '',
	folders text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE {schema}.owners IS 'whose photos these are';
CREATE TABLE {schema}.files (
	owner   text    NOT NULL REFERENCES {schema}.owners,
	hash    text    NOT NULL,
	path    text,
	type    text    NOT NULL DEFAULT 'image'
		CHECK (type IN ('image', 'video', 'metadata', 'raw', 'unknown')),
	size    bigint,
	missing boolean NOT NULL DEFAULT false,
	PRIMARY KEY (owner, hash),
	CHECK (substr(hash, 33) = owner)
);
CREATE INDEX files_hash ON {schema}.files (hash);
CREATE INDEX files_path ON {schema}.files (path);
COMMENT ON TABLE {schema}.files IS 'files on disk; hash: MD5 of the content followed by the owner';
CREATE TABLE {schema}.photos (
	owner     text        NOT NULL REFERENCES {schema}.owners,
	id        uuid        NOT NULL DEFAULT gen_random_uuid(),
	main_file text,
	video     boolean     NOT NULL DEFAULT false,
	hidden    boolean     NOT NULL DEFAULT false,
	removed   boolean     NOT NULL DEFAULT false,
	in_trash  boolean     NOT NULL DEFAULT false,
	taken_at  timestamptz,
	added_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, main_file) REFERENCES {schema}.files DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX photos_id ON {schema}.photos (id);
CREATE INDEX photos_main_file ON {schema}.photos (owner, main_file);
COMMENT ON TABLE {schema}.photos IS 'photos; main_file: the file that is shown';
CREATE TABLE {schema}.photo_files (
	owner text NOT NULL,
	photo uuid NOT NULL,
	file  text NOT NULL,
	PRIMARY KEY (owner, photo, file),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE,
	FOREIGN KEY (owner, file) REFERENCES {schema}.files
);
CREATE INDEX photo_files_file ON {schema}.photo_files (owner, file);
COMMENT ON TABLE {schema}.photo_files IS 'the files of each photo that are there';
CREATE TABLE {schema}.embedded_media (
	owner     text NOT NULL,
	from_file text NOT NULL,
	to_file   text NOT NULL,
	PRIMARY KEY (owner, from_file, to_file),
	FOREIGN KEY (owner, from_file) REFERENCES {schema}.files,
	FOREIGN KEY (owner, to_file) REFERENCES {schema}.files
);
CREATE INDEX embedded_media_to ON {schema}.embedded_media (owner, to_file);
COMMENT ON TABLE {schema}.embedded_media IS 'media inside other files, such as motion photos';
CREATE TABLE {schema}.jobs (
	owner       text        NOT NULL REFERENCES {schema}.owners,
	id          uuid        NOT NULL DEFAULT gen_random_uuid(),
	kind        text        NOT NULL,
	finished    boolean     NOT NULL DEFAULT false,
	failed      boolean     NOT NULL DEFAULT false,
	cancelled   boolean     NOT NULL DEFAULT false,
	queued_at   timestamptz NOT NULL DEFAULT now(),
	started_at  timestamptz,
	finished_at timestamptz,
	done        integer     NOT NULL DEFAULT 0,
	total       integer     NOT NULL DEFAULT 0,
	step        text,
	result      jsonb,
	PRIMARY KEY (owner, id)
);
CREATE INDEX jobs_id ON {schema}.jobs (id);
COMMENT ON TABLE {schema}.jobs IS 'long-running jobs and how far they are';
$ddl$
$$;
COMMENT ON FUNCTION missing_photos.standalone_tables IS 'owners, photos, files and jobs';

CREATE FUNCTION missing_photos.standalone_albums()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $ddl$
CREATE TABLE {schema}.albums (
	owner       text    NOT NULL REFERENCES {schema}.owners,
	id          uuid    NOT NULL DEFAULT gen_random_uuid(),
	kind        text    NOT NULL CHECK (kind IN ('date', 'thing', 'place', 'user', 'auto')),
	title       text    NOT NULL DEFAULT '',
	day         date,
	cover_photo uuid,
	photo_count integer NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, cover_photo) REFERENCES {schema}.photos DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX albums_cover_photo ON {schema}.albums (owner, cover_photo);
COMMENT ON TABLE {schema}.albums IS 'albums by date, thing or place, and those made by users or automatically';
CREATE TABLE {schema}.album_photos (
	owner text NOT NULL,
	album uuid NOT NULL,
	photo uuid NOT NULL,
	PRIMARY KEY (owner, album, photo),
	FOREIGN KEY (owner, album) REFERENCES {schema}.albums ON DELETE CASCADE,
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE
);
CREATE INDEX album_photos_photo ON {schema}.album_photos (owner, photo);
COMMENT ON TABLE {schema}.album_photos IS 'the photos of each album';
CREATE TABLE {schema}.people (
	owner       text    NOT NULL REFERENCES {schema}.owners,
	id          uuid    NOT NULL DEFAULT gen_random_uuid(),
	name        text    NOT NULL DEFAULT '',
	cover_photo uuid,
	cover_face  uuid,
	face_count  integer NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, cover_photo) REFERENCES {schema}.photos DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX people_cover_photo ON {schema}.people (owner, cover_photo);
COMMENT ON TABLE {schema}.people IS 'people on photos';
CREATE TABLE {schema}.faces (
	owner  text NOT NULL,
	id     uuid NOT NULL DEFAULT gen_random_uuid(),
	photo  uuid NOT NULL,
	person uuid,
	image  text,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE,
	FOREIGN KEY (owner, person) REFERENCES {schema}.people DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX faces_photo ON {schema}.faces (owner, photo);
CREATE INDEX faces_person ON {schema}.faces (owner, person);
COMMENT ON TABLE {schema}.faces IS 'faces found on photos';
ALTER TABLE {schema}.people
	ADD FOREIGN KEY (owner, cover_face) REFERENCES {schema}.faces DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX people_cover_face ON {schema}.people (owner, cover_face);
CREATE TABLE {schema}.photo_shares (
	owner       text NOT NULL,
	photo       uuid NOT NULL,
	shared_with text NOT NULL,
	PRIMARY KEY (owner, photo, shared_with),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE
);
COMMENT ON TABLE {schema}.photo_shares IS 'photos that other owners may see';
CREATE TABLE {schema}.album_shares (
	owner       text NOT NULL,
	album       uuid NOT NULL,
	shared_with text NOT NULL,
	PRIMARY KEY (owner, album, shared_with),
	FOREIGN KEY (owner, album) REFERENCES {schema}.albums ON DELETE CASCADE
);
COMMENT ON TABLE {schema}.album_shares IS 'albums that other owners may see';
$ddl$
$$;
COMMENT ON FUNCTION missing_photos.standalone_albums IS 'albums, people, faces and shares';
