# section_fuse.sh: a library of 100,000 files in 200 folders on a mount where every request takes
# 0.5 or 2 ms and nothing is cached, beside walks over it.  bfs -j64 where bfs knows jobs: Debian 12's
# doesn't, MISSING_PHOTOS_BFS may name a later one.  A bare walk with 64 threads (walk.c) tells what
# the mount gives at best.

unmount_far() {
    [ -z "${far_pid:-}" ] || unmount_slowly "$data/far" "$far_pid"
    far_pid=
}

time_far_find() { run_command find "$data/far"; }
time_far_bfs() { run_command bfs "$data/far"; }
time_far_bfs64() { run_command "${MISSING_PHOTOS_BFS:-bfs}" -j64 "$data/far"; }
time_far_walk() { run_command "$data/walk" 64 "$data/far"; }
time_far_scan() { ask "$SCAN" && check_scan 100000 0; }
time_far_bare() {
    ask_execution "SELECT photo, file, path, flagged, readonly FROM missing_photos.library_files('7')"
}

measure_far() {
    local peer=far_walk name='a bare walk with 64 threads' peers=far_walk
    if "${MISSING_PHOTOS_BFS:-bfs}" -j64 / -maxdepth 0 >/dev/null 2>&1; then
        peer=far_bfs64
        name='bfs -j64'
        peers+=' far_bfs64'
    fi
    build/faultfs tell "$data/far.socket" latency "$1" >/dev/null
    take_turns far_scan $peers far_bare
    take_turns_once far_find far_bfs
    heading "100000 files in 200 folders, each request takes $1 us, nothing cached"
    row "$name" "${ms[$peer]}" "${ms[$peer]}"
    [ $peer = far_walk ] || row 'a bare walk with 64 threads' "${ms[far_walk]}" "${ms[$peer]}"
    row 'the bare query, executed (no disk)' "${ms[far_bare]}" "${ms[$peer]}"
    row 'SELECT scan_missing(owner)' "${ms[far_scan]}" "${ms[$peer]}"
    row 'bfs (one round)' "${ms[far_bfs]}" "${ms[$peer]}"
    row 'find (one round)' "${ms[far_find]}" "${ms[$peer]}"
    goal "on a mount of $1 us a scan is no slower than $name" "${ms[far_scan]}" "${ms[$peer]}"
}

section_fuse() {
    make_tree "$data/tree_100000" 100000
    if ! mount_slowly "$data/tree_100000" "$data/far" "$data/far.socket" 0; then
        printf '\nFar mounts: not measured, FUSE can not be mounted here.\n'
        return
    fi
    far_pid=$mounted_by
    make_librephotos librephotos_far "$data/far" 100000
    open_session librephotos_far
    ask "$SCAN"
    measure_far 500
    measure_far 2000
    close_session
    unmount_far
}
