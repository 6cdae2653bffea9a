"""How gunicorn serves a node; read from the directory it is started in.

Access logs, should somebody turn gunicorn's own on, have the path and never the query, nor the page one came from:
those may hold a serial number. The node's own line about a request is in `traceability/observing.py`.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from traceability import settings  # a value that is missing stops the start here, before any process is forked

access_log_format = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(b)s %(M)sms'
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
