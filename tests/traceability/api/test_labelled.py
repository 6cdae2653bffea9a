"""What goes on by its label is the pack that the record knows, and has not expired; a scan that went wrong is named."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.traceability.api.conftest import Api
from tests.traceability.api.test_move_commands import types, world  # noqa: F401 - fixtures
from tests.traceability.api.test_moves import label, moves
from tests.traceability.api.test_submissions import problem
from tests.world import GTIN, LOT, World, pallet, unit
from traceability.models import Item

OLD = f"]d201{GTIN}17250101" + f"10{LOT}\x1d21"  # a label that expired


@pytest.fixture
def shelf(world: World) -> World:  # noqa: F811
    """Two packs with a pharmacy that lets the node sign, and one that is over."""
    world.maker.commissions(serial=["A1", "A2"])
    world.maker.commissions(serial="OLD", expiry="2025-01-01")
    world.maker.packs([unit("A2")], into=pallet(1))
    world.maker.ships([unit("A1"), unit("OLD"), pallet(1)], to=world.pharmacy)
    world.pharmacy.receives([unit("A1"), unit("OLD"), pallet(1)], sender=world.maker)
    world.entrusts(world.pharmacy)
    return world


@pytest.mark.parametrize(
    ("word", "scan", "code"),
    [
        ("dispense", label("A1", lot="WRONG"), "lot_mismatch"),
        ("dispense", label("A2", lot="WRONG"), "lot_mismatch"),  # in a container
        ("dispense", label("A1").replace("17281231", "17270101"), "expiry_mismatch"),
        ("dispense", OLD + "OLD", "expired"),
        ("dispense", f"01{GTIN}21OLD", "expired"),  # by the record
        ("ship", OLD + "OLD", "expired"),
        ("ship", label("A1", lot="WRONG"), "lot_mismatch"),
        ("pack", label("A1", lot="WRONG"), "lot_mismatch"),
    ],
)
def test_what_is_not_as_recorded_goes_no_further(shelf: World, word: str, scan: str, code: str) -> None:
    pharmacy = Api(shelf.pharmacy)
    said: dict[str, Any] = {"ship": {"to": shelf.maker.gln}, "pack": {"parent": pallet(2)}}.get(word, {})
    problem(moves(pharmacy, word, scans=[scan], **said), 409, code)
    assert Item.objects.get(epc=unit("A1")).status == Item.objects.get(epc=unit("OLD")).status == "held"


def test_what_has_expired_is_sent_back_and_taken_out_of_use(shelf: World) -> None:
    pharmacy = Api(shelf.pharmacy)
    assert moves(pharmacy, "decommission", scans=[OLD + "OLD"], reason="expired").status_code == 201
    assert moves(pharmacy, "dispense", scans=[label("A1")]).status_code == 201


def test_a_container_is_dispensed_with_all_that_is_in_it_by_whoever_says_so(shelf: World) -> None:
    pharmacy = Api(shelf.pharmacy)
    refused = moves(pharmacy, "dispense", scans=[f"00{pallet(1)[-18:]}"])
    problem(refused, 409, "container_not_opened")
    assert "1 pack or container" in refused.json()["found"]
    assert moves(pharmacy, "dispense", scans=[f"00{pallet(1)[-18:]}"], all=True).status_code == 201


def test_of_anothers_pack_nothing_is_told(shelf: World) -> None:
    said = [moves(Api(shelf.distributor), "dispense", scans=[label("A1", lot=lot)]).json() for lot in (LOT, "WRONG")]
    assert said[0]["code"] == said[1]["code"] == "unknown_item"


@pytest.mark.parametrize(
    ("scan", "code"),
    [
        (label("A1").replace("\x1d", "#"), "separator_substituted"),
        ("\ufeffnothing", "malformed_element_string"),
        (label("A1").replace("21A1", "21"), "cut_short"),
    ],
)
def test_a_scan_that_went_wrong_is_named_with_what_to_do(shelf: World, scan: str, code: str) -> None:
    answer = moves(Api(shelf.pharmacy), "dispense", scans=[scan])
    assert (answer.status_code, answer.json()["code"], answer.json()["where"]) == (400, code, "scans[0]")


def test_the_command_asks_before_it_signs(
    types: Callable[..., int],  # noqa: F811
    shelf: World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert types(shelf.pharmacy, "dispense", label("A1", lot="WRONG")) == 2
    assert "lot_mismatch" in capsys.readouterr().err
    assert types(shelf.pharmacy, "dispense", label("A1")) == 0
