# section_scan.sh: a scan that finds nothing missing, beside what can't be avoided: the query that
# fetches its rows, and a walk over the tree.  LibrePhotos's tables and the standalone ones; warm.

QUERY="SELECT photo, file, path, flagged, readonly FROM missing_photos.library_files('7')"
time_find() { run_command find "$tree"; }
time_bfs() { run_command bfs "$tree"; }
time_bare() { ask_execution "$QUERY"; }
time_fetched() { ask "COPY ($QUERY) TO '/dev/null'"; }
time_stat_file() {
    ask "SELECT count(*) FROM missing_photos.library_files('7') AS f
          WHERE pg_stat_file(replace(f.path, '/data', '$tree'), true) IS NULL"
    [ "$rows" = "${gone:-0}" ] || die "pg_stat_file found $rows missing"
}
time_scan() { ask "$SCAN" && check_scan "$files" 0; }
time_call() { ask 'CALL scan_missing_photos(7)'; }

# scan_warm LAYOUT
scan_warm() {
    local first base
    open_session "$1"
    ask "$SCAN" && check_scan "$files" 0
    first=$took
    open_session "$1"
    take_turns find bfs bare fetched scan call
    base=$(larger "${ms[bare]}" "${ms[find]}")
    heading "$files files in $((files / PER_FOLDER)) folders, $1, warm, nothing missing"
    row 'find' "${ms[find]}" "$base"
    row 'bfs' "${ms[bfs]}" "$base"
    row 'the bare query, executed' "${ms[bare]}" "$base"
    row 'the bare query, its rows written to /dev/null' "${ms[fetched]}" "$base"
    row 'SELECT scan_missing(owner), from the second on' "${ms[scan]}" "$base"
    row 'CALL scan_missing_photos(owner)' "${ms[call]}" "$base"
    row 'the first scan (once)' "$first" "$base"
    goal "a scan takes at most 1.25 times the larger of bare query and find" "${ms[scan]}" \
        "$(awk -v b="$base" 'BEGIN { print b * 1.25 }')"
}

section_scan() {
    local tree=$data/tree files=$FILES
    make_tree "$tree" "$files"
    make_librephotos librephotos "$tree" "$files"
    make_standalone standalone "$tree" "$files"
    scan_warm librephotos
    scan_warm standalone
    open_session librephotos
    take_turns_once stat_file
    heading 'without any of this'
    row "pg_stat_file(path, true) IS NULL for each row (one round)" "${ms[stat_file]}" 0
}
