# file_hashes where files fail or change while they are read, and with more paths than fit anywhere.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant { FILES => 30, PATHS => 100_000, LARGE => 100, LARGE_BYTES => 1_000_000_000, LATE => 0.250 };

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('hashes');
my $base = $node->basedir;
my %content = map { ("$_.jpg" => "content of $_ " x (1 + $_ * $_ * 3)) } 1 .. FILES;
my @files = sort { $a <=> $b } map { s/\.jpg//r } keys %content;
write_file("$base/disk/$_.jpg", $content{"$_.jpg"}) for @files;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
$node->safe_psql('library', "SELECT missing_photos.add_root('/data', '$mount->{dir}')");

is_deeply(hashes(), right(), 'all are hashed');
one_fails('read');
one_fails('open');
one_changes();
many_paths();
large_files();
$node->stop;
done_testing();

sub write_file
{
    my ($path, $content) = @_;
    make_file($path);
    open(my $file, '>', $path) or die "$path: $!";
    print {$file} $content;
}

sub hashes
{
    my %state;
    my $array = join ',', map { "/data/$_.jpg" } @files;
    for (split /\n/, $node->safe_psql('library', "SELECT path, state, hash FROM file_hashes('{$array}')"))
    {
        my ($path, $state, $hash) = split /\|/;
        $path =~ s{^/data/}{};
        $state{$path} = $state eq 'present' ? $hash : $state;
    }
    return \%state;
}

# The answers that are right, but for those given.
sub right
{
    return { (map { ($_ => md5_hex($content{$_})) } keys %content), @_ };
}

# What one file's errors cost the others: nothing.
sub one_fails
{
    my ($operation) = @_;
    $mount->fail_with('EIO', $operation, '/13.jpg');
    is_deeply(hashes(), right('13.jpg' => 'unreachable'), "$operation fails for one: it is unreachable");
    $mount->clear;
    is_deeply(hashes(), right(), "$operation works again: all are hashed");
}

# A file that somebody writes to all the while.
sub one_changes
{
    my $path = "$base/disk/20.jpg";
    $mount->latency(3000);
    my $writer = fork // die $!;
    if ($writer == 0)
    {
        open(my $file, '>>', $path) or die $!;
        while (1)
        {
            syswrite($file, 'x') or last;
            sleep 0.001;
        }
        exec 'false';
    }
    my $found = hashes();
    kill 'KILL', $writer;
    waitpid $writer, 0;
    $mount->clear;
    is_deeply($found, right('20.jpg' => 'unreachable'), 'a file that changes while it is read');
    open(my $file, '<', $path) or die $!;
    $content{'20.jpg'} = do { local $/; <$file> };
    is_deeply(hashes(), right(), 'it is hashed when it holds still');
}

sub megabytes_at_most
{
    my ($pid) = @_;
    open(my $status, '<', "/proc/$pid/status") or die $!;
    my ($kib) = map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$status>;
    return $kib / 1024;
}

# Memory is bounded by the portion in hand, not by the array.
sub many_paths
{
    make_file("$base/more/$_") for 1 .. 500;
    $node->safe_psql('library', "SELECT missing_photos.add_root('/more', '$base/more')");
    my $session = MissingPhotos::Session->new($node, 'library');
    my $ask = sub {
        my ($n) = @_;
        my ($row, $errors) = $session->query("SELECT count(*), count(hash), count(DISTINCT hash)
            FROM file_hashes(ARRAY(SELECT '/more/' || 1 + i % 500 FROM generate_series(1, $n) i))");
        return "$row$errors";
    };
    is($ask->(PATHS / 5), join('|', PATHS / 5, PATHS / 5, 500), 'a fifth of ' . PATHS . ' paths');
    my @processes = ($session->pid, (probe_of($session->pid))[1]);
    my @before = map { megabytes_at_most($_) } @processes;
    is($ask->(PATHS), join('|', PATHS, PATHS, 500), PATHS . ' paths');
    my @after = map { megabytes_at_most($_) } @processes;
    note("MiB: the backend $before[0], then $after[0]; the probe $before[1], then $after[1]");
    cmp_ok($after[0] - $before[0], '<', 40, 'five times the paths take the backend little more memory');
    cmp_ok($after[1], '<', 64, 'and the probe stays small');
    $session->close;
}

# Files of 100 GB in all, holes but for their names: read as they are, whatever their length, in little
# memory; and who cancels that needn't wait, nor does the processor go on with it.
sub large_files
{
    for my $i (1 .. LARGE)
    {
        make_file("$base/more/large$i");
        truncate("$base/more/large$i", LARGE_BYTES) or die $!;
    }
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query("SELECT file_hash('/more/1')");
    my $probe = (probe_of($session->pid))[1];
    $session->send("SELECT count(*) FROM file_hashes(ARRAY(SELECT '/more/large' || i FROM generate_series(1, "
            . LARGE . ') i))');
    ok(wait_for(20, sub { cpu_seconds($probe) > 0.5 }), 'large files are read');
    cmp_ok(megabytes_at_most($probe), '<', 64, 'in little memory');
    my $asked = time;
    $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
    my (undef, $errors) = $session->wait;
    my $late = time - $asked;
    like($errors, qr/canceling statement due to user request/, 'reading them is cancelled');
    cmp_ok($late, '<', LATE, sprintf('at once (%d ms)', $late * 1000));
    ok(wait_for(LATE, sub { !is_alive($probe) }), 'and the probe has stopped');
    is(($session->query("SELECT count(hash) FROM file_hashes('{/more/1,/more/2}')"))[0], '2',
        'the session hashes again');
    $session->close;
    unlink map { "$base/more/large$_" } 1 .. LARGE;
}

# Of the processor's time, so far.
sub cpu_seconds
{
    my ($pid) = @_;
    open(my $stat, '<', "/proc/$pid/stat") or return 0;
    my @fields = split ' ', <$stat> =~ s/.*\) //sr;
    return ($fields[11] + $fields[12]) / 100;
}
