# What was released stays, and leads to what is at hand: scripts kept by "make freeze" are as they were,
# and each, updated, has every object a fresh install has. Updates keep data, grants and the library,
# shown with an update of a test's own, and comparing shows each thing an update may forget. META.json
# has what PGXN asks for.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Digest::SHA;
use File::Basename;
use File::Path qw(make_path);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

# What a version after this one might bring, and what its update script might forget of it.
my @NEXT = (
    'ALTER TABLE missing_photos.job ADD COLUMN next_note text',
    q(COMMENT ON COLUMN missing_photos.job.next_note IS 'a note'),
    'ALTER TABLE missing_photos.job ALTER COLUMN next_note SET DEFAULT $$new$$',
    'CREATE TABLE missing_photos.next_thing (job_id uuid PRIMARY KEY, thing text)',
    q(COMMENT ON TABLE missing_photos.next_thing IS 'a table'),
    'CREATE INDEX ON missing_photos.next_thing (thing)',
    q(SELECT pg_catalog.pg_extension_config_dump('missing_photos.next_thing', '')),
    q(CREATE FUNCTION missing_photos.next_verb() RETURNS text LANGUAGE sql STABLE
        SET search_path = pg_catalog, pg_temp AS 'SELECT missing_photos.installed_version()'),
    q(COMMENT ON FUNCTION missing_photos.next_verb IS 'a verb'),
    'REVOKE ALL ON FUNCTION missing_photos.next_verb() FROM PUBLIC',
    'GRANT EXECUTE ON FUNCTION missing_photos.next_verb() TO pg_read_server_files',
    q(CREATE OR REPLACE FUNCTION missing_photos.folder_of(path text) RETURNS text LANGUAGE sql IMMUTABLE
        SET search_path = pg_catalog, pg_temp AS $$ SELECT regexp_replace(path, '/[^/]*$', '') $$),
    'ALTER TABLE missing_photos.finding ALTER COLUMN reason SET STORAGE EXTERNAL');

die 'this needs a private installation (test/run)' unless $ENV{MISSING_PHOTOS_PREFIX};
my ($version) = slurp_file('missing_photos.control') =~ /^default_version = '(.+)'/m;
my ($share, $library_dir) = map { chomp(my $d = `$ENV{PG_CONFIG} --$_`); $d } 'sharedir', 'pkglibdir';
my $built = slurp_file("build/missing_photos--$version.sql");

subtest 'META.json' => \&meta;
my $node = PostgreSQL::Test::Cluster->new('releases');
my $installed = installation();
$node->init;
$node->append_conf('postgresql.conf', private_settings() . "restart_after_crash = on\n");
$node->start;
subtest 'frozen' => \&frozen;
subtest 'an update' => \&update;
subtest 'what an update forgets' => \&forgotten;
$node->stop;
done_testing();

# A copy of the installation, to which versions can be added.
sub installation
{
    my $place = $node->basedir . '/installed';
    make_path($place);
    system_or_bail('cp', '-r', "$ENV{MISSING_PHOTOS_PREFIX}/.", $place);
    return $place;
}

sub private_settings
{
    my $debian = `@{[ $node->installed_command('postgres') ]} --describe-config` =~ /^extension_destdir\t/m;
    return ($debian ? "extension_destdir = '$installed'\n"
        : "extension_control_path = '$installed$share:\$system'\n")
        . "dynamic_library_path = '$installed$library_dir:\$libdir'\n";
}

sub add_script
{
    my ($name, $text) = @_;
    open(my $file, '>', "$installed$share/extension/missing_photos--$name.sql") or die $!;
    print $file $text;
    close $file;
}

