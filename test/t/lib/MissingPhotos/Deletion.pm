# Deletion.pm: what a LibrePhotos database must look like after a deletion, worked out by other means
# than the product's: plain SQL that names each table, in a copy where no foreign key or trigger does
# anything. And the comparison of two databases.
package MissingPhotos::Deletion;
use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(expected_sql reference_sql rows_sql covers_sql);

# Tables whose rows go with a photo, by the column that names it.
my @BELONGING = qw(
    api_photo_files api_photo_shared_to api_albumdate_photos api_albumthing_photos
    api_albumthing_cover_photos api_albumplace_photos api_albumauto_photos api_albumuser_photos
    api_thumbnail api_photo_caption api_photo_search api_photo_ocr api_photometadata
    api_metadatafile api_metadataedit api_photoshare api_tag_photos api_photo_stacks
    api_photo_duplicates);
my %LETS_GO = (
    api_person => 'cover_photo_id', api_albumuser => 'cover_photo_id',
    api_photostack => 'primary_photo_id', api_duplicate => 'kept_photo_id',
    api_stackreview => 'kept_photo_id');

sub when_there
{
    my ($columns, $sql) = @_;
    my $there = join ' AND ', map {
        my ($table, $column) = split /\./;
        "EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('$table') AND attname = '$column')"
    } @$columns;
    return "IF $there THEN EXECUTE \$sql\$$sql\$sql\$; END IF;\n";
}

# As SQL: which photos and files go. The right way, and LibrePhotos's own two predicates.
sub right_choice
{
    my ($owner) = @_;
    return (qq{
        owner_id = $owner AND NOT EXISTS (SELECT FROM api_photo_files l JOIN api_file f ON f.hash = l.file_id
                                           WHERE l.photo_id = p.KEY AND f.type <> 3)},
        qq{missing AND substr(hash, 33) = '$owner' AND NOT EXISTS (
            SELECT FROM api_photo p WHERE p.main_file_id = f.hash AND p.KEY NOT IN (SELECT photo FROM gone))});
}

sub reference_choice
{
    my ($owner) = @_;
    return (qq{owner_id = $owner AND NOT EXISTS (SELECT FROM api_photo_files l WHERE l.photo_id = p.KEY)
               OR main_file_id IS NULL},
        qq{missing AND hash LIKE '%$owner'});
}

sub expected_sql { return removal_sql(@_[0, 1], right_choice($_[0])); }

# With one of the reference's predicates, the other one right.
sub reference_sql
{
    my ($owner, $key, $which) = @_;
    my ($photos, $files) = right_choice($owner);
    my ($their_photos, $their_files) = reference_choice($owner);
    return removal_sql($owner, $key, $which eq 'photos' ? ($their_photos, $files) : ($photos, $their_files));
}

