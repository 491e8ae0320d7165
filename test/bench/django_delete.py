"""Deletes missing photos of owner 1 as LibrePhotos does, with Django's ORM.

    django_delete.py batched           as its newest code: 200 photos at a time, albums once at the end
    django_delete.py direct            as its experimental backend, which does the same without an ORM
    django_delete.py loop PHOTOS       as in October 2024: photo by photo, only so many of them

Prints milliseconds and statements: of what is done once, of what is done for each photo, and for how
many photos that was. The models are made from the database's own tables; what its signals do on top
(counts, covers, crops of faces, the cache) is done here, too, in our words. What isn't known of it is
left out, in its favour.
"""
import os
import sys
import time

from django_models import make_models, remember_loaded, tell_cache

from django.db import connection, models, transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.db.models.signals import m2m_changed, post_delete
from django.utils import timezone

OWNER = 1
CHUNK = 200
COVERS = 4

MODELS = make_models()
Photo, File, Face, Thing = MODELS["photo"], MODELS["file"], MODELS["face"], MODELS["albumthing"]
Tag = MODELS.get("tag")
Job = MODELS["longrunningjob"]
COUNTED = {"hidden": False} if Tag is None else {"hidden": False, "in_trashcan": False, "removed": False}


def remove_crop(instance, **_):
    if instance.image and os.path.isfile(os.path.join("/protected_media", instance.image)):
        os.remove(os.path.join("/protected_media", instance.image))


def recount(instance, action, **_):
    if action in ("post_add", "post_remove"):
        count(instance)


def count(thing):
    thing.photo_count = thing.photos.filter(**COUNTED).count()
    thing.save(update_fields=["photo_count"])
    have = thing.cover_photos.count()
    if have < COVERS:
        more = thing.photos.filter(**COUNTED)
        if Tag is not None:
            more = more.exclude(pk__in=thing.cover_photos.values_list("pk", flat=True))
        thing.cover_photos.add(*more[:COVERS - have])


def connect_signals():
    remember_loaded(Photo)
    for name in ("photo", "person", "face", "albumdate", "albumauto", "albumuser", "albumplace", "albumthing"):
        tell_cache(MODELS[name])
    post_delete.connect(remove_crop, sender=Face)
    m2m_changed.connect(recount, sender=Thing.photos.through)


def missing():
    return Photo.objects.filter(Q(owner=OWNER) & (Q(files=None) | Q(main_file=None)))


def delete_files():
    """Whose a file is, its hash's end says."""
    File.objects.filter(Q(hash__endswith=str(OWNER)) & Q(missing=True)).delete()


def progress(job, done, target):
    job.progress_current, job.progress_target = done, target
    job.save(update_fields=["progress_current", "progress_target"])


def write_tombstones(photos):
    """For the owner and whom a photo was shared with."""
    log = MODELS["deletionlog"]
    viewers = list(photos.values_list("pk", "owner")) + list(
        Photo.shared_to.through.objects.filter(photo__in=photos).values_list("photo", "user"))
    log.objects.bulk_create(log(entity="photo", entity_id=str(photo), owner_id=viewer,
                                deleted_at=timezone.now()) for photo, viewer in viewers)


def recount_tags(tags):
    tagged = Tag.photos.through.objects.filter(
        tag=OuterRef("pk"), **{"photo__" + name: value for name, value in COUNTED.items()})
    number = tagged.order_by().values("tag").annotate(number=Count("pk")).values("number")
    Tag.objects.filter(pk__in=tags).update(photo_count=Coalesce(Subquery(number), 0))


def batched(job):
    keys = list(missing().values_list("pk", flat=True))
    things, tags = set(), set()
    for first in range(0, len(keys), CHUNK):
        chunk = Photo.objects.filter(pk__in=keys[first:first + CHUNK])
        things.update(Thing.objects.filter(photos__in=chunk).values_list("pk", flat=True))
        if Tag is not None:
            tags.update(Tag.objects.filter(photos__in=chunk).values_list("pk", flat=True).distinct())
            write_tombstones(chunk)
        chunk.delete()
        progress(job, first + CHUNK, len(keys))
    for thing in Thing.objects.filter(pk__in=things):
        count(thing)
    if tags:
        recount_tags(tags)
    delete_files()


TO_NULL = (("api_person", "cover_photo_id"), ("api_albumuser", "cover_photo_id"),
           ("api_photostack", "primary_photo_id"), ("api_duplicate", "kept_photo_id"),
           ("api_stackreview", "kept_photo_id"))
WITHOUT_CASCADE = ("tag_photos", "photo_stacks", "photo_duplicates", "metadataedit", "metadatafile",
                   "photometadata", "photo_ocr", "photoshare")


