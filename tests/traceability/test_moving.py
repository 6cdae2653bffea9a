"""What people do, as EPCIS: a row of MOVES each, and what is refused before anything is signed."""

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from partners.gs1.errors import Gs1Error
from tests.world import GTIN, LOT, gln, pallet, unit
from traceability.custody import step_of
from traceability.epcis.documents import parse
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Event
from traceability.epcis.limits import Limits
from traceability.moving import MOVES, Move, Thing, document

TODAY, TIME = date(2026, 1, 5), datetime(2026, 1, 5, 8, tzinfo=UTC)
WHO, TO = gln(100), gln(300)
NAME = UUID(int=7)
SCAN = f"]d201{GTIN}17281231" + f"10{LOT}\x1d21A1"
#: The least that has to be said of each.
SAID: dict[str, dict[str, Any]] = {
    "commission": {"scans": [SCAN]},
    "pack": {"scans": [SCAN], "parent": pallet(1)},
    "unpack": {"parent": pallet(1), "all": True},
    "ship": {"epcs": [pallet(1)], "to": TO},
    "receive": {"epcs": [pallet(1)], "from": TO},
    "dispense": {"scans": [SCAN]},
    "decommission": {"scans": [SCAN]},
    "void": {"epcs": [pallet(1)]},
    "send_back": {"epcs": [pallet(1)], "to": TO},
    "return": {"epcs": [pallet(1)], "from": TO},
    "destroy": {"scans": [SCAN]},
    "export": {"scans": [SCAN]},
}
STEPS = {"send_back": "ship"}  # a shipment is one whatever it is for


def moved(word: str, **more: Any) -> Move:
    return Move.parse({"move": word, **SAID.get(word, {}), **more}, TODAY)


def events(move: Move) -> tuple[Event, ...]:
    return parse(document([move], WHO, TIME, NAME), "application/json", Limits()).events


@pytest.mark.parametrize("word", MOVES)
def test_every_move_is_a_document_that_is_read_as_that_step(word: str) -> None:
    (event,) = events(moved(word))
    assert step_of(event) == STEPS.get(word, word)
    assert event.biz_step == MOVES[word].step


@pytest.mark.parametrize("word", MOVES)
def test_the_same_move_gives_the_same_bytes(word: str) -> None:
    made = [document([moved(word)], WHO, TIME, NAME) for _ in range(2)]
    assert made[0] == made[1] != document([moved(word)], WHO, TIME, UUID(int=8))


@pytest.mark.parametrize("word", MOVES)
def test_without_what_it_needs_nothing_is_said(word: str) -> None:
    for name in SAID[word]:
        if name == "from":  # the record may know
            continue
        with pytest.raises(DocumentError) as refused:
            moved(word, **{name: None})
        assert refused.value.code == "missing_member"


def test_what_is_scanned_twice_is_meant_once() -> None:
    move = moved("dispense", scans=[SCAN, f"(01){GTIN}(21)A1"], epcs=["urn:epc:id:sgtin:0614141.012345.A1"])
    assert (move.epcs, move.scanned) == ([unit("A1")], {unit("A1"): 3})


def test_a_label_says_lot_and_expiry_and_each_lot_has_an_event() -> None:
    other = f"(01){GTIN}(17)290200(10)L43(21)B1"
    first, second = events(moved("commission", scans=[SCAN, other, f"(01){GTIN}(17)281231(10){LOT}(21)A2"]))
    assert (first.ilmd, list(first.epcs)) == (
        {"urn:epcglobal:cbv:mda:lotNumber": LOT, "urn:epcglobal:cbv:mda:itemExpirationDate": "2028-12-31"},
        [unit("A1"), unit("A2")],
    )
    assert (second.ilmd or {})["urn:epcglobal:cbv:mda:itemExpirationDate"] == "2029-02-28"


def test_what_is_said_of_all_may_not_differ_from_a_label() -> None:
    with pytest.raises(DocumentError) as refused:
        events(moved("commission", lot="L99"))
    error = refused.value
    assert (error.code, error.where, error.expected, error.found) == ("label_differs", "lot", "L99", LOT)


def test_two_labels_of_one_pack_may_not_differ() -> None:
    with pytest.raises(DocumentError, match="something else"):
        moved("commission", scans=[SCAN, f"(01){GTIN}(17)281231(10)L99(21)A1"])


