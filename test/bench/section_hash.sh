# section_hash.sh: MD5 of files of 10 KB to 50 MB, warm and cold, through SQL, beside md5sum, the
# openssl program and Python's hashlib (both of OpenSSL), which use one processor.
#
# One processor against one: the probe with a single thread.  The ways that this processor has
# (AVX-512, AVX2, OpenSSL's own code) are forced in turn by a service that knows one only
# (test/unit/bench_hash.c).  A figure counts only if every hash was right.
#
# MISSING_PHOTOS_HASH       parts of it, of "10k 50m 3m single 10k-cold 50m-cold 3m-cold" (default: all)

HASH_MB=${MISSING_PHOTOS_HASH_MB:-6000}    # of the 3 MB files; the others are a sixth of that

make_hash_files() {
    mkdir -p "$data/hash/$1"
    perl -e 'my ($folder, $size, $n) = @ARGV;
        open(my $random, "<", "/dev/urandom") or die $!;
        read($random, my $content, $size) == $size or die $!;
        for my $i (1 .. $n) {
            substr($content, 0, 8) = sprintf("%08d", $i);
            open(my $file, ">", "$folder/$i") or die $!;
            print {$file} $content;
        }' "$data/hash/$1" "$2" "$3"
    (cd "$data/hash/$1" && printf '%s\n' [0-9]* | xargs md5sum | sort -k 2 | md5sum) >"$data/hash/$1.sums"
}

# The hashes of all files, as a digest like the one that make_hash_files noted.
HASHES="SELECT count(hash) || ' ' || md5(string_agg(hash || '  ' || substring(path, 7) || chr(10), ''
    ORDER BY substring(path, 7) COLLATE \"C\")) FROM file_hashes((SELECT array_agg('/hash/' || i)
    FROM generate_series(1, %d) AS i))"

hash_all() {
    # shellcheck disable=SC2059 -- the statement is the format
    ask "$(printf "$HASHES" "$hash_files")"
    [ "$rows" = "$hash_files $(cut -d ' ' -f 1 "$data/hash/$hash_kind.sums")" ] ||
        die "wrong hashes of the $hash_kind files: $rows"
}

# use_hash_way WAY THREADS: a session whose probe is the service that knows this way, connected
# already.  A new one, since a connection keeps the number of threads that it began with.
use_hash_way() {
    open_session hashes
    ask "LOAD 'missing_photos'"
    ask "SET missing_photos.probe_socket = '$data/hash.$1'"
    ask "SET missing_photos.probe_threads = $2"
    ask "SELECT count(hash) FROM file_hashes('{/hash/1}')"
}

time_hash_avx512() { use_hash_way AVX-512 1 && hash_all; }
time_hash_avx2() { use_hash_way AVX2 1 && hash_all; }
time_hash_openssl_way() { use_hash_way OpenSSL 1 && hash_all; }
time_hash_all_processors() { use_hash_way "$best_way" 0 && hash_all; }
peer_md5sum() { (cd "$data/hash/$hash_kind" && xargs md5sum <"$data/hash.list"); }
peer_openssl() { (cd "$data/hash/$hash_kind" && xargs openssl dgst -md5 <"$data/hash.list"); }
peer_python() {
    (cd "$data/hash/$hash_kind" && python3 -c 'import hashlib, sys
for name in sys.stdin.read().split():
    with open(name, "rb", buffering=0) as file:
        digest = hashlib.md5()
        while piece := file.read(65536):
            digest.update(piece)' <"$data/hash.list")
}
# Takes the files in hand from the page cache, for which nobody's rights are needed.
forget_hash_files() {
    sync
    (cd "$data/hash/$hash_kind" && python3 -c 'import os, sys
for name in sys.stdin.read().split():
    fd = os.open(name, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)' <"$data/hash.list")
}

time_hash_md5sum() { run_command peer_md5sum; }
time_hash_openssl() { run_command peer_openssl; }
time_hash_python() { run_command peer_python; }

start_hash_services() {
    local way
    hash_ways=
    for way in AVX-512 AVX2 OpenSSL; do
        build/probe/plain/bench_hash "$way" --listen "$data/hash.$way" --root "$data/hash" \
            --peer "$(server_user)" &
        hash_pids="${hash_pids:-} $!"
        for _ in $(seq 40); do
            if [ -S "$data/hash.$way" ] || ! kill -0 "$!" 2>/dev/null; then break; fi
            sleep 0.05
        done
        [ ! -S "$data/hash.$way" ] || hash_ways+=" $way"
    done
    best_way=${hash_ways# }
    best_way=${best_way%% *}
}

stop_hash_services() {
    # shellcheck disable=SC2086 -- several
    [ -z "${hash_pids:-}" ] || kill $hash_pids 2>/dev/null || true
    hash_pids=
}

take_turns_cold_files() { turns 1 "$ROUNDS" forget_hash_files "$@"; }

# The root /hash is the folder of this kind of files.
root_of_hashes() {
    open_session hashes
    ask "LOAD 'missing_photos'"
    ask "SET missing_photos.probe_socket = '$data/hash.OpenSSL'"
    ask "SELECT count(missing_photos.drop_root(app_path)) FROM missing_photos.roots WHERE app_path = '/hash'"
    ask "SELECT missing_photos.add_root('/hash', '$data/hash/$hash_kind')"
}

# measure_hashes KIND SIZE FILES warm|cold
measure_hashes() {
    local peers=(md5sum openssl python) ours=() name
    hash_kind=$1
    hash_files=$3
    root_of_hashes
    seq "$3" >"$data/hash.list"
    for name in $hash_ways; do
        case $name in
            AVX-512) ours+=(hash_avx512) ;;
            AVX2) ours+=(hash_avx2) ;;
            OpenSSL) ours+=(hash_openssl_way) ;;
        esac
    done
    if [ "$4" = cold ]; then
        ours=()
        take_turns_cold_files "${peers[@]/#/hash_}" hash_all_processors
    else
        take_turns "${peers[@]/#/hash_}" "${ours[@]}" hash_all_processors
    fi
    heading "MD5 of $3 files of $2 bytes, $4"
    row 'md5sum' "${ms[hash_md5sum]}" "${ms[hash_md5sum]}"
    row 'openssl dgst -md5' "${ms[hash_openssl]}" "${ms[hash_md5sum]}"
    row 'Python hashlib, 64 KiB at a time' "${ms[hash_python]}" "${ms[hash_md5sum]}"
    [ -z "${ours[*]}" ] || for name in $hash_ways; do
        case $name in
            AVX-512) row 'file_hashes, one thread, AVX-512' "${ms[hash_avx512]}" "${ms[hash_md5sum]}" ;;
            AVX2) row 'file_hashes, one thread, AVX2' "${ms[hash_avx2]}" "${ms[hash_md5sum]}" ;;
            OpenSSL) row 'file_hashes, one thread, OpenSSL' "${ms[hash_openssl_way]}" "${ms[hash_md5sum]}" ;;
        esac
    done
    row "file_hashes, $(nproc) processors" "${ms[hash_all_processors]}" "${ms[hash_md5sum]}"
}

