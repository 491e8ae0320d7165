# section_missing.sh: every tenth of the big library's files is gone.  The scan that flags them, beside
# a scan that finds nothing plus bare set-based statements that write the same rows (the library's and
# the extension's) and know beforehand which.  Each round works on a fresh copy of the database, whose
# rows the bare query has fetched once: as warm as the library that the scan that finds nothing reads.

# Bash's globs would be slow here.
remove_tenth() { find "$1" -name '*0.jpg' -delete; }
restore_tenth() {
    perl -e 'for my $folder (glob "$ARGV[0]/*") {
        for (my $n = 0; $n < $ARGV[1]; $n += 10) {
            open(my $file, ">", sprintf("%s/IMG_%05d.jpg", $folder, $n)) or die $!;
        }
    }' "$1" "$PER_FOLDER"
}

BARE_WRITES="BEGIN;
UPDATE api_file AS f SET missing = true FROM gone WHERE f.hash = gone.file;
DELETE FROM api_photo_files AS l USING gone WHERE l.photo_id = gone.photo AND l.file_id = gone.file;
INSERT INTO missing_photos.loss (photo, file, owner, path, was_main, main_after, reason)
SELECT photo, file, '7', path, true, file, 'not found' FROM gone;
INSERT INTO missing_photos.finding (owner, photo, file, path, old_state, new_state, reason)
SELECT '7', photo, file, path, 'present', 'missing', 'not found' FROM gone;
UPDATE missing_photos.known_folder AS k SET files = k.files - g.files, signature = k.signature + 1
  FROM gone_from AS g WHERE k.owner = '7' AND k.folder = g.folder;
COMMIT"

fresh_copy() {
    close_session
    copy_database librephotos written
    open_session written
    ask "SELECT count(path) FROM missing_photos.library_files('7')"
}

time_nothing_missing() { ask "$SCAN" && check_scan "$files" 0; }
time_bare_writes() {
    local statement sum=0
    fresh_copy
    ask "CREATE TEMP TABLE gone AS SELECT l.photo_id AS photo, f.hash AS file, f.path
           FROM api_file AS f JOIN api_photo_files AS l ON l.file_id = f.hash
          WHERE f.path LIKE '%0.jpg'"
    ask "CREATE TEMP TABLE gone_from AS SELECT regexp_replace(path, '/[^/]*\$', '') AS folder,
                count(*) AS files FROM gone GROUP BY 1"
    ask 'ANALYZE gone'
    while IFS= read -r -d ';' statement; do
        ask "$statement"
        sum=$(awk -v a="$sum" -v b="$took" 'BEGIN { print a + b }')
    done <<<"$BARE_WRITES;"
    took=$sum
}
time_tenth_missing() { fresh_copy && ask "$SCAN" && check_scan "$files" $((files / 10)); }
time_call_missing() { fresh_copy && ask 'CALL scan_missing_photos(7)'; }

section_missing() {
    local tree=$data/tree files=$FILES base
    make_tree "$tree" "$files"
    make_librephotos librephotos "$tree" "$files"
    open_session librephotos
    ask "$SCAN"
    take_turns nothing_missing
    remove_tenth "$tree"
    take_turns_fresh bare_writes tenth_missing call_missing
    close_session
    restore_tenth "$tree"
    base=$(awk -v a="${ms[bare_writes]}" -v b="${ms[nothing_missing]}" 'BEGIN { print a + b }')
    heading "$((files / 10)) of $files files are gone"
    row 'a scan that finds nothing missing' "${ms[nothing_missing]}" "$base"
    row 'the same rows written by bare statements' "${ms[bare_writes]}" "$base"
    row 'SELECT scan_missing(owner)' "${ms[tenth_missing]}" "$base"
    row 'CALL scan_missing_photos(owner)' "${ms[call_missing]}" "$base"
    goal '10 % missing: at most twice a scan and the bare writes' "${ms[tenth_missing]}" \
        "$(awk -v b="$base" 'BEGIN { print b * 2 }')"
}
