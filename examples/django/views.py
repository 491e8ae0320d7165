"""The page LibrePhotos calls to have missing photos removed: POST /api/deletemissingphotos."""
import json

from django.conf import settings
from django.db import connection
from django.http import HttpResponseNotAllowed, JsonResponse


def delete_missing_photos(request):
    """Answers {"status": true, "job_id": ...} or {"status": false, "error": ...}.

    Older clients send GET, which a link in a mail or a browser's prefetch would send too: it is
    refused unless MISSING_PHOTOS_ALLOW_GET is set, and then answered with a Deprecation header.
    """
    if request.method != "POST" and not (
        request.method == "GET" and getattr(settings, "MISSING_PHOTOS_ALLOW_GET", False)
    ):
        return HttpResponseNotAllowed(["POST"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT delete_missing(%s)", [request.user.pk])
        answer = json.loads(cursor.fetchone()[0])
    response = JsonResponse(answer)
    if request.method == "GET":
        response["Deprecation"] = "true"
    return response
