# run_suites.sh: the suites of make check, and how their results are counted; sourced by test/run.
#
# A suite is a function suite_NAME that prints its results and returns non-zero on failure.  What
# counts is its TAP lines, or else its last line "N passed, N failed".  A suite that ran no test
# failed, whatever it returned, unless its tests were skipped and skipping was allowed.

SUITES="layout compilers unit unit_as_root contract regress isolation tap"
LONG_SUITES="$SUITES fuzz"

regress_files() { "$PG_CONFIG" --pgxs | sed "s,src/makefiles/pgxs.mk,src/test,"; }

# Everything a client program of the server's user needs.
with_server() {
    env PGHOST="$work/server" PGPORT=5432 PGUSER=postgres PATH="$("$PG_CONFIG" --bindir):$PATH" "$@"
}

suite_layout() { test/layout.sh; }

# Our flags make a warning an error, under both compilers.
suite_compilers() {
    local number=0 failed=0 compiler
    for compiler in gcc "$(clang_name)"; do
        number=$((number + 1))
        rm -rf "$work/compiled"
        cp -r "$work/tree" "$work/compiled"
        if make_in "$work/compiled" clean && make_in "$work/compiled" -j"$(nproc)" CC="$compiler" all; then
            echo "ok $number - $compiler compiles everything without a warning"
        else
            echo "not ok $number - $compiler"
            failed=1
        fi
    done
    rm -rf "$work/compiled"
    number=$((number + 1))
    if compile_with_musl; then
        echo "ok $number - the probe compiles with musl (Alpine's C library)"
    else
        echo "not ok $number - the probe with musl"
        failed=1
    fi
    return $failed
}

# Objects only: there is no libcrypto for musl here to link with.
compile_with_musl() {
    local source
    mkdir -p "$work/musl"
    for source in src/probe/*.c src/protocol/*.c; do
        musl-gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 \
            -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" \
            -c -o "$work/musl/$(basename "$source" .c).o" "$source" || return 1
    done
}

make_in() { (cd "$1" && shift && "${MAKE:-make}" --no-print-directory "$@"); }

# The server's packages bring a clang with a version in its name.
clang_name() {
    command -v clang || ls /usr/bin/clang-[0-9]* 2>/dev/null | grep -E 'clang-[0-9]+$' | tail -n 1
}

# Some properties of the probe show only without root's rights, others only with them (mounts).
suite_unit() {
    (cd "$work/tree" && as_server "${MAKE:-make}" --no-print-directory -j"$(nproc)" \
        PG_CONFIG="$PG_CONFIG" unit-programs)
    check_unit check-unit as_server
}

# The sanitizers have seen them without root already; with it they are for the long run.
suite_unit_as_root() {
    local goal=check-unit-plain
    [ -z "${MISSING_PHOTOS_LONG:-}" ] || goal=check-unit
    if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
        check_unit $goal sudo -n
    elif [ "$(id -u)" = 0 ]; then
        check_unit $goal
    else
        echo "ok 1 # SKIP CAN'T RUN: the unit tests that need root"
    fi
}

check_unit() {
    local goal=$1
    shift
    (cd "$work/tree" && "$@" env HARNESS_VERBOSE=1 \
        "${MAKE:-make}" --no-print-directory PG_CONFIG="$PG_CONFIG" "$goal")
}

suite_fuzz() {
    (cd "$work/tree" && as_server "${MAKE:-make}" --no-print-directory PG_CONFIG="$PG_CONFIG" \
        FUZZ_CC="$(clang_name)" fuzz) && echo "ok 1 - the fuzzers found nothing"
}

suite_contract() {
    (cd "$work/tree" && as_server env PATH="$("$PG_CONFIG" --bindir):$PATH" test/contract/run.sh)
}

# pg_regress and the isolation tester look in their output directory first, so each gets one that
# holds just its own.
suite_regress() {
    regress_in "$work/regress" sql "$work/tree/test/sql" "$work/tree/expected" sql \
        "$(regress_files)/regress/pg_regress" contrib_regression
}

suite_isolation() {
    regress_in "$work/isolation" specs "$work/tree/test/isolation/specs" \
        "$work/tree/test/isolation/expected" spec \
        "$(regress_files)/isolation/pg_isolation_regress" isolation_regression
}

regress_in() {
    local dir=$1 kind=$2 tests=$3 expected=$4 ending=$5 program=$6 database=$7
    local names
    names=$(find "$tests" -name "*.$ending" 2>/dev/null | sed "s,.*/,,; s,\.$ending\$,," | sort)
    [ -n "$names" ] || return 1
    mkdir -p "$dir"
    cp -r "$tests" "$dir/$kind"
    cp -r "$expected" "$dir/expected"
    chown -R "$(server_user)" "$dir"
    # shellcheck disable=SC2086 -- a list of names
    (cd "$dir" && as_server env PATH="$("$PG_CONFIG" --bindir):$PATH" "$program" \
        --bindir="$("$PG_CONFIG" --bindir)" --inputdir="$dir" --outputdir="$dir" \
        --host="$work/server" --port=5432 --user=postgres --dbname="$database" $names) ||
        { cat "$dir/regression.diffs" 2>/dev/null; return 1; }
}

