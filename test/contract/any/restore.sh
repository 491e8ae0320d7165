# restore.sh SERVER LAYOUT: an attached library after dump and restore into a new database. The
# signature, the generated functions, their grants and their tie to the extension must be there.
set -eu
server=$1
run() { test/tools/server run "$server" "$@"; }
sql() { db=$1; shift; PGDATABASE=$db test/tools/server psql "$server" -qAt -v ON_ERROR_STOP=1 "$@"; }
export PGDATABASE=contract

sql postgres -c 'DROP DATABASE IF EXISTS restored' -c 'CREATE DATABASE restored'
# Roles are the cluster's: one grant must survive too.
sql postgres -c 'DROP ROLE IF EXISTS contract_reader' -c 'CREATE ROLE contract_reader'
sql contract -c 'GRANT EXECUTE ON FUNCTION missing_photos.library_counts(text) TO contract_reader'
counts='SELECT * FROM missing_photos.library_counts(NULL) ORDER BY 1'
before=$(sql contract -c "$counts")
run pg_dump -Fc -f "$server/dump" contract
run pg_restore --exit-on-error -d restored "$server/dump" && echo "ok - dump and restore" || echo "not ok - dump and restore"
if [ "$2" = standalone ]; then
    sql postgres -c 'ALTER DATABASE restored SET search_path = mine, public'
fi
is() { if [ "$1" = "$2" ]; then echo "ok - $3"; else printf 'not ok - %s\n# got: %s\n# wanted: %s\n' "$3" "$1" "$2"; fi; }

is "$(sql restored -c "$counts")" "$before" "the same counts"
is "$(sql restored -c 'SELECT missing_photos.check_library()' && echo in order)" "
in order" "check_library is content"
is "$(sql restored -c 'SELECT count(*) FROM missing_photos.contract_functions()')" 31 "all functions are tied to the extension"
is "$(sql restored -c "SELECT has_function_privilege('contract_reader', 'missing_photos.library_counts(text)', 'EXECUTE') AND NOT has_function_privilege('contract_reader', 'missing_photos.library_owners()', 'EXECUTE')")" t "grants are as they were"
is "$(sql restored -c "SELECT t.lose('12', '{1}')")" "1 image changed main->image" "it can be written"
is "$(sql restored -c 'SELECT missing_photos.attach_library(preset, library_schema) FROM missing_photos.attached_library' -c 'DROP EXTENSION missing_photos' -c "SELECT count(*) FROM pg_proc WHERE proname ^@ 'library_'")" "
0" "attached again and dropped: nothing is left"
sql postgres -c 'DROP DATABASE restored'
sql contract -c 'DROP OWNED BY contract_reader'
sql postgres -c 'DROP ROLE contract_reader'
