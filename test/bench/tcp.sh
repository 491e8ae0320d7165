# tcp.sh: a throwaway server that clients reach as LibrePhotos's containers do, by TCP with a password;
# sourced.  Nothing else is let in that way.

# An address of this machine alone; a server of its own has 127.0.0.1 for itself.
ADDRESS=${ADDRESS:-127.0.5.32}

# Makes a running server listen; it is started again.
let_clients_in() {    # SERVER
    if [ "$(PGDATABASE=postgres test/tools/server psql "$1" -Atc 'SHOW listen_addresses')" = "$ADDRESS" ]; then return; fi
    PGDATABASE=postgres test/tools/server psql "$1" -q -c "CREATE ROLE docker SUPERUSER LOGIN PASSWORD 'docker'" \
        -c "ALTER SYSTEM SET listen_addresses = '$ADDRESS'"
    sed -i -e '1i host all docker 127.0.0.0/8 scram-sha-256' -e '/^host/d' "$1/data/pg_hba.conf"
    test/tools/server stop "$1" fast
    test/tools/server start "$1"
}

# client SERVER COMMAND...
client() {
    local of=$1
    shift
    test/tools/server run "$of" env PGHOST="$ADDRESS" PGUSER=docker PGPASSWORD=docker "$@"
}
