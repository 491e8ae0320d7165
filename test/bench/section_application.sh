# section_application.sh: 20,000 photos with albums and faces, 2,000 of them gone, beside what an
# application does from its own side: pages of 5,000 with two statements for each missing file (the
# pattern of LibrePhotos's newest code), and a loop of Django's ORM over the photos.  The loop runs on
# a part of the photos; its time for all is that many times its time per photo.  The server is as
# durable as in earnest here: a commit waits for the disk.

PHOTOS=20000
PYTHON=${PYTHON:-/usr/bin/python3}		# Django comes as Debian's packages
LOOP_PHOTOS=${MISSING_PHOTOS_LOOP:-2000}

make_application() {
    ! has_database application || return 0
    psql_in postgres -c 'CREATE DATABASE application'
    psql_in application -o /dev/null -f test/fixtures/librephotos_2026.sql -f test/fixtures/put.sql \
        -f test/fixtures/fill_librephotos.sql -f test/fixtures/fill_librephotos_extras.sql \
        -c "SELECT fixture.fill_librephotos(ARRAY[7], $PHOTOS)"
    psql_in application -c 'SELECT path FROM api_file' >"$data/application.paths"
    make_application_files
    attach application librephotos "$data/application"
}

# The file of every tenth photo is its only one.
remove_application_files() { find "$data/application" -name 'img_*4.jpg' -delete; }
make_application_files() {
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

application_copy() {
    close_session
    copy_database application applied
}

client() {
    application_copy
    test/tools/server run "$server" env PGDATABASE=applied "$PYTHON" "$@" >"$data/client"
    read -r took found <"$data/client"
}

time_application_scan() {
    make_application_files
    application_copy
    open_session applied
    ask "$SCAN" && check_scan "$linked" 0
    remove_application_files
    ask "$SCAN" && check_scan "$linked" $((PHOTOS / 10))
}
time_paged() { client test/bench/paged.py "$data/application" && check_found $((PHOTOS / 10)); }
time_loop() {
    client test/bench/django_loop.py "$data/application" "$LOOP_PHOTOS"
    check_found $((LOOP_PHOTOS / 10))
    took=$(awk -v t="$took" -v part=$((PHOTOS / LOOP_PHOTOS)) 'BEGIN { print t * part }')
}
check_found() { [ "$found" = "$1" ] || die "the peer found $found missing instead of $1"; }

section_application() {
    local linked peers=paged
    make_application
    linked=$(psql_in application -c 'SELECT count(*) FROM api_photo_files')
    open_session application
    ask "$SCAN"
    close_session
    psql_in postgres -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()' -o /dev/null
    if "$PYTHON" -c 'import django' 2>/dev/null; then peers+=' loop'; fi
    take_turns_fresh application_scan $peers
    psql_in postgres -c 'ALTER SYSTEM RESET fsync' -c 'SELECT pg_reload_conf()' -o /dev/null
    heading "$PHOTOS photos with albums and faces, $((PHOTOS / 10)) of them gone"
    row 'SELECT scan_missing(owner)' "${ms[application_scan]}" "${ms[application_scan]}"
    row 'pages of 5,000, two statements per missing file' "${ms[paged]}" "${ms[application_scan]}"
    goal 'a scan is 15 times faster than the paged pattern' "${ms[application_scan]}" \
        "$(awk -v p="${ms[paged]}" 'BEGIN { print p / 15 }')"
    [ -n "${ms[loop]:-}" ] || { printf '\nNo Django here: its loop was not measured.\n'; return 0; }
    printf '\n'
    row "a loop of Django's ORM (from $LOOP_PHOTOS photos)" "${ms[loop]}" "${ms[application_scan]}"
    goal 'a scan is 500 times faster than the loop' "${ms[application_scan]}" \
        "$(awk -v l="${ms[loop]}" 'BEGIN { print l / 500 }')"
}
