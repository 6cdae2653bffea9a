"""The process that holds the log's key is killed, between rounds and inside a signing: the node waits for it."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ledger import keys, log, models, signing_process, tasks
from ledger.errors import SignerRefuses
from tests.chaos.journal import demand_once, demand_one_log, published
from tests.chaos.node import Node, Process, wait_for
from tests.signing import Signed, sign_over
from tests.world import World, document, unit
from traceability import capture

INSIDE = ("integrate.before_memory", "integrate.after_memory")


class Signer:
    """`manage.py signer`, there to be killed; the node is this very process."""

    def __init__(self, node: Node, settings: Any) -> None:
        self.node, self.settings = node, settings
        self.socket = node.folder / "signer.socket"
        self.process: Process | None = None

    def start(self, failpoint: str = "") -> None:
        self.process = self.node.sign(self.socket, UNITPROOF_FAILPOINT=failpoint)
        self.settings.SIGNER_SOCKET = str(self.socket)
        wait_for("the signer", self.answers)

    def answers(self) -> bool:
        try:
            return bool(keys.log_signer().verifier)
        except SignerRefuses:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()


@pytest.fixture
def signer(world: World, node: Node, settings: Any) -> Signer:
    """Not started yet: the node has the key itself until then."""
    return Signer(node, settings)


class Story:
    """What is handed in while the signer comes and goes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: list[Signed] = []
        self.seen: list[dict[int, str]] = []

    def takes_one(self) -> None:
        event = self.world.maker.commissioning(unit(f"S{len(self.kept)}"))
        signed = sign_over(self.world.maker, document(event), {})
        capture.capture(signed.received, signed.opening, signed.statement, now=timezone.now())
        self.kept.append(signed)
        self.seen.append(published())

    def demand_nothing_lost(self) -> None:
        for signed in self.kept:
            demand_once(signed)
        demand_one_log(*self.seen)
        assert keys.log_signer().last() == models.Log.objects.get().value


def not_ready(client: Client) -> dict[str, str]:
    """The checks of /ready that do not hold, and why."""
    answer = client.get("/ready", secure=True)
    found = {check["name"]: check["detail"] for check in answer.json()["checks"] if not check["ok"]}
    assert answer.status_code == (503 if found else 200)
    return found


def test_i4_a_signer_killed_between_rounds_is_waited_for(world: World, signer: Signer, client: Client) -> None:
    story = Story(world)
    signer.start()
    story.takes_one()
    tasks.sweep()
    assert not_ready(client) == {}
    signer.kill()
    story.takes_one()  # is taken all the same, and waits
    with pytest.raises(SignerRefuses, match="the signer does not answer"):
        tasks.sweep()
    assert not_ready(client) == {"signer": "signer_away: the signer does not answer"}
    assert log.frozen() is None
    signer.start()
    tasks.sweep()
    assert not_ready(client) == {}
    story.demand_nothing_lost()


@pytest.mark.parametrize("fault", ["", ":stop"], ids=["kill", "stall"])
@pytest.mark.parametrize("failpoint", INSIDE)
def test_i4_a_signer_killed_inside_a_signing_signs_the_same_or_more_of_it_when_it_is_back(
    failpoint: str, fault: str, world: World, signer: Signer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have remembered what nobody was handed; one that hangs is waited for as long as one that is away."""
    monkeypatch.setattr(signing_process, "PATIENCE", 0.5)
    story = Story(world)
    story.takes_one()
    tasks.sweep()
    signer.start(failpoint + fault)
    for _ in range(2):
        story.takes_one()
        with pytest.raises(SignerRefuses, match="the signer does not answer"):
            tasks.sweep()
        assert "signer" in not_ready(client)
    signer.kill()
    signer.start()
    assert keys.log_signer().last().size <= models.Log.objects.get().size
    story.takes_one()
    tasks.sweep()
    assert not_ready(client) == {}
    story.demand_nothing_lost()
