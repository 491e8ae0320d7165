"""Django for a program that is one file: settings from the environment, models in the program itself."""
import os

import django
from django.apps import AppConfig
from django.conf import settings


class Api(AppConfig):
    """The application that the program is; it calls its models' application api."""
    name = "__main__"
    label = "api"
    path = os.path.dirname(os.path.abspath(__file__))


settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"], "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}},
    INSTALLED_APPS=["django_setup.Api"], USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()
