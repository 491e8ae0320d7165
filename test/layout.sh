#!/bin/bash
# layout.sh: rules about the source tree that no compiler checks.
set -u
cd "$(dirname "$0")/.."
number=0
failed=0

# check NAME OFFENDERS: passes when the second argument is empty.
check() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$2" | sed 's/^/# /'
        failed=1
    fi
}

check "the probe and the protocol include no PostgreSQL header" \
    "$(grep -rnE '#include *[<"](postgres|fmgr|utils/|storage/|executor/|catalog/)' src/probe src/protocol)"
check "the extension makes no file system call" \
    "$(grep -rnE '\b(l?stat|fstatat|statx|openat2?|opendir|readdir|unlink(at)?|fopen|realpath)[[:space:]]*\(' \
        src/extension)"
check "object names of the module are unique" \
    "$(find src/extension src/protocol -name '*.c' -printf '%f\n' 2>/dev/null | sort | uniq -d)"
check "every SQL part is listed" \
    "$(for part in sql/internal/*.sql sql/surface/*.sql $(find sql/library -name '*.sql' 2>/dev/null); do
        grep -qs "${part#sql/*/}" "$(echo "$part" | cut -d/ -f1-2)/parts.mk" || echo "$part"
    done)"
check "the install script replaces nothing that exists" \
    "$(grep -rniE 'CREATE OR REPLACE|IF NOT EXISTS' sql/internal sql/surface)"
version=$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" missing_photos.control)
check "the version stands in the control file and the change log alone" \
    "$(grep -rnF "missing_photos--$version" --include='*' Makefile sql src test META.json 2>/dev/null |
        grep -vE '^sql/(upgrade|releases)/')"
check "META.json is JSON" "$(perl -MJSON::PP -0777 -ne 'eval { decode_json($_); 1 } or print $@' META.json)"
check "nothing is left open" \
    "$(grep -rnE '\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' src sql test demo Makefile README.md 2>/dev/null)"
check "files stay under 600 lines" \
    "$(find src sql test demo -type f -not -path 'sql/releases/*' -regex '.*\.\([ch]\|sql\|sh\|pl\|pm\)' \
        -exec awk 'END { if (NR > 600) print FILENAME, NR }' {} \;)"
echo "1..$number"
exit $failed
