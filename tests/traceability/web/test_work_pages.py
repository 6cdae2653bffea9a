"""Serial numbers, a line's report, labels and jobs, on pages: for who is signed in, and of nobody else's."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from partners.models import ApiToken
from tests.traceability.labels.printed import printed, scanned
from tests.traceability.test_serials import gets, numbers, opens
from tests.world import EXPIRY, GTIN, LOT, Party, World
from traceability import jobs, working
from traceability.models import Job, SerialBlock, SerialPool
from traceability.web import labels as labels_page
from traceability.web import serial_numbers as serials_page
from traceability.web.move_forms import TASKS
from traceability.web.work import GROUPS

ROWS = "gtin,serial,expiry,lot\r\n"
PRINTS = {"symbol": "datamatrix", "stock": "roll-50x25", "size": "", "dpi": "203", "nonce": "n"}


def signed_in(party: Party) -> Client:
    client = Client()
    token = ApiToken.issue(party.partner, now=timezone.now())[1]
    assert client.post("/sign-in", {"token": token}).status_code == 302
    return client


@pytest.fixture
def maker(world: World) -> Client:
    return signed_in(world.maker)


@pytest.fixture
def stranger(world: World) -> Client:
    return signed_in(world.stranger)


def text(answer: Any) -> str:
    """Without tags, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def packs(count: int) -> str:
    return ROWS + "".join(f"{GTIN},A{n},{EXPIRY},{LOT}\r\n" for n in range(count))


def prints(client: Client, rows: str = "", **changed: Any) -> Any:
    return client.post("/labels", PRINTS | {"rows": rows} | changed)


PATHS = ("/serials", "/serials/report", "/labels", "/jobs", f"/serials/{uuid.UUID(int=1)}", f"/jobs/{uuid.UUID(int=1)}")


