#!/bin/bash
# docker.sh: builds the images of docker/ and runs them, with no container engine and no registry:
# buildah builds the Dockerfiles as they are, in a chroot, from base images made here by debootstrap
# that stand in for the official ones. Alpine's can't be had that way; `make check` compiles the
# probe with musl instead.
set -euo pipefail
cd "$(dirname "$0")/.."
. test/tools/common.sh
. test/tools/steps.sh

[ "$(id -u)" = 0 ] || die "building images needs root"
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
MAJOR=15

install_tools() {
    local missing
    missing=$(missing_tools buildah:buildah debootstrap:debootstrap)
    /usr/bin/python3 -c 'import yaml' 2>/dev/null || missing+=" python3-yaml"
    # shellcheck disable=SC2086 -- a list of names
    install_packages $missing
}

storage() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }

clean_up() {
    storage rm --all >/dev/null 2>&1 || true
    for _ in 1 2 3; do umount -R "$work/storage" 2>/dev/null || true; done
    rm -rf "$work"
}

base_images() {
    local container
    debootstrap --variant=minbase bookworm "$work/root" &&
        container=$(storage from scratch) &&
        storage add -q "$container" "$work/root" / &&
        storage commit -q "$container" docker.io/library/debian:12-slim &&
        storage run "$container" -- sh -c "
            groupadd -r -g 999 postgres && useradd -r -g postgres -u 999 postgres &&
            apt-get update -qq && mkdir -p /etc/postgresql-common &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-common &&
            echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-$MAJOR" &&
        storage config --env PG_MAJOR=$MAJOR "$container" &&
        storage commit -q "$container" "docker.io/library/postgres:$MAJOR" &&
        storage rm "$container"
}

build_image() {    # build_image NAME ARGUMENT...
    local name=$1
    shift
    storage bud --pull=never -t "$name" "$@" "$work/source"
}

# The probe has the photos and no database, the database has the socket and no photos.
run_pair() {
    local probe database
    mkdir -p "$work/socket" "$work/photos"
    echo here >"$work/photos/here.jpg"
    chmod 700 "$work/photos"
    probe=$(storage from --pull=never missing-photos-probe) &&
        database=$(storage from --pull=never postgres-missing-photos) || return 1
    storage run -v "$work/socket:/run/missing_photos" -v "$work/photos:/data:ro" "$probe" -- \
        sh -c 'echo $$ >/run/missing_photos/pid
            exec missing_photos_probe --listen /run/missing_photos/probe.socket --root /data --peer 999' &
    for _ in $(seq 100); do [ -S "$work/socket/probe.socket" ] && break; sleep 0.1; done
    storage run --user postgres -v "$work/socket:/run/missing_photos" \
        -v "$PWD/test/docker_scan.sh:/scan.sh:ro" "$database" -- sh /scan.sh >"$work/answer"
    # Not the job: that is a shell, and what it started would go on.
    kill "$(cat "$work/socket/pid")"
    wait || true
    cat "$work/answer"
    [ "$(tail -n 1 "$work/answer")" = '2|1|0' ]
}

compose_fits() {
    /usr/bin/python3 - <<'END'
import glob, yaml
for name in sorted(glob.glob("docker/compose.*.yml")):
    parts = yaml.safe_load(open(name))
    database = "database" if "immich" in name else "db"
    services = parts["services"]
    assert database in services, name
    mounts = [volume.split(":") for service in services.values() for volume in service["volumes"]]
    photos = [mount for mount in mounts if mount[0].startswith("${")]
    assert len(photos) == 1 and photos[0][2] == "ro", name
    if "probe" in name:
        assert len(services[database]["volumes"]) == 1, name
        command = services["missing_photos_probe"]["command"]
        assert command[command.index("--root") + 1] == photos[0][1], name
END
}

install_tools
work=$(mktemp -d "${TMPDIR:-/tmp}/missing_photos.XXXXXX")
trap clean_up EXIT
mkdir "$work/source"
git ls-files -z -co --exclude-standard | tar --null -T - -c | tar -x -C "$work/source"

try "base images" base_images
try "the database's image builds" build_image postgres-missing-photos --build-arg "BASE=postgres:$MAJOR"
try "the probe's image builds" build_image missing-photos-probe -f "$work/source/docker/probe.Dockerfile"
try "a database without photos scans through the probe beside it" run_pair
try "the compose files say what the documentation says" compose_fits
end_steps
