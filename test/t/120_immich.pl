# Immich from end to end: a mount that drops changes no asset, a renamed folder keeps albums, faces and
# sidecars, what comes back is out of reach of the nightly deletion, and a deletion and its undoing
# leave stacks, live photos and mobile clients right.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Derived;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Privileged::need_root();
# Immich's own, as it runs each night: assets that were deleted so long ago.
use constant NIGHTLY => q("deletedAt" < now() - interval '30 days');

my $node = start_server('immich');
my $library = MissingPhotos::EveryLibrary->new($node, 'immich');
my $album = q(SELECT count(*) FROM album_asset AS l JOIN asset AS a ON a.id = l."assetId"
               WHERE a."ownerId"::text = t.owner(2));
my $faces = q(SELECT count(*) FROM asset_face AS f JOIN face_search AS s ON s."faceId" = f.id
                JOIN asset AS a ON a.id = f."assetId" WHERE a."ownerId"::text = t.owner(2));
$library->sql(q(UPDATE asset SET checksum = missing_photos.sha1(convert_to('path:' || "originalPath", 'UTF8'))
                 WHERE "isExternal"));
$library->make_content($_) for $library->column(
    q(SELECT path FROM asset_file WHERE type = 'sidecar' AND path LIKE '/data/2/%'));
$library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;

mount_drop();
renamed_folder();
sidecar_left_behind();
live_photo();
contents();
moving();
locks();
nightly();
preview();
deleted_and_back();
stack_of_two();
files_made();
$node->stop;
done_testing();

sub asset
{
    my ($n) = @_;
    return $library->sql("SELECT photo FROM t.map WHERE owner = 2 AND n = $n ORDER BY kind LIMIT 1");
}

sub clock { return $library->sql('SELECT immich_uuid_v7()'); }

# The library's disk is a mount of its own; it goes while its folder stays, and comes back.
sub mount_drop
{
    my $data = "$library->{disk}/data";
    rename($data, "$library->{disk}/real") or die $!;
    make_path($data);
    MissingPhotos::Privileged::as_root('mount', '--bind', "$library->{disk}/real", $data);
    MissingPhotos::Privileged::at_end('umount', '-l', $data);
    $library->sql("SELECT missing_photos.accept_root('/data')");
    $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
    $library->keep('mounted');
    my $before = $library->sql('SELECT max("updateId"::text) FROM asset');
    MissingPhotos::Privileged::as_root('umount', '-l', $data);
    for my $owner (@MissingPhotos::EveryLibrary::OWNERS)
    {
        my $external = $library->sql("SELECT count(*) FROM t.map WHERE owner = $owner AND ours");
        is($library->scan($owner), "0|0|$external|0", "owner $owner: the mount is gone, all of it is unreachable");
        $library->sql("SELECT scan_missing(t.owner($owner), force => true, relink => true)");
        $library->sql("SELECT delete_missing(t.owner($owner), force => true)");
    }
    is($library->changes('mounted'), '', 'a mount drop changes 0 assets, though forced, relinked and deleted');
    is($library->sql('SELECT max("updateId"::text) FROM asset'), $before, 'no row was even touched');
    # Immich's own rule, for comparison: a file that can't be seen is offline.
    is($library->sql(qq[SELECT bool_and(pg_stat_file(replace("originalPath", '/data/', '$data/'), true) IS NULL)
                          FROM asset WHERE "isExternal"]), 't',
        'a plain look would have called every one offline');
    MissingPhotos::Privileged::as_root('mount', '--bind', "$library->{disk}/real", $data);
    is($library->scan(2), '0|0|0|0', 'mounted again: all is well');
    $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
    is($library->sql('SELECT count(*) FROM missing_files'), 0, 'nothing is in doubt any more');
    # An ordinary folder from here on.
    MissingPhotos::Privileged::as_root('umount', '-l', $data);
    rmdir $data or die $!;
    rename("$library->{disk}/real", $data) or die $!;
    $library->sql("SELECT missing_photos.accept_root('/data')");
    $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
}

sub move
{
    my ($from, $to) = @_;
    rename($library->on_disk($from), $library->on_disk($to)) or die "$from: $!";
}

sub relink { return $library->sql('SELECT relinked, ambiguous FROM relink_missing(t.owner(2))'); }

