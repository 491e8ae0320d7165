# One set for every preset: scan, mount guard, breaker, relinking, deletion, undoing, watching. Other
# scripts look closer at each; this one shows that each works on each library.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Watch;

my $node = start_server('every_verb', MissingPhotos::Watch::CONFIGURATION);
my $library;
for my $name (sort keys %MissingPhotos::EveryLibrary::LIBRARIES)
{
    subtest $name => sub {
        $library = MissingPhotos::EveryLibrary->new($node, $name);
        $library->{app} = '/data';
        scanned();
        mount_dropped();
        emptied();
        relinked();
        deleted_and_undone();
        watched();
        done_testing();
    };
}
$node->stop;
done_testing();

sub files { return $library->sql('SELECT count(DISTINCT file) FROM t.map WHERE owner = 2 AND ours'); }
sub as_it_was { is($library->changes('start'), '', "every row is what it was: $_[0]"); }

sub move
{
    my ($from, $to) = @_;
    rename($library->on_disk($from), $library->on_disk($to)) or die "$from: $!";
}

sub scanned
{
    if ($library->{preset} eq 'immich')
    {
        $library->sql(q(UPDATE asset SET checksum = missing_photos.sha1(
            convert_to('path:' || "originalPath", 'UTF8')) WHERE "isExternal"));
    }
    $library->keep('start');
    is($library->scan($_), '0|0|0|0', "owner $_: nothing is missing")
        for @MissingPhotos::EveryLibrary::OWNERS;
    my @lost = $library->lose('owner = 2 AND n = 4 AND ours');
    is($library->scan(2), '1|0|0|0', 'a file is gone');
    my $job = $library->sql('SELECT job_id FROM missing_photos.findings ORDER BY found_at DESC LIMIT 1');
    is($library->sql("SELECT undone FROM missing_photos.undo_scan('$job')"), 1, 'the scan is undone');
    as_it_was('undo_scan');
    is($library->scan(2), '1|0|0|0', 'the next one finds the same');
    $library->give_back(@lost);
    is($library->scan(2), '0|1|0|0', 'and that it is back');
    as_it_was('a scan');
}

# The mount is gone: its empty folder is seen in its place.
sub mount_dropped
{
    my $n = files();
    move('/data', '/away');
    mkdir $library->on_disk('/data') or die $!;
    is($library->scan(2), "0|0|$n|0", 'a mount that dropped: all is unreachable, nothing missing');
    $library->sql('SELECT scan_missing(t.owner(2), force => true, relink => true);
                   SELECT delete_missing(t.owner(2), force => true)');
    as_it_was('a mount that dropped');
}

# A person says that the empty folder is the library: the breaker asks once more, and only force
# does what would have been done without guard and breaker.
sub emptied
{
    my $n = files();
    my $breaker = 'SET missing_photos.max_missing_files = 3';
    $library->sql("SELECT missing_photos.accept_root('/data')");
    is($library->sql("$breaker; SELECT missing, held FROM scan_missing(t.owner(2))"), '0|t', 'the breaker holds it');
    as_it_was('a held scan');
    is($library->sql("$breaker; SELECT missing, held FROM scan_missing(t.owner(2), force => true)"), "$n|f",
        'forced, all of it is missing');
    isnt($library->changes('start'), '', 'that is what the guard is for');
    rmdir $library->on_disk('/data') or die $!;
    move('/away', '/data');
    $library->sql("SELECT missing_photos.accept_root('/data')");
    is($library->scan(2), "0|$n|0|0", 'the disk is back, and all of it restored');
    as_it_was('restored');
}

sub relinked
{
    my $n = files();
    move('/data/2/dir00', '/data/2/renamed');
    is($library->sql('SELECT relinked, ambiguous FROM relink_missing(t.owner(2))'), "$n|0", 'a renamed folder is found');
    is($library->sql(q(SELECT count(*) FROM t.file WHERE path LIKE '/data/2/renamed/%')), $n, 'all rows have the new path');
    my $job = $library->sql('SELECT job_id FROM missing_photos.findings ORDER BY found_at DESC LIMIT 1');
    move('/data/2/renamed', '/data/2/dir00');
    is($library->sql("SELECT missing_photos.undo_moves('$job')"), $n, 'undone');
    as_it_was('undo_moves');
}

sub without_media
{
    return $library->sql(q(SELECT count(*) FROM t.photo AS p WHERE p.owner = t.owner(2) AND NOT EXISTS (
        SELECT FROM t.link AS l JOIN t.file AS f USING (file) WHERE l.photo = p.photo AND f.media)));
}

sub deleted_and_undone
{
    my $photos = $library->sql('SELECT count(*) FROM t.photo WHERE owner = t.owner(2)');
    my @lost = $library->lose('owner = 2 AND n <= 10 AND ours');
    $library->sql('SELECT scan_missing(t.owner(2), force => true)');
    $library->keep('lost');
    my $gone = without_media();
    cmp_ok($gone, '>', 5, "$gone photos have no file left");
    is($library->sql(q(SELECT a ->> 'photos' FROM delete_missing(t.owner(2)) AS a)), $gone, 'they are deleted');
    is($library->sql('SELECT count(*) FROM t.photo WHERE owner = t.owner(2)'), $photos - $gone, 'and nothing else');
    my $job = $library->sql('SELECT job_id FROM missing_photos.archives ORDER BY deleted_at DESC LIMIT 1');
    is($library->sql("SELECT string_agg(DISTINCT outcome, ' ') FROM missing_photos.undo_delete('$job')"), 'restored', 'undone');
    is($library->changes('lost'), '', 'every row is what it was before');
    $library->give_back(@lost);
    is($library->scan(2), '0|' . @lost . '|0|0', 'the files are back, too');
    as_it_was('undo_delete');
}

sub watched
{
    my ($path, $other) = map { $library->sql("SELECT min(path) FROM t.map WHERE owner = 2 AND n = $_") } 1, 2;
    my $at = sub { return "SELECT missing FROM t.file WHERE path = '$_[0]'" };
    $library->sql('SELECT missing_photos.start_watching()');
    ok(wait_for(20, sub { watch_state($library) eq 'watching' }), 'watching');
    move($path, '/data/2/dir00/other.jpg');
    within(10, $library, $at->('/data/2/dir00/other.jpg'), 'f', 'a file that moves has its new path');
    move('/data/2/dir00/other.jpg', $path);
    within(10, $library, $at->($path), 'f', 'and its old one');
    my @lost = $library->lose('owner = 2 AND n = 2');
    within(10, $library, $at->($other), 't', 'a file that is deleted is flagged');
    $library->give_back(@lost);
    within(10, $library, $at->($other), 'f', 'and restored when it is back');
    stop_watching($library);
    as_it_was('watching');
}
