"""What a party learns of what is not its own: nothing unsigned, little when signed, and that it asked is kept (I7)."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zlib import decompress

import pytest

from partners.models import AccessRecord
from tests.signing import heads_of, sign, sign_over
from tests.traceability.story import a_pallet, counts, custody, demand_order, insisting, item, off_node, refused
from tests.world import Party, World, document, pallet, unit
from traceability import capture
from traceability.errors import Conflict, NotSigned, Refusal, StaleHead
from traceability.models import Draft, ExceptionCase, Item, Sighting
from traceability.submission import Opening
from traceability.telling import Members


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def drafted(party: Party, *events: Members) -> dict[str, Any]:
    row = capture.draft(document(*events), party.partner, content_type=None, now=party.world.now)
    return dict(json.loads(bytes(row.draft)))


# ---- drafts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["dispensing", "observing", "decommissioning", "shipping", "packing", "unpacking"])
@pytest.mark.parametrize("when", ["now", "long ago"])
def test_anothers_item_and_one_that_never_was_look_the_same(world: World, act: str, when: str) -> None:
    early = world.now
    _load, _boxes, packs = a_pallet(world)
    stranger, seen = world.stranger, []
    for epc in (packs[0], unit("NEVER")):
        event = {
            "dispensing": lambda epc: stranger.dispensing(epc),
            "observing": lambda epc: stranger.observing(epc),
            "decommissioning": lambda epc: stranger.teller.decommissioning([epc], world.passes()),
            "shipping": lambda epc: stranger.shipping(epc, world.pharmacy),
            "packing": lambda epc: stranger.packing([epc], pallet(9)),
            "unpacking": lambda epc: stranger.unpacking([], epc),
        }[act](epc)
        if when == "long ago":
            event["eventTime"] = early.isoformat()
        with pytest.raises(Refusal) as refusal:
            drafted(stranger, event)
        told = refusal.value
        seen.append((told.code, told.detail.replace(epc, ""), told.where, told.expected, told.found, type(told)))
    assert seen[0] == seen[1]


def test_i7_asking_about_anothers_items_is_kept(world: World) -> None:
    _, _, packs = a_pallet(world)
    with pytest.raises(Refusal):
        drafted(world.stranger, world.stranger.dispensing([packs[0], unit("NEVER")]))
    assert list(AccessRecord.objects.values_list("reader", "subject", "what")) == [
        (world.stranger.gln, packs[0], "draft")
    ]


def test_asking_about_ones_own_is_not(world: World) -> None:
    load, _, packs = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.dispenses(packs[0])
    assert not AccessRecord.objects.exists()


def test_a_resend_asks_about_nothing(world: World) -> None:
    event = world.maker.commissioning(unit("A1"))
    world.maker.tells(event)
    world.maker.ships(unit("A1"), to=world.pharmacy)
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    world.maker.tells(event)
    assert not AccessRecord.objects.exists()


def test_a_resend_of_what_another_told_is_asked_about(world: World) -> None:
    """Whoever repeats it word for word is told that it is known here."""
    pack = world.maker.commissions(serial="B1")
    event = world.maker.shipping(pack, world.pharmacy)
    world.maker.tells(event)
    drafted(world.stranger, event)
    assert list(AccessRecord.objects.values_list("reader", "subject")) == [(world.stranger.gln, pack)]
    world.stranger.tells(event)  # from now on it has told it itself
    before = AccessRecord.objects.count()
    drafted(world.stranger, event)
    assert AccessRecord.objects.count() == before


@pytest.mark.parametrize("act", ["observing", "shipping", "packing", "unpacking", "dispensing"])
def test_a_report_comes_to_the_same_whatever_the_record_says(world: World, act: str) -> None:
    """Held, ended, on its way, late or by whom: whoever reports on a pack that it has no part in learns nothing."""
    elsewhere = off_node(world)
    early = world.now.isoformat()
    held, ended, left, absent = world.maker.commissions(serial=["A1", "A2", "A3", "A4"])
    world.maker.dispenses(ended)
    world.maker.ships(left, to=world.pharmacy)
    world.maker.ships(absent, to=elsewhere)
    world.pharmacy.tells(elsewhere.receiving(absent, world.maker), elsewhere.commissioning(unit("R1")))
    told = []
    for epc in (held, ended, left, absent, unit("R1")):
        for late in (False, True):
            event = {
                "observing": lambda epc: elsewhere.observing(epc),
                "shipping": lambda epc: elsewhere.shipping(epc, world.distributor),
                "packing": lambda epc: elsewhere.packing([epc], pallet(9)),
                "unpacking": lambda epc: elsewhere.unpacking([epc], pallet(9)),
                "dispensing": lambda epc: elsewhere.dispensing(epc),
            }[act](epc) | ({"eventTime": early} if late else {})
            draft = drafted(world.stranger, event)
            told.append(
                json.dumps([draft[name] for name in ("heads", "plans", "contents", "exceptions")]).replace(epc, "")
            )
    assert len(set(told)) == 1
    assert "awaits_statement" in told[0]


def test_what_comes_beside_a_shipment_looks_the_same_whosever_it_is(world: World) -> None:
    senders, elsewhere, ended, left = world.maker.commissions(serial=["A1", "A2", "A3", "A4"])
    world.maker.ships([elsewhere, ended], to=world.pharmacy)
    world.pharmacy.receives([elsewhere, ended], sender=world.maker)
    world.pharmacy.dispenses(ended)
    world.maker.ships(left, to=world.distributor)
    mine = world.maker.commissions(serial="B1")
    world.maker.ships(mine, to=world.stranger)
    told = []
    for epc in (senders, elsewhere, ended, left, unit("NEVER")):
        draft = drafted(world.stranger, world.stranger.receiving([mine, epc], world.maker))
        told.append(json.dumps([draft[name] for name in ("heads", "plans", "exceptions")]).replace(epc, ""))
    assert len(set(told)) == 1
    assert "not_shipped" in told[0]


def test_that_a_pallet_was_numbered_before_is_told_like_any_refusal(world: World) -> None:
    """Anybody may number one; of a serial number, only who may issue it is told that it was used."""
    load, _, packs = a_pallet(world)
    refused("unknown_item", drafted, world.stranger, world.stranger.commissioning(load), error=Refusal)
    world.maker.ships(load, to=world.pharmacy)
    world.pharmacy.receives(load, sender=world.maker)
    refused("unknown_item", drafted, world.maker, world.maker.commissioning(load), error=Refusal)
    refused("already_commissioned", drafted, world.maker, world.maker.commissioning(packs[0]))


def test_a_report_is_not_given_what_another_reported_of_a_container(world: World) -> None:
    """Neither its head nor its contents, though nobody has it who signs here; nor does a shipment to oneself give more
    than its receiver signs."""
    elsewhere = off_node(world)
    world.pharmacy.tells(
        elsewhere.commissioning([unit("R1"), unit("R2")]), elsewhere.packing([unit("R1"), unit("R2")], pallet(5))
    )
    for event in (elsewhere.packing([unit("X1")], pallet(5)), elsewhere.unpacking([], pallet(5))):
        draft = drafted(world.stranger, event, elsewhere.shipping([pallet(5)], world.distributor))
        assert (draft["heads"], draft["contents"]) == ({}, {})
        draft = drafted(world.stranger, event, elsewhere.shipping([pallet(5)], world.stranger))
        assert (draft["heads"].keys(), draft["contents"]) == ({pallet(5)}, {})
    assert {pallet(5)} <= set(AccessRecord.objects.values_list("subject", flat=True))


def test_what_is_in_a_container_is_not_told_to_who_says_in_one_breath_that_it_came(world: World) -> None:
    elsewhere = off_node(world)
    load, boxes, _ = a_pallet(world)
    world.maker.ships(load, to=elsewhere)
    sent = elsewhere.shipping([load], world.stranger)
    came = world.stranger.receiving([load], elsewhere)
    refused(
        "unknown_item", drafted, world.stranger, sent, came, world.stranger.unpacking(boxes[:1], load), error=Refusal
    )
    world.stranger.tells(sent, came)
    world.stranger.unpacks(boxes[:1], out_of=load)


def test_a_squatters_leaf_is_not_given_to_the_licensee(world: World) -> None:
    """It begins anew, and needs none."""
    world.stranger.tells(off_node(world).observing(unit("A1")))
    made, shipped = world.maker.commissioning(unit("A1")), world.maker.shipping(unit("A1"), world.pharmacy)
    assert drafted(world.maker, made, shipped)["heads"] == {}
    world.maker.tells(made, shipped)


def test_a_report_is_not_given_what_stands_in_anothers_container(world: World) -> None:
    """Neither its head nor how much is in it: it is seen, and that it was asked about is kept."""
    load, _, _ = a_pallet(world)
    elsewhere = off_node(world)
    draft = drafted(world.stranger, elsewhere.packing([unit("X1")], pallet(8)), elsewhere.packing([pallet(8)], load))
    assert load not in draft["heads"]
    assert draft["contents"] == {}
    assert set(AccessRecord.objects.values_list("subject", flat=True)) == {load}


def test_where_a_pack_is_is_not_told_by_refusing_to_unpack_it(world: World) -> None:
    _, boxes, packs = a_pallet(world)
    world.stranger.tells(off_node(world).packing([unit("X1")], pallet(9)))
    event = off_node(world).unpacking([packs[0], unit("X1")], pallet(9))
    assert boxes[0] not in json.dumps(drafted(world.stranger, event))


def test_a_draft_over_other_heads_has_other_secrets(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    event = world.maker.observing(pack)
    first = drafted(world.maker, event)
    world.maker.observes(pack, "storing")
    world.maker.tells(world.maker.observing(pack))
    second = drafted(world.maker, event)
    assert first["payload"]["submission"] != second["payload"]["submission"]
    for secret in ("items", "fields", "entry"):
        assert first["opening"][secret] != second["opening"][secret]


def test_a_draft_follows_who_operates_a_place(world: World) -> None:
    """Whose act an event is may change while a draft waits: it is drawn again."""
    from partners.gs1.identifiers import Sgln
    from tests.world import gln

    event = world.maker.commissioning(unit("A1")) | {
        "bizLocation": {"id": Sgln(gln(777)).uri},
        "readPoint": {"id": Sgln(gln(777)).uri},
    }
    assert drafted(world.maker, event)["opening"]["told"] == [["reporter", gln(777)]]
    world.operates(world.maker, gln(777))
    assert drafted(world.maker, event)["opening"]["told"] == [["actor", None]]


def test_drafts_are_kept_for_a_day(world: World) -> None:
    drafted(world.maker, world.maker.commissioning(unit("A1")))
    world.passes(hours=25)
    drafted(world.maker, world.maker.commissioning(unit("A2")))
    assert Draft.objects.count() == 1


# ---- what is signed -------------------------------------------------------------------------------------------------


def test_whoever_never_had_it_is_told_no_more_than_that(world: World) -> None:
    pack, other = world.maker.commissions(serial=["A1", "A2"])
    world.maker.dispenses(pack)
    world.maker.ships(other, to=world.pharmacy)
    for epc in (pack, other):
        told = refused("not_holder", insisting, world.stranger, world.stranger.dispensing(epc))
        assert (told.expected, told.found, "dispensed" in told.detail) == (None, None, False)
    assert set(Sighting.objects.values_list("code", flat=True)) == {"already_dispensed", "in_transit"}


def test_i1_a_sighting_is_what_its_submitter_signed(world: World) -> None:
    """A statement over one document, handed in with another that contradicts the record, is no claim of anybody's."""
    mine, anothers = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(mine, to=world.pharmacy)
    signed = sign(world.pharmacy, document(world.pharmacy.receiving(mine, world.maker)))
    false = sign_over(world.pharmacy, document(world.pharmacy.dispensing(anothers)), heads_of(anothers))
    for opening in (signed.opening, false.opening):
        with pytest.raises(NotSigned):
            capture.capture(false.received, opening, signed.statement, now=world.now)
    assert not Sighting.objects.exists()
    with pytest.raises(Conflict):
        capture.capture(false.received, false.opening, false.statement, now=world.now)
    kept = Sighting.objects.get()
    assert decompress(kept.document or b"") == false.received
    assert (bytes(kept.statement or b""), bytes(kept.opening or b"")) == (false.statement, false.opening)


