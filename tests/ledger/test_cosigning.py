"""Having witnesses: published is what enough of them cosigned, and whoever has seen more than we stops us."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import transaction

from ledger import cosigning, keys, log, models, tasks
from ledger.errors import LogFrozen, NotIntegrated
from ledger.tlog.note import Note
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from tests.ledger import witnesses
from tests.ledger.conftest import NOW, Ledger
from tests.ledger.witnesses import Running, serving


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has just begun."""
    monkeypatch.setattr(cosigning, "_carrier", cosigning.Carrier())


@pytest.fixture
def three(shared_ledger: Ledger, tmp_path: Path) -> Iterator[list[Running]]:
    verifier = shared_ledger.signer.key.verifier
    made = [witnesses.make(tmp_path, f"witness.example/w{n}", verifier) for n in (1, 2, 3)]
    with serving(*made):
        yield made
        cosigning._carrier.close()


def ask_for(settings: Any, three: list[Running], quorum: str = "group two 2 w1 w2 w3\nquorum two\n") -> Policy:
    """Write down that these are the witnesses; the policy of whoever asks for as many."""
    lines = "".join(each.line.replace("witness.example-", "") for each in three) + quorum
    settings.WITNESSES.write_text(lines)
    return Policy.parse(f"log {keys.log_signer().verifier}\n{lines}")


