# writers.sh SERVER LAYOUT: marks beside an application that writes the same rows in its own order.
# Nobody may deadlock or wait for long, and neither side's work may be lost. The known-bad variant,
# plain updates in no order, must deadlock, or the test shows nothing.
set -eu
server=$1
seconds=${CONTRACT_SECONDS:-4}
export PGDATABASE=contract PGOPTIONS='-c deadlock_timeout=20ms'
sql() { test/tools/server psql "$server" -qAt -v ON_ERROR_STOP=1 "$@"; }
deadlocks() { sql -c "SELECT deadlocks FROM pg_stat_database WHERE datname = 'contract'"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# Our side: loses and gives back whatever it can get.
cat >"$work/marks.sql" <<'SQL'
SELECT t.churn(true);
SELECT t.churn(false);
SQL
# The application: several photos and files in random order per transaction, each counted.
cat >"$work/application.sql" <<'SQL'
SELECT t.application();
SQL
cat >"$work/careless.sql" <<'SQL'
SELECT t.careless();
SQL
sql <<'SQL'
CREATE TABLE t.rating (photo text PRIMARY KEY, n bigint NOT NULL);
CREATE FUNCTION t.churn(lose boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	photos text[];
	files text[];
	paths text[];
BEGIN
	SELECT array_agg(m.photo), array_agg(m.file), array_agg(m.path) INTO photos, files, paths
	  FROM (SELECT * FROM t.map AS m WHERE m.who = '12' ORDER BY random() LIMIT 30) AS m;
	IF lose THEN
		PERFORM FROM missing_photos.library_mark_missing('12', photos, files, paths);
	ELSE
		PERFORM FROM missing_photos.library_mark_present('12', photos, files, paths,
			array_fill(true, ARRAY[30]), files);
	END IF;
END
$$;
CREATE FUNCTION t.application() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	-- One row of each kind only, so that applications can't deadlock with each other.
	one t.map := (SELECT m FROM t.map AS m WHERE m.who = '12' ORDER BY random() LIMIT 1);
BEGIN
	IF random() < 0.5 THEN
		PERFORM t.run(format('UPDATE {photo} SET {photo.video} = NOT {photo.video} WHERE {photo.key} = %L', one.photo));
		INSERT INTO t.rating VALUES (one.photo, 1) ON CONFLICT (photo) DO UPDATE SET n = rating.n + 1;
		PERFORM t.run(format('UPDATE {file} SET {file.missing} = {file.missing} WHERE {file.key} = %L', one.file));
	ELSE
		PERFORM t.run(format('UPDATE {file} SET {file.missing} = {file.missing} WHERE {file.key} = %L', one.file));
		PERFORM t.run(format('UPDATE {link} SET {link.file} = {link.file} WHERE {link.file} = %L', one.file));
	END IF;
END
$$;
CREATE FUNCTION t.careless() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
BEGIN
	FOR one IN SELECT m.file FROM t.map AS m WHERE m.who = '12' ORDER BY random() LIMIT 10 LOOP
		PERFORM t.run(format('UPDATE {file} SET {file.missing} = {file.missing} WHERE {file.key} = %L', one.file));
	END LOOP;
END
$$;
CREATE TABLE t.was AS SELECT p.photo, p.video
  FROM (SELECT DISTINCT photo FROM t.map WHERE who = '12') AS m
 CROSS JOIN LATERAL missing_photos.library_photo(m.photo) AS p;
SQL
bench() { test/tools/server run "$server" pgbench -n -c 4 -j 2 -T "$seconds" "$@" contract 2>"$work/errors" >"$work/out" ||
    { echo "not ok - pgbench failed"; sed 's/^/# /' "$work/errors"; }; }
failed() { grep -c 'ERROR' "$work/errors" || true; }
is() { if [ "$1" = "$2" ]; then echo "ok - $3"; else printf 'not ok - %s\n# got: %s\n# wanted: %s\n' "$3" "$1" "$2"; fi; }

bench -f "$work/marks.sql@1" -f "$work/application.sql@1"
sleep 1
is "$(deadlocks)" 0 "no deadlock beside writers"
is "$(failed)" 0 "and no other error"
is "$(sql -c "SELECT count(*) FROM t.was AS w
                CROSS JOIN LATERAL missing_photos.library_photo(w.photo) AS p
                 LEFT JOIN t.rating AS r ON r.photo = w.photo
                WHERE p.video <> (w.video <> (COALESCE(r.n, 0) % 2 = 1))")" 0 "none of the writers' work is lost"
is "$(sql -c "SELECT t.churn(false) FROM generate_series(1, 50)" -c "SELECT count(*)
                FROM (SELECT photo, file FROM missing_photos.library_files('12') GROUP BY photo, file
                      HAVING count(*) > 1) AS twice" | tail -n 1)" 0 "no pair is linked twice"
bench -f "$work/careless.sql" || true
sleep 1
if [ "$(deadlocks)" -gt 0 ]; then echo "ok - careless writers do deadlock here"; else echo "not ok - careless writers do deadlock here"; fi
