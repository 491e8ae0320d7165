# Docs.pm: the SQL that a page shows, statement by statement, as its reader would run it.
#
# A page's SQL is in blocks fenced as sql, in indented blocks that begin like SQL, and in the code
# within its sentences: `SELECT f(...)` and what psql is given with -c.
package MissingPhotos::Docs;
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Exporter 'import';

our @EXPORT = qw(sql_of_page commands_of_page);

use constant BEGINS_SQL => qr/^(?:SELECT|CALL|CREATE|ALTER|SET|RESET|GRANT|REVOKE|INSERT|UPDATE|DELETE|
    DROP|LISTEN|LOAD|WITH|BEGIN|EXPLAIN|VACUUM|ANALYZE)\b/x;

# In the order of the page: { line, block, sql }. Statements of one block share its number.
sub sql_of_page
{
    my ($page) = @_;
    my @statements;
    my $number = 0;
    for my $block (blocks($page))
    {
        $number++;
        push @statements, map { +{ line => $block->{line}, block => $number, sql => $_ } }
            split_sql($block->{text});
    }
    return @statements;
}

# Commands of the shell in indented and fenced blocks that begin with this program.
sub commands_of_page
{
    my ($page, $program) = @_;
    (my $text = slurp_file($page)) =~ s/\\\n\s*/ /g;
    return $text =~ /^\s*(\Q$program\E [^\n]*)$/mg;
}

sub blocks
{
    my ($page) = @_;
    my @lines = split /\n/, slurp_file($page);
    my @blocks;
    for (my $i = 0; $i < @lines; $i++)
    {
        my $first = $i + 1;
        if ($lines[$i] =~ /^( *)```(\w*)/)
        {
            my ($indent, $language, @text) = ($1, $2);
            push @text, $lines[$i] =~ s/^$indent//r while $lines[++$i] !~ /^ *```/;
            push @blocks, { line => $first, text => join "\n", @text } if $language eq 'sql';
            push @blocks, told_psql($first, join "\n", @text) if $language eq 'sh';
        }
        elsif ($lines[$i] =~ /^(?: {4}|\t)/ && ($i == 0 || $lines[ $i - 1 ] eq ''))
        {
            my @text;
            push @text, $lines[ $i++ ] while $i < @lines && $lines[$i] =~ /^(?: {4}|\t|$)/;
            $i--;
            s/^(?: {4}|\t)// for @text;
            push @blocks, $text[0] =~ BEGINS_SQL ? { line => $first, text => join "\n", @text } :
                told_psql($first, join "\n", @text);
        }
        else
        {
            push @blocks, within_sentence($first, $lines[$i]);
        }
    }
    return @blocks;
}

# Signatures, whose arguments are names, are no statements.
sub within_sentence
{
    my ($line, $text) = @_;
    my @blocks = told_psql($line, join ' ', $text =~ /`(psql [^`]*)`/g);
    for my $sql ($text =~ /`((?:SELECT|CALL) [^`]*\([^`]*\)[^`]*)`/g)
    {
        push @blocks, { line => $line, text => $sql } unless $sql =~ /\((?:[a-z_]+)(?:,| =>|\))/;
    }
    return @blocks;
}

sub told_psql
{
    my ($line, $text) = @_;
    my @blocks;
    $text =~ s/\\\n\s*/ /g;
    while ($text =~ /\bpsql\b[^\n'"]* -[A-Za-z]*c (?:'([^']*(?:'\\''[^']*)*)'|"([^"]*)")/g)
    {
        push @blocks, { line => $line, text => $2 // $1 =~ s/'\\''/'/gr };
    }
    return @blocks;
}

# Statements end with a semicolon at the end of a line, but for comments; not within $$.
sub split_sql
{
    my ($text) = @_;
    my @statements;
    my $statement = '';
    for my $line (split /\n/, $text)
    {
        $statement .= "$line\n";
        my $quotes = () = $statement =~ /\$\$/g;
        next unless $line =~ /;\s*(?:--.*)?$/ && $quotes % 2 == 0;
        push @statements, $statement;
        $statement = '';
    }
    push @statements, $statement;
    return grep { s/^\s*--.*$//mgr =~ /\S/ } @statements;
}

1;
