"""Below the log's prefix, `/log/`."""

from django.urls import path

from . import views

urlpatterns = [
    path("checkpoint", views.checkpoint, name="checkpoint"),
    path("tile/<path:path>", views.tile, name="tile"),
]
