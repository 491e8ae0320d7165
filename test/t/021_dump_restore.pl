# What is known survives dump and restore; the extension goes without a trace, and lives in any schema;
# a library that changed says so and is attached again in one call.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::EveryLibrary;

# What the extension remembers, in one value each.
my %REMEMBERED = map { $_ => "SELECT count(*), md5(string_agg(x::text, ',' ORDER BY x::text)) FROM missing_photos.$_ AS x" }
    qw(attached_library registered_root file_identity known_folder file_doubt root_doubt loss job finding);

my $node = start_server('restore');
$node->safe_psql('postgres', 'CREATE ROLE application LOGIN');
for my $name (sort keys %MissingPhotos::EveryLibrary::LIBRARIES)
{
    subtest $name => sub { dump_and_restore(MissingPhotos::EveryLibrary->new($node, $name)) };
}
subtest 'another schema' => \&another_schema;
subtest 'a new column' => \&new_column;
subtest 'a migrated application' => \&migrated;
$node->stop;
done_testing();

sub let_application_work
{
    my ($library) = @_;
    my $schema = $library->{schema};
    $library->sql("GRANT USAGE ON SCHEMA $schema, t TO application;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $schema TO application;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA $schema TO application;
        REVOKE ALL ON public.missing_counts, public.missing_files FROM application;
        SELECT missing_photos.grant_application('application')");
}

sub as_application
{
    my ($library, $sql) = @_;
    return $node->safe_psql($library->{database}, $sql, extra_params => [ '-U', 'application' ]);
}

sub dump_and_restore
{
    my ($library) = @_;
    let_application_work($library);
    $library->keep('start');
    my $start = $library->sql('SELECT t.digest()');
    $library->scan($_) for 1, 2;
    my @lost = $library->lose('owner = 2 AND n IN (1, 3, 4, 10, 20)');
    my ($missing) = split /\|/, $library->scan(2);
    cmp_ok($missing, '>', 0, "$missing files are lost");
    $library->make_content($lost[0], 'another file');
    $library->scan(2);

    my $copy = $library->dumped("restored_$library->{name}");
    is($copy->sql($REMEMBERED{$_}), $library->sql($REMEMBERED{$_}), "$_ is remembered")
        for sort keys %REMEMBERED;
    is($copy->sql('SELECT t.digest()'), $library->sql('SELECT t.digest()'), 'the library is the same');
    is($copy->sql('SELECT * FROM missing_photos.application_object ORDER BY 2'),
        $library->sql('SELECT * FROM missing_photos.application_object ORDER BY 2'),
        'so are the functions, and each is tied to the extension');
    is($copy->sql('SELECT path, state, reason, job_id FROM missing_files ORDER BY 1'),
        $library->sql('SELECT path, state, reason, job_id FROM missing_files ORDER BY 1'),
        'so is what is missing');
    is($copy->scan(2), '0|0|0|0', 'a scan goes on where the last one ended');
    unlink $library->on_disk($lost[0]);
    $library->give_back(@lost);
    my $owner = $copy->sql('SELECT t.owner(2)');
    is(as_application($copy, "SELECT missing, restored FROM scan_missing('$owner')"), "0|$missing",
        'the application\'s grants hold, and all comes back');
    is($copy->changes('start'), '', 'every row is as at the start');
    gone_without_trace($copy, $start);
    done_testing();
}

sub gone_without_trace
{
    my ($library, $digest) = @_;
    my $theirs = $library->sql('SELECT count(*) FROM pg_class WHERE relnamespace = $$t$$::regnamespace');
    $library->sql('DROP FUNCTION t.wrong_counts(); DROP EXTENSION missing_photos');
    is($library->sql('SELECT t.digest()'), $digest, 'DROP EXTENSION leaves the library as it was');
    is($library->sql(q(SELECT count(*) FROM pg_namespace WHERE nspname = 'missing_photos')), '0',
        'and no schema');
    is($library->sql(q(SELECT string_agg(proname, ' ') FROM pg_proc
                        WHERE proname ~ '^(library_|scan_missing|check_files|photo_paths)')), '',
        'and no function');
    is($library->sql(q(SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal
                          AND tgfoid::regproc::text ~ 'missing_photos')), '0', 'and no trigger');
}

sub another_schema
{
    my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2024_10', 'elsewhere');
    $library->sql('DROP FUNCTION t.wrong_counts(); DROP EXTENSION missing_photos;
        CREATE SCHEMA other; CREATE EXTENSION missing_photos SCHEMA other');
    $library->sql($library->attach);
    $library->sql("SELECT missing_photos.add_root('/data', '$library->{disk}/data')");
    my @lost = $library->lose('owner = 2 AND n = 1');
    is($library->sql('SELECT missing FROM other.scan_missing(2)'), '1', 'a scan finds the loss');
    is($library->sql('SELECT path FROM other.missing_files'), $lost[0], 'the view lists it');
    is($library->sql(q(SELECT to_regclass('public.missing_files') IS NULL)), 't', 'not in public');
    let_application_work_in($library);
    is(as_application($library, q(SELECT num_missing_files FROM other.missing_counts WHERE owner = '2')),
        '1', 'the application may read it');
    my $copy = $library->dumped('restored_elsewhere');
    $library->give_back(@lost);
    $copy->sql('CALL other.scan_missing_photos(2)');
    is($copy->sql('SELECT count(*) FROM other.missing_files'), '0',
        'after dump and restore the procedure finds it again');
    done_testing();
}

sub let_application_work_in
{
    my ($library) = @_;
    $library->sql("GRANT USAGE ON SCHEMA other TO application;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO application;
        SELECT missing_photos.grant_application('application')");
}

sub fails_as_changed
{
    my ($library, $sql) = @_;
    my (undef, undef, $errors) = $node->psql($library->{database}, "\\set VERBOSITY verbose\n$sql");
    like($errors, qr/ERROR:  55000: the photo library in schema "public" has changed/, "$sql fails");
    like($errors, qr/HINT:  Attach it again: SELECT missing_photos\.attach_library\('librephotos', 'public'\)/,
        'and says what to do');
}

# A column that every new link must have.
sub new_column
{
    my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2024_10', 'new_column');
    $library->scan(2);
    my @lost = $library->lose('owner = 2 AND n IN (1, 10)');
    $library->scan(2);
    $library->sql('ALTER TABLE api_photo_files ADD COLUMN place integer NOT NULL DEFAULT 7;
                   ALTER TABLE api_photo_files ALTER COLUMN place DROP DEFAULT');
    fails_as_changed($library, $_)
        for 'SELECT scan_missing(2)', 'CALL scan_missing_photos(2)', 'SELECT * FROM missing_counts',
        'SELECT * FROM missing_files', 'SELECT photo_stats(2)';
    my $before = $library->sql('SELECT t.digest()');
    $library->sql($library->attach);
    is($library->sql('SELECT t.digest()'), $before, 'attaching writes nothing');
    $library->give_back(@lost);
    is($library->scan(2), '0|4|0|0', 'what was lost comes back');
    is($library->sql('SELECT count(*) FROM api_photo_files WHERE place = 0'), '4',
        'each link with a value for the new column');
    done_testing();
}

# Photos get keys of another type: what we remember of the old ones must not be in the way.
sub migrated
{
    my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2024_10', 'migrated');
    let_application_work($library);
    $library->scan(2);
    my @lost = $library->lose('owner = 2 AND n IN (1, 10)');
    # A folder in a file's place: a doubt.
    my $path = $library->sql('SELECT path FROM t.map WHERE owner = 2 AND n = 4');
    unlink $library->on_disk($path);
    $library->make_content("$path/file");
    is($library->scan(2), '4|0|0|1', 'losses and a doubt by the old keys');
    $library->sql(q(
        DROP SCHEMA fixture CASCADE;
        DROP TABLE t.map, t.kept;
        DO $$
        DECLARE place regclass;
        BEGIN
            FOR place IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname LIKE 'api\_%' LOOP
                EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', place);
            END LOOP;
        END $$));
    $library->run_file("test/fixtures/$_.sql")
        for qw(librephotos_2026 put fill_librephotos fill_librephotos_extras);
    $library->sql('SELECT fixture.fill_librephotos(ARRAY[1, 2, 12, 21, 112], 40)');
    fails_as_changed($library, 'SELECT scan_missing(2)');
    my (undef, undef, $warnings) = $node->psql('migrated', $library->attach);
    like($warnings, qr/WARNING:  links that scans took away are forgotten: 4/, 'losses by the old keys are forgotten, and it is told');
    is($library->scan(2), '4|0|0|1', 'a scan finds what is lost');
    is($library->sql('SELECT count(*) FROM missing_files'), '5', 'missing_files lists it');
    is($library->sql('SELECT count(*) FROM missing_photos.findings'), '4', 'and so do the findings');
    $library->sql('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application;
                   REVOKE ALL ON missing_counts, missing_files FROM application;
                   GRANT SELECT ON missing_counts, missing_files TO application;
                   GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO application');
    $library->give_back(@lost);
    is(as_application($library, 'SELECT restored FROM scan_missing(2)'), '4',
        'the application may scan as before, and what was lost comes back');
    done_testing();
}
