"""Flags missing files as LibrePhotos's Rust backend of 2026 does: prints milliseconds and how many.

    paged.py FOLDER all|changed     the library's /data lies in FOLDER; the connection is the
                                    environment's

Photos come in pages of 5,000. A page is two queries, then one transaction with two statements for each
missing file, one for the photos of the page ("changed": only for those that lost a file, as later code
does), and one for the job's progress. Statements are prepared once.
"""
import os
import sys
import time
import uuid

import psycopg2

OWNER = 1
PAGE = 5000
STATEMENTS = {
    "start": "(text, integer) AS INSERT INTO api_longrunningjob (job_type, finished, failed, cancelled,"
             " job_id, queued_at, started_at, started_by_id, progress_current, progress_target)"
             " VALUES (14, false, false, false, $1, now(), now(), $2, 0, 0)",
    "photos": "(integer) AS SELECT count(*) FROM api_photo WHERE owner_id = $1",
    "target": "(text, integer) AS UPDATE api_longrunningjob SET progress_target = $2 WHERE job_id = $1",
    "cancelled": "(text) AS SELECT cancelled FROM api_longrunningjob WHERE job_id = $1",
    "page": "(integer, bigint, bigint) AS SELECT id FROM api_photo WHERE owner_id = $1"
            " ORDER BY image_hash, id OFFSET $2 LIMIT $3",
    "links": "(uuid[]) AS SELECT l.photo_id, f.hash, f.path FROM api_photo_files AS l"
             " JOIN api_file AS f ON f.hash = l.file_id WHERE l.photo_id = ANY ($1)",
    "unlink": "(uuid, text) AS DELETE FROM api_photo_files WHERE photo_id = $1 AND file_id = $2",
    "flag": "(text) AS UPDATE api_file SET missing = true WHERE hash = $1",
    "touch": "(uuid[]) AS UPDATE api_photo SET last_modified = now() WHERE id = ANY ($1)",
    "progress": "(text) AS UPDATE api_longrunningjob SET progress_current = progress_current + 1"
                " WHERE job_id = $1",
    "finish": "(text) AS UPDATE api_longrunningjob SET finished = true, finished_at = now()"
              " WHERE job_id = $1",
}


def array(values):
    return "{%s}" % ",".join(values)


class Session:
    """Prepared statements by name; counts what it runs."""

    def __init__(self):
        connection = psycopg2.connect("")
        connection.autocommit = True
        self.cursor = connection.cursor()
        self.count = 0
        for name, statement in STATEMENTS.items():
            self.cursor.execute("PREPARE {} {}".format(name, statement))

    def run(self, name, *values):
        self.count += 1
        self.cursor.execute("EXECUTE {} ({})".format(name, ", ".join(["%s"] * len(values))),
                            [array(value) if isinstance(value, list) else value for value in values])

    def rows(self, name, *values):
        self.run(name, *values)
        return self.cursor.fetchall()

    def transaction(self, command):
        self.cursor.execute(command)


def look_at_page(session, job, first, folder, touch_all):
    photos = [row[0] for row in session.rows("page", OWNER, first, PAGE)]
    links = session.rows("links", photos)
    gone = [link for link in links if not os.path.exists(link[2].replace("/data", folder, 1))]
    session.transaction("BEGIN")
    for photo, file, _ in gone:
        session.run("unlink", photo, file)
        session.run("flag", file)
    touched = photos if touch_all else sorted({link[0] for link in gone})
    if touched:
        session.run("touch", touched)
    session.run("progress", job)
    session.transaction("COMMIT")
    return len(gone)


def main(folder, touch):
    session = Session()
    job = str(uuid.uuid4())
    found = 0
    start = time.perf_counter()
    session.run("start", job, OWNER)
    pages = -(-session.rows("photos", OWNER)[0][0] // PAGE)
    session.run("target", job, pages)
    for page in range(pages):
        if session.rows("cancelled", job)[0][0]:
            break
        found += look_at_page(session, job, page * PAGE, folder, touch == "all")
    session.run("finish", job)
    print((time.perf_counter() - start) * 1000, found, session.count)


main(sys.argv[1], sys.argv[2])
