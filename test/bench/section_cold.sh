# section_cold.sh: a scan that finds nothing missing, with the operating system's caches dropped before
# each run (root only): on this machine's disk, and on one that takes 0.2 ms for every read.  The slow
# disk is a file system of its own in a file that a FUSE mount shows with that delay; it is simulated,
# the requests are real.  The database stays in the server's memory, as the library's files don't.

READ_US=200

time_find() { run_command find "$tree"; }
time_bfs() { run_command bfs "$tree"; }
time_walk() { run_command "$data/walk" 64 "$tree"; }
time_scan() { ask "$SCAN" && check_scan "$FILES" 0; }

# An image with the same tree as on this machine's disk.
make_slow_disk() {
    [ ! -e "$data/image/disk" ] || return 0
    mkdir -p "$data/image" "$data/slow"
    truncate -s "$((FILES * 700 / 1048576 + 64))M" "$data/image/new"
    mkfs.ext4 -q -N $((FILES + FILES / PER_FOLDER + 1000)) "$data/image/new"
    mount -o loop "$data/image/new" "$data/slow"
    make_tree "$data/slow/tree" "$FILES"
    umount "$data/slow"
    mv "$data/image/new" "$data/image/disk"
}

# Without direct I/O the loop device would read one block after the other.
mount_slow_disk() {
    mount_slowly "$data/image" "$data/shown" "$data/slow.socket" 60 || return
    slow_pid=$mounted_by
    slow_device=$(losetup --find --show --read-only --direct-io=on "$data/shown/disk") &&
        mount -o ro "$slow_device" "$data/slow"
}

unmount_slow_disk() {
    [ -n "${slow_pid:-}" ] || return 0
    umount "$data/slow" || true
    [ -z "${slow_device:-}" ] || losetup --detach "$slow_device" || true
    unmount_slowly "$data/shown" "$slow_pid"
    slow_pid=
}

# measure_cold LAYOUT NAME: the library's tables, the disk's name
measure_cold() {
    open_session "$1"
    ask "$SCAN" && check_scan "$FILES" 0
    take_turns_cold find bfs walk scan
    close_session
    heading "$FILES files in $((FILES / PER_FOLDER)) folders, $1, cold caches, $2"
    row 'find' "${ms[find]}" "${ms[find]}"
    row 'bfs' "${ms[bfs]}" "${ms[find]}"
    row 'a bare walk with 64 threads' "${ms[walk]}" "${ms[find]}"
    row 'SELECT scan_missing(owner)' "${ms[scan]}" "${ms[find]}"
    goal "cold on $2, a scan takes at most 0.6 times what find does" "${ms[scan]}" \
        "$(awk -v f="${ms[find]}" 'BEGIN { print f * 0.6 }')"
}

section_cold() {
    local tree=$data/tree
    if ! can_forget; then
        printf '\nCold caches: not measured, only root may drop them.\n'
        return
    fi
    make_tree "$tree" "$FILES"
    make_librephotos librephotos "$tree" "$FILES"
    make_standalone standalone "$tree" "$FILES"
    measure_cold librephotos "this machine's disk"
    measure_cold standalone "this machine's disk"
    make_slow_disk
    if ! mount_slow_disk; then
        printf '\nA slow disk: not measured, FUSE or loop devices are missing here.\n'
        return
    fi
    tree=$data/slow/tree
    make_librephotos librephotos_slow "$tree" "$FILES"
    make_standalone standalone_slow "$tree" "$FILES"
    build/faultfs tell "$data/slow.socket" latency "$READ_US" >/dev/null
    measure_cold librephotos_slow "a disk of $READ_US us a read"
    measure_cold standalone_slow "a disk of $READ_US us a read"
    unmount_slow_disk
}
