# A library of thousands of photos, some with a raw file and a sidecar, in three levels of folders,
# whose folders are renamed, moved into each other and exchanged: one call, and every row of every
# table is what it was but for the paths. Next to nothing is read, and it doesn't take long.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Basename;
use File::Find;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

my $long = $ENV{MISSING_PHOTOS_LONG};
my $photos = $long ? 10_000 : 1_000;
my $node = start_server('tree');
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2026', undef, [ 2, 12 ], $photos);
my $disk = "$library->{disk}/data/2";

deepen();
$library->scan(2);
$library->keep('start');
my ($files, $bytes) = size_of_tree();
cmp_ok($files, '>', $photos, "$photos photos have $files files");
is($library->sql(q(SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM t.map)),
    'image metadata raw video', 'of all kinds');
is($library->sql(q(SELECT bool_and(n > 0) FROM (SELECT count(*) AS n FROM api_face UNION ALL
    SELECT count(*) FROM api_photo_shared_to UNION ALL SELECT count(*) FROM api_albumuser_photos UNION ALL
    SELECT count(*) FROM api_albumthing_photos UNION ALL SELECT count(*) FROM api_albumdate_photos UNION ALL
    SELECT count(*) FROM api_photo WHERE rating > 0) AS n)), 't', 'with faces, shares, albums, favourites');

stir_folders();
my $walk = seconds(sub { find(sub { -f }, $disk) });
my $row;
my $took = seconds(sub {
    $row = $library->sql('SELECT relinked, ambiguous, hashed_bytes FROM relink_missing(t.owner(2))') });
my $moved = moved();
like($row, qr/^$moved\|0\|\d+$/, "all $moved files whose folders moved are found, none is doubtful");
cmp_ok((split /\|/, $row)[2], '<=', $bytes / 100, "at most a hundredth of the $bytes bytes is read");
is($library->changes('start'), "api_file.path $moved", 'every row is what it was but for the paths');
is(misplaced(), 0, 'and each path is the one where its content lies');
is($library->scan(2), '0|0|0|0', 'a scan finds everything where it is');
note(sprintf 'walk %.0f ms, relink_missing %.0f ms', $walk * 1000, $took * 1000);
cmp_ok($took, '<', 2 * $walk + 1, 'it takes less than two walks and a second') if $long;
$node->stop;
done_testing();

sub seconds
{
    my ($what) = @_;
    my $start = time;
    $what->();
    return time - $start;
}

# The fixture's folders become years, months and days, a photo's files side by side; some are favourites.
sub deepen
{
    $library->sql(q(
        CREATE FUNCTION t.deep(path text) RETURNS text LANGUAGE sql AS $$
            SELECT regexp_replace(path, '/dir\d+/', format('/%s/%s/%s/', 2000 + n / 100, n / 10 % 10, n % 10 / 4))
              FROM (SELECT substring(path FROM 'img_(\d+)')::integer AS n) AS number $$;
        CREATE TABLE t.content AS SELECT DISTINCT file, path FROM t.map;
        UPDATE api_file SET path = t.deep(path) WHERE path LIKE '%/dir%';
        UPDATE t.map SET path = t.deep(path) WHERE path LIKE '%/dir%';
        UPDATE api_photo SET rating = 5 WHERE id::text IN (SELECT photo FROM t.map WHERE n % 7 = 0)));
    for ($library->column("SELECT c.path || ' ' || f.path FROM t.content AS c JOIN t.file AS f USING (file)
                            WHERE c.path <> f.path"))
    {
        my ($from, $to) = map { $library->on_disk($_) } split / /;
        make_path(dirname($to));
        rename($from, $to) or die "$from to $to: $!";
    }
}

sub size_of_tree
{
    my ($n, $size) = (0, 0);
    find(sub { -f and $n++ and $size += -s _ }, $disk);
    return ($n, $size);
}

sub move
{
    my ($from, $to) = map { "$disk/$_" } @_;
    make_path(dirname($to));
    rename($from, $to) or die "$from to $to: $!";
}

# A year renamed, one moved down, two months exchanged, a day moved into another year, one by letter
# case; the rest stays.
sub stir_folders
{
    move('2000', 'archive/old/first year');
    move('2001', '2002/before');
    move('2003/1', 'aside');
    move('2003/2', '2003/1');
    move('aside', '2003/2');
    move('2004/5/0', '2005/moved');
    move('2006/3', '2006/Three');
    move('2006/Three', '2006/three');
    move('2007', '2007 a') and move('2008', '2008 a') if $long;
}

# How many rows' files aren't where their rows said.
sub moved { return scalar grep { !-e $library->on_disk($_->[1]) or content($_->[1]) ne $_->[0] } rows('t.map'); }
sub misplaced { return scalar grep { content($_->[1]) ne $_->[0] } rows('t.file'); }

# Content and path of each of the owner's files.
sub rows
{
    my ($paths) = @_;
    return map { [ split /\|/ ] } $library->column("SELECT DISTINCT c.path, f.path FROM t.content AS c
        JOIN $paths AS f USING (file) WHERE c.path LIKE '/data/2/%'");
}

sub content
{
    my ($path) = @_;
    open(my $file, '<', $library->on_disk($path)) or return '';
    return scalar <$file>;
}
