# Watch.pm: what tests of watching have in common.
package MissingPhotos::Watch;
use strict;
use warnings;
use Test::More;
use MissingPhotos::Sample;
use Time::HiRes qw(sleep time);
use Exporter 'import';

our @EXPORT = qw(start_watching stop_watching watch_state within settled rows_of watcher_pid);

use constant CONFIGURATION => ('missing_photos.allow_superuser_jobs = on',
    'max_worker_processes = 16', 'missing_photos.probe_retry = 0');

sub watch_state
{
    my ($case) = @_;
    return $case->sql("SELECT state FROM missing_photos.watches WHERE root = '$case->{app}'");
}

# Starts watching and waits until the first scan is over.
sub start_watching
{
    my ($case) = @_;
    $case->sql('SELECT missing_photos.start_watching()');
    wait_for(20, sub { watch_state($case) eq 'watching' })
        or BAIL_OUT("not watching: " . $case->sql('SELECT * FROM missing_photos.watches'));
    settled($case);
}

sub stop_watching
{
    my ($case) = @_;
    $case->sql('SELECT missing_photos.stop_watching()');
    wait_for(20, sub { $case->sql('SELECT missing_photos.watcher_is_alive()') eq 'f' })
        or BAIL_OUT('the watcher goes on');
}

sub watcher_pid
{
    my ($case) = @_;
    return $case->sql(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'missing_photos watcher'");
}

# Waits until neither events nor jobs have come for a moment.
sub settled
{
    my ($case) = @_;
    my ($before, $since) = ('', time);
    wait_for(60, sub {
        my $now = $case->sql(q(
            SELECT (SELECT sum(events) FROM missing_photos.watches),
                   (SELECT count(*) FROM missing_photos.job),
                   (SELECT count(*) FROM missing_photos.job WHERE state IN ('queued', 'running'))));
        ($before, $since) = ($now, time) if $now ne $before || $now !~ /\|0$/;
        return time - $since > 1.4;
    }) or diag('it does not settle');
}

# The library's rows, as far as files and photos go.
sub rows_of
{
    my ($case) = @_;
    return $case->sql('SELECT * FROM sample.all_rows() ORDER BY 1, 2');
}

# ok() when a query comes to give a result within so many seconds; returns how long it took.
sub within
{
    my ($seconds, $case, $query, $expected, $what) = @_;
    my $began = time;
    my $got;
    my $came = wait_for($seconds, sub { ($got = $case->sql($query)) eq $expected });
    my $took = time - $began;
    ok($came, sprintf('%s (%.0f ms)', $what, 1000 * $took)) or diag("got $got, expected $expected");
    return $took;
}

1;
