# Deletions and their undoing beside an application at work: several clients insert photos, fill albums,
# update faces and people, and take the missing ones out of albums, all at once. No deadlock, no foreign
# key error for any of them, no lost row; in the end every counter is right. A few seconds, or a minute
# with MISSING_PHOTOS_LONG=1.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use MissingPhotos::Sample;

use constant CLIENTS => 6;
my $seconds = $ENV{MISSING_PHOTOS_LONG} ? 60 : 5;
my $node = start_server('beside', 'fsync = off', 'log_lock_waits = on', 'deadlock_timeout = 200ms');
my $base = $node->basedir;
mkdir "$base/disk" or die $!;
$node->safe_psql('postgres', 'CREATE DATABASE work');
for my $file ('test/fixtures/librephotos_2026.sql', 'test/fixtures/put.sql', 'test/fixtures/fill_for_deletion.sql')
{
    system_or_bail($node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null',
        '-d', $node->connstr('work'), '-f', $file);
}
$node->safe_psql('work', qq(
    SELECT fixture.fill_for_deletion(1000, 300);
    CREATE TABLE made (id uuid PRIMARY KEY);
    ANALYZE;
    CREATE EXTENSION missing_photos;
    SELECT missing_photos.attach_library('librephotos');
    SELECT missing_photos.add_root('/data', '$base/disk')));

# What an ORM does, a transaction each. A thing is counted as the application counts it: its row first,
# that stays; the thing's count is written as the application counts it.
my %work = (
    import => q{
\set day random(1, 400)
\set hash random(1, 1000000000000)
BEGIN;
INSERT INTO api_file (hash, path, type, missing) VALUES (md5(:hash::text) || '1', '/data/new/' || :hash, 1, false);
INSERT INTO api_photo (id, image_hash, owner_id, main_file_id, added_on, hidden, public, video, rating, in_trashcan, removed, size,
    local_orientation, is_screenshot, is_document, category_source, last_modified)
    VALUES (md5(:hash::text)::uuid, md5(:hash::text), 1, md5(:hash::text) || '1', now(), false, false, false, 0, false, false, 1, 0, false, false, '', now());
INSERT INTO api_photo_files (photo_id, file_id) VALUES (md5(:hash::text)::uuid, md5(:hash::text) || '1');
INSERT INTO api_albumdate (title, date, favorited, owner_id) VALUES ('', date '2030-01-01' + :day::integer, false, 1) ON CONFLICT DO NOTHING;
INSERT INTO api_albumdate_photos (albumdate_id, photo_id)
    SELECT id, md5(:hash::text)::uuid FROM api_albumdate WHERE owner_id = 1 AND date = date '2030-01-01' + :day::integer;
INSERT INTO made VALUES (md5(:hash::text)::uuid);
COMMIT;
},
    fill => q{
\set thing random(1, 799)
SELECT p.id AS photo FROM api_photo p WHERE owner_id = 1 AND EXISTS (SELECT FROM api_photo_files l WHERE l.photo_id = p.id) ORDER BY random() LIMIT 1 \gset
BEGIN;
UPDATE api_albumthing SET last_modified = now() WHERE id = 1000000 + :thing;
INSERT INTO api_albumthing_photos (albumthing_id, photo_id) SELECT id, :'photo' FROM api_albumthing WHERE id = 1000000 + :thing ON CONFLICT DO NOTHING;
UPDATE api_albumthing a SET photo_count = (SELECT count(*) FROM api_albumthing_photos l JOIN api_photo p ON p.id = l.photo_id
    WHERE l.albumthing_id = a.id AND NOT p.hidden) WHERE id = 1000000 + :thing;
COMMIT;
},
    faces => q{
\set person random(0, 199)
BEGIN;
UPDATE api_person SET name = 'called ' || :person WHERE id = 1000 + :person;
UPDATE api_face SET classification_probability = random() WHERE person_id = 1000 + :person;
COMMIT;
},
    share => q{
\set n random(1, 1000)
BEGIN;
DELETE FROM api_albumuser_photos WHERE photo_id = md5('photo ' || :n || ' of 1')::uuid;
UPDATE api_photo SET rating = rating + 1 WHERE id = md5('photo ' || :n || ' of 1')::uuid;
COMMIT;
});
my @scripts;
for my $name (sort keys %work)
{
    PostgreSQL::Test::Utils::append_to_file("$base/$name.sql", $work{$name} =~ s/:'photo'/':photo'::uuid/r);
    push @scripts, '-f', "$base/$name.sql";
}
my ($out, $err) = ('', '');
my $application = IPC::Run::start(
    [ $node->installed_command('pgbench'), '-n', '-c', CLIENTS, '-j', 2, '-T', $seconds, @scripts,
        $node->connstr('work') ], '>', \$out, '2>', \$err);
my $rounds = 0;
my $deleted = 0;
for (my $start = time; time - $start < $seconds - 1; $rounds++)
{
    my ($status, undef, $error) = $node->psql('work', 'CALL delete_missing_photos(1, batch_size => 40, force => true)');
    is($error, '', "deletion $rounds") if $error;
    my $jobs = $node->safe_psql('work', 'SELECT job_id FROM missing_photos.archives WHERE undone_at IS NULL');
    $deleted += $node->safe_psql('work', q(SELECT COALESCE(sum(photos), 0) FROM missing_photos.archives WHERE undone_at IS NULL));
    for my $job (split /\n/, $jobs)
    {
        ($status, undef, $error) = $node->psql('work', "SELECT * FROM missing_photos.undo_delete('$job')");
        is($error, '', "undoing $rounds") if $error;
    }
}
$application->finish;
my $log = slurp_file($node->logfile);
like($out, qr/number of transactions actually processed: [1-9]/, 'the application worked');
cmp_ok($deleted, '>', 0, "photos went, $deleted in $rounds rounds");
is($err =~ s/^pgbench \(.*\)\n//mr, '', 'and met no error');
unlike($log, qr/deadlock detected/, 'no deadlock');
unlike($log, qr/violates foreign key/, 'no foreign key error');

# Once more, with nobody else at work: then all is in line.
$node->safe_psql('work', 'CALL delete_missing_photos(1, force => true)');
is($node->safe_psql('work', q(SELECT count(*) FROM made WHERE id NOT IN (SELECT photo_id FROM api_photo_files JOIN api_photo p ON p.id = photo_id))),
    '0', 'every photo that was made is there, with its file');
is($node->safe_psql('work', q(SELECT count(*) FROM api_photo p WHERE owner_id = 1
        AND NOT EXISTS (SELECT FROM api_photo_files l WHERE l.photo_id = p.id))), '0', 'the missing ones are gone');
is($node->safe_psql('work', q(SELECT count(*) FROM missing_photos.unsettled)), '0', 'nothing is left to bring in line');
is($node->safe_psql('work', q(SELECT count(*) FROM api_albumthing a WHERE owner_id = 1 AND photo_count <> (
        SELECT count(*) FROM api_albumthing_photos l JOIN api_photo p ON p.id = l.photo_id
         WHERE l.albumthing_id = a.id AND NOT p.hidden))), '0', 'things count their photos');
is($node->safe_psql('work', q(SELECT count(*) FROM api_person q WHERE cluster_owner_id = 1 AND face_count <> (
        SELECT count(*) FROM api_face f JOIN api_photo p ON p.id = f.photo_id
         WHERE f.person_id = q.id AND NOT p.hidden))), '0', 'people count their faces');
$node->stop;
done_testing();
