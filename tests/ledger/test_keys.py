"""The node's key files, and the command that makes them."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from ledger import keys
from ledger.errors import KeyMissing
from ledger.tlog.note import parse_key
from tests.ledger.conftest import Ledger


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_keys_are_made_once() -> None:
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    made = contents(settings.KEYS_DIR)
    assert sorted(made) == ["log.memory", "log.pem", "log.vkey", "node.pem"]
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    assert contents(settings.KEYS_DIR) == made


def test_only_the_node_itself_reads_them() -> None:
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    assert {path.stat().st_mode & 0o077 for path in settings.KEYS_DIR.iterdir()} == {0}


def test_what_a_crash_left_half_made_is_made_again() -> None:
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    node = (settings.KEYS_DIR / "node.pem").read_bytes()
    (settings.KEYS_DIR / "log.pem").unlink()
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    assert (settings.KEYS_DIR / "node.pem").read_bytes() == node
    assert str(keys.log_signer().verifier) == (settings.KEYS_DIR / "log.vkey").read_text().strip()
    assert keys.log_signer().last().size == 0


def test_no_key_is_made_beside_what_another_one_signed(ledger: Ledger) -> None:
    """Brought back, the old key would find an empty memory, and sign another log of the same name."""
    ledger.grows(10)
    away = (settings.KEYS_DIR / "log.pem").rename(settings.KEYS_DIR / "elsewhere.pem")
    with pytest.raises(KeyMissing, match="bring it back"):
        keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    away.rename(settings.KEYS_DIR / "log.pem")
    assert keys.log_signer().last().size == 10


def test_the_log_key_has_the_logs_name() -> None:
    keys.make(settings.KEYS_DIR, settings.LOG_ORIGIN)
    verifier = parse_key((settings.KEYS_DIR / "log.vkey").read_text().strip())
    assert (verifier, verifier.name) == (keys.log_signer().verifier, settings.LOG_ORIGIN)


def test_a_missing_key_stops_the_node_outside_development(settings: Any) -> None:
    for load in (keys.log_signer, keys.node_key):
        with pytest.raises(KeyMissing):
            load()
    settings.DEBUG = True
    assert keys.node_key().public == keys.node_key().public
    assert keys.log_signer().last().size == 0


def test_keygen_prints_the_public_halves() -> None:
    first, again = StringIO(), StringIO()
    call_command("keygen", stdout=first)
    call_command("keygen", stdout=again)
    assert first.getvalue() == again.getvalue()
    log, witness, node, custody = first.getvalue().splitlines()
    assert log == f"log   {keys.log_signer().verifier}"
    assert witness == f"witness  {keys.cosigner().verifier}"
    assert re.fullmatch(r"node  kid [\w-]{43}  public [\w-]{43}", node)
    assert custody == "custody  seals the keys that parties leave with this node"
    assert keys.custody().decrypt(keys.custody().encrypt(b"a key")) == b"a key"
