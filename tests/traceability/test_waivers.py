"""Waivers, exceptions, exemptions, grandfathered and excluded products, drop shipments: who may say so, what they
allow, and that the answer names them."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from partners.models import Waiver
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.dscsa.test_detecting import things
from tests.traceability.story import custody, demand_order, refused
from tests.traceability.test_resale import comes_back
from tests.world import CASE_GTIN, GTIN, Party, World, pallet, unit
from traceability import statements
from traceability.api.serializers import accepted
from traceability.cli import main
from traceability.dscsa.detecting import Seen, detected
from traceability.dscsa.vrs import responder_for
from traceability.errors import NotAllowed, Refusal
from traceability.models import Allowance, Submission
from traceability.statements import StatementError, WaivedRule, WaiverKind

LICENCE, RETURN, TRANSACTION = WaivedRule.LICENCE, WaivedRule.RETURN, WaivedRule.TRANSACTION
DOCUMENT = sha256(b"the letter").digest()


@pytest.fixture(autouse=True)
def i3_i8_after_every_story(world: World) -> Any:
    yield
    demand_order()


def waives(
    world: World, about: Party, kind: WaiverKind, *rules: WaivedRule, by: Party | None = None, days: int | None = 30,
    gtins: tuple[str, ...] | None = None,
) -> str:  # fmt: skip
    """Said by the authority, if nobody else is named; its entry."""
    signer, begins = by or world.authority, world.now.replace(microsecond=0)
    said = statements.Waiver(
        about=about.gln, waiver=kind, rules=tuple(sorted(rules)), gtins=gtins, basis="letter of 9 October",
        document=DOCUMENT, valid_from=begins, valid_to=None if days is None else begins + timedelta(days=days),
        **world._from(signer),
    )  # fmt: skip
    return world.registers(said, signer.key)


def allowed() -> list[dict[str, Any]]:
    """What the node answers of the last submission."""
    told: list[dict[str, Any]] = accepted(Submission.objects.latest("pk"))["allowed"]
    return told


@pytest.fixture
def lapsed(world: World) -> World:
    """The pharmacy's licence has run out, and a pack is on its way to it."""
    world.licenses(world.pharmacy, days=1)
    world.maker.ships(world.maker.commissions(serial="A1"), to=world.pharmacy)
    world.passes(days=2)
    return world


# ---- licences -------------------------------------------------------------------------------------------------------


def test_who_is_exempt_trades_without_a_licence_and_the_answer_says_by_what(lapsed: World) -> None:
    pharmacy, maker = lapsed.pharmacy, lapsed.maker
    refused("partner_not_authorized", pharmacy.receives, unit("A1"), sender=maker, error=NotAllowed)
    entry = waives(lapsed, pharmacy, WaiverKind.EXEMPTION, LICENCE)
    pharmacy.receives(unit("A1"), sender=maker)
    assert custody(unit("A1")) == ("held", pharmacy.gln)
    assert allowed() == [
        {"event": 0, "rule": "licence", "subject": pharmacy.gln, "waiver": "exemption", "basis": "letter of 9 October",
         "entry": entry}
    ]  # fmt: skip


def test_it_holds_on_its_days_and_until_it_is_taken_back(lapsed: World) -> None:
    pharmacy, maker = lapsed.pharmacy, lapsed.maker
    entry = waives(lapsed, pharmacy, WaiverKind.WAIVER, LICENCE)
    pharmacy.receives(unit("A1"), sender=maker)
    lapsed.takes_back(entry, of=pharmacy, by=lapsed.authority)
    refused("partner_not_authorized", pharmacy.dispenses, unit("A1"), error=NotAllowed)
    waives(lapsed, pharmacy, WaiverKind.WAIVER, LICENCE, days=5)
    lapsed.passes(days=6)
    refused("partner_not_authorized", pharmacy.dispenses, unit("A1"), error=NotAllowed)


