# Files that moved are linked again on every library: what the rows were before, but for the paths.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Encode qw(encode);
use File::Basename;
use File::Path qw(make_path remove_tree);
use Unicode::Normalize qw(NFC NFD);
use MissingPhotos::Sample;
use MissingPhotos::EveryLibrary;

# What a new path changes of a library's row.
my %PATH = (linked => sub { my ($table, $n) = @_; return "$table.path $n" },
    single => sub { my ($table, $n) = @_; return "$table.checksum $n; $table.originalPath $n" });

my $node = start_server('relink');
for my $name (sort keys %MissingPhotos::EveryLibrary::LIBRARIES)
{
    subtest $name => sub {
        my $library = MissingPhotos::EveryLibrary->new($node, $name);
        $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
        # As the application has it: a digest of the path.
        $library->sql(q(UPDATE asset SET checksum = missing_photos.sha1(convert_to(
            'path:' || "originalPath", 'UTF8')) WHERE "isExternal")) if $name eq 'immich';
        $library->keep('start');
        renamed_tree($library);
        flagged_before($library);
        # The layouts of 2024 differ in keys alone.
        if ($name =~ /2024/)
        {
            done_testing();
            return;
        }
        exchanged($library);
        spelling($library);
        copied($library);
        moved_folder($library);
        only_looks_moved($library);
        rest_of_photos($library);
        twice($library);
        further_copies($library);
        owners($library);
        left_out($library);
        out_of_reach($library);
        within_scans($library);
        is($library->changes('start'), '', 'all is as it was at the start') or
            diag $library->sql("SELECT path FROM t.file EXCEPT SELECT path FROM t.map");
        done_testing();
    };
}
$node->stop;
done_testing();

