"""`/api/v1/investigations`: suspect product from quarantine to its end, and the data sheet for FDA."""

import json
import uuid
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from ledger import tasks
from partners.models import AccessRecord, ApiToken, Hold
from tests.traceability.api.conftest import COSE, Api
from tests.traceability.api.test_submissions import problem
from tests.world import EXPIRY, GTIN, LOT, Party, World, unit
from traceability import statements
from traceability.cli import main
from traceability.dscsa import investigation
from traceability.models import Investigation, Registration
from traceability.statements import b64

PATH, JSON = "/api/v1/investigations", "application/json"
WHO: dict[str, Any] = {"person": "R. Doe, pharmacist", "place": "Cage 2, shelf 4", "reason": "seal broken"}
CASE = "7b1c7d1e-6a0e-4f53-9d2a-0d9d8e9d1f10"
PHOTO = b64(sha256(b"photo").digest())


@pytest.fixture
def pack(world: World) -> str:
    made = world.maker.commissions(serial="A1")
    world.maker.ships(made, to=world.distributor)
    world.distributor.receives(made, sender=world.maker)
    world.distributor.ships(made, to=world.pharmacy)
    world.pharmacy.receives(made, sender=world.distributor)
    world.entrusts(world.pharmacy)
    return str(made)


def posts(api: Api, path: str, **said: Any) -> Any:
    return api.post(f"{PATH}{path}", json.dumps(said).encode(), JSON)


def opens(api: Api, pack: str, **changed: Any) -> Any:
    return posts(api, "", **({"case": CASE, "what": [{"epc": pack}], "evidence": [PHOTO], **WHO} | changed))


def steps(api: Api, *words: str, **said: Any) -> Any:
    answer = None
    for word in words:
        more = {"sample": "Cage 2, box 9"} if word == "disposed" else {}
        answer = posts(api, f"/{CASE}/steps", step=word, **(WHO | more | said))
        assert answer.status_code == 201, answer.content
    return answer


def test_suspect_goods_are_quarantined_and_a_case_begins(pharmacy: Api, pack: str) -> None:
    answer = opens(pharmacy, pack)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{PATH}/{CASE}")
    said = answer.json()
    assert (said["state"], said["own"], said["may"]) == ("suspect", True, ["cleared", "illegitimate"])
    assert [(each["epc"], each["released"]) for each in said["what"]] == [(pack, False)]
    assert said["steps"][0]["evidence"] == [PHOTO]
    row = Hold.objects.get()
    assert (row.kind, row.epc, row.partner_id) == ("suspect", pack, pharmacy.party.gln)  # type: ignore[union-attr]
    assert pharmacy.get(f"{PATH}/{CASE}").json() == said
    assert pharmacy.get(PATH).json() == {"investigations": [said], "next": None}


def test_asked_again_it_is_the_same_case_and_another_under_its_id_is_refused(pharmacy: Api, pack: str) -> None:
    first = opens(pharmacy, pack).json()
    again = opens(pharmacy, pack)
    assert (again.status_code, again.json(), Hold.objects.count()) == (200, first, 1)
    problem(opens(pharmacy, pack, reason="other"), 409, "case_exists")
    problem(opens(pharmacy, unit("A2")), 409, "case_exists")


def test_what_cannot_be_held_begins_nothing(pharmacy: Api, pack: str) -> None:
    before = Registration.objects.count()
    problem(opens(pharmacy, pack, what=[{"epc": pack}, {"epc": unit("Z9")}]), 403, "authority_needed")
    assert (Hold.objects.count(), Investigation.objects.count(), Registration.objects.count()) == (0, 0, before)


def test_to_the_end(pharmacy: Api, world: World, pack: str) -> None:
    opens(pharmacy, pack)
    steps(pharmacy, "illegitimate", "notified")
    steps(pharmacy, "notified", incident="FDA-7")
    said = steps(pharmacy, "termination_requested", "terminated", "disposed").json()
    assert (said["state"], said["incident"], said["may"]) == ("disposed", "FDA-7", [])
    assert [each["partner"] for each in said["partners"]] == [world.distributor.gln]
    assert said["steps"][-1]["sample"] == "Cage 2, box 9"
    problem(posts(pharmacy, f"/{CASE}/steps", step="cleared", **WHO), 409, "illegal_step")


def test_what_is_cleared_is_let_go_with_it(pharmacy: Api, world: World, pack: str) -> None:
    opens(pharmacy, pack)
    said = steps(pharmacy, "cleared").json()
    assert [each["released"] for each in said["what"]] == [True]
    world.pharmacy.dispenses(pack)


