"""Two nodes that witness each other: neither publishes what the other has not cosigned; their proofs outlive both."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect

from ledger.tlog.policy import Policy
from tests.browser.pages import choose
from tests.chaos.node import listens, wait_for
from tests.chaos.peer import Peer
from tests.chaos.prepared import Prepared
from tests.chaos.works import Works
from traceability.client import Node
from traceability.web.offline import FILE

Peers = tuple[Peer, Peer]


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Iterator[Peers]:
    folder = tmp_path_factory.mktemp("peers")
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda name: Peer(folder, name, prepared), ("north", "south"))
    one.knows(other)
    other.knows(one)
    try:
        one.serve()
        other.serve()
        yield one, other
    finally:
        for peer in (one, other):
            peer.stop()
            peer.http.close()


def publishes(node: Peer, size: int, witness: Peer) -> None:
    """Wait until it has published so many entries at least, cosigned."""
    wait_for(f"{size} entries of {node.folder}", lambda: node.size() >= size)
    policy = Policy.parse(f"log {node.log}\n{witness.policy}")
    assert policy.check(node.checkpoint()).witnesses.keys() == {"W"}


def test_two_nodes_witness_each_other_and_neither_publishes_alone(peers: Peers) -> None:
    north, south = peers
    publishes(north, north.grows(), south)
    publishes(south, south.grows(), north)
    south.stop()
    size = north.grows()
    wait_for("a sweep", lambda: north.waits_for_cosignatures(size))
    assert north.size() < size  # accepted and integrated; not published before its witness is back
    south.serve()
    publishes(north, size, south)


@pytest.mark.parametrize("fault", ["", ":error", ":stop"], ids=["kill", "error", "stall"])
def test_i4_a_witness_that_fails_once_it_has_remembered_cosigns_the_same_when_asked_again(
    peers: Peers, fault: str
) -> None:
    north, south = peers
    south.stop()
    south.serve(UNITPROOF_FAILPOINT=f"witness.remembered{fault}")
    size = north.grows()
    wait_for("a sweep", lambda: north.waits_for_cosignatures(size))
    assert north.size() < size
    south.stop()
    south.serve()
    publishes(north, size, south)
    publishes(north, north.grows(), south)


# ---- and then there is neither


@pytest.fixture(scope="module")
def proof(peers: Peers) -> tuple[Path, Path]:
    """What one of them has proven, and the policy of whoever believes it. Both nodes are gone."""
    north, _ = peers
    works = Works(north.folder, north.manage, lambda token="": Node(north.address, token))
    with works.node:
        submitted = works.commissions("LAST")
        wait_for("the receipt", lambda: works.receipt(submitted))
        bundle, policy = north.folder / "last.unitproof", north.folder / "policy.json"
        bundle.write_bytes(works.node.bundle(works.unit("LAST")))
    policy.write_text(north.manage("policy"))
    for node in peers:
        node.stop()
        wait_for("its end", lambda node=node: not listens(node.port))  # type: ignore[misc]
    return bundle, policy


def damaged(bundle: Path) -> Path:
    """One byte is another."""
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    found = bundle.with_name("damaged.unitproof")
    found.write_bytes(data)
    return found


def test_i6_when_both_nodes_are_gone_their_proof_holds_by_a_program(proof: tuple[Path, Path]) -> None:
    bundle, policy = proof

    def verify(file: Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "traceability.cli", "verify", str(file), "--policy", str(policy)]
        return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)

    held = verify(bundle)
    assert held.returncode == 0, held.stdout
    assert "seen by W at" in held.stdout
    assert verify(damaged(bundle)).returncode == 1


@pytest.mark.browser
def test_i6_when_both_nodes_are_gone_their_proof_holds_in_a_browser(proof: tuple[Path, Path], browser: Browser) -> None:
    bundle, policy = proof
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(FILE.as_uri())
    choose(page, bundle, policy)
    expect(page.locator("#verdict")).to_have_text("It holds")
    choose(page, damaged(bundle), policy)
    expect(page.locator("#verdict")).to_have_text("Refused")
    context.close()