@pytest.mark.parametrize("path", PATHS)
def test_whoever_is_not_signed_in_is_asked_first(world: World, client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/sign-in?next=")


def test_the_pages_are_on_the_list_of_work(maker: Client, stranger: Client) -> None:
    assert all(
        f'href="{path}"' in maker.get("/desk").text for path in ("/serials", "/serials/report", "/labels", "/jobs")
    )
    assert 'href="/serials"' not in stranger.get("/desk").text


def test_no_move_is_missing_from_the_list_of_work_and_none_stands_there_twice() -> None:
    views = [line.view for group in GROUPS for line in group.lines]
    assert len(views) == len(set(views))
    assert {task.view for task in TASKS.values()} <= set(views)


# ---- serial numbers -------------------------------------------------------------------------------------------------


def test_a_pool_is_opened_a_block_drawn_taken_and_returned(world: World, maker: Client) -> None:
    said = {"gtin": GTIN, "length": "12", "character_set": "unambiguous", "enforced": "on"}
    path = maker.post("/serials", said).headers["Location"]
    pool = SerialPool.objects.get()
    assert (path, pool.enforced) == (f"/serials/{pool.pool}", True)
    assert f'href="{path}"' in maker.get("/serials").text
    page = maker.get(path)
    request = re.search(r'name="request" value="([^"]+)"', page.text)
    assert request
    drawn = {"count": "3", "expires": "2099-12-31", "request": request[1]}
    for _ in range(2):  # pressed twice, it is one block
        assert maker.post(path, drawn).headers["Location"] == path
    block = SerialBlock.objects.get()
    assert block.expires
    assert block.expires.isoformat() == "2099-12-31T00:00:00+00:00"
    world.maker.commissions(serial=numbers(world, block)[0])
    told = text(maker.get(path))
    assert "3 numbers, allocated" in told
    assert "Used 1 " in told
    answer: Any = maker.get(f"/serials/block/{block.block}/numbers")
    file = b"".join(answer.streaming_content).decode()
    assert file.split() == ["gtin,serial", *(f"{GTIN},{each}" for each in numbers(world, block))]
    assert maker.post(f"/serials/block/{block.block}/return", {"reason": "spilt"}).headers["Location"] == path
    told = text(maker.get(path))
    assert "3 numbers, returned" in told
    assert ": spilt" in told
    assert maker.get(f"/serials/block/{block.block}/numbers").status_code == 409


def test_whether_numbers_are_enforced_is_changed(world: World, maker: Client) -> None:
    pool = opens(world, enforced=True)
    for said, enforced in (("0", False), ("1", True)):
        assert maker.post(f"/serials/{pool.pool}/enforced", {"enforced": said}).status_code == 302
        pool.refresh_from_db()
        assert pool.enforced is enforced


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gtin": "00614141123453"}, "wrong check digit"),
        ({"gtin": "9521050000013"}, "AI 01"),
        ({"gtin": "09521050000013"}, "No prefix statement lets"),
        ({"length": "3"}, "Too few numbers to draw from"),
        ({"length": "21"}, "less than or equal to 20"),
        ({"character_set": "emoji"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_with_a_pool_is_said(maker: Client, changed: dict[str, str], said: str) -> None:
    asked = {"gtin": GTIN, "length": "12", "character_set": "unambiguous"} | changed
    answer = maker.post("/serials", asked)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not SerialPool.objects.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"count": "1000001"}, "Not a number of serial numbers that is given out at once"),
        ({"count": "0"}, "greater than or equal to 1"),
        ({"expires": "2001-01-01"}, "That is past"),
        ({"request": "two words"}, "Not the name of a request"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(world: World, maker: Client, changed: dict[str, str], said: str) -> None:
    answer = maker.post(f"/serials/{opens(world).pool}", {"count": "1", "request": "R"} | changed)
    assert answer.status_code == 422
    assert said in text(answer)
    assert not SerialBlock.objects.exists()


def test_anothers_pool_and_block_are_not_there(world: World, maker: Client, stranger: Client) -> None:
    block = gets(world, opens(world))
    job = maker.post(f"/serials/block/{block.block}/job").headers["Location"]
    for method, path in (
        ("GET", f"/serials/{block.pool.pool}"),
        ("POST", f"/serials/{block.pool.pool}"),
        ("POST", f"/serials/{block.pool.pool}/enforced"),
        ("GET", f"/serials/block/{block.block}/numbers"),
        ("POST", f"/serials/block/{block.block}/job"),
        ("GET", job),
        ("GET", f"{job}/result"),
        ("POST", f"{job}/cancel"),
    ):
        answer = stranger.generic(method, path)
        assert (answer.status_code, "not_found" in answer.text) == (404, True), path
    returned = stranger.post(f"/serials/block/{block.block}/return", {"reason": "mine"})
    assert returned.status_code == 404
    assert "None." in text(stranger.get("/jobs"))


def test_the_numbers_of_a_big_block_are_a_job(world: World, maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serials_page, "AT_ONCE", 2)
    block = gets(world, opens(world), 3)
    page = maker.get(f"/serials/{block.pool.pool}").text
    assert f'action="/serials/block/{block.block}/job"' in page
    for _ in range(2):
        path = maker.post(f"/serials/block/{block.block}/job").headers["Location"]
    assert "Waiting for its turn" in text(maker.get(path))
    working.work()
    assert f"{block.block}.csv" in text(maker.get(path))
    answer: Any = maker.get(f"{path}/result")
    assert b"".join(answer.streaming_content).count(b"\r\n") == 4
    assert Job.objects.count() == 1


# ---- what a line has printed ----------------------------------------------------------------------------------------


def reports(client: Client, *serials: str) -> Any:
    sent = "gtin,serial,lot,expiry\n" + "".join(f"{GTIN},{each},{LOT},{EXPIRY}\n" for each in serials)
    path = client.post("/serials/report", {"file": SimpleUploadedFile("r.csv", sent.encode())}).headers["Location"]
    return client.get(path)


def test_wrong_lines_are_named_in_a_table(world: World, maker: Client) -> None:
    good = numbers(world, gets(world, opens(world), 2))
    told = text(reports(maker, good[0], "MADEUP", good[1]))
    assert "Failed: 1 of 3 lines are wrong" in told
    assert "line 3: serial no pool of the product has such numbers 12 characters 'MADEUP' (6) bad_length" in told
    assert not maker.get("/jobs").text.count("/result")


def test_if_no_line_is_wrong_there_is_the_document(world: World, maker: Client) -> None:
    page = reports(maker, *numbers(world, gets(world, opens(world), 2)))
    assert "Every line is right." in text(page)
    (path,) = re.findall(r'href="(/jobs/[^"]+/result)"', page.text)
    answer: Any = maker.get(path)
    world.now = timezone.now()
    world.maker.submits(b"".join(answer.streaming_content))


def test_a_big_report_waits_for_its_turn(world: World, maker: Client) -> None:
    assert "Waiting for its turn" in text(reports(maker, *(f"X{n}" for n in range(8000))))
    working.work()
    told = text(maker.get("/jobs"))
    assert "Failed: 8000 of 8000 lines are wrong" in told
    assert "8000 of 8000" in told


def test_nothing_is_no_report(maker: Client) -> None:
    assert maker.post("/serials/report").status_code == 422
    empty = maker.post("/serials/report", {"file": SimpleUploadedFile("r.csv", b"")})
    assert empty.status_code == 422
    path = maker.post("/serials/report", {"file": SimpleUploadedFile("r.csv", b"hello")}).headers["Location"]
    told = text(maker.get(path))
    assert "Failed: line 1: no header; expected gtin,serial,lot,expiry" in told
    assert "malformed_report" in told


# ---- labels ---------------------------------------------------------------------------------------------------------


def test_labels_are_printed_from_what_is_typed_and_from_a_file(maker: Client) -> None:
    file = SimpleUploadedFile("packs.csv", packs(3).encode())
    json = f'[{{"gtin": "{GTIN}", "serial": "J", "expiry": "{EXPIRY}", "lot": "{LOT}"}}]'
    for answer, count in ((prints(maker, packs(2)), 2), (prints(maker, file=file), 3), (prints(maker, json), 1)):
        assert answer.headers["Content-Disposition"] == 'attachment; filename="labels.pdf"'
        assert len([each for page in printed(answer.content, 203) for each in scanned(page)]) == count
    assert not Job.objects.exists()


def test_the_first_is_shown_before_it_is_printed(maker: Client) -> None:
    page = prints(maker, packs(3), preview="1")
    assert page.status_code == 200
    assert "The first of 3 labels, 50 × 25 mm, on 3 pages." in text(page)
    (described,) = re.findall(r'<svg [^>]*viewBox="0 0 50 25"[^>]*aria-label="([^"]*)"', page.text)
    assert described == f"The first label: (01){GTIN}, (21)A0, (17)281231, (10){LOT}, EXP {EXPIRY}"
    assert f"{GTIN},A2,{EXPIRY},{LOT}" in page.text  # what was typed is still there


def test_what_was_uploaded_can_be_put_right_by_hand(maker: Client) -> None:
    page = prints(maker, file=SimpleUploadedFile("packs.csv", b"gtin,serial,expiry,lot\n<script>,1,2,3\n"))
    assert page.status_code == 422
    assert "&lt;script&gt;,1,2,3" in page.text
    assert "<script>," not in page.text


def test_every_wrong_label_is_named(maker: Client) -> None:
    answer = prints(maker, packs(1) + f"{GTIN[:-1]}3,B,{EXPIRY},{LOT}\r\n" * 101)
    assert answer.status_code == 422
    told = text(answer)
    assert "Nothing was printed: 101 labels are wrong." in told
    assert "The first 100 of 101" in told
    assert "line 3: gtin AI 01: wrong check digit" in told


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": ""}, "Nothing to print"),
        ({"size": "tiny"}, "No such stock"),
        ({"dpi": "72"}, "Select a valid choice"),
        ({"symbol": "aztec"}, "Select a valid choice"),
        ({"rows": "a,a\r\n1,2"}, "Two columns of one name"),
    ],
)
@pytest.mark.parametrize("pressed", [{}, {"preview": "1"}])
def test_what_is_wrong_with_a_form_is_said(
    maker: Client, changed: dict[str, str], said: str, pressed: dict[str, str]
) -> None:
    answer = maker.post("/labels", PRINTS | {"rows": packs(1)} | pressed | changed)
    assert answer.status_code == 422
    assert said in text(answer)


