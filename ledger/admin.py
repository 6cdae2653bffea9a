"""A look at the log; nothing of it can be edited. Tiles are bytes, and have no page."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from .models import Anchor, Checkpoint, Entry, Log


class ReadOnly(admin.ModelAdmin):
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Log)
class LogAdmin(ReadOnly):
    list_display = ("origin", "size", "published")


@admin.register(Entry)
class EntryAdmin(ReadOnly):
    list_display = ("number", "index", "__str__", "accepted_at")
    ordering = ("-number",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("size", "created_at")
    ordering = ("-size",)


@admin.register(Anchor)
class AnchorAdmin(ReadOnly):
    list_display = ("checkpoint", "authority", "status", "anchored_at", "attempts", "next_try", "failure")
    ordering = ("-created_at",)
