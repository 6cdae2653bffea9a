"""A node to measure: an empty database of its own, the cast of `tests/world.py`, and submissions ready to hand in.

Whatever is imported here reads the settings, so `DATABASE_URL` and `VAR_DIR` come from the environment.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "traceability.settings")
django.setup()

from django.conf import settings  # noqa: E402 - Django comes first
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from tests.signing import Signed  # noqa: E402
from tests.world import World  # noqa: E402
from traceability import capture  # noqa: E402


def build() -> World:
    """The node, empty."""
    settings.DEBUG = False  # which would keep the text of every query
    call_command("migrate", verbosity=0)
    return World()


def hand_in(signed: Signed, world: World) -> None:
    """From bytes in memory to commit. Drafting and signing were the client's time, not the node's."""
    capture.capture(signed.received, signed.opening, signed.statement, now=world.now)


def clock(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


@dataclass
class Statements:
    """Counts what is asked of the database: `with connection.execute_wrapper(counting)`. COPY passes uncounted."""

    count: int = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


@dataclass(frozen=True)
class Measure:
    """One number, and what the project asks of it."""

    measure: str
    value: float
    unit: str
    must: float | None = None
    aim: float | None = None
    more_is_better: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> str | None:
        if self.must is None and self.aim is None:
            return None
        return "aim" if self._meets(self.aim) else "must" if self._meets(self.must) else "no"

    def _meets(self, goal: float | None) -> bool:
        if goal is None:
            return False
        return self.value >= goal if self.more_is_better else self.value <= goal

    def as_json(self) -> dict[str, Any]:
        shown = {
            "measure": self.measure,
            "database": connection.vendor,
            "value": round(self.value, 4),
            "unit": self.unit,
            "must": self.must,
            "aim": self.aim,
            "met": self.met,
        }
        return {name: value for name, value in shown.items() if value is not None} | self.details


def spread(values: Iterable[float]) -> list[float]:
    """The rounds, smallest first."""
    return [round(value, 4) for value in sorted(values)]
