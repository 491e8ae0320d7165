"""Looks for missing files photo by photo with Django's ORM: prints milliseconds and how many.

    django_loop.py FOLDER PHOTOS     the library's /data lies in FOLDER; only so many photos

Each photo costs what such loops do: the photo, its files, its main file, and a save.
"""
import os
import sys
import time

import django_setup  # noqa: F401 -- models need the settings
from django.db import models
from django.utils import timezone


class File(models.Model):
    hash = models.CharField(primary_key=True, max_length=64)
    path = models.TextField(unique=True)
    type = models.IntegerField()
    missing = models.BooleanField()

    class Meta:
        app_label = "api"
        managed = False


class Photo(models.Model):
    id = models.UUIDField(primary_key=True)
    image_hash = models.CharField(max_length=64)
    owner_id = models.IntegerField()
    main_file = models.ForeignKey(File, null=True, on_delete=models.SET_NULL, related_name="+")
    files = models.ManyToManyField(File)
    added_on = models.DateTimeField()
    hidden = models.BooleanField()
    public = models.BooleanField()
    video = models.BooleanField()
    rating = models.IntegerField()
    in_trashcan = models.BooleanField()
    removed = models.BooleanField()
    size = models.BigIntegerField()
    local_orientation = models.IntegerField()
    is_screenshot = models.BooleanField()
    is_document = models.BooleanField()
    category_source = models.CharField(max_length=8)
    last_modified = models.DateTimeField()

    class Meta:
        app_label = "api"
        managed = False


def look_at(photo, folder):
    found = 0
    for file in photo.files.all():
        if not os.path.exists(file.path.replace("/data", folder, 1)):
            photo.files.remove(file)
            file.missing = True
            file.save()
            found += 1
    if photo.main_file is None:
        photo.main_file = photo.files.first()
    photo.last_modified = timezone.now()
    photo.save()
    return found


def main(folder, photos):
    found = 0
    # Images and videos are main files; every tenth of these is gone, as in the whole library.
    chosen = list(File.objects.filter(type__in=(1, 2)).order_by("path")
                  .values_list("hash", flat=True)[:photos])
    start = time.perf_counter()
    for pk in Photo.objects.filter(main_file_id__in=chosen).values_list("pk", flat=True):
        found += look_at(Photo.objects.get(pk=pk), folder)
    print((time.perf_counter() - start) * 1000, found)


main(sys.argv[1], int(sys.argv[2]))