# Scripts run as root where we are root: each starts its helper for what needs root, and then becomes
# user postgres (test/t/lib/MissingPhotos/Privileged.pm). Two run side by side, the slowest first. One
# that failed is run once more, alone: what it says of times is meant for a machine of its own.
suite_tap() {
    local dir=$work/tap script log failed=
    export work
    mkdir -p "$dir/tmp_check/log" "$dir/scripts"
    chown -R "$(server_user)" "$dir"
    cd "$work/tree"
    # shellcheck disable=SC2046 -- a list of names
    printf '%s\n' $(slowest_first test/t/${MISSING_PHOTOS_TAP:-*}.pl | awk '!seen[$0]++') |
        xargs -P "${MISSING_PHOTOS_JOBS:-2}" -I{} bash -c 'run_script "$@"' - {}
    for log in "$dir"/scripts/*.failed; do
        [ -e "$log" ] || continue
        script=test/t/$(basename "$log" .failed).pl
        rm -rf "$dir/tmp_check/t_$(basename "$log" .failed)_"*
        run_script "$script"
        echo "# *** $script failed beside another one$([ -e "$log.again" ] || echo ', and passed alone')"
    done
    for log in "$dir"/scripts/*.log; do cat "$log"; done
    for log in "$dir"/scripts/*.again; do [ ! -e "$log" ] || failed=yes; done
    cd "$top"
    [ -z "$failed" ]
}

# One script's output to scripts/NAME.log; the first failure leaves NAME.failed, the second .again.
run_script() {
    local name log
    name=$(basename "$1" .pl)
    log=$work/tap/scripts/$name
    if ! tap_environment prove --verbose --timer "$1" >"$log.log" 2>&1; then
        if [ -e "$log.failed" ]; then touch "$log.failed.again"; else cp "$log.log" "$log.failed"; fi
    fi
}

tap_environment() {
    env PATH="$("$PG_CONFIG" --bindir):$PATH" \
        PERL5LIB="$work/tree/test/t/lib:$(regress_files)/perl" \
        PG_REGRESS="$(regress_files)/regress/pg_regress" TEMP_CONFIG="$work/private.conf" \
        TESTDIR="$work/tap" TESTDATADIR="$work/tap/tmp_check" TESTLOGDIR="$work/tap/tmp_check/log" \
        MISSING_PHOTOS_FAULTFS="$work/tree/build/faultfs" "$@"
}

# Those that take longest, so that none of them is left alone at the end.
slowest_first() {
    local slow="025_ 081_ 085_ 060_ 065_ 091_ 090_ 022_ 082_ 070_ 078_ 032_ 104_ 120_ 092_" name script
    for name in $slow; do
        for script in "$@"; do
            case $script in */"$name"*) echo "$script" ;; esac
        done
    done
    printf '%s\n' "$@"
}
export -f run_script tap_environment regress_files

# Prints "PASSED FAILED" for the log of a suite that returned STATUS.
count_results() {
    awk -v status="$2" -v may_skip="${MISSING_PHOTOS_ALLOW_SKIP:-}" '
        /^ok [0-9]/ && !/# SKIP/ { passed++ }
        /# SKIP|[.] skipped: / { skipped++ }
        /^not ok/ { failed++ }
        # a script that died without a failed test
        /^(All [0-9]+ subtests passed|No subtests run)/ { failed++ }
        # pg_regress before version 16
        /^(test| +)[ ]*[a-z0-9_-]+ +\.\.\. ok / { passed++ }
        /^(test| +)[ ]*[a-z0-9_-]+ +\.\.\. FAILED/ { failed++ }
        /^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; summed = 1 }
        END {
            if (summed) { passed = p; failed = f }
            if (status != 0 && failed == 0) failed = 1
            if (passed + failed == 0 && !(skipped && may_skip)) failed = 1
            print passed + 0, failed + 0
        }' "$1"
}

run_suites() {
    local suite status passed failed total_passed=0 total_failed=0
    local suites=${MISSING_PHOTOS_SUITES:-$SUITES}
    if [ -n "${MISSING_PHOTOS_LONG:-}" ]; then
        suites=${MISSING_PHOTOS_SUITES:-$LONG_SUITES}
    fi
    rm -rf "$logs"
    mkdir -p "$logs"
    test/tools/server start "$work/server"
    for suite in $suites; do
        status=0
        SECONDS=0
        "suite_$suite" >"$logs/$suite.log" 2>&1 || status=$?
        read -r passed failed < <(count_results "$logs/$suite.log" $status)
        if [ "$failed" -gt 0 ]; then
            grep -v '^ok ' "$logs/$suite.log" | tail -n 60 || true
        fi
        grep -hE '^# [*]{3}|CAN.T RUN|[.] skipped: ' "$logs/$suite.log" || true
        printf '%-12s %5d passed, %d failed  (%d s, build/check/%s.log)\n' \
            "$suite" "$passed" "$failed" "$SECONDS" "$suite"
        total_passed=$((total_passed + passed))
        total_failed=$((total_failed + failed))
    done
    keep_logs
    echo "$total_passed passed, $total_failed failed"
    [ "$total_failed" = 0 ]
}

keep_logs() {
    cp "$work/server/server.log" "$logs/" 2>/dev/null || true
    cp -r "$work/tap/tmp_check/log" "$logs/tap" 2>/dev/null || true
    for kind in regress isolation; do
        cp "$work/$kind/regression.diffs" "$logs/$kind.diffs" 2>/dev/null || true
    done
}