sub removal_sql
{
    my ($owner, $key, $photos, $files) = @_;
    s/\bKEY\b/$key/g for $photos, $files;
    my $visible = $key eq 'id' ? 'NOT p.hidden AND NOT p.in_trashcan AND NOT p.removed' : 'NOT p.hidden';
    my $body = '';
    for my $table (@BELONGING)
    {
        $body .= when_there(["$table.photo_id"], "DELETE FROM $table WHERE photo_id IN (SELECT photo FROM gone)");
    }
    for my $table (sort keys %LETS_GO)
    {
        $body .= when_there(["$table.$LETS_GO{$table}"],
            "UPDATE $table SET $LETS_GO{$table} = NULL WHERE $LETS_GO{$table} IN (SELECT photo FROM gone)");
    }
    $body .= when_there(['api_person.cover_face_id'], 'UPDATE api_person SET cover_face_id = NULL
        WHERE cover_face_id IN (SELECT id FROM api_face WHERE photo_id IN (SELECT photo FROM gone))');
    $body .= when_there(['api_face.photo_id'], 'DELETE FROM api_face WHERE photo_id IN (SELECT photo FROM gone)');
    $body .= when_there(['api_metadatafile.file_id'],
        'DELETE FROM api_metadatafile WHERE file_id IN (SELECT hash FROM lost)');
    $body .= when_there(['api_albumthing.photo_count'], "UPDATE api_albumthing a SET photo_count = (
        SELECT count(*) FROM api_albumthing_photos l JOIN api_photo p ON p.$key = l.photo_id
         WHERE l.albumthing_id = a.id AND $visible) WHERE id IN (SELECT id FROM touched_thing)");
    $body .= when_there(['api_tag.photo_count'], "UPDATE api_tag a SET photo_count = (
        SELECT count(*) FROM api_tag_photos l JOIN api_photo p ON p.id = l.photo_id
         WHERE l.tag_id = a.id AND $visible) WHERE id IN (SELECT id FROM touched_tag)");
    my $trash = $key eq 'id' ? 'p.in_trashcan' : q(COALESCE((to_jsonb(p) ->> 'in_trashcan')::boolean, (to_jsonb(p) ->> 'deleted')::boolean));
    my $sure = $key eq 'id' ? 'true' : 'f.person_label_probability >= (SELECT confidence_person FROM api_user WHERE id = a.cluster_owner_id)';
    $body .= when_there(['api_person.face_count'], "UPDATE api_person a SET face_count = (
        SELECT count(*) FROM api_face f JOIN api_photo p ON p.$key = f.photo_id
         WHERE f.person_id = a.id AND NOT p.hidden AND NOT $trash AND p.owner_id = a.cluster_owner_id AND $sure)
        WHERE id IN (SELECT id FROM touched_person) AND cluster_owner_id IS NOT NULL");
    my $traces = when_there(['api_deletionlog.entity_id'], q{
        INSERT INTO api_deletionlog (entity, entity_id, deleted_at, owner_id)
        SELECT 'photo', p.id::text, now(), u FROM api_photo p JOIN gone ON photo = p.id
         CROSS JOIN LATERAL (SELECT p.owner_id UNION SELECT user_id FROM api_photo_shared_to WHERE photo_id = p.id) v(u)});
    my $touched = '';
    for my $kind (qw(thing:api_albumthing_photos:albumthing_id tag:api_tag_photos:tag_id
        person:api_face:person_id date:api_albumdate_photos:albumdate_id place:api_albumplace_photos:albumplace_id
        user:api_albumuser_photos:albumuser_id auto:api_albumauto_photos:albumauto_id))
    {
        my ($name, $table, $column) = split /:/, $kind;
        $touched .= "CREATE TABLE touched_$name (id integer);\n" . when_there(["$table.$column"],
            "INSERT INTO touched_$name SELECT DISTINCT $column FROM $table WHERE photo_id IN (SELECT photo FROM gone)");
    }
    return qq{
        SET session_replication_role = replica;
        CREATE TABLE gone AS SELECT $key AS photo FROM api_photo p WHERE $photos;
        CREATE TABLE lost AS SELECT hash FROM api_file f WHERE $files;
        DO \$do\$ BEGIN
        $touched
        $traces
        $body
        DELETE FROM api_photo WHERE $key IN (SELECT photo FROM gone);
        DELETE FROM api_photo_files WHERE file_id IN (SELECT hash FROM lost);
        DELETE FROM api_file_embedded_media WHERE from_file_id IN (SELECT hash FROM lost)
            OR to_file_id IN (SELECT hash FROM lost);
        UPDATE api_photo SET main_file_id = NULL WHERE main_file_id IN (SELECT hash FROM lost);
        DELETE FROM api_file WHERE hash IN (SELECT hash FROM lost);
        DELETE FROM api_albumdate WHERE id IN (SELECT id FROM touched_date)
            AND id NOT IN (SELECT albumdate_id FROM api_albumdate_photos);
        END \$do\$;
        RESET session_replication_role;
    };
}

# Every row of the application's tables but its jobs, sorted. derived: without what a deletion derives
# freely: the time of album changes and tombstones, and which photos fill the covers up.
sub rows_sql
{
    my ($derived) = @_;
    return q{
        CREATE FUNCTION pg_temp.lines(derived boolean) RETURNS SETOF text LANGUAGE plpgsql AS $f$
        DECLARE
            name text;
        BEGIN
            FOR name IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'api\_%'
                AND relnamespace = 'public'::regnamespace AND relname <> 'api_longrunningjob'
            LOOP
                CONTINUE WHEN derived AND name = 'api_albumthing_cover_photos';
                RETURN QUERY EXECUTE CASE WHEN derived
                    THEN format('SELECT %L || (to_jsonb(t) - %L::text[])::text FROM public.%I t', name || ' ',
                        CASE WHEN name IN ('api_albumthing', 'api_albumplace', 'api_albumuser', 'api_albumauto')
                             THEN '{last_modified}'
                             WHEN name = 'api_deletionlog' THEN '{id,deleted_at}' ELSE '{}' END, name)
                    ELSE format('SELECT %L || t::text FROM public.%I t', name || ' ', name) END;
            END LOOP;
        END $f$;
        SELECT line FROM pg_temp.lines(} . ($derived ? 'true' : 'false') . q{) AS line ORDER BY line COLLATE "C";};
}

# Albums whose covers or times aren't as they should be, given the copy's tables gone and touched_* as
# of the database called before. Covers that stay are kept; where fewer than four are left, visible
# photos of the album fill them up. Times move for albums that lost photos, and for no others.
sub covers_sql
{
    my ($key) = @_;
    my $visible = $key eq 'id' ? 'NOT p.hidden AND NOT p.in_trashcan AND NOT p.removed' : 'NOT p.hidden';
    return qq{
        SELECT a.id FROM api_albumthing a
         WHERE (SELECT count(*) FROM api_albumthing_cover_photos c WHERE c.albumthing_id = a.id)
               <> CASE WHEN a.id IN (SELECT id FROM touched_thing) THEN greatest(
                      (SELECT count(*) FROM kept_covers c WHERE c.albumthing_id = a.id),
                      least(4, (SELECT count(*) FROM (
                         SELECT c.photo_id FROM kept_covers c WHERE c.albumthing_id = a.id
                         UNION SELECT l.photo_id FROM api_albumthing_photos l JOIN api_photo p ON p.$key = l.photo_id
                                WHERE l.albumthing_id = a.id AND $visible) AS may)))
                  ELSE (SELECT count(*) FROM kept_covers c WHERE c.albumthing_id = a.id) END
        UNION ALL
        SELECT c.albumthing_id FROM api_albumthing_cover_photos c
         WHERE NOT EXISTS (SELECT FROM kept_covers k WHERE k = ROW(c.id, c.albumthing_id, c.photo_id))
           AND NOT EXISTS (SELECT FROM api_albumthing_photos l JOIN api_photo p ON p.$key = l.photo_id
                            WHERE l.albumthing_id = c.albumthing_id AND l.photo_id = c.photo_id AND $visible)
        UNION ALL
        SELECT k.albumthing_id FROM kept_covers k
         WHERE NOT EXISTS (SELECT FROM api_albumthing_cover_photos c WHERE c.id = k.id)};
}

1;
