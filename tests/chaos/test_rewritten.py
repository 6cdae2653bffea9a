"""A log rewritten by somebody who has everything of the node's, its key too: its witness has not forgotten.

The witness is a process of its own, as its operator would run it; whoever rewrites gets nothing of that one.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as node_settings
from django.test import Client
from django.utils import timezone

from ledger import bulk, cosigning, keys, log, models, tasks
from ledger.errors import LogFrozen
from ledger.tlog import merkle, tiles
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.errors import LogError
from ledger.tlog.policy import Policy
from ledger.tlog.receipt import SignedRoot
from ledger.tlog.tiles import Tile
from ledger.witness import WitnessMemory
from tests.chaos.node import Node, Process, free_port, wait_for
from tests.signing import sign_over
from tests.world import World, document, unit
from traceability import capture

NAME = "witness.example"


@pytest.fixture
def witness(world: World, node: Node, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`manage.py witness`, whom this node asks; its folder."""
    folder, logs, said = node.folder / "witness", node.folder / "logs.policy", node.folder / "witness.log"
    logs.write_text(f"log {keys.log_signer().verifier}\nquorum none\n")
    command = [sys.executable, "manage.py", "witness", str(folder), "--name", NAME, "--logs", str(logs)]
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder / "var")}
    process = Process([*command, "--bind", f"127.0.0.1:{free_port()}"], environment, said)
    try:
        wait_for(f"the witness, see {said}", lambda: "\n" in said.read_text())
        settings.WITNESSES.write_text(f"{said.read_text().splitlines()[0]}\nquorum {NAME}\n")
        monkeypatch.setattr(cosigning, "_carrier", cosigning.Carrier())
        wait_for("its first word", lambda: publishes())
        yield folder
        cosigning._carrier.close()
    finally:
        process.kill()


def publishes() -> bool:
    tasks.sweep()
    return log.latest() is not None


def hands_in(world: World, serial: str) -> None:
    signed = sign_over(world.maker, document(world.maker.commissioning(unit(serial))), {})
    capture.capture(signed.received, signed.opening, signed.statement, now=timezone.now())


def rewrite(index: int) -> None:
    """Another entry at this index, and everything that follows from it, signed: consistent in itself."""
    signer = keys.local_signer()
    models.Entry.objects.filter(index=index).update(entry=os.urandom(32))
    leaves = merkle.leaf_hashes_of(bulk.read_entries(0, log.head().size))
    models.Tile.objects.all().delete()
    bulk.write_tiles(tiles.grow(0, dict[Tile, bytes]().__getitem__, leaves))
    for row in models.Checkpoint.objects.order_by("size"):
        head = Checkpoint(node_settings.LOG_ORIGIN, row.size, merkle.root_of(leaves[: row.size]))
        root = SignedRoot.sign(head.root, origin=head.origin, key=signer.key.key)
        row.root, row.note, row.signed_root = head.root, head.sign(signer.key), bytes(root)
        row.save()
    models.Log.objects.update(root=merkle.root_of(leaves))
    with signer.memory.held() as file:  # of the signer as well
        for slot in (0, 1):
            signer.memory.write(file, slot, row.note)


@pytest.mark.parametrize("grown", [False, True], ids=["as-long", "grown"])
def test_i4_a_log_that_was_rewritten_with_its_own_key_is_stopped_by_its_witness(
    world: World, witness: Path, client: Client, grown: bool
) -> None:
    hands_in(world, "A1")
    tasks.sweep()
    policy = Policy.parse(f"log {keys.log_signer().verifier}\n{node_settings.WITNESSES.read_text()}")
    before = log.latest()
    assert before is not None
    assert client.get("/ready").status_code == 200
    size = policy.check(before.note).checkpoint.size

    rewrite(size - 2)
    assert client.get("/ready").status_code == 200  # within the node all fits together
    if grown:
        hands_in(world, "A2")  # the next that is signed continues what was rewritten
    else:
        cosigning._carrier.compared = None  # a minute later, or when a process begins
    tasks.sweep()

    # 1  the witness has refused, and keeps to what it had cosigned
    memory = WitnessMemory(witness / "witness.memory")
    with memory.held() as held:
        assert memory.last(held, before.value.origin) == before.value
    assert len(memory.evidence()) == (0 if grown else 1)
    # 2  the node takes nothing more, and says so
    reason = f"{cosigning.OTHER}: it has {size + grown} entries, {NAME} has cosigned another tree"
    assert log.frozen() == reason
    with pytest.raises(LogFrozen):
        hands_in(world, "A3")
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert {"name": "log", "ok": False, "detail": reason} in answer.json()["checks"]
    # 3  nothing longer was published, and what stands there now convinces nobody
    after = log.latest()
    assert after is not None
    assert (after.size, after.root != before.root) == (size, True)
    with pytest.raises(LogError):
        policy.check(after.note)
