#!/bin/bash
# package.sh: builds the Debian package, installs it, runs the regression tests on a clean cluster that
# uses it, upgrades and removes it, and looks for what it left behind.
#
# It installs into the machine's own PostgreSQL folders for as long as it runs, so it refuses to
# begin where the extension is installed there already.  Existing clusters aren't touched.
set -euo pipefail
cd "$(dirname "$0")/.."
. test/tools/common.sh
. test/tools/steps.sh

install_tools() {
    # shellcheck disable=SC2046 -- a list of names
    install_packages $(missing_tools debhelper:dh dpkg-dev:dpkg-buildpackage fakeroot:fakeroot \
        lintian:lintian postgresql-server-dev-all:dh_pgxs_test)
}

files_of_ours() { find /usr/lib/postgresql /usr/share/postgresql /usr/share/doc -name '*missing?photos*' 2>/dev/null; }

clean_up() {
    test/tools/server stop "$work/cluster" immediate >/dev/null 2>&1 || true
    [ -z "${installed:-}" ] || as_root dpkg --purge "$package" >/dev/null 2>&1 || true
    rm -rf "$work"
}

build() { (cd "$work/source" && as_server dpkg-buildpackage -us -uc -b -d); }

regress() {
    local dir=$work/regress
    mkdir -p "$dir"
    cp -r test/sql "$dir/sql"
    cp -r expected "$dir/expected"
    chown -R "$(server_user)" "$dir"
    (cd "$dir" && as_server "$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress" \
        --bindir="$("$PG_CONFIG" --bindir)" --inputdir="$dir" --outputdir="$dir" \
        --host="$work/cluster" --port=5432 --user=postgres --dbname=contrib_regression \
        $(cd test/sql && ls ./*.sql | sed 's,^\./,,; s,\.sql$,,'))
}

drop_all() {
    test/tools/server psql "$work/cluster" -v ON_ERROR_STOP=1 -qAt \
        -c 'CREATE DATABASE leaving' -c '\c leaving' -c 'CREATE EXTENSION missing_photos' \
        -c "SELECT missing_photos.attach_library('standalone')" -c 'DROP EXTENSION missing_photos CASCADE'
}

nothing_left() { [ -z "$(files_of_ours)" ] || { files_of_ours; return 1; }; }

[ -z "$(files_of_ours)" ] || die "the extension is installed on this machine: $(files_of_ours | head -n 1)"
install_tools
export PG_CONFIG=${PG_CONFIG:-$(command -v pg_config)}
version=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
package=postgresql-$version-missing-photos
work=$(mktemp -d "${TMPDIR:-/tmp}/missing_photos.XXXXXX")
trap clean_up EXIT
chmod 755 "$work"
mkdir "$work/source"
git ls-files -z | tar --null -T - -c | tar -x -C "$work/source" --no-same-owner
echo "$version" >"$work/source/debian/pgversions"
sed "s/PGVERSION/$version/g" debian/control.in >"$work/source/debian/control"
chown -R "$(server_user)" "$work"

try "the package builds" build
deb=$(ls "$work/${package}"_*.deb)
# The project has no public address yet.
try "lintian finds no error" lintian --fail-on error --allow-root \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog "$deb"
installed=yes
try "it installs" as_root dpkg -i "$deb"
try "a clean cluster starts" test/tools/server start "$work/cluster"
try "the regression tests pass on it" regress
try "it is upgraded in place" as_root dpkg -i "$deb"
try "the extension leaves a database" drop_all
try "the package is removed" as_root dpkg --purge "$package"
installed=
try "without a trace" nothing_left
end_steps
