"""Settings of the example: the database that PGHOST, PGDATABASE and PGUSER name."""
import os

SECRET_KEY = "only an example"
INSTALLED_APPS = []
ROOT_URLCONF = "urls"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "NAME": os.environ.get("PGDATABASE", "librephotos"),
        "USER": os.environ.get("PGUSER", "docker"),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
    }
}