def test_what_enough_witnesses_cosigned_is_published(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    policy = ask_for(settings, three)
    (entry, *_) = shared_ledger.takes(5)
    tasks.sweep()
    head = log.latest()
    assert head is not None
    vouched = policy.check(head.note)
    assert (vouched.checkpoint.size, len(vouched.witnesses) >= 2) == (5, True)
    assert models.Log.objects.get().witnessed
    assert Proof.parse(log.receipt(entry)).check(entry, policy).checkpoint.size == 5
    assert {row.size for row in cosigning.standing().values()} <= {0, 5}


def test_nothing_is_published_before_the_quorum_is_met(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    ask_for(settings, three)
    three[0].says = three[1].says = b"no\n"
    (entry,) = shared_ledger.takes(1)
    tasks.sweep()
    assert log.latest() is None
    assert models.Log.objects.get().signed == 1
    with pytest.raises(NotIntegrated):
        log.receipt(entry)
    assert models.Cosignature.objects.get().witness == "witness.example/w3"
    three[0].says = None
    models.Witness.objects.update(failures=0)
    tasks.sweep()
    assert log.receipt(entry) == log.receipt(entry)


def test_a_published_note_never_changes(shared_ledger: Ledger, three: list[Running], settings: Any) -> None:
    ask_for(settings, three)
    three[2].says = b"no\n"
    shared_ledger.takes(1)
    tasks.sweep()
    before = models.Checkpoint.objects.get().note
    three[2].says = None
    cosigning.compare(now=NOW)
    assert models.Checkpoint.objects.get().note == before
    assert models.Cosignature.objects.count() == 3  # its word is kept all the same


def test_a_witness_that_is_elsewhere_is_brought_along(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    """It had missed some checkpoints, or we forgot what it had cosigned: it says, and gets the proof from there."""
    ask_for(settings, three, "group all all w1 w2 w3\nquorum all\n")
    shared_ledger.takes(3)
    tasks.sweep()
    models.Witness.objects.filter(name="witness.example/w1").update(size=0)
    models.Witness.objects.filter(name="witness.example/w2").delete()
    shared_ledger.takes(4)
    tasks.sweep()
    head = log.latest()
    assert head is not None
    assert (head.size, len(Note.parse(head.note).signatures)) == (7, 4)
    models.Log.objects.update(published=3)  # and it is carried again, for somebody who did not live to keep an answer
    models.Checkpoint.objects.filter(size=7).update(published_at=None)
    models.Witness.objects.update(size=3)
    assert cosigning.carry(now=NOW)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\n",
        "— witness.example/w1 AAAA\n".encode(),
        "— witness.example/w1 AAAAAAAAAAAAAAAAAAAAAAAA\n".encode(),
        b"\xff\xfe",
        b"x" * 100_000,
    ],
)
def test_whatever_a_witness_says_the_others_count(
    shared_ledger: Ledger, three: list[Running], settings: Any, says: bytes
) -> None:
    ask_for(settings, three)
    three[0].says = says
    shared_ledger.takes(1)
    tasks.sweep()
    head = log.latest()
    assert head is not None
    assert {line.name for line in Note.parse(head.note).signatures} == {
        settings.LOG_ORIGIN,
        "witness.example/w2",
        "witness.example/w3",
    }
    assert models.Witness.objects.get(name="witness.example/w1").failures == 1


def test_a_slow_witness_holds_up_nobody(shared_ledger: Ledger, three: list[Running], settings: Any) -> None:
    settings.WITNESS_TIMEOUT_SECONDS = 5
    ask_for(settings, three)
    three[0].late = 1.5
    shared_ledger.takes(1)
    began = monotonic()
    tasks.sweep()
    assert log.latest() is not None
    assert monotonic() - began < 5  # a first comparison has nothing to ask about, and the quorum is met without it


PATIENCE = 10.0  # seconds
HEADER, BODY = b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"


class Dripping:
    """Takes whatever it is asked, begins an answer, and goes on with it byte by byte for as long as anybody listens."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning, self.accepted = beginning, 0
        self.hung_up = list[float]()  # seconds until nobody listened any more, or patience ended
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                connection, _ = self.listening.accept()
                self.accepted += 1
                Thread(target=self._drip, args=[connection], daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        began = monotonic()
        with connection, suppress(OSError):
            connection.sendall(self.beginning)
            while monotonic() - began < PATIENCE:
                sleep(0.05)
                connection.sendall(b"x")
        self.hung_up.append(monotonic() - began)


@pytest.mark.parametrize("beginning", [b"", HEADER, BODY], ids=["status-line", "header", "body"])
def test_whoever_drips_is_hung_up_on(
    shared_ledger: Ledger, three: list[Running], settings: Any, beginning: bytes
) -> None:
    settings.WITNESS_TIMEOUT_SECONDS = 1.0
    dripping = Dripping(beginning)
    ask_for(settings, three, "group all all w1 w2 w3\nquorum all\n")
    settings.WITNESSES.write_text(settings.WITNESSES.read_text().replace(three[0].url, dripping.url))
    shared_ledger.takes(1)
    began = monotonic()
    tasks.sweep()
    assert monotonic() - began < PATIENCE / 2
    row = models.Witness.objects.get(name="witness.example/w1")
    assert row.failure.startswith("no answer in time")
    until = monotonic() + PATIENCE / 2
    while len(dripping.hung_up) < dripping.accepted and monotonic() < until:
        sleep(0.02)
    assert len(dripping.hung_up) == dripping.accepted > 0
    assert max(dripping.hung_up) < PATIENCE / 2
    dripping.listening.close()


def test_without_a_quorum_asked_for_the_outage_of_all_stops_nothing(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    ask_for(settings, three, "quorum none\n")
    for each in three:
        each.says = b"no\n"
    shared_ledger.takes(1)
    tasks.sweep()
    assert log.latest() is not None
    assert not models.Log.objects.get().witnessed


def test_a_witness_that_keeps_failing_is_asked_less_often(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    ask_for(settings, three)
    three[0].says = b"no\n"
    for _ in range(6):
        shared_ledger.takes(1)
        tasks.sweep()
    assert len(three[0].asked) < len(three[1].asked)


def test_its_own_witness_never_counts(shared_ledger: Ledger, tmp_path: Path, settings: Any) -> None:
    keys.make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
    own = Running(witnesses.make(tmp_path, "unused.example", shared_ledger.signer.key.verifier).witness)
    own.witness = type(own.witness)(keys.cosigner(), own.witness.logs, own.witness.memory)
    with serving(own):
        settings.WITNESSES.write_text(own.line + f"quorum {keys.cosigner().name.replace('/', '-')}\n")
        shared_ledger.takes(1)
        tasks.sweep()
        cosigning._carrier.close()
    head = log.latest()
    assert head is not None
    assert [line.name for line in Note.parse(head.note).signatures] == [settings.LOG_ORIGIN, settings.WITNESS_NAME]
    assert not models.Log.objects.get().witnessed


# Whoever has seen more


def restore(size: int) -> None:
    """What a database looks like that was restored from a backup of this size, the signer's memory with it."""
    models.Checkpoint.objects.filter(size__gt=size).delete()
    models.Entry.objects.filter(index__gte=size).delete()
    for tile in models.Tile.objects.all():
        models.Tile.objects.filter(pk=tile.pk).update(hashes=bytes(tile.hashes)[: 32 * size])
    head = models.Checkpoint.objects.get(size=size)
    models.Log.objects.update(size=size, signed=size, published=size, root=head.root)


def test_i4_a_backup_that_the_witnesses_know_better_than_is_frozen_before_anything_is_signed(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    memory = keys.local_signer().memory.path.read_bytes()
    shared_ledger.takes(4)
    tasks.sweep()
    restore(3)
    keys.local_signer().memory.path.write_bytes(memory)  # the backup had the signer's memory, too: nobody here knows
    with transaction.atomic():
        log.append(bytes(32), now=NOW)
    tasks.sweep()
    cosigning._carrier.compared = None  # the process begins anew
    tasks.sweep()
    head = models.Log.objects.get()
    assert "has seen 7" in (head.frozen or "")
    with pytest.raises(LogFrozen), transaction.atomic():
        log.append(bytes([1]) * 32, now=NOW)


def test_at_its_start_a_node_compares_itself_first(shared_ledger: Ledger, three: list[Running], settings: Any) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    memory = keys.local_signer().memory.path.read_bytes()
    shared_ledger.takes(4)
    tasks.sweep()
    restore(3)
    keys.local_signer().memory.path.write_bytes(memory)
    cosigning._carrier.compared = None
    models.Entry.objects.create(entry=bytes(32), accepted_at=NOW)
    tasks.sweep()
    assert models.Checkpoint.objects.count() == 1  # nothing was signed over what the witnesses know better
    assert "has seen 7" in (log.frozen() or "")


def test_it_goes_on_where_the_witnesses_agree_again(shared_ledger: Ledger, three: list[Running], settings: Any) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    log.freeze("the log is behind its witnesses: it has 2 entries, witness.example/w1 has seen 3")
    cosigning.compare(now=NOW)
    assert log.frozen() is None
    log.freeze("by hand")
    cosigning.compare(now=NOW)
    assert log.frozen() == "by hand"


def test_one_witness_that_lags_is_not_enough_to_go_on(
    shared_ledger: Ledger, three: list[Running], settings: Any
) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    log.freeze("the log is behind its witnesses: it has 3 entries, two of three have seen 9")
    three[0].status = three[1].status = 500
    three[0].says = three[1].says = b"away"
    cosigning.compare(now=NOW)
    assert log.frozen() is not None
    three[0].says = three[1].says = None
    cosigning.compare(now=NOW)
    assert log.frozen() is None


def test_who_says_nothing_may_have_seen_more(shared_ledger: Ledger, three: list[Running], settings: Any) -> None:
    ask_for(settings, three, quorum="group one any w1 w2 w3\nquorum one\n")
    shared_ledger.takes(3)
    tasks.sweep()
    cosigning.compare(now=NOW)
    three[0].says, three[0].status = b"9\n", 409
    cosigning.compare(now=NOW)
    assert "has seen 9" in (log.frozen() or "")
    three[0].says, three[0].status = b"away", 500
    cosigning.compare(now=NOW)
    assert log.frozen() is not None
    three[0].says = None
    cosigning.compare(now=NOW)
    assert log.frozen() is None


def test_one_witness_that_lies_of_a_larger_log_stops_nothing(
    shared_ledger: Ledger, three: list[Running], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    three[0].says, three[0].status = b"999999\n", 409
    shared_ledger.takes(1)
    tasks.sweep()
    cosigning.compare(now=NOW)
    assert log.frozen() is None
    assert models.Log.objects.get().published == 4
    assert "has seen 999999" in caplog.text
    three[1].says, three[1].status = b"999999\n", 409  # two of three: who is left is no quorum
    cosigning.compare(now=NOW)
    assert "has seen 999999" in (log.frozen() or "")
    three[1].says = None
    cosigning.compare(now=NOW)
    assert log.frozen() is None


@pytest.mark.parametrize(("status", "says"), [(409, b"3\n"), (422, b"bad_proof\n")], ids=["same-size", "larger"])
def test_a_quorum_that_has_cosigned_another_tree_stops_the_log(
    shared_ledger: Ledger, three: list[Running], settings: Any, status: int, says: bytes
) -> None:
    ask_for(settings, three)
    shared_ledger.takes(3)
    tasks.sweep()
    cosigning.compare(now=NOW)
    for running in three[:1], three[:2]:
        for each in running:
            each.status, each.says = status, says
        cosigning.compare(now=NOW)
    assert (log.frozen() or "").startswith(f"{cosigning.OTHER}: it has 3 entries, witness.example/w1 has cosigned")
    three[1].says = None
    cosigning.compare(now=NOW)
    assert log.frozen() is None  # one alone errs, or lies


def test_what_the_signer_refuses_nobody_adds_to(shared_ledger: Ledger) -> None:
    shared_ledger.grows(3)
    hidden = shared_ledger.signer.memory.path.rename(shared_ledger.signer.memory.path.with_name("elsewhere"))
    shared_ledger.takes(1)
    with pytest.raises(Exception, match="lost its memory"):
        tasks.sweep()
    with pytest.raises(LogFrozen), transaction.atomic():
        log.append(bytes(32), now=NOW)
    hidden.rename(shared_ledger.signer.memory.path)
    tasks.sweep()
    assert log.frozen() is None
    assert models.Log.objects.get().published == 4