def test_many_labels_are_a_job_and_pressed_twice_one(maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_page, "AT_ONCE", 3)
    first, again, other = (prints(maker, packs(count)).headers["Location"] for count in (5, 5, 6))
    assert first == again != other
    assert maker.get(f"{first}/result").status_code == 409  # no request draws them: that takes as long as it takes
    working.work()
    answer: Any = maker.get(f"{first}/result")
    assert len(printed(b"".join(answer.streaming_content), 203)) == 5


def test_lines_are_counted_however_they_end(maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_page, "AT_ONCE", 3)
    rows = packs(5).replace("\r\n", "\r").encode()
    answer = maker.post("/labels", PRINTS | {"rows": "", "file": SimpleUploadedFile("rows.csv", rows)})
    assert answer.headers.get("Location", "").startswith("/jobs/")


# ---- jobs -----------------------------------------------------------------------------------------------------------


def waits(party: Party, request: str = "R1") -> Job:
    wanted = jobs.Wanted("labels", request, {"stock": "roll-50x25"}, packs(3).encode(), "text/csv")
    return jobs.ask(party.partner, wanted)[0]


def test_a_job_is_followed_and_cancelled(world: World, maker: Client) -> None:
    job = waits(world.maker)
    turn = jobs.claim()
    assert turn
    turn.step(1, 3)
    page = maker.get(f"/jobs/{job.job}")
    assert 'max="100" value="33"' in page.text
    assert "Being done" in text(page)
    assert maker.post(f"/jobs/{job.job}/cancel").headers["Location"] == f"/jobs/{job.job}"
    told = text(maker.get(f"/jobs/{job.job}"))
    assert "Failed: it was not wanted any more" in told
    assert maker.get(f"/jobs/{job.job}/result").status_code == 409
    assert maker.post(f"/jobs/{uuid.uuid4()}/cancel").status_code == 404


def test_a_list_goes_on_where_its_page_ends(world: World, maker: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "A_PAGE", 2)
    for n in range(3):
        waits(world.maker, f"R{n}")
    page = maker.get("/jobs").text
    (older,) = re.findall(r'href="/jobs(\?before=\d+)"', page)
    assert (page.count("data-job"), maker.get(f"/jobs{older}").text.count("data-job")) == (2, 1)
    assert maker.get("/jobs?before=x").status_code == 200


def test_an_expired_block_is_shown_as_one(world: World, maker: Client) -> None:
    block = gets(world, opens(world), expires=timezone.now() + timedelta(days=1))
    SerialBlock.objects.update(expires=timezone.now() - timedelta(days=1))
    told = text(maker.get(f"/serials/{block.pool.pool}"))
    assert "3 numbers, expired" in told
    assert "Return what is unused" not in told
