# While a root is watched, what people and programs do to files shows in the library within a second:
# moves keep the photo and its file's row, what is deleted is flagged, what comes back is restored,
# and a scan afterwards finds nothing left to do.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Session;
use MissingPhotos::Watch;
use Time::HiRes qw(sleep time);

my $node = start_server('watching', MissingPhotos::Watch::CONFIGURATION);
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 40 } 1 .. 10;
# The library's fixture takes a path's digest for the content's: so the content is the path.
for my $file (@files)
{
    make_file("$base/root/$file");
    open(my $out, '>', "$base/root/$file") or die $!;
    print $out "/data7/$file";
    close($out);
}
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files)->register;
my $root = $case->{folder};
start_watching($case);

moved_files();
moved_folders();
deleted_and_back();
rewritten();
out_and_in();
between_roots();
new_files();
nothing_left();
stop_watching($case);
is($case->sql("SELECT state FROM missing_photos.watches"), '', 'stopped: nothing is watched');
$node->stop;
done_testing();

sub path_of
{
    my ($file) = @_;
    return "SELECT count(*) FROM api_file WHERE path = '$case->{app}/$file' AND NOT missing";
}

sub flagged { return "SELECT count(*) FROM api_file WHERE missing AND path LIKE '%/$_[0]'"; }

sub move { rename("$root/$_[0]", "$root/$_[1]") or die "$_[0]: $!"; }

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2]; }

sub moved_files
{
    my @took;
    my $session = MissingPhotos::Session->new($node, 'library');
    my $file = 'album1/1.jpg';
    for my $i (1 .. 15)
    {
        my $to = "album" . ($i % 9 + 2) . "/moved$i.jpg";
        my $began = time;
        move($file, $to);
        wait_for(5, sub { ($session->query(path_of($to)))[0] eq '1' }) or fail("move $i");
        push @took, time - $began;
        $file = $to;
    }
    note(sprintf('a move shows after %.0f ms (median), %.0f ms at most', 1000 * median(@took),
        1000 * (sort { $b <=> $a } @took)[0]));
    cmp_ok(median(@took), '<', 0.1, 'a file moved shows within 100 ms (median)');
    is($case->sql("SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/%'"), scalar @files,
        'by its own row');
    move($file, 'album1/1.jpg');
    within(1, $case, path_of('album1/1.jpg'), 1, 'and moved back');
    is($case->changed, 0, 'as if nothing had been');
}

sub moved_folders
{
    move('album2', 'renamed');
    within(1, $case, "SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/renamed/%'", 40,
        'a folder moved');
    make_path("$root/deep/er");
    move('renamed', 'deep/er/album2');
    within(1, $case, "SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/deep/er/album2/%'",
        40, 'into a new folder');
    move('deep/er/album2', 'album2');
    within(1, $case, "SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/album2/%'", 40,
        'and back');
    is($case->changed, 0, 'as if nothing had been');
}

sub deleted_and_back
{
    copy("$root/album3/1.jpg", "$base/kept.jpg");
    unlink("$root/album3/1.jpg");
    within(1, $case, flagged('album3/1.jpg'), 1, 'a file deleted is flagged');
    copy("$base/kept.jpg", "$root/album3/1.jpg");
    within(1, $case, flagged('album3/1.jpg'), 0, 'and restored when it is back');
    is($case->changed, 0, 'as it was');
    unlink("$root/album3/1.jpg");
    within(1, $case, flagged('album3/1.jpg'), 1, 'deleted once more');
    copy("$base/kept.jpg", "$root/album4/elsewhere.jpg");
    within(1, $case, path_of('album4/elsewhere.jpg'), 1, 'and found by its content elsewhere');
    move('album4/elsewhere.jpg', 'album3/1.jpg');
    within(1, $case, path_of('album3/1.jpg'), 1, 'moved to its old name');
    is($case->changed, 0, 'as it was');
    # A storm of deletions is a scan's work: here below what the breaker lets pass.
    system('cp', '-a', "$root/album5", "$base/album5");
    remove_tree("$root/album5");
    within(1, $case, flagged('album5/%'), 40, 'a folder deleted');
    system('cp', '-a', "$base/album5", "$root/album5");
    within(1, $case, flagged('album5/%'), 0, 'and restored');
    is($case->changed, 0, 'as it was');
    # What is copied and then deleted has moved, as far as a scan can tell.
    copy("$root/album3/2.jpg", "$root/album3/copy.jpg");
    within(1, $case, 'SELECT count(*) FROM missing_photos.announced_files', 1, 'a copy is announced');
    unlink("$root/album3/2.jpg");
    within(1, $case, path_of('album3/copy.jpg'), 1, 'and is the file once the original is deleted');
    is($case->sql('SELECT count(*) FROM api_file WHERE missing'), 0, 'which was never missing');
    within(1, $case, 'SELECT count(*) FROM missing_photos.announced_files', 0, 'nor is announced any more');
    move('album3/copy.jpg', 'album3/2.jpg');
    within(1, $case, path_of('album3/2.jpg'), 1, 'moved to its old name');
}