def test_a_shipment_names_its_papers_by_who_gave_the_number_and_what_its_sender_affirms() -> None:
    move = moved(
        "ship", purchase_order="PO/17", despatch_advice="urn:epcglobal:cbv:bt:0614141007776:D1",
        to_location=gln(301), affirmed=True,
    )  # fmt: skip
    read = parse(document([move], WHO, TIME, NAME), "application/json", Limits())
    said = json.loads(read.events[0].canonical)
    assert {each["type"]: each["bizTransaction"] for each in said["bizTransactionList"]} == {
        "po": f"urn:epcglobal:cbv:bt:{TO}:PO%2F17",
        "desadv": "urn:epcglobal:cbv:bt:0614141007776:D1",
    }
    assert {"destination": f"https://id.gs1.org/414/{gln(301)}", "type": "location"} in said["destinationList"]
    assert read.header["ts:affirmTransactionStatement"] == "true"
    assert (read.header["sender"], read.header["receiver"]) == (
        f"https://id.gs1.org/417/{WHO}",
        f"https://id.gs1.org/417/{TO}",
    )


def test_who_sent_it_is_looked_up_or_asked() -> None:
    move = moved("receive", epcs=[pallet(1), pallet(2)], **{"from": None})
    with pytest.raises(DocumentError, match="who sent it"):
        events(move)
    parted = move.by_sender({pallet(1): TO, pallet(2): gln(200)})
    assert [(each.epcs, each.sender) for each in parted] == [([pallet(1)], TO), ([pallet(2)], gln(200))]
    read = parse(document(parted, WHO, TIME, NAME), "application/json", Limits())
    assert len({event.event_id for event in read.events}) == 2


@pytest.mark.parametrize(
    ("word", "said", "code", "where"),
    [
        ("fly", {}, "unknown_word", "move"),
        ("ship", {"lot": "L1"}, "unknown_member", "lot"),
        ("ship", {"toe": TO}, "unknown_member", "toe"),
        ("ship", {"to": TO[:-1] + "0"}, "bad_check_digit", "to"),
        ("ship", {"to": "Harbor"}, "malformed_element_string", "to"),
        ("ship", {"to": unit("A1")}, "malformed_identifier", "to"),
        ("ship", {"epcs": pallet(1)}, "wrong_type", "epcs"),
        ("ship", {"epcs": [7 == 7]}, "wrong_type", "epcs[0]"),
        ("ship", {"epcs": ["A1"]}, "bad_uri", "epcs[0]"),
        ("dispense", {"scans": [SCAN, f"(01){GTIN}(10){LOT}"]}, "not_an_item", "scans[1]"),
        ("dispense", {"scans": [SCAN, "(01)00614141123453(21)A1"]}, "bad_check_digit", "scans[1]"),
        ("dispense", {"scans": ["a" * 9000]}, "bad_length", "scans[0]"),
        ("pack", {"parent": f"(01){GTIN}(21)A1"}, "duplicate_epc", "parent"),
        ("unpack", {"scans": [SCAN]}, "missing_member", "scans"),
        ("unpack", {"all": "yes"}, "wrong_type", "all"),
        ("commission", {"expiry": "12/2028"}, "bad_date", "expiry"),
        ("decommission", {"reason": "bored"}, "unknown_word", "reason"),
    ],
)
def test_what_nobody_can_mean_is_refused_with_its_place(word: str, said: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises((DocumentError, Gs1Error)) as refused:
        moved(word, **said)
    assert (refused.value.code, refused.value.where) == (code, where)  # type: ignore[attr-defined]


def test_a_container_may_have_any_uri() -> None:
    assert moved("pack", parent="https://maker.example/tote/7").parent == "https://maker.example/tote/7"


def test_a_gln_is_read_off_a_door_too() -> None:
    for spelled in (TO, f"(414){TO}", f"417{TO}", f"https://id.gs1.org/417/{TO}", f" {TO}\r\n"):
        assert moved("ship", to=spelled).to == TO


def test_a_thing_is_what_its_label_says() -> None:
    assert Thing.scanned(SCAN, "scans[0]", TODAY) == Thing(unit("A1"), LOT, "2028-12-31")