# As it is, or as it would be after a statement, which is rolled back.
sub state_of
{
    my ($database, $statement) = @_;
    my $query = slurp_file('test/t/lib/extension_state.sql');
    $query = "BEGIN; $statement; $query ROLLBACK" if defined $statement;
    # What an application was granted is no part of the extension.
    return [ map { s/application=\w+\/\w+,|,application=\w+\/\w+//gr } split /\n(?=(?:member|function|relation|column|view|index|constraint|trigger|policy|type|attribute|schema|dumped) )/,
        $node->safe_psql($database, $query) ];
}

sub database_of
{
    my ($name, @statements) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    $node->safe_psql($name, join ';', @statements);
    return $name;
}

# Lines that only one of two states has.
sub differences
{
    my ($one, $other) = @_;
    my %count;
    $count{$_}++ for @$one;
    $count{$_}-- for @$other;
    return map { substr $_, 0, 100 } sort grep { $count{$_} != 0 } keys %count;
}

sub meta
{
    system_or_bail('make', '-s', 'build/META.json');
    my $meta = decode_json(slurp_file('build/META.json'));
    my $semantic = qr/^\d+\.\d+\.\d+$/;
    ok(ref $meta->{$_} eq '' && length $meta->{$_}, "it has $_") for qw(name version abstract maintainer);
    is($meta->{name}, 'missing_photos', 'its name');
    is($meta->{version}, "$version.0", 'its version is the control file\'s');
    like($_, $semantic, "a version has three numbers: $_")
        for $meta->{version}, $meta->{'meta-spec'}{version}, values %{ $meta->{prereqs}{runtime}{requires} };
    ok(ref $meta->{license} ne 'HASH' || !(grep { !m{^https?://} } values %{ $meta->{license} }), 'its licence');
    like(slurp_file('debian/changelog'), qr/\Amissing-photos \(\Q$version\E-\d+\)/, 'Debian\'s package has it, too');
    like((slurp_file('CHANGELOG.md') =~ /^(## .*)/m)[0], qr/^## \Q$version\E\b/, 'and so has the newest change');
    is($meta->{'meta-spec'}{version}, '1.0.0', 'the version of the specification');
    is_deeply([ sort keys %{ $meta->{provides} } ], ['missing_photos'], 'it provides one extension');
    for my $provided (values %{ $meta->{provides} })
    {
        ok(-e $provided->{file}, "whose file is there: $provided->{file}");
        is($provided->{version}, $meta->{version}, 'with the same version');
        ok(-e $provided->{docfile}, "and its documentation: $provided->{docfile}");
    }
    ok(!(grep { ref ne '' || !length || length > 255 } @{ $meta->{tags} }), 'tags are words');
    my %known = map { $_ => 1 } qw(abstract license maintainer meta-spec name provides version description
        generated_by no_index prereqs release_status resources tags);
    is(join(' ', grep { !$known{$_} && !/^x_/i } keys %$meta), '', 'and nothing that PGXN doesn\'t know');
}

# Today's version, once it is kept, is what a fresh install has; older ones lead to it.
sub frozen
{
    my %sum = map { my ($sum, $file) = split; ($file => $sum) } split /\n/,
        -e 'sql/releases/SHA256SUMS' ? slurp_file('sql/releases/SHA256SUMS') : '';
    my @kept = map { basename($_) } glob('sql/releases/*.sql');
    is(join(' ', sort keys %sum), join(' ', @kept), 'each script that is kept has its sum');
    my $fresh = state_of(database_of('fresh', 'CREATE EXTENSION missing_photos'));
    cmp_ok(scalar(@$fresh), '>', 800, 'a fresh install has many objects');
    for my $script (@kept)
    {
        my ($old) = $script =~ /--(.+)\.sql$/;
        my $text = slurp_file("sql/releases/$script");
        is(Digest::SHA::sha256_hex($text), $sum{$script}, "$old is as it was released");
        if ($old eq $version)
        {
            is($text, $built, 'nothing has changed since: a change needs a version of its own (make freeze)');
            next;
        }
        add_script($old, $text);
        (my $name = "from_$old") =~ s/\W/_/g;
        database_of($name, "CREATE EXTENSION missing_photos VERSION '$old'", 'ALTER EXTENSION missing_photos UPDATE');
        is(join("\n", differences($fresh, state_of($name))), '', "$old, updated, is a fresh install");
    }
}

# With a library, losses, a deletion to undo and an application's grants; then dumped and restored.
sub update
{
    add_script('99.0', $built . join('', map { "$_;\n" } @NEXT));
    add_script("$version--99.0", join('', map { "$_;\n" } @NEXT));
    my $fresh = state_of(database_of('fresh_next', q(CREATE EXTENSION missing_photos VERSION '99.0')));
    my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2026', 'updated');
    $library->sql(q(CREATE ROLE application LOGIN;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO application;
        SELECT missing_photos.grant_application('application')));
    $library->scan($_) for 1, 2;
    my @lost = $library->lose('owner = 2 AND n IN (1, 2)');
    is($library->scan(2), '2|0|0|0', 'two files are lost');
    my $job = $library->sql(q(SELECT delete_missing(2) ->> 'job_id'));
    my @gone = $library->lose('owner = 1 AND n = 1');
    $library->scan(1);
    my %kept = map { $_ => $library->sql($_) } 'TABLE missing_photos.loss', 'TABLE missing_photos.registered_root',
        'SELECT count(*) FROM missing_photos.file_identity', 'SELECT job_id, state, result FROM missing_photos.job ORDER BY 1';

    $library->sql('ALTER EXTENSION missing_photos UPDATE TO $$99.0$$');
    is(join("\n", differences($fresh, state_of('updated'))), '', 'updated, it is a fresh install');
    is($library->sql($_), $kept{$_}, "kept: $_") for sort keys %kept;
    my (undef, undef, $error) = $node->psql('updated', 'SELECT * FROM scan_missing(1)');
    like($error, qr/was attached by version \Q$version\E of missing_photos, and this is 99\.0.*attach_library\('librephotos', 'public'\)/s,
        'its library is to be attached again, and it says how');
    $library->sql($library->attach);
    is($node->safe_psql('updated', 'SELECT missing, restored FROM scan_missing(1)', extra_params => [ '-U', 'application' ]),
        '0|0', 'the application scans as before');
    $library->give_back(@gone);
    is($library->scan(1), '0|1|0|0', 'what was lost before is given back');

    # What is restored has the version that the control file names by then.
    system_or_bail('sed', '-i', 's/^default_version.*/default_version = \'99.0\'/',
        "$installed$share/extension/missing_photos.control");
    my $file = $node->basedir . '/updated.sql';
    system_or_bail($node->installed_command('pg_dump'), '-d', $node->connstr('updated'), '-f', $file);
    $node->safe_psql('postgres', 'CREATE DATABASE restored');
    my $restored = bless { %$library, database => 'restored' }, ref $library;
    $restored->run_file($file);
    is(join("\n", differences($fresh, state_of('restored'))), '', 'dumped and restored, it is one too');
    is($restored->sql("SELECT bool_and(outcome = 'restored') FROM missing_photos.undo_delete('$job')"), 't',
        'the deletion of before is undone there');
    $restored->give_back(@lost);
    is($restored->scan(2), '0|2|0|0', 'and its files are given back');
}

# Each statement left out shows: an update that forgets something isn't taken for a fresh install.
sub forgotten
{
    my $fresh = state_of('fresh_next');
    database_of('forgetful', "CREATE EXTENSION missing_photos VERSION '$version'");
    is(scalar(differences($fresh, state_of('forgetful', "ALTER EXTENSION missing_photos UPDATE TO '99.0'"))), 0,
        'nothing forgotten: no difference');
    for my $n (0 .. $#NEXT)
    {
        # What builds on it can't stand without it.
        my %without = map { $_ => 1 } ($n == 0 ? (0 .. 2) : $n == 3 ? (3 .. 6) : $n == 7 ? (7 .. 10) : ($n));
        add_script("$version--98.$n", join('', map { "$NEXT[$_];\n" } grep { !$without{$_} } 0 .. $#NEXT));
        my $state = state_of('forgetful', "ALTER EXTENSION missing_photos UPDATE TO '98.$n'");
        isnt(scalar(differences($fresh, $state)), 0, "forgotten: $NEXT[$n]");
    }
}
