# kill -9 of a backend and of the server at random moments of a deletion, its undo and the drainer,
# beside a writer that doesn't wait for its commits: never a live row without its thumbnail, never an
# orphan that stays queued, never a photo half deleted. A drainer whose claims aren't flushed is shown
# to lose a thumbnail that is needed.
#
# A slice by default; MISSING_PHOTOS_LONG=1: 200 rounds and 50.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Path qw(make_path);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $long = $ENV{MISSING_PHOTOS_LONG};
my $node = start_server('deletion_crashes', 'wal_writer_delay = 10s', 'autovacuum = off',
    'missing_photos.max_missing_percent = 100', 'missing_photos.max_delete_percent = 100');
my $media = $node->basedir . '/media';
my $photos = $node->basedir . '/photos';
my $made = 0;
my $several;
my %seconds = (delete => 0.2, undo => 0.1, drain => 0.1);
my %violations = (thumbnail => 0, half => 0, double => 0, orphan => 0);

srand($ENV{MISSING_PHOTOS_SEED} // 20261123);
create_library($node, 'library');
make_file("$photos/there.jpg");
make_path(map { "$media/$_" } qw(thumbnails_big faces));
make_file("$media/.derived");
sql("SELECT sample.add_owner(7, '/data'), missing_photos.add_root('/data', '$photos'),
            missing_photos.add_derived_root('/protected_media', '$media', '.derived');
     INSERT INTO api_albumuser (id, title, created_on, favorited, public, owner_id)
         VALUES (1, 'album', now(), false, false, 7);
     INSERT INTO api_person (id, name, kind, cluster_owner_id, face_count) VALUES (1, '', 'USER', 7, 0);
     CREATE TABLE sample.made (n serial, hash text);
     CREATE TABLE sample.imported (hash text, import integer);
     CREATE SEQUENCE sample.import");

campaign('backend', $long ? 200 : 10, \&kill_backend);
campaign('server', $long ? 50 : 3, \&kill_server);
unflushed();
$node->stop;
done_testing();

sub sql { my ($sql) = @_; return $node->safe_psql('library', $sql); }
sub column { return split /\n/, sql($_[0]); }

sub thumbnail { return "$media/thumbnails_big/$_[0].webp"; }
sub crop { return "$media/faces/$_[0]_0.jpg"; }

# The rows of a photo, as an application writes them in one transaction. Each import has a number, by
# which its photo and its face are known.
sub photo_rows
{
    my ($hash) = @_;
    return "INSERT INTO api_photo SELECT n.* FROM (SELECT nextval('sample.import') AS import) AS i
             CROSS JOIN api_photo AS p
             CROSS JOIN LATERAL jsonb_populate_record(p, jsonb_build_object('image_hash', '$hash',
                'main_file_id', NULL, 'thumbnail_big', 'thumbnails_big/$hash.webp', 'rating', i.import)) AS n
             WHERE p.image_hash = md5('/data/there.jpg') || 7;
        INSERT INTO api_albumuser_photos (albumuser_id, photo_id) VALUES (1, '$hash');
        INSERT INTO api_face (photo_id, person_id, image, person_label_is_inferred,
                              person_label_probability, encoding)
            VALUES ('$hash', 1, 'faces/${hash}_0.jpg', false, 1, currval('sample.import')::text);
        INSERT INTO sample.imported VALUES ('$hash', currval('sample.import'));";
}

sub photo_files
{
    my ($hash) = @_;
    -e $_ || make_file($_) for thumbnail($hash), crop($hash);
}

# Photos whose files were never there: a deletion takes them.
sub import_photos
{
    my ($n) = @_;
    sql(q(SELECT sample.add_photos(7, '{"/data/there.jpg"}'))) if $made == 0;
    my @hashes = map { sprintf '%032x7', ++$made } 1 .. $n;
    photo_files($_) for @hashes;
    sql(join('', map { 'BEGIN;' . photo_rows($_) . "INSERT INTO sample.made (hash) VALUES ('$_'); COMMIT;" } @hashes));
    return @hashes;
}

# An application that imports deleted photos anew, and doesn't wait for its commits: first the rows,
# then the files that aren't there.
sub writer
{
    my ($until) = @_;
    my @hashes = column('SELECT hash FROM sample.made AS m
                          WHERE NOT EXISTS (SELECT FROM api_photo WHERE image_hash = m.hash)
                          ORDER BY random() LIMIT 20');
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET synchronous_commit = off');
    for my $hash (@hashes)
    {
        last if time > $until;
        # Whether the commit is known of or not: the files are made.
        eval { $session->query('BEGIN;' . photo_rows($hash) . 'COMMIT'); 1 };
        photo_files($hash);
        sleep 0.01 * rand;
    }
    $session->close;
}

sub in_background
{
    my ($code) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid > 0;
    eval { $code->() };
    POSIX::_exit(0);
}

sub statement
{
    my ($act) = @_;
    my $off = 'SET synchronous_commit = off;';
    return "$off CALL delete_missing_photos(7, batch_size => 2)" if $act eq 'delete';
    return "$off SET missing_photos.undo_retention = 0; CALL missing_photos.drain_deletions(2)" if $act eq 'drain';
    my $job = sql('SELECT job_id FROM missing_photos.archive WHERE undone_at IS NULL
                    ORDER BY deleted_at DESC LIMIT 1');
    return $job eq '' ? '' : "$off SELECT missing_photos.undo_delete('$job')";
}

# How often the server has come up.
sub starts { return scalar(() = slurp_file($node->logfile) =~ /ready to accept connections/g); }

sub kill_backend { my ($session) = @_; kill 'KILL', $session->pid; }

sub kill_server
{
    my @all = ($node->{_pid}, children_of($node->{_pid}));
    kill 'KILL', @all;
    wait_for(20, sub { !grep { is_alive($_) } @all });
    $node->{_pid} = undef;
}

sub come_up
{
    my ($before) = @_;
    if (!defined $node->{_pid})
    {
        unlink $node->data_dir . '/postmaster.pid', glob($node->host . '/.s.PGSQL.*');
        $node->start;
    }
    return wait_for(60, sub { starts() > $before });
}

# What must hold when all that was begun has been ended.
sub check
{
    my @live = column('SELECT image_hash FROM api_photo WHERE thumbnail_big <> \'\'');
    # What each import wrote is whole or gone.
    my $half = sql("SELECT count(*) FROM api_photo AS p
                     WHERE thumbnail_big <> ''
                       AND ((SELECT count(*) FROM api_albumuser_photos WHERE photo_id = image_hash) <> 1
                            OR (SELECT count(*) FROM api_face
                                 WHERE photo_id = image_hash AND encoding = rating::text) <> 1)");
    # A photo that was imported anew has the face of another import if that import's deletion was undone
    # as well, and never twice, nor is it in the archive too.
    my $double = sql("SELECT (SELECT count(*) FROM (SELECT FROM api_face WHERE encoding <> '' GROUP BY encoding
                                                    HAVING count(*) > 1) AS twice)
                           + (SELECT count(*) FROM api_face AS f
                               WHERE encoding <> '' AND NOT EXISTS (SELECT FROM sample.imported AS i
                                      WHERE i.hash = f.photo_id AND i.import::text = f.encoding))
                           + (SELECT count(*) FROM missing_photos.archived_rows AS a
                               CROSS JOIN generate_subscripts(a.row_values, 1) AS n
                                JOIN api_face AS f
                                  ON f.encoding = a.row_values[n][array_position(a.columns, 'encoding')]
                               WHERE a.action = 'delete' AND a.table_name = 'api_face')");
    my @bare = grep { !-e thumbnail($_) || !-e crop($_) } @live;
    note("live without its thumbnail: $_") for @bare;
    $violations{thumbnail} += @bare;
    $violations{half} += $half;
    $violations{double} += $double;
    $several += sql('SELECT count(*) FROM (SELECT FROM api_face GROUP BY photo_id HAVING count(*) > 1) AS s');
    $violations{orphan} += sql(q(SELECT count(*) FROM missing_photos.deletion WHERE state <> 'queued'))
        + (() = glob "$media/*/.missing_photos-*");
    return scalar @bare;
}

sub campaign
{
    my ($what, $rounds, $kill) = @_;
    my @acts = qw(delete undo drain);
    my %killed;

    %violations = map { $_ => 0 } keys %violations;
    $several = 0;
    for my $round (1 .. $rounds)
    {
        my $act = $acts[$round % @acts];
        import_photos(4);
        sql('SET missing_photos.max_delete_percent = 100; CALL delete_missing_photos(7)') if $act ne 'delete';
        my $statement = statement($act) or next;
        my $session = MissingPhotos::Session->new($node, 'library');
        my $writer = in_background(sub { writer(time + 1) });
        $session->send($statement);
        sleep $seconds{$act} * rand;
        my $starts = starts();
        $kill->($session);
        eval { $session->close };
        waitpid($writer, 0);
        come_up($starts) or BAIL_OUT('the server doesn\'t come up again');
        $killed{$act}++;
        # What was begun is ended.
        my $again = statement($act);
        my $start = time;
        sql($again) if $again ne '';
        $seconds{$act} = 0.7 * $seconds{$act} + 0.3 * 1.2 * (time - $start);
        sql('CALL missing_photos.drain_deletions()');
        check();
    }
    sql('SET missing_photos.undo_retention = 0; CALL missing_photos.drain_deletions()');
    check();
    note(join ', ', (map { "$killed{$_} of $_" } sort keys %killed),
        "$several times a photo was seen with faces of several imports");
    is($violations{thumbnail}, 0, "kill -9 of the $what: never a live row without its thumbnail");
    is($violations{half}, 0, "kill -9 of the $what: never a photo half deleted");
    is($violations{double}, 0, "kill -9 of the $what: never a face doubled, or on another photo");
    is($violations{orphan}, 0, "kill -9 of the $what: never an orphan that stays");
    is(sql('SELECT count(*) FROM missing_photos.deletion'), 0, "kill -9 of the $what: the queue is empty in the end");
    my %live = map { $_ => 1 } column('SELECT image_hash FROM api_photo');
    my @left = grep { m{/([0-9a-f]+)\.webp$} && !$live{$1} } glob "$media/thumbnails_big/*";
    # The writer makes files of photos whose rows a crash then took.
    cmp_ok(scalar @left, '<=', 20 * $rounds, "kill -9 of the $what: thumbnails went (" . @left . ' left of ' . $made . ')');
}

# Deletions that aren't flushed, a drainer that flushes its claims or doesn't, and a crash.
sub unflushed
{
    my $lost = 0;

    for my $round (1 .. 3)
    {
        crash_after_drain('SET missing_photos.undo_retention = 0; CALL missing_photos.drain_deletions()');
        $lost += check();
    }
    is($lost, 0, 'a crash right after the drainer: every thumbnail that is needed is there');
    for my $round (1 .. 20)
    {
        crash_after_drain(undef);
        $lost = check() and last;
    }
    cmp_ok($lost, '>', 0, 'a drainer that doesn\'t flush its claims loses thumbnails that are needed');
}

sub crash_after_drain
{
    my ($drain) = @_;
    my @hashes = import_photos(4);
    sql('CHECKPOINT');
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET synchronous_commit = off');
    $session->query('CALL delete_missing_photos(7)');
    if (defined $drain)
    {
        $session->query($_) for split /; /, $drain;
    }
    else
    {
        # The drainer's own steps, its commits not flushed.
        $session->query(q(BEGIN;
            SELECT missing_photos.claim_deletions(array_agg(p.id), array_agg(u.path IS NOT NULL))
              FROM missing_photos.pick_deletions('{queued}', 1000) AS p
              LEFT JOIN missing_photos.library_derived_in_use(
                  ARRAY(SELECT '/protected_media/' || path FROM missing_photos.deletion),
                  ARRAY(SELECT hash FROM missing_photos.deletion)) AS u ON u.path = p.file;
            COMMIT));
        unlink map { (thumbnail($_), crop($_)) } @hashes;
    }
    my $starts = starts();
    kill_server();
    eval { $session->close };
    come_up($starts);
}
