# section_views.sh: the counts beside the bare query that counts the same.

time_count() {
    ask "SELECT count(*) FROM api_photo AS p WHERE p.owner_id = 7 AND NOT EXISTS (
             SELECT FROM api_photo_files AS l JOIN api_file AS f ON f.hash = l.file_id
              WHERE l.photo_id = p.id AND f.type <> 3)"
}
time_counts() { ask 'SELECT * FROM missing_counts'; }
time_stats() { ask 'SELECT photo_stats(7)'; }

section_views() {
    local tree=$data/tree
    make_tree "$tree" "$FILES"
    make_librephotos librephotos "$tree" "$FILES"
    open_session librephotos
    take_turns count counts stats
    heading "counting, $FILES photos"
    row 'photos without media, counted by a bare query' "${ms[count]}" "${ms[count]}"
    row 'SELECT * FROM missing_counts' "${ms[counts]}" "${ms[count]}"
    row 'SELECT photo_stats(owner)' "${ms[stats]}" "${ms[count]}"
}
