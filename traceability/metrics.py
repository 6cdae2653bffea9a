"""What Prometheus reads: requests by view, as all processes counted them, and how the log stands at this moment.

    unitproof_http_requests_total{method,view,status}    unitproof_log_...    unitproof_witness_...{witness}
    unitproof_http_request_seconds{method,view}          unitproof_database_up
    unitproof_jobs{state}                                unitproof_jobs_oldest_open_seconds

gunicorn's processes count in files of a folder, PROMETHEUS_MULTIPROC_DIR, that `gunicorn.conf.py` makes anew at each
start; whichever of them is asked adds up what all have counted. What concerns the log is asked of the database, so
that no process has an opinion of its own. No label holds a path, a serial number or a partner.
"""

import logging
import os
from collections.abc import Iterator
from datetime import datetime

from django.db import Error as DatabaseError
from django.http import HttpRequest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ledger import health
from ledger.tlog.errors import LogError

from . import jobs

logger = logging.getLogger(__name__)

HERE = CollectorRegistry()  # of this process
REQUESTS = Counter("unitproof_http_requests", "Requests answered.", ["method", "view", "status"], registry=HERE)
SECONDS = Histogram(
    "unitproof_http_request_seconds",
    "Time until an answer began.",
    ["method", "view"],
    registry=HERE,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_of(request: HttpRequest) -> str:
    """Clients may call their methods anything: those that HTTP knows, and all others as one."""
    return request.method if request.method in METHODS else "OTHER"


def count(method: str, view: str, status: int, seconds: float) -> None:
    """A request that was answered."""
    REQUESTS.labels(method, view, str(status)).inc()
    SECONDS.labels(method, view).observe(seconds)


def exposition(*, now: datetime) -> bytes:
    """All of it, in Prometheus's text form."""
    counted, standing = HERE, CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    standing.register(Standing(now))
    return generate_latest(counted) + generate_latest(standing)


class Standing(Collector):
    """How the log stands, if the database answers."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = [_gauge(measure) for measure in health.measures(now=self.now)]
            found += _of_jobs()
        except (DatabaseError, LogError, OSError) as error:
            logger.warning("the log was not measured: %s", error)
            found = []
        yield GaugeMetricFamily("unitproof_database_up", "1 if the log could be measured.", value=bool(found))
        yield from found


def _of_jobs() -> Iterator[GaugeMetricFamily]:
    """How many jobs there are in each state, as the database has them, and how long the first of them waits."""
    counts, waiting = jobs.standing()
    family = GaugeMetricFamily(
        "unitproof_jobs", "Jobs by how they stand; those that are over, for some days.", labels=["state"]
    )
    for state, count in counts.items():
        family.add_metric([state], count)
    yield family
    about = "Seconds since the oldest job was asked for that is not over."
    yield GaugeMetricFamily("unitproof_jobs_oldest_open_seconds", about, value=waiting)


def _gauge(measure: health.Measure) -> GaugeMetricFamily:
    name = f"unitproof_{measure.name}"
    if measure.by_witness is None:
        return GaugeMetricFamily(name, measure.about, value=measure.value)
    family = GaugeMetricFamily(name, measure.about, labels=["witness"])
    for witness, value in measure.by_witness.items():
        family.add_metric([witness], value)
    return family
