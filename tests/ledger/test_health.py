"""What /ready asks: each check fails for its own reason, and says it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from ledger import cosigning, health, keys, log, models, tasks
from tests.ledger.conftest import NOW, Ledger
from tests.ledger.witnesses import Running, make, serving

ALL = ["database", "clock", "log", "integrating", "publishing", "signer", "node_key", "witnesses"]


@pytest.fixture(autouse=True)
def no_witnesses(settings: Any, tmp_path: Path) -> None:
    settings.WITNESSES = tmp_path / "witnesses.policy"


@pytest.fixture
def witness(shared_ledger: Ledger, settings: Any, tmp_path: Path) -> Iterator[Running]:
    running = make(tmp_path, "witness.example/w1", shared_ledger.signer.verifier)
    with serving(running):
        settings.WITNESSES.write_text(f"{running.line.replace('witness.example-w1', 'w1')}quorum w1\n")
        yield running


def failing(after: float = 0.0) -> dict[str, str]:
    """The checks that do not hold so many seconds later, and why."""
    checks = list(health.checks(now=NOW + timedelta(seconds=after)))
    return {check.name: check.detail for check in checks if not check.ok}


def measured(after: float = 0.0) -> dict[str, Any]:
    found = health.measures(now=NOW + timedelta(seconds=after))
    return {each.name: each.value if each.by_witness is None else dict(each.by_witness) for each in found}


def test_an_empty_log_is_ready_and_so_is_one_that_keeps_its_promises(ledger: Ledger) -> None:
    assert [check.name for check in health.checks(now=NOW)] == ALL
    assert failing() == {}
    ledger.grows(3)
    assert failing() == {}


def test_it_asks_a_few_queries_and_leaves_nothing(ledger: Ledger, django_assert_max_num_queries: Any) -> None:
    ledger.grows(3)
    with django_assert_max_num_queries(10):  # three of them a savepoint's, within a test's own transaction
        list(health.checks(now=NOW))
    assert not models.Witness.objects.exists()


def test_a_clock_that_is_behind_is_told(ledger: Ledger, settings: Any) -> None:
    ledger.grows(1)
    assert failing(after=-settings.INTEGRATE_WITHIN_SECONDS / 2) == {}
    assert failing(after=-3600) == {"clock": "is 3600 s behind the entry that was accepted last"}


def test_an_entry_that_waits_longer_than_was_promised_is_told(ledger: Ledger, settings: Any) -> None:
    ledger.takes(1)
    assert failing(after=settings.INTEGRATE_WITHIN_SECONDS) == {}
    assert "61 s, of 60" in failing(after=61)["integrating"]
    assert measured(after=61)["log_oldest_pending_seconds"] == 61


def test_an_entry_in_the_tree_that_nobody_signs_is_told(shared_ledger: Ledger, settings: Any, tmp_path: Path) -> None:
    settings.SIGNER_SOCKET = str(tmp_path / "nobody.socket")
    shared_ledger.takes(1)
    log.advance(now=NOW, signer=shared_ledger.signer)
    found = failing(after=61)
    assert found.keys() == {"publishing", "signer"}
    assert found["signer"] == "signer_away: the signer does not answer"  # and not where its socket is


def test_a_frozen_log_says_why(ledger: Ledger) -> None:
    ledger.grows(2)
    log.freeze("the log is behind its witnesses: it has 2 entries, w1 has seen 3")
    assert failing() == {"log": "the log is behind its witnesses: it has 2 entries, w1 has seen 3"}
    assert measured()["log_frozen"] == 1


def test_an_old_backup_is_seen_by_what_the_signer_remembers(ledger: Ledger) -> None:
    ledger.grows(2)
    models.Checkpoint.objects.all().delete()
    models.Log.objects.update(size=1, signed=0, published=0)
    assert "has signed 2 entries, and the log has 1" in failing()["signer"]


def test_a_node_without_its_key_is_not_ready(ledger: Ledger, settings: Any) -> None:
    settings.DEBUG = False
    (settings.KEYS_DIR / "node.pem").unlink()
    assert failing().keys() == {"node_key"}


def test_without_a_quorum_of_witnesses_it_is_not_ready(
    shared_ledger: Ledger, witness: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.timezone, "now", lambda: NOW)
    assert failing() == {}  # there is nothing yet that it could cosign
    shared_ledger.takes(2)
    tasks.sweep()
    assert failing() == {}
    assert measured()["witness_lag_entries"] == {"witness.example/w1": 0}

    witness.says = b"no\n"
    cosigning.compare(now=NOW)
    assert failing() == {}  # it may be late once
    shared_ledger.takes(3)
    tasks.sweep()
    assert re.fullmatch(r"no quorum: w1 failed [2-4] times in a row", failing()["witnesses"])
    assert measured()["witness_lag_entries"] == {"witness.example/w1": 3}
    assert measured()["witness_failures"]["witness.example/w1"] >= 2
    assert failing(after=61).keys() == {"witnesses", "publishing"}

    witness.says = None
    cosigning.compare(now=NOW)
    cosigning.carry(now=NOW)
    assert failing() == {}
    assert "is a worker running?" in failing(after=200)["witnesses"]


def test_a_database_that_cannot_be_written_is_told_alone(ledger: Ledger) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no session that only reads")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    assert failing() == {"database": "does not answer, or cannot be written"}


def test_witnesses_of_the_operators_own_never_make_a_log_witnessed(
    shared_ledger: Ledger, witness: Running, settings: Any
) -> None:
    settings.OWN_WITNESSES = ["w1"]
    shared_ledger.takes(1)
    tasks.sweep()
    assert log.latest() is not None
    assert not log.is_witnessed()
    settings.OWN_WITNESSES = []
    shared_ledger.takes(1)
    tasks.sweep()
    assert log.is_witnessed()


def test_every_key_can_be_made_alone(settings: Any, tmp_path: Path) -> None:
    keys.make_log(tmp_path / "signer", settings.LOG_ORIGIN)
    keys.make_node(tmp_path / "web")
    assert {path.name for path in (tmp_path / "signer").iterdir()} == {"log.pem", "log.vkey", "log.memory"}
    assert {path.name for path in (tmp_path / "web").iterdir()} == {"node.pem"}
