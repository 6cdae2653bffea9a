"""How gunicorn serves a node; read from the directory it is started in.

Access logs, should somebody turn gunicorn's own on, have the path and never the query, nor the page one came from:
those may hold a serial number; and where a standard has one in the path, not that path. The node's own line about a
request is in `traceability/observing.py`.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from traceability import settings  # a value that is missing stops the start here, before any process is forked
from traceability.logs import without_serials

access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'


class WithoutSerials(Logger):
    """Its lines about requests."""

    def atoms(self, *about: Any) -> dict[str, Any]:
        atoms = dict(super().atoms(*about))
        return atoms | {"U": without_serials(atoms["U"])}


logger_class = WithoutSerials
control_socket_disable = True  # nobody commands a node from beside it, and several may run as one user
if settings.LOG_JSON:
    logconfig_dict = settings.LOGGING

_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # where processes count requests, so that each can tell what all have counted


def on_starting(server: Any) -> None:
    """Counts begin anew with each start, as Prometheus expects."""
    if _METRICS not in os.environ:
        os.environ[_METRICS] = tempfile.mkdtemp(prefix="unitproof-metrics-")
    _forget()


def on_exit(server: Any) -> None:
    _forget()


def _forget() -> None:
    folder = Path(os.environ[_METRICS])
    folder.mkdir(parents=True, exist_ok=True)
    for counted in folder.glob("*.db"):
        counted.unlink(missing_ok=True)
