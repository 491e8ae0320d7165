# What stands between a deletion and a photo: doubt, files that are back, the breaker, the age; and
# how a deletion fails.
use strict;
use warnings;
use MissingPhotos::Privileged;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Derived;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('delete_guard', 'max_prepared_transactions = 2');
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2024_10');
my $disk = make_derived($library);
$library->scan($_) for 1, 2, 12, 21, 112;
my @lost = $library->lose('owner = 2 AND n <= 8');
$library->lose('owner = 12 AND n <= 8');
$library->scan($_) for 2, 12;
$library->keep('lost');
my $count = 8;
my $in_doubt = $count + @lost;

doubt();
back_in_time();
breaker();
approval();
imported_again();
age();
transactions();
failure();
the_rest();
$node->stop;
done_testing();

sub sql { my ($sql) = @_; return $library->sql($sql); }

# delete_missing's answer, decoded.
sub delete_missing
{
    my ($settings, $arguments) = @_;
    return decode_json(sql(join(' ', map { "SET missing_photos.$_;" } @$settings) .
        "SELECT delete_missing(" . ($arguments // 2) . ')'));
}

sub left { return sql('SELECT count(*) FROM t.photo WHERE owner = t.owner(2)'); }

sub nothing_deleted
{
    my ($what) = @_;
    is(left(), 40, "$what: no photo went");
    is($library->changes('lost'), '', "$what: no row changed");
}

# Whatever can't be told for certain keeps its photos.
sub doubt
{
    my $root = "$library->{disk}/data";
    rename($root, "$root.away");
    is(delete_missing([])->{in_doubt}, $in_doubt, 'the root is gone');
    nothing_deleted('the root is gone');
    mkdir $root;
    is(delete_missing([])->{in_doubt}, $in_doubt, 'an empty folder is in its place');
    nothing_deleted('an empty folder is in its place');
    rmdir $root;
    rename("$root.away", $root);
    chmod 0, "$root/2/dir00";
    is(delete_missing([])->{in_doubt}, $in_doubt, 'a folder that can\'t be searched');
    nothing_deleted('a folder that can\'t be searched');
    chmod 0755, "$root/2/dir00";
    # Another file in the place of a lost one, and a folder in that of another.
    $library->make_content($lost[0], 'another content, of another size');
    mkdir $library->on_disk($lost[1]);
    my $answer = delete_missing([ 'max_delete_photos = 0', 'max_delete_percent = 100' ]);
    is("$answer->{photos} $answer->{in_doubt}", $count - 2 . ' 4',
        'other things in the places of two files: their photos stay');
    is(left(), 40 - $count + 2, 'and the rest goes');
    sql("SELECT missing_photos.undo_delete('$answer->{job_id}')");
    unlink $library->on_disk($lost[0]);
    rmdir $library->on_disk($lost[1]);
}

# Files that come back between the first look and the deletion of their batch.
sub back_in_time
{
    my @photos = $library->column('SELECT photo FROM t.map WHERE owner = 2 AND n <= 8 GROUP BY photo ORDER BY photo');
    my ($path) = $library->column("SELECT path FROM t.map WHERE photo = '$photos[3]' ORDER BY kind LIMIT 1");
    my $file = $library->on_disk($path);
    # When the first batch notes its progress, the file of a later one comes back.
    sql("CREATE FUNCTION public.come_back() RETURNS trigger LANGUAGE plpgsql AS \$f\$
         BEGIN
             IF new.progress_current = 1 AND new.progress_target > 1 THEN
                 COPY (SELECT '$path') TO '$file';
             END IF;
             RETURN new;
         END \$f\$;
         CREATE TRIGGER come_back BEFORE UPDATE ON api_longrunningjob
            FOR EACH ROW EXECUTE FUNCTION public.come_back()");
    sql('SET missing_photos.max_delete_percent = 100; CALL delete_missing_photos(2, batch_size => 1)');
    is($library->sql(q(SELECT (result ->> 'photos') || ' ' || (result ->> 'in_doubt') FROM missing_photos.job
                        WHERE kind = 'delete' ORDER BY started_at DESC LIMIT 1)), '7 2',
        'a file that came back meanwhile');
    is(sql("SELECT count(*) FROM t.photo WHERE photo = '$photos[3]'"), 1, 'keeps its photo');
    sql('DROP TRIGGER come_back ON api_longrunningjob');
    unlink $file;
    undo();
    nothing_deleted('undone');
}

# Undoes the last deletion that deleted anything.
sub undo
{
    my $job = sql(q(SELECT job_id FROM missing_photos.jobs
                     WHERE kind = 'delete' AND photos > 0 ORDER BY started_at DESC LIMIT 1));
    sql("SELECT missing_photos.undo_delete('$job')");
}

sub breaker
{
    my @tight = ('max_delete_photos = 7', 'max_delete_percent = 19');
    my $answer = delete_missing(\@tight);
    ok(!$answer->{status}, 'more than the settings allow: held');
    like($answer->{error}, qr/^held: 8 of 40 photos/, 'the answer says so');
    nothing_deleted('held');
    is(sql("SELECT state || ' ' || suspects FROM missing_photos.jobs WHERE job_id = '$answer->{job_id}'"),
        'held 8', 'so does the job');
    is(sql("SELECT finished, failed FROM api_longrunningjob WHERE job_id = '$answer->{job_id}'"), 't|t',
        'to the application it failed');
    my $floor = delete_missing([ 'max_delete_photos = 8', 'max_delete_percent = 0' ]);
    ok($floor->{status}, 'not more photos than the floor: not held');
    is(sql("SELECT state FROM missing_photos.jobs WHERE job_id = '$answer->{job_id}'"), 'cancelled',
        'a later deletion takes the place of one that was held');
    sql("SELECT missing_photos.undo_delete('$floor->{job_id}')");
    my $share = delete_missing([ 'max_delete_photos = 0', 'max_delete_percent = 20' ]);
    ok($share->{status}, 'nor a share that is allowed');
    sql("SELECT missing_photos.undo_delete('$share->{job_id}')");
    my $forced = delete_missing(\@tight, '2, force => true');
    ok($forced->{status}, 'force skips the breaker');
    sql("SELECT missing_photos.undo_delete('$forced->{job_id}')");
    nothing_deleted('all of it undone');
}

sub approval
{
    my @tight = ('max_delete_photos = 0', 'max_delete_percent = 0');
    my $job = delete_missing(\@tight)->{job_id};
    sql("SELECT missing_photos.cancel_job('$job')");
    is(sql("SELECT state FROM missing_photos.jobs WHERE job_id = '$job'"), 'cancelled', 'cancelled');
    nothing_deleted('cancelled');
    $job = delete_missing(\@tight)->{job_id};
    rename("$library->{disk}/data", "$library->{disk}/away");
    my (undef, undef, $error) = $node->psql($library->{database},
        "\\set VERBOSITY verbose\nSELECT missing_photos.approve_job('$job')");
    like($error, qr/58030: the files below .* could not be looked at again/, 'approved in an outage');
    rename("$library->{disk}/away", "$library->{disk}/data");
    is(sql("SELECT state || ' ' || suspects FROM missing_photos.jobs WHERE job_id = '$job'"),
        'held 8', 'it stays held');
    my ($late) = $library->lose('owner = 2 AND n = 11');
    my ($back) = $library->column('SELECT path FROM t.map WHERE owner = 2 AND n = 1');
    $library->scan(2);
    $library->give_back($back);
    is(sql("SELECT photos, restored, held FROM missing_photos.approve_job('$job')"), '7|1|f',
        'approved: what was held goes, but for what is back');
    is(sql('SELECT count(*) FROM t.photo JOIN t.map USING (photo) WHERE t.map.owner = 2 AND n = 11'), 1,
        'what went missing later doesn\'t');
    is(sql("SELECT state || ' ' || suspects FROM missing_photos.jobs WHERE job_id = '$job'"),
        'finished 0', 'the job is finished');
    sql("SELECT missing_photos.undo_delete('$job')");
    $library->give_back($late);
    $library->lose('owner = 2 AND n = 1');
    $library->scan(2);
    nothing_deleted('undone');
}

# The application imported a deleted photo anew, under its old key, and works with it. What hung on the
# deleted one comes back to it; what it has of its own stays and is told.
sub imported_again
{
    my $photo = sql('SELECT DISTINCT photo FROM t.map WHERE owner = 2 AND n = 6');
    my $of = "photo_id = '$photo'";
    my $faces = sql("SELECT count(*) FROM api_face WHERE $of");
    my $thing = sql("SELECT albumthing_id FROM api_albumthing_photos WHERE $of");
    my $person = sql("SELECT person_id FROM api_face WHERE $of ORDER BY id LIMIT 1");
    my $day = sql("SELECT id, albumdate_id FROM api_albumdate_photos WHERE $of");
    sql("CREATE TABLE t.old_photo AS SELECT * FROM api_photo WHERE image_hash = '$photo';
         CREATE TABLE t.old_file AS SELECT f.* FROM api_file AS f WHERE hash = (SELECT main_file_id FROM t.old_photo);
         UPDATE t.old_photo SET rating = rating + 3");
    my $job = delete_missing([ 'max_delete_percent = 100' ])->{job_id};
    is(sql("SELECT count(*) FROM api_photo WHERE image_hash = '$photo'"), 0, 'a photo was deleted');

    # Its file is new; it has another rating, the day's album and a face, whose person counts it.
    my ($link, $date) = split /\|/, $day;
    sql("INSERT INTO api_file SELECT (jsonb_populate_record(f, '{\"missing\": false}')).* FROM t.old_file AS f;
         INSERT INTO api_photo SELECT * FROM t.old_photo;
         INSERT INTO api_photo_files (photo_id, file_id) SELECT image_hash, main_file_id FROM t.old_photo;
         INSERT INTO api_albumdate_photos (albumdate_id, photo_id) VALUES ($date, '$photo');
         INSERT INTO api_face (photo_id, person_id, image, person_label_is_inferred, person_label_probability, encoding)
             VALUES ('$photo', $person, 'faces/new_0.jpg', false, 1, 'new');
         UPDATE api_person SET face_count = face_count + 1 WHERE id = $person");
    my %told = map { split /\|/, $_, 2 } split /\n/, sql(
        "SELECT relation, string_agg(outcome || ' ' || rows, ', ')
           FROM missing_photos.undo_delete('$job') WHERE outcome <> 'restored' GROUP BY 1");
    is($told{'public.api_photo'}, 'a row with its key exists, with other content 1', 'imported again: undo tells of its row');
    is(sql("SELECT rating - (SELECT rating FROM t.old_photo) FROM api_photo WHERE image_hash = '$photo'"), 0,
        'and leaves it as it is');
    is($told{'public.api_file'}, 'a row with its key exists, with other content 1', 'of its file\'s');
    is(sql("SELECT missing FROM api_file WHERE hash = (SELECT main_file_id FROM t.old_photo)"), 'f', 'which stays');
    like($told{'public.api_albumdate_photos'}, qr/^another row has one of its unique values.* 1$/, 'it is in its album already');
    is(sql("SELECT count(*) FROM api_albumdate_photos WHERE $of"), 1, 'and stays there once');
    is(sql("SELECT count(*) FROM api_albumthing_photos WHERE $of AND albumthing_id = $thing"), 1,
        'another album has it back');
    is(sql("SELECT count(*) || ' ' || count(*) FILTER (WHERE encoding = 'new') FROM api_face WHERE $of"),
        $faces + 1 . ' 1', 'its faces are back beside the new one');
    is(sql("SELECT face_count - (SELECT count(*) FROM api_face JOIN api_photo AS p ON p.image_hash = photo_id
                                  WHERE person_id = $person AND NOT p.hidden AND NOT p.in_trashcan
                                    AND person_label_probability >= 0.5)
              FROM api_person WHERE id = $person"), 0, 'and their person counts all of them');
    is(left(), 40, 'the others are back as they were');

    # Out of the way: what was kept of the old one comes, too.
    sql("DELETE FROM api_face WHERE $of AND encoding = 'new';
         UPDATE api_person SET face_count = face_count - 1 WHERE id = $person;
         DELETE FROM api_albumdate_photos WHERE $of;
         UPDATE api_photo SET rating = rating - 3 WHERE image_hash = '$photo';
         DELETE FROM api_photo_files WHERE $of;
         UPDATE api_file SET missing = true WHERE hash = (SELECT main_file_id FROM t.old_photo)");
    is(sql("SELECT string_agg(relation || ' ' || outcome, ', ') FROM missing_photos.undo_delete('$job')
             WHERE rows > 0 AND outcome <> 'restored'"), '', 'once nothing is in the way, the rest comes');
    nothing_deleted('all of it undone');
}

sub age
{
    my $answer = delete_missing([ q(delete_after = '1d') ]);
    is("$answer->{photos} $answer->{waiting}", '0 ' . $in_doubt, 'photos and files not missing for a day wait');
    nothing_deleted('too young');
    sql(q(UPDATE missing_photos.loss SET lost_at = lost_at - interval '2 days'));
    sql('UPDATE missing_photos.registered_root SET last_outage = now()');
    is(delete_missing([ q(delete_after = '1d') ])->{photos}, 0,
        'time before the root\'s last outage doesn\'t count');
    sql(q(UPDATE missing_photos.registered_root SET last_outage = now() - interval '25 hours'));
    $answer = delete_missing([ q(delete_after = '1d') ]);
    is("$answer->{photos} $answer->{waiting}", '8 0', 'after a day they go');
    sql("SELECT missing_photos.undo_delete('$answer->{job_id}')");
    # A photo that the application unlinked itself: nobody knows since when.
    sql("DELETE FROM api_photo_files WHERE photo_id IN (SELECT photo FROM t.map WHERE owner = 1 AND n = 1)");
    sql("UPDATE api_photo SET main_file_id = NULL WHERE image_hash IN (SELECT photo FROM t.map WHERE owner = 1 AND n = 1)");
    is(delete_missing([ q(delete_after = '1h') ], 1)->{waiting}, 1, 'one nobody knows of waits from now on');
    sql(q(UPDATE missing_photos.missing_since SET since = since - interval '2 hours'));
    $answer = delete_missing([ q(delete_after = '1h') ], 1);
    is("$answer->{photos} $answer->{unknown}", '1 1', 'and then goes');
    sql("SELECT missing_photos.undo_delete('$answer->{job_id}')");
    sql("INSERT INTO api_photo_files (photo_id, file_id) SELECT photo, file FROM t.map WHERE owner = 1 AND n = 1;
         UPDATE api_photo SET main_file_id = (SELECT file FROM t.map WHERE owner = 1 AND n = 1)
          WHERE image_hash IN (SELECT photo FROM t.map WHERE owner = 1 AND n = 1)");
    sql('SELECT t.keep(\'lost\')');
}

sub transactions
{
    my @made = derived_on_disk($disk);
    sql('BEGIN; SELECT delete_missing(2); ROLLBACK');
    nothing_deleted('rolled back');
    sql('BEGIN; SAVEPOINT s; SELECT delete_missing(2); ROLLBACK TO s; SELECT 1; COMMIT');
    nothing_deleted('rolled back to a savepoint');
    is(sql('SELECT count(*) FROM missing_photos.deletion'), 0, 'nothing is queued');
    sql("SET missing_photos.notify = off;
         BEGIN; SELECT delete_missing(2); PREPARE TRANSACTION 'two'");
    sql('CALL missing_photos.drain_deletions()');
    sql("ROLLBACK PREPARED 'two'");
    nothing_deleted('prepared and rolled back');
    sql("SET missing_photos.notify = off;
         BEGIN; SELECT delete_missing(2); PREPARE TRANSACTION 'two'");
    sql("COMMIT PREPARED 'two'");
    is(left(), 32, 'prepared and committed: they are gone');
    sql('CALL missing_photos.drain_deletions()');
    undo();
    nothing_deleted('undone');
    is(scalar(derived_on_disk($disk)), @made, 'nothing on disk changed');
    my (undef, undef, $error) = $node->psql($library->{database},
        "\\set VERBOSITY verbose\nBEGIN; CALL delete_missing_photos(2)");
    like($error, qr/25001: delete_missing_photos cannot run inside a transaction block/,
        'the procedure needs a transaction of its own');
}

# A failure is an answer, all it did is rolled back, and its job tells why.
sub failure
{
    sql(q(CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'the "application" refuses'; END $$;
          CREATE TRIGGER refuse BEFORE DELETE ON api_photo FOR EACH ROW EXECUTE FUNCTION public.refuse()));
    my $id = sql('SELECT gen_random_uuid()');
    my $answer = delete_missing([], "2, job_id => '$id'");
    is(join('|', map { "$_=$answer->{$_}" } sort keys %$answer), "error=the \"application\" refuses|job_id=$id|status=0",
        'a failure is an answer');
    nothing_deleted('failed');
    is(sql('SELECT count(*) FROM missing_photos.deletion'), 0, 'nothing is queued');
    is(sql("SELECT state || ': ' || error FROM missing_photos.jobs WHERE job_id = '$id'"),
        'failed: the "application" refuses', 'its job tells why');
    is(sql("SELECT finished, failed FROM api_longrunningjob WHERE job_id = '$id'"), 't|t', 'the application\'s too');
    my (undef, undef, $error) = $node->psql($library->{database}, 'CALL delete_missing_photos(2)');
    like($error, qr/the "application" refuses/, 'the procedure raises it');
    nothing_deleted('the procedure failed');
    is(sql(q(SELECT string_agg(state, ' ') FROM missing_photos.jobs WHERE error LIKE 'the "app%')), 'failed failed',
        'and its job tells why');
    sql('DROP TRIGGER refuse ON api_photo');
    ok(delete_missing([], "2, job_id => '$id'")->{status}, 'the same job again');
    is(sql("SELECT state || ' ' || photos FROM missing_photos.jobs WHERE job_id = '$id'"), 'finished 8', 'finishes');
    sql("SELECT missing_photos.undo_delete('$id')");
    $answer = delete_missing([], "12, job_id => '$id'");
    like($answer->{error}, qr/is a delete of owner "2"/, 'another owner\'s job is no failure of theirs');
    is(sql("SELECT state FROM missing_photos.jobs WHERE job_id = '$id'"), 'finished', 'and stays as it is');
    nothing_deleted('undone');
    stopped();
}

# Cancel, timeouts and the end of the session stay errors.
sub stopped
{
    sql(q(CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_sleep(60); RETURN old; END $$;
          CREATE TRIGGER wait BEFORE DELETE ON api_photo FOR EACH ROW EXECUTE FUNCTION public.wait()));
    my (undef, undef, $error) = $node->psql($library->{database},
        "SET statement_timeout = '1s'; SELECT delete_missing(2)");
    like($error, qr/canceling statement due to statement timeout/, 'a timeout stays an error');
    my $session = MissingPhotos::Session->new($node, $library->{database});
    my $sleeps = 'SELECT count(*) FROM pg_stat_activity WHERE wait_event = \'PgSleep\'';
    $session->send('SELECT delete_missing(2)');
    wait_for(20, sub { sql($sleeps) });
    my $busy = delete_missing([]);
    like($busy->{error}, qr/another job of owner "2" is running/, 'one job of an owner at a time');
    sql('SELECT pg_cancel_backend(' . $session->pid . ')');
    (undef, $error) = $session->wait;
    like($error, qr/canceling statement due to user request/, 'so does a cancel');
    $session->send('SELECT delete_missing(2)');
    wait_for(20, sub { sql($sleeps) });
    sql('SELECT pg_terminate_backend(' . $session->pid . ')');
    (undef, $error) = $session->wait;
    like($error, qr/terminating connection/, 'and the end of the session');
    $session->close;
    sql('DROP TRIGGER wait ON api_photo');
    nothing_deleted('stopped');
}

# Of a photo that stays, lost files go, but never its main file; owners that look alike keep theirs.
sub the_rest
{
    my (undef, undef, $error) = $node->psql($library->{database}, "\\set VERBOSITY verbose\nSELECT delete_missing(99)");
    like($error, qr/02000|P0002/, 'no such owner');
    (undef, undef, $error) = $node->psql($library->{database}, "\\set VERBOSITY verbose\nSELECT delete_missing(NULL)");
    like($error, qr/22004/, 'no owner');
    ok(delete_missing([])->{status}, 'in the end');
    is(left(), 32, 'the photos go');
    is(sql('SELECT count(*) FROM t.photo WHERE owner = t.owner(12)'), 40, 'those of an owner alike stay');
    drain_for_good($library);
    is(join(' ', derived_missing($library)), '', 'no photo misses anything');
}
