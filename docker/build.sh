#!/bin/sh
# build.sh DESTDIR: builds missing_photos inside a PostgreSQL image, Debian's or Alpine's, for the
# server that is in it.
set -eu
cd "$(dirname "$0")/.."

if [ -e /etc/alpine-release ]; then
	# The image's own build of the server brings its build files; it was made with clang.
	apk add --no-cache gcc make musl-dev linux-headers openssl-dev
	export CC=gcc
else
	apt-get update
	apt-get install -y --no-install-recommends gcc make libc6-dev libssl-dev \
		"postgresql-server-dev-${PG_MAJOR}"
fi
make clean
make
make install DESTDIR="$1"
