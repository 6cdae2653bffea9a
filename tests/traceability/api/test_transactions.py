"""`/api/v1/transactions`: what a party sent and was sent, in every form, to nobody else."""

import json
import uuid
from typing import Any

import pytest

from partners.models import AccessRecord
from tests.traceability.api.conftest import Api
from tests.traceability.dscsa.test_shipments import ships
from tests.traceability.epcis.test_xml_out import demand_valid
from tests.traceability.story import a_pallet
from tests.traceability.test_proving import integrate, trusted
from tests.world import GTIN, LOT, World, gln
from traceability import erasure, jobs, working
from traceability.bundle.shipment import MEDIA_TYPE, examine_shipment
from traceability.dscsa.attached import examine_paper
from traceability.epcis import xml
from traceability.epcis.errors import DocumentError
from traceability.errors import Erased, NotFound
from traceability.models import Event, JobPiece
from traceability.telling import document


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


@pytest.fixture
def row(world: World) -> Event:
    load, _, _ = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    integrate(world)
    return row


def address(row: Event) -> str:
    return f"/api/v1/transactions/{row.submission.submission}/{row.position}"


def fetched(api: Api, row: Event, kind: str) -> Any:
    return api.ask("GET", address(row), headers={"accept": kind})


def test_it_comes_in_every_form_from_one_source(world: World, row: Event, pharmacy: Api) -> None:
    told = pharmacy.get(address(row)).json()
    assert (told["products"][0]["name"], told["products"][0]["containers"]) == ("Examplin", 4)
    assert told["statement"]["affirmed"]

    as_xml = fetched(pharmacy, row, "application/xml")
    made = b"".join(as_xml.streaming_content)
    demand_valid(made)
    (*_, shipped) = xml.parse(made).events
    assert shipped.biz_step == "shipping"

    page = fetched(pharmacy, row, "text/html").text
    for said in ("Examplin", "0614-1123-45", "Corner Pharmacy", "did not knowingly ship", "U10", "U13"):
        assert said in page

    paper = examine_paper(fetched(pharmacy, row, "application/pdf").content, trusted(world))
    assert paper.failure is None
    assert paper.transaction is not None
    assert json.loads(bytes(paper.transaction)) == told
    assert examine_shipment(fetched(pharmacy, row, MEDIA_TYPE).content, trusted(world)).failure is None
    assert fetched(pharmacy, row, "image/png").status_code == 406


def test_to_all_others_it_is_not_there(world: World, row: Event, stranger: Api) -> None:
    known, unknown = stranger.get(address(row)), stranger.get(f"/api/v1/transactions/{uuid.uuid4()}/0")
    assert known.status_code == unknown.status_code == 404
    assert {**known.json(), "instance": ""} == {**unknown.json(), "instance": ""}
    assert Api(None).get(address(row)).status_code == 401
    assert stranger.get(address(row).replace("/0", "/99999999999")).status_code in (400, 404)


def test_a_reading_is_recorded_with_its_purpose(world: World, row: Event, regulator: Api) -> None:
    assert regulator.get(address(row), purpose="tracing").status_code == 404
    world.opens_case(lot=LOT)
    assert regulator.get(address(row), purpose="tracing").status_code == 200
    record = AccessRecord.objects.latest("pk")
    assert (record.reader, record.purpose, record.what) == (gln(500), "case 24-117", "transaction")
    assert regulator.get(address(row), purpose="curiosity").status_code == 400


def test_what_was_erased_is_gone_in_every_form(world: World, row: Event, pharmacy: Api) -> None:
    erasure.erase(row.submission.submission, reason="asked to", now=world.now)
    for kind in ("application/json", "application/xml", "text/html", "application/pdf"):
        answer = fetched(pharmacy, row, kind)
        assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    (listed,) = pharmacy.get("/api/v1/transactions").json()["transactions"]
    assert listed["erased"]


def test_until_the_log_has_it_there_is_all_but_its_proof(world: World, row: Event, pharmacy: Api) -> None:
    waiting = ships(world.maker, world.maker.commissions(serial="Z1"), to=world.pharmacy)
    assert pharmacy.get(address(waiting)).status_code == 200
    answer = fetched(pharmacy, waiting, "application/pdf")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_integrated")


def test_what_epcis_1_2_has_no_place_for_is_refused_before_anything_is_sent(world: World, maker: Api) -> None:
    event = world.maker.shipping(world.maker.commissions(serial="A1"), world.pharmacy)
    done = world.maker.submits(document(event | {"persistentDisposition": {"set": ["damaged"]}}))
    answer = fetched(maker, done.submission.events.get(), "application/xml")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_in_epcis_1_2")


