# make.sh: trees of files and libraries to measure with; sourced by run.sh.

# make_tree PATH FILES: empty files, PER_FOLDER in a folder.
make_tree() {
    [ ! -d "$1" ] || return 0
    mkdir -p "$1"
    perl -e 'my ($tree, $files, $per_folder) = @ARGV;
        for my $n (0 .. $files - 1) {
            my $folder = sprintf("%s/%04d", $tree, $n / $per_folder);
            mkdir $folder or die "$folder: $!" if $n % $per_folder == 0;
            open(my $file, ">", sprintf("%s/IMG_%05d.jpg", $folder, $n % $per_folder)) or die $!;
        }' "$1" "$2" "$PER_FOLDER"
}

has_database() {
    [ -n "$(psql_in postgres -c "SELECT 1 FROM pg_database WHERE datname = '$1'")" ]
}

# The paths that make_tree made, as the application has them.
files_of() {
    echo "SELECT n, format('/data/%s/IMG_%s.jpg', to_char(n / $PER_FOLDER, 'FM0000'),
                 to_char(n % $PER_FOLDER, 'FM00000')) AS path
            FROM generate_series(0, $1 - 1) AS n"
}

# make_librephotos DATABASE TREE FILES [LAYOUT]: owner 7 with one photo of one file each.
make_librephotos() {
    has_database "$1" && return
    psql_in postgres -c "CREATE DATABASE $1"
    psql_in "$1" -o /dev/null -f "test/fixtures/librephotos_${4:-2026}.sql" -f test/fixtures/put.sql -f - <<SQL
SET synchronous_commit = off;
SELECT fixture.put('api_user', 'SELECT 7 AS id, ''u'' AS username, ''/data'' AS scan_directory');
CREATE UNLOGGED TABLE made AS
	SELECT md5(path) || '7' AS hash, path, gen_random_uuid() AS id FROM ($(files_of "$3")) AS f;
SELECT fixture.put('api_file', 'SELECT hash, path, 1 AS type, false AS missing FROM made');
SELECT fixture.put('api_photo', 'SELECT id, hash AS image_hash, 7 AS owner_id,'
	' hash AS main_file_id FROM made');
SELECT fixture.put('api_photo_files', 'SELECT id AS photo_id, hash AS file_id FROM made');
DROP TABLE made;
SQL
    attach "$1" librephotos "$2"
}

make_standalone() {
    has_database "$1" && return
    psql_in postgres -c "CREATE DATABASE $1"
    psql_in "$1" -o /dev/null -f test/fixtures/put.sql -c 'CREATE EXTENSION missing_photos' \
        -c "SELECT missing_photos.attach_library('standalone')" -f - <<SQL
SET synchronous_commit = off;
SELECT fixture.put('owners', 'SELECT ''7'' AS owner, ARRAY[''/data''] AS folders');
CREATE UNLOGGED TABLE made AS
	SELECT '7' AS owner, md5(path) || '7' AS hash, path, gen_random_uuid() AS id
	  FROM ($(files_of "$3")) AS f;
SELECT fixture.put('files', 'SELECT owner, hash, path, ''image'' AS type, 0 AS size FROM made');
SELECT fixture.put('photos', 'SELECT owner, id, hash AS main_file FROM made');
SELECT fixture.put('photo_files', 'SELECT owner, id AS photo, hash AS file FROM made');
DROP TABLE made;
SELECT missing_photos.add_root('/data', '$2');
VACUUM ANALYZE;
SQL
}

attach() {
    psql_in "$1" -o /dev/null -c 'VACUUM ANALYZE' -c 'CREATE EXTENSION missing_photos' \
        -c "SELECT missing_photos.attach_library('$2')" \
        -c "SELECT missing_photos.add_root('/data', '$3')"
}

# A copy of a database as it is now, for writing into.
copy_database() {
    psql_in postgres -c 'SET client_min_messages = warning' -c "DROP DATABASE IF EXISTS $2" -c "CREATE DATABASE $2 TEMPLATE $1"
}
