# A deletion against one worked out by hand, and its undoing, on each LibrePhotos layout and a real
# database. With MISSING_PHOTOS_LONG=1 on 97,575 photos of which 14,014 are missing.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Deletion;
use MissingPhotos::Sample;

my $node = start_server('rules', 'fsync = off', 'shared_buffers = 256MB', 'max_wal_size = 4GB');
my $base = $node->basedir;
mkdir "$base/disk" or die $!;
my ($photos, $missing) = $ENV{MISSING_PHOTOS_LONG} ? (97575, 14014) : (1000, 143);

for my $layout (qw(librephotos_2024_10 librephotos_2026))
{
    make_library($layout);
    my $key = $layout eq 'librephotos_2026' ? 'id' : 'image_hash';
    deletes_by_the_rules($layout, 1, $key, $missing);
    # Owner 2's own, between owners whose ids end alike. One photo of 12's has lost its main file's
    # name but not its file.
    $node->safe_psql($layout, qq{UPDATE api_photo SET main_file_id = NULL WHERE $key = (
        SELECT l.photo_id FROM api_photo_files l JOIN api_photo p ON p.$key = l.photo_id
         WHERE p.owner_id = 12 ORDER BY l.id LIMIT 1)});
    deletes_by_the_rules($layout, 2, $key, $photos < 2000 ? 1 : 97);
    the_reference_does_not($layout, $key);
}

SKIP:
{
    my $dump = $ENV{MISSING_PHOTOS_DUMP};
    skip 'no real dump (MISSING_PHOTOS_DUMP)', 1 unless $dump && -r $dump;
    $node->safe_psql('postgres', 'CREATE DATABASE dump');
    system_or_bail("zcat '$dump' | " . $node->installed_command('psql') . " -Xq -v ON_ERROR_STOP=1 -o /dev/null -d '"
        . $node->connstr('dump') . "'");
    attach('dump');
    # As a scan leaves it: 30 photos without a link, their files flagged.
    $node->safe_psql('dump', q(
        CREATE TEMPORARY TABLE lost AS SELECT photo_id, file_id FROM api_photo_files ORDER BY md5(file_id) LIMIT 30;
        UPDATE api_file SET missing = true WHERE hash IN (SELECT file_id FROM lost);
        DELETE FROM api_photo_files WHERE photo_id IN (SELECT photo_id FROM lost)));
    deletes_by_the_rules('dump', 1, 'image_hash', 30);
}
$node->stop;
done_testing();

