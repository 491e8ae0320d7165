# Files that moved, on every library: found one by one, or with their folder, merged when they were
# imported again, and all of it taken back.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::EveryLibrary;

my $node = start_server('moved', 'missing_photos.max_missing_percent = 100');
my %path_column = (linked => '\w*files?\.path', single => 'asset\.originalPath');

for my $name (sort keys %MissingPhotos::EveryLibrary::LIBRARIES)
{
    subtest $name => sub {
        my $library = MissingPhotos::EveryLibrary->new($node, $name);
        $library->sql(q(UPDATE asset SET checksum = missing_photos.sha1(convert_to('path:' || "originalPath", 'UTF8'))
                         WHERE "isExternal")) if $name eq 'immich';
        $library->scan(2);
        one_by_one($library);
        whole_folder($library);
        merge($library) if $name eq 'librephotos_2026';
        no_second_photo($library) if $name =~ /2024/;
        done_testing();
    };
}
$node->stop;
done_testing();

sub is_but_for_paths
{
    my ($library, $label, $name) = @_;
    my $path = $path_column{ $library->{shape} };
    my @others = grep { !/^$path \d+$/ && !/^asset\.(checksum|originalFileName) / }
        split /; /, $library->changes($label);
    is("@others", '', $name);
}

# Half of them were found missing first.
sub one_by_one
{
    my ($library) = @_;
    my $condition = 'owner = 2 AND ours AND n IN (1, 3, 10, 15, 20, 21)';
    my @paths = $library->column("SELECT path FROM t.map WHERE $condition ORDER BY n, path");
    $library->keep('one');
    # What is in its files Immich doesn't know: we do, once they were read.
    is($library->sql("SELECT string_agg(DISTINCT (SELECT action FROM add_file(t.owner(2), path)), ' ')
                        FROM t.map WHERE $condition"), 'known', 'all are known');
    is($library->changes('one'), '', 'and nothing is written');
    my $scanned = 0;
    for my $path (@paths)
    {
        (my $to = $path) =~ s{/dir00/}{/elsewhere/};
        mkdir "$library->{disk}/data/2/elsewhere";
        rename $library->on_disk($path), $library->on_disk($to) or die $path;
        $library->scan(2) if ++$scanned == @paths / 2;
        my $action = $library->sql("SELECT action FROM add_file(t.owner(2), '$to')");
        is($action, 'relinked', "$path moved");
    }
    is($library->scan(2), '0|0|0|0', 'a scan finds nothing to do');
    is_but_for_paths($library, 'one', 'nothing but paths changed');
    for my $path (@paths)
    {
        (my $to = $path) =~ s{/dir00/}{/elsewhere/};
        rename $library->on_disk($to), $library->on_disk($path) or die $path;
        $library->sql("SELECT action FROM add_file(t.owner(2), '$path')");
    }
    $library->scan(2);
    is($library->changes('one'), '', 'and back: as it was');
}

sub whole_folder
{
    my ($library) = @_;
    my $remap = q(SELECT state, count(*) FROM missing_photos.remap_paths(t.owner(2), '/data/2', '/data/new/place', %s)
                   GROUP BY state ORDER BY state);
    my @gone = $library->lose('owner = 2 AND ours AND n IN (2, 30)');
    $library->scan(2);
    $library->keep('before');
    mkdir "$library->{disk}/data/new";
    rename "$library->{disk}/data/2", "$library->{disk}/data/new/place" or die;
    my $all = $library->sql("SELECT count(*) FROM t.map WHERE owner = 2 AND path LIKE '/data/2/%'");
    my $lost = @gone;
    my $found = $all - $lost;
    is($library->sql(sprintf $remap, 'true'), "absent|$lost\nready|$found", 'shown first');
    is($library->changes('before'), '', 'and nothing written');
    is($library->sql(sprintf $remap, 'false'), "absent|$lost\nmoved|$found", 'then done');
    is_but_for_paths($library, 'before', 'nothing but paths changed');
    is($library->sql("SELECT count(*) FROM t.file WHERE path LIKE '/data/2/%' AND ours"), $lost, 'what is gone stays where it was');
    is($library->sql("SELECT count(*) FROM t.file WHERE path LIKE '/data/21/%'"),
        $library->sql("SELECT count(*) FROM t.map WHERE path LIKE '/data/21/%'"), 'so does another folder of a longer name');
    is($library->scan(2), '0|0|0|0', 'a scan finds nothing to do');
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.jobs WHERE kind = 'remap'));
    is($library->sql("SELECT missing_photos.undo_moves('$job')"), $found, 'taken back');
    is($library->changes('before'), '', 'as it was');
    rename "$library->{disk}/data/new/place", "$library->{disk}/data/2" or die;
    $library->give_back(@gone);
    is($library->scan(2), "0|$lost|0|0", 'and what was lost is back');
}