# (relinked, ambiguous, hashed files) of a call, or its error.
sub relink
{
    my ($library, $owner, $arguments) = @_;
    $arguments = defined $arguments ? ", $arguments" : '';
    return $library->sql("SELECT relinked, ambiguous, hashed_files
                            FROM relink_missing(t.owner($owner)$arguments)");
}

# The files of an owner that the application doesn't manage itself.
sub paths_of
{
    my ($library, $owner) = @_;
    return $library->column("SELECT DISTINCT path FROM t.map WHERE owner = $owner AND ours ORDER BY path");
}

sub only_paths
{
    my ($library, $n) = @_;
    return $n == 0 ? '' : $PATH{ $library->{shape} }->($library->{shape} eq 'single' ? 'asset' :
        $library->{preset} eq 'librephotos' ? 'api_file' : 'files', $n);
}

# What differs, but for names: Immich keeps a path's last part beside it.
sub changes
{
    my ($library) = @_;
    my $changes = $library->changes('start');
    $changes =~ s/asset\.originalFileName \d+; //;
    return $changes;
}

sub move
{
    my ($library, $from, $to) = @_;
    ($from, $to) = map { $library->on_disk($_) } $from, $to;
    make_path(dirname($to));
    rename($from, $to) or die "$from to $to: $!";
}

# A copy with nothing left of the file's identity.
sub copy_file
{
    my ($library, $from, $to) = @_;
    open(my $in, '<', $library->on_disk($from)) or die "$from: $!";
    $library->make_content($to, do { local $/; <$in> });
    utime(1_000_000_000 + int(rand(1_000_000)), 1_000_000_000 + int(rand(1_000_000)),
        $library->on_disk($to));
}

sub remove_file { unlink($_[0]->on_disk($_[1])) or die "$_[1]: $!"; }

sub path_of
{
    my ($library, $owner, $n, $kind) = @_;
    $kind //= 'image';
    return $library->sql("SELECT path FROM t.map WHERE (owner, n, kind) = ($owner, $n, '$kind')");
}

# Where the library has the file that was made at a path.
sub now_at
{
    my ($library, $path) = @_;
    return $library->sql("SELECT DISTINCT f.path FROM t.map AS m JOIN t.file AS f ON f.file = m.file
                           WHERE m.path = '$path'");
}

sub renamed_tree
{
    my ($library) = @_;
    my $n = paths_of($library, 2);
    is(relink($library, 2), '0|0|0', 'nothing has moved');
    is(changes($library), '', 'nothing is written');
    move($library, '/data/2', '/data/elsewhere');
    move($library, '/data/elsewhere', '/data/2/deep/er');
    is(relink($library, 2, 'dry_run => true'), "$n|0|0", 'a renamed tree, dry run');
    is(changes($library), '', 'nothing is written by it');
    is($library->sql("SELECT count(DISTINCT file) || ' ' || bool_and(certain) || ' ' || min(reason)
                        FROM missing_photos.candidates"), "$n true same identity", 'but it tells');
    is(relink($library, 2), "$n|0|0", 'a renamed tree: all of it, nothing read');
    is(changes($library), only_paths($library, $n), 'rows are what they were but for the paths');
    is($library->sql('SELECT count(*) FROM missing_photos.candidates'), '0', 'nothing is left to choose');
    is($library->sql("SELECT count(DISTINCT file) FROM missing_photos.findings
                       WHERE new_path LIKE '/data/2/deep/er/%'"), $n, 'findings tell it');
    is($library->scan(2), '0|0|0|0', 'a scan finds everything where it is');
    move($library, '/data/2/deep/er', '/data/elsewhere');
    remove_tree($library->on_disk('/data/2'));
    move($library, '/data/elsewhere', '/data/2');
    my $id = $library->sql('SELECT t.owner(2)');
    $library->sql("CALL relink_missing_photos('$id', batch_size => 7)");
    is($library->changes('start'), '', 'and back, in batches of 7');
    is($library->sql("SELECT state || ' ' || (SELECT count(*) FROM missing_photos.relink_row) ||
                             (SELECT count(*) FROM missing_photos.relink_file)
                        FROM missing_photos.jobs WHERE kind = 'relink' ORDER BY started_at DESC LIMIT 1"),
        'finished 00', 'the job ends, and leaves nothing behind');
}

# Lost to a scan first: links, main files and flags come back too.
sub flagged_before
{
    my ($library) = @_;
    my $n = paths_of($library, 2);
    move($library, '/data/2/dir00', '/data/2/other');
    $library->sql('SELECT scan_missing(t.owner(2), true)');
    isnt($library->changes('start'), '', 'a scan flags files that moved');
    is(relink($library, 2), "$n|0|0", 'they are found, though flagged');
    is(changes($library), only_paths($library, $n), 'rows are what they were but for the paths');
    is($library->sql("SELECT count(*) FROM missing_photos.loss"), '0', 'no loss is left');
    is($library->sql('SELECT t.wrong_counts()'), '', 'counts agree');
    move($library, '/data/2/other', '/data/2/dir00');
    is(relink($library, 2), "$n|0|0", 'and back');
    is($library->changes('start'), '', 'as they were');
}

# Exchanged names, a circle of three, a chain: no path is missing, or not for long.
sub exchanged
{
    my ($library) = @_;
    my @p = map { path_of($library, 2, $_) } 1, 2, 4, 6, 8, 9, 11;
    my $aside = '/data/2/dir00/aside.jpg';
    move($library, $p[0], $aside);
    move($library, $p[1], $p[0]);
    move($library, $aside, $p[1]);
    is(relink($library, 2), '2|0|0', 'two that exchanged their names');
    is(join(' ', map { now_at($library, $_) } @p[0, 1]), "$p[1] $p[0]", 'each is where it is');
    move($library, $p[0], $aside);
    move($library, $p[1], $p[0]);
    move($library, $aside, $p[1]);
    is(relink($library, 2), '2|0|0', 'and back');
    move($library, $p[2], $aside);
    move($library, $p[4], $p[2]);
    move($library, $p[3], $p[4]);
    move($library, $aside, $p[3]);
    is(relink($library, 2), '3|0|0', 'a circle of three');
    is(join(' ', map { now_at($library, $_) } @p[2 .. 4]), "$p[3] $p[4] $p[2]", 'each is where it is');
    move($library, $p[6], $aside);
    move($library, $p[5], $p[6]);
    is(relink($library, 2), '2|0|0', 'a chain, whose first path is missing');
    is(join(' ', map { now_at($library, $_) } @p[5, 6]), "$p[6] $aside", 'each is where it is');
    move($library, $p[6], $p[5]);
    move($library, $aside, $p[6]);
    move($library, $p[3], $aside);
    move($library, $p[4], $p[3]);
    move($library, $p[2], $p[4]);
    move($library, $aside, $p[2]);
    is(relink($library, 2), '5|0|0', 'and back, all at once');
    is($library->changes('start'), '', 'as they were');

    # Another photo under the name of one that is gone for good.
    move($library, $p[0], '/aside.jpg');
    move($library, $p[1], $p[0]);
    like(relink($library, 2), qr/^0\|1\|/, 'another photo under a missing one\'s path isn\'t linked');
    is($library->sql('SELECT DISTINCT path || $$ $$ || reason FROM missing_photos.candidates'),
        "$p[0] it is the file, but another row has its path", 'but told');
    move($library, $p[0], $p[1]);
    move($library, '/aside.jpg', $p[0]);
    is(relink($library, 2), '0|0|0', 'as it was');
}

sub spelling
{
    my ($library) = @_;
    my @p = map { path_of($library, 2, $_) } 1, 2, 4;
    my %new = ($p[0] => '/data/2/dir00/IMG_000001.JPG',
        $p[1] => encode('UTF-8', NFC("/data/2/dir00/Caf\x{e9}.jpg")),
        $p[2] => '/data/2/dir00/a b\'c"d\\e%.jpg');
    move($library, $_, $new{$_}) for @p;
    is(relink($library, 2), '3|0|0', 'other case, letters, quotes');
    is(encode('UTF-8', now_at($library, $_)), encode('UTF-8', $new{$_}), $new{$_}) for $p[0], $p[2];
    my $nfd = encode('UTF-8', NFD("/data/2/dir00/Caf\x{e9}.jpg"));
    move($library, $new{ $p[1] }, $nfd);
    is(relink($library, 2), '1|0|0', 'NFC to NFD');
    $new{ $p[1] } = $nfd;
    # Hard links: two places that are one.
    link($library->on_disk($new{ $p[0] }), $library->on_disk('/data/2/hard.jpg')) or die $!;
    move($library, $new{ $p[0] }, '/data/2/harder.jpg');
    is(relink($library, 2), '0|1|0', 'two hard links: none is chosen');
    is($library->sql('SELECT string_agg(path, $$ $$ ORDER BY path) FROM (SELECT DISTINCT path
                        FROM missing_photos.candidates) AS c'),
        '/data/2/hard.jpg /data/2/harder.jpg', 'both are told');
    remove_file($library, '/data/2/hard.jpg');
    symlink('harder.jpg', $library->on_disk('/data/2/soft.jpg')) or die $!;
    is(relink($library, 2), '1|0|0', 'a symbolic link beside the file is no second place');
    is(now_at($library, $p[0]), '/data/2/harder.jpg', 'the file itself is');
    remove_file($library, '/data/2/soft.jpg');
    move($library, '/data/2/harder.jpg', $p[0]);
    move($library, $new{$_}, $_) for @p[1, 2];
    is(relink($library, 2), '3|0|0', 'and back');
    is($library->changes('start'), '', 'as they were');
}

# On another file system: no identity, no time. Only what is of a missing file's size is read.
sub copied
{
    my ($library) = @_;
    my @paths = grep { $library->{digests} || !/img_000007/ } paths_of($library, 2);
    $library->make_content('/data/2/new/longer.jpg', 'of a size that no missing file has');
    for my $path (@paths)
    {
        (my $to = $path) =~ s{/dir00/img_(\d+)}{'/data/2/new/x' . ($1 % 3) . "/$1"}e;
        $to =~ s{^/data/2/data/2}{/data/2};
        copy_file($library, $path, $to);
        remove_file($library, $path);
    }
    my $n = @paths;
    if ($library->{digests})
    {
        is(relink($library, 2), "$n|0|$n", 'a copied library: all by content');
        is(changes($library), only_paths($library, $n), 'rows are what they were but for the paths');
        is($library->sql("SELECT count(*) FROM missing_photos.file_digest WHERE length(digest) = 32
                             AND length(ends) = 32"), $n, 'what was read is kept');
    }
    else
    {
        is(relink($library, 2), '0|0|0', 'nothing is known of the content: nothing is linked');
    }
    for my $path (@paths)
    {
        (my $to = $path) =~ s{/dir00/img_(\d+)}{'/data/2/new/x' . ($1 % 3) . "/$1"}e;
        $to =~ s{^/data/2/data/2}{/data/2};
        move($library, $to, $path);
    }
    remove_tree($library->on_disk('/data/2/new'));
    $library->{digests} ? is(relink($library, 2), "$n|0|0", 'and back') :
        is(relink($library, 2), '0|0|0', 'back');
    is($library->changes('start'), '', 'as they were');
}

# A folder copied as a whole, names and all: a sample is read. Where no content is known, times have
# to be the same.
sub moved_folder
{
    my ($library) = @_;
    my ($from, $to) = map { $library->on_disk("/data/2/$_") } 'dir00', 'kept';
    my $n = paths_of($library, 2);
    my @options = $library->{digests} ? ('-r') : ('-rp');
    system('cp', @options, $from, $to) == 0 or die "cp: $?";
    rename($from, $library->on_disk('/aside')) or die $!;
    $library->make_content('/data/2/kept/img_000001.jpg', 'not what it was, but of the size ok')
        if $library->{digests};
    is(relink($library, 2), $library->{digests} ? ($n - 1) . '|0|3' : "$n|0|0", 'a folder that was copied');
    $library->{digests} ? like(changes($library), qr/path ${\($n - 1)}$/, 'all but the one that was written') :
        is(changes($library), only_paths($library, $n), 'all of it');
    remove_tree($to);
    rename($library->on_disk('/aside'), $from) or die $!;
    relink($library, 2);
    is($library->changes('start'), '', 'as it was');
}

# A folder of the same names and sizes, but of other contents: that the ends differ is enough, and the
# one file that is the same doesn't vouch for the others.
sub only_looks_moved
{
    my ($library) = @_;
    return unless $library->{digests};
    my ($from, $to) = map { $library->on_disk("/data/2/$_") } 'dir00', 'kept';
    my ($same, @others) = $library->column(q(SELECT path FROM (SELECT DISTINCT path FROM t.map
        WHERE owner = 2 AND path LIKE '/data/2/dir00/%') AS p ORDER BY md5(path)));
    is($library->sql('SELECT count(ends) >= ' . @others . ' FROM missing_photos.file_digest'), 't', 'ends are known');
    system('cp', '-r', $from, $to) == 0 or die "cp: $?";
    rename($from, $library->on_disk('/aside')) or die $!;
    $library->make_content(s{/dir00/}{/kept/}r, scalar reverse $_) for @others;
    like(relink($library, 2), qr/^1\|0\|/, 'a folder that only looks like the one that is gone');
    is(now_at($library, $same), $same =~ s{/dir00/}{/kept/}r, 'only the file of the same content is linked');
    remove_tree($to);
    rename($library->on_disk('/aside'), $from) or die $!;
    relink($library, 2);
    is($library->changes('start'), '', 'as it was');
}

# What else a photo had is brought up to date when one of its files is found.
sub rest_of_photos
{
    my ($library) = @_;
    return if $library->{shape} eq 'single';
    my ($jpeg, $raw) = map { path_of($library, 2, 10, $_) } 'image', 'raw';
    move($library, $jpeg, '/aside.jpg');
    move($library, $raw, '/data/2/raw/10.cr2');
    is(relink($library, 2), '1|0|0', 'a raw file moved, its jpeg is gone');
    is($library->sql('SELECT t.state(2, 10)'), 'metadata raw; shows raw; flagged image',
        'the photo shows the raw file, the jpeg is flagged');
    move($library, '/aside.jpg', '/data/2/jpeg/10.jpg');
    move($library, '/data/2/raw/10.cr2', $raw);
    is(relink($library, 2), '2|0|0', 'both are found');
    move($library, '/data/2/jpeg/10.jpg', $jpeg);
    is(relink($library, 2), '1|0|0', 'and back');
    is($library->changes('start'), '', 'as it was');
}

# Two of equal content: a person chooses.
sub twice
{
    my ($library) = @_;
    return unless $library->{digests};
    my $path = path_of($library, 2, 1);
    my ($file) = $library->column("SELECT file FROM t.map WHERE path = '$path'");
    my @copies = ('/data/2/copy1.jpg', '/data/2/copy2.jpg');
    copy_file($library, $path, $_) for @copies;
    $library->make_content('/data/2/else.jpg', 'x' x length $path);
    move($library, $path, '/aside.jpg');
    is(relink($library, 2), '0|1|3', 'two identical copies: no choice');
    is($library->changes('start'), '', 'nothing is written');
    is(relink($library, 2), '0|1|0', 'nothing is read twice');
    is($library->sql("SELECT string_agg(path || ' ' || reason, '; ' ORDER BY path)
                        FROM missing_photos.candidates"),
        join('; ', map { "$_ same content, but not of this one alone" } @copies), 'both are told');
    my (undef, undef, $error) = $node->psql($library->{database},
        "SELECT missing_photos.choose_candidate('$file', '/data/2/else.jpg')");
    like($error, qr/is not offered for file/, 'only what is offered can be chosen');
    $library->make_content($copies[1], 'y' x length $path);
    (undef, undef, $error) = $node->psql($library->{database},
        "SELECT missing_photos.choose_candidate('$file', '$copies[1]')");
    like($error, qr/its content is another one/, 'and never another content');
    $library->sql("SELECT missing_photos.choose_candidate('$file', '$copies[0]')");
    is(changes($library), only_paths($library, 1), 'the one chosen is linked');
    is($library->sql('SELECT count(*) FROM missing_photos.candidates'), '0', 'no question is left');
    remove_file($library, $_) for @copies, '/data/2/else.jpg';
    move($library, '/aside.jpg', $path);
    is(relink($library, 2), '1|0|1', 'and back, by content');
    is($library->changes('start'), '', 'as it was');
}

# Two files of equal content are one row where a row's key is its content: losing one isn't losing the
# file. Copies that were come across are known: what was read in search of another file, and what a
# person didn't choose.
sub further_copies
{
    my ($library) = @_;
    return unless $library->{digests};
    my ($path, $lost) = map { path_of($library, 2, $_) } 1, 2;
    my @copies = map { "/data/2/copies/$_.jpg" } 1 .. 3;
    copy_file($library, $path, $copies[0]);
    move($library, $lost, '/lost.jpg');
    is(relink($library, 2), '0|0|1', 'a copy is read, being of a missing file\'s size');
    is($library->sql('SELECT path FROM missing_photos.known_copy WHERE path LIKE $$%/copies/%$$'), $copies[0], 'and known from then on');
    move($library, '/lost.jpg', $lost);
    move($library, $path, '/aside.jpg');
    is($library->scan(2), '0|1|0|0', 'a scan that misses the file finds its copy');
    is(now_at($library, $path), $copies[0], 'the row names it');
    copy_file($library, $copies[0], $_) for @copies[1, 2];
    remove_file($library, $copies[0]);
    is(relink($library, 2), '0|1|2', 'two more, and none is chosen');
    $library->sql("SELECT missing_photos.choose_candidate(file, path) FROM missing_photos.candidates
                    WHERE path = '$copies[1]' LIMIT 1");
    is($library->sql('SELECT path FROM missing_photos.known_copy WHERE path LIKE $$%/3.jpg$$'), $copies[2],
        'what wasn\'t chosen is a copy');
    remove_file($library, $copies[1]);
    is($library->scan(2), '0|1|0|0', 'and takes the other\'s place when that is gone');
    is(now_at($library, $path), $copies[2], 'the row names it');
    $library->sql(q(UPDATE missing_photos.read_digest SET noted_at = now() - interval '91 days'));
    remove_file($library, $copies[2]);
    move($library, '/aside.jpg', $path);
    is(relink($library, 2), '1|0|1', 'and back');
    is($library->sql('SELECT count(*) FROM missing_photos.read_digest'), '0',
        'what was read and not come across for 90 days is forgotten');
    is($library->changes('start'), '', 'as it was');
}

# Nobody gets a file that is another owner's, whatever its content.
sub owners
{
    my ($library) = @_;
    my ($mine, $theirs) = map { path_of($library, $_, 1) } 2, 12;
    move($library, $mine, '/aside.jpg');
    copy_file($library, '/aside.jpg', '/data/12/dir00/unclaimed.jpg');
    is(relink($library, 2), '0|0|0', 'another owner\'s folder isn\'t searched');
    copy_file($library, '/aside.jpg', '/keep.jpg');
    move($library, $theirs, '/theirs.jpg');
    move($library, '/keep.jpg', $theirs);
    is(relink($library, 2, q(under => '/data')), $library->{digests} ? '1|0|1' : '0|0|0',
        'below a folder that is named it is, but a claimed file is never taken');
    isnt(now_at($library, $mine), $theirs, 'its owner keeps it');
    remove_file($library, '/data/12/dir00/unclaimed.jpg');
    remove_file($library, $theirs);
    move($library, '/theirs.jpg', $theirs);
    move($library, '/aside.jpg', $mine);
    like(relink($library, 2), qr/^[01]\|0\|[01]$/, 'and back');
    is($library->changes('start'), '', 'as it was');
    my (undef, undef, $error) = $node->psql($library->{database},
        q(SELECT relink_missing(t.owner(2), '/etc')));
    like($error, qr/"\/etc" is not below a registered root/, 'a folder elsewhere is refused');
}

sub left_out
{
    my ($library) = @_;
    my $path = path_of($library, 2, 1);
    for my $folder ('.hidden', '@eaDir', '#recycle', '.Trash-1000')
    {
        move($library, $path, "/data/2/$folder/a.jpg");
        is(relink($library, 2), '0|0|0', "$folder isn't searched");
        move($library, "/data/2/$folder/a.jpg", $path);
    }
    for my $marker ('.nomedia', '.ignore')
    {
        move($library, $path, '/data/2/marked/below/a.jpg');
        $library->make_content("/data/2/marked/$marker", '');
        is(relink($library, 2), '0|0|0', "nor is a folder with $marker, nor what is below");
        remove_file($library, "/data/2/marked/$marker");
        move($library, '/data/2/marked/below/a.jpg', $path);
    }
    move($library, $path, '/data/2/trips/a.jpg');
    is($library->sql("SET missing_photos.exclude = 'trips';
                      SELECT relinked FROM relink_missing(t.owner(2))"), '0', 'nor what the setting names');
    is($library->sql("SET missing_photos.exclude = '2/tr*/*.jpg, nothing';
                      SELECT relinked FROM relink_missing(t.owner(2))"), '0', 'also by its path');
    move($library, '/data/2/trips/a.jpg', '/data/2/.hidden/a.jpg');
    is($library->sql("SET missing_photos.exclude = '';
                      SELECT relinked FROM relink_missing(t.owner(2))"), '1', 'all can be searched');
    move($library, '/data/2/.hidden/a.jpg', $path);
    is(relink($library, 2), '1|0|0', 'and back');
    is($library->changes('start'), '', 'as it was');
}

sub out_of_reach
{
    my ($library) = @_;
    my $path = path_of($library, 2, 1);
    move($library, $path, '/data/2/secret/a.jpg');
    chmod(0, $library->on_disk('/data/2/secret')) or die $!;
    my (undef, $row, $notice) = $node->psql($library->{database},
        'SELECT relinked FROM relink_missing(t.owner(2))');
    is($row, '0', 'a folder that can\'t be read isn\'t searched');
    like($notice, qr/NOTICE:  1 folders or files were not looked at, the first of them "\/data\/2\/secret": no permission/,
        'and it says so');
    chmod(0755, $library->on_disk('/data/2/secret'));
    rename("$library->{disk}/data", "$library->{disk}/away") or die $!;
    is(relink($library, 2), '0|0|0', 'a root that is gone: nothing is concluded');
    is($library->changes('start'), '', 'nothing is written');
    rename("$library->{disk}/away", "$library->{disk}/data") or die $!;
    is(relink($library, 2), '1|0|0', 'when all is back it is found');
    move($library, '/data/2/secret/a.jpg', $path);
    is(relink($library, 2), '1|0|0', 'and back');
    is($library->changes('start'), '', 'as it was');
}

# A renamed tree and a real loss in one scan: the tree doesn't count for the breaker.
sub within_scans
{
    my ($library) = @_;
    my $n = paths_of($library, 2);
    my @lost = $library->lose(q(owner = 2 AND n = 1 AND kind = 'image'));
    move($library, '/data/2/dir00', '/data/2/again');
    my $breaker = 'SET missing_photos.max_missing_files = 3';
    is($library->sql("$breaker; SELECT held FROM scan_missing(t.owner(2))"), 't', 'a scan alone is held');
    is($library->sql("$breaker; SELECT missing, held FROM scan_missing(t.owner(2), relink => true)"),
        '1|f', 'one that relinks isn\'t, and flags what is gone');
    is($library->sql("SELECT count(*) FROM missing_photos.findings AS f
                       WHERE f.new_path LIKE '/data/2/again/%'") > 0, 1, 'it found the tree');
    move($library, '/data/2/again', '/data/2/dir00');
    $library->give_back(@lost);
    is($library->sql('SET missing_photos.relink = on;
                      SELECT missing, restored, held FROM scan_missing(t.owner(2))'), '0|1|f',
        'by the setting, and back; the lost one is restored');
    is($library->scan(2), '0|0|0|0', 'all is there');
    is($library->changes('start'), '', 'as it was');
}
