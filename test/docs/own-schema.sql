-- The tables that docs/own-schema.md registers, with the files of owner 2.

CREATE SCHEMA gallery;
CREATE TABLE gallery.person (id integer PRIMARY KEY, name text);
INSERT INTO gallery.person VALUES (2, 'me');
CREATE TABLE gallery.picture (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path text, person integer);
INSERT INTO gallery.picture (path, person)
SELECT DISTINCT m.path, 2 FROM t.map AS m WHERE m.owner = 2 AND m.kind = 'image';
CREATE TABLE gallery.folder (id integer PRIMARY KEY, path text UNIQUE);
INSERT INTO gallery.folder VALUES (1, '2/dir00');
CREATE TABLE gallery.scan (id integer PRIMARY KEY, folder integer, name text);
INSERT INTO gallery.scan SELECT id, 1, regexp_replace(path, '.*/', '') FROM gallery.picture;
CREATE TABLE gallery.file (id integer PRIMARY KEY, path text, kind text, missing boolean NOT NULL DEFAULT false);
INSERT INTO gallery.file SELECT id, path, 'jpg' FROM gallery.picture;
CREATE TABLE gallery.photo (id integer PRIMARY KEY, person integer, cover integer);
INSERT INTO gallery.photo SELECT id, 2, id FROM gallery.picture;
CREATE TABLE gallery.photo_file (photo integer, file integer, PRIMARY KEY (photo, file));
INSERT INTO gallery.photo_file SELECT id, id FROM gallery.picture;
