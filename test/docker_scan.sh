#!/bin/sh
# docker_scan.sh: inside the database's image, a scan through the probe's socket; prints files,
# missing and unreachable ones.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin)
dir=$(mktemp -d)
cd "$dir"
"$bin/initdb" -D "$dir/data" -A trust >/dev/null
"$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s \
	-o "-c listen_addresses= -c unix_socket_directories=$dir -c missing_photos.probe_socket=/run/missing_photos/probe.socket" \
	start || { cat "$dir/log" >&2; exit 1; }
[ ! -e /data ]
"$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$dir" -d postgres <<'END'
CREATE EXTENSION missing_photos;
CREATE SCHEMA photo_library;
SELECT missing_photos.attach_library('standalone', 'photo_library');
INSERT INTO photo_library.owners (owner) VALUES ('me');
INSERT INTO photo_library.files (owner, hash, path)
SELECT 'me', md5(name) || 'me', '/data/' || name FROM unnest('{here.jpg,gone.jpg}'::text[]) AS name;
INSERT INTO photo_library.photos (owner, main_file) SELECT owner, hash FROM photo_library.files;
INSERT INTO photo_library.photo_files (owner, photo, file)
SELECT owner, id, main_file FROM photo_library.photos;
SELECT missing_photos.add_root('/data');
SELECT files, missing, unreachable FROM scan_missing('me');
END
"$bin/pg_ctl" -D "$dir/data" -w -s stop
