"""LibrePhotos's tables and the extension's views, as Django models.

The models are unmanaged: Django creates and migrates none of them. Column names are LibrePhotos's
own; of each table only what the example needs is here.
"""
from collections import namedtuple

from django.db import connection, models

ScanResult = namedtuple(
    "ScanResult",
    "job_id photos files missing restored unreachable invalid held elapsed",
)
FileState = namedtuple("FileState", "file path state reason")


def rows(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


class User(models.Model):
    username = models.CharField(max_length=150)

    class Meta:
        managed = False
        app_label = "photos"
        db_table = "api_user"

    def scan_missing(self, force=False):
        """Looks for all files of this user's photos, in the transaction that is open, if any."""
        columns = ", ".join(ScanResult._fields)
        found = rows(f"SELECT {columns} FROM scan_missing(%s, force => %s)", [self.pk, force])
        return ScanResult(*found[0])

    def scan_missing_with_commits(self):
        """The same with a commit after each batch; not inside transaction.atomic()."""
        with connection.cursor() as cursor:
            cursor.execute("CALL scan_missing_photos(%s)", [self.pk])


class Photo(models.Model):
    id = models.UUIDField(primary_key=True)
    image_hash = models.CharField(max_length=64)
    owner = models.ForeignKey(User, on_delete=models.DO_NOTHING)
    rating = models.IntegerField()

    class Meta:
        managed = False
        app_label = "photos"
        db_table = "api_photo"

    def check_files(self):
        """Looks at this photo's files now and brings its rows in line with what is found."""
        found = rows("SELECT file, path, state, reason FROM check_files(%s)", [self.pk])
        return [FileState(*row) for row in found]


class MissingCount(models.Model):
    """One row per owner; owners are text, as in all of the extension's views."""

    owner = models.TextField(primary_key=True)
    num_photos = models.BigIntegerField()
    num_missing_photos = models.BigIntegerField()
    num_missing_files = models.BigIntegerField()
    num_unreachable_files = models.BigIntegerField()
    last_scan_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        app_label = "photos"
        db_table = "missing_counts"


class MissingFile(models.Model):
    """A file may be in several photos; to Django, which wants one key, the file is it."""

    file = models.TextField(primary_key=True)
    photo = models.TextField()
    owner = models.TextField()
    path = models.TextField(null=True)
    state = models.TextField()
    reason = models.TextField(null=True)
    since = models.DateTimeField(null=True)

    class Meta:
        managed = False
        app_label = "photos"
        db_table = "missing_files"
