# With confirm_scans and confirm_after a file must be gone that often and that long, with its root
# healthy, before it is flagged; a file that was back in between starts anew.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

use constant NOT_YET => '1 missing: not found; waiting for another scan to confirm it';

my $node = start_server('confirm', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", map { "a/$_.jpg" } 1 .. 10);
$case->register;
my $file = "$base/root/a/1.jpg";

# How often.
configure('confirm_scans', 3);
lose();
not_flagged("scan $_ of 3") for 1 .. 2;
flagged('the third scan');
back();

lose();
not_flagged("scan $_ of 3") for 1 .. 2;
rename("$file.away", $file) or die $!;
is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'the file is back in between');
is($case->told, '', 'nothing is waited for any more');
lose();
not_flagged("anew, scan $_ of 3") for 1 .. 2;
flagged('anew, the third scan');
back();

lose();
not_flagged("with an outage, scan $_ of 3") for 1 .. 2;
outage() for 1 .. 3;
not_flagged('scans of the outage don\'t count');
my $more = 0;
$more++ while $more < 5 && $case->scan =~ /^0 missing/;
cmp_ok($more, '<=', 2, 'it is flagged in the end');
back();

# The procedure counts in the same way, and a look at one photo flags nothing that isn't confirmed.
lose();
is($case->call(3), '0 missing, 0 unreachable, 0 invalid', 'scan_missing_photos: 1 of 3');
is($case->check('a/1.jpg'), 'missing', 'check_files says that it is gone');
is($case->flagged, 0, 'but doesn\'t flag it');
is($case->changed, 0, 'nor change anything');
is($case->told, NOT_YET, 'missing_files says that it is waited for');
is($case->call(3), '0 missing, 0 unreachable, 0 invalid', 'scan_missing_photos: 2 of 3');
is($case->call(3), '1 missing, 0 unreachable, 0 invalid', 'scan_missing_photos: 3 of 3');
back();
configure('confirm_scans', 1);

# How long.
configure('confirm_after', 2);
lose();
not_flagged('at once');
sleep 1;
not_flagged('after one second of two');
sleep 1.2;
flagged('after two seconds');
back();

lose();
not_flagged('at once');
sleep 0.5;
outage();
sleep 2;
not_flagged('the time of an outage doesn\'t count');
sleep 2.2;
flagged('two seconds later');
back();

# Time may pass without a scan, but one look alone is never enough.
lose();
sleep 2.2;
not_flagged('the first scan that misses it');
back_unflagged();
$node->stop;
done_testing();

sub configure
{
    my ($setting, $value) = @_;
    $node->append_conf('postgresql.conf', "missing_photos.$setting = $value");
    $node->reload;
    ok(wait_for(10, sub { $case->sql("SHOW missing_photos.$setting") =~ /^$value(s|$)/ }),
        "$setting is $value");
}

sub lose { rename($file, "$file.away") or die $!; }

sub not_flagged
{
    my ($what) = @_;
    is($case->scan, '0 missing, 0 unreachable, 0 invalid', "$what: not flagged");
    is($case->told, NOT_YET, "$what: missing_files says that it is waited for");
    is($case->changed, 0, "$what: no row of the library changed");
}

sub flagged
{
    my ($what) = @_;
    is($case->scan, '1 missing, 0 unreachable, 0 invalid', "$what: flagged");
    is($case->flagged, 1, "$what: it alone");
}

sub back
{
    rename("$file.away", $file) or die $!;
    is($case->sql('SELECT missing, restored FROM scan_missing(7)'), '0|1', 'and back');
    is($case->changed, 0, 'row by row');
}

sub back_unflagged
{
    rename("$file.away", $file) or die $!;
    is($case->sql('SELECT missing, restored FROM scan_missing(7)'), '0|0', 'back before it was flagged');
    is($case->told, '', 'nothing is waited for any more');
}

sub outage
{
    rename($case->{folder}, "$case->{folder}.away") or die $!;
    is($case->scan, '0 missing, 10 unreachable, 0 invalid', 'an outage');
    rename("$case->{folder}.away", $case->{folder}) or die $!;
}