share_of() { awk -v ms="$1" -v by="$2" 'BEGIN { print ms / by }'; }

hash_goals() {
    local one=
    case $hash_ways in *AVX2*)
        goal 'with AVX2 at least 4.5 times md5sum, one processor each' "${ms[hash_avx2]}" \
            "$(share_of "${ms[hash_md5sum]}" 4.5)"
        one=${ms[hash_avx2]} ;;
    esac
    case $hash_ways in *AVX-512*)
        goal 'with AVX-512 at least 5.5 times md5sum, one processor each' "${ms[hash_avx512]}" \
            "$(share_of "${ms[hash_md5sum]}" 5.5)"
        one=${ms[hash_avx512]} ;;
    esac
    if [ -n "$one" ] && [ "$(nproc)" -ge 2 ]; then
        goal "$(nproc) processors at least 1.7 times one" "${ms[hash_all_processors]}" \
            "$(share_of "$one" 1.7)"
    fi
}

time_hash_single() { use_hash_way "$best_way" 0 && ask "SELECT file_hash('/hash/1')"; }
time_hash_single_openssl() { run_command openssl dgst -md5 "$data/hash/single/1"; }

measure_single_hash() {
    wants_hash single || return 0
    make_hash_files single 500000000 1
    hash_kind=single
    root_of_hashes
    take_turns hash_single hash_single_openssl
    heading 'MD5 of a single file of 500 MB, warm'
    row 'openssl dgst -md5' "${ms[hash_single_openssl]}" "${ms[hash_single_openssl]}"
    row 'file_hash' "${ms[hash_single]}" "${ms[hash_single_openssl]}"
    goal 'a single file takes at most 1.05 times what OpenSSL takes' "${ms[hash_single]}" \
        "$(awk -v ms="${ms[hash_single_openssl]}" 'BEGIN { print 1.05 * ms }')"
}

wants_hash() {
    case " ${MISSING_PHOTOS_HASH:-10k 50m 3m single 10k-cold 50m-cold 3m-cold} " in
        *" $1 "*) return 0 ;;
    esac
    return 1
}

# measure_kind KIND SIZE FILES: they are made right before, so that they are in the page cache.
measure_kind() {
    if ! wants_hash "$1" && ! wants_hash "$1-cold"; then return 0; fi
    make_hash_files "$@"
    if wants_hash "$1"; then measure_hashes "$@" warm; fi
    if wants_hash "$1" && [ "$1" = 3m ]; then hash_goals; fi
    if wants_hash "$1-cold"; then measure_hashes "$@" cold; fi
    rm -rf "$data/hash/$1"
}

section_hash() {
    make -s build/probe/plain/bench_hash
    psql_in postgres -c 'CREATE DATABASE hashes'
    psql_in hashes -c 'CREATE EXTENSION missing_photos'
    mkdir -p "$data/hash"
    start_hash_services
    measure_kind 10k 10000 $((HASH_MB * 100 / 6))
    measure_kind 50m 50000000 $((HASH_MB / 300))
    measure_kind 3m 3000000 $((HASH_MB / 3))
    measure_single_hash
    close_session
    stop_hash_services
    rm -rf "$data/hash"
}
