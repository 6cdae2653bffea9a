"""Cases between two partners: signed message by signed message, with clocks, and behind the walls of their two
parties."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.models import Entry
from tests.world import GTIN, Party, World
from traceability import placing, registration, statements
from traceability.dscsa import exceptions, pdg
from traceability.dscsa.exceptions import Case, State, case_of, cases_of, hand_in, members_of, statement_of
from traceability.dscsa.exceptions import Sent as ToSend
from traceability.dscsa.pdg import ItemKind, Resolution
from traceability.epcis.errors import DocumentError
from traceability.errors import NotFound, NotSigned, Refusal
from traceability.models import CaseItem, CaseMessage, Event, Notice, PartnerCase
from traceability.notices import notices_of
from traceability.statements import MessageKind

PO = "PO-17"


def text(members: dict[str, Any]) -> bytes:
    return json.dumps(members).encode()


@dataclass
class Dispute:
    """A case as its two parties write it."""

    world: World
    reporter: Party
    partner: Party
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    shipment: tuple[UUID, int] | None = None

    def sends(self, by: Party, kind: MessageKind, members: dict[str, Any]) -> CaseMessage:
        now = self.world.passes()
        to = self.partner if by is self.reporter else self.reporter
        shipment = self.shipment if kind is MessageKind.REPORT else None
        sent = ToSend(kind, text(members), to.gln, shipment)
        said = statement_of(by.partner, sent, pdg_parse(kind, sent.content), now=now)
        row, created = hand_in(statements.sign(said, by.key), sent.content, now=now)
        assert created
        return row

    def report(self, resolved: bool = False, **items: list[dict[str, Any]]) -> dict[str, Any]:
        return pdg.report(
            message=str(uuid.uuid4()), case=self.id, time=self.world.now, po_number=PO, gln=self.reporter.gln,
            email="dock@example.com", items={ItemKind(kind): each for kind, each in items.items()}, resolved=resolved,
        )  # fmt: skip

    def reports(self, resolved: bool = False, **items: list[dict[str, Any]]) -> CaseMessage:
        return self.sends(self.reporter, MessageKind.REPORT, self.report(resolved, **items))

    def response(self, *answers: dict[str, Any], notes: str | None = None) -> dict[str, Any]:
        return pdg.response(
            message=str(uuid.uuid4()), case=self.id, time=self.world.now, po_number=PO, gln=self.partner.gln,
            email="desk@example.com", answers=list(answers), notes=notes,
        )  # fmt: skip

    def responds(self, *answers: dict[str, Any], notes: str | None = None) -> CaseMessage:
        return self.sends(self.partner, MessageKind.RESPONSE, self.response(*answers, notes=notes))

    def follow_up(self, *items: dict[str, Any]) -> dict[str, Any]:
        return {
            "message_uuid": str(uuid.uuid4()), "exception_case_uuid": self.id, "items": list(items),
            "timestamp": int(self.world.now.timestamp()),
        }  # fmt: skip

    def follows_up(self, by: Party, *items: dict[str, Any]) -> CaseMessage:
        return self.sends(by, MessageKind.FOLLOW_UP, self.follow_up(*items))

    def seen(self, by: Party | None = None) -> Case:
        return case_of((by or self.reporter).partner, UUID(self.id))


def pdg_parse(kind: MessageKind, content: bytes) -> Any:
    parse = {MessageKind.REPORT: pdg.Report, MessageKind.RESPONSE: pdg.Response, MessageKind.FOLLOW_UP: pdg.FollowUp}
    return parse[kind].parse(content)  # type: ignore[attr-defined]


def overage(asks: str = "Debit account", ordered: int = 100, received: int = 110) -> dict[str, Any]:
    return {
        "exception_item_uuid": str(uuid.uuid4()), "gtin": GTIN, "quantity_ordered": ordered,
        "quantity_received": received, "resolution_request": asks,
    }  # fmt: skip


def answer(item: dict[str, Any], verdict: str = "Accept", alternative: str | None = None) -> dict[str, Any]:
    other = alternative and {"alternative_resolution": alternative, "follow_up": "Email"}
    return {
        "exception_item_uuid": item["exception_item_uuid"], "resolution_response": verdict,
        "comments": None, "alternative_resolution": other,
    }  # fmt: skip


def shows(item: dict[str, Any], row: Event | None = None, note: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"exception_item_uuid": item["exception_item_uuid"]}
    if row is not None:
        told |= {"submission": str(row.submission.submission), "event": row.position}
    return told | ({"note": note} if note else {})


def last_event() -> Event:
    return Event.objects.select_related("submission").latest("pk")


def told(world: World, party: Party) -> list[tuple[str, bool]]:
    """Kinds of what the party was told, and whether a clock of it runs."""
    placing.place(now=world.now)
    found, _ = notices_of(party.partner)
    return [(each.kind, each.due is not None and each.ended is None) for each in found]


@pytest.fixture
def dispute(world: World) -> Dispute:
    """Something that was shipped to the distributor, by the maker."""
    packs = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs, to=world.distributor)
    row = last_event()
    return Dispute(world, world.distributor, world.maker, shipment=(row.submission.submission, row.position))


# ---- from the report to its end -------------------------------------------------------------------------------------


def test_one_case_is_shared_and_each_message_of_it_is_in_the_log(world: World, dispute: Dispute) -> None:
    item = overage()
    entries = Entry.objects.count()
    dispute.reports(overages=[item])
    assert dispute.seen(world.maker).state is State.TO_ANSWER
    assert dispute.seen(world.maker).turn() == {world.maker.gln}
    dispute.responds(answer(item))
    assert dispute.seen().state is State.TO_FOLLOW_UP
    dispute.follows_up(world.maker, shows(item, note="invoice 4711"))
    assert dispute.seen().state is State.TO_CLOSE
    assert dispute.seen().turn() == {world.distributor.gln}
    dispute.reports(resolved=True)
    for party in (world.maker, world.distributor):
        case = dispute.seen(party)
        assert case.state is State.RESOLVED
        assert [each.kind for each in case.messages] == ["report", "response", "follow-up", "report"]
        assert case.row.shipment_id is not None
    assert Entry.objects.count() == entries + 4
    for each in dispute.seen().messages:
        said = statements.open_statement(bytes(each.statement.envelope)).payload
        assert isinstance(said, statements.ExceptionMessage)
        assert said.hash == statements.sha256(bytes(each.content)).digest()
        assert said.case == dispute.id


def test_whose_turn_it_is_has_a_clock_and_the_last_message_stops_all(world: World, dispute: Dispute) -> None:
    item = overage()
    dispute.reports(overages=[item])
    assert told(world, world.maker) == [("exception.reported", True)]
    assert told(world, world.distributor) == []
    dispute.responds(answer(item))
    assert told(world, world.maker) == [("exception.reported", False), ("exception.agreed", True)]
    assert told(world, world.distributor) == [("exception.answered", False)]
    dispute.follows_up(world.maker, shows(item, note="invoice 4711"))
    assert told(world, world.distributor)[-1] == ("exception.followed_up", True)
    assert not any(runs for _, runs in told(world, world.maker))
    dispute.reports(resolved=True)
    assert told(world, world.maker)[-1] == ("exception.resolved", False)
    assert not Notice.objects.filter(due__isnull=False, ended__isnull=True).exists()


def test_what_is_refused_is_asked_for_in_another_way(world: World, dispute: Dispute) -> None:
    item = overage("Debit account")
    dispute.reports(overages=[item])
    dispute.responds(answer(item, "Reject", "Return product"))
    case = dispute.seen()
    assert (case.state, case.items[0].alternative) == (State.TO_CLOSE, "Return product")
    dispute.reports(overages=[item | {"resolution_request": "Return product"}])
    assert dispute.seen().state is State.TO_ANSWER
    dispute.responds(answer(item))
    assert dispute.seen().turn() == {world.distributor.gln}
    world.distributor.receives(["https://id.gs1.org/01/00614141123452/21/A1"], sender=world.maker)
    world.distributor.sends_back(["https://id.gs1.org/01/00614141123452/21/A1"], to=world.maker)
    dispute.follows_up(world.distributor, shows(item, last_event()))
    assert dispute.seen().state is State.TO_CLOSE
    assert case.row.due == PartnerCase.objects.get().due  # that of the first answer


def test_a_message_is_taken_once(world: World, dispute: Dispute) -> None:
    members = dispute.report(overages=[overage()])
    sent = ToSend(MessageKind.REPORT, text(members), world.maker.gln, dispute.shipment)
    parsed = pdg_parse(MessageKind.REPORT, sent.content)
    envelope = statements.sign(
        statement_of(world.distributor.partner, sent, parsed, now=world.now), world.distributor.key
    )
    first, created = hand_in(envelope, sent.content, now=world.passes())
    again, created_again = hand_in(envelope, sent.content, now=world.passes())
    assert (created, created_again, again.pk) == (True, False, first.pk)
    assert CaseMessage.objects.count() == CaseItem.objects.count() == 1


# ---- walls ----------------------------------------------------------------------------------------------------------


def test_to_everybody_else_there_is_no_such_case(world: World, dispute: Dispute) -> None:
    dispute.reports(overages=[overage()])
    for party in (world.pharmacy, world.stranger, world.regulator):
        assert cases_of(party.partner) == ([], None)
        refused = []
        for case in (dispute.id, str(uuid.uuid4())):
            with pytest.raises(NotFound) as error:
                case_of(party.partner, UUID(case))
            refused.append(vars(error.value))
        assert refused[0] == refused[1]


def test_nobody_else_answers(world: World, dispute: Dispute) -> None:
    item = overage()
    dispute.reports(overages=[item])
    other = Dispute(world, world.distributor, world.stranger, id=dispute.id)
    never = Dispute(world, world.distributor, world.stranger)
    for each in (other, never):
        with pytest.raises(NotFound):
            each.responds(answer(item))
    with pytest.raises(NotFound):
        other.follows_up(world.stranger, shows(item, note="done"))
    assert CaseMessage.objects.count() == 1


def test_a_shipment_of_others_is_none(world: World, dispute: Dispute) -> None:
    theirs = Dispute(world, world.stranger, world.maker, shipment=dispute.shipment)
    nobodys = Dispute(world, world.stranger, world.maker, shipment=(uuid.uuid4(), 0))
    refused = []
    for each in (theirs, nobodys):
        with pytest.raises(NotFound) as error:
            each.reports(overages=[overage()])
        refused.append(vars(error.value))
    assert refused[0] == refused[1]
    assert not PartnerCase.objects.exists()


def test_a_shipment_is_discussed_with_its_other_party_alone(world: World, dispute: Dispute) -> None:
    with pytest.raises(NotFound):
        Dispute(world, world.distributor, world.pharmacy, shipment=dispute.shipment).reports(overages=[overage()])


def test_two_reporters_may_call_their_cases_alike(world: World, dispute: Dispute) -> None:
    item, theirs = overage(), overage()
    dispute.reports(overages=[item])
    other = Dispute(world, world.pharmacy, world.maker, id=dispute.id)
    other.reports(overages=[theirs])
    other.responds(answer(theirs))
    assert dispute.seen().state is State.TO_ANSWER
    assert other.seen().state is State.TO_FOLLOW_UP
    assert case_of(world.maker.partner, UUID(dispute.id), world.pharmacy.gln).row.reporter == world.pharmacy.gln


# ---- what is refused, with nothing left behind ----------------------------------------------------------------------


def refused(dispute: Dispute, kind: MessageKind, by: Party, members: dict[str, Any]) -> str:
    before = (CaseMessage.objects.count(), CaseItem.objects.count(), Entry.objects.count(), Notice.objects.count())
    with pytest.raises((Refusal, DocumentError)) as error:
        dispute.sends(by, kind, members)
    after = (CaseMessage.objects.count(), CaseItem.objects.count(), Entry.objects.count(), Notice.objects.count())
    assert before == after
    return str(error.value.code)  # type: ignore[attr-defined]


def test_what_does_not_fit_its_case_is_refused(world: World, dispute: Dispute) -> None:
    item = overage("Send product")
    report, maker, distributor = MessageKind.REPORT, world.maker, world.distributor
    assert refused(dispute, report, distributor, dispute.report()) == "says_nothing"
    assert refused(dispute, report, distributor, dispute.report(resolved=True, overages=[item])) == "contradicts_itself"
    late = dispute.report(overages=[item]) | {"timestamp": int((world.now + timedelta(hours=1)).timestamp())}
    assert refused(dispute, report, distributor, late) == "in_the_future"
    another = dispute.report(overages=[item])
    another["sender_information"]["gln"] = world.stranger.gln
    assert refused(dispute, report, distributor, another) == "wrong_sender"
    assert refused(dispute, MessageKind.RESPONSE, maker, dispute.response(answer(item))) == "not_found"
    dispute.reports(overages=[item])
    other = dispute.report(overages=[overage()]) | {"po_number": "PO-18"}
    assert refused(dispute, report, distributor, other) == "other_order"
    assert refused(dispute, MessageKind.RESPONSE, maker, dispute.response(answer(overage()))) == "not_found"
    assert refused(dispute, MessageKind.RESPONSE, maker, dispute.response()) == "says_nothing"
    assert refused(dispute, MessageKind.FOLLOW_UP, maker, dispute.follow_up(shows(item, note="x"))) == "item_not_agreed"
    dispute.responds(answer(item))
    assert refused(dispute, report, distributor, dispute.report(overages=[item])) == "item_settled"
    follow_up = MessageKind.FOLLOW_UP
    assert refused(dispute, follow_up, distributor, dispute.follow_up(shows(item, note="x"))) == "item_not_agreed"
    assert refused(dispute, follow_up, maker, dispute.follow_up(shows(item, note="on its way"))) == "no_evidence"
    assert refused(dispute, follow_up, maker, dispute.follow_up(shows(item, last_event()))) == "no_evidence"  # before
    dispute.reports(resolved=True)
    assert refused(dispute, report, distributor, dispute.report(overages=[overage()])) == "case_resolved"
    assert refused(dispute, MessageKind.RESPONSE, maker, dispute.response(notes="but")) == "case_resolved"


def test_a_statement_is_about_its_own_message_and_comes_with_it(world: World, dispute: Dispute) -> None:
    members = dispute.report(overages=[overage()])
    sent = ToSend(MessageKind.REPORT, text(members), world.maker.gln)
    said = statement_of(world.distributor.partner, sent, pdg_parse(sent.kind, sent.content), now=world.now)
    envelope = statements.sign(said, world.distributor.key)
    with pytest.raises(NotSigned) as error:
        hand_in(envelope, text(members | {"po_number": "PO-18"}), now=world.now)
    assert error.value.code == "other_message"
    with pytest.raises(NotSigned) as error:
        registration.register(envelope, now=world.now)
    assert error.value.code == "unsupported_statement"
    with pytest.raises(NotSigned):
        hand_in(statements.sign(said, world.stranger.key), sent.content, now=world.now)
    assert not PartnerCase.objects.exists()


def test_a_message_is_kept_as_it_was_sent(world: World, dispute: Dispute) -> None:
    members = dispute.report(overages=[overage()]) | {"other_errors": ["A pallet was wet."]}
    dispute.sends(world.distributor, MessageKind.REPORT, members)
    assert members_of(dispute.seen(world.maker).messages[0]) == members


def test_a_case_is_as_big_as_people_can_settle(world: World, dispute: Dispute, monkeypatch: Any) -> None:
    monkeypatch.setattr(exceptions, "MOST_MESSAGES", 2)
    monkeypatch.setattr(exceptions, "MOST_CASE_ITEMS", 2)
    items = [overage() for _ in range(3)]
    assert refused(dispute, MessageKind.REPORT, world.distributor, dispute.report(overages=items)) == "case_full"
    dispute.reports(overages=items[:2])
    dispute.responds(notes="We look into it.")
    assert refused(dispute, MessageKind.RESPONSE, world.maker, dispute.response(notes="Still.")) == "case_full"


def test_everything_that_is_agreed_on_is_somebodys_to_do() -> None:
    assert set(exceptions.ACTS) == set(Resolution)
    assert exceptions.EVIDENCE.keys() < exceptions.ACTS.keys()
