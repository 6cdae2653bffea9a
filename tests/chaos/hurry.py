"""The node's Celery app in a hurry: everything is rung for again and again, and who did what is written down.

did/<task>/<rang or ran>.<process>
"""

import os
from pathlib import Path
from typing import Any

from celery.signals import before_task_publish, task_prerun
from django.conf import settings

from traceability.celery import app

EVERY = 0.5  # seconds
DID = "did"

app.conf.beat_schedule = {
    name: {"task": each["task"], "schedule": EVERY} for name, each in settings.CELERY_BEAT_SCHEDULE.items()
}


@before_task_publish.connect
def rang(sender: str, **_: Any) -> None:
    _note(sender, "rang")


@task_prerun.connect
def ran(task: Any, **_: Any) -> None:
    _note(task.name, "ran")


def _note(task: str, did: str) -> None:
    folder: Path = settings.VAR_DIR / DID / task
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{did}.{os.getpid()}").touch()
