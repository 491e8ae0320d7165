-- A library shaped like Photoview's: a row per photo or video with its whole path, albums that are
-- folders, faces and favourites that reference the rows. Several people may have one album, so the
-- library as a whole has one owner. There is no column for "missing": missing_photos keeps that.
--
--     psql -f examples/schemas/photoview.sql
--
-- makes the tables (Photoview has made them already) and registers them.

CREATE TABLE users (id serial PRIMARY KEY, username varchar(256) NOT NULL UNIQUE);
CREATE TABLE albums (
	id serial PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	title text NOT NULL,
	parent_album_id bigint REFERENCES albums ON DELETE SET NULL,
	path text NOT NULL,
	path_hash varchar(32) NOT NULL UNIQUE,
	cover_id bigint
);
CREATE TABLE user_albums (
	album_id bigint NOT NULL REFERENCES albums ON DELETE CASCADE,
	user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
	PRIMARY KEY (album_id, user_id)
);
CREATE TABLE media (
	id serial PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	title text NOT NULL,
	path text NOT NULL,
	path_hash varchar(32) NOT NULL UNIQUE,
	album_id bigint NOT NULL REFERENCES albums ON DELETE CASCADE,
	date_shot timestamptz NOT NULL DEFAULT now(),
	type varchar(16) NOT NULL DEFAULT 'photo',
	side_car_path text
);
CREATE INDEX ON media (path);
CREATE INDEX ON media (album_id);
ALTER TABLE albums ADD FOREIGN KEY (cover_id) REFERENCES media ON DELETE SET NULL;
CREATE TABLE user_media_data (
	user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
	media_id bigint NOT NULL REFERENCES media ON DELETE CASCADE,
	favorite boolean NOT NULL DEFAULT false,
	PRIMARY KEY (user_id, media_id)
);
CREATE TABLE face_groups (id serial PRIMARY KEY, label text);
CREATE TABLE image_faces (
	id serial PRIMARY KEY,
	face_group_id bigint REFERENCES face_groups ON DELETE CASCADE,
	media_id bigint NOT NULL REFERENCES media ON DELETE CASCADE,
	descriptor bytea
);
CREATE TABLE media_urls (
	id serial PRIMARY KEY,
	media_id bigint NOT NULL REFERENCES media ON DELETE CASCADE,
	media_name text NOT NULL,
	purpose varchar(64) NOT NULL
);

CREATE EXTENSION IF NOT EXISTS missing_photos;
SELECT * FROM missing_photos.register_library('photoview', 'media',
	path_column => 'path',
	path_hash_column => 'path_hash',       -- MD5 of the path, written with it
	name_column => 'title',                -- the file's name, too
	directory_column => 'album_id',        -- follows a file into another folder's album
	directory_table => 'albums', directory_path => 'path');
