"""Flags missing files in pages, with two statements for each: prints milliseconds and how many.

    paged.py FOLDER     the library's /data lies in FOLDER; the connection is the environment's
"""
import os
import sys
import time

import psycopg2

PAGE = 5000


def main(folder):
    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    start = time.perf_counter()
    found = 0
    cursor.execute("SELECT count(*) FROM api_photo WHERE owner_id = 7")
    photos = cursor.fetchone()[0]
    for offset in range(0, photos, PAGE):
        cursor.execute(
            "SELECT p.id, f.hash, f.path FROM (SELECT id FROM api_photo WHERE owner_id = 7"
            " ORDER BY id LIMIT %s OFFSET %s) AS p JOIN api_photo_files AS l ON l.photo_id = p.id"
            " JOIN api_file AS f ON f.hash = l.file_id", (PAGE, offset))
        for photo, file, path in cursor.fetchall():
            if os.path.exists(path.replace("/data", folder, 1)):
                continue
            cursor.execute("DELETE FROM api_photo_files WHERE photo_id = %s AND file_id = %s",
                           (photo, file))
            cursor.execute("UPDATE api_file SET missing = true WHERE hash = %s", (file,))
            found += 1
    print((time.perf_counter() - start) * 1000, found)


main(sys.argv[1])
