# add_file, merge_reimported and remap_paths broken off in the middle: cancelled, terminated, killed, or
# with their mount gone. Nothing is half done, and a second call finishes.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('moves_broken_off', MissingPhotos::Campaign::NO_BREAKER);
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2026', undef, [2], 20);
my $new = '11111111-1111-4111-8111-111111111111';
my %break = (
    cancelled => sub { $library->sql("SELECT pg_cancel_backend($_[0])") },
    terminated => sub { $library->sql("SELECT pg_terminate_backend($_[0])") },
    killed => sub {
        kill('KILL', $_[0]);
        wait_for(60, sub { $node->psql($library->{database}, 'SELECT 1', timeout => 5) == 0 });
    },
);

# After a table of ours is written the session waits, when it is told to.
$library->scan(2);
$library->sql(q(
    CREATE FUNCTION t.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('t.wait', true) = 'on' THEN PERFORM pg_sleep(600); END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER wait AFTER INSERT OR UPDATE OR DELETE ON api_photo_files FOR EACH ROW EXECUTE FUNCTION t.wait();
    CREATE TRIGGER wait AFTER UPDATE ON api_file FOR EACH ROW EXECUTE FUNCTION t.wait()));

for my $how (sort keys %break)
{
    add_file($how);
    remap($how);
}
merge($_) for sort keys %break;
without_mount();
$node->stop;
done_testing();

# What a verb does, broken off: the rows are what they were. Then once more, to its end.
sub broken_off
{
    my ($what, $how, $sql, $expected) = @_;
    $library->keep('before');
    my $session = MissingPhotos::Session->new($node, $library->{database});
    $session->query("SET t.wait = 'on'");
    $session->send($sql);
    my $pid = $session->pid;
    wait_for(30, sub { $library->sql("SELECT wait_event FROM pg_stat_activity WHERE pid = $pid") eq 'PgSleep' });
    $break{$how}->($pid);
    eval { $session->wait };
    $session->close;
    wait_for(30, sub { $library->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND state = 'active'") eq '0' });
    is($library->changes('before'), '', "$what, $how: nothing is half done");
    is($library->sql($sql), $expected, "$what, $how: a second call finishes");
    is($library->scan(2), '0|0|0|0', "$what, $how: all is there");
}

sub move_on_disk
{
    my ($from, $to) = map { $library->on_disk($_) } @_;
    rename($from, $to) or die "$from to $to: $!";
}

sub add_file
{
    my ($how) = @_;
    my $path = $library->sql('SELECT DISTINCT f.path FROM t.map AS m JOIN t.file AS f USING (file) WHERE m.n = 1');
    move_on_disk($path, "/data/2/$how.jpg");
    broken_off('add_file', $how, "SELECT action FROM add_file(2, '/data/2/$how.jpg')", 'relinked');
}

sub remap
{
    my ($how) = @_;
    my ($from, $to) = $library->sql(q(SELECT count(*) FROM api_file WHERE path LIKE '/data/2/dir00/%')) > 0 ?
        qw(dir00 elsewhere) : qw(elsewhere dir00);
    my $n = $library->sql("SELECT count(*) FROM api_file WHERE path LIKE '/data/2/$from/%'");
    move_on_disk("/data/2/$from", "/data/2/$to");
    broken_off('remap_paths', $how, "SELECT state, count(DISTINCT file) FROM missing_photos.remap_paths(2,
        '/data/2/$from', '/data/2/$to', false) GROUP BY state", "moved|$n");
}

# The application imports a file that moved before anybody else finds it.
sub merge
{
    my ($how) = @_;
    my ($photo, $file, $path) = split /\|/, $library->sql(
        'SELECT m.photo, m.file, f.path FROM t.map AS m JOIN t.file AS f USING (file) WHERE n = 4');
    move_on_disk($path, "/data/2/imported.$how.jpg");
    $library->scan(2);
    $library->sql(qq(
        UPDATE api_file SET path = '/data/2/imported.$how.jpg', missing = false WHERE hash = '$file';
        INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('id', '$new', 'added_on', now()))).*
          FROM api_photo AS p WHERE p.id = '$photo';
        INSERT INTO api_photo_files (photo_id, file_id) VALUES ('$new', '$file');
        INSERT INTO api_albumthing_photos (albumthing_id, photo_id) SELECT id, '$new' FROM api_albumthing WHERE owner_id = 2));
    broken_off('merge_reimported', $how, 'SELECT photo, state FROM missing_photos.merge_reimported(2, false)',
        "$photo|merged");
    is($library->sql("SELECT count(*) FROM api_photo WHERE id = '$new'"), 0, "merge_reimported, $how: one photo is left");
}

# The root's folder is gone when the verbs look: nothing is concluded.
sub without_mount
{
    my $path = $library->sql('SELECT DISTINCT f.path FROM t.map AS m JOIN t.file AS f USING (file) WHERE m.n = 2');
    move_on_disk($path, '/data/2/last.jpg');
    $library->keep('before');
    rename("$library->{disk}/data", "$library->{disk}/away") or die $!;
    my (undef, undef, $error) = $node->psql($library->{database}, q(SELECT add_file(2, '/data/2/last.jpg')));
    like($error, qr/could not be read/, 'add_file without its mount: an error');
    is($library->sql(q(SELECT DISTINCT state FROM missing_photos.remap_paths(2, '/data/2', '/data/3', false))),
        'unreachable', 'remap_paths without its mount: all is unreachable');
    is($library->changes('before'), '', 'nothing is written');
    rename("$library->{disk}/away", "$library->{disk}/data") or die $!;
    is($library->sql(q(SELECT action FROM add_file(2, '/data/2/last.jpg'))), 'relinked', 'a second call finishes');
}
