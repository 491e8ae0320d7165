# Thumbnails and other files made of photos: queued with the deletion of a photo, removed by the
# drainer when nothing can need them any more, and nothing else is ever touched.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('derived', 'max_prepared_transactions = 2');
my $media = $node->basedir . '/media';
my $photos = $node->basedir . '/photos';
my $n = 0;

create_library($node, 'library');
make_file("$photos/a.jpg");
make_path(map { "$media/$_" } qw(thumbnails_big square_thumbnails faces));
sql("SELECT sample.add_owner(7, '/data'), missing_photos.add_root('/data', '$photos')");
off_until_added();
add_derived_root();
what_is_queued();
what_is_removed();
what_is_kept();
out_of_reach();
made_anew();
transactions();
who_may();
$node->stop;
done_testing();

sub sql { my ($sql) = @_; return $node->safe_psql('library', $sql); }

# The SQLSTATE and message of a statement that fails.
sub error_of
{
    my ($sql, $session) = @_;
    my (undef, undef, $error) = $node->psql('library', "\\set VERBOSITY verbose\n$sql");
    return $error =~ /ERROR:  (\w+: .*)/ ? $1 : $error;
}

# A photo with its thumbnail on disk: its hash, and the thumbnail's path.
sub photo
{
    my $path = '/data/made' . ++$n . '.jpg';
    sql(qq(SELECT sample.add_photos(7, '{"$path"}')));
    my $hash = sql("SELECT md5('$path') || 7");
    make_file("$media/thumbnails_big/$hash.webp");
    return ($hash, "$media/thumbnails_big/$hash.webp");
}

# Deletes a photo as a job would: what was made of it is queued in the same transaction.
sub deletion
{
    my ($hash, %known) = @_;
    my $file = "$media/thumbnails_big/$hash.webp";
    my @stat = stat $file;
    my ($size, $mtime) = $known{unknown} ? ('NULL', 'NULL') :
        ($stat[7], sql("SELECT (extract(epoch FROM (pg_stat_file('$file')).modification)
                                * 1000000000)::bigint"));
    # pg_stat_file knows whole seconds only.
    utime($stat[9], $stat[9], $file) unless $known{unknown} || -l $file;
    return "SELECT missing_photos.queue_deletions(gen_random_uuid(), '7', ARRAY[d.path], ARRAY[d.hash],
                   ARRAY[$size]::bigint[], ARRAY[$mtime]::bigint[])
              FROM missing_photos.library_derived('{$hash}') AS d WHERE d.path LIKE '%big/%';
            DELETE FROM api_photo_files WHERE photo_id = '$hash';
            DELETE FROM api_photo WHERE image_hash = '$hash';";
}

sub due { sql('UPDATE missing_photos.deletion SET retry_at = NULL'); }
sub drain { due(); sql('CALL missing_photos.drain_deletions()'); }

