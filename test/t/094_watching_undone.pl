# What watching did to single files and folders belongs to jobs of its own, and is taken back by them, or
# by the time it was done in; row by row the library is as it was.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Copy qw(copy);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Watch;
use Time::HiRes qw(sleep time);

my $node = start_server('undone', MissingPhotos::Watch::CONFIGURATION);
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 40 } 1 .. 5;
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files);
# The library's fixture takes a path's digest for the content's: so the content is the path.
for my $file (@files)
{
    open(my $out, '>', "$base/root/$file") or die $!;
    print $out "/data7/$file";
    close($out);
}
$case->register;
my $root = $case->{folder};
my $since = "'-infinity'";
start_watching($case);
my $applications_jobs = $case->sql('SELECT count(*) FROM api_longrunningjob');

do_things();
recorded();
undone_by_job();
done_again_by_a_scan();
undone_by_time();
another_hour();
a_delay_of_its_own();
is($case->sql('SELECT count(*) FROM api_longrunningjob WHERE job_type <> 1'),
    $case->sql('SELECT count(*) FROM api_longrunningjob'), "the application's own scans aren't touched");
stop_watching($case);
$node->stop;
done_testing();

sub move { rename("$root/$_[0]", "$root/$_[1]") or die "$_[0]: $!"; }

sub there { return "SELECT count(*) FROM api_file WHERE NOT missing AND path LIKE '$case->{app}/$_[0]'"; }

sub flagged { return "SELECT count(*) FROM api_file WHERE missing AND path LIKE '$case->{app}/$_[0]'"; }

# A move, a folder's, one of a file of that, a deletion, one that is put back.
sub do_things
{
    $since = $case->sql("SELECT quote_literal(clock_timestamp())");
    $case->keep;
    move('album1/1.jpg', 'album3/moved.jpg');
    within(1, $case, there('album3/moved.jpg'), 1, 'a file moved');
    move('album2', 'renamed');
    within(1, $case, there('renamed/%'), 40, 'a folder moved');
    move('renamed/1.jpg', 'album1/of_the_folder.jpg');
    within(1, $case, there('album1/of_the_folder.jpg'), 1, 'a file of that moved on');
    rename("$root/album4/1.jpg", "$base/1.jpg") or die $!;
    within(1, $case, flagged('album4/1.jpg'), 1, 'a file deleted');
    copy("$root/album4/2.jpg", "$base/2.jpg");
    unlink("$root/album4/2.jpg");
    within(1, $case, flagged('album4/2.jpg'), 1, 'another one');
    copy("$base/2.jpg", "$root/album4/2.jpg");
    within(1, $case, there('album4/2.jpg'), 1, 'and copied back');
    settled($case);
    cmp_ok($case->changed, '>', 80, 'rows changed');
}

sub recorded
{
    my $kinds = "SELECT string_agg(DISTINCT kind, ' ') FROM missing_jobs WHERE started_at >= $since";
    is($case->sql($kinds), 'watch', 'all of it was done without a scan');
    is($case->sql(q(SELECT count(*), sum((result ->> 'missing')::int), sum((result ->> 'restored')::int),
        sum((result ->> 'relinked')::int) FROM missing_jobs WHERE kind = 'watch' AND state = 'finished')),
        '1|2|1|42', 'by one job, which says what');
    is($case->sql('SELECT missing, restored, relinked FROM missing_photos.history'), '2|1|42',
        'as does the history');
    is($case->sql("SELECT count(*) FROM missing_photos.findings WHERE job_id IS NULL"), 0,
        'nothing was done by nobody');
    is($case->sql('SELECT count(*) FROM api_longrunningjob'), $applications_jobs,
        "the application's jobs say nothing of it");
}

sub undone_by_job
{
    my $job = $case->sql("SELECT job_id FROM missing_jobs WHERE kind = 'watch'");
    is($case->sql("SELECT * FROM missing_photos.undo_scan('$job')"), '1|0', 'undone: what was flagged');
    is($case->sql("SELECT missing_photos.undo_moves('$job')"), 41, 'and what was moved');
    is($case->changed, 0, 'row by row as it was');
    is($case->sql("SELECT missing_photos.undo_moves('$job')"), 0, 'nothing twice');
}

