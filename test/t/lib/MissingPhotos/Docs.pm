# Docs.pm: the SQL and the commands that a page shows, one by one, as its reader would run them.
#
# A page's SQL is in blocks fenced as sql, and in the code within its sentences: `SELECT f(...)` and
# what psql is given with -c. Its commands are in blocks fenced as sh or crontab, and in sentences.
package MissingPhotos::Docs;
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Exporter 'import';

our @EXPORT = qw(sql_of_page commands_of_page fences_of_page);

# Programs that a sentence tells to run, with arguments.
use constant BEGINS_COMMAND => qr/^(?:make|psql|sudo|apt-get|docker|touch|pg_dump|sysctl|test\/\S+) \S/;

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

# In the order of the page: { line, text }, without comments, on one line each.
sub commands_of_page
{
    my ($page) = @_;
    my @commands;
    for my $part (parts_of_page($page))
    {
        my $text = $part->{text};
        if (!defined $part->{language})
        {
            push @commands, map { +{ line => $part->{line}, text => $_ } }
                grep { $_ =~ BEGINS_COMMAND } $text =~ /`([^`]+)`/g;
        }
        elsif ($part->{language} =~ /^(?:sh|crontab)$/)
        {
            $text =~ s/\\\n\s*/ /g;
            push @commands, map { +{ line => $part->{line}, language => $part->{language}, text => $_ } }
                grep { /\S/ } map { s/\s+#.*//r } split /\n/, $text;
        }
    }
    return @commands;
}

# Blocks: { line, language, text }.
sub fences_of_page { return grep { defined $_->{language} } parts_of_page($_[0]); }

sub blocks
{
    my ($page) = @_;
    return map {
        my $part = $_;
        !defined $part->{language} ? within_sentence(@$part{ 'line', 'text' })
            : $part->{language} eq 'sql' ? $part
            : $part->{language} =~ /^(?:sh|crontab)$/ ? told_psql(@$part{ 'line', 'text' }) : ()
    } parts_of_page($page);
}

# Fenced blocks, and lines outside of them, which have no language.
sub parts_of_page
{
    my ($page) = @_;
    my @lines = split /\n/, slurp_file($page);
    my @parts;
    for (my $i = 0; $i < @lines; $i++)
    {
        my $first = $i + 1;
        if ($lines[$i] =~ /^( *)```(\w*)/)
        {
            my ($indent, $language, @text) = ($1, $2);
            push @text, $lines[$i] =~ s/^$indent//r while $lines[++$i] !~ /^ *```/;
            push @parts, { line => $first, language => $language, text => join "\n", @text };
        }
        else
        {
            push @parts, { line => $first, text => $lines[$i] };
        }
    }
    return @parts;
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
