# Libraries that no preset knows, registered by the names of their tables (examples/schemas): scanned as
# the application's role, with their disk dropped and back, moved, deleted and undone.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Sample;

MissingPhotos::Privileged::need_root();
my %SCHEMAS = (
    photoview => {
        root => '/data', photos => 'media', path => 'path', hang => 'image_faces',
        of => 'media_id', after_move => q(path_hash = md5(path)
            AND title = regexp_replace(path, '^.*/', '')) },
    paperless => {
        root => '/usr/src/paperless/media/documents/originals', photos => 'documents_document',
        path => q('/usr/src/paperless/media/documents/originals/' || filename),
        hang => 'documents_document_tags', of => 'document_id', after_move => q(filename !~ '^/') },
);
# What may change when a file moved is asked for by itself.
my $LINES = q(SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (%s) AS l);

my $node = start_server('registered');
subtest $_ => \&life, $_ for sort keys %SCHEMAS;
$node->stop;
done_testing();

sub life
{
    my ($name) = @_;
    my $case = make_library($name);
    is($case->('SELECT missing, unreachable, files FROM scan_missing($$library$$)'), '0|0|220',
        'all of it is there');
    my $start = lines($case);
    outage($case, $start);
    my @lost = losses($case, $start);
    deletion($case, $start, @lost);
    give_back($case, @lost);
    is($case->('SELECT missing, restored FROM scan_missing($$library$$)'), '0|4', 'all that was lost is back');
    is($case->('SELECT num_missing_photos FROM missing_counts'), '0', 'nothing is held as missing');
    is(lines($case), $start, 'every row of every table is as it was');
    moves($case);
    trash($case) if $name eq 'paperless';
    done_testing();
}