sub renamed_folder
{
    my @before = map { $library->sql($_) } $album, $faces;
    my $clock = clock();
    my $n = $library->sql('SELECT count(*) FROM t.map WHERE owner = 2 AND ours');
    my $sidecars = $library->sql(q(SELECT count(*) FROM asset_file WHERE type = 'sidecar' AND path LIKE '/data/2/%'));
    $library->keep('named');
    move('/data/2/dir00', '/data/2/holidays in Rome');
    $library->sql('SELECT scan_missing(t.owner(2), force => true)');
    is($library->sql(q(SELECT count(*) FROM asset WHERE "isOffline")), $n, 'a renamed folder: all offline');
    is(relink(), "$n|0", 'and found');
    is($library->changes('named'), join('; ', "asset.checksum $n", "asset.originalPath $n",
        "asset_file.path $sidecars"), 'paths, their checksums and the sidecars\' paths changed, nothing else');
    is(join(' ', map { $library->sql($_) } $album, $faces), "@before", 'albums and faces are what they were');
    is($library->sql(q(SELECT count(*) FROM asset WHERE "isExternal" AND checksum <>
        missing_photos.sha1(convert_to('path:' || "originalPath", 'UTF8')))), 0, 'checksums are those of the paths');
    is($library->sql(q(SELECT count(*) FROM asset_file AS f JOIN asset AS a ON a.id = f."assetId"
        WHERE f.type = 'sidecar' AND f.path <> "originalPath" || '.xmp' AND a."isExternal")), 0, 'each sidecar is beside its photo');
    is($library->sql(qq(SELECT count(*) FROM asset WHERE "updateId" > '$clock' AND "originalPath" ~ 'Rome')), $n,
        'clients are told of all');
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.findings WHERE reason = 'its sidecar' LIMIT 1));
    move('/data/2/holidays in Rome', '/data/2/dir00');
    is($library->sql("SELECT missing_photos.undo_moves('$job')"), $n, 'taken back');
    is($library->changes('named'), '', 'every row is what it was, sidecars too');
}

# Only the photo moved: the sidecar's row says where the sidecar is. When it follows, so does the row.
sub sidecar_left_behind
{
    my $n = 4;
    my ($photo) = $library->column("SELECT path FROM t.map WHERE owner = 2 AND n = $n");
    my $sidecar = qq(SELECT path FROM asset_file WHERE type = 'sidecar' AND "assetId" = '${\asset($n)}');
    make_path($library->on_disk('/data/2/other'));
    move($photo, '/data/2/other/a.jpg');
    is(relink(), '1|0', 'a photo moved without its sidecar');
    is($library->sql($sidecar), "$photo.xmp", 'which stays what it was');
    is($library->sql(q(SELECT path FROM missing_photos.findings WHERE reason = 'its sidecar was not found beside it')),
        "$photo.xmp", 'a finding says so');
    move("$photo.xmp", '/data/2/other/a.jpg.xmp');
    relink();
    is($library->sql($sidecar), '/data/2/other/a.jpg.xmp', 'it is found when it has moved, too');
    move('/data/2/other/a.jpg', $photo);
    move('/data/2/other/a.jpg.xmp', "$photo.xmp");
    is(relink(), '1|0', 'both back');
    is($library->changes('named'), '', 'every row is what it was');
}

# A live photo is two files (photo 1 plays the video of photo 5).
sub live_photo
{
    my @paths = map { $library->sql("SELECT path FROM t.map WHERE owner = 2 AND n = $_") } 1, 5;
    my $pair = qq(SELECT string_agg(regexp_replace(a."originalPath", '.*/', ''), ' ' ORDER BY a.type)
                    FROM asset AS a, asset AS p
                   WHERE p.id = '${\asset(1)}' AND a.id IN (p.id, p."livePhotoVideoId") AND NOT a."isOffline");
    move($paths[0], '/data/2/other/live.jpg');
    move($paths[1], '/data/2/other/live.mp4');
    is(relink(), '2|0', 'both halves of a live photo are found');
    is($library->sql($pair), 'live.jpg live.mp4', 'and still a pair');
    move('/data/2/other/live.jpg', $paths[0]);
    move('/data/2/other/live.mp4', '/lost.mp4');
    $library->sql('SELECT scan_missing(t.owner(2), relink => true)');
    is($library->sql('SELECT string_agg(path, $$ $$) FROM missing_files'), '/data/2/other/live.mp4',
        'of one whose video is gone, the video is named');
    is($library->sql($pair), 'img_000001.jpg', 'the photo is found by itself');
    move('/lost.mp4', $paths[1]);
    is(relink(), '1|0', 'the video is back');
    is($library->changes('named'), '', 'every row is what it was');
}

