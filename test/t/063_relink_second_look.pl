# Right before a file is given its new path both places are looked at once more. What happens between
# finding and giving: another file takes the new place, or the file is back at its old one.
#
# The known-bad variant is a run whose second look can't tell: what it expects is made to be whatever
# lies there.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('second_look', MissingPhotos::Campaign::NO_BREAKER);
my $disk = $node->basedir . '/disk';
my @files = map { "here/$_.jpg" } 1 .. 3;
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, $disk, @files)->register;

# The first row that is written waits until the table gate is empty; then the others are still to come.
$case->sql(q(
    CREATE TABLE sample.gate ();
    CREATE FUNCTION sample.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        shut boolean := true;
    BEGIN
        WHILE shut LOOP
            PERFORM pg_sleep(0.01);
            SELECT EXISTS (SELECT FROM sample.gate) INTO shut;
        END LOOP;
        RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE UPDATE ON api_file FOR EACH ROW EXECUTE FUNCTION sample.wait()));

swapped('another file takes the new place', sub { put('stranger', "there/$_[0].jpg") },
    sub { is($_[0], 'here', 'it is left where it was') });
swapped('the same, and the second look can\'t tell', sub {
        my ($n) = @_;
        put('stranger', "there/$n.jpg");
        my ($inode, $size) = (stat "$disk/there/$n.jpg")[ 1, 7 ];
        is($case->sql("WITH told AS (UPDATE missing_photos.relink_move
                           SET inode = $inode, size = $size, mtime_ns = 1000000000000000000
                         WHERE new_path = '/data7/there/$n.jpg' RETURNING 1) SELECT count(*) FROM told"),
            '1', 'it was found before');
    }, sub { is($_[0], 'there', 'a wrong file is linked: the look is needed') });
swapped('the file is back at its old place', sub {
        mkdir "$disk/here";
        rename("$disk/there/$_[0].jpg", "$disk/here/$_[0].jpg") or die $!;
    }, sub { is($_[0], 'here', 'it is left where it is') });
$node->stop;
done_testing();

# A file of another content in another's place, old.
sub put
{
    my ($content, $path) = @_;
    open(my $file, '>', "$disk/$path.new") or die $!;
    print $file $content;
    close $file;
    utime(1_000_000_000, 1_000_000_000, "$disk/$path.new");
    rename("$disk/$path.new", "$disk/$path") or die $!;
}

# Runs a relinking of a renamed folder, row by row; between is done to the last file to be moved while
# the first waits; then its folder in the library is looked at.
sub swapped
{
    my ($what, $between, $look) = @_;
    my $session = MissingPhotos::Session->new($node, 'library');
    rename("$disk/here", "$disk/there") or die $!;
    $case->sql('INSERT INTO sample.gate DEFAULT VALUES');
    $session->send('CALL relink_missing_photos(7, batch_size => 1)');
    wait_for(30, sub { $case->sql(q(SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE 'CALL relink%' AND wait_event = 'PgSleep')) eq '1' });
    my $n = $case->sql(q(SELECT substring(new_path FROM '(\d+).jpg') FROM missing_photos.relink_move
        ORDER BY number DESC LIMIT 1));
    $between->($n);
    $case->sql('DELETE FROM sample.gate');
    $session->wait;
    $session->close;
    is($case->sql("SELECT count(*) FROM api_file WHERE path LIKE '/data7/there/%' AND path NOT LIKE '%/$n.jpg'"),
        2, "$what: the others are linked");
    $look->($case->sql("SELECT split_part(path, '/', 3) FROM api_file WHERE path LIKE '%/$n.jpg'"));
    start_anew();
}

sub start_anew
{
    system('rm', '-rf', "$disk/here", "$disk/there");
    make_file("$disk/$_") for @files;
    $case->sql(q(ALTER TABLE api_file DISABLE TRIGGER wait;
        UPDATE api_file SET path = replace(path, '/there/', '/here/');
        SELECT scan_missing(7, force => true);
        ALTER TABLE api_file ENABLE TRIGGER wait;
        DELETE FROM missing_photos.file_identity;
        DELETE FROM missing_photos.known_folder));
    is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'all is there again');
}
