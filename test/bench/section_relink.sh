# section_relink.sh: libraries whose every file lies elsewhere than its row says.
#
#     renamed     the top folder was renamed: files are known by what they look like
#     copied      new inodes and times, folders and names as before: a sample of each folder is read
#     scattered   new inodes, times, folders and names: contents decide, and every file is read
#
# Beside find over the same tree, and md5sum over all of its files, one process for each processor:
# what linking by hashing everything reads, before it writes a row.  10,000 photos (jpeg, some with a
# raw file and a sidecar, in two levels of folders) for the call's own costs; 10,000 and 100,000 single
# files for the growth.  Each round works on a fresh copy of the database; a figure counts only if
# every row has its file's new path and nothing was left to choose.

# A file's content is its first path, again and again: SQL knows its digest, Perl writes it.
relink_files() {
    cat <<SQL
SELECT n, kind, path, md5(rpad(path, size, path || ' ')) || '7' AS hash, size
  FROM (SELECT n, kind, 1000 + n % 97 * 16 AS size,
               format('/data/photos/%s/%s/IMG_%s.%s', to_char(n / 5000, 'FM0000'),
                      to_char(n / 100 % 50, 'FM00'), to_char(n, 'FM000000'), kind) AS path
          FROM generate_series(0, $1 - 1) AS n, unnest(ARRAY['jpg', 'cr2', 'xmp']) AS kind
         WHERE kind = 'jpg' OR $2 AND (n % 20 < 3)) AS f
SQL
}

write_relink_tree() {
    psql_in "$1" -F ' ' -c "SELECT size, substr(path, 7) FROM made" | perl -e 'my %made;
        while (<STDIN>) {
            chomp;
            my ($size, $path) = split(/ /, $_, 2);
            my ($folder) = "$ARGV[0]/$path" =~ m{^(.*)/};
            $made{$folder}++ or system("mkdir", "-p", $folder) == 0 or die "$folder: $!";
            open(my $file, ">", "$ARGV[0]/$path") or die $!;
            my $unit = "/data/$path ";
            print {$file} substr("/data/$path" . $unit x ($size / length($unit) + 1), 0, $size);
        }' "$2"
}

# make_relink NAME PHOTOS WITH_RAW: a library, scanned once.
make_relink() {
    local tree=$data/$1
    psql_in postgres -c "CREATE DATABASE $1"
    psql_in "$1" -o /dev/null -f test/fixtures/librephotos_2026.sql -f test/fixtures/put.sql -f - <<SQL
SET synchronous_commit = off;
SELECT fixture.put('api_user', 'SELECT 7 AS id, ''u'' AS username, ''/data'' AS scan_directory');
CREATE UNLOGGED TABLE made AS SELECT * FROM ($(relink_files "$2" "$3")) AS f;
CREATE UNLOGGED TABLE photo_made AS
	SELECT n, hash, gen_random_uuid() AS id FROM made WHERE kind = 'jpg';
SELECT fixture.put('api_file', 'SELECT hash, path, array_position(ARRAY[NULL, ''jpg'', ''xmp'', ''cr2''],'
	' kind) - 1 AS type, false AS missing FROM made');
SELECT fixture.put('api_photo', 'SELECT id, hash AS image_hash, 7 AS owner_id,'
	' hash AS main_file_id FROM photo_made');
SELECT fixture.put('api_photo_files', 'SELECT p.id AS photo_id, f.hash AS file_id'
	' FROM made AS f JOIN photo_made AS p USING (n)');
SQL
    mkdir -p "$tree"
    write_relink_tree "$1" "$tree"
    psql_in "$1" -c 'DROP TABLE made, photo_made'
    attach "$1" librephotos "$tree"
    psql_in "$1" -o /dev/null -c "$SCAN"
    relink_library=$1
    relink_tree=$tree
    relink_total=$(psql_in "$1" -c 'SELECT count(*) FROM api_file')
}

drop_relink() {
    close_session
    psql_in postgres -c "DROP DATABASE $relink_library"
    rm -rf "$relink_tree"
}

copy_elsewhere() {
    cp -r "$relink_tree/$1" "$relink_tree/$2"
    rm -rf "${relink_tree:?}/$1"
}

