# Renames that aren't plain ones: names exchanged in one go, with others in between; names that the
# database can't hold; a library whose paths ignore case. Each row has the path where its file is then, and a scan that relinks changes nothing.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Config;
use Digest::MD5 qw(md5_hex);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Watch;
use Time::HiRes qw(sleep time);

use constant { AT_FDCWD => -100, RENAME_EXCHANGE => 2 };

my $node = start_server('odd', MissingPhotos::Watch::CONFIGURATION, MissingPhotos::Campaign::NO_BREAKER,
    "shared_preload_libraries = 'missing_photos'");
my $base = $node->basedir;
create_library($node, 'library');
my $case = new_case(1, map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 5 } 1 .. 6);
my $root = $case->{folder};
start_watching($case);

exchanged_files();
exchanged_with_a_stranger();
exchanged_folders();
exchanged_in_a_renamed_folder();
in_another_encoding();
replaced_by_a_folder();
set_otherwise();
without_roots();
in_other_letters();
$node->stop;
done_testing();

sub new_case
{
    my ($owner, @files) = @_;
    my $case = MissingPhotos::Campaign->new($node, 'library', $owner, "$base/root$owner", @files);
    # The library's fixture takes a path's digest for the content's: so the content is the first path.
    write_file("$case->{folder}/$_", "$case->{app}/$_") for @files;
    return $case->register;
}

sub write_file
{
    my ($path, $content) = @_;
    open(my $out, '>', $path) or die "$path: $!";
    print $out $content;
    close($out);
}

sub move { rename("$root/$_[0]", "$root/$_[1]") or die "$_[0]: $!"; }

sub exchange
{
    my ($one, $other) = map { "$root/$_" } @_;
    my $number = $Config{archname} =~ /^x86_64/ ? 316 : 276;
    syscall($number, AT_FDCWD, $one, AT_FDCWD, $other, RENAME_EXCHANGE) == 0 or die "$one, $other: $!";
}

# Waits until every row's file is where the row says.
sub right
{
    my ($what) = @_;
    my $began = time;
    my @wrong;
    wait_for(5, sub { @wrong = wrong(); return !@wrong });
    is("@wrong", '', sprintf('%s: every row has the path of its file (%.0f ms)', $what,
        1000 * (time - $began)));
}

sub nothing_left
{
    my ($what) = @_;
    settled($case);
    my $before = rows_of($case);
    my $owner = substr $case->{app}, 5;
    is($case->sql("SELECT relinked, ambiguous FROM relink_missing($owner)"), '0|0',
        "$what: there is nothing to relink");
    $case->sql("SELECT scan_missing($owner)");
    is(rows_of($case), $before, "$what: a scan changes nothing");
}

