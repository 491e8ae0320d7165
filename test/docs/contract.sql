-- The tables that docs/contract.md attaches.

CREATE SCHEMA gallery;
CREATE TABLE gallery.account (number bigint PRIMARY KEY, folder text);
CREATE TABLE gallery.image (
	number bigint PRIMARY KEY,
	location text,
	sort "char" NOT NULL,       -- p picture, f film, r raw, x sidecar
	lost boolean NOT NULL DEFAULT false,
	bytes bigint
);
CREATE TABLE gallery.picture (
	number bigint PRIMARY KEY,
	account bigint NOT NULL REFERENCES gallery.account,
	shown bigint REFERENCES gallery.image,
	film boolean NOT NULL DEFAULT false
);
CREATE INDEX ON gallery.picture (account);
CREATE INDEX ON gallery.picture (shown);
CREATE TABLE gallery.picture_image (
	picture bigint NOT NULL REFERENCES gallery.picture,
	image bigint NOT NULL REFERENCES gallery.image,
	added_by text NOT NULL,     -- must be supplied with each link
	PRIMARY KEY (picture, image)
);
CREATE INDEX ON gallery.picture_image (image);