def test_a_list_is_narrowed_and_goes_on_where_a_page_ended(world: World, row: Event, maker: Api, pharmacy: Api) -> None:
    def listed(api: Api, **query: str) -> list[str]:
        page = api.get("/api/v1/transactions", **query).json()
        assert page["next"] is None
        return [each["submission"] for each in page["transactions"]]

    other = ships(world.maker, world.maker.commissions(serial="Z1", lot="L77"), to=world.other_pharmacy)
    first, second = str(row.submission.submission), str(other.submission.submission)
    assert listed(maker) == [second, first]
    assert listed(pharmacy) == [first]
    assert listed(maker, gtin=GTIN) == [second, first]
    assert listed(maker, gtin=GTIN[1:], lot=LOT) == [first]
    assert listed(maker, lot="L77") == [second]
    assert listed(maker, partner=gln(400)) == [second]
    assert listed(maker, since="2026-01-05") == [second, first]
    assert listed(maker, before="2026-01-05") == listed(maker, since="2026-01-06T00:00:00+01:00") == []
    assert pharmacy.get("/api/v1/transactions").json()["transactions"][0]["sent"] is False


def test_pages_follow_each_other(world: World, maker: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traceability.dscsa.shipments.A_PAGE", 2)
    packs = world.maker.commissions(serial=[f"A{number}" for number in range(5)])
    rows = [ships(world.maker, pack, to=world.pharmacy) for pack in packs]
    for query in ({}, {"lot": LOT}):
        found: list[str] = []
        page: dict[str, Any] = {"next": None}
        while page is not None:
            page = maker.get(
                "/api/v1/transactions", **query, **({"after": page["next"]} if page["next"] else {})
            ).json()
            assert len(page["transactions"]) <= 2
            found += [each["submission"] for each in page["transactions"]]
            if page["next"] is None:
                break
        assert found == [str(each.submission.submission) for each in reversed(rows)]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": "2026-01-05T00:00:00"},
        {"before": "0001-01-01"},
        {"partner": "0614141000013"},
        {"partner": "12"},
        {"gtin": "00614141123453"},
        {"gtin": "'; DROP"},
        {"lot": "x" * 21},
        {"lot": "' OR 1=1 --"},
        {"after": "-1"},
        {"lots": "L42"},
        {"purpose": "none"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused(world: World, maker: Api, query: dict[str, str]) -> None:
    assert maker.get("/api/v1/transactions", **query).status_code == 400


def test_a_lot_is_text_and_nothing_else(world: World, row: Event, maker: Api) -> None:
    for lot in ("'OR'1'='1'--", "%", "L4_", '"'):
        assert maker.get("/api/v1/transactions", lot=lot).json()["transactions"] == []


@pytest.mark.parametrize("form", [None, "application/json", "application/xml", MEDIA_TYPE])
def test_a_job_makes_any_form_and_nobody_elses(world: World, row: Event, form: str | None) -> None:
    """A long list on paper takes longer than an answer may wait."""
    parameters = {"submission": str(row.submission.submission), "event": row.position} | (
        {"form": form} if form else {}
    )
    wanted = jobs.Wanted("transaction", "R1", parameters)
    job = jobs.ask(world.pharmacy.partner, wanted)[0]
    working.work()
    found, pieces = jobs.result_of(world.pharmacy.partner, job.job)
    made = b"".join(pieces)
    assert found.made_as == (form or "application/pdf")
    if form is None:
        assert examine_paper(made, trusted(world)).failure is None
    elif form == "application/xml":
        demand_valid(made)
    with pytest.raises(NotFound):
        jobs.ask(world.stranger.partner, wanted)
    assert {each.reader for each in AccessRecord.objects.filter(what="transaction")} == {world.pharmacy.gln}


@pytest.mark.parametrize(
    "wrong", [{"event": "-1"}, {"event": "99999999999"}, {"event": None}, {"submission": "x"}, {"form": "text/html"}]
)
def test_a_job_for_nothing_is_refused(world: World, row: Event, wrong: dict[str, Any]) -> None:
    parameters = {"submission": str(row.submission.submission), "event": row.position} | wrong
    with pytest.raises(DocumentError):
        jobs.ask(world.pharmacy.partner, jobs.Wanted("transaction", "R1", parameters))


def test_what_was_written_before_it_was_erased_is_gone_after(world: World, row: Event) -> None:
    """Also where it is another's submission of which the papers have something."""
    parameters = {"submission": str(row.submission.submission), "event": row.position}
    wanted = jobs.Wanted("transaction", "R1", parameters)
    job, _ = jobs.ask(world.pharmacy.partner, wanted)
    working.work()
    assert jobs.result_of(world.pharmacy.partner, job.job)[0].size
    erasure.erase(row.submission.submission, reason="asked to", now=world.now)
    assert not JobPiece.objects.exists()
    with pytest.raises(NotFound):
        jobs.result_of(world.pharmacy.partner, job.job)
    with pytest.raises(Erased):
        jobs.ask(world.pharmacy.partner, wanted)
