"""An application's models, made from the database's own tables, with what LibrePhotos adds to them."""
import django_setup  # noqa: F401 -- before any model

from django.contrib.postgres.fields import ArrayField
from django.core.cache import cache
from django.db import connection, models
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

SET_NULL = {"cover_photo_id", "cover_face_id", "main_file_id", "primary_photo_id", "kept_photo_id",
            "person_id", "cluster_id", "classification_person_id", "cluster_person_id"}
TYPES = {"integer": models.IntegerField, "bigint": models.BigIntegerField, "uuid": models.UUIDField,
         "boolean": models.BooleanField, "timestamp with time zone": models.DateTimeField,
         "date": models.DateField, "double precision": models.FloatField, "jsonb": models.JSONField,
         "bytea": models.BinaryField}


def columns():
    """Of each table its columns: name, type, whether it may be null, the table it references, key or not."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT substr(c.relname, 5), a.attname, format_type(a.atttypid, NULL), NOT a.attnotnull,
                   (SELECT substr(r.relname, 5) FROM pg_constraint AS k JOIN pg_class AS r ON r.oid = k.confrelid
                     WHERE k.contype = 'f' AND k.conrelid = c.oid AND k.conkey = ARRAY[a.attnum]),
                   EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'p' AND k.conrelid = c.oid
                              AND k.conkey = ARRAY[a.attnum])
              FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
             WHERE c.relkind = 'r' AND c.relname LIKE 'api\\_%' AND NOT a.attisdropped
             ORDER BY c.relname, a.attnum""")
        tables = {}
        for table, *column in cursor.fetchall():
            tables.setdefault(table, []).append(column)
        return tables


def field_of(name, kind, nullable, target, key):
    if target is not None:
        rule = models.SET_NULL if name in SET_NULL and nullable else models.CASCADE
        return name[:-3], models.ForeignKey("api." + target, rule, null=nullable, db_column=name,
                                            primary_key=key, related_name="+")
    if kind == "double precision[]":
        return name, ArrayField(models.FloatField(), null=nullable)
    if key and kind == "integer":
        return name, models.AutoField(primary_key=True)
    return name, TYPES.get(kind, models.TextField)(null=nullable, primary_key=key)


def is_link(table, tables):
    """Whether a table holds nothing but pairs: then it is a field of the table that it is named after."""
    return any(table.startswith(other + "_") for other in tables) and \
        [column[3] is None for column in tables[table]] == [True, False, False]


def make_models():
    tables = columns()
    fields = {table: dict(field_of(*column) for column in of)
              for table, of in tables.items() if not is_link(table, tables)}
    for table in tables:
        if is_link(table, tables):
            owner = max((name for name in fields if table.startswith(name + "_")), key=len)
            target = next((column[3] for column in tables[table][1:] if column[3] != owner), owner)
            fields[owner][table[len(owner) + 1:]] = models.ManyToManyField(
                "api." + target, db_table="api_" + table, related_name="+", symmetrical=False)
    return {table: type(table, (models.Model,), dict(
        of, __module__="__main__",
        Meta=type("Meta", (), {"app_label": "api", "managed": False, "db_table": "api_" + table})))
        for table, of in fields.items()}


def remember_loaded(model):
    """Rows remember what they were loaded with, to see what changed when they are saved."""
    def from_db(cls, db, names, values):
        row = super(model, cls).from_db(db, names, values)
        row.loaded = dict(zip(names, values))
        return row

    model.from_db = classmethod(from_db)


def changed(**_):
    cache.set("changed", timezone.now())


def tell_cache(model):
    """A row that is saved or deleted puts the time into the cache."""
    post_save.connect(changed, sender=model)
    post_delete.connect(changed, sender=model)
