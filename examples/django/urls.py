from django.urls import path

import views

urlpatterns = [path("api/deletemissingphotos", views.delete_missing_photos)]