sub rewritten
{
    open(my $file, '+<', "$root/album6/1.jpg") or die $!;
    print $file 'changed in place';
    close($file);
    copy("$root/album6/2.jpg", "$root/album6/.2.jpg.part");
    move('album6/.2.jpg.part', 'album6/2.jpg');
    move('album6/3.jpg', 'album6/3.jpg~');
    copy("$root/album6/3.jpg~", "$root/album6/3.jpg");
    unlink("$root/album6/3.jpg~");
    settled($case);
    is($case->sql("SELECT count(*) FROM api_file WHERE missing"), 0,
        'rewritten in place, replaced atomically, saved as editors do: nothing is missing');
    is($case->sql("SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/album6/_.jpg'"), 9,
        'and every file has its name');
}

sub out_and_in
{
    rename("$root/album7/1.jpg", "$base/1.jpg") or die $!;
    within(1, $case, flagged('album7/1.jpg'), 1, 'moved out of the tree');
    rename("$base/1.jpg", "$root/album8/back.jpg") or die $!;
    within(1, $case, path_of('album8/back.jpg'), 1, 'and in at another place');
    move('album8/back.jpg', 'album7/1.jpg');
    rename("$root/album9", "$base/album9") or die $!;
    within(1, $case, flagged('album9/%'), 40, 'a folder moved out');
    rename("$base/album9", "$root/album9") or die $!;
    within(1, $case, flagged('album9/%'), 0, 'and in again');
}

# Each root has a watch of its own; a rename from one to the other is known by both.
sub between_roots
{
    my $more = "$base/more";
    make_path($more);
    $case->sql("SELECT missing_photos.add_root('/more', '$more')");
    ok(wait_for(15, sub { $case->sql(
        "SELECT count(*) FROM missing_photos.watches WHERE state = 'watching'") eq '2' }),
        'a root added is watched, too');
    settled($case);
    $case->keep;
    my $findings = "SELECT count(*) FROM missing_photos.findings WHERE new_state = 'missing'";
    my $before = $case->sql($findings);
    rename("$root/album10/1.jpg", "$more/1.jpg") or die $!;
    within(1, $case, "SELECT count(*) FROM api_file WHERE path = '/more/1.jpg'", 1,
        'a file moved to another root');
    rename("$root/album10", "$more/album10") or die $!;
    within(1, $case, "SELECT count(*) FROM api_file WHERE path LIKE '/more/album10/%'", 39,
        'and a folder');
    rename("$more/album10", "$root/album10") or die $!;
    within(1, $case, "SELECT count(*) FROM api_file WHERE path LIKE '$case->{app}/album10/%'", 39,
        'the folder moved back');
    rename("$more/1.jpg", "$root/album10/1.jpg") or die $!;
    within(1, $case, path_of('album10/1.jpg'), 1, 'and the file');
    settled($case);
    is($case->changed, 0, 'as if nothing had been');
    is($case->sql($findings), $before, 'nothing was missing in between');
    is($case->sql('SELECT count(*) FROM missing_photos.announced_files'), 0, 'nor new');
    $case->sql("SELECT missing_photos.drop_root('/more')");
}

sub new_files
{
    make_file("$root/album1/new.jpg");
    make_file("$root/album1/notes.txt");
    within(1, $case, "SELECT string_agg(path, ' ') FROM missing_photos.announced_files",
        "$case->{app}/album1/new.jpg", 'a new photo is announced');
    unlink("$root/album1/new.jpg", "$root/album1/notes.txt");
    within(5, $case, 'SELECT count(*) FROM missing_photos.announced_files', 0,
        'and no longer when it is gone');
}

sub nothing_left
{
    settled($case);
    my $before = rows_of($case);
    is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'a scan finds nothing');
    is(rows_of($case), $before, 'and changes nothing');
}
