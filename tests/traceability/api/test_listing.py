"""What a node has under one's name: every party sees its own list, whole, and nobody else's."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger import tasks
from partners.models import Partner, Role
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.world import World, document, unit
from traceability import listing, statements
from traceability.models import Registration, Submission
from traceability.statements import open_statement, unb64

SUBMISSIONS, STATEMENTS = "/api/v1/submissions", "/api/v1/statements"


def every(api: Api, path: str) -> list[dict[str, Any]]:
    """All rows, page after page."""
    rows, after = [], None
    while True:
        page = api.get(path, **({"after": after} if after else {})).json()
        rows += page[path.rpartition("/")[2]]
        if (after := page["next"]) is None:
            return rows


def test_a_party_finds_its_submissions_and_where_they_are_in_the_log(maker: Api, world: World) -> None:
    accepted = [maker.submit(document(world.maker.commissioning(unit(f"A{n}")))).json() for n in range(2)]
    page = maker.get(SUBMISSIONS).json()
    assert (page["party"], page["next"]) == (world.maker.gln, None)
    assert [row["submission"] for row in page["submissions"]] == [each["submission"] for each in accepted]
    assert [row["entry"] for row in page["submissions"]] == [each["entry"] for each in accepted]
    assert page["submissions"][0] | {"meaning": ["commissioning"], "log_index": None} == page["submissions"][0]


@pytest.mark.django_db(transaction=True)
def test_what_is_in_the_log_has_its_index(maker: Api, world: World) -> None:
    world.maker.commissions(serial="A1")
    tasks.sweep()
    (row,) = maker.get(SUBMISSIONS).json()["submissions"]
    assert row["log_index"] == Submission.objects.get().entry.index


def test_nobody_sees_what_another_has_submitted(
    maker: Api, pharmacy: Api, stranger: Api, regulator: Api, world: World
) -> None:
    world.maker.commissions(serial="A1")
    world.maker.ships(unit("A1"), to=world.pharmacy)
    world.pharmacy.receives(unit("A1"), sender=world.maker)
    assert [len(every(api, SUBMISSIONS)) for api in (maker, pharmacy, stranger, regulator)] == [2, 1, 0, 0]
    assert all(row["meaning"] == ["receiving"] for row in every(pharmacy, SUBMISSIONS))


def test_a_party_is_told_of_every_statement_made_in_its_name(maker: Api, world: World) -> None:
    rows = every(maker, STATEMENTS)
    assert [(row["kind"], row["issuer"], row["about"]) for row in rows] == [
        ("partner", settings.OPERATOR_GLN, world.maker.gln),
        ("key", world.authority.gln, world.maker.gln),
        ("prefix", world.authority.gln, world.maker.gln),
    ]
    said = open_statement(unb64(rows[1]["envelope"]))
    assert (said.payload.id, said.issuer) == (rows[1]["statement"], world.authority.gln)
    assert isinstance(said.payload, statements.Key)
    assert said.payload.kid == world.maker.key.public.kid


def test_a_party_is_told_what_its_agents_told_for_it_and_no_more(maker: Api, pharmacy: Api, world: World) -> None:
    world.delegates(world.maker, world.distributor, "commissioning")
    world.delegates(world.pharmacy, world.distributor, "inspecting")
    world.maker.ships(world.maker.commissions(serial="A0"), to=world.pharmacy)
    world.pharmacy.receives(unit("A0"), sender=world.maker)
    world.distributor.tells(world.maker.commissioning(unit("A1")), world.pharmacy.observing(unit("A0")))
    *_, row = every(maker, SUBMISSIONS)
    assert (row["submitter"], row["meaning"]) == (world.distributor.gln, ["commissioning"])
    *_, row = every(pharmacy, SUBMISSIONS)
    assert row["meaning"] == ["inspecting"]
    (row,) = every(Api(world.distributor), SUBMISSIONS)
    assert row["meaning"] == ["commissioning", "inspecting"]


def test_a_party_is_told_of_no_statement_about_others(maker: Api, stranger: Api, regulator: Api, world: World) -> None:
    for api in (maker, stranger, regulator):
        assert api.party
        assert {row["about"] for row in every(api, STATEMENTS)} == {api.party.gln}


def test_whoever_signs_statements_finds_them_each_once(world: World) -> None:
    """An authority with an account: about others, and about itself."""
    Partner.objects.create(gln=world.authority.gln, name="Board", role=Role.REGULATOR)
    world.enrols(world.authority)
    rows = every(Api(world.authority), STATEMENTS)
    assert [row["entry"] for row in rows] == [
        bytes(row.entry.entry).hex() for row in Registration.objects.order_by("entry_id")
    ]
    assert {row["issuer"] for row in rows} == {world.authority.gln}


@pytest.mark.parametrize("path", [SUBMISSIONS, STATEMENTS])
def test_nobody_is_anybody(anybody: Api, path: str) -> None:
    problem(anybody.get(path), 401, "not_authenticated")


@pytest.mark.parametrize("path", [SUBMISSIONS, STATEMENTS])
@pytest.mark.parametrize("after", ["", "x", "-1", "1.0", "٣", "9" * 19, "1" * 30, "\0"])
def test_what_is_no_cursor_is_refused(maker: Api, path: str, after: str) -> None:
    problem(maker.get(path, after=after), 400, "malformed_parameter")


def test_pages_leave_out_none_and_repeat_none(maker: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(7):
        world.maker.commissions(serial=f"A{n}")
    whole = every(maker, SUBMISSIONS)
    monkeypatch.setattr(listing, "A_PAGE", 3)
    assert every(maker, SUBMISSIONS) == whole
    assert [len(maker.get(SUBMISSIONS, after=after).json()["submissions"]) for after in ("0", str(2**63 - 1))] == [3, 0]
    board = Api(world.regulator)
    monkeypatch.setattr(listing, "A_PAGE", 1)
    assert [row["kind"] for row in every(maker, STATEMENTS)] == ["partner", "key", "prefix"]
    assert len(every(board, STATEMENTS)) == 2


def test_what_may_still_be_under_way_is_asked_for_again(maker: Api, world: World) -> None:
    """A number drawn early and committed late comes below what was listed; from `settled` on it is found."""
    for n in range(3):
        world.maker.commissions(serial=f"A{n}")
    numbers = list(Submission.objects.order_by("entry_id").values_list("entry_id", flat=True))
    long_ago, now = timezone.now() - timedelta(hours=1), timezone.now()
    Submission.objects.filter(entry_id__lte=numbers[0]).update(accepted=long_ago)
    Submission.objects.filter(entry_id__gt=numbers[0]).update(accepted=now)
    page = maker.get(SUBMISSIONS).json()
    assert (page["settled"], page["next"], len(page["submissions"])) == (str(numbers[0]), None, 3)
    again = maker.get(SUBMISSIONS, after=page["settled"]).json()
    assert again["submissions"] == page["submissions"][1:]
    assert again["settled"] == page["settled"]


@pytest.mark.parametrize(("path", "most"), [(SUBMISSIONS, 3), (STATEMENTS, 3)])
def test_a_long_list_takes_as_many_queries_as_a_short_one(maker: Api, world: World, path: str, most: int) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            maker.get(path)
        return len(captured)

    few = queries()
    for n in range(5):
        world.maker.commissions(serial=f"A{n}")
    assert queries() == few == most