# Where the content is the key, the application can't import a moved file as another photo.
sub no_second_photo
{
    my ($library) = @_;
    $library->lose(q(owner = 2 AND n = 4));
    $library->scan(2);
    my (undef, undef, $error) = $node->psql($library->{database}, q(
        INSERT INTO api_photo
        SELECT (jsonb_populate_record(p, jsonb_build_object('added_on', now()))).*
          FROM api_photo AS p JOIN t.map AS m ON m.photo = p.image_hash
         WHERE m.owner = 2 AND m.n = 4), extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    like($error, qr/23505.*image_hash/s, 'no second photo has the same content');
    is($library->sql('SELECT count(*) FROM missing_photos.merge_reimported(2)'), 0,
        'nothing is there to merge');
}

# The application imports what moved before anybody else finds it.
sub merge
{
    my ($library) = @_;
    my ($path) = $library->lose(q(owner = 2 AND n = 4));
    $library->keep('whole');
    $library->scan(2);
    my $photo = $library->sql('SELECT photo FROM t.map WHERE owner = 2 AND n = 4');
    my $file = $library->sql('SELECT file FROM t.map WHERE owner = 2 AND n = 4');
    my $new = '11111111-1111-4111-8111-111111111111';
    mkdir "$library->{disk}/data/2/imported";
    rename "$library->{disk}/aside$path", "$library->{disk}/data/2/imported/new.jpg" or die;
    $library->sql(qq(
        UPDATE api_file SET path = '/data/2/imported/new.jpg', missing = false WHERE hash = '$file';
        INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('id', '$new', 'added_on', now(), 'rating', 4))).*
          FROM api_photo AS p WHERE p.id = '$photo';
        INSERT INTO api_photo_files (photo_id, file_id) VALUES ('$new', '$file');
        INSERT INTO api_albumthing_photos (albumthing_id, photo_id) SELECT id, '$new' FROM api_albumthing WHERE owner_id = 2;
        UPDATE api_albumthing SET photo_count = photo_count + 1 WHERE owner_id = 2));
    $library->keep('imported');
    is($library->sql('SELECT photo, reimported, path, state FROM missing_photos.merge_reimported(2, false)'),
        "$photo|$new|/data/2/imported/new.jpg|merged", 'merged');
    is($library->sql("SELECT count(*) FROM api_photo WHERE id = '$new'"), 0, 'one photo is left');
    is($library->sql("SELECT count(*) FROM api_albumthing AS a WHERE photo_count <> (SELECT count(*) FROM api_albumthing_photos AS l WHERE l.albumthing_id = a.id)"),
        0, 'counters agree');
    is($library->scan(2), '0|0|0|0', 'a scan finds nothing to do');
    is($library->sql("SELECT path, state FROM check_files('$photo')"), '/data/2/imported/new.jpg|present', 'the old photo has the file');
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.jobs WHERE kind = 'merge'));
    $library->sql("SELECT missing_photos.undo_delete('$job')");
    is($library->changes('imported'), '', 'undo_delete: both are as they were');
}
