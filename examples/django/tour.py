"""A tour of the example: python3 tour.py USER_ID, on a LibrePhotos database of 2026."""
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from models import MissingCount, MissingFile, Photo, User  # noqa: E402 (needs django.setup)


def main():
    user = User.objects.get(pk=sys.argv[1])

    result = user.scan_missing()
    print(f"{result.files} files, {result.missing} newly missing, held: {result.held}")

    counts = MissingCount.objects.get(owner=user.pk)
    print(f"{counts.num_missing_photos} of {counts.num_photos} photos are missing")

    for lost in MissingFile.objects.filter(owner=user.pk, state="missing").order_by("path")[:5]:
        print(f"missing: {lost.path}")

    photo = Photo.objects.filter(owner=user, rating=0).order_by("image_hash").first()
    for file in photo.check_files():
        print(f"{file.path}: {file.state}")

    user.scan_missing_with_commits()
    print("scanned again, with commits")


if __name__ == "__main__":
    main()
