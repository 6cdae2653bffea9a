"""Whether the log can keep what it promises, asked again and again by whatever routes requests or wakes people.

A check is a name, yes or no, and a sentence for the operator. It costs a query or two, and whoever asks learns nothing
of any one party, and no secret: what a server says of a failure goes to its log, not into the answer.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from . import cosigning, keys, log
from .errors import NotMigrated
from .models import Entry, Log, Witness
from .tlog.errors import LogError

logger = logging.getLogger(__name__)

ASKED_WITHIN = timedelta(seconds=3 * cosigning.COMPARED_EVERY)  # else nobody sweeps here any more
FAILURES = 2  # in a row, before a witness counts as out of reach: one may be late once
_PROBE = "written by /ready, and taken back"


@dataclass(frozen=True)
class Check:
    """What was asked, whether it holds, and a sentence about it."""

    name: str
    ok: bool
    detail: str


class NotReady(Exception):
    """A check that does not hold, and why."""


def checks(*, now: datetime) -> Iterator[Check]:
    """Every check; while the database does not answer, that one alone."""
    database = _run("database", _database, now)
    yield database
    if database.ok:
        for name, check in CHECKS.items():
            yield _run(name, check, now)


def _run(name: str, check: Callable[[datetime], str], now: datetime) -> Check:
    try:
        return Check(name, True, check(now))
    except NotReady as why:
        return Check(name, False, str(why))
    except LogError as error:
        return Check(name, False, f"{error.code}: {error.detail}")
    except (DatabaseError, OSError) as error:  # their text may name hosts, users and files
        logger.warning("not ready, %s: %s", name, error)
        return Check(name, False, "does not answer, or cannot be written")


# ---- the checks -----------------------------------------------------------------------------------------------------


def _database(now: datetime) -> str:
    with transaction.atomic():
        Witness.objects.create(name=_PROBE)  # a standby, or a disk that is full, still answers questions
        transaction.set_rollback(True)
    return "answers and can be written"


def _clock(now: datetime) -> str:
    """A promise made by a clock that is behind ends before its time: whoever's is right could convict the node."""
    last = Entry.objects.order_by("-number").values_list("accepted_at", flat=True).first()
    behind = (last - now).total_seconds() if last else 0.0
    if behind > settings.INTEGRATE_WITHIN_SECONDS / 2:
        raise NotReady(f"is {behind:.0f} s behind the entry that was accepted last")
    return "is not behind the entry that was accepted last"


def _not_frozen(now: datetime) -> str:
    if reason := log.frozen():
        raise NotReady(reason)
    return "takes entries"


def _integrating(now: datetime) -> str:
    return _in_time(pending_since(), now, "waits to be taken into the tree")


def _publishing(now: datetime) -> str:
    return _in_time(unpublished_since(log.head()), now, "waits to be signed, cosigned and published")


def _in_time(since: datetime | None, now: datetime, waits: str) -> str:
    if since is None:
        return "nothing waits"
    waited = (now - since).total_seconds()
    told = f"the oldest entry that {waits} has done so for {waited:.0f} s, of {settings.INTEGRATE_WITHIN_SECONDS}"
    if waited > settings.INTEGRATE_WITHIN_SECONDS:
        raise NotReady(told)
    return told


def _signer(now: datetime) -> str:
    signed = keys.log_signer().last().size
    size = log.head().size  # read after: what is signed was committed before
    if signed > size:
        raise NotReady(f"has signed {signed} entries, and the log has {size}: an old backup, or another log's keys")
    return f"answers, and has signed {signed} entries"


def _node_key(now: datetime) -> str:
    keys.node_key()
    return "promises can be signed"


