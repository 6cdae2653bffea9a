"""One call a move: drafted for whoever signs, signed for whoever has left a key here, told once."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from ledger import keys
from partners.models import AccessRecord, CustodialKey, SigningKey
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.world import EXPIRY, GTIN, LOT, World, gln, pallet, unit
from traceability import custodial, statements
from traceability.dscsa.verification import verify
from traceability.models import Draft, Item, MoveRequest, Sighting, Submission
from traceability.statements import KeyAlgorithm
from traceability.submission import Draft as DraftValue

MOST = 80  # queries of one call, on any database
MOVES, JSON = "/api/v1/moves", "application/json"


def moves(api: Api, word: str, **said: Any) -> Any:
    return api.post(MOVES, json.dumps({"move": word, **said}).encode(), JSON)


def label(serial: str, lot: str = LOT) -> str:
    return f"]d201{GTIN}17{EXPIRY[2:].replace('-', '')}10{lot}\x1d21{serial}"


def item(epc: str) -> Item:
    return Item.objects.get(epc=epc)


# ---- without a key here ---------------------------------------------------------------------------------------------


def test_whoever_signs_for_itself_is_answered_with_document_and_draft(maker: Api, world: World) -> None:
    answer = moves(maker, "commission", scans=[label("A1"), label("A2")], request="R1")
    assert answer.status_code == 200
    said = answer.json()
    assert said["custodial"] is False
    assert not Item.objects.exists()
    draft = DraftValue.parse(statements.encode(said["draft"]))
    assert answer.headers["Location"] == f"/api/v1/submissions/{draft.payload.submission}/statement"
    done = maker.complete(said["document"].encode(), draft)
    assert done.status_code == 201
    assert item(unit("A1")).possessor == world.maker.gln
    again = moves(maker, "commission", scans=[label("A1"), label("A2")], request="R1")
    assert (again.status_code, again.json()) == (200, done.json() | {"custodial": False})


def test_the_same_request_gets_the_same_draft(maker: Api) -> None:
    first, second = (moves(maker, "commission", scans=[label("A1")], request="R1").json() for _ in range(2))
    assert first == second
    assert moves(maker, "commission", scans=[label("A1")]).json() != first


def test_a_draft_whose_heads_have_changed_is_drawn_again_under_the_same_id(maker: Api, world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    said = moves(maker, "ship", epcs=[pack], to=world.pharmacy.gln, request="R1").json()
    world.maker.observes(pack)
    draft = DraftValue.parse(statements.encode(said["draft"]))
    stale = maker.complete(said["document"].encode(), draft)
    assert stale.status_code == 409
    again = DraftValue.parse(statements.encode(stale.json()["draft"]))
    assert again.payload.submission == draft.payload.submission
    assert maker.complete(said["document"].encode(), again).status_code == 201
    assert moves(maker, "ship", epcs=[pack], to=world.pharmacy.gln, request="R1").json()["entry"]


# ---- with a custodial key -------------------------------------------------------------------------------------------


def test_from_making_to_dispensing_with_keys_that_the_node_holds(maker: Api, pharmacy: Api, world: World) -> None:
    """Each step one call, of scans; every one is signed, promised, and shown as the node's hand."""
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    packs = [label(f"A{n}") for n in range(3)]
    box = f"(01)50614141123457(21)C1(17)281231(10){LOT}"
    for api, word, said in (
        (maker, "commission", {"scans": [*packs, box]}),
        (maker, "pack", {"scans": packs, "parent": box}),
        (maker, "ship", {"scans": [box], "to": world.pharmacy.gln, "purchase_order": "PO-1", "affirmed": True}),
        (pharmacy, "receive", {"scans": [box]}),  # from whom, the record knows
        (pharmacy, "unpack", {"parent": box, "all": True}),
        (pharmacy, "dispense", {"scans": packs[:1]}),
        (pharmacy, "decommission", {"scans": packs[1:2], "reason": "damaged"}),
    ):
        answer = moves(api, word, **said)
        assert (answer.status_code, answer.json().get("custodial")) == (201, True), (word, answer.json())
        world.passes()
    assert [item(unit(f"A{n}")).status for n in range(3)] == ["dispensed", "decommissioned", "held"]
    (*_, given) = pharmacy.get("/api/v1/verify", scan=packs[0]).json()["chain"]
    assert (given["step"], given["custodial"], given["signed"], given["party"]) == (
        "dispense", True, True, world.pharmacy.gln,
    )  # fmt: skip