scatter() {
    perl -MFile::Find -MFile::Copy -e 'my ($from, $to, $n) = (@ARGV, 0);
        mkdir $to or die $!;
        find({no_chdir => 1, wanted => sub {
            return unless -f;
            my ($ending) = /\.(\w+)$/;
            my $folder = sprintf("%s/%03d", $to, ++$n * 7919 % 1000);
            mkdir $folder;
            copy($_, sprintf("%s/P%07d.%s", $folder, $n, $ending)) or die "$_: $!";
        }}, $from);' "$relink_tree/$1" "$relink_tree/$2"
    rm -rf "${relink_tree:?}/$1"
}

relink_copy() {
    close_session
    copy_database "$relink_library" relinked
    open_session relinked
}

# Whether the call did its work: rows, and how many files it read.
check_relink() {
    local most_read=$1 relinked ambiguous hashed
    IFS='|' read -r relinked ambiguous hashed relink_bytes <<<"$rows"
    [ "$relinked|$ambiguous" = "$relink_total|0" ] && [ "$hashed" -le "$most_read" ] ||
        die "relinking didn't do its work ($relink_total files, at most $most_read read): $rows"
    [ "$(psql_in relinked -c "SELECT count(*) FROM api_file WHERE path LIKE '/data/$relink_place/%'")" = \
        "$relink_total" ] || die "not every row has its file's new path"
}

time_relink() {
    relink_copy
    ask 'SELECT relinked, ambiguous, hashed_files, hashed_bytes FROM relink_missing(7)'
    check_relink "$relink_reads"
}
walk_tree() { find "$relink_tree" -type f; }
md5_tree() { find "$relink_tree" -type f -print0 | xargs -0 -n 500 -P "$(nproc)" md5sum; }
time_relink_find() { run_command walk_tree; }
time_relink_md5() { run_command md5_tree; }

# measure_relink PLACE MOST_READ WHAT
measure_relink() {
    relink_place=$1
    relink_reads=$2
    take_turns_fresh relink_find relink_md5 relink
    heading "$relink_total files, $3"
    row 'find' "${ms[relink_find]}" "${ms[relink_md5]}"
    row 'md5sum of every file, all processors' "${ms[relink_md5]}" "${ms[relink_md5]}"
    row "relink_missing(owner); $relink_bytes bytes read" "${ms[relink]}" "${ms[relink_md5]}"
}

# measure_relink_growth FILES: leaves per_file[rule] in microseconds.
measure_relink_growth() {
    make_relink "relink_$1" "$1" false
    mv "$relink_tree/photos" "$relink_tree/renamed"
    measure_relink renamed 0 'the top folder renamed'
    per_file[renamed]=$(per_file "${ms[relink]}")
    copy_elsewhere renamed copied
    measure_relink copied $((relink_total / 20)) 'copied, names as before'
    per_file[copied]=$(per_file "${ms[relink]}")
    scatter copied scattered
    measure_relink scattered "$relink_total" 'copied, other names and folders'
    per_file[scattered]=$(per_file "${ms[relink]}")
    drop_relink
}

per_file() { awk -v ms="$1" -v n="$relink_total" 'BEGIN { printf "%.1f", ms * 1000 / n }'; }

section_relink() {
    local rule
    local -A per_file small
    make_relink relink_photos 10000 true
    mv "$relink_tree/photos" "$relink_tree/renamed"
    measure_relink renamed 0 '10,000 photos, the top folder renamed'
    goal 'a renamed tree of 10,000 photos: at most twice find and 1 s' "${ms[relink]}" \
        "$(awk -v walk="${ms[relink_find]}" 'BEGIN { print walk * 2 + 1000 }')"
    drop_relink
    measure_relink_growth 10000
    for rule in "${!per_file[@]}"; do small[$rule]=${per_file[$rule]}; done
    measure_relink_growth 100000
    for rule in renamed copied scattered; do
        printf '\n%s: %s us a file among 10,000, %s among 100,000.\n' "$rule" "${small[$rule]}" \
            "${per_file[$rule]}"
        goal "$rule: a file among 100,000 takes at most 1.3 times as long" "${per_file[$rule]}" \
            "$(awk -v us="${small[$rule]}" 'BEGIN { print us * 1.3 }')"
    done
}