sub queue
{
    return sql("SELECT string_agg(state || COALESCE(': ' || error, ''), E'\\n' ORDER BY queued_at)
                  FROM missing_photos.deletions");
}

sub left_aside { return scalar(() = glob "$media/*/.missing_photos-*"); }

sub off_until_added
{
    my ($hash, $file) = photo();
    sql(deletion($hash));
    is(queue(), '', 'without a derived root nothing is queued');
    sql('CALL missing_photos.drain_deletions()');
    ok(-e $file, 'and nothing removed');
}

sub add_derived_root
{
    my $data = $node->data_dir;
    my $add = "SELECT missing_photos.add_derived_root('/protected_media',";
    like(error_of("$add '$media', '.derived')"), qr/^58P01: .*marker file is absent/, 'without its marker');
    make_file("$media/.derived");
    like(error_of("$add '$media', NULL)"), qr/^22004:/, 'a marker is needed');
    like(error_of("$add '$media', '../x')"), qr/^22023:/, 'a name, not a path');
    like(error_of("$add '" . $node->basedir . "', 'x')"), qr/^58P01:/, 'a marker that is there');
    like(error_of("$add '$data', 'PG_VERSION')"), qr/^42501: .*overlaps/, 'not the server\'s files');
    like(error_of("$add '$data/base', 'PG_VERSION')"), qr/^(42501|58P01):/, 'nor below them');
    make_file("$photos/.derived");
    like(error_of("$add '$photos', '.derived')"), qr/^22023: .*overlaps the library/, 'nor the originals');
    make_path("$photos/deep");
    make_file("$photos/deep/.derived");
    like(error_of("$add '$photos/deep', '.derived')"), qr/^22023: .*overlaps/, 'nor among them');
    symlink($photos, $node->basedir . '/link');
    like(error_of("$add '" . $node->basedir . "/link', '.derived')"), qr/^22023: .*overlaps/,
        'nor by another name');
    sql("$add '$media', '.derived')");
    like(error_of("SELECT missing_photos.add_root('/elsewhere', '$media/faces')"),
        qr/^22023: .*overlaps the derived root/, 'no library root below it from now on');
    is(sql('SELECT app_path, server_path, marker, deletions FROM missing_photos.derived_roots'),
        "/protected_media|$media|.derived|0", 'a derived root');
}

sub what_is_queued
{
    my ($hash, $file) = photo();
    sql("SELECT missing_photos.queue_deletions(gen_random_uuid(), '7', ARRAY['/protected_media/../x',
            '/protected_media', '/protected_media/', '/protected_media/a//b', '/protected_media/./b',
            '/elsewhere/b', '/protected_mediax/b', '', NULL, '/protected_media/a/..'],
            NULL, NULL, NULL)");
    is(queue(), '', 'names that lead elsewhere aren\'t queued');
    sql(deletion($hash));
    sql("INSERT INTO missing_photos.archive (job_id, owner, role)
         SELECT job_id, '7', 'x' FROM missing_photos.deletion");
    is(sql('SELECT path, not_before > queued_at + \'29 days\' FROM missing_photos.deletions'),
        "/protected_media/thumbnails_big/$hash.webp|t", 'a photo\'s thumbnail is, for a month');
    sql('CALL missing_photos.drain_deletions()');
    ok(-e $file, 'during which it stays');
    is(queue(), 'queued', 'and waits');
    sql('SET missing_photos.undo_retention = 0; CALL missing_photos.drain_deletions()');
    ok(!-e $file, 'then it goes');
}

sub what_is_removed
{
    my @made = map { [photo()] } 1 .. 5;
    my ($other, $other_file) = photo();
    sql(join '', map { deletion($_->[0]) } @made[0 .. 3]);
    sql(deletion($made[4][0], unknown => 1));
    unlink $made[1][1];
    due();
    sql('CALL missing_photos.drain_deletions(batch_size => 2)');
    is(scalar(grep { -e $_->[1] } @made), 0, 'thumbnails of deleted photos go');
    ok(-e $other_file, 'those of others stay');
    is(queue(), '', 'the queue is empty');
    is(left_aside(), 0, 'nothing is left aside');
    # Names with everything a file system takes and LibrePhotos wouldn't give.
    my @names = ("a'b\"c.jpg", "new\nline.jpg", '%s{photo}$1.jpg', "caf\xc3\xa9 .jpg", '-rf', '$(x)', '...');
    make_file("$media/faces/$_") for @names, 'kept.jpg';
    my $list = join ',', map { (my $name = $_) =~ s/'/''/g; "'/protected_media/faces/$name'" } @names;
    sql("SELECT missing_photos.queue_deletions(gen_random_uuid(), '7', ARRAY[$list], NULL, NULL, NULL)");
    drain();
    opendir(my $faces, "$media/faces");
    is(join(' ', grep { !/^\.\.?$/ } readdir $faces), 'kept.jpg', 'hostile names go like others');
    is(queue(), '', 'and nothing else went');
}

sub what_is_kept
{
    my @made = map { [photo()] } 1 .. 6;
    my ($by_name, $by_hash, $changed, $newer, $link, $folder) = @made;
    sql(join '', map { deletion($_->[0]) } @made[0 .. 2]);
    sql(join '', map { deletion($_->[0], unknown => 1) } @made[3 .. 5]);
    my ($user) = photo();
    sql("UPDATE api_photo SET thumbnail_big = 'thumbnails_big/$by_name->[0].webp'
          WHERE image_hash = '$user'");
    sql("INSERT INTO api_photo SELECT (jsonb_populate_record(p,
            jsonb_build_object('image_hash', '$by_hash->[0]', 'thumbnail_big', ''))).*
           FROM api_photo AS p WHERE image_hash = '$user'");
    make_file("$media/other");
    rename("$media/other", $changed->[1]);
    utime(time + 100, time + 100, $newer->[1]);
    unlink($link->[1]);
    symlink("$photos/a.jpg", $link->[1]);
    unlink($folder->[1]);
    mkdir($folder->[1]);
    drain();
    is(scalar(grep { lstat $_->[1] } @made), 6, 'files in use, changed files and what is no file stay');
    is(queue(), join("\n", ('kept: another file has its name now') x 2,
        ('kept: not a regular file, or behind a symbolic link') x 2), 'the reasons are told');
    rmdir $folder->[1];
    unlink $link->[1];
    sql('DELETE FROM missing_photos.deletion');
    my ($hash, $file) = photo();
    sql(deletion($hash));
    rename("$media/thumbnails_big", "$media/elsewhere");
    symlink("$media/elsewhere", "$media/thumbnails_big");
    drain();
    ok(-e $file, 'nothing goes behind a symbolic link');
    like(queue(), qr/^kept: not a regular file/, 'even one below the root');
    unlink("$media/thumbnails_big");
    rename("$media/elsewhere", "$media/thumbnails_big");
    sql('DELETE FROM missing_photos.deletion');
}

sub out_of_reach
{
    my ($hash, $file) = photo();
    sql(deletion($hash));
    rename("$media/.derived", "$media/.gone");
    drain();
    ok(-e $file, 'a root without its marker is left alone');
    is(queue(), 'claimed: the root\'s marker file is absent', 'the queue tells why');
    rename("$media/.gone", "$media/.derived");
    chmod 0555, "$media/thumbnails_big";
    drain();
    ok(-e $file, 'so is a folder that the server may not write');
    like(queue(), qr/^claimed: the file system answer.*denied/, 'the reason is told');
    chmod 0755, "$media/thumbnails_big";
    sql('CALL missing_photos.drain_deletions()');
    ok(-e $file, 'it isn\'t tried again at once');
    drain();
    ok(!-e $file, 'later it is');
}

# The application makes the photo anew while the drainer is at it.
sub made_anew
{
    my ($hash, $file) = photo();
    sql(deletion($hash));
    due();
    my $application = MissingPhotos::Session->new($node, 'library');
    $application->query("BEGIN;
        INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('image_hash', '$hash'))).*
          FROM api_photo AS p LIMIT 1");
    my $drainer = MissingPhotos::Session->new($node, 'library');
    $drainer->send('CALL missing_photos.drain_deletions()');
    ok(wait_for(20, sub { queue() eq 'aside' }), 'a thumbnail is set aside');
    ok(!-e $file, 'under another name');
    my (undef, undef, $error) = $node->psql('library', 'CALL missing_photos.drain_deletions()');
    like($error, qr/drained by another session/, 'one drainer at a time');
    $application->query('COMMIT');
    my (undef, $told) = $drainer->wait;
    is($told, '', 'the drainer waited for the transaction');
    ok(-e $file, 'and put the thumbnail back');
    is(queue(), '', 'for good');

    # The transaction outlasts the drainer's patience, and then comes to nothing.
    sql(deletion($hash));
    due();
    $application->query("BEGIN;
        INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('image_hash', '$hash'))).*
          FROM api_photo AS p LIMIT 1");
    (undef, $told) = $drainer->query('CALL missing_photos.drain_deletions()');
    like($told, qr/NOTICE:  1 files are set aside until older transactions/, 'a long transaction');
    is(queue(), 'aside', 'the file waits for it');
    $application->query('ROLLBACK');
    is(($drainer->query('CALL missing_photos.drain_deletions()'))[1], '', 'the next drainer goes on');
    is(queue() . left_aside(), '0', 'and removes it');

    # Made anew on disk too, after it was set aside: the new file stays.
    ($hash, $file) = photo();
    sql(deletion($hash));
    due();
    $application->query("BEGIN;
        INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('image_hash', '$hash'))).*
          FROM api_photo AS p LIMIT 1");
    $drainer->send('CALL missing_photos.drain_deletions()');
    wait_for(20, sub { queue() eq 'aside' });
    open(my $new, '>', $file);
    print $new 'new';
    CORE::close($new);
    $application->query('COMMIT');
    $drainer->wait;
    is(-s $file, 3, 'a thumbnail made meanwhile stays');
    is(queue() . left_aside(), '0', 'the old one goes');
    $_->close for $application, $drainer;
}

