"""A world whose changes are committed, so that other processes see them; a node; and a Redis to lose."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import cosigning, keys
from tests.chaos.node import Node
from tests.chaos.partner import Partners
from tests.chaos.prepared import Prepared, PreparedNode
from tests.ledger import witnesses
from tests.ledger.witnesses import Running
from tests.world import World


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def node(world: World, tmp_path: Path, prepared: Prepared) -> Iterator[Node]:
    """Nothing runs yet; whatever the test starts is gone when it ends."""
    found = PreparedNode(tmp_path, prepared)
    yield found
    found.stop()


@pytest.fixture(scope="session")
def prepared() -> Iterator[Prepared]:
    found = Prepared()
    yield found
    found.stop()


@pytest.fixture
def witness(world: World, tmp_path: Path, settings: Any) -> Iterator[Running]:
    """A witness that this node waits for before it publishes anything."""
    verifier = keys.log_signer().verifier
    running = witnesses.make(tmp_path, "witness.example", verifier)
    with witnesses.serving(running):
        settings.WITNESSES.write_text(f"{running.line}quorum witness.example\n")
        yield running
        cosigning._carrier.close()


@pytest.fixture
def partners(world: World, node: Node) -> Iterator[Partners]:
    """The node answers HTTP, and everybody in the cast has a token."""
    node.serve()
    found = Partners(node.address, [world.maker, world.distributor, world.pharmacy, world.other_pharmacy])
    yield found
    found.close()