def test_it_holds_for_its_party_rule_and_products_alone(lapsed: World) -> None:
    pharmacy, maker = lapsed.pharmacy, lapsed.maker
    waives(lapsed, lapsed.other_pharmacy, WaiverKind.EXEMPTION, LICENCE)
    waives(lapsed, pharmacy, WaiverKind.EXEMPTION, TRANSACTION, RETURN)
    waives(lapsed, pharmacy, WaiverKind.EXEMPTION, LICENCE, gtins=(CASE_GTIN,))
    refused("partner_not_authorized", pharmacy.receives, unit("A1"), sender=maker, error=NotAllowed)
    waives(lapsed, pharmacy, WaiverKind.EXEMPTION, LICENCE, gtins=(GTIN, CASE_GTIN))
    pharmacy.receives(unit("A1"), sender=maker)


def test_what_is_in_a_container_is_not_known_to_be_of_a_product(lapsed: World) -> None:
    pack = lapsed.maker.commissions(serial="A2")
    lapsed.maker.packs(pack, into=pallet(1))
    waives(lapsed, lapsed.pharmacy, WaiverKind.EXEMPTION, LICENCE, gtins=(GTIN,))
    refused("partner_not_authorized", lapsed.maker.ships, pallet(1), to=lapsed.pharmacy, error=NotAllowed)
    waives(lapsed, lapsed.pharmacy, WaiverKind.EXEMPTION, LICENCE)
    lapsed.maker.ships(pallet(1), to=lapsed.pharmacy)


def test_verification_messages_are_answered_to_who_is_exempt(lapsed: World) -> None:
    asks = (GTIN, lapsed.pharmacy.gln, lapsed.pharmacy.partner)
    with pytest.raises(NotAllowed):
        responder_for(*asks, now=lapsed.now)
    waives(lapsed, lapsed.pharmacy, WaiverKind.EXEMPTION, LICENCE)
    assert responder_for(*asks, now=lapsed.now) == lapsed.maker.gln


# ---- returns --------------------------------------------------------------------------------------------------------


def test_what_came_back_is_sold_on_under_a_waiver(world: World) -> None:
    first, second = comes_back(world, "A1", "A2")
    refused("return_not_verified", world.distributor.ships, first, to=world.other_pharmacy, error=Refusal)
    entry = waives(world, world.distributor, WaiverKind.EXEMPTION, RETURN, gtins=(GTIN,))
    world.distributor.ships([first, second], to=world.other_pharmacy)
    assert [(each["rule"], each["entry"]) for each in allowed()] == [("return", entry)]


def test_a_product_from_before_identifiers_is_so_whoever_trades_it(world: World) -> None:
    (pack,) = comes_back(world, "A1")
    waives(world, world.maker, WaiverKind.GRANDFATHERED, RETURN, TRANSACTION, by=world.maker, gtins=(GTIN,), days=None)
    world.distributor.ships(pack, to=world.other_pharmacy)
    assert [each["waiver"] for each in allowed()] == ["grandfathered"]


# ---- data -----------------------------------------------------------------------------------------------------------


def without_data(world: World) -> tuple[int, list[str]]:
    """How many reports there would be of a pack without data from the maker, and which waivers there were."""
    seen = Seen(things(unit("Z1")), sender=world.maker.gln)
    drafts, excused = detected(world.distributor.partner, seen, email="a@b.c", order=None, now=world.now)
    return len(drafts), [each.waiver.kind for each in excused]


def test_product_without_data_is_no_exception_where_none_are_due(world: World) -> None:
    assert without_data(world) == (1, [])
    waives(world, world.maker, WaiverKind.EXEMPTION, TRANSACTION, days=5)
    assert without_data(world) == (0, ["exemption"])
    world.passes(days=6)
    assert without_data(world) == (1, [])
    waives(world, world.maker, WaiverKind.DROP_SHIPMENT, TRANSACTION, by=world.maker)
    assert without_data(world) == (0, ["drop-shipment"])


