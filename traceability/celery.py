"""The Celery app. A message carries no data: it says "look for work", and the work is in the database."""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
# By the name of the scheme, not by the setting `broker_transport`: by that, kombu drops the TLS of a `rediss://`.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "traceability.broker:Transport"))
TRANSPORT_ALIASES["sentinel"] = "traceability.broker:SentinelTransport"

app = Celery("unitproof")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Django's LOGGING stands, also in a worker and in beat: whoever is connected here tells Celery to add nothing."""


@task_prerun.connect
def name_the_task(task_id: str, task: Any, **_: Any) -> None:
    """Every line that a task logs says which task it was."""
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def forget_the_task(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")
