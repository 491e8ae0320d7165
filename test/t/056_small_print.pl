# What a careful reader would ask next: the server's files that lie outside its data directory, a
# transaction that may not write, a trigger that lets go of every advisory lock.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Sample;

my $elsewhere = PostgreSQL::Test::Utils::tempdir();
mkdir "$elsewhere/$_" for qw(log configuration photos);
my $node = PostgreSQL::Test::Cluster->new('small_print');
$node->init(extra => [ '--waldir', "$elsewhere/wal" ]);
$node->append_conf('postgresql.conf',
    "log_directory = '$elsewhere/log'\nident_file = '$elsewhere/configuration/ident.conf'");
append_to_file("$elsewhere/configuration/ident.conf", '');
system('chown', '-R', '--reference=' . $node->data_dir, $elsewhere);
$node->start;
create_library($node, 'library');
make_file("$elsewhere/photos/a.jpg");
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, '{/data/a.jpg,/data/gone.jpg}');
    SELECT missing_photos.add_root('/data', '$elsewhere/photos')));

for my $folder (qw(wal log configuration))
{
    like(answer("SELECT missing_photos.add_root('/own', '$elsewhere/$folder')"),
        qr/42501: root ".*" overlaps the server's own files/, "a root over the server's $folder");
}
like(answer("SELECT missing_photos.add_root('/own', '$elsewhere')"), qr/42501/, 'or above them');

my $photo = $node->safe_psql('library', "SELECT md5('/data/gone.jpg') || '7'");
for my $verb ('SELECT scan_missing(7)', "SELECT * FROM check_files('$photo')",
    'CALL scan_missing_photos(7)')
{
    like(answer("SET default_transaction_read_only = on; $verb"),
        qr/25006: cannot execute \w+(\(\))? in a read-only transaction/, "read-only: $verb");
}

# The commit of a step takes the lock back, else its release at the end would warn.
$node->safe_psql('library', q(
    CREATE FUNCTION let_go() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_unlock_all(); RETURN NULL; END';
    CREATE TRIGGER let_go AFTER UPDATE ON api_file EXECUTE FUNCTION let_go()));
is(answer('CALL scan_missing_photos(7, force => true)'), '', 'a trigger that lets go of every lock');
is($node->safe_psql('library', 'SELECT count(*) FROM api_file WHERE missing'), 1,
    'and it was called');
$node->stop;
done_testing();

sub answer
{
    my ($statement) = @_;
    my ($status, $out, $errors) = $node->psql('library', $statement,
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return $errors;
}
