"""The Django app, which loads the Celery app so that tasks find it."""

from django.apps import AppConfig


class TraceabilityConfig(AppConfig):
    name = "traceability"
    verbose_name = "Traceability"

    def ready(self) -> None:
        from . import celery  # noqa: F401
