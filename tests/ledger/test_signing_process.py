"""The signer behind a socket: signs, refuses and remembers as it does in the process."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ledger import keys, log, models, tasks
from ledger.errors import SignerRefuses
from ledger.signer import Growth
from ledger.signing_process import RemoteSigner, SigningServer
from ledger.tlog.checkpoint import Checkpoint
from tests.ledger.conftest import Ledger


@pytest.fixture
def remote(shared_ledger: Ledger, settings: Any, tmp_path: Path) -> Iterator[RemoteSigner]:
    with SigningServer(tmp_path / "signer.socket", keys.local_signer()) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        settings.SIGNER_SOCKET = str(tmp_path / "signer.socket")
        yield RemoteSigner(tmp_path / "signer.socket")
        server.shutdown()


def test_a_log_grows_whose_key_is_elsewhere(shared_ledger: Ledger, remote: RemoteSigner, settings: Any) -> None:
    key = settings.KEYS_DIR / "log.pem"
    hidden = key.rename(key.with_name("elsewhere.pem"))  # the server has read it; the node cannot
    settings.DEBUG = False
    for count in (3, 300, 5):
        shared_ledger.takes(count)
        tasks.sweep()
    hidden.rename(key)
    shared_ledger.check()
    assert remote.last() == keys.local_signer().last() == models.Log.objects.get().value
    assert remote.verifier == shared_ledger.signer.verifier
    assert remote.sign_empty() == shared_ledger.signer.sign_empty()


def test_i4_it_refuses_what_does_not_continue_the_last(shared_ledger: Ledger, remote: RemoteSigner) -> None:
    shared_ledger.takes(8)
    tasks.sweep()
    other = Checkpoint(remote.last().origin, 9, bytes(32))
    with pytest.raises(SignerRefuses) as refused:
        remote.sign(other, Growth(8, [bytes(32)]))
    assert refused.value.code == "not_consistent"
    with pytest.raises(SignerRefuses) as refused:
        remote.sign(Checkpoint(other.origin, 7, bytes(32)), Growth(8, []))
    assert refused.value.code == "log_rolled_back"


def test_it_signs_for_receipts_the_root_of_the_checkpoint(shared_ledger: Ledger, remote: RemoteSigner) -> None:
    shared_ledger.takes(8)
    tasks.sweep()
    stored = models.Checkpoint.objects.get()
    assert remote.sign(remote.last(), Growth(8, [])) == (stored.note, bytes(stored.signed_root))


@pytest.mark.parametrize(
    "line", [b"", b"{}\n", b"[]\n", b"nonsense\n", b'{"ask":"sign"}\n', b'{"ask":"x"}\n', b"\xff\n"]
)
def test_what_is_no_request_is_refused_and_ends_nothing(remote: RemoteSigner, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(remote.socket))
        connection.sendall(line or b"\n")
        with connection.makefile("rb") as answer:
            assert b"refused" in answer.readline()
    assert remote.last().size == 0


def test_a_signer_that_is_away_is_a_reason_to_wait(shared_ledger: Ledger, settings: Any, tmp_path: Path) -> None:
    settings.SIGNER_SOCKET = str(tmp_path / "nobody.socket")
    shared_ledger.takes(1)
    with pytest.raises(SignerRefuses) as refused:
        tasks.sweep()
    assert refused.value.code == "signer_away"
    assert log.frozen() is None