sub transactions
{
    my ($hash, $file) = photo();
    my $delete = deletion($hash);
    sql("BEGIN; $delete ROLLBACK");
    is(queue(), '', 'rolled back: nothing is queued');
    sql("BEGIN; SAVEPOINT s; $delete ROLLBACK TO s; COMMIT");
    is(queue(), '', 'nor with a savepoint');
    sql("BEGIN; $delete PREPARE TRANSACTION 'two'");
    drain();
    ok(-e $file, 'prepared: the file stays');
    sql("ROLLBACK PREPARED 'two'");
    drain();
    ok(-e $file, 'rolled back: it stays');
    sql("BEGIN; $delete PREPARE TRANSACTION 'two'");
    sql("COMMIT PREPARED 'two'");
    drain();
    ok(!-e $file, 'committed: it goes');
    like(error_of('BEGIN; CALL missing_photos.drain_deletions()'), qr/^25001:/, 'not in a transaction block');
    like(error_of('CALL missing_photos.drain_deletions(0)'), qr/^22023:/, 'nor without a batch');
}

# A role whose policies hide rows can't tell what is in use.
sub who_may
{
    my ($hash, $file) = photo();
    sql('CREATE ROLE cleaner LOGIN IN ROLE pg_write_server_files;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO cleaner;
         GRANT EXECUTE ON FUNCTION missing_photos.library_derived_in_use(text[], text[]),
                                   missing_photos.check_library() TO cleaner;
         ALTER TABLE api_photo ENABLE ROW LEVEL SECURITY');
    sql(deletion($hash));
    due();
    sql("INSERT INTO api_photo SELECT (jsonb_populate_record(p, jsonb_build_object('image_hash', '$hash'))).*
           FROM api_photo AS p LIMIT 1");
    like(error_of("SET ROLE cleaner;\nCALL missing_photos.drain_deletions()"),
        qr/^42501: query would be affected by row-level security/, 'one that sees only some rows may not drain');
    ok(-e $file, 'nothing is removed');
    sql('ALTER TABLE api_photo DISABLE ROW LEVEL SECURITY');
    is(error_of("SET ROLE cleaner;\nCALL missing_photos.drain_deletions()"), '', 'one that sees all may');
    ok(-e $file, 'a file in use stays');
    is(error_of("SET ROLE cleaner; SELECT missing_photos.add_derived_root('/protected_media', '$media', '.derived')"),
        '', 'it may say where they are');
    sql('SELECT missing_photos.remove_derived_root(\'/protected_media\')');
    is(sql('SELECT count(*) FROM missing_photos.deletion'), 0, 'a root is forgotten with its queue');
}
