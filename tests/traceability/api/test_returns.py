"""`POST /api/v1/returns`, and `unitproof check-returns`: may what came back be sold on?"""

import json
from pathlib import Path
from typing import Any

import pytest

from partners.models import ApiToken
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_resale import comes_back, label, sold
from tests.world import Party, World
from traceability.cli import main
from traceability.client import Node

RETURNS, JSON = "/api/v1/returns", "application/json"


def asked(api: Api, scan: str) -> Any:
    return api.post(RETURNS, json.dumps({"scan": scan}).encode(), JSON)


@pytest.fixture
def distributor(world: World) -> Api:
    return Api(world.distributor)


def test_a_pack_that_comes_back_is_tied_to_its_sale(distributor: Api, world: World) -> None:
    sold(world, "A1")
    answer = asked(distributor, label("A1"))
    assert answer.status_code == 200
    said = answer.json()
    assert (said["saleable"], said["reason"], said["product"]["serial"]) == (True, "held_by_other", "A1")
    sale = said["sale"]
    assert (sale["to"], sale["event"]) == (world.pharmacy.gln, 0)
    assert distributor.get(f"/api/v1/transactions/{sale['submission']}/{sale['event']}").status_code == 200
    kept = distributor.get("/api/v1/verifications").json()["verifications"][0]
    assert (kept["verification"], kept["purpose"]) == (said["verification"], "saleable_return")


def test_who_never_sold_it_learns_nothing_of_it(pharmacy: Api, world: World) -> None:
    sold(world, "A1")
    stranger = Api(world.stranger)
    said = asked(stranger, label("A1")).json()
    assert (said["saleable"], said["sale"], said.get("chain")) == (False, None, None)
    unknown = asked(stranger, label("Z9")).json()
    assert (unknown["reason"], unknown["sale"]) == ("unknown_unit", None)


def test_nobody_asks_without_a_token(world: World, client: Any) -> None:
    problem(client.post(RETURNS, json.dumps({"scan": label("A1")}), content_type=JSON), 401, "not_authenticated")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({}, 400, "missing_member"),
        ({"scan": 7}, 400, "wrong_type"),
        ({"scan": ""}, 400, "malformed_parameter"),
        ({"scan": "a" * 2001}, 400, "malformed_parameter"),
        ({"scan": "\0"}, 400, "nul"),
        ({"scan": "x", "colour": "red"}, 400, "unknown_member"),
    ],
    ids=str,
)
def test_what_is_no_scan_is_refused(distributor: Api, said: dict[str, Any], status: int, code: str) -> None:
    problem(distributor.post(RETURNS, json.dumps(said).encode(), JSON), status, code)


def test_what_cannot_be_read_is_kept_apart(distributor: Api) -> None:
    assert asked(distributor, "no code").json()["saleable"] is False


def test_a_move_of_what_was_not_checked_says_what_to_do(distributor: Api, world: World) -> None:
    (pack,) = comes_back(world, "A1")
    world.entrusts(world.distributor)
    ship = json.dumps({"move": "ship", "epcs": [pack], "to": world.pharmacy.gln}).encode()
    problem(distributor.post("/api/v1/moves", ship, JSON), 409, "return_not_verified")
    assert asked(distributor, label("A1")).json()["saleable"] is True
    assert distributor.post("/api/v1/moves", ship, JSON).status_code == 201


def test_by_command_a_line_each_and_a_status(live_server: Any, own_keys_and_authorities: None, capsys: Any,
                                             tmp_path: Path) -> None:  # fmt: skip
    world = World()
    sold(world, "A1")
    token, scans = tmp_path / "token", tmp_path / "scans.txt"
    token.write_text(ApiToken.issue(world.distributor.partner, now=world.now)[1])
    asking = ["--node", live_server.url, "--token-file", str(token)]
    scans.write_text(f"{label('A1')}\n{label('Z9')}\n")
    assert main(["check-returns", str(scans), *asking]) == 1
    good, bad = capsys.readouterr().out.splitlines()
    assert good.startswith("saleable  ")
    assert f"sold to {world.pharmacy.gln} on 2026-01-05" in good
    assert bad.startswith("KEEP APART  ")
    assert main(["check-returns", label("A1"), *asking]) == 0


def test_the_client_asks_as_the_command_does(live_server: Any, own_keys_and_authorities: None) -> None:
    world: World = World()
    party: Party = world.distributor
    sold(world, "A1")
    with Node(live_server.url, ApiToken.issue(party.partner, now=world.now)[1]) as node:
        assert node.check_return(label("A1"))["saleable"] is True