def delete_directly(run, chunk):
    """What the database's own cascades don't take goes first."""
    run("SELECT image FROM api_face WHERE photo_id = ANY (%s)", chunk)
    hashes = run("SELECT DISTINCT image_hash FROM api_photo WHERE id = ANY (%s)", chunk)
    run("UPDATE api_person SET cover_face_id = NULL WHERE cover_face_id IN "
        "(SELECT id FROM api_face WHERE photo_id = ANY (%s))", chunk)
    for table, column in TO_NULL:
        run("UPDATE %s SET %s = NULL WHERE %s = ANY (%%s)" % (table, column, column), chunk)
    for table in WITHOUT_CASCADE:
        run("DELETE FROM api_%s WHERE photo_id = ANY (%%s)" % table, chunk)
    run("DELETE FROM api_photo WHERE id = ANY (%s)", chunk)
    for one in hashes:
        run("SELECT EXISTS (SELECT FROM api_photo WHERE image_hash = %s)", one)


def count_directly(run, thing):
    run("UPDATE api_albumthing AS t SET photo_count = (SELECT count(*) FROM api_albumthing_photos AS l "
        "JOIN api_photo AS p ON p.id = l.photo_id WHERE l.albumthing_id = t.id AND NOT p.hidden) "
        "WHERE t.id = %s", thing)
    run("INSERT INTO api_albumthing_cover_photos (albumthing_id, photo_id) "
        "SELECT l.albumthing_id, p.id FROM api_albumthing_photos AS l JOIN api_photo AS p ON p.id = l.photo_id "
        "WHERE l.albumthing_id = %s AND NOT p.hidden AND p.id NOT IN (SELECT c.photo_id "
        "FROM api_albumthing_cover_photos AS c WHERE c.albumthing_id = l.albumthing_id) "
        "LIMIT greatest(0, 4 - (SELECT count(*) FROM api_albumthing_cover_photos WHERE albumthing_id = %s))",
        thing, thing)


def delete_files_directly(run):
    files = run("SELECT hash FROM api_file WHERE missing AND substr(hash, 33) = %s", str(OWNER))
    for table, column in (("photo_files", "file_id"), ("file_embedded_media", "from_file_id"),
                          ("file_embedded_media", "to_file_id"), ("metadatafile", "file_id")):
        run("DELETE FROM api_%s WHERE %s = ANY (%%s)" % (table, column), files)
    run("UPDATE api_photo SET main_file_id = NULL WHERE main_file_id = ANY (%s)", files)
    run("DELETE FROM api_file WHERE hash = ANY (%s)", files)


def direct(job):
    """A transaction for each chunk, and one for the albums and files."""
    with connection.cursor() as cursor:
        def run(statement, *values):
            cursor.execute(statement, values)
            return [row[0] for row in cursor.fetchall()] if cursor.description else None

        things, tags = set(), set()
        photos = run("SELECT p.id FROM api_photo AS p WHERE p.owner_id = %s AND (p.main_file_id IS NULL OR NOT "
                     "EXISTS (SELECT FROM api_photo_files AS l WHERE l.photo_id = p.id)) ORDER BY p.id", OWNER)
        for first in range(0, len(photos), CHUNK):
            chunk = photos[first:first + CHUNK]
            with transaction.atomic():
                things.update(run("SELECT DISTINCT albumthing_id FROM api_albumthing_photos "
                                  "WHERE photo_id = ANY (%s)", chunk))
                tags.update(run("SELECT DISTINCT tag_id FROM api_tag_photos WHERE photo_id = ANY (%s)", chunk))
                delete_directly(run, chunk)
                progress(job, first + CHUNK, len(photos))
        with transaction.atomic():
            for thing in sorted(things):
                count_directly(run, thing)
            recount_tags(tags)
            delete_files_directly(run)


def take_out(photo):
    for kind in ("albumdate", "albumthing", "albumplace", "albumuser"):
        for album in MODELS[kind].objects.filter(photos=photo):
            album.photos.remove(photo)
    Face.objects.filter(photo=photo).delete()


class Costs:
    """Time and statements since it was last asked."""

    def __init__(self):
        self.statements = 0
        self.start = time.perf_counter()

    def __call__(self, execute, *rest):
        self.statements += 1
        return execute(*rest)

    def take(self):
        took = "%.1f %d" % ((time.perf_counter() - self.start) * 1000, self.statements)
        self.__init__()
        return took


def main():
    connect_signals()
    job = Job.objects.create(job_type=5, job_id="bench", queued_at=timezone.now(), started_by_id=OWNER,
                             finished=False, failed=False, progress_current=0, progress_target=0,
                             **({} if Tag is None else {"cancelled": False}))
    costs = Costs()
    with connection.execute_wrapper(costs):
        if sys.argv[1] != "loop":
            {"batched": batched, "direct": direct}[sys.argv[1]](job)
            print(costs.take(), 0, 0, 1)
            return
        photos = list(missing())
        once = costs.take()
        chosen = photos[:int(sys.argv[2])]
        for photo in chosen:
            take_out(photo)
        each = costs.take()
        # In the end all go together; only those that were taken out of their albums, here.
        Photo.objects.filter(pk__in=[photo.pk for photo in chosen]).delete()
        print(*map(sum, zip(*(map(float, part.split()) for part in (once, costs.take())))), each, len(chosen))


main()