# The tables as the application has them, their files on a mount of their own, and a closure that asks
# as the application's role.
sub make_library
{
    my ($name) = @_;
    my $schema = { %{ $SCHEMAS{$name} }, name => $name, disk => $node->basedir . "/$name" };
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    for my $file ('test/fixtures/put.sql', "examples/schemas/$name.sql", "test/fixtures/fill_$name.sql")
    {
        system_or_bail($node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
            '-o', '/dev/null', '-d', $node->connstr($name), '-f', $file);
    }
    $node->safe_psql($name, "SELECT fixture.fill_$name('{1,2,12,21,112}', 40)");
    make_path("$schema->{disk}/mounted", "$schema->{disk}/files");
    my $case = sub {
        my ($sql) = @_;
        return $schema if !defined $sql;
        return $node->safe_psql($name, "SET ROLE app_$name; $sql");
    };
    my @paths = split /\n/, $node->safe_psql($name, "SELECT $schema->{path} FROM $schema->{photos}");
    # The fixtures' digests are of "/data/" and what follows the root.
    put_file("$schema->{disk}/files/" . relative($schema, $_), '/data/' . relative($schema, $_)) for @paths;
    MissingPhotos::Privileged::as_root('mount', '--bind', "$schema->{disk}/files", "$schema->{disk}/mounted");
    MissingPhotos::Privileged::at_end('umount', '-l', "$schema->{disk}/mounted");
    $node->safe_psql($name, "
        SELECT missing_photos.add_root('$schema->{root}', '$schema->{disk}/mounted');
        CREATE ROLE app_$name;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app_$name;
        SELECT missing_photos.grant_application('app_$name')");
    return $case;
}

sub relative { my ($schema, $path) = @_; return substr($path, length("$schema->{root}/")); }

sub put_file
{
    my ($file, $content) = @_;
    make_path(dirname($file));
    open(my $handle, '>', $file) or die "$file: $!";
    print $handle $content;
    close $handle;
}

# A digest of every row of every table of the application's.
sub lines
{
    my ($case) = @_;
    my @tables = split /\n/, $case->(q(SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'));
    return $case->(sprintf $LINES,
        join ' UNION ALL ', map { "SELECT '$_ ' || to_jsonb(r)::text AS line FROM $_ AS r" } @tables);
}

sub outage
{
    my ($case, $start) = @_;
    my $disk = $case->()->{disk};
    MissingPhotos::Privileged::as_root('umount', "$disk/mounted");
    is($case->('SELECT missing, unreachable FROM scan_missing($$library$$)'), '0|220',
        'its disk drops out: nothing is missing');
    is($case->('SELECT state FROM missing_files GROUP BY state'), 'unreachable', 'all of it out of reach');
    like($case->('SELECT delete_missing($$library$$)'), qr/"photos": 0,/, 'nothing is deleted');
    is(lines($case), $start, 'nothing was written');
    MissingPhotos::Privileged::as_root('mount', '--bind', "$disk/files", "$disk/mounted");
    is($case->('SELECT missing, unreachable FROM scan_missing($$library$$)'), '0|0', 'it is back');
}

# Four files vanish; they are known as missing though the application has no place to say so.
sub losses
{
    my ($case, $start) = @_;
    my $schema = $case->();
    my @lost = map { relative($schema, $_) } split /\n/, $case->(
        "SELECT $schema->{path} FROM $schema->{photos} WHERE id % 50 = 2 ORDER BY id");
    @lost = @lost[0 .. 3];
    for my $file (@lost)
    {
        make_path(dirname("$schema->{disk}/aside/$file"));
        rename("$schema->{disk}/files/$file", "$schema->{disk}/aside/$file") or die "$file: $!";
    }
    is($case->('SELECT missing FROM scan_missing($$library$$)'), '4', 'four files are missing');
    is($case->('SELECT string_agg(path, $$ $$ ORDER BY path) FROM missing_files'),
        join(' ', sort map { "$schema->{root}/$_" } @lost), 'it is known which');
    is($case->('SELECT num_photos, num_missing_photos, num_missing_files FROM missing_counts'), '220|4|4',
        'and counted');
    is($case->('SELECT missing FROM scan_missing($$library$$)'), '0', 'another scan finds nothing new');
    is(lines($case), $start, 'nothing was written to the application\'s tables');
    return @lost;
}

sub give_back
{
    my ($case, @lost) = @_;
    my $disk = $case->()->{disk};
    rename("$disk/aside/$_", "$disk/files/$_") or die "$_: $!" for @lost;
}

sub deletion
{
    my ($case, $start, @lost) = @_;
    my $schema = $case->();
    my $hanging = "SELECT count(*) FROM $schema->{hang}";
    my $before = $case->($hanging);
    like($case->('SELECT delete_missing($$library$$)'), qr/"photos": 4,.*"status": true/, 'the four are deleted');
    is($case->("SELECT count(*) FROM $schema->{photos}"), '216', 'their rows are gone');
    cmp_ok($case->($hanging), '<', $before, "and what hung on them in $schema->{hang}");
    is($case->("SELECT count(*) FROM $schema->{hang} AS h WHERE NOT EXISTS (
                    SELECT FROM $schema->{photos} AS p WHERE p.id = h.$schema->{of})"), '0', 'all of it');
    is($case->('SELECT bool_and(outcome = $$restored$$) FROM missing_photos.undo_delete(
                    (SELECT job_id FROM missing_photos.jobs WHERE kind = $$delete$$ AND done > 0))'), 't',
        'the deletion is undone');
    is(lines($case), $start, 'every row is as it was');
    is($case->('SELECT num_missing_photos FROM missing_counts'), '4', 'and the four are missing still');
}

# A folder renamed: rows get their new paths, and keep their keys and all that references them.
sub moves
{
    my ($case) = @_;
    my $schema = $case->();
    my $others = "SELECT md5(string_agg(h::text, ' ' ORDER BY h::text)) FROM $schema->{hang} AS h";
    my $before = $case->($others);
    my $root = $case->("SELECT min($schema->{path}) FROM $schema->{photos}");
    my $folder = dirname(relative($schema, $root));
    rename("$schema->{disk}/files/$folder", "$schema->{disk}/files/$folder renamed") or die "$folder: $!";
    like($case->('SELECT relinked, ambiguous FROM relink_missing($$library$$)'), qr/^4\d\|0$/, 'a folder was renamed');
    is($case->('SELECT missing, files FROM scan_missing($$library$$)'), '0|220', 'nothing is missing after it');
    like($case->("SELECT count(*) FROM $schema->{photos} WHERE $schema->{path} LIKE '%/$folder renamed/%'"),
        qr/^4\d$/, 'the rows say so');
    is($case->("SELECT bool_and($schema->{after_move}) FROM $schema->{photos}"), 't', 'as the application writes it');
    is($case->($others), $before, 'what references them is untouched');
}

# What is in the application's trash is its own affair, there or not.
sub trash
{
    my ($case) = @_;
    my $schema = $case->();
    my ($id, $path) = split /\|/, $case->("SELECT id, $schema->{path} FROM $schema->{photos} WHERE id = 100");
    unlink "$schema->{disk}/files/" . relative($schema, $path) or die $path;
    $case->("UPDATE $schema->{photos} SET deleted_at = now() WHERE id = $id");
    is($case->('SELECT missing, files FROM scan_missing($$library$$)'), '0|219', 'a document in the trash isn\'t judged');
    $case->("UPDATE $schema->{photos} SET deleted_at = NULL WHERE id = $id");
    is($case->('SELECT missing, files FROM scan_missing($$library$$)'), '1|220', 'taken out of it, it is');
}