# On another disk, without times: found by what was read before, which Immich has no place for.
sub contents
{
    my @paths = $library->column('SELECT path FROM t.map WHERE owner = 2 AND n IN (11, 12, 16) ORDER BY n');
    my @new = map { "/data/2/other/$_.jpg" } 1 .. 3;
    my $copied = sub {
        my ($from, $to) = @_;
        $library->make_content($to, $paths[$_[2]]);
        utime(1_000_000_000 + $_[2], 1_000_000_000 + $_[2], $library->on_disk($to));
        unlink $library->on_disk($from) or die $!;
    };
    is($library->sql("SELECT string_agg(DISTINCT a.action, ' ') FROM unnest('{" . join(',', @paths[0, 1])
        . "}'::text[]) AS p, add_file(t.owner(2), p) AS a"), 'known', 'two are read');
    $copied->($paths[$_], $new[$_], $_) for 0 .. 2;
    is(relink(), '2|0', 'those that were read are found by their contents');
    is($library->sql('SELECT string_agg(path, $$ $$) FROM missing_files'), '', 'a relinking alone calls nothing missing');
    rename($library->on_disk($new[$_]), $library->on_disk($paths[$_])) or die $! for 0 .. 2;
    is(relink(), '2|0', 'and back');
    $library->scan(2);
    is($library->changes('named'), '', 'every row is what it was');
}

# Immich is moving a file: a row says from where to where until it has arrived.
sub moving
{
    my ($path) = $library->column('SELECT path FROM t.map WHERE owner = 2 AND n = 6');
    my $id = asset(6);
    $library->sql(qq(INSERT INTO move_history ("entityId", "pathType", "oldPath", "newPath")
                     VALUES ('$id', 'original', '$path', '/data/2/other/moved.jpg')));
    move($path, '/data/2/other/moved.jpg');
    $library->keep('in flight');
    is($library->scan(2), '0|0|0|0', 'a file in flight isn\'t missing');
    is(relink(), '0|0', 'nor is it anybody else\'s to link');
    is($library->sql("SELECT count(*) FROM check_files('$id')"), 0, 'nor looked at by itself');
    is($library->changes('in flight'), '', 'nothing is written');
    $library->sql(q(DELETE FROM move_history));
    is(relink(), '1|0', 'a move that Immich gave up is found like any other');
    move('/data/2/other/moved.jpg', $path);
    is(relink(), '1|0', 'and back');
    is($library->changes('named'), '', 'every row is what it was');
}