sub make_library
{
    my ($database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    for my $file ("test/fixtures/$database.sql", 'test/fixtures/put.sql', 'test/fixtures/fill_for_deletion.sql')
    {
        system_or_bail($node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
            '-o', '/dev/null', '-d', $node->connstr($database), '-f', $file);
    }
    $node->safe_psql($database, "SELECT fixture.fill_for_deletion($photos, $missing); ANALYZE");
    attach($database);
}

sub attach
{
    my ($database) = @_;
    $node->safe_psql($database, qq(
        CREATE EXTENSION missing_photos;
        SELECT missing_photos.attach_library('librephotos');
        SELECT missing_photos.add_root('/data', '$base/disk')));
}

sub lines
{
    my ($database, $derived) = @_;
    return $node->safe_psql($database, rows_sql($derived));
}

# A copy in which nothing of the product's is left.
sub copy_of
{
    my ($database, $copy) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $copy TEMPLATE $database");
    $node->safe_psql($copy, 'DROP EXTENSION missing_photos CASCADE');
}

sub deletes_by_the_rules
{
    my ($database, $owner, $key, $wanted) = @_;
    my $what = "$database, owner $owner";
    my $copy = "copy_$owner";
    my $start = lines($database, 0);
    copy_of($database, $copy);
    $node->safe_psql($copy, expected_sql($owner, $key));
    is($node->safe_psql($copy, 'SELECT count(*) FROM gone'), $wanted, "$what: $wanted photos to delete");
    my $preview = $node->safe_psql($database,
        "SELECT relation, rows FROM missing_photos.delete_preview($owner) WHERE action = 'delete' ORDER BY 1");

    my $result = $node->safe_psql($database, "CALL delete_missing_photos($owner, force => true)");
    same_lines(lines($database, 1), lines($copy, 1), "$what: every row as worked out by hand");
    covers_and_times($database, $copy, $key, $what);
    is($preview, deleted_counts($database), "$what: the preview had said which rows go");

    my $job = $node->safe_psql($database,
        "SELECT job_id FROM missing_photos.archives WHERE owner = '$owner' ORDER BY deleted_at DESC LIMIT 1");
    is($node->safe_psql($database,
            "SELECT string_agg(DISTINCT outcome, ', ') FROM missing_photos.undo_delete('$job')"),
        'restored', "$what: undone without a conflict");
    same_lines(lines($database, 0), $start, "$what: every row is as it was");
    is($node->safe_psql($database,
            "SELECT count(*) FROM missing_photos.archived_rows"), '0', "$what: nothing is left of the archive");
    $node->safe_psql('postgres', "DROP DATABASE $copy");
}

# What the archive says was deleted, but for what a rule deleted later.
sub deleted_counts
{
    my ($database) = @_;
    return $node->safe_psql($database, q(
        SELECT format('%I.%I', table_schema, table_name), sum(row_count) FROM missing_photos.archived_rows
         WHERE action = 'delete' AND table_name <> 'api_albumdate' AND table_name !~ 'albumdate_shared'
         GROUP BY 1 ORDER BY 1));
}

sub covers_and_times
{
    my ($database, $copy, $key, $what) = @_;
    return if $node->safe_psql($database, q(SELECT to_regclass('api_albumthing_cover_photos') IS NULL)) eq 't';
    my $touched = $node->safe_psql($copy, q(SELECT string_agg(DISTINCT id::text, ',') FROM touched_thing)) || 'NULL';
    my $kept = $node->safe_psql($copy, q(SELECT COALESCE(json_agg(c), '[]') FROM api_albumthing_cover_photos c));
    is($node->safe_psql($database, qq(
            CREATE TEMPORARY TABLE touched_thing AS SELECT unnest(ARRAY[$touched])::integer AS id;
            CREATE TEMPORARY TABLE kept_covers AS SELECT (json_populate_recordset(NULL::api_albumthing_cover_photos, \$j\$$kept\$j\$)).*;
            ) . covers_sql($key)), '', "$what: covers");
    for my $kind (qw(thing place user))
    {
        my $table = "api_album$kind";
        next if $node->safe_psql($copy, "SELECT EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = '$table'::regclass AND attname = 'last_modified')") eq 'f';
        my $moved = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM $table WHERE last_modified > '2024-01-01'";
        is($node->safe_psql($database, $moved),
            $node->safe_psql($copy, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM touched_$kind"),
            "$what: last_modified of the ${kind}s that lost photos, and of no others");
    }
}

# LibrePhotos's own choice of photos and files touches other owners.
sub the_reference_does_not
{
    my ($database, $key) = @_;
    my $others = q(SELECT (SELECT count(*) FROM api_photo WHERE owner_id <> 2) || ' '
                       || (SELECT count(*) FROM api_file WHERE substr(hash, 33) <> '2'));
    my $before = $node->safe_psql($database, $others);
    for my $which (qw(right photos files))
    {
        copy_of($database, 'other');
        $node->safe_psql('other', $which eq 'right' ? expected_sql(2, $key) : reference_sql(2, $key, $which));
        my $after = $node->safe_psql('other', $others);
        is($after, $before, "$database: the right choice leaves the others alone") if $which eq 'right';
        isnt($after, $before, "$database: the reference's choice of $which would fail this test") if $which ne 'right';
        $node->safe_psql('postgres', 'DROP DATABASE other');
    }
}

sub same_lines
{
    my ($got, $wanted, $name) = @_;
    return pass($name) if $got eq $wanted;
    my %wanted = map { $_ => 1 } split /\n/, $wanted;
    my %got = map { $_ => 1 } split /\n/, $got;
    my @more = grep { !$wanted{$_} } sort keys %got;
    my @less = grep { !$got{$_} } sort keys %wanted;
    fail($name);
    diag("$_ differ") for scalar(@more) . ' more and ' . scalar(@less) . ' less';
    diag(join "\n", 'more:', map { substr $_, 0, 300 } grep { defined } @more[ 0 .. 9 ]);
    diag(join "\n", 'less:', map { substr $_, 0, 300 } grep { defined } @less[ 0 .. 9 ]);
}
