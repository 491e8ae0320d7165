"""Looks for missing files photo by photo as LibrePhotos does, with Django's ORM.

    django_loop.py all|changed FOLDER PHOTOS    the library's /data lies in FOLDER; only so many photos

all: as in October 2024. Photos come in pages of 5,000. For each, its files are asked for; a file that is
gone is unlinked and saved as missing; then the photo is saved with all its columns, which takes its
owner twice: by key, and once more by name. A saved photo puts a time into the cache.
changed: as later code, which saves no photo that lost nothing, and of those that did the time only.

Prints milliseconds, files found missing, statements.
"""
import os
import sys
import time

from django_models import make_models, remember_loaded, tell_cache

from django.core.paginator import Paginator
from django.db import connection
from django.utils import timezone

OWNER = 1
PAGE = 5000
MODELS = make_models()
Photo, User = MODELS["photo"], MODELS["user"]


def save_all(photo):
    changed = [name for name, value in photo.loaded.items() if value != getattr(photo, name)]
    owner = User.objects.get(username=photo.owner.username)
    if owner.save_metadata_to_disk != "OFF":
        raise SystemExit("the library writes metadata to disk: " + ", ".join(changed))
    photo.last_modified = timezone.now()
    photo.save()


def save_changed(photo):
    photo.last_modified = timezone.now()
    photo.save(update_fields=["last_modified"])


def look_at(photo, folder, all_photos):
    found = 0
    for file in photo.files.all():
        if not file.path or not os.path.exists(file.path.replace("/data", folder, 1)):
            photo.files.remove(file)
            file.missing = True
            file.save()
            found += 1
    if all_photos:
        save_all(photo)
    elif found:
        save_changed(photo)
    return found


def look_at_all(folder, all_photos, photos):
    found = 0
    pages = Paginator(Photo.objects.filter(owner=OWNER).order_by("image_hash")[:photos], PAGE)
    for page in pages.page_range:
        for photo in pages.page(page).object_list:
            found += look_at(photo, folder, all_photos)
    return found


def main(which, folder, photos):
    statements = []

    def count(execute, *rest):
        statements.append(1)
        return execute(*rest)

    remember_loaded(Photo)
    tell_cache(Photo)
    start = time.perf_counter()
    with connection.execute_wrapper(count):
        found = look_at_all(folder, which == "all", photos)
    print((time.perf_counter() - start) * 1000, found, len(statements))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
