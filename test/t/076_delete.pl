# From a file on disk to its photo's deletion and back, on every library: scanned, seen missing, put
# back elsewhere and relinked, removed again, deleted with all that hangs on it, undone; and the files
# made of the photos go when all of that is final.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Derived;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

my $node = start_server('delete');

for my $name (qw(librephotos_2024_03 librephotos_2024_10 librephotos_2026 standalone))
{
    subtest $name => sub { life($name) };
}
$node->stop;
done_testing();

sub life
{
    my ($name) = @_;
    my $library = MissingPhotos::EveryLibrary->new($node, $name);
    my $disk = make_derived($library);
    my @made = derived_on_disk($disk);
    $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
    relinked($library);

    my @lost = $library->lose('owner = 2 AND n <= 9');
    is($library->scan(2), @lost . '|0|0|0', 'a scan sees what is missing');
    my ($back) = $library->column('SELECT path FROM t.map WHERE owner = 2 AND n = 1');
    $library->give_back($back);
    $library->keep('before');
    my $gone = $library->sql('SELECT array_agg(DISTINCT photo) FROM t.map WHERE owner = 2 AND n BETWEEN 2 AND 9');
    my @theirs = $library->column("SELECT DISTINCT path FROM missing_photos.library_derived('$gone')");
    my $others = others($library);

    is(answer($library, 2), 'true 8 photos, 9 files, 1 restored, 0 in doubt, 0 held back',
        'delete_missing deletes the photos whose files are gone, and restores one that is back');
    is($library->sql("SELECT count(*) FROM t.photo WHERE photo = ANY ('$gone')"), 0, 'they are gone');
    is($library->sql('SELECT count(*) FROM t.photo WHERE owner = t.owner(2)'), 32, 'the others stay');
    is(others($library), $others, 'nobody else\'s rows changed');
    is($library->sql(q(SELECT state || ' ' || done || '/' || total FROM missing_photos.jobs
                        WHERE kind = 'delete')), 'finished 8/8', 'the job says so');
    is(job($library), 't|f', 'the application\'s too');
    is(scalar(derived_on_disk($disk)), @made, 'no file made of them went');
    is(scalar($library->column('SELECT path FROM missing_photos.deletions')), @theirs, 'but all are queued');
    is(scalar($library->column("SELECT * FROM missing_photos.deletions WHERE size IS NULL")), 0,
        'it is known what they are like');
    is(answer($library, 2), 'true 0 photos, 0 files, 0 restored, 0 in doubt, 0 held back', 'again: nothing');
    undo($library);
    is($library->scan(2), '0|0|0|0', 'a scan finds nothing else');
    $library->keep('restored');

    my $owner = $library->sql('SELECT t.owner(2)');
    $library->sql("CALL delete_missing_photos('$owner', batch_size => 3)");
    if ($name eq 'librephotos_2026')
    {
        my $copy = $library->dumped('restored');
        undo($copy);
        is($copy->changes('restored'), '', 'undone in a database restored from a dump: every row is as it was');
    }
    undo($library);
    is($library->changes('restored'), '', 'every row of the library is as it was');
    $library->sql("CALL delete_missing_photos('$owner', batch_size => 3)");
    is($library->sql("SELECT count(*) FROM t.photo WHERE photo = ANY ('$gone')"), 0,
        'delete_missing_photos, in batches');
    $library->sql('CALL missing_photos.drain_deletions()');
    is(scalar(derived_on_disk($disk)), @made, 'nothing goes while it can be undone');
    # An embedded video is a file row of its own, which stays.
    my $list = join ',', map { "'$_'" } @theirs;
    my %used = map { $_ => 1 } $library->column(
        "SELECT path FROM missing_photos.library_derived_in_use(ARRAY[$list], NULL)");
    @theirs = grep { !$used{$_} } @theirs;
    drain_for_good($library);
    is(scalar(derived_on_disk($disk)), @made - @theirs, 'then what was made of them goes');
    is(scalar(grep { -e "$library->{disk}$_" } @theirs), 0, 'just that');
    is(join(' ', derived_missing($library)), '', 'no photo misses anything');
    is($library->sql('SELECT count(*) FROM missing_photos.deletion'), 0, 'the queue is empty');
}

# Files that are missing are found in another folder, and then where they were: their photos keep
# everything.
sub relinked
{
    my ($library) = @_;
    $library->keep('at first');
    my @lost = $library->lose('owner = 2 AND n <= 9');
    is($library->scan(2), @lost . '|0|0|0', 'files are moved away: missing');
    my ($aside, $moved) = map { "$library->{disk}$_" } qw(/aside/data/2 /data/2/moved);
    rename($aside, $moved) or die "$aside: $!";
    is(relink($library), scalar @lost, 'they turn up in another folder: relinked');
    is($library->sql("SELECT count(*) FROM t.file WHERE path LIKE '/data/2/moved/%' AND NOT missing"),
        scalar @lost, 'under their new paths');
    rename($moved, $aside) or die "$moved: $!";
    is($library->scan(2), @lost . '|0|0|0', 'that folder goes, too: missing');
    $library->give_back(@lost);
    is(relink($library), scalar @lost, 'they are back where they were: relinked');
    is($library->scan(2), '0|0|0|0', 'and present');
    is($library->changes('at first'), '', 'every row of the library is as it was at first');
}

sub relink
{
    my ($library) = @_;
    return $library->sql('SELECT relinked FROM relink_missing(t.owner(2))');
}

# The answer in words.
sub answer
{
    my ($library, $owner) = @_;
    return $library->sql(qq(
        SELECT format('%s %s photos, %s files, %s restored, %s in doubt, %s held back',
                      a ->> 'status', a ->> 'photos', a ->> 'files', a ->> 'restored',
                      a ->> 'in_doubt', (a ->> 'waiting')::int + (a ->> 'busy')::int)
               || COALESCE(': ' || (a ->> 'error'), '')
          FROM delete_missing(t.owner($owner)) AS a));
}

# All rows that name another owner or one of their photos, as a digest.
sub others
{
    my ($library) = @_;
    return $library->sql(q(
        WITH theirs AS (
            SELECT photo AS id FROM t.photo WHERE owner <> t.owner(2)
            UNION SELECT file FROM t.link JOIN t.photo USING (photo) WHERE owner <> t.owner(2))
        SELECT md5(string_agg(r.relation || r.line::text, '' ORDER BY r.relation || r.line::text))
          FROM t.rows() AS r
         WHERE EXISTS (SELECT FROM jsonb_each_text(r.line) AS e JOIN theirs ON theirs.id = e.value)));
}

# The application's job of this kind: finished and failed.
sub job
{
    my ($library) = @_;
    return $library->sql($library->{preset} eq 'standalone' ?
        q(SELECT finished, failed FROM photo_library.jobs WHERE kind = 'delete') :
        'SELECT finished, failed FROM public.api_longrunningjob WHERE job_type = 5');
}

sub undo
{
    my ($library) = @_;
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.jobs
                               WHERE kind = 'delete' AND photos > 0 ORDER BY started_at DESC LIMIT 1));
    $library->sql("SELECT missing_photos.undo_delete('$job')");
    is($library->sql('SELECT count(*) FROM missing_photos.deletion'), 0, 'undone: nothing is queued');
    is(scalar($library->column('SELECT photo FROM t.photo WHERE owner = t.owner(2)')), 40, 'all are back');
}

