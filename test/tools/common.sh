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
server_bindir() { server_path bindir; }

server_path() { "${PG_CONFIG:-pg_config}" "--$1"; }

server_knows() { "$(server_bindir)/postgres" --describe-config | grep "^$1[[:space:]]" >/dev/null; }

# Settings that make a server use the extension installed under a private prefix (DESTDIR): Debian's
# servers have one of their own, others know another from version 18 on.
private_settings() {
    if server_knows extension_destdir; then
        printf "extension_destdir = '%s'\n" "$1"
    elif server_knows extension_control_path; then
        printf "extension_control_path = '%s%s:\$system'\n" "$1" "$(server_path sharedir)"
    else
        die "this server uses only extensions that lie in its own folders;" \
            "MISSING_PHOTOS_INTO_SERVER=1 installs there"
    fi
    printf "dynamic_library_path = '%s%s:\$libdir'\n" "$1" "$(server_path pkglibdir)"
}