def _witnesses(now: datetime) -> str:
    policy = keys.witnesses()
    if policy is None:
        return "none are asked: not independently witnessed"
    if not log.head().signed:
        return "nothing was signed yet that they could cosign"
    rows = cosigning.standing()
    found = {name: _out_of_reach(rows[peer.key.name], now) for name, peer in policy.witnesses.items()}
    away = {name: why for name, why in found.items() if why}
    told = "; ".join(f"{name} {why}" for name, why in away.items()) or "all answer"
    try:
        policy.demand_quorum(policy.witnesses.keys() - away.keys())
    except LogError:
        raise NotReady(f"no quorum: {told}") from None
    return told


def _out_of_reach(row: Witness, now: datetime) -> str:
    """Why a witness cannot be counted on; nothing, if it can."""
    if row.failures >= FAILURES:
        return f"failed {row.failures} times in a row"
    if row.asked_at is None:
        return "was never asked"
    if now - row.asked_at > ASKED_WITHIN:
        return f"was not asked for {(now - row.asked_at).total_seconds():.0f} s: is a worker running?"
    return ""


CHECKS: Mapping[str, Callable[[datetime], str]] = {
    "clock": _clock,
    "log": _not_frozen,
    "integrating": _integrating,
    "publishing": _publishing,
    "signer": _signer,
    "node_key": _node_key,
    "witnesses": _witnesses,
}


# ---- before anything is asked ---------------------------------------------------------------------------------------


def demand_migrated() -> None:
    """Raise `NotMigrated` unless all tables are there; `OperationalError` while the database does not answer."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        lacking = ", ".join(sorted({migration.app_label for migration, _ in plan}))
        detail = "tables are missing, or are those of an older version: run `manage.py migrate`, then this again"
        name = str(connection.settings_dict["NAME"])
        raise NotMigrated(detail, where=name, expected="all migrations", found=f"{len(plan)} missing, of {lacking}")


# ---- measures -------------------------------------------------------------------------------------------------------


def pending_since() -> datetime | None:
    """When the oldest entry was accepted that is not in the tree."""
    return Entry.objects.filter(index=None).order_by("number").values_list("accepted_at", flat=True).first()


def unpublished_since(head: Log) -> datetime | None:
    """When the oldest entry was accepted that is in the tree, and under no published checkpoint."""
    return Entry.objects.filter(index=head.published).values_list("accepted_at", flat=True).first()


@dataclass(frozen=True)
class Measure:
    """A number about the log as it stands; `by_witness` where each witness has its own."""

    name: str
    about: str
    value: float = 0.0
    by_witness: Mapping[str, float] | None = None


def measures(*, now: datetime) -> Iterator[Measure]:
    """How the log stands, in numbers: what a checkpoint says of it anyway, and ages in seconds."""
    head, last = log.head(), log.latest()
    yield Measure("log_entries", "Entries in the tree.", head.size)
    yield Measure("log_signed_entries", "Entries under the last signed checkpoint.", head.signed)
    yield Measure("log_published_entries", "Entries under the last published checkpoint.", head.published)
    yield Measure("log_frozen", "1 while the log takes nothing.", float(head.frozen is not None))
    yield Measure("log_witnessed", "1 if others than the operator cosigned what is published.", float(head.witnessed))
    yield Measure("log_oldest_pending_seconds", "Age of the oldest entry not in the tree.", _age(pending_since(), now))
    unpublished = _age(unpublished_since(head), now)
    yield Measure("log_oldest_unpublished_seconds", "Age of the oldest entry in the tree, not published.", unpublished)
    if last is not None:
        yield Measure("log_checkpoint_seconds", "Age of the last published checkpoint.", _age(last.published_at, now))
    yield from _by_witness(head)


def _by_witness(head: Log) -> Iterator[Measure]:
    rows = cosigning.standing()
    lag = {name: float(max(0, head.signed - row.size)) for name, row in rows.items()}
    failures = {name: float(row.failures) for name, row in rows.items()}
    yield Measure("witness_lag_entries", "Signed entries that a witness has not cosigned.", by_witness=lag)
    yield Measure("witness_failures", "Failures of a witness in a row.", by_witness=failures)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