def test_called_off_sent_back_and_brought_to_its_end(maker: Api, pharmacy: Api, world: World) -> None:
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    packs = [label(f"A{n}") for n in range(3)]
    for api, word, said in (
        (maker, "commission", {"scans": packs}),
        (maker, "ship", {"scans": packs, "to": world.pharmacy.gln}),
        (maker, "void", {"scans": packs[:1]}),  # to whom it was shipped, the record knows
        (pharmacy, "receive", {"scans": packs[1:]}),
        (pharmacy, "send_back", {"scans": packs[1:], "to": world.maker.gln}),
        (maker, "return", {"scans": packs[1:2]}),
        (maker, "return", {"scans": packs[2:], "from": world.pharmacy.gln}),
        (maker, "destroy", {"scans": packs[1:2]}),
        (maker, "export", {"scans": packs[2:]}),
    ):
        answer = moves(api, word, **said)
        assert (answer.status_code, answer.json().get("custodial")) == (201, True), (word, answer.json())
        world.passes()
    assert [item(unit(f"A{n}")).status for n in range(3)] == ["held", "destroyed", "exported"]
    assert {item(unit(f"A{n}")).owner for n in range(3)} == {world.maker.gln}
    told = maker.get("/api/v1/verify", scan=packs[1]).json()
    assert (told["verdict"], told["reason"]) == ("refused", "destroyed")
    assert [hop["step"] for hop in told["chain"]] == ["commission", "ship", "receive", "ship", "return", "destroy"]


