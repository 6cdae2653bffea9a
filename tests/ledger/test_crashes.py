"""kill -9 between any two steps of integrating: what is left comes to the same bytes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

import ledger as package
from ledger import log, models, tasks
from ledger.errors import SignerRefuses
from tests.ledger.conftest import Ledger

#: Every point that integrating passes, found in its source.
FAILPOINTS = sorted(
    point
    for module in ("log.py", "signer.py")
    for point in re.findall(r'failpoint\("(integrate\.\w+)"\)', Path(package.__path__[0], module).read_text())
)
INTEGRATE = """
import django; django.setup()
from django.utils import timezone
from ledger import keys, log
log.integrate(now=timezone.now(), signer=keys.log_signer(), limit=200)
"""


def database_url() -> str:
    """The test's database, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)


def integrate_elsewhere(failpoint: str | None = None) -> int:
    """The exit status of another process that integrates, killed at the failpoint."""
    environment = os.environ | {"DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR)}
    if failpoint:
        environment["UNITPROOF_FAILPOINT"] = failpoint
    return subprocess.run([sys.executable, "-c", INTEGRATE], env=environment, check=False).returncode


@pytest.fixture
def grown(shared_ledger: Ledger) -> Iterator[Ledger]:
    """A log with a history, and more waiting than one batch takes."""
    shared_ledger.grows(300)
    shared_ledger.takes(500)
    yield shared_ledger
    shared_ledger.check()


def test_every_step_has_its_failpoint() -> None:
    assert len(FAILPOINTS) == 8


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_i4_killed_anywhere_the_log_goes_on_to_the_same_bytes(grown: Ledger, failpoint: str) -> None:
    assert integrate_elsewhere(failpoint) == -signal.SIGKILL
    published = list(models.Checkpoint.objects.values_list("size", "note"))
    remembered = grown.signer.last()
    grown.integrates(200)
    assert set(published) <= set(models.Checkpoint.objects.values_list("size", "note"))
    head = models.Checkpoint.objects.filter(size=remembered.size).get()
    assert head.value == remembered  # what may have been handed out is what is published


FORKS = """
import os, django; django.setup()
from django.db import connections
from django.utils import timezone
from ledger import keys, log
round = lambda: log.advance(now=timezone.now(), signer=keys.log_signer(), limit=200)
assert round() and round()  # the second signs
connections.close_all()
child = os.fork()
if not child:
    while round(): pass
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_process_that_has_signed_may_fork(grown: Ledger) -> None:
    """Nothing that signs is handed down: a thread would be dead in the child, and waited for with the log held."""
    environment = os.environ | {"DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR)}
    subprocess.run([sys.executable, "-c", FORKS], env=environment, check=True, timeout=60)
    assert models.Log.objects.get().signed == 800


def test_i4_killed_again_and_again_with_more_coming_in(grown: Ledger) -> None:
    for failpoint in FAILPOINTS:
        assert integrate_elsewhere(failpoint) == -signal.SIGKILL
        grown.takes(3)
    assert integrate_elsewhere() == 0


def test_i2_a_receipt_given_before_a_crash_is_given_after_it(grown: Ledger) -> None:
    receipts = [log.receipt(entry) for entry in grown.entries[:300:50]]
    assert integrate_elsewhere("integrate.after_tiles") == -signal.SIGKILL
    grown.integrates()
    assert [log.receipt(entry) for entry in grown.entries[:300:50]] == receipts


def test_i4_a_restored_backup_is_noticed_before_anything_is_built_on_it(shared_ledger: Ledger) -> None:
    """The database forgets; the signer does not."""
    backup = shared_ledger.grows(300)
    signed = shared_ledger.grows(100).value
    models.Checkpoint.objects.filter(size__gt=300).delete()
    models.Entry.objects.filter(index__gte=300).delete()
    models.Log.objects.update(size=300, signed=300, published=300, root=backup.root)
    shared_ledger.takes(2)
    with pytest.raises(SignerRefuses) as refused:
        shared_ledger.integrates()
    assert refused.value.code == "log_rolled_back"
    assert models.Entry.objects.filter(index=None).count() == 2
    assert shared_ledger.signer.last() == signed
    with pytest.raises(SignerRefuses):
        tasks.sweep()
    assert (log.frozen() or "").startswith(f"{log.SIGNER_REFUSES}: the log has fewer entries than were signed")
