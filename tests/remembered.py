"""What was told once by the product's own functions, put back as it was for the next test that begins with it.

To found a world takes a hundred statements and two keys; most tests begin there and tell something else. The first test
of a process does it all; what the tables and the files then hold is remembered, and written as it was for the others.
The numbers of rows go on from the highest that was ever given, as they do in a database that is emptied.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

APPS = ("ledger", "partners", "traceability")
FILES = ("AUTHORITIES", "GOVERNORS", "WITNESSES", "WITNESSED_LOGS", "ANCHORS")  # and all of KEYS_DIR


@dataclass
class Remembered:
    """All rows and files of the node, and what else there was to remember."""

    told: Any
    rows: list[tuple[type[models.Model], list[models.Model]]] = field(default_factory=list)
    keys: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # mode and content, by name
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for model in _models():
            if rows := list(model._default_manager.order_by("pk")):
                self.rows.append((model, rows))
        for path in settings.KEYS_DIR.iterdir():
            self.keys[path.name] = (path.stat().st_mode, path.read_bytes())
        self.files = {name: path.read_bytes() for name in FILES if (path := getattr(settings, name)).exists()}

    def put_back(self) -> Any:
        with transaction.atomic():
            for model, rows in self.rows:
                model._default_manager.bulk_create([copy(row) for row in rows])
        settings.KEYS_DIR.mkdir(parents=True, mode=0o700)
        for name, (mode, content) in self.keys.items():
            path = settings.KEYS_DIR / name
            path.touch(mode)
            path.write_bytes(content)
        for name, content in self.files.items():
            Path(getattr(settings, name)).write_bytes(content)
        return self.told


_REMEMBERED: dict[tuple[Any, ...], Remembered] = {}


def once(name: str, tell: Callable[[], Any]) -> Any:
    """What `tell` returned and left behind when it was first called on this database, for the log of this name.

    Where anything is there already, it is called again, beside that.
    """
    known = connection.settings_dict
    where = (name, known["NAME"], known["HOST"], known["PORT"], settings.LOG_ORIGIN)
    remembered = _REMEMBERED.get(where)
    written = [model for model, _ in remembered.rows] if remembered else _models()
    if settings.KEYS_DIR.exists() or any(model._default_manager.exists() for model in written):
        return tell()
    if remembered is None:
        _REMEMBERED[where] = Remembered(tell())
        return _REMEMBERED[where].told
    return remembered.put_back()


def _models() -> list[type[models.Model]]:
    return [model for app in APPS for model in apps.get_app_config(app).get_models()]