def test_an_excluded_product_has_no_data_whoever_sends_it(world: World) -> None:
    world.lets_issue(world.stranger, GTIN)
    waives(world, world.stranger, WaiverKind.EXCLUDED, TRANSACTION, by=world.stranger, gtins=(GTIN,))
    assert without_data(world) == (0, ["excluded"])


# ---- who may say so -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [WaiverKind.WAIVER, WaiverKind.EXCEPTION, WaiverKind.EXEMPTION])
def test_nobody_lets_itself_off(world: World, kind: WaiverKind) -> None:
    refused("authority_needed", waives, world, world.pharmacy, kind, LICENCE, by=world.pharmacy, error=NotAllowed)
    refused("authority_needed", waives, world, world.pharmacy, kind, LICENCE, by=world.maker, error=NotAllowed)
    assert not Waiver.objects.exists()


def test_what_a_product_is_says_who_may_issue_it(world: World) -> None:
    for by in (world.pharmacy, world.regulator):
        refused("authority_needed", waives, world, by, WaiverKind.EXCLUDED, TRANSACTION, by=by, gtins=(GTIN,),
                error=NotAllowed)  # fmt: skip
    refused("authority_needed", waives, world, world.maker, WaiverKind.EXCLUDED, TRANSACTION, by=world.maker,
            gtins=(GTIN, "09521050000013"), error=NotAllowed)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "rule", "gtins"),
    [
        (WaiverKind.DROP_SHIPMENT, LICENCE, None),
        (WaiverKind.GRANDFATHERED, LICENCE, (GTIN,)),
        (WaiverKind.EXCLUDED, TRANSACTION, None),
        (WaiverKind.EXEMPTION, TRANSACTION, ("0614141",)),
    ],
    ids=str,
)
def test_what_no_waiver_says_is_refused(world: World, kind: WaiverKind, rule: WaivedRule, gtins: Any) -> None:
    with pytest.raises(StatementError):
        waives(world, world.maker, kind, rule, gtins=gtins)


def test_one_that_ends_before_it_begins_is_refused(world: World) -> None:
    refused("empty_period", waives, world, world.maker, WaiverKind.EXEMPTION, LICENCE, days=0, error=Refusal)
    assert not Allowance.objects.exists()


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_party_reads_its_own_and_those_of_products(world: World) -> None:
    own = waives(world, world.pharmacy, WaiverKind.EXEMPTION, LICENCE)
    waives(world, world.distributor, WaiverKind.WAIVER, LICENCE)
    product = waives(world, world.maker, WaiverKind.GRANDFATHERED, RETURN, by=world.maker, gtins=(GTIN,), days=None)
    world.takes_back(own, of=world.pharmacy, by=world.authority)
    found = Api(world.pharmacy).get("/api/v1/waivers").json()
    assert [(each["entry"], each["in_force"]) for each in found["waivers"]] == [(product, True), (own, False)]
    assert found["waivers"][1]["document"] == DOCUMENT.hex()
    assert [each["entry"] for each in Api(world.stranger).get("/api/v1/waivers").json()["waivers"]] == [product]
    problem(Api(None).get("/api/v1/waivers"), 401, "not_authenticated")


def test_a_waiver_is_said_by_command(live_server: Any, own_keys_and_authorities: None, tmp_path: Path) -> None:
    world = World()
    key, letter = tmp_path / "board.pem", tmp_path / "letter.pdf"
    key.write_bytes(world.authority.key.to_pem())
    letter.write_bytes(b"the letter")
    said = ["waiver", "exemption", "--rule", "licence", "--about", world.pharmacy.gln, "--basis", "letter of 9 October",
            "--document", str(letter), "--valid-from", "2026-01-01", "--valid-to", "2026-11-27"]  # fmt: skip
    asking = ["--node", live_server.url, "--gln", world.authority.gln, "--key", str(key)]
    assert main([*said, *asking]) == 0
    row = Waiver.objects.get()
    assert (row.partner_id, row.rules, bytes(row.document)) == (world.pharmacy.gln, ["licence"], DOCUMENT)
    assert main([*said[:-1], "2025-01-01", *asking]) == 2