# The disk is as it was left, and a scan finds that.
sub done_again_by_a_scan
{
    is($case->sql('SELECT missing FROM scan_missing(7, relink => true)'), 1, 'a scan does it again');
    is($case->sql(there('renamed/%')), 39, 'the folder, too');
}

sub undone_by_time
{
    my $now = $case->sql('SELECT quote_literal(clock_timestamp())');
    is($case->sql("SELECT * FROM missing_photos.undo_changes(7, '-infinity', $since)"), '0|0',
        'nothing was done before');
    is($case->sql("SELECT * FROM missing_photos.undo_changes(7, $now)"), '0|0', 'nor since');
    is($case->sql("SELECT * FROM missing_photos.undo_changes('7', $since, $now)"), '42|0',
        'undone by time, whoever did it');
    is($case->changed, 0, 'row by row as it was');
    for my $null ("NULL, $since", "7, NULL", "7, $since, NULL")
    {
        my (undef, undef, $error) = $node->psql('library',
            "\\set VERBOSITY verbose\nSELECT missing_photos.undo_changes($null)");
        like($error, qr/ERROR:  22004: (owner|since|until) must not be null/, "undo_changes($null)");
    }
}

# A job isn't for ever: after ten minutes of quiet another one begins.
sub another_hour
{
    $case->sql("UPDATE missing_photos.job SET finished_at = finished_at - interval '11 minutes'
                 WHERE kind = 'watch'");
    move('renamed', 'album2');
    move('album3/moved.jpg', 'album1/1.jpg');
    move('album1/of_the_folder.jpg', 'album2/1.jpg');
    rename("$base/1.jpg", "$root/album4/1.jpg") or die $!;
    settled($case);
    is($case->changed, 0, 'put back on disk: as it was');
    move('album5/1.jpg', 'album5/other.jpg');
    within(1, $case, there('album5/other.jpg'), 1, 'a file moved');
    is($case->sql("SELECT count(*) FROM missing_jobs WHERE kind = 'watch'"), 2, 'in a job of its own');
    my $job = $case->sql("SELECT job_id FROM missing_jobs WHERE kind = 'watch'
                          ORDER BY started_at DESC LIMIT 1");
    $case->sql("UPDATE api_file SET path = path || '.new' WHERE path = '$case->{app}/album5/other.jpg'");
    is($case->sql("SELECT * FROM missing_photos.undo_changes(7, clock_timestamp() - interval '2 s')"), '0|1',
        'what somebody changed since is a conflict');
    $case->sql("UPDATE api_file SET path = replace(path, '.new', '') WHERE path LIKE '%.new'");
    is($case->sql("SELECT missing_photos.undo_moves('$job')"), 1, 'which undoes that alone');
    is($case->changed, 0, 'as it was');
    move('album5/other.jpg', 'album5/1.jpg');
}

# Two files of one photo go one after the other: each is flagged when its own delay is over, though
# looking at the photo shows that both are gone.
sub a_delay_of_its_own
{
    my @names = ('album1/3.jpg', 'album1/4.jpg');
    my ($photo, $sibling) = map { $case->photo_of($_) } @names;
    $node->append_conf('postgresql.conf', "missing_photos.watch_delay = '1s'");
    $case->sql("INSERT INTO api_photo_files (id, photo_id, file_id) VALUES (1000, '$photo', '$sibling')");
    $node->reload;
    $case->keep;
    my $flagged = "SELECT string_agg(path, ' ' ORDER BY path) FROM api_file WHERE missing";
    rename("$root/$names[0]", "$base/3.jpg") or die $!;
    sleep 0.6;
    rename("$root/$names[1]", "$base/4.jpg") or die $!;
    my $began = time;
    my $first = '';
    wait_for(5, sub { ($first = $case->sql($flagged)) ne '' });
    is($first, "$case->{app}/$names[0]", 'the first is flagged, and not the second');
    within(2, $case, $flagged, join(' ', map { "$case->{app}/$_" } @names), 'then the second');
    cmp_ok(time - $began, '>=', 1, 'after a delay of its own');
    rename("$base/$_.jpg", "$root/album1/$_.jpg") or die $! for 3, 4;
    within(2, $case, "SELECT count(*) FROM api_file WHERE missing", 0, 'both are back');
    settled($case);
    is($case->changed, 0, 'as it was');
}
