"""Two at a time in one case: a message is taken once, an item is answered and settled once, and no error is ours."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.traceability.dscsa.test_exceptions import Dispute, answer, overage, pdg_parse, shows, text
from tests.traceability.test_at_once import at_once
from tests.world import Party, World
from traceability import statements
from traceability.dscsa.exceptions import Sent, hand_in, send, statement_of
from traceability.errors import Refusal
from traceability.models import CaseItem, CaseMessage, PartnerCase
from traceability.statements import MessageKind


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def dispute(world: World) -> Dispute:
    return Dispute(world, world.distributor, world.maker)


def sends(dispute: Dispute, by: Party, kind: MessageKind, members: dict[str, Any]) -> Callable[[], Any]:
    """Signed beforehand, to be handed in later."""
    to, now = dispute.partner if by is dispute.reporter else dispute.reporter, dispute.world.now
    sent = Sent(kind, text(members), to.gln)
    envelope = statements.sign(statement_of(by.partner, sent, pdg_parse(kind, sent.content), now=now), by.key)
    return lambda: hand_in(envelope, sent.content, now=now)


def test_one_report_sent_at_once_opens_one_case(world: World, dispute: Dispute) -> None:
    report = sends(dispute, world.distributor, MessageKind.REPORT, dispute.report(overages=[overage()]))
    came_to = at_once(*[report] * 4)
    assert sorted(created for _, created in came_to) == [False, False, False, True]
    assert PartnerCase.objects.count() == CaseMessage.objects.count() == CaseItem.objects.count() == 1


def test_asked_of_the_node_at_once_it_signs_once(world: World, dispute: Dispute) -> None:
    world.entrusts(world.distributor)
    partner, now = world.distributor.partner, world.now
    sent = Sent(MessageKind.REPORT, text(dispute.report(overages=[overage()])), world.maker.gln)
    came_to = at_once(*(partial(send, partner, sent, now=now + timedelta(seconds=each)) for each in range(4)))
    assert sum(created for _, created in came_to) == 1
    assert CaseMessage.objects.count() == 1


def test_what_is_answered_while_it_is_closed_comes_before_or_is_refused(world: World, dispute: Dispute) -> None:
    item = overage()
    dispute.reports(overages=[item])
    response = sends(dispute, world.maker, MessageKind.RESPONSE, dispute.response(answer(item)))
    closing = sends(dispute, world.distributor, MessageKind.REPORT, dispute.report(resolved=True))
    answered, closed = at_once(response, closing)
    assert not isinstance(closed, Refusal)
    assert not isinstance(answered, Refusal) or answered.code == "case_resolved"
    row = PartnerCase.objects.get()
    assert (row.resolved is not None, row.answered is not None) == (True, not isinstance(answered, Refusal))


def test_one_thing_is_done_once(world: World, dispute: Dispute) -> None:
    item = overage()
    dispute.reports(overages=[item])
    dispute.responds(answer(item))
    twice = [
        sends(dispute, world.maker, MessageKind.FOLLOW_UP, dispute.follow_up(shows(item, note=f"invoice {number}")))
        for number in range(2)
    ]
    came_to = at_once(*twice)
    assert [each.code for each in came_to if isinstance(each, Refusal)] == ["item_not_agreed"]


def test_two_reports_at_once_are_in_one_case(world: World, dispute: Dispute) -> None:
    reports = [
        sends(dispute, world.distributor, MessageKind.REPORT, dispute.report(overages=[overage()])) for _ in range(3)
    ]
    assert not any(isinstance(each, Refusal) for each in at_once(*reports))
    assert (PartnerCase.objects.count(), CaseItem.objects.count()) == (1, 3)
