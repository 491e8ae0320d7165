# section_copied.sh: a library that was copied, under other names: every content is read.
#
# 10,000 photos of 3 MB, beside file_hashes of the same files, which is what reading them takes, and
# beside the same library whose top folder was renamed, which is what relinking takes without reading.
# The tree lies in memory, and the files are holes but for their first bytes: a hole there is read like
# any other page, and needs no room.  A figure counts only if each row has its own file's new path.

# shellcheck source=test/bench/section_relink.sh
. test/bench/section_relink.sh

COPIED_PHOTOS=${MISSING_PHOTOS_COPIED:-10000}
COPIED_BYTES=3000000

# A photo's size tells which it is, as most photos' sizes do.
write_copied_tree() {
    perl -e 'my ($tree, $n, $size) = @ARGV;
        for my $i (0 .. $n - 1) {
            my $folder = sprintf("%s/photos/%03d", $tree, $i / 100);
            $i % 100 or system("mkdir", "-p", $folder) == 0 or die $!;
            open(my $file, ">", sprintf("%s/IMG_%06d.jpg", $folder, $i)) or die $!;
            print {$file} "photo $i";
            truncate($file, $size + $i % 5000) or die $!;
        }' "$1" "$COPIED_PHOTOS" "$COPIED_BYTES"
}

# Its paths at the beginning, or under other names.
copied_paths() {
    cat <<SQL
ARRAY(SELECT format('/data/$1', to_char($2, 'FM000'), to_char(n, 'FM000000'))
        FROM generate_series(0, $COPIED_PHOTOS - 1) AS n)
SQL
}

# make_copied TREE: a library of it, scanned once.
make_copied() {
    write_copied_tree "$1"
    psql_in postgres -c 'CREATE DATABASE copied_library'
    psql_in copied_library -o /dev/null -f test/fixtures/librephotos_2026.sql -f test/fixtures/put.sql \
        -c 'CREATE EXTENSION missing_photos' -c "SELECT missing_photos.add_root('/data', '$1')" -f - <<SQL
SELECT fixture.put('api_user', 'SELECT 7 AS id, ''u'' AS username, ''/data'' AS scan_directory');
CREATE TABLE made AS
	SELECT h.path, h.hash || '7' AS hash, gen_random_uuid() AS id
	  FROM file_hashes($(copied_paths photos/%s/IMG_%s.jpg 'n / 100')) AS h;
SELECT fixture.put('api_file', 'SELECT hash, path, 1 AS type, false AS missing FROM made');
SELECT fixture.put('api_photo', 'SELECT id, hash AS image_hash, 7 AS owner_id,'
	' hash AS main_file_id FROM made');
SELECT fixture.put('api_photo_files', 'SELECT id AS photo_id, hash AS file_id FROM made');
SELECT missing_photos.attach_library('librephotos');
VACUUM ANALYZE;
SQL
    psql_in copied_library -o /dev/null -c "$SCAN"
    relink_library=copied_library
    relink_tree=$1
    relink_total=$COPIED_PHOTOS
}

# Copies with new inodes and times, and no name as before.
copy_under_other_names() {
    perl -MFile::Find -e 'my ($from, $to) = @ARGV;
        mkdir $to or die $!;
        find({no_chdir => 1, wanted => sub {
            my ($n) = /IMG_(\d+)/ or return;
            my $folder = sprintf("%s/%03d", $to, $n * 7919 % 1000);
            mkdir $folder;
            open(my $old, "<", $_) or die $!;
            read($old, my $head, 100) or die $!;
            open(my $new, ">", "$folder/P$n.jpg") or die $!;
            print {$new} $head;
            truncate($new, -s $old) or die $!;
        }}, $from);' "$relink_tree/$1" "$relink_tree/$2"
    rm -rf "${relink_tree:?}/$1"
}

# Whether each row has the file of its own number.
check_copied() {
    [ "$(psql_in relinked -c "SELECT count(*) FROM api_file AS f JOIN made USING (hash)
        WHERE substring(f.path FROM '(\d+)\.jpg') = substring(made.path FROM '(\d+)\.jpg')")" = \
        "$relink_total" ] || die "not every row has its own file's new path"
}

time_copied_hashes() {
    open_session copied_library
    ask "SELECT count(DISTINCT hash) FROM file_hashes($(copied_paths copied/%s/P%s.jpg 'n * 7919 % 1000'))"
    [ "$rows" = "$relink_total" ] || die "not every file was hashed: $rows"
    close_session
}
time_copied_relink() { time_relink && check_copied; }

section_copied() {
    local tree renamed hashes
    tree=$(mktemp -d /dev/shm/missing_photos.XXXXXX)
    chmod 755 "$tree"
    make_copied "$tree"
    mv "$tree/photos" "$tree/renamed"
    relink_place=renamed
    relink_reads=0
    take_turns_fresh copied_relink
    renamed=${ms[copied_relink]}
    copy_under_other_names renamed copied
    relink_place=copied
    relink_reads=$relink_total
    take_turns_fresh copied_hashes copied_relink
    hashes=${ms[copied_hashes]}
    heading "$relink_total photos, $relink_bytes bytes, copied under other names"
    row 'file_hashes of all of them' "$hashes" "$hashes"
    row 'relink_missing(owner), every content read' "${ms[copied_relink]}" "$hashes"
    row 'relink_missing(owner) where the top folder was renamed, nothing read' "$renamed" "$hashes"
    row 'the difference: what reading took while relinking' \
        "$(awk -v all="${ms[copied_relink]}" -v less="$renamed" 'BEGIN { print all - less }')" "$hashes"
    drop_relink
}