# A running Immich holds its library lock as long as it runs: it says who watches, so it keeps nobody
# from working. We never take it: an Immich that starts meanwhile would not watch nor scan.
sub locks
{
    my $immich = MissingPhotos::Session->new($node, $library->{database});
    is(($immich->query('SELECT pg_try_advisory_lock(1337)'))[0], 't', 'Immich runs');
    my @lost = $library->lose('owner = 2 AND n = 6');
    is($library->scan(2), '1|0|0|0', 'scans go on beside it');
    $library->give_back(@lost);
    is($library->scan(2), '0|1|0|0', 'so do returns');
    $immich->close;
    my $ours = MissingPhotos::Session->new($node, $library->{database});
    my $id = $library->sql('SELECT t.owner(2)');
    for my $verb ("scan_missing('$id', relink => true)", "relink_missing('$id')", "delete_missing('$id')")
    {
        $ours->query("BEGIN; SELECT * FROM $verb");
        isnt($library->sql(q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')), 0, "$verb holds a lock");
        is($library->sql('SELECT pg_try_advisory_lock(1337)'), 't', 'but not Immich\'s');
        $ours->query('ROLLBACK');
    }
    $ours->close;
}

# What was offline for longer than Immich keeps deleted assets, and came back, is safe.
sub nightly
{
    my @lost = $library->lose('owner = 2 AND n <= 12 AND ours');
    my ($thrown) = $library->column('SELECT photo FROM t.map WHERE owner = 2 AND n = 2');
    $library->sql(qq(UPDATE asset SET status = 'trashed', "deletedAt" = now() - interval '40 days' WHERE id = '$thrown'));
    is($library->sql('SELECT missing FROM scan_missing(t.owner(2), force => true)'), scalar @lost, 'a folder is gone');
    $library->sql(q(UPDATE asset SET "deletedAt" = now() - interval '31 days' WHERE "isOffline" AND status = 'active'));
    is($library->sql('SELECT count(*) FROM asset WHERE ' . NIGHTLY), scalar @lost, 'for 31 days: tonight Immich deletes it');
    $library->give_back(@lost);
    my $copy = $library->copy('unscanned');
    is($library->scan(2), '0|' . @lost . '|0|0', 'it is back in time');
    is($library->sql(qq(DELETE FROM asset WHERE "ownerId"::text = t.owner(2) AND id <> '$thrown'
                           AND ${\NIGHTLY} RETURNING id)), '', 'the nightly deletion finds none of it');
    is($library->sql('SELECT string_agg(id::text, $$ $$) FROM asset WHERE ' . NIGHTLY), $thrown,
        'only what its user threw away');
    is($copy->sql('SELECT count(*) FROM asset WHERE ' . NIGHTLY), scalar @lost, 'without the scan it would have found all');
    # What Immich itself called offline, though it is there.
    $library->sql(q(UPDATE asset SET "isOffline" = true, "deletedAt" = now() - interval '31 days'
                     WHERE "isExternal" AND status = 'active'));
    $library->scan($_) for @MissingPhotos::EveryLibrary::OWNERS;
    is($library->sql(qq(SELECT count(*) FROM asset WHERE "isOffline" OR id <> '$thrown' AND ${\NIGHTLY})), 0,
        'what Immich took for offline while a mount was away is found, too');
    $library->sql(qq(UPDATE asset SET status = 'active', "deletedAt" = NULL WHERE id = '$thrown'));
    is($library->changes('named'), '', 'every row is what it was');
}

# What goes: photo 1 (a stack's primary, in a live photo), 4 (an album's cover, with a sidecar), 6, 8
# (edited), and 9.
sub lose_some
{
    my @lost = $library->lose('owner = 2 AND n IN (1, 4, 6, 8, 9)');
    is($library->scan(2), '5|0|0|0', 'five are gone');
    return @lost;
}

sub preview
{
    my @lost = lose_some();
    is($library->sql(q(SELECT string_agg(p.relation || ' ' || p.action || ' ' || p.rows, '; ')
                         FROM missing_photos.delete_preview(t.owner(2)) AS p(relation, action, rows)
                        WHERE p.relation::text ~ 'stack|album"?$|public.asset$')),
        'public.asset delete 5; public.stack set primaryAssetId 1; public.album set null 1',
        'the preview: the stack gets another primary');
    $library->give_back(@lost);
    $library->scan(2);
    is($library->changes('named'), '', 'every row is what it was');
}

sub audits
{
    my ($since) = @_;
    return join ' ', map { $library->sql("SELECT count(*) FROM $_ WHERE id > '$since'") }
        qw(asset_audit album_asset_audit memory_asset_audit asset_face_audit stack_audit);
}

sub deleted_and_back
{
    my @lost = lose_some();
    $library->keep('lost');
    my $clock = clock();
    my ($ids) = $library->sql(q(SELECT array_agg(id) FROM asset WHERE "isOffline"));
    my %rows = map { $_ => $library->sql(qq(SELECT count(*) FROM $_ WHERE "assetId" = ANY ('$ids'))) }
        qw(album_asset memory_asset asset_face);
    is($library->sql(q(SELECT a ->> 'photos' FROM delete_missing(t.owner(2)) AS a)), 5, 'five assets are deleted');
    is($library->sql(qq(SELECT count(*) FROM asset WHERE id = ANY ('$ids'))), 0, 'they are gone');
    like($library->sql(q(SELECT string_agg((a."stackId" = s.id) || ' ' || m.n, ', ') FROM stack AS s
        JOIN asset AS a ON a.id = s."primaryAssetId" JOIN t.map AS m ON m.photo = a.id::text WHERE m.owner = 2)),
        qr/^true [23]$/, 'their stack shows another one of its own');
    is($library->sql(qq(SELECT visibility FROM asset WHERE id = '${\asset(5)}')), 'timeline',
        'the video of the live photo is seen by itself');
    is(audits($clock), "5 $rows{album_asset} $rows{memory_asset} $rows{asset_face} 0", 'clients are told what went');
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.archives ORDER BY deleted_at DESC LIMIT 1));
    my $later = clock();
    is($library->sql("SELECT string_agg(DISTINCT outcome, ' ') FROM missing_photos.undo_delete('$job')"),
        'restored', 'undone, without a conflict');
    is($library->changes('lost'), '', 'every row is what it was');
    is($library->sql(qq(SELECT count(*) FROM asset WHERE id = ANY ('$ids') AND "updateId" > '$later')), 5,
        'clients fetch the assets again');
    is($library->sql(qq(SELECT count(*) FROM album_asset WHERE "assetId" = ANY ('$ids') AND "updateId" > '$later')),
        $rows{album_asset}, 'with their albums');
    is($library->sql(qq(SELECT count(*) FROM asset_exif WHERE "assetId" = ANY ('$ids') AND "updateId" > '$later')), 5,
        'and what is known of them');
    $library->give_back(@lost);
    is($library->scan(2), '0|5|0|0', 'their files are back, too');
    is($library->changes('named'), '', 'every row is what it was');
}

