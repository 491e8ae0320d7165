#!/bin/sh
# run.sh: the library contract on every layout. Prints TAP lines; the last one is
# "N passed, N failed".
#
#     test/contract/run.sh [LAYOUT...]      default: all of them, and "examples"
#
# Each test gets a fresh copy of a database that holds a filled library of one layout, attached.
# MISSING_PHOTOS_PREFIX names an installation to use (make check sets it); without one the SQL that
# needs no C is put together here, which is all these tests call.
set -eu
cd "$(dirname "$0")/../.."
. test/tools/common.sh
here=test/contract
layouts=${*:-librephotos_2024_03 librephotos_2024_10 librephotos_2026 standalone immich photoview paperless
            examples}

work=$(mktemp -d "${TMPDIR:-/tmp}/contract.XXXXXX")
server=$work/server
trap 'status=$?; trap - EXIT; test/tools/server stop "$server" immediate || true; rm -rf "$work"
      exit $status' EXIT
chmod 755 "$work"

# The extension without its C functions, for trying the contract on its own.
install_sql_only() {
    place=$work/prefix$("${PG_CONFIG:-pg_config}" --sharedir)/extension
    mkdir -p "$place"
    version=$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" missing_photos.control)
    sed '/^module_pathname/d' missing_photos.control >"$place/missing_photos.control"
    printf 'include sql/internal/parts.mk sql/library/parts.mk\nparts:; @cat %s\n' \
        '$(SQL_INTERNAL) $(SQL_LIBRARY)' >"$work/parts.mk"
    ${MAKE:-make} -s -f "$work/parts.mk" parts >"$place/missing_photos--$version.sql"
    chmod -R a+rX "$work/prefix"
    export MISSING_PHOTOS_PREFIX="$work/prefix"
}

sql() { PGDATABASE=$1 && export PGDATABASE && shift &&
    test/tools/server psql "$server" -qAt -v ON_ERROR_STOP=1 "$@"; }

fixture_of() {
    case $1 in
        librephotos_*) echo "$1.sql put.sql fill_librephotos.sql fill_librephotos_extras.sql" ;;
        immich) echo "immich.sql put.sql fill_immich.sql" ;;
        standalone) echo "put.sql fill_standalone.sql" ;;
        # The examples register themselves; here documents are their owners'.
        photoview) echo "put.sql fill_photoview.sql ../../examples/schemas/photoview.sql" ;;
        paperless) echo "put.sql fill_paperless.sql ../../examples/schemas/paperless.sql
                         ../contract/registered/owners_of_documents.sql" ;;
    esac
}

# Makes the database LAYOUT, which tests copy.
make_library() {
    sql postgres -c "CREATE DATABASE $1"
    for part in $(fixture_of "$1"); do sql "$1" -f "test/fixtures/$part"; done
    sql "$1" -c 'CREATE EXTENSION IF NOT EXISTS missing_photos'
    preset=${1%%_*}
    case $preset in
        standalone)
            sql "$1" -c "CREATE SCHEMA mine; ALTER DATABASE $1 SET search_path = mine, public"
            sql "$1" -c "SELECT missing_photos.attach_library('standalone', 'mine')"
            sql "$1" -c "SELECT fixture.fill_standalone('{1,2,12,21,112}', 40)" ;;
        photoview | paperless)
            sql "$1" -c "SELECT fixture.fill_$preset('{1,2,12,21,112}', 40)" ;;
        *)
            sql "$1" -c "SELECT fixture.fill_$preset('{1,2,12,21,112}', 40)"
            sql "$1" -c "SELECT missing_photos.attach_library('$preset')" ;;
    esac
    sql "$1" -f $here/helpers.sql -c "SELECT t.map('{1,2,12,21,112}', 40)" -c 'ANALYZE'
}

# Runs one test file on a copy of a library; psql's other output becomes comments.
run_file() {
    name="$1 $(basename "$2" .sql)"
    sql postgres -c 'DROP DATABASE IF EXISTS contract' -c "CREATE DATABASE contract TEMPLATE $1" 2>"$work/errors"
    if [ "$1" = standalone ]; then
        sql postgres -c 'ALTER DATABASE contract SET search_path = mine, public'
    fi
    stopped=
    sql contract -f "$2" >"$work/out" 2>"$work/errors" || stopped=yes
    sed -n "s/^ok - /ok - $name: /p; s/^not ok - /not ok - $name: /p; /^#/p" "$work/out"
    if [ -n "$stopped" ]; then
        echo "not ok - $name: stopped"
        tail -n 5 "$work/errors" | sed 's/^/# /'
    fi
}

# Shell tests get a copy of a library too.
run_script() {
    sql postgres -c 'DROP DATABASE IF EXISTS contract' -c "CREATE DATABASE contract TEMPLATE $1" 2>"$work/errors"
    if [ "$1" = standalone ]; then
        sql postgres -c 'ALTER DATABASE contract SET search_path = mine, public'
    fi
    { sh "$2" "$server" "$1" 2>"$work/errors" || { echo "not ok - stopped"; sed 's/^/# /' "$work/errors"; }; } |
        sed "s/^ok - /ok - $1 $(basename "$2" .sh): /; s/^not ok - /not ok - $1 $(basename "$2" .sh): /"
}

# Libraries that are made by attaching, or that no preset knows, start from an empty database.
run_examples() {
    sql postgres -c 'CREATE DATABASE bare'
    sql bare -f test/fixtures/put.sql -c 'CREATE EXTENSION missing_photos' -f $here/helpers.sql \
        -c 'GRANT USAGE ON SCHEMA missing_photos TO pg_read_server_files'
    for file in $here/example/*.sql; do run_file bare "$file"; done
}

run_layout() {
    make_library "$1" >"$work/made" 2>&1 || { echo "not ok - $1: made"; tail -n 5 "$work/made" | sed 's/^/# /'; return; }
    case $1 in
        immich) shape=single ;;
        photoview | paperless) shape=registered/$1 ;;
        *) shape=linked ;;
    esac
    for file in $here/$shape/*.sql $here/any/*.sql; do
        # A library of one owner has no rows to hide by owner.
        case $1/$file in photoview/*/rights.sql) ;; *) run_file "$1" "$file" ;; esac
    done
    for file in $here/$shape/*.sh $here/any/*.sh; do
        if [ -e "$file" ]; then run_script "$1" "$file"; fi
    done
}

[ -n "${MISSING_PHOTOS_PREFIX:-}${MISSING_PHOTOS_INTO_SERVER:-}" ] || install_sql_only
test/tools/server start "$server"
{
    for layout in $layouts; do
        case $layout in examples) run_examples ;; *) run_layout "$layout" ;; esac
    done
} >"$work/results"
awk '/^ok - /     { sub(/^ok - /, "ok " ++n " - "); passed++ }
     /^not ok - / { sub(/^not ok - /, "not ok " ++n " - "); failed++ }
     { print }
     END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$work/results"