def test_a_step_is_taken_once_and_not_over_anothers(pharmacy: Api, pack: str) -> None:
    entry = opens(pharmacy, pack).json()["steps"][0]["entry"]
    first = steps(pharmacy, "illegitimate", previous=entry).json()
    again = posts(pharmacy, f"/{CASE}/steps", step="illegitimate", previous=entry, **WHO)
    assert (again.status_code, again.json()) == (200, first)
    problem(posts(pharmacy, f"/{CASE}/steps", step="cleared", previous=entry, **WHO), 409, "stale_step")


def test_a_lot_is_investigated_by_whoever_may_issue_it(maker: Api, world: World, pack: str) -> None:
    world.entrusts(world.maker)
    answer = opens(maker, "", what=[{"gtin": GTIN, "lot": LOT}, {"gtin": GTIN, "first": "B1", "last": "B9"}])
    assert answer.status_code == 201
    assert {each["lot"] for each in answer.json()["what"]} == {LOT, None}
    assert [each["partner"] for each in steps(maker, "illegitimate").json()["partners"]] == [world.distributor.gln]


def test_whoever_signs_itself_registers_the_same_statements(world: World, stranger: Api) -> None:
    pack = world.maker.commissions(serial="S1")
    world.maker.ships(pack, to=world.stranger)
    world.stranger.receives(pack, sender=world.maker)
    problem(opens(stranger, pack), 403, "no_custodial_key")
    hold = world.holds(world.stranger, "suspect", epc=pack)
    said = statements.Investigation(
        about=world.stranger.gln, case=CASE, step=statements.InvestigationStep.SUSPECT, holds=(hold,), **WHO,
        **world._from(world.stranger),
    )  # fmt: skip
    assert stranger.post("/api/v1/statements", statements.sign(said, world.stranger.key), COSE).status_code == 201
    assert stranger.get(f"{PATH}/{CASE}").json()["state"] == "suspect"


# ---- walls ----------------------------------------------------------------------------------------------------------


def test_before_it_is_illegitimate_nobody_else_knows_of_it(pharmacy: Api, world: World, pack: str) -> None:
    opens(pharmacy, pack)
    for other in (Api(world.distributor), Api(world.maker), Api(world.stranger)):
        assert other.get(PATH).json()["investigations"] == []
        answers = [
            (
                other.get(f"{PATH}/{each}"),
                posts(other, f"/{each}/acknowledgement"),
                posts(other, f"/{each}/form-3911", report="initial"),
            )
            for each in (CASE, str(uuid.uuid4()))
        ]
        for known, unknown in zip(*answers, strict=True):
            assert problem(known, 404, "not_found")["detail"] == problem(unknown, 404, "not_found")["detail"]
        world.entrusts(other.party)  # type: ignore[arg-type]
        problem(posts(other, f"/{CASE}/steps", step="cleared", **WHO), 404, "not_found")


def test_a_partner_sees_what_concerns_it_and_that_is_recorded(pharmacy: Api, world: World, pack: str) -> None:
    opens(pharmacy, pack)
    steps(pharmacy, "illegitimate", reason="counterfeit label")
    distributor = Api(world.distributor)
    (said,) = distributor.get(PATH).json()["investigations"]
    assert (said["own"], said["state"], said["may"]) == (False, "illegitimate", [])
    assert [each["epc"] for each in said["what"]] == [pack]
    assert [(each["step"], each["reason"]) for each in said["steps"]] == [("illegitimate", "counterfeit label")]
    assert [each["partner"] for each in said["partners"]] == [world.distributor.gln]
    read = AccessRecord.objects.filter(reader=world.distributor.gln, what="investigation")
    assert list(read.values_list("subject", "purpose")) == [(pack, "notification")]
    assert Api(world.maker).get(PATH).json()["investigations"] == []
    problem(posts(distributor, f"/{CASE}/form-3911", report="initial"), 404, "not_found")
    (whole,) = Api(world.regulator).get(PATH).json()["investigations"]
    assert len(whole["steps"]) == 2


def test_a_partner_acknowledges_once(pharmacy: Api, world: World, pack: str) -> None:
    opens(pharmacy, pack)
    steps(pharmacy, "illegitimate")
    distributor = Api(world.distributor)
    first = posts(distributor, f"/{CASE}/acknowledgement", note="none left here").json()
    assert (first["note"], first["acknowledged"] is not None) == ("none left here", True)
    assert posts(distributor, f"/{CASE}/acknowledgement", note="other").json() == first
    assert pharmacy.get(f"{PATH}/{CASE}").json()["partners"][0]["note"] == "none left here"
    problem(posts(pharmacy, f"/{CASE}/acknowledgement"), 404, "not_found")


# ---- Form FDA 3911 --------------------------------------------------------------------------------------------------