def test_the_same_request_is_told_once_whatever_key_signs(maker: Api, world: World) -> None:
    world.entrusts(world.maker)
    first = moves(maker, "commission", scans=[label("A1")], request="R1")
    again = moves(maker, "commission", scans=[f"(01){GTIN}(17)281231(10){LOT}(21)A1"], request="R1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Submission.objects.count() == 1


def test_another_move_by_a_name_that_was_used_is_refused(maker: Api, world: World) -> None:
    world.entrusts(world.maker)
    moves(maker, "commission", scans=[label("A1")], request="R1")
    problem(moves(maker, "commission", scans=[label("A2")], request="R1"), 409, "request_reused")
    problem(
        moves(maker, "commission", scans=[label("A1")], request="R1", at="2026-01-05T08:00:00Z"), 409, "request_reused"
    )
    assert Submission.objects.count() == 1


def test_one_partys_names_are_nothing_to_another(maker: Api, pharmacy: Api, world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    moves(maker, "commission", scans=[label("B1")], request="R1")
    assert moves(pharmacy, "receive", scans=[label("A1")], request="R1").status_code == 200


def test_what_is_refused_leaves_its_name_free(pharmacy: Api, maker: Api, world: World) -> None:
    world.entrusts(world.pharmacy)
    pack = world.maker.commissions(serial="A1")
    problem(moves(pharmacy, "dispense", scans=[label("A1")], request="R1"), 409, "unknown_item")
    assert not MoveRequest.objects.exists()
    world.maker.ships(pack, to=world.pharmacy)
    assert moves(pharmacy, "dispense", scans=[label("A1")], request="R1").status_code == 201


def test_a_key_signs_for_its_own_party_alone(pharmacy: Api, maker: Api, world: World) -> None:
    """Whoever asks is drafted for, or signed for, as itself: nobody has a member to say otherwise."""
    key = world.entrusts(world.maker)
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    drafted = moves(pharmacy, "receive", scans=[label("A1")])
    assert drafted.json()["draft"]["payload"]["submitter"] == world.pharmacy.gln
    assert not Submission.objects.filter(kid=bytes(key.kid)).exists()
    said = statements.Submission.parse(statements.encode(drafted.json()["draft"]["payload"]))
    with pytest.raises(ValueError, match="its own party"):
        custodial.sign(said, key)


def test_nobody_signs_with_a_key_that_is_not_registered_or_was_revoked(maker: Api, world: World) -> None:
    key = custodial.make(world.maker.partner, now=world.now)
    assert moves(maker, "commission", scans=[label("A1")]).json()["custodial"] is False
    said = statements.Key(
        about=world.maker.gln, kid=bytes(key.kid), alg=KeyAlgorithm.ED25519, public=bytes(key.public),
        **world._from(world.maker),
    )  # fmt: skip
    world.registers(said, world.maker.key)  # an earlier key of the party may vouch for it, too
    assert moves(maker, "commission", scans=[label("A2")]).json()["custodial"] is True
    revoked = statements.KeyRevocation(about=world.maker.gln, kid=bytes(key.kid), **world._from(world.maker))
    world.registers(revoked, world.maker.key)
    assert moves(maker, "commission", scans=[label("A3")]).json()["custodial"] is False
    key.refresh_from_db()
    assert key.sealed is None  # it is gone, not just unused
    (hop,) = verify(label("A2"), world.maker.partner, now=world.now).hops
    assert hop.custodial


def test_what_was_signed_by_ones_own_key_is_not_called_custodial(maker: Api, world: World) -> None:
    world.entrusts(world.maker)
    world.maker.commissions(serial="A1")
    (hop,) = verify(label("A1"), world.maker.partner, now=world.now).hops
    assert not hop.custodial


def test_a_secret_half_is_nowhere_but_sealed(
    maker: Api, world: World, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    caplog.set_level("DEBUG")
    key = world.entrusts(world.maker)
    answer = moves(maker, "commission", scans=[label("A1")])
    opened = keys.custody().decrypt(bytes(key.sealed or b""))
    assert opened.startswith(b"-----BEGIN PRIVATE KEY-----")
    secret = opened.split(b"\n")[1]
    assert secret not in bytes(key.sealed or b"")
    assert secret.decode() not in answer.content.decode() + caplog.text
    assert (settings.KEYS_DIR / "custody.keys").stat().st_mode & 0o077 == 0


def test_without_what_they_are_sealed_with_nothing_is_signed_and_no_other_is_made(
    maker: Api, world: World, settings: Any
) -> None:
    world.entrusts(world.maker)
    (settings.KEYS_DIR / "custody.keys").rename(settings.KEYS_DIR / "away")
    problem(moves(maker, "commission", scans=[label("A1")], request="R1"), 503, "key_missing")
    with pytest.raises(keys.KeyMissing, match="bring it back"):
        custodial.make(world.pharmacy.partner, now=world.now)
    (settings.KEYS_DIR / "away").rename(settings.KEYS_DIR / "custody.keys")
    assert moves(maker, "commission", scans=[label("A1")], request="R1").status_code == 201


def test_a_key_that_was_put_in_anothers_place_is_not_used(maker: Api, world: World) -> None:
    mine, other = world.entrusts(world.maker), world.entrusts(world.pharmacy)
    CustodialKey.objects.filter(pk=mine.pk).update(sealed=bytes(other.sealed or b""))
    problem(moves(maker, "commission", scans=[label("A1")]), 503, "key_missing")


def test_the_command_makes_one_and_shows_no_secret(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("custodial", world.pharmacy.gln)
    (made,) = CustodialKey.objects.all()
    printed = capsys.readouterr()
    assert statements.b64(bytes(made.kid)) in printed.out
    assert statements.b64(bytes(made.public)) in printed.out
    assert "PRIVATE" not in printed.out + printed.err
    assert not SigningKey.objects.filter(kid=bytes(made.kid)).exists()


# ---- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [True, False])
def test_why_it_is_refused_and_of_which_pack_is_said(pharmacy: Api, world: World, held: bool) -> None:
    if held:
        world.entrusts(world.pharmacy)
    packs = world.maker.commissions(serial=["A1", "A2"])
    world.maker.ships(packs, to=world.pharmacy)
    world.pharmacy.receives(packs, sender=world.maker)
    world.pharmacy.dispenses(packs[:1])
    refused = problem(moves(pharmacy, "dispense", scans=[label("A2"), label("A1")]), 409, "already_dispensed")
    assert refused["epc"] == packs[0]


def test_what_has_arrived_is_not_called_off_and_what_to_do_is_a_page(maker: Api, world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    problem(moves(maker, "void", scans=[label("A1")]), 409, "not_in_transit")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    refused = problem(moves(maker, "void", scans=[label("A1")]), 409, "already_received")
    assert refused["epc"] == pack
    assert "Ask whoever received it to ship it back, as a return." in Client().get(refused["type"]).text


def test_what_a_node_signs_and_refuses_is_a_sighting_as_any_other(pharmacy: Api, world: World) -> None:
    """A draft says so first, so that it takes a race to come that far."""
    world.entrusts(world.pharmacy)
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    world.pharmacy.receives(pack, sender=world.maker)
    problem(moves(pharmacy, "ship", epcs=[unit("X")], to=gln(300)), 409, "unknown_item")
    assert not Sighting.objects.exists()


def test_of_others_goods_no_more_is_told_than_by_a_draft(pharmacy: Api, world: World) -> None:
    world.entrusts(world.pharmacy)
    world.maker.commissions(serial="A1")
    theirs = problem(moves(pharmacy, "dispense", scans=[label("A1")]), 409, "unknown_item")
    nobodys = problem(moves(pharmacy, "dispense", scans=[label("X1")]), 409, "unknown_item")
    assert theirs | {"epc": ""} == nobodys | {"epc": "", "detail": theirs["detail"]}
    assert AccessRecord.objects.filter(reader=world.pharmacy.gln, subject=unit("A1"), what="draft").count() == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"[]", "wrong_type"),
        (b'{"move":"ship","scans":[', "malformed_document"),
        (b'{"move":"fly"}', "unknown_word"),
        (b'{"move":"dispense"}', "missing_member"),
        (b'{"move":"dispense","scans":["(01)00614141123453(21)A1"]}', "bad_check_digit"),
        (b'{"move":"dispense","scans":["(01)00614141123452(21)A1"],"at":"yesterday"}', "bad_time"),
        (b'{"move":"dispense","scans":["(01)00614141123452(21)A1"],"at":"0001-01-01T00:00:00+14:00"}', "bad_time"),
        (b'{"move":"dispense","scans":["(01)00614141123452(21)A1"],"request":7}', "wrong_type"),
        (b'{"move":"dispense","scans":["(01)00614141123452(21)A1","\\u0000"]}', "nul"),
        (b'{"move":"ship","epcs":["urn:x:1"],"to":"0614141003006","purchase_order":"\\u0000"}', "nul"),
        (b'{"move":"receive","scans":["(01)00614141123452(21)A1"]}', "missing_member"),
    ],
)
def test_what_cannot_be_read_is_said(pharmacy: Api, said: bytes, code: str) -> None:
    problem(pharmacy.post(MOVES, said, JSON), 400, code)
    assert not MoveRequest.objects.exists()
    assert not Draft.objects.exists()


@pytest.mark.parametrize("name", ["", "n" * 65, "a\nb"])
def test_a_request_has_a_name_that_people_can_read(pharmacy: Api, name: str) -> None:
    problem(moves(pharmacy, "dispense", scans=[label("A1")], request=name), 400, "unwritable")


def test_nobody_moves_anything(anybody: Api) -> None:
    problem(moves(anybody, "dispense", scans=[label("A1")]), 401, "not_authenticated")


# ---- whatever it holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 200])
def test_a_pallet_costs_the_same_whatever_is_on_it(
    pharmacy: Api, maker: Api, world: World, size: int, django_assert_max_num_queries: Any
) -> None:
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    packs = world.maker.commissions(serial=[f"A{n}" for n in range(size)])
    world.maker.packs(packs, into=pallet(1))
    with django_assert_max_num_queries(MOST):
        assert moves(maker, "ship", epcs=[pallet(1)], to=world.pharmacy.gln).status_code == 201
    with django_assert_max_num_queries(MOST):
        assert moves(maker, "void", epcs=[pallet(1)]).status_code == 201
    assert moves(maker, "ship", epcs=[pallet(1)], to=world.pharmacy.gln).status_code == 201
    with django_assert_max_num_queries(MOST):
        assert moves(pharmacy, "receive", epcs=[pallet(1)]).status_code == 201


# ---- receiving ------------------------------------------------------------------------------------------------------

RECEIVING = "/api/v1/receiving"


def test_what_is_on_its_way_what_came_and_what_is_signed_for(pharmacy: Api, maker: Api, world: World) -> None:
    for party in (world.maker, world.pharmacy):
        world.entrusts(party)
    for number in (1, 2):
        world.maker.packs(world.maker.commissions(serial=[f"A{number}{n}" for n in range(3)]), into=pallet(number))
    moves(maker, "ship", epcs=[pallet(1), pallet(2)], to=world.pharmacy.gln, purchase_order="PO-1")
    (shipment,) = pharmacy.get(RECEIVING).json()["shipments"]
    assert (shipment["sender"], shipment["units"]) == (world.maker.gln, 6)
    assert shipment["papers"] == [{"type": "po", "number": "PO-1"}]
    seen = json.dumps({"epcs": [pallet(1)], "scans": [label("A20")]}).encode()
    told = pharmacy.post(RECEIVING, seen, JSON).json()
    assert (told["agrees"], told["whole"], told["missing"]) == (False, [pallet(1)], [])
    assert told["parts"] == [{"container": pallet(2), "seen": [unit("A20")]}]
    done = moves(pharmacy, "receive", epcs=[pallet(1)], scans=[label("A20")])
    assert done.status_code == 201
    (left,) = pharmacy.get(RECEIVING).json()["shipments"]
    assert [each["epc"] for each in left["items"]] == [pallet(2)]


def test_nobody_is_told_of_anothers_shipments(maker: Api, stranger: Api, anybody: Api, world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    assert stranger.get(RECEIVING).json() == {"shipments": []}
    beside = stranger.post(RECEIVING, json.dumps({"epcs": [pack]}).encode(), JSON).json()
    assert (beside["beside"], beside["waiting"]) == ([pack], [])
    problem(anybody.get(RECEIVING), 401, "not_authenticated")