# Rows that say of a file's path what isn't so.
sub wrong
{
    my @wrong;
    for my $row (split /\n/, $case->sql(
        "SELECT left(hash, 32), missing, path FROM api_file
          WHERE path COLLATE \"C\" LIKE '$case->{app}/%'"))
    {
        my ($digest, $missing, $path) = split /\|/, $row, 3;
        (my $file = $path) =~ s{^\Q$case->{app}\E}{$root};
        my $content = '';
        if (open(my $in, '<', $file)) { local $/; $content = <$in> // ''; }
        push @wrong, $path if $missing eq 't' || md5_hex($content) ne $digest;
    }
    return @wrong;
}

sub exchanged_files
{
    exchange('album1/1.jpg', 'album1/2.jpg');
    right('two files exchanged');
    exchange('album1/1.jpg', 'album2/1.jpg');
    right('with one of another folder');
    exchange('album1/3.jpg', 'album1/4.jpg');
    exchange('album1/4.jpg', 'album2/5.jpg');
    move('album1/3.jpg', 'album2/moved.jpg');
    right('exchanged twice, then moved');
    move('album1/3.jpg', 'album1/back.jpg') if -e "$root/album1/3.jpg";
    move('album3/1.jpg', 'album3/there.jpg');
    move('album3/there.jpg', 'album3/1.jpg');
    right('there and back');
    move('album3/1.jpg', 'album3/there.jpg');
    move('album3/there.jpg', 'album3/1.jpg');
    move('album3/1.jpg', 'album3/on.jpg');
    right('there, back and on');
    nothing_left('exchanged');
}

# Only one of the two is the library's.
sub exchanged_with_a_stranger
{
    write_file("$root/album3/stranger.jpg", 'of nobody');
    within(2, $case, 'SELECT count(*) FROM missing_photos.announced_files', 1, 'a stranger');
    exchange('album3/2.jpg', 'album3/stranger.jpg');
    right('exchanged with a stranger');
    sleep 0.3;
    exchange('album3/2.jpg', 'album3/stranger.jpg');
    right('and back');
    is($case->sql('SELECT path FROM missing_photos.announced_files'), "$case->{app}/album3/stranger.jpg",
        'the stranger is a stranger still');
}

sub exchanged_folders
{
    exchange('album4', 'album5');
    right('two folders exchanged');
    exchange('album4', 'album6/3.jpg');
    right('a folder and a file exchanged');
    exchange('album4', 'album6/3.jpg');
    right('and back');
    nothing_left('folders exchanged');
}

# The folder's name is told when its files have changed places already.
sub exchanged_in_a_renamed_folder
{
    my $watcher = watcher_pid($case);
    kill 'STOP', $watcher;
    move('album2', 'renamed');
    exchange('renamed/2.jpg', 'renamed/3.jpg');
    move('renamed/4.jpg', 'renamed/aside.jpg');
    move('renamed/5.jpg', 'renamed/4.jpg');
    move('renamed/aside.jpg', 'renamed/5.jpg');
    kill 'CONT', $watcher;
    right('a folder renamed, then files exchanged in it');
    nothing_left('exchanged in a renamed folder');
    move('renamed', 'album2');
    right('and named as before');
}

# What has such a name is gone for the database, until it has another one.
sub in_another_encoding
{
    my $missing = "SELECT count(*) FROM api_file WHERE missing";
    move('album2/2.jpg', "album2/caf\xe9.jpg");
    within(1, $case, $missing, 1, 'moved to a name in another encoding: missing');
    move("album2/caf\xe9.jpg", 'album2/2.jpg');
    within(1, $case, $missing, 0, 'and back');
    move('album6', "alb\xe9");
    within(3, $case, $missing, 5, 'a folder');
    move("alb\xe9", 'album6');
    within(3, $case, $missing, 0, 'and back');
    right('and back');
}

# Something is there, and it is no file: a person is told, as long as it lasts.
sub replaced_by_a_folder
{
    my $path = "$case->{app}/album3/5.jpg";
    my $told = "SELECT string_agg(state || ': ' || reason, ' ') FROM missing_files WHERE path = '$path'";
    unlink("$root/album3/5.jpg");
    mkdir("$root/album3/5.jpg") or die $!;
    within(2, $case, $told, 'invalid: not a regular file', 'a folder in the place of a file');
    rmdir("$root/album3/5.jpg") or die $!;
    write_file("$root/album3/5.jpg", $path);
    within(2, $case, $told, '', 'told until there is a file again');
}

# What is to be left out is left out as soon as the setting says so.
sub set_otherwise
{
    $node->append_conf('postgresql.conf', "missing_photos.exclude = 'aside*'");
    my $watched = "SELECT watches FROM missing_photos.watches WHERE state = 'watching'";
    my $before = $case->sql($watched);
    make_file("$root/aside1/1.jpg");
    within(2, $case, $watched, $before + 1, 'a folder more is watched');
    $node->reload;
    within(5, $case, $watched, $before, 'and no longer, now that it is excluded');
    unlink("$root/aside1/1.jpg");
    rmdir("$root/aside1") or die $!;
    settled($case);
    move('album1/2.jpg', 'album1/on.jpg');
    right('watching goes on');
}

# The last root is dropped: there is nothing to watch, which is no error; and comes back.
sub without_roots
{
    my $look = 'SELECT missing_photos.start_watching()';
    $case->forget;
    $case->sql($look);
    within(2, $case, 'SELECT count(*) FROM missing_photos.watches', 0, 'the root dropped: not watched');
    move('album1/1.jpg', 'album1/unseen.jpg');
    sleep 0.5;
    $case->sql("SELECT missing_photos.add_root('$case->{app}', '$root')");
    $case->sql($look);
    ok(wait_for(5, sub { watch_state($case) eq 'watching' }), 'registered again: it is');
    right('and what happened meanwhile is found');
    open(my $log, '<', $node->logfile) or die $!;
    is(scalar(grep { /no root is registered/ } <$log>), 0, 'nothing failed');
    stop_watching($case);
    $case->forget;
}

# A library that holds two names for the same, where the disk does not.
sub in_other_letters
{
    my (undef, undef, $error) = $node->psql('library', q(CREATE COLLATION ignores_case
        (provider = icu, locale = 'und-u-ks-level2', deterministic = false)));
    if ($error =~ /ICU is not supported/)
    {
        note('this server has no collation that ignores case');
        return;
    }
    $case = new_case(2, map { "$_.jpg" } 1 .. 3);
    $root = $case->{folder};
    $case->sql(q(
        DROP INDEX IF EXISTS api_file_path;
        ALTER TABLE api_file ALTER path TYPE text COLLATE ignores_case;
        SELECT missing_photos.attach_library('librephotos')));
    start_watching($case);
    system('cp', "$root/1.jpg", "$root/1.JPG");
    sleep 0.5;
    move('1.JPG', 'z.jpg');
    move('2.jpg', '2.JPG');
    settled($case);
    right('paths that ignore case');
    is($case->sql("SELECT string_agg(path, ' ' ORDER BY path COLLATE \"C\") FROM api_file
        WHERE path COLLATE \"C\" LIKE '/data2/%'"), '/data2/1.jpg /data2/2.JPG /data2/3.jpg',
        'and the letters it has');
    open(my $log, '<', $node->logfile) or die $!;
    is(scalar(grep { /signal 11|terminated by signal/ } <$log>), 0, 'nothing crashed');
    stop_watching($case);
}
