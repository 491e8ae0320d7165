# section_memory.sh: what a scan of the big library adds to the memory of backend and probe: their
# private memory (RssAnon), that of the parallel workers that help with the query, and the memory that
# these share, read every 20 ms, above what there is while idle.

private_memory() {
    local pid total kb
    total=$(shared_memory "$1")
    for pid in $1 $(descendants "$1") $(pgrep -f "parallel worker for PID $1( |\$)" || true); do
        kb=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || true)
        total=$((total + ${kb:-0}))
    done
    echo $total
}

# What dynamic shared memory takes of the machine's, in kB.
shared_memory() {
    { awk '$6 ~ "^/dev/shm/PostgreSQL" { print $6 }' "/proc/$1/maps" | sort -u |
        xargs -r stat -c %b 2>/dev/null || true; } | awk '{ kb += $1 / 2 } END { print int(kb) }'
}

descendants() {
    local child
    for child in $(ps -o pid= --ppid "$1"); do
        echo "$child"
        descendants "$child"
    done
}

watch_memory() {
    local most=0 now
    while [ -e "$data/scanning" ]; do
        now=$(private_memory "$1")
        [ "$now" -le "$most" ] || { most=$now; echo "$most" >"$data/most"; }
        sleep 0.02
    done
}

section_memory() {
    local tree=$data/tree files=$FILES backend idle most
    make_tree "$tree" "$files"
    make_librephotos librephotos "$tree" "$files"
    open_session librephotos
    ask "$SCAN"
    open_session librephotos
    ask 'SELECT pg_backend_pid()'
    backend=$rows
    ask "SELECT check_files(ARRAY(SELECT id FROM api_photo LIMIT 1))"
    idle=$(private_memory "$backend")
    touch "$data/scanning"
    watch_memory "$backend" &
    ask "$SCAN"
    rm "$data/scanning"
    wait $!
    check_scan "$files" 0
    most=$(cat "$data/most")
    printf '\n### memory of backend, its parallel workers and probe, %s files\n\n' "$files"
    printf '| | MB |\n|---|---:|\n| idle | %d |\n| most during a scan | %d |\n' \
        $((idle / 1024)) $((most / 1024))
    goal 'a scan takes less than 64 MB above idle' $(((most - idle) / 1024)) 63
}
