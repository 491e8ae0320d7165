# A missing file beside one whose name differs only in spelling says so; names that the database
# can't hold are counted and told, and stop nothing.
use strict;
use warnings;
use utf8;
use Encode qw(encode);
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

my $node = start_server('twins', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
create_library($node, 'library');

# In the library; on the disk afterwards, undef: gone for good.
my $nfc = "caf\x{e9}.jpg";
my $nfd = "cafe\x{301}.jpg";
my @renamed = (
    [ 'a/Photo.jpg', 'a/photo.JPG' ],
    [ "b/$nfc", "b/$nfd" ],
    [ "c/$nfd", "c/$nfc" ],
    [ 'd/trailing.jpg', 'd/trailing.jpg  ' ],
    [ "e/STRA\x{df}E \x{c4}.jpg", "e/stra\x{df}e A\x{308}.jpg" ],
    [ 'f/photo.jpg', 'f/photo1.jpg' ],
    [ 'g/gone.jpg', undef ]);
my @kept = map { "keep/$_.jpg" } 1 .. 5;
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root",
    map { encode('UTF-8', $_) } (map { $_->[0] } @renamed), @kept)->register;

for my $pair (@renamed)
{
    my ($old, $new) = map { defined $_ ? encode('UTF-8', "$base/root/$_") : undef } @$pair;
    rename($old, $new // "$base/gone.jpg") or die "$old: $!";
}
my @unreadable = ("g/\xff\xfe.jpg", "g/latin1-\xe9.jpg", "keep/\xc0\x80.jpg");
make_file("$base/root/$_") for @unreadable;

my $photo = $case->photo_of('a/Photo.jpg');
is($case->sql("BEGIN; SELECT state FROM check_files('$photo'); ROLLBACK"), 'missing', 'check_files');
my (undef, $row, $messages) = $node->psql('library',
    'SELECT missing, unreachable, invalid FROM scan_missing(7)');
is($row, '7|0|0', 'the scan goes on to its end');
like($messages, qr/NOTICE:  2 file names in the folders of missing files can't be held/,
    'and tells how many names it could not read');
for my $pair (@renamed)
{
    my ($old, $new) = map { $_ // '' } @$pair;
    (my $name = $new) =~ s{.*/}{};
    my $path = encode('UTF-8', $old);
    my $reason = $case->sql("SELECT reason FROM missing_photos.findings WHERE path = '/data7/$path'");
    my $expected = $old =~ /^[a-e]/ ? "not found; renamed? \"$name\" lies in its folder" : 'not found';
    is($reason, encode('UTF-8', $expected),
        "$path: " . ($new ? encode('UTF-8', "$new now") : 'gone'));
}

# Back under the old name.
for my $pair (@renamed)
{
    my ($old, $new) = map { defined $_ ? encode('UTF-8', "$base/root/$_") : undef } @$pair;
    rename($new // "$base/gone.jpg", $old) or die "$old: $!";
}
is($case->sql('SELECT missing, restored FROM scan_missing(7)'), '0|7', 'back under their names');
is($case->changed, 0, 'row by row');

# Two names that differ only in spelling are two files, and both are there.
make_file("$base/root/a/photo.jpg");
is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'a twin beside the file itself is no news');
rename("$base/root/a/photo.jpg", "$base/root/a/Photo.jpg") or die $!;
is($case->sql('SELECT count(*) FROM api_file WHERE missing'), '0', 'nothing is flagged');
$node->stop;
done_testing();