def test_one_refusal_is_one_sighting_however_often_it_is_sent(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    false = sign_over(world.stranger, document(world.stranger.dispensing(pack)), heads_of(pack))
    for _ in range(3):
        with pytest.raises(Conflict):
            capture.capture(false.received, false.opening, false.statement, now=world.now)
    assert Sighting.objects.count() == 1


def test_nobody_tells_an_event_as_somebody_else(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    received = document(world.stranger.dispensing(pack))
    signed = sign_over(world.stranger, received, heads_of(pack))
    opening = Opening.parse(signed.opening)
    as_maker = replace(opening, told=(replace(opening.told[0], spoken_for=world.maker.gln),))
    with pytest.raises(NotSigned) as refusal:
        capture.capture(received, bytes(as_maker), signed.statement, now=world.now)
    assert refusal.value.code == "told_mismatch"
    assert not Sighting.objects.exists()


def test_a_device_without_a_connection_cannot_pass_over_what_happened(world: World) -> None:
    """No links is no licence: it is judged by what the record says now."""
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    refused("in_transit", insisting, world.maker, world.maker.dispensing(pack))
    world.pharmacy.dispenses(pack)
    refused("already_dispensed", insisting, world.pharmacy, world.pharmacy.dispensing(pack))
    refused("already_commissioned", insisting, world.maker, world.maker.commissioning(pack))


def test_two_drafts_over_one_head_make_one_statement(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    one, other = (sign(world.maker, document(world.maker.observing(pack))) for _ in range(2))
    capture.capture(one.received, one.opening, one.statement, now=world.now)
    before = counts()
    with pytest.raises(StaleHead):
        capture.capture(other.received, other.opening, other.statement, now=world.now)
    assert counts() == before


# ---- what lies ahead ------------------------------------------------------------------------------------------------


def test_nothing_is_told_of_next_week(world: World) -> None:
    """Or everything that happens until then would come late, and move nothing."""
    pack = world.maker.commissions(serial="A1")
    event = world.maker.observing(pack)
    event["eventTime"] = (world.now + timedelta(hours=24, seconds=1)).isoformat()
    told = refused("event_in_the_future", world.maker.tells, event, error=Refusal)
    assert told.where == "event 0: eventTime"
    event["eventTime"] = (world.now + timedelta(hours=23)).isoformat()
    world.maker.tells(event)


def test_nothing_is_signed_next_week(world: World) -> None:
    received = document(world.maker.commissioning(unit("A1")))
    signed_on = world.passes(days=3)
    signed = sign(world.maker, received)
    with pytest.raises(NotSigned) as refusal:
        capture.capture(signed.received, signed.opening, signed.statement, now=signed_on - timedelta(days=2))
    assert refusal.value.code == "statement_in_the_future"
    assert not Item.objects.exists()


def test_a_shipment_says_to_whom(world: World) -> None:
    """What is sent to nobody could be received by anybody."""
    pack = world.maker.commissions(serial="A1")
    for destinations in ([], [{"type": "owning_party", "destination": "urn:example:somebody"}]):
        event = world.maker.shipping(pack, world.pharmacy) | {"destinationList": destinations}
        refused("consignee_missing", world.maker.tells, event, error=Refusal)
    assert custody(pack) == ("held", world.maker.gln)
    assert item(pack).sequence == 1
    assert not ExceptionCase.objects.exists()
