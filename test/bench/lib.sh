# lib.sh: timing things in turns and printing what came of it; sourced by run.sh.

# The server and the files of an earlier run with MISSING_PHOTOS_BENCH_KEEP=1 are used again.
start_bench() {
    test/tools/server start "$server" shared_buffers=1GB max_wal_size=16GB autovacuum=off \
        checkpoint_timeout=1h
    mkdir -p "$data"
    chmod 755 "$data"
    cc -O2 -pthread -o "$data/walk" test/bench/walk.c
}

end_bench() {
    local status=$?
    trap - EXIT
    close_session
    if declare -F unmount_far >/dev/null; then unmount_far; fi
    if declare -F unmount_slow_disk >/dev/null; then unmount_slow_disk; fi
    if declare -F stop_hash_services >/dev/null; then stop_hash_services; fi
    if [ -n "${MISSING_PHOTOS_BENCH_KEEP:-}" ]; then
        test/tools/server stop "$server" fast
    else
        test/tools/server stop "$server" immediate 2>/dev/null || true
        rm -rf "$data"
    fi
    exit $status
}

describe_machine() {
    local model memory
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%d GiB", $2 / 1048576 + 0.5 }' /proc/meminfo)
    echo "$(date +%Y-%m-%d): $(nproc) processors ($model), $memory, Linux $(uname -r)," \
        "$(stat -f -c %T "$server"), $(psql_in postgres -c 'SHOW server_version');" \
        "median of $ROUNDS rounds in turns"
}

psql_in() {
    local database=$1
    shift
    PGDATABASE=$database test/tools/server psql "$server" -Atq -v ON_ERROR_STOP=1 "$@"
}

# One session that stays: a connection and a probe are started once in an application's life too.
open_session() {
    close_session
    coproc SESSION { PGDATABASE=$1 test/tools/server psql "$server" -Atq 2>&1; }
    # shellcheck disable=SC2153 -- set by coproc
    session_in=${SESSION[1]}
    session_out=${SESSION[0]}
    session_pid=$SESSION_PID
    printf '\\set ON_ERROR_STOP 1\n\\timing on\n' >&"$session_in"
}

close_session() {
    [ -n "${session_pid:-}" ] || return 0
    printf '\\q\n' >&"$session_in" 2>/dev/null || true
    wait "$session_pid" 2>/dev/null || true
    session_pid=
}

# Runs a statement in the session: its milliseconds go to $took, its rows to $rows.
ask() {
    local line
    rows=
    took=
    printf '%s;\n' "$1" >&"$session_in"
    while IFS= read -r line <&"$session_out"; do
        case $line in
            Time:*) took=${line#Time: }; took=${took%% ms*}; return 0 ;;
            *ERROR:*) die "$1: $line" ;;
            *) rows+=${rows:+$'\n'}$line ;;
        esac
    done
    die "the session ended at: $1"
}

# The same for the server's own execution of a query, whose rows go nowhere.
ask_execution() {
    ask "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) $1"
    took=$(sed -n 's/^Execution Time: \([0-9.]*\) ms/\1/p' <<<"$rows")
}

run_command() {
    local from=$EPOCHREALTIME
    "$@" >/dev/null
    took=$(awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", (to - from) * 1000 }')
}

# Takes everything from the caches that can be taken; fails where that isn't permitted.
forget_files() { sync && { echo 3 >/proc/sys/vm/drop_caches; } 2>/dev/null; }
can_forget() { [ -w /proc/sys/vm/drop_caches ] && forget_files; }

# mount_slowly SOURCE MOUNTPOINT SOCKET CACHE_SECONDS: SOURCE once more, read-only, by a process that can
# be told to take its time (test/fuse/faultfs.c); it goes to $mounted_by.
mount_slowly() {
    mkdir -p "$2"
    build/faultfs mount "$@" >/dev/null 2>&1 &
    # shellcheck disable=SC2034 -- for who mounts
    mounted_by=$!
    for _ in $(seq 100); do
        if mountpoint -q "$2"; then return; fi
        sleep 0.05
    done
    return 1
}

unmount_slowly() {
    fusermount3 -u "$1" 2>/dev/null || fusermount3 -uz "$1" 2>/dev/null || true
    wait "$2" 2>/dev/null || true
}

# turns FIRST LAST BEFORE NAME...: runs the functions time_NAME in turns, each after BEFORE; round 0
# doesn't count.  Each leaves its milliseconds in $took.  The medians go to ms[NAME].
declare -A ms times
turns() {
    local round last=$2 before=$3 name first=$1
    shift 3
    for name; do times[$name]=; done
    for ((round = first; round <= last; round++)); do
        for name; do
            $before
            "time_$name"
            [ "$round" = 0 ] || times[$name]+="$took"$'\n'
        done
    done
    for name; do ms[$name]=$(median <<<"${times[$name]}"); done
}
take_turns() { turns 0 "$ROUNDS" '' "$@"; }
take_turns_fresh() { turns 1 "$ROUNDS" '' "$@"; }
take_turns_cold() { turns 1 "$ROUNDS" forget_files "$@"; }
take_turns_once() { turns 1 1 '' "$@"; }

median() { grep . | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
larger() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'; }

heading() {
    printf '\n### %s\n\n' "$1"
    printf '| %-64s | %10s | %7s |\n' '' ms ratio
    printf '| %s | %s | %s |\n' "$(printf -- '-%.0s' {1..64})" "---------:" "------:"
}

# row WHAT MS BASE
row() {
    awk -v what="$1" -v ms="$2" -v base="$3" 'BEGIN {
        printf "| %-64s | %10.1f | %7s |\n", what, ms, (base > 0 ? sprintf("%.2f", ms / base) : "") }'
}

# goal WHAT MS LIMIT: whether a goal is reached; those that aren't are told again at the end.
goal() {
    if awk -v ms="$2" -v limit="$3" 'BEGIN { exit (ms > limit) }'; then
        printf '\nGoal: %s: reached.\n' "$1"
    else
        printf '\nGoal: %s: NOT reached.\n' "$1"
        missed="${missed:-}${missed:+; }$1"
    fi
}

# A scan must have seen so many files and found so many missing.
check_scan() {
    [ "$rows" = "$1|$2|0|0|f" ] ||
        die "the scan didn't do its work (wanted $1 files, $2 missing), so there is nothing to claim: $rows"
}
SCAN='SELECT files, missing, unreachable, invalid, held FROM scan_missing(7)'
