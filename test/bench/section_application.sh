# section_application.sh: 20,000 photos with albums and faces, 2,000 of them gone, beside what LibrePhotos
# does, on the same tables: all of its columns and indexes, rows as large as its own.
#
# paged, paged_changed    the statements of the Rust backend of 2026, all of them (paged.py)
# orm                     the newest ORM code, photo by photo without saves (django_loop.py changed)
# loop                    October 2024, on its own layout, photo by photo (django_loop.py all)
#
# Each works on a copy of its own, made just before.  The two ORM loops run on the first photos only; their
# time for all is in proportion.  They come by TCP with a password as between LibrePhotos's containers,
# and a commit waits for the disk.  They are spared: psycopg2 in C, where LibrePhotos has psycopg 3 in
# Python; no log, no other job beside them, files of one folder read from memory.
. test/bench/tcp.sh

PHOTOS=20000
PYTHON=${PYTHON:-/usr/bin/python3}		# Django comes as Debian's packages
LOOP_PHOTOS=${MISSING_PHOTOS_LOOP:-2000}
APPLICATION_SCAN=${SCAN/(7)/(1)}

make_application() {    # LAYOUT
    local database=application_$1
    ! has_database "$database" || return 0
    psql_in postgres -c "CREATE DATABASE $database"
    psql_in "$database" -o /dev/null -f "test/fixtures/librephotos_$2.sql" -f test/fixtures/put.sql \
        -f test/bench/librephotos_wide.sql -f test/fixtures/fill_for_deletion.sql \
        -c 'SELECT fixture.widen()' -c "SELECT fixture.fill_for_deletion($PHOTOS, 0, 10.75, 215, 0.7)" \
        -c 'SELECT fixture.stop_filling_in()' -c 'VACUUM FULL' 2>/dev/null
    make_application_files "$database"
    attach "$database" librephotos "$data/application"
    open_session "$database"
    ask "$APPLICATION_SCAN" && check_scan "$PHOTOS" 0
    close_session
}

make_application_files() {    # [DATABASE whose files they are]
    [ -z "${1:-}" ] || psql_in "$1" -c 'SELECT path FROM api_file' >"$data/application.paths"
    perl -e 'use File::Path;
        my %made;
        while (my $path = <STDIN>) {
            chomp $path;
            $path =~ s{^/data}{$ARGV[0]};
            my ($folder) = $path =~ m{(.*)/};
            File::Path::make_path($folder) unless $made{$folder}++;
            next if -e $path;
            open(my $file, ">", $path) or die "$path: $!";
        }' "$data/application" <"$data/application.paths"
}

# Every tenth photo of owner 1: its only file.
remove_application_files() { find "$data/application/1" -name 'img_*4.jpg' -delete; }

# A scan that finds nothing comes first, in the same session: a connection and a probe last longer than
# one scan in an application's life.
time_application_scan() {    # LAYOUT [CHECKPOINT]
    close_session
    make_application_files
    copy_database "application_$1" applied
    open_session applied
    ask "$APPLICATION_SCAN" && check_scan "$PHOTOS" 0
    remove_application_files
    [ -z "${2:-}" ] || ask "$2"
    ask "$APPLICATION_SCAN" && check_scan "$PHOTOS" $((PHOTOS / 10))
}
time_scan_2026() { time_application_scan 2026; }
time_scan_2024() { time_application_scan 2024; }
time_scan_2026_checkpoint() { time_application_scan 2026 CHECKPOINT; }
time_scan_2024_checkpoint() { time_application_scan 2024 CHECKPOINT; }

declare -A statements
peer() {    # NAME LAYOUT PHOTOS PROGRAM ARGUMENT...
    local name=$1 layout=$2 photos=$3 found
    shift 3
    close_session
    copy_database "application_$layout" applied
    remove_application_files
    PGDATABASE=applied client "$server" "$PYTHON" "$@" >"$data/client"
    read -r took found "statements[$name]" <"$data/client"
    [ "$found" = "$(gone_among "$layout" "$photos")" ] || die "$name found $found missing"
    took=$(awk -v t="$took" -v of="$PHOTOS" -v n="$photos" 'BEGIN { print t * of / n }')
}
gone_among() {    # LAYOUT PHOTOS: how many of the first are gone
    psql_in "application_$1" -c "SELECT count(*) FROM (SELECT main_file_id FROM api_photo
        WHERE owner_id = 1 ORDER BY image_hash LIMIT $2) AS p JOIN api_file AS f ON f.hash = p.main_file_id
        WHERE f.path LIKE '%4.jpg'"
}
time_paged() { peer paged 2026 "$PHOTOS" test/bench/paged.py "$data/application" all; }
time_paged_changed() { peer paged_changed 2026 "$PHOTOS" test/bench/paged.py "$data/application" changed; }
time_orm() { peer orm 2026 "$LOOP_PHOTOS" test/bench/django_loop.py changed "$data/application" "$LOOP_PHOTOS"; }
time_loop() { peer loop 2024 "$LOOP_PHOTOS" test/bench/django_loop.py all "$data/application" "$LOOP_PHOTOS"; }

application_row() {    # WHAT NAME [AGAINST]
    row "$1${statements[$2]:+ (${statements[$2]} statements)}" "${ms[$2]}" "${ms[${3:-scan_2026}]}"
}

section_application() {
    local loops=
    let_clients_in "$server"
    make_application 2026 2026
    make_application 2024 2024_10
    if "$PYTHON" -c 'import django' 2>/dev/null; then loops='orm loop'; fi
    psql_in postgres -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()' -o /dev/null
    # shellcheck disable=SC2086 -- a list of names
    take_turns_fresh scan_2026 paged paged_changed scan_2024 scan_2026_checkpoint scan_2024_checkpoint $loops
    psql_in postgres -c 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()' -o /dev/null
    heading "$PHOTOS photos with albums and faces, $((PHOTOS / 10)) of them gone, LibrePhotos 2026"
    application_row 'SELECT scan_missing(owner)' scan_2026
    application_row 'the same right after a checkpoint' scan_2026_checkpoint
    application_row 'pages of 5,000, Rust backend' paged
    application_row 'the same, only what changed is touched' paged_changed
    [ -z "$loops" ] || application_row "ORM, from $LOOP_PHOTOS photos" orm
    goal 'a scan is 15 times faster than the paged pattern' "${ms[scan_2026]}" \
        "$(awk -v p="${ms[paged]}" 'BEGIN { print p / 15 }')"
    [ -n "$loops" ] || { printf '\nNo Django here: its loops were not measured.\n'; return 0; }
    heading 'LibrePhotos of October 2024'
    application_row 'SELECT scan_missing(owner)' scan_2024 scan_2024
    application_row 'the same right after a checkpoint' scan_2024_checkpoint scan_2024
    application_row "the loop, from $LOOP_PHOTOS photos" loop scan_2024
    goal 'a scan is 500 times faster than the loop' "${ms[scan_2024]}" \
        "$(awk -v l="${ms[loop]}" 'BEGIN { print l / 500 }')"
}
