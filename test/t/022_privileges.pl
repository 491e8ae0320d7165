# Who may do what: each kind of role by each function and view; what a role may not see of the library
# it doesn't learn through us; and what stands in the user's own schemas never runs with rights that
# the caller hasn't.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::EveryLibrary;

my @ROLES = qw(postgres administrator application tenant nobody);
my $node = start_server('privileges');
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2024_10');
make_roles();
lose_files();
my ($mine, $theirs) = map {
    $library->sql("SELECT photo FROM t.map WHERE owner = $_ AND n = 2") } 2, 1;

my ($my_job, $their_job) = map { held_job($_) } 2, 1;
matrix();
nothing_else();
row_level_security();
leaky_conditions();
hostile_objects();
hostile_library();
$node->stop;
done_testing();

# The extension belongs to a role of its own, so that its rights can be told from everybody else's.
# tenant is an application whose policies show it owner 2 alone.
sub make_roles
{
    $library->sql(q(
        DROP FUNCTION t.wrong_counts();
        DROP EXTENSION missing_photos;
        CREATE ROLE extension_owner SUPERUSER;
        SET ROLE extension_owner;
        CREATE EXTENSION missing_photos;
        RESET ROLE;
        CREATE ROLE administrator LOGIN IN ROLE pg_read_server_files;
        CREATE ROLE application LOGIN;
        CREATE ROLE tenant LOGIN;
        CREATE ROLE nobody LOGIN;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application, tenant;
        REVOKE ALL ON missing_counts, missing_files, missing_jobs FROM application, tenant;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO application, tenant));
    as('administrator', $library->attach);
    as('administrator', "SELECT missing_photos.add_root('/data', '$library->{disk}/data')");
    $library->sql("SELECT missing_photos.grant_application(r::regrole)
                     FROM unnest('{application,tenant}'::text[]) AS r");
    my %owned = (api_user => 'id = 2', api_photo => 'owner_id = 2',
        api_file => q(substr(hash, 33) = '2'), api_longrunningjob => 'started_by_id = 2',
        api_photo_files => 'photo_id IN (SELECT image_hash FROM api_photo)');
    $library->sql("ALTER TABLE $_ ENABLE ROW LEVEL SECURITY;
        CREATE POLICY all_rows ON $_ TO application USING (true);
        CREATE POLICY own_rows ON $_ TO tenant USING ($owned{$_})") for sort keys %owned;
}

# Owners 1 and 2 have each lost a file and have a doubt: a folder in a file's place.
sub lose_files
{
    $library->sql('SELECT scan_missing(1), scan_missing(2)');
    $library->lose('owner IN (1, 2) AND n IN (1, 4)');
    $library->make_content("$_/file")
        for $library->column('SELECT path FROM t.map WHERE owner IN (1, 2) AND n = 4');
    is(as('application', 'SELECT missing, invalid FROM scan_missing(1)'), '1|1', 'the application scans');
    is(as('tenant', 'SELECT missing, invalid FROM scan_missing(2)'), '1|1', 'the tenant scans its owner');
}

# A scan that found more than it may flag, and waits for somebody to approve of it.
sub held_job
{
    my ($owner) = @_;
    $library->lose("owner = $owner AND n = 6");
    return $library->sql("SET missing_photos.max_missing_percent = 1;
        SET missing_photos.max_missing_files = 0;
        SELECT job_id FROM scan_missing($owner) WHERE held");
}

sub as
{
    my ($role, $sql) = @_;
    return $node->safe_psql($library->{database}, $sql, extra_params => [ '-U', $role ]);
}

# "ok" or the SQLSTATE of what a role's statement comes to; its work is rolled back.
sub outcome
{
    my ($role, $sql) = @_;
    my @statements = $sql =~ /^CALL/ ? ($sql) : ('BEGIN', $sql, 'ROLLBACK');
    my (undef, $out, $errors) = $node->psql($library->{database},
        "\\set VERBOSITY sqlstate\n" . join(";\n", @statements) . ';',
        extra_params => [ '-U', $role ], on_error_stop => 0);
    return $errors =~ /ERROR:\s+(\w{5})/ ? $1 : 'ok';
}

# A line: what is called, then each role's outcome in the order of @ROLES; "-" is "permission denied".
sub matrix
{
    my $path = '/data/2/dir00/img_000002.jpg';
    # What is called from line to line is rolled back, but for CALL: held jobs come first.
    my @matrix = (
        [ "SELECT missing_photos.approve_job('$my_job')", qw(ok - ok ok -) ],
        [ "SELECT missing_photos.approve_job('$their_job')", qw(ok - ok P0002 -) ],
        [ "SELECT missing_photos.cancel_job('$my_job')", qw(ok - ok ok -) ],
        [ "SELECT missing_photos.cancel_job('$their_job')", qw(ok - ok P0002 -) ],
        [ 'SELECT missing_photos.approve_job(gen_random_uuid())', qw(55000 - 55000 55000 -) ],
        [ 'SELECT missing_photos.start_scan(2)', qw(- - ok ok -) ],
        [ 'SELECT missing_photos.start_scan(1)', qw(- - ok P0002 -) ],
        [ 'SELECT missing_photos.start_relink(2)', qw(- - ok ok -) ],
        [ 'SELECT missing_photos.start_delete(2)', qw(- - ok ok -) ],
        [ "SELECT missing_photos.resume_job('$my_job')", qw(55000 - 55000 55000 -) ],
        [ 'SELECT missing_photos.run_pending_jobs()', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.start_watching()', qw(- - ok ok -) ],
        [ 'SELECT missing_photos.stop_watching()', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.watcher_is_alive()', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.watches', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.announced_files', qw(ok - ok ok -) ],
        [ 'CALL missing_photos.scan_all()', qw(- - ok ok -) ],
        [ 'SELECT missing_photos.undo_scan(gen_random_uuid())', qw(55000 - 55000 55000 -) ],
        [ "SELECT missing_photos.undo_changes(2, now())", qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_jobs', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.history', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.job_is_alive(gen_random_uuid())', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.seen_roles(), missing_photos.sees_all_roles()', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.job_bar(50)', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.jobs', qw(ok - ok ok -) ],
        [ 'SELECT scan_missing(2)', qw(ok - ok ok -) ],
        [ 'SELECT scan_missing(1)', qw(ok - ok P0002 -) ],
        [ 'CALL scan_missing_photos(2)', qw(ok - ok ok -) ],
        [ 'CALL scan_missing_photos(1)', qw(ok - ok P0002 -) ],
        [ 'SELECT delete_missing(2)', qw(ok - ok ok -) ],
        [ 'SELECT delete_missing(1)', qw(ok - ok P0002 -) ],
        [ 'CALL delete_missing_photos(112)', qw(ok - ok P0002 -) ],
        [ 'SELECT relink_missing(2)', qw(ok - ok ok -) ],
        [ 'SELECT relink_missing(1)', qw(ok - ok P0002 -) ],
        [ 'CALL relink_missing_photos(2)', qw(ok - ok ok -) ],
        [ 'CALL relink_missing_photos(1)', qw(ok - ok P0002 -) ],
        [ 'SELECT * FROM missing_photos.candidates', qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.choose_candidate('x', '/data/x')), qw(P0002 - P0002 P0002 -) ],
        [ "SELECT * FROM check_files('$mine')", qw(ok - ok ok -) ],
        [ "SELECT * FROM check_files('$theirs')", qw(ok - ok P0002 -) ],
        [ "SELECT file_hash('$path')", qw(ok - ok ok -) ],
        [ "SELECT file_hash('$path', 2)", qw(ok - ok ok -) ],
        [ q(SELECT file_hash('/data/2/nothing')), qw(58P01 - 58P01 58P01 -) ],
        [ q(SELECT file_hash('/etc/passwd')), qw(- - - - -) ],
        [ "SELECT * FROM file_hashes('{$path,/etc/passwd}')", qw(ok - ok ok -) ],
        [ "SELECT add_file(2, '$path')", qw(ok - ok ok -) ],
        [ "SELECT add_file(1, '$path')", qw(ok - ok P0002 -) ],
        [ "SELECT photo_paths('$mine')", qw(ok - ok ok -) ],
        [ "SELECT photo_paths('$theirs')", qw(ok - ok P0002 -) ],
        [ "SELECT media_error('$mine')", qw(ok - ok ok -) ],
        [ "SELECT media_error('$theirs')", qw(ok - ok P0002 -) ],
        [ 'SELECT photo_stats(2)', qw(ok - ok ok -) ],
        [ 'SELECT photo_stats(1)', qw(ok - ok P0002 -) ],
        [ 'SELECT * FROM missing_counts', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_files', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.findings', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.owner_state', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.roots', qw(ok ok ok ok -) ],
        [ 'SELECT * FROM missing_photos.derived_roots', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.deletions', qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.add_derived_root('/x', '/etc', 'passwd')), qw(ok - - - -) ],
        [ q(SELECT missing_photos.remove_derived_root('/x')), qw(42704 - - - -) ],
        [ 'CALL missing_photos.drain_deletions()', qw(ok - - - -) ],
        [ q(SELECT missing_photos.queue_deletions(gen_random_uuid(), '2', '{}', '{}', '{}', '{}')),
            qw(ok - - - -) ],
        [ q(DELETE FROM missing_photos.deletion), qw(ok - - - -) ],
        [ 'SELECT * FROM missing_photos.undo_delete(gen_random_uuid())', qw(P0002 - P0002 P0002 -) ],
        [ 'SELECT * FROM missing_photos.delete_preview(2)', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.delete_preview(1)', qw(ok - ok P0002 -) ],
        [ 'SELECT missing_photos.undo_retention()', qw(ok - ok ok -) ],
        [ 'SELECT * FROM missing_photos.archives', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.purge_archive()', qw(ok - - - -) ],
        [ 'DELETE FROM missing_photos.archived_rows', qw(ok - - - -) ],
        [ q(INSERT INTO missing_photos.archived_rows (job_id, table_schema, table_name, action,
                columns, row_count, row_values)
            VALUES (gen_random_uuid(), 'public', 'photos', 'delete', '{id}', 1, '{{1}}')),
            qw(ok - - - -) ],
        [ 'SELECT missing_photos.check_library()', qw(ok - ok ok -) ],
        [ "SELECT missing_photos.paths_of('$mine')", qw(ok - ok ok -) ],
        [ "SELECT missing_photos.media_is_gone('$theirs')", qw(ok - ok P0002 -) ],
        [ "SELECT missing_photos.media_error_of('$theirs')", qw(ok - ok P0002 -) ],
        [ q(SELECT missing_photos.stats_of('1')), qw(ok - ok P0002 -) ],
        [ 'SELECT missing_photos.counts(NULL)', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.report(2)', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.report(1)', qw(ok - ok P0002 -) ],
        [ q(SELECT missing_photos.report_of('1')), qw(ok - ok P0002 -) ],
        [ q(SELECT missing_photos.report_tiles('1')), qw(ok - ok P0002 -) ],
        [ q(SELECT missing_photos.report_chart('2')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_folders('2')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_roots()), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_deletion('2')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_jobs('2')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_files('2')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.report_style(), missing_photos.report_number(1),
                missing_photos.report_time(now()), missing_photos.html('x'),
                missing_photos.folder_of('/x/y'),
                missing_photos.report_table('', '', '', '', '')), qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.seen_owners()', qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.sha1('x')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.sibling_paths('a.jpg')), qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.kinds_of_names()', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.undo_moves(gen_random_uuid())', qw(P0002 - P0002 P0002 -) ],
        [ 'SELECT missing_photos.merge_reimported(2, false)', qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.merge_reimported(1)', qw(ok - ok P0002 -) ],
        [ q(SELECT missing_photos.remap_paths(2, '/data/2', '/data/3')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.remap_paths(2, '/data/2', '/data/3', false)), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.remap_paths(1, '/data/1', '/data/3', false)), qw(ok - ok P0002 -) ],
        [ 'SELECT missing_photos.flagged_files()', qw(ok - ok ok -) ],
        [ "SELECT missing_photos.sees_pair('$theirs', 'x')", qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.files_below('1', '/data')), qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.library_files('1')), qw(ok - ok ok -) ],
        [ 'SELECT missing_photos.lost_hashes()', qw(ok - ok ok -) ],
        [ q(SELECT missing_photos.is_lost('x', '/x'), missing_photos.loser_of('x', '/x')), qw(ok - ok ok -) ],
        [ $library->attach, qw(ok ok - - -) ],
        [ q(SELECT missing_photos.attach_library('standalone', 'public')), qw(ok - - - -) ],
        [ q(SELECT missing_photos.register_library('files', 'api_file', path_column => 'path')), qw(ok ok - - -) ],
        [ q(SELECT missing_photos.contract_register('{"name": "x; y"}', false)), qw(42602 42602 - - -) ],
        [ 'SELECT missing_photos.detach_library()', qw(ok ok - - -) ],
        [ q(SELECT missing_photos.add_root('/etc')), qw(ok ok - - -) ],
        [ q(SELECT missing_photos.accept_root('/data')), qw(ok ok - - -) ],
        [ q(SELECT missing_photos.drop_root('/data')), qw(ok ok - - -) ],
        [ q(SELECT missing_photos.grant_application('nobody')), qw(ok - - - -) ],
        [ q(DELETE FROM missing_photos.loss), qw(ok - - - -) ],
        [ q(DELETE FROM missing_photos.known_copy), qw(ok - - - -) ],
        [ q(INSERT INTO missing_photos.job (job_id, kind, owner, role, state)
            VALUES (gen_random_uuid(), 'scan', '1', 'x', 'finished')), qw(ok - - - -) ],
    );
    for my $line (@matrix)
    {
        my ($sql, @expected) = @$line;
        my @outcomes = map { outcome($_, $sql) } @ROLES;
        is(join(' ', map { $_ eq '42501' ? '-' : $_ } @outcomes), join(' ', @expected), $sql);
    }
    my $called = join "\n", map { $_->[0] } @matrix;
    my @not_called = grep { $_ !~ /^library_/ && $called !~ /\b$_\b/ } $library->column(q{
        SELECT DISTINCT regexp_replace(split_part(name, '(', 1), '^.*\.', '')
          FROM (SELECT name FROM missing_photos.application_object
                UNION SELECT proname FROM pg_proc
                 WHERE proname IN ('attach_library', 'detach_library', 'add_root', 'accept_root', 'drop_root')) AS n});
    is("@not_called", '', 'everything that may be called was');
}

# What isn't in the matrix is nobody's but the extension's.
sub nothing_else
{
    for my $role (grep { $_ ne 'postgres' } @ROLES)
    {
        is($library->sql(qq(
            SELECT string_agg(p.oid::regprocedure::text, ' ' ORDER BY 1) FROM pg_proc AS p
             WHERE p.pronamespace = 'missing_photos'::regnamespace
               AND has_function_privilege('$role', p.oid, 'EXECUTE')
               AND has_schema_privilege('$role', 'missing_photos', 'USAGE')
               AND NOT ('$role' IN ('application', 'tenant') AND p.oid::regprocedure::text IN
                        (SELECT name FROM missing_photos.application_object))
               AND NOT ('$role' = 'administrator' AND p.proname IN ('attach_library',
                        'detach_library', 'add_root', 'accept_root', 'drop_root', 'contract_attach', 'contract_fill',
                        'register_library', 'contract_register', 'register_check_rows', 'register_columns', 'register_key',
                        'prepare_standalone', 'standalone_tables', 'standalone_albums')))),
            '', "$role may call nothing else");
        is($library->sql(qq(
            SELECT string_agg(c.oid::regclass::text, ' ') FROM pg_class AS c
             WHERE c.relnamespace = 'missing_photos'::regnamespace AND c.relkind IN ('r', 'S')
               AND (has_table_privilege('$role', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
                    OR has_any_column_privilege('$role', c.oid, 'SELECT, INSERT, UPDATE')))),
            '', "$role may read and write no table of ours");
    }
    is($library->sql(q(SELECT count(*) FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
                        WHERE n.nspname = 'missing_photos' AND a.privilege_type = 'CREATE'
                          AND a.grantee <> n.nspowner)), '0', 'nobody may create anything in our schema');
}

# The tenant sees of our views what it sees of the library.
sub row_level_security
{
    my %owners = (
        'SELECT DISTINCT owner FROM missing_counts' => '2',
        'SELECT DISTINCT owner FROM missing_files' => '2',
        'SELECT DISTINCT owner FROM missing_photos.findings' => '2',
        'SELECT DISTINCT owner FROM missing_photos.owner_state' => '2',
        'SELECT DISTINCT owner FROM missing_photos.jobs' => '2',
        'SELECT DISTINCT owner FROM missing_photos.history' => '2',
        'SELECT DISTINCT owner FROM missing_jobs' => '2',
        q(SELECT count(*) FROM missing_photos.library_files('1')) => '0',
        q(SELECT count(*) FROM missing_photos.library_flagged_files('1')) => '0',
        'SELECT string_agg(owner, $$ $$) FROM missing_photos.library_owners()' => '2',
    );
    is(as('tenant', $_), $owners{$_}, "tenant: $_") for sort keys %owners;
    is($library->sql($_ =~ s/DISTINCT owner/count(DISTINCT owner) > 1/r), 't', "a superuser sees more: $_")
        for grep { /DISTINCT/ } sort keys %owners;
    is(as('tenant', q(SELECT count(*) FROM missing_photos.library_mark_missing('1', ARRAY(
            SELECT 'x'), ARRAY['y'], ARRAY['z']))), '0', 'tenant marks nothing of another owner');
    my $start = $library->sql('SELECT t.digest()');
    outcome('tenant', 'CALL scan_missing_photos(1)');
    is($library->sql('SELECT t.digest()'), $start, 'a scan of another owner writes nothing');
}

# A condition that tells what it is asked about must not be asked about rows one may not see.
sub leaky_conditions
{
    for my $view ('missing_files', 'missing_photos.findings', 'missing_counts', 'missing_photos.owner_state',
        'missing_photos.jobs', 'missing_photos.history', 'missing_jobs')
    {
        my (undef, undef, $told) = $node->psql($library->{database}, "
            CREATE FUNCTION pg_temp.tell(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0001
                AS 'BEGIN RAISE NOTICE \$\$told <%>\$\$, \$1; RETURN true; END';
            SELECT count(*) FROM $view AS v WHERE pg_temp.tell(v.owner)",
            extra_params => [ '-U', 'tenant' ]);
        like($told, qr/told <2>/, "$view: the condition is asked");
        unlike($told, qr/told <1>/, "$view: but not about another owner's rows");
    }
}

# Whatever runs writes down as whom.
sub hostile_objects
{
    $library->sql(q(
        CREATE SCHEMA hostile;
        CREATE TABLE hostile.log (what text, role name, is_superuser boolean);
        GRANT USAGE ON SCHEMA hostile TO PUBLIC;
        GRANT INSERT, SELECT ON hostile.log TO PUBLIC;
        CREATE FUNCTION hostile.note(what text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO hostile.log
            VALUES (what, current_user, (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user));
        END $$;
        CREATE FUNCTION hostile.note_row() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('trigger ' || tg_name); RETURN COALESCE(new, old); END $$;
        CREATE FUNCTION hostile.note_default() RETURNS text LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('default'); RETURN 'x'; END $$;
        CREATE FUNCTION hostile.note_check(text) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('check'); RETURN true; END $$;
        CREATE TRIGGER on_file BEFORE UPDATE ON api_file FOR EACH ROW EXECUTE FUNCTION hostile.note_row();
        CREATE TRIGGER on_link AFTER INSERT OR DELETE ON api_photo_files FOR EACH ROW EXECUTE FUNCTION hostile.note_row();
        CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON api_file DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION hostile.note_row();
        CREATE TRIGGER on_job AFTER INSERT OR UPDATE ON api_longrunningjob FOR EACH ROW EXECUTE FUNCTION hostile.note_row();
        ALTER TABLE api_photo_files ADD COLUMN note text DEFAULT hostile.note_default();
        ALTER TABLE api_photo_files ADD CHECK (hostile.note_check(photo_id)) NOT VALID;
        CREATE POLICY hostile ON api_file TO application USING (hostile.note_check(path));
        -- Names and operators that a body would find first if it didn't say which it means.
        CREATE FUNCTION hostile.equal(a anyelement, b anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('operator'); RETURN a OPERATOR(pg_catalog.=) b; END $$;
        CREATE FUNCTION hostile.equal_varchar(a varchar, b varchar) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('operator'); RETURN a::text OPERATOR(pg_catalog.=) b::text; END $$;
        CREATE OPERATOR hostile.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = hostile.equal_varchar);
        CREATE OPERATOR hostile.= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = hostile.equal);
        CREATE OPERATOR hostile.<> (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = hostile.equal);
        CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('function'); RETURN pg_catalog.lower($1); END $$;
        CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('function'); RETURN pg_catalog.now(); END $$;
        CREATE FUNCTION hostile.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format';
        CREATE FUNCTION hostile.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('function'); RETURN QUERY SELECT pg_catalog.unnest($1); END $$;
        CREATE FUNCTION hostile.length(text) RETURNS integer LANGUAGE plpgsql AS $$
        BEGIN PERFORM hostile.note('function'); RETURN pg_catalog.length($1); END $$));
    $library->sql($library->attach);
    $library->sql('TRUNCATE hostile.log');
    my $path = 'SET search_path = hostile, public, pg_catalog';
    as('application', "$path; SELECT 'a'::varchar = 'a'::varchar, lower('A')");
    is($library->sql('SELECT DISTINCT * FROM hostile.log ORDER BY 1'), "function|application|f\noperator|application|f",
        'the traps work');
    $library->sql('TRUNCATE hostile.log');

    for my $scan ('SELECT missing, restored FROM scan_missing(12)', 'CALL scan_missing_photos(12, 3)')
    {
        my @lost = $library->lose('owner = 12 AND n IN (1, 10, 20)');
        as('application', "$path; $scan");
        is($library->sql('SELECT count(*) FROM api_file WHERE missing AND hash LIKE $$%12$$'), '7',
            "$scan flags what is lost");
        as('application', "$path; $_") for uses();
        $library->give_back(@lost);
        as('application', "$path; $scan");
        is($library->sql('SELECT count(*) FROM api_file WHERE missing AND hash LIKE $$%12$$'), '0',
            'and brings it back');
        is($library->sql('SELECT string_agg(DISTINCT what, $$, $$) FROM hostile.log'),
            'check, default, trigger at_commit, trigger on_file, trigger on_job, trigger on_link',
            'triggers, defaults, checks and policies ran; nobody else\'s operator or function');
        is($library->sql('SELECT DISTINCT role, is_superuser FROM hostile.log'), 'application|f',
            'all of it as the caller');
        $library->sql('TRUNCATE hostile.log');
    }
    # A superuser's call is a superuser's: that is documented, not prevented. Even so not as the
    # extension's owner.
    my @lost = $library->lose('owner = 12 AND n = 1');
    $library->sql("$path; SELECT missing FROM scan_missing(12)");
    is($library->sql('SELECT DISTINCT role FROM hostile.log'), 'postgres', 'a superuser\'s call runs as that superuser');
    $library->sql('TRUNCATE hostile.log');
    $library->give_back(@lost);
    # The check that all this rests on sees it when something runs as somebody else.
    $library->sql(q(SET ROLE extension_owner;
        CREATE FUNCTION t.careless() RETURNS void LANGUAGE sql SECURITY DEFINER
            AS $$ UPDATE public.api_file SET missing = missing WHERE hash LIKE '%12' $$;
        RESET ROLE; GRANT USAGE ON SCHEMA t TO application));
    as('application', 'SELECT t.careless()');
    like($library->sql('SELECT DISTINCT role, is_superuser FROM hostile.log'), qr/^extension_owner\|t$/m,
        'a careless function would be seen');
    $library->sql('TRUNCATE hostile.log');
}

sub uses
{
    return ("SELECT * FROM check_files('$theirs')", "SELECT photo_paths('$theirs')",
        "SELECT media_error('$theirs')", 'SELECT photo_stats(12)', 'SELECT * FROM missing_counts',
        'SELECT * FROM missing_files', 'SELECT * FROM missing_photos.findings',
        q(SELECT file_hash('/data/2/dir00/img_000002.jpg', 2)));
}

# A schema whose owner waits for an administrator to attach it.
sub hostile_library
{
    $library->sql(q(
        CREATE SCHEMA trap;
        CREATE DOMAIN trap.key AS varchar(64) CHECK (hostile.note_check(value));
        CREATE TABLE trap.api_user (id integer PRIMARY KEY, scan_directory varchar(512) DEFAULT hostile.note_default());
        CREATE TABLE trap.api_file (hash trap.key PRIMARY KEY, path text, type integer, missing boolean);
        CREATE TABLE trap.api_photo (image_hash trap.key PRIMARY KEY, owner_id integer,
            main_file_id trap.key, video boolean, "size" bigint);
        CREATE TABLE trap.api_photo_files (id integer GENERATED BY DEFAULT AS IDENTITY, photo_id trap.key,
            file_id trap.key, note text NOT NULL DEFAULT hostile.note_default());
        CREATE TABLE trap.api_longrunningjob (LIKE public.api_longrunningjob INCLUDING ALL);
        TRUNCATE hostile.log));
    my $path = 'SET search_path = hostile, public, pg_catalog';
    my $outcome = outcome('administrator', "$path; SELECT missing_photos.attach_library('librephotos', 'trap')");
    ok($outcome =~ /^(ok|42\w{3})$/, "attaching a hostile schema ends in an orderly way ($outcome)");
    is($library->sql('SELECT count(*) FROM hostile.log'), '0', 'and runs nothing of it');
}
