# common.sh: what the shell tools share; sourced, never run.
#
# The server refuses to run as root, so as root everything of the server's runs as user postgres.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

server_user() { if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi; }

# Runs a command as the server's user, with the caller's environment apart from HOME.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/nonexistent "$@"
    else
        "$@"
    fi
}

# Directory of the server's programs, by PG_CONFIG (default: the first in the path).
server_bindir() { "${PG_CONFIG:-pg_config}" --bindir; }

# Settings that make a server use the extension installed under a private prefix (DESTDIR).
private_settings() {
    printf "extension_destdir = '%s'\n" "$1"
    printf "dynamic_library_path = '%s%s:\$libdir'\n" "$1" "$("${PG_CONFIG:-pg_config}" --pkglibdir)"
}