ADDED = {
    "classification": "counterfeit", "ingredients": "Examplin", "use": "Human", "event": "Wrong font on the label.",
    "description": "Finished prescription drug", "mechanisms": ["None"], "facility": "DUNS 123456789",
    "contact": "R. Doe, +1 555 0100, doe@pharmacy.example", "no_longer_needed": "all of it was found",
}  # fmt: skip


def described(world: World, maker: Api) -> None:
    product = {"gtin": GTIN, "name": "Examplin", "ndc": "0614-1123-45", "strength": "20 mg", "dosage_form": "Tablet"}
    answer = maker.post("/api/v1/products", json.dumps(product | {"valid_from": "2020-01-01"}).encode(), JSON)
    assert answer.status_code < 300, answer.content


def test_every_item_of_form_3911_by_its_number(pharmacy: Api, maker: Api, world: World, pack: str) -> None:
    described(world, maker)
    opens(pharmacy, pack)
    steps(pharmacy, "illegitimate", "notified")
    steps(pharmacy, "notified", incident="FDA-7")
    answer = posts(pharmacy, f"/{CASE}/form-3911", report="follow_up", **ADDED)
    assert answer.status_code == 200
    sheet = answer.json()
    assert [each["item"] for each in sheet["items"]] == list(range(1, 24))
    values = {each["item"]: each["values"] for each in sheet["items"]}
    today = values.pop(4)
    assert values.pop(3) == today
    assert values == {
        1: ["Follow-up notification"], 2: ["FDA-7"], 5: ["Counterfeit"], 6: ["Examplin"], 7: ["Examplin"], 8: ["Human"],
        9: ["Finished prescription drug"], 10: ["20 mg"], 11: ["Tablet"], 12: ["1, as far as it is recorded"],
        13: ["0614-1123-45"], 14: ["A1"], 15: [LOT], 16: [EXPIRY],
        17: ["seal broken (Cage 2, shelf 4)", "Wrong font on the label."], 18: ["all of it was found"], 19: ["None"],
        20: ["Pharmacy"], 21: ["Dispenser"], 22: ["DUNS 123456789"],
        23: ["R. Doe, +1 555 0100, doe@pharmacy.example"],
    }  # fmt: skip
    assert sheet["missing"] == []


def test_what_nobody_has_said_is_missing(pharmacy: Api, pack: str) -> None:
    opens(pharmacy, pack)
    problem(posts(pharmacy, f"/{CASE}/form-3911", report="initial"), 404, "not_found")
    steps(pharmacy, "illegitimate")
    asked = {report: posts(pharmacy, f"/{CASE}/form-3911", report=report).json()["missing"]
             for report in ("initial", "follow_up", "termination")}  # fmt: skip
    bare = [5, 6, 8, 9, 10, 11, 19, 23]
    assert asked == {
        "initial": bare, "follow_up": [2, 3, *bare], "termination": sorted([2, 3, 18, *bare]),
    }  # fmt: skip


def test_the_same_as_pdf_with_the_json_inside(pharmacy: Api, pack: str) -> None:
    opens(pharmacy, pack)
    steps(pharmacy, "illegitimate")
    asked = json.dumps({"report": "initial", **ADDED}).encode()
    one, other = (
        pharmacy.ask("POST", f"{PATH}/{CASE}/form-3911", data=asked, content_type=JSON, headers={"accept": kind})
        for kind in ("application/pdf", "application/pdf, application/json;q=0.5")
    )
    assert one.content == other.content
    with closing(pypdfium2.PdfDocument(one.content)) as document:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
        (inside,) = (bytes(document.get_attachment(at).get_data()) for at in range(document.count_attachments()))
    for item in range(1, 24):
        assert f"{item}. " in text
    assert "Wrong font on the label." in text
    assert json.loads(inside) == posts(pharmacy, f"/{CASE}/form-3911", report="initial", **ADDED).json()


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"what": []}, 400, "bad_number"),
        ({"what": [{}]}, 400, "malformed_statement"),
        ({"what": [{"epc": "no"}]}, 400, "bad_uri"),
        ({"what": [{"epc": unit("A1"), "gtin": GTIN}]}, 400, "malformed_statement"),
        ({"what": [{"place": "x"}]}, 400, "unknown_member"),
        ({"what": {}}, 400, "wrong_type"),
        ({"case": "x"}, 400, "bad_value"),
        ({"evidence": ["x"]}, 400, "malformed_statement"),
        ({"evidence": [7]}, 400, "malformed_statement"),
        ({"person": ""}, 400, "malformed_statement"),
        ({"person": "x\ny"}, 422, "unwritable"),
        ({"reason": "x" * 201}, 422, "unwritable"),
        ({"place": None}, 400, "missing_member"),
        ({"colour": "red"}, 400, "unknown_member"),
    ],
    ids=str,
)
def test_bad_input(pharmacy: Api, pack: str, said: dict[str, Any], status: int, code: str) -> None:
    before = Registration.objects.count()
    problem(opens(pharmacy, pack, **said), status, code)
    assert Registration.objects.count() == before


