# docs/troubleshooting.md has each message that the extension can raise and each reason that it can
# give, word for word, and no other.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

my %raised = (in_c(glob('src/extension/*/*.c')), in_sql(glob('sql/*/*.sql')), reasons());
my %told = told(slurp_file('docs/troubleshooting.md'));

cmp_ok(scalar keys %raised, '>', 100, 'messages are found in the sources');
is(join("\n", grep { !$told{$_} } sort keys %raised), '', 'each message is told of');
is(join("\n", grep { !$raised{$_} } sort keys %told), '', 'and each that is told of exists');
done_testing();

# Messages with "…" for what varies. A literal may be in pieces, with integers between them.
sub in_c
{
    my %messages;
    for my $file (@_)
    {
        my $source = slurp_file($file);
        my $piece = qr/"(?:[^"\\]|\\.)*"|INT64_FORMAT|UINT64_FORMAT/;
        while ($source =~ /\berrmsg(_plural)?\(\s*((?:$piece\s*)+)(?:,\s*((?:$piece\s*)+))?/g)
        {
            # The second literal of a plural is a message too.
            $messages{ literal($_) } = $file for $2, $1 ? $3 : ();
        }
    }
    return %messages;
}

sub literal
{
    my ($pieces) = @_;
    my $text = join '', map { /^"(.*)"$/s ? $1 : '%d' } $pieces =~ /"(?:[^"\\]|\\.)*"|\w+/g;
    $text =~ s/\\(.)/$1/g;
    $text =~ s/%%/\0/g;
    $text =~ s/%l?[sdum]/…/g;
    return $text =~ s/\0/%/gr;
}

sub in_sql
{
    my %messages;
    for my $file (@_)
    {
        my $source = slurp_file($file);
        while ($source =~ /\bRAISE (?:EXCEPTION|WARNING|NOTICE) '((?:[^']|'')*)'/g)
        {
            my $text = $1 =~ s/''/'/gr =~ s/%/…/gr;
            # One that is made elsewhere can't be known.
            $messages{$text} = $file if $text =~ /\w/;
        }
    }
    return %messages;
}

# What the probe's reasons are in words.
sub reasons
{
    my ($words) = slurp_file('src/extension/base/reasons.c') =~ /^reason_text\((.*)^}/ms;
    my $literal = qr/"(?:[^"\\]|\\.)*"/;
    return map { literal($_) => 1 } $words =~ /case MP_\w+:\s+return (?:psprintf\()?($literal)/g;
}

# What is quoted in the first column of its tables.
sub told
{
    my ($page) = @_;
    my %messages;
    for my $cell ($page =~ /^\| (`[^|]*) \|/mg)
    {
        $messages{$_} = 1 for $cell =~ /`([^`]+)`/g;
    }
    return %messages;
}