# Two of a stack of three go: it is no stack any more.
sub stack_of_two
{
    my @lost = $library->lose('owner = 2 AND n IN (2, 3)');
    $library->scan(2);
    $library->keep('two lost');
    my $clock = clock();
    $library->sql('SELECT delete_missing(t.owner(2))');
    is($library->sql(q(SELECT count(*) FROM stack WHERE "ownerId"::text = t.owner(2))), 0, 'a stack of one is dissolved');
    is($library->sql(qq(SELECT "stackId" IS NULL FROM asset WHERE id = '${\asset(1)}')), 't', 'and its asset free');
    is((split / /, audits($clock))[4], 1, 'clients are told');
    my $job = $library->sql(q(SELECT job_id FROM missing_photos.archives ORDER BY deleted_at DESC LIMIT 1));
    $library->sql("SELECT * FROM missing_photos.undo_delete('$job')");
    is($library->changes('two lost'), '', 'undone: the stack is what it was');
    $library->give_back(@lost);
    $library->scan(2);
    is($library->changes('named'), '', 'every row is what it was');
}

# Previews, thumbnails and encoded videos go when nothing can bring their asset back; a sidecar never.
sub files_made
{
    for my $folder (qw(thumbs encoded-video))
    {
        $library->make_content("/usr/src/app/upload/$folder/.derived");
        $library->sql(sprintf q(SELECT missing_photos.add_derived_root('/usr/src/app/upload/%s', '%s', '.derived')),
            $folder, $library->on_disk("/usr/src/app/upload/$folder"));
    }
    my @made = $library->column(q(SELECT f.path FROM asset_file AS f JOIN t.map AS m ON m.photo = f."assetId"::text
                                   WHERE m.owner = 2 AND m.n IN (4, 5) AND f.type <> 'sidecar'));
    my @theirs = $library->column(q(SELECT f.path FROM asset_file AS f JOIN t.map AS m ON m.photo = f."assetId"::text
                                   WHERE m.owner = 2 AND m.n = 8 AND f.type <> 'sidecar'));
    $library->make_content($_) for @made, @theirs;
    my ($sidecar) = $library->column('SELECT path || $$.xmp$$ FROM t.map WHERE owner = 2 AND n = 4');
    $library->lose('owner = 2 AND n IN (4, 5)');
    $library->scan(2);
    $library->sql('SELECT delete_missing(t.owner(2))');
    is($library->sql('SELECT string_agg(path, $$ $$ ORDER BY path) FROM missing_photos.deletions'),
        join(' ', sort @made), 'what was made of them is queued, by its names');
    drain_for_good($library);
    is(scalar(grep { -e $library->on_disk($_) } @made), 0, 'and goes');
    is(scalar(grep { -e $library->on_disk($_) } @theirs), scalar @theirs, 'nobody else\'s');
    ok(-e $library->on_disk($sidecar), 'the sidecar, which its user made, stays');
}
