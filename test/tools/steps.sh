# steps.sh: tests made of steps that pass or fail as a whole, and the tools they need; sourced, never
# run.  The sourcing script keeps its files in $work.

number=0
failed=0

result() {      # result STATUS WHAT
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; failed=$((failed + 1)); fi
}

try() {         # try WHAT COMMAND...: what it printed is shown when it failed
    local what=$1 status=0
    shift
    "$@" >"$work/log" 2>&1 || status=$?
    [ $status = 0 ] || tail -n 40 "$work/log"
    result $status "$what"
}

end_steps() {
    echo "$((number - failed)) passed, $failed failed"
    [ "$failed" = 0 ]
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

missing_tools() {   # missing_tools PACKAGE:COMMAND...: the packages whose command isn't there
    local tool
    for tool; do
        command -v "${tool#*:}" >/dev/null || echo "${tool%:*}"
    done
}

install_packages() {    # install_packages PACKAGE...
    [ $# = 0 ] || as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >&2
}
