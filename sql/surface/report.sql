-- missing_photos.report: one page of HTML that tells how a library stands. No script, nothing loaded
-- from elsewhere, light and dark by the reader's own setting. Each part is a function that reads the
-- views, so that a reader sees what he may see and no more.

CREATE FUNCTION missing_photos.html(content text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(replace(replace(replace(replace(COALESCE(content, ''),
	       '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION missing_photos.html IS 'a text as HTML shows it literally';

CREATE FUNCTION missing_photos.report_number(value numeric)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN value IS NULL THEN '–'
	            ELSE btrim(to_char(value, 'FM999G999G999G999G990')) END
$$;
COMMENT ON FUNCTION missing_photos.report_number IS 'a number as a report shows it';

CREATE FUNCTION missing_photos.report_time(value timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_char(value, 'YYYY-MM-DD HH24:MI') $$;
COMMENT ON FUNCTION missing_photos.report_time IS 'a time as a report shows it';

CREATE FUNCTION missing_photos.report_style()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $style$
:root { color-scheme: light dark; --page: #fafaf8; --card: #fff; --ink: #1d1d1b; --soft: #66655f;
  --line: #dddcd6; --bad: #b3261e; --good: #1b6e53; --warn: #8a5a00; --bar: #d9d8d2; }
@media (prefers-color-scheme: dark) { :root { --page: #161614; --card: #20201d; --ink: #eeede8;
  --soft: #a3a199; --line: #3a3933; --bad: #f2a199; --good: #7fd1b0; --warn: #e5b765;
  --bar: #3a3933; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, caption { color: var(--soft); margin: .25rem 0 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .75rem 1rem; }
.tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.bad { color: var(--bad); } .good { color: var(--good); } .warn { color: var(--warn); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem; border-top: 1px solid var(--line);
  vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; font-size: .85rem; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.path { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .85rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .missing { fill: var(--bad); } svg .back { fill: var(--good); }
svg .rule { stroke: var(--line); } svg .whole { fill: var(--bar); }
td svg { width: 8rem; height: .6rem; margin-top: .45rem; }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem;
  margin: 0 .35rem 0 1rem; }
.key.missing { background: var(--bad); } .key.back { background: var(--good); }
$style$
$$;
COMMENT ON FUNCTION missing_photos.report_style IS 'the report''s style sheet';

CREATE FUNCTION missing_photos.report_table(title text, note text, head text, body text, empty text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '<section><h2>' || title || '</h2>' || COALESCE('<p>' || note || '</p>', '')
	       || CASE WHEN body IS NULL THEN '<p>' || empty || '</p>'
	               ELSE '<div class="wide"><table><thead><tr>' || head || '</tr></thead><tbody>'
	                    || body || '</tbody></table></div>' END
	       || E'</section>\n'
$$;
COMMENT ON FUNCTION missing_photos.report_table IS
	'a section with a table; everything given is HTML already';

CREATE FUNCTION missing_photos.report_tiles(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stats jsonb := missing_photos.stats_of(owner);
BEGIN
	RETURN '<div class="tiles">' || (
		SELECT string_agg('<div class="tile"><b class="' || CASE WHEN tile.number > 0 THEN tile.mood
		                  ELSE 'good' END || '">' || missing_photos.report_number(tile.number)
		                  || '</b><span>' || tile.name || '</span></div>', '' ORDER BY tile.place)
		  FROM (VALUES (1, (stats ->> 'num_photos')::numeric, '', 'photos'),
		               (2, (stats ->> 'num_missing_photos')::numeric, 'bad', 'missing photos'),
		               (3, (stats ->> 'num_missing_files')::numeric, 'bad', 'missing files'),
		               (4, (stats ->> 'num_unreachable_files')::numeric, 'warn', 'files out of reach')
		       ) AS tile (place, number, mood, name))
		|| '</div><p>Last scan: '
		|| COALESCE(missing_photos.report_time((stats ->> 'last_scan_at')::timestamptz), 'never')
		|| E'</p>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_tiles IS 'the report''s totals';

-- Days without a job have no bars; the scale is that of the tallest bar.
CREATE FUNCTION missing_photos.report_chart(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	days CONSTANT integer := 90;
	top numeric;
	bars text;
BEGIN
	SELECT max(greatest(h.missing, h.back)),
	       string_agg(format('<g><title>%s: %s missing, %s back or linked again</title>'
	           '<rect class="missing" x="%s" y="%s" width="3" height="%s"/>'
	           '<rect class="back" x="%s" y="%s" width="3" height="%s"/></g>',
	           h.day, missing_photos.report_number(h.missing), missing_photos.report_number(h.back),
	           h.x, 140 - h.missing_height, h.missing_height,
	           h.x + 3, 140 - h.back_height, h.back_height), '' ORDER BY h.day)
	  INTO top, bars
	  FROM (SELECT d.day, d.missing, d.back, 48 + 7.4 * (d.day - (current_date - days + 1)) AS x,
	               round(120.0 * d.missing / greatest(d.top, 1), 1) AS missing_height,
	               round(120.0 * d.back / greatest(d.top, 1), 1) AS back_height
	          FROM (SELECT s.day, s.missing, s.relinked + s.restored AS back,
	                       max(greatest(s.missing, s.relinked + s.restored)) OVER () AS top
	                  FROM missing_photos.history AS s
	                 WHERE s.owner = report_chart.owner AND s.day > current_date - days) AS d) AS h;
	IF bars IS NULL THEN
		RETURN '<section><h2>The last ' || days || E' days</h2><p>No job has run.</p></section>\n';
	END IF;
	RETURN '<section><h2>The last ' || days || ' days</h2><p>Files found missing and files that came '
		'back or were linked again, by day.<span class="key missing"></span>missing'
		'<span class="key back"></span>back</p><div class="wide">'
		'<svg viewBox="0 0 730 165" role="img" aria-label="Files found missing and back, by day">'
		'<line class="rule" x1="44" x2="724" y1="20" y2="20"/>'
		'<line class="rule" x1="44" x2="724" y1="140" y2="140"/>'
		'<text x="38" y="24" text-anchor="end">' || missing_photos.report_number(top)
		|| '</text><text x="38" y="144" text-anchor="end">0</text><text x="48" y="158">'
		|| (current_date - days + 1) || '</text><text x="720" y="158" text-anchor="end">'
		|| current_date || '</text>' || bars || E'</svg></div></section>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_chart IS 'the report''s history';

CREATE FUNCTION missing_photos.report_folders(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 20;
	body text;
	folders bigint;
BEGIN
	WITH lost AS MATERIALIZED (
		SELECT missing_photos.folder_of(f.path) AS folder, count(DISTINCT f.file) AS files
		  FROM missing_photos.flagged_files() AS f
		 WHERE f.owner = report_folders.owner AND f.path IS NOT NULL
		 GROUP BY 1
	), here AS (
		SELECT missing_photos.folder_of(f.path) AS folder, count(DISTINCT f.file) AS files
		  FROM missing_photos.library_files(report_folders.owner) AS f
		 WHERE NOT f.flagged AND EXISTS (SELECT FROM lost)
		   AND missing_photos.folder_of(f.path) IN (SELECT l.folder FROM lost AS l)
		 GROUP BY 1
	), share AS (
		SELECT l.folder, l.files, l.files + COALESCE(h.files, 0) AS of_files
		  FROM lost AS l LEFT JOIN here AS h USING (folder)
	)
	SELECT (SELECT count(*) FROM share),
	       string_agg('<tr><td class="path">' || missing_photos.html(s.folder) || '</td><td>'
	           || '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
	           || '<rect class="whole" width="100" height="8"/><rect class="missing" height="8" width="'
	           || round(100.0 * s.files / s.of_files, 1) || '"/></svg></td><td class="n">'
	           || missing_photos.report_number(s.files) || ' of '
	           || missing_photos.report_number(s.of_files) || '</td></tr>', ''
	           ORDER BY s.files::numeric / s.of_files DESC, s.files DESC, s.folder)
	  INTO folders, body
	  FROM (SELECT * FROM share
	         ORDER BY files::numeric / of_files DESC, files DESC, folder LIMIT most) AS s;
	RETURN missing_photos.report_table('Folders with missing files',
		CASE WHEN folders > most THEN 'The ' || most || ' of '
		     || missing_photos.report_number(folders) || ' that miss the largest share.' END,
		'<th>Folder</th><th>Share missing</th><th class="n">Files</th>', body, 'None.');
END
$$;
COMMENT ON FUNCTION missing_photos.report_folders IS
	'the report''s folders, those that miss the largest share of their files first';

CREATE FUNCTION missing_photos.report_roots()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Roots', NULL,
		'<th>Root</th><th>State</th><th class="n">Files</th><th>Last healthy</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(r.app_path)
			|| CASE WHEN r.server_path <> r.app_path
			        THEN '<br>' || missing_photos.html(r.server_path) ELSE '' END
			|| '</td><td class="' || CASE r.state WHEN 'present' THEN 'good' ELSE 'warn' END || '">'
			|| CASE r.state WHEN 'present' THEN 'healthy' ELSE missing_photos.html(
			        'out of reach since ' || missing_photos.report_time(r.state_since)
			        || COALESCE(': ' || r.reason, '')) END
			|| '</td><td class="n">' || missing_photos.report_number(r.files) || '</td><td>'
			|| COALESCE(missing_photos.report_time(r.last_healthy), '') || '</td></tr>', '' ORDER BY r.app_path),
		'No root is registered (missing_photos.add_root).')
	  FROM missing_photos.roots AS r
$$;
COMMENT ON FUNCTION missing_photos.report_roots IS 'the report''s roots and their health';

CREATE FUNCTION missing_photos.report_deletion(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('What deleting the missing photos would take',
		'As the database stands; each file is looked for once more before anything goes, and '
		'undo_delete puts it back.',
		'<th>Table</th><th>What happens</th><th class="n">Rows</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(d.relation) || '</td><td>'
			|| missing_photos.html(d.action) || '</td><td class="n">'
			|| missing_photos.report_number(d.rows) || '</td></tr>', ''
			ORDER BY d.rows DESC, d.relation), 'Nothing.')
	  FROM missing_photos.delete_preview(owner) AS d
	 WHERE d.rows > 0
$$;
COMMENT ON FUNCTION missing_photos.report_deletion IS 'the report''s preview of a deletion';

CREATE FUNCTION missing_photos.report_jobs(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Jobs', 'Running ones first, then the last ten.',
		'<th>Job</th><th>State</th><th>Progress</th><th>Begun</th><th>Ended</th>',
		string_agg('<tr><td>' || missing_photos.html(j.kind) || '</td><td class="'
			|| CASE WHEN j.state IN ('failed', 'held', 'cancelled', 'lost') THEN 'warn' ELSE 'good' END
			|| '">' || missing_photos.html(j.state || COALESCE(': ' || j.error, '')) || '</td><td>'
			|| '<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="'
			|| j.percent || ' %"><rect class="whole" width="100" height="8"/>'
			|| '<rect class="back" height="8" width="' || j.percent || '"/></svg></td><td>'
			|| COALESCE(missing_photos.report_time(j.started_at), '') || '</td><td>'
			|| COALESCE(missing_photos.report_time(j.finished_at), '') || '</td></tr>', ''
			ORDER BY j.open DESC, j.queued_at DESC), 'None yet.')
	  FROM (SELECT job.*, job.state IN ('queued', 'running') AS open
	          FROM @extschema@.missing_jobs AS job
	         WHERE job.owner = report_jobs.owner
	         ORDER BY open DESC, job.queued_at DESC LIMIT 10) AS j
$$;
COMMENT ON FUNCTION missing_photos.report_jobs IS 'the report''s jobs';

CREATE FUNCTION missing_photos.report_files(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Missing files',
		CASE WHEN max(f.files) > 100 THEN 'The first 100 of ' || missing_photos.report_number(max(f.files))
		     || '; view missing_files has them all.' END,
		'<th>File</th><th>Why</th><th>Since</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(COALESCE(f.path, '(no path)'))
			|| '</td><td>' || missing_photos.html(f.reason) || '</td><td>'
			|| COALESCE(missing_photos.report_time(f.since), '')
			|| '</td></tr>', '' ORDER BY f.path), 'None.')
	  FROM (SELECT m.path, m.reason, m.since, count(*) OVER () AS files
	          FROM @extschema@.missing_files AS m
	         WHERE m.owner = report_files.owner AND m.state = 'missing'
	         ORDER BY m.path LIMIT 100) AS f
$$;
COMMENT ON FUNCTION missing_photos.report_files IS 'the report''s first missing files';

CREATE FUNCTION missing_photos.report_of(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	IF owner IS NULL THEN
		RAISE EXCEPTION 'owner must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'Give the id as the library holds it.';
	END IF;
	PERFORM FROM missing_photos.library_owners() AS o WHERE o.owner = report_of.owner;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'owner "%" does not exist', owner USING ERRCODE = 'no_data_found',
			HINT = 'Give an owner''s id as the library holds it.';
	END IF;
	RETURN E'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
		'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
		-- Should anything ever get past the escaping, the page still runs and loads nothing.
		'<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; '
		'style-src &#39;unsafe-inline&#39;">'
		|| E'\n<title>Missing photos of owner ' || missing_photos.html(owner)
		|| E'</title>\n<style>' || missing_photos.report_style() || E'</style></head>\n<body><main>\n'
		|| '<h1>Missing photos</h1><p>Owner ' || missing_photos.html(owner) || ', '
		|| missing_photos.report_time(now()) || E'</p>\n'
		|| missing_photos.report_tiles(owner)
		|| missing_photos.report_chart(owner)
		|| missing_photos.report_folders(owner)
		|| missing_photos.report_roots()
		|| missing_photos.report_deletion(owner)
		|| missing_photos.report_jobs(owner)
		|| missing_photos.report_files(owner)
		|| E'</main></body></html>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_of IS 'the report of an owner given as text';

CREATE FUNCTION missing_photos.report(owner anycompatible)
RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT missing_photos.report_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION missing_photos.report IS
	'one self-contained HTML page about an owner''s library: totals, history, folders, roots, jobs';