def test_pages_go_on(pharmacy: Api, world: World, pack: str, django_assert_max_num_queries: Any) -> None:
    packs = world.maker.commissions(serial=[f"P{n:02}" for n in range(52)])
    world.maker.ships(packs, to=world.pharmacy)
    world.pharmacy.receives(packs, sender=world.maker)
    for each in packs:
        assert opens(pharmacy, each, case=str(uuid.uuid4())).status_code == 201
    first = pharmacy.get(PATH).json()
    rest = pharmacy.get(PATH, before=first["next"]).json()
    assert (len(first["investigations"]), len(rest["investigations"]), rest["next"]) == (50, 2, None)
    with django_assert_max_num_queries(10):
        investigation.cases_of(world.pharmacy.partner, now=world.now)


# ---- by command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def types(live_server: Any, own_keys_and_authorities: None, tmp_path: Path, capsys: Any) -> Any:
    """A party types a command of `unitproof investigate`: status, output and complaint."""

    def typed(party: Party, verb: str, *line: object, signs: bool = True) -> tuple[int, str, str]:
        (tmp_path / "key.pem").write_bytes(party.key.to_pem())
        (tmp_path / "token").write_text(ApiToken.issue(party.partner, now=party.world.now)[1])
        asking = ["--node", live_server.url, "--token-file", tmp_path / "token"]
        signing = ["--key", tmp_path / "key.pem", "--gln", party.gln, "--person", "R. Doe", "--place", "Cage 2",
                   "--reason", "seal broken"]  # fmt: skip
        status = main([str(each) for each in ("investigate", verb, *asking, *(signing if signs else ()), *line)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return typed


def test_by_command_from_the_first_step_to_the_last(types: Any, tmp_path: Path) -> None:
    world = World()
    packs = world.maker.commissions(serial=["C1", "C2"])
    world.maker.ships(packs, to=world.pharmacy)
    world.pharmacy.receives(packs, sender=world.maker)
    tasks.sweep()
    (tmp_path / "photo").write_bytes(b"photo")
    scans = [f"(01){GTIN}(21)C1", f"(01){GTIN}(21)C2"]
    status, said, _ = types(world.pharmacy, "open", *scans, "--evidence", tmp_path / "photo")
    assert status == 0
    case = said.split()[1].rstrip(":")
    assert said == f"investigation {case}: suspect, held by 2\n"
    assert {row.epc for row in Hold.objects.all()} == set(packs)
    assert types(world.pharmacy, "step", case, "illegitimate")[1] == f"investigation {case}: illegitimate\n"
    assert "not_notified" in types(world.pharmacy, "step", case, "termination_requested")[2]
    sheet = tmp_path / "sheet.json"
    assert types(world.pharmacy, "form", case, "--out", sheet, "--contact", "R. Doe", signs=False)[0] == 0
    assert json.loads(sheet.read_bytes())["items"][22]["values"] == ["R. Doe"]
    assert types(world.pharmacy, "form", case, "--out", tmp_path / "sheet.pdf", signs=False)[0] == 0
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
    assert types(world.pharmacy, "step", case, "notified", "--incident", "FDA-7")[0] == 0
    assert types(world.maker, "acknowledge", case, "--note", "ours are good", signs=False)[0] == 0
    shown = types(world.pharmacy, "show", case, signs=False)[1]
    for each in (PHOTO, f"told {world.maker.gln}", "acknowledged 2", "next: notified, termination_requested"):
        assert each in shown
    for word in ("termination_requested", "terminated"):
        assert types(world.pharmacy, "step", case, word)[0] == 0
    assert types(world.pharmacy, "step", case, "disposed", "--sample", "box 9")[0] == 0
    assert f"{case}  disposed: " in types(world.pharmacy, "list", signs=False)[1]
    assert "not_found" in types(world.stranger, "show", case, signs=False)[2]


def test_by_command_what_is_cleared_is_let_go(types: Any) -> None:
    world = World()
    tasks.sweep()
    case = types(world.maker, "open", "--gtin", GTIN, "--lot", LOT)[1].split()[1].rstrip(":")
    assert types(world.maker, "step", case, "cleared")[1] == f"investigation {case}: cleared\n"
    assert Hold.objects.get().revoked is not None
    assert types(world.maker, "open")[0] == 2
