"""Deletes missing photos of owner 1 with Django's ORM: prints milliseconds, photos and statements.

    django_delete.py batched           500 photos at a time, each thing's count and covers once
    django_delete.py loop PHOTOS       photo by photo, only so many of them

The models are made from the database's own tables, with what Django does on delete; the rest is what
LibrePhotos is known to do: batched as its newest code, loop as that of October 2024.
"""
import sys
import time

import django_setup  # noqa: F401 -- models need the settings
from django.db import connection, models
from django.db.models import Count, Q

CHUNK = 500
SET_NULL = {"cover_photo_id", "cover_face_id", "main_file_id", "primary_photo_id", "kept_photo_id",
            "person_id", "cluster_id"}


def columns():
    """Of each table: column, type, whether it may be null, the table it references, key or not."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, a.attname, format_type(a.atttypid, NULL), NOT a.attnotnull,
                   (SELECT r.relname FROM pg_constraint AS k JOIN pg_class AS r ON r.oid = k.confrelid
                     WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.conkey = ARRAY[a.attnum]),
                   EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'p' AND k.conrelid = c.oid
                              AND k.conkey = ARRAY[a.attnum])
              FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relkind = 'r' AND c.relname LIKE 'api\\_%' AND NOT a.attisdropped
             ORDER BY c.relname, a.attnum""")
        return cursor.fetchall()


def field_of(name, kind, nullable, target, key):
    if target is not None and target not in ("api_user",):
        rule = models.SET_NULL if name in SET_NULL and nullable else models.CASCADE
        return name[:-3], models.ForeignKey("api." + target, rule, null=nullable, db_column=name,
                                            primary_key=key, related_name="+", db_constraint=False)
    types = {"integer": models.IntegerField, "bigint": models.BigIntegerField, "uuid": models.UUIDField,
             "boolean": models.BooleanField, "timestamp with time zone": models.DateTimeField,
             "date": models.DateField, "double precision": models.FloatField, "jsonb": models.JSONField}
    if key and kind == "integer":
        return name, models.AutoField(primary_key=True)
    return name, types.get(kind, models.TextField)(null=nullable, primary_key=key)


def make_models():
    fields = {}
    for table, *column in columns():
        name, field = field_of(*column)
        fields.setdefault(table, {})[name] = field
    return {table: type(table, (models.Model,), dict(
        of, __module__="__main__",
        Meta=type("Meta", (), {"app_label": "api", "managed": False, "db_table": table})))
        for table, of in fields.items()}


MODELS = make_models()
Photo, File, Face = MODELS["api_photo"], MODELS["api_file"], MODELS["api_face"]
Thing, InThing = MODELS["api_albumthing"], MODELS["api_albumthing_photos"]
Cover = MODELS["api_albumthing_cover_photos"]
Job = MODELS["api_longrunningjob"]
VISIBLE = Q(photo__hidden=False)


def missing():
    linked = MODELS["api_photo_files"].objects.filter(photo=models.OuterRef("pk"))
    return Photo.objects.filter(~models.Exists(linked), owner_id=1).order_by("pk")


def delete_files():
    """The owner is the hash's tail."""
    for start in iter(lambda: list(File.objects.filter(missing=True, hash__regex="^.{32}1$")
                                   .values_list("pk", flat=True)[:CHUNK]), []):
        File.objects.filter(pk__in=start).delete()


def batched():
    keys = list(missing().values_list("pk", flat=True))
    for first in range(0, len(keys), CHUNK):
        chunk = keys[first:first + CHUNK]
        things = set(InThing.objects.filter(photo__in=chunk).values_list("albumthing_id", flat=True))
        Photo.objects.filter(pk__in=chunk).delete()
        counts = dict(InThing.objects.filter(VISIBLE, albumthing__in=things).values_list("albumthing_id")
                      .annotate(Count("pk")))
        Thing.objects.bulk_update([Thing(pk=thing, photo_count=counts.get(thing, 0)) for thing in things],
                                  ["photo_count"], batch_size=CHUNK)
        refill = set(things) - set(Cover.objects.filter(albumthing__in=things).values_list("albumthing_id")
                                   .annotate(n=Count("pk")).filter(n__gte=4).values_list("albumthing_id", flat=True))
        for thing in refill:
            cover(thing)
    delete_files()
    return len(keys)


def cover(thing):
    """Fills a thing's covers up to four."""
    had = set(Cover.objects.filter(albumthing=thing).values_list("photo_id", flat=True))
    may = InThing.objects.filter(VISIBLE, albumthing=thing).exclude(photo__in=had)
    Cover.objects.bulk_create([Cover(albumthing_id=thing, photo_id=photo) for photo in
                               may.values_list("photo_id", flat=True)[:4 - len(had)]])


def take_out(photo):
    for kind in ("date", "thing", "place", "user", "auto"):
        album, link = MODELS.get("api_album" + kind), MODELS.get("api_album%s_photos" % kind)
        if album is None or link is None:
            continue
        to_album = "album" + kind
        for one in album.objects.filter(pk__in=link.objects.filter(photo=photo).values(to_album)):
            link.objects.filter(**{to_album: one, "photo": photo}).delete()
            if kind == "thing":
                one.photo_count = InThing.objects.filter(VISIBLE, albumthing=one).count()
                one.save()
                list(Photo.objects.filter(pk__in=InThing.objects.filter(albumthing=one).values("photo"),
                                          hidden=False)[:4])


def loop(photos):
    chosen = missing()
    job = Job.objects.order_by("pk").first()
    n = 0
    for photo in chosen[:photos]:
        take_out(photo)
        Face.objects.filter(photo=photo).delete()
        photo.delete()
        n += 1
        if job is not None:
            job.save()
    return n


def main():
    statements = []

    def count(execute, *rest):
        statements.append(1)
        return execute(*rest)

    start = time.perf_counter()
    with connection.execute_wrapper(count):
        n = loop(int(sys.argv[2])) if sys.argv[1] == "loop" else batched()
    print((time.perf_counter() - start) * 1000, n, len(statements))


main()
