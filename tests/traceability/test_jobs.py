"""Jobs: asked for once, done once, whoever is killed meanwhile; each party in its turn."""

import json
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from partners.models import Product
from tests.traceability.labels.printed import printed, scanned
from tests.traceability.test_master_files import fda
from tests.traceability.test_serials import gets, numbers, opens
from tests.world import EXPIRY, GTIN, LOT, Party, World
from traceability import job_kinds, jobs, serials, working
from traceability.epcis.errors import DocumentError
from traceability.errors import NotFound, Refusal
from traceability.jobs import State, TurnLost, Wanted
from traceability.models import Job, JobPiece

TABLE = b"gtin,serial,expiry,lot\n"
PACKS = TABLE + b"00614141123452,A1,2028-12-31,L1\n00614141123452,A2,2028-12-31,L1\n"
PRINTS = {"stock": "roll-50x25", "dpi": 203}


def asks(party: Party, request: str = "R1", kind: str = "labels", **changed: Any) -> Job:
    asked = {"sent": PACKS, "sent_as": "text/csv", "parameters": PRINTS} | changed
    return jobs.ask(party.partner, Wanted(kind, request, **asked))[0]


def asks_for_numbers(party: Party, request: str = "N1", count: int = 5, form: str = "text/csv") -> Job:
    world = party.world
    block = gets(world, opens(world), count, request=request)
    return asks(
        party, request, "serial-numbers", parameters={"block": str(block.block), "form": form}, sent=b"", sent_as=""
    )


def now_is(job: Job) -> Job:
    job.refresh_from_db()
    return job


def result(party: Party, job: Job) -> bytes:
    found, pieces = jobs.result_of(party.partner, job.job)
    content = b"".join(pieces)
    assert len(content) == found.size
    return content


def passes(job: Job, **time: float) -> None:
    """Its worker was heard of last so long before the time when it is thought dead."""
    Job.objects.filter(pk=job.pk).update(until=Now() - timedelta(**time))


def code_of(refused: Any) -> str:
    return str(refused.value.code)


# ---- to its end -----------------------------------------------------------------------------------------------------


def test_labels_are_printed_and_scanned(world: World) -> None:
    job = asks(world.maker)
    assert (job.state, job.attempts) == (State.WAITING, 0)
    working.work()
    done = now_is(job)
    assert (done.state, done.done, done.total, done.made_as, done.name) == (
        State.DONE, 2, 2, "application/pdf", "labels.pdf",
    )  # fmt: skip
    found = [text for page in printed(result(world.maker, job), 203) for _, text in scanned(page)]
    assert [text[16:20] for text in found] == ["21A1", "21A2"]
    assert not JobPiece.objects.filter(is_result=False).exists()  # what was sent is kept no longer


@pytest.mark.parametrize("form", ["text/csv", "application/json", "application/xml"])
def test_a_block_is_written_as_the_api_writes_it(world: World, monkeypatch: Any, form: str) -> None:
    monkeypatch.setattr(job_kinds, "NUMBERS_A_PIECE", 2)
    job = asks_for_numbers(world.maker, form=form)
    working.work()
    assert JobPiece.objects.count() == 3
    block = serials.own_block(world.maker.partner, job.parameters["block"])
    whole = job_kinds.number_files.FORMS[form](str(block.block), GTIN).whole(serials.numbers(block, now=world.now))
    assert result(world.maker, job).decode() == "".join(whole)
    assert all(number in result(world.maker, job).decode() for number in numbers(world, block))


def test_a_report_becomes_the_document_to_sign(world: World) -> None:
    made = numbers(world, gets(world, opens(world), 3))
    sent = "gtin,serial,lot,expiry\n" + "".join(f"{GTIN},{each},{LOT},{EXPIRY}\n" for each in made)
    job = asks(world.maker, kind="serial-report", sent=sent.encode(), parameters={})
    working.work()
    document = result(world.maker, job)
    assert now_is(job).total == 3
    world.now = timezone.now()  # its events happen now
    world.maker.submits(document)


def test_what_is_wrong_is_named_and_nothing_is_made(world: World) -> None:
    wrong = PACKS + b"00614141123453,A3,2028-12-31,L1\n" * 150
    labels = asks(world.maker, sent=wrong)
    report = asks(world.maker, "R2", "serial-report", sent=b"gtin,serial,lot,expiry\n1,2,3,4\n", parameters={})
    working.work()
    expected = ((labels, "line 4: gtin", "bad_check_digit", 150), (report, "line 2: gtin", "bad_length", 1))
    for job, where, code, count in expected:
        found = now_is(job)
        assert (found.state, found.code, found.error_count) == (State.FAILED, "lines_wrong", count)
        assert (found.errors[0]["where"], found.errors[0]["code"]) == (where, code)
        assert len(found.errors) == min(count, job_kinds.MOST_ERRORS)
    assert not JobPiece.objects.exists()


def test_what_cannot_be_read_fails_with_its_code_and_is_not_tried_again(world: World) -> None:
    job = asks(world.maker, sent=b'gtin,gtin\n1,"2')
    working.work()
    assert (now_is(job).state, job.code, job.attempts) == (State.FAILED, "duplicate_member", 1)


def test_more_labels_than_a_job_may_have_are_not_printed(world: World, settings: Any) -> None:
    settings.LABELS_JOB_MAX = 1
    job = asks(world.maker)
    working.work()
    assert (now_is(job).state, job.code) == (State.FAILED, "too_many_labels")


# ---- products and places --------------------------------------------------------------------------------------------

PRODUCTS = f"gtin,name,strength\n{GTIN},Examplin,5 mg\n{GTIN[:-1]}9,B,\n".encode()


def brings(party: Party, request: str = "P1", sent: bytes = PRODUCTS, **changed: Any) -> Job:
    asked = {"kind": "products", "sent": sent, "parameters": {"complete": 0}} | changed
    return asks(party, request, **asked)


def applies(party: Party, shown: Job, request: str = "A1") -> Job:
    return asks(party, request, "apply", parameters={"job": str(shown.job)}, sent=b"", sent_as="")


def test_a_file_is_compared_and_what_was_shown_is_applied(world: World) -> None:
    shown = brings(world.maker)
    working.work()
    told = json.loads(result(world.maker, shown))
    assert now_is(shown).total == 2
    assert (told["applied"], told["counts"]["added"], told["counts"]["refused"]) == (False, 1, 1)
    assert not Product.objects.exists()
    done = applies(world.maker, shown)
    working.work()
    assert json.loads(result(world.maker, done)) == told | {"applied": True}
    assert Product.objects.get().strength == "5 mg"
    assert applies(world.maker, shown).pk == done.pk
    again = applies(world.maker, shown, "A2")  # it is not what was shown any more
    working.work()
    assert (now_is(again).state, again.code) == (State.FAILED, "differences_changed")


@pytest.mark.parametrize("sent", [b"gtin,colour\n", fda()[0], b"PK\x03\x04"])
def test_what_is_no_table_fails_with_its_code(world: World, sent: bytes) -> None:
    job = brings(world.maker, sent=sent)
    working.work()
    assert (now_is(job).state, job.code) == (State.FAILED, "malformed_table")
    with pytest.raises(Refusal) as refused:
        applies(world.maker, job)
    assert code_of(refused) == "job_not_done"


def test_the_directory_is_the_operators_to_bring(world: World) -> None:
    with zipfile.ZipFile(packed := BytesIO(), "w") as archive:
        for name, data in zip(("product.txt", "package.txt"), fda(), strict=True):
            archive.writestr(name, data)
    job = brings(world.maker, sent=packed.getvalue(), sent_as="application/zip")
    working.work()
    assert (now_is(job).state, job.code) == (State.FAILED, "not_allowed")


def test_nobody_applies_what_another_was_shown_nor_what_was_not_shown(world: World) -> None:
    shown, labels = brings(world.maker), asks(world.maker)
    with pytest.raises(Refusal) as refused:
        applies(world.maker, shown)
    assert code_of(refused) == "job_not_done"
    working.work()
    for party, job in ((world.distributor, shown), (world.maker, labels)):
        with pytest.raises(NotFound):
            applies(party, job)
    with pytest.raises(DocumentError):
        brings(world.maker, "P2", parameters={"complete": "yes"})


def test_whoever_ends_in_the_midst_of_applying_has_applied_nothing_and_another_does_all(
    world: World, monkeypatch: Any
) -> None:
    shown = brings(world.maker)
    working.work()
    job = applies(world.maker, shown)
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "cut", fails(SystemExit()))  # when all is written, but for what came of it
        with pytest.raises(SystemExit):
            working.work()
    assert not Product.objects.exists()
    assert now_is(job).state == State.RUNNING
    passes(job, seconds=1)
    working.work()
    assert (now_is(job).state, job.attempts, Product.objects.count()) == (State.DONE, 2, 1)


def test_whose_turn_it_is_no_longer_applies_nothing(world: World) -> None:
    shown = brings(world.maker)
    working.work()
    job = applies(world.maker, shown)
    late = jobs.claim()
    assert late
    passes(job, seconds=1)
    other = jobs.claim()
    assert other
    working.do(late)
    assert not Product.objects.exists()
    working.do(other)
    working.do(late)
    assert (now_is(job).state, Product.objects.count()) == (State.DONE, 1)


# ---- asking ---------------------------------------------------------------------------------------------------------


def test_the_same_request_is_the_same_job_and_another_content_is_refused(world: World) -> None:
    job = asks(world.maker)
    assert asks(world.maker).pk == job.pk
    working.work()
    assert asks(world.maker).state == State.DONE
    for changed in ({"sent": PACKS + b"\n"}, {"parameters": PRINTS | {"dpi": 300}}, {"sent_as": "application/json"}):
        with pytest.raises(Refusal) as refused:
            asks(world.maker, **changed)
        assert code_of(refused) == "request_reused"
    assert asks(world.distributor, parameters={}).pk != job.pk  # another's name is another


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"request": "two words"}, "bad_value"),
        ({"request": ""}, "bad_value"),
        ({"kind": "capture"}, "bad_value"),
        ({"parameters": {"paper": "A4"}}, "unknown_member"),
        ({"parameters": {"dpi": 72}}, "unknown_resolution"),
        ({"parameters": {"dpi": "203"}}, "unknown_resolution"),
        ({"parameters": {"stock": "letter"}}, "unknown_stock"),
        ({"parameters": {"symbol": ["qr"]}}, "unknown_symbol"),
        ({"sent": b""}, "missing_member"),
        ({"sent_as": "text/xml"}, "unsupported_syntax"),
        ({"kind": "serial-numbers", "parameters": {}}, "missing_member"),
        ({"kind": "serial-numbers", "parameters": {}, "sent": b"", "sent_as": ""}, "bad_value"),
        ({"kind": "serial-numbers", "parameters": {"form": 1}, "sent": b"", "sent_as": ""}, "bad_value"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(world: World, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        asks(world.maker, **changed)
    assert code_of(refused) == code
    assert not Job.objects.exists()


def test_so_many_wait_and_no_more(world: World, settings: Any) -> None:
    settings.JOBS_OPEN_MAX = 2
    asks(world.maker), asks(world.maker, "R2")
    with pytest.raises(Refusal) as refused:
        asks(world.maker, "R3")
    assert (code_of(refused), refused.value.status) == ("too_many_jobs", 429)
    asks(world.distributor)  # whose own are few
    working.work()
    asks(world.maker, "R3")


def test_anothers_job_and_anothers_block_are_not_there(world: World) -> None:
    job = asks_for_numbers(world.maker)
    for act in (jobs.own_job, jobs.result_of, jobs.cancel):
        with pytest.raises(NotFound):
            act(world.stranger.partner, job.job)
    with pytest.raises(NotFound):
        asks(world.stranger, kind="serial-numbers", parameters=job.parameters, sent=b"", sent_as="")
    assert jobs.jobs_of(world.stranger.partner) == ([], None)


def test_numbers_of_a_block_that_was_returned_meanwhile_are_not_handed_out(world: World) -> None:
    job = asks_for_numbers(world.maker)
    working.work()
    assert result(world.maker, job)
    serials.give_back(world.maker.partner, job.parameters["block"], "spilt", now=world.now)
    with pytest.raises(Refusal) as refused:
        jobs.result_of(world.maker.partner, job.job)
    assert code_of(refused) == "block_returned"


def test_there_is_no_result_before_the_end_and_none_of_what_failed(world: World) -> None:
    job = asks(world.maker, sent=TABLE + b"1,2,3,4\n")
    for code in ("job_not_done", "job_failed"):
        with pytest.raises(Refusal) as refused:
            jobs.result_of(world.maker.partner, job.job)
        assert code_of(refused) == code
        working.work()


def test_the_latest_are_listed_first_in_pages(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "A_PAGE", 2)
    names = [asks(world.maker, f"R{n}").request for n in range(5)]
    page, cursor = jobs.jobs_of(world.maker.partner)
    found = [row.request for row in page]
    while cursor is not None:
        page, cursor = jobs.jobs_of(world.maker.partner, cursor)
        found += [row.request for row in page]
    assert found == names[::-1]


# ---- whose turn it is -----------------------------------------------------------------------------------------------


def test_nobodys_many_jobs_are_before_anothers_first(world: World) -> None:
    for n in range(3):
        asks(world.maker, f"M{n}")
    asks(world.distributor, "D0")
    asks(world.pharmacy, "P0")
    asks(world.pharmacy, "P1")
    order = []
    while (turn := jobs.claim()) is not None:
        order.append(turn.row.request)
        working.do(turn)
    assert order == ["M0", "D0", "P0", "M1", "P1", "M2"]


def test_so_many_are_done_at_once_and_each_by_one(world: World, settings: Any) -> None:
    asks(world.maker), asks(world.distributor)
    first = jobs.claim()
    assert first
    assert jobs.claim() is None
    settings.JOBS_AT_ONCE = 2
    second = jobs.claim()
    assert second
    assert first.row.pk != second.row.pk
    assert jobs.claim() is None


def test_a_dead_workers_job_is_taken_up_after_its_lease_and_the_dead_one_changes_nothing(world: World) -> None:
    job = asks(world.maker)
    dead = jobs.claim()
    assert dead
    dead.step(1, 2)
    assert jobs.claim() is None
    passes(job, seconds=1)
    other = jobs.claim()
    assert other
    assert now_is(job).attempts == 2
    for act in (
        lambda: dead.step(2, 2, b"x"),
        lambda: dead.finish(job_kinds.Made("text/plain", "x", (b"x",))),
        lambda: dead.fail("x", "y"),
        dead.give_up,
    ):
        with pytest.raises(TurnLost):
            act()
    working.do(dead)  # nor if it goes on to its end
    assert now_is(job).state == State.RUNNING
    assert not JobPiece.objects.filter(is_result=True).exists()
    working.do(other)
    assert now_is(job).state == State.DONE


def test_whoever_takes_up_a_big_block_goes_on_where_the_other_stopped(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(job_kinds, "NUMBERS_A_PIECE", 2)
    job = asks_for_numbers(world.maker)
    dead = jobs.claim()
    assert dead
    stops_after(monkeypatch, dead, 2)
    with pytest.raises(SystemExit):
        working.do(dead)
    assert (now_is(job).done, job.total, job.size > 0) == (4, 5, True)
    before = list(JobPiece.objects.values_list("pk", flat=True))
    passes(job, seconds=1)
    working.work()
    assert list(JobPiece.objects.filter(pk__in=before).values_list("pk", flat=True)) == before
    block = serials.own_block(world.maker.partner, job.parameters["block"])
    assert result(world.maker, job).decode().split()[1:] == [f"{GTIN},{each}" for each in numbers(world, block)]


def stops_after(monkeypatch: Any, turn: jobs.Turn, steps: int) -> None:
    """Its process ends then."""
    whole, left = turn.step, iter(range(steps))

    def step(*args: Any) -> None:
        if next(left, None) is None:
            raise SystemExit
        whole(*args)

    monkeypatch.setattr(turn, "step", step)


def test_a_job_whose_workers_end_again_and_again_is_given_up(world: World, settings: Any) -> None:
    settings.JOB_ATTEMPTS = 2
    job = asks(world.maker)
    for _ in range(2):
        assert jobs.claim()
        passes(job, seconds=1)
    assert jobs.claim() is None
    assert (now_is(job).state, job.code, job.attempts) == (State.FAILED, "job_broken_off", 2)
    assert not JobPiece.objects.exists()


@pytest.mark.parametrize("error", [OperationalError("away"), ZeroDivisionError()])
def test_what_goes_wrong_here_is_tried_again_later_and_not_for_ever(
    world: World, settings: Any, monkeypatch: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOB_ATTEMPTS = 2
    monkeypatch.setattr(jobs.Turn, "sent", fails(error))
    job = asks(world.maker)
    working.work()
    assert (now_is(job).state, job.code, job.attempts) == (State.WAITING, "", 1)
    assert jobs.claim() is None  # not at once
    passes(job, seconds=1)
    working.work()
    assert (now_is(job).state, job.code, job.attempts) == (State.FAILED, "job_broken_off", 2)
    assert "a job of kind labels failed" in caplog.text


def fails(error: BaseException) -> Callable[..., bytes]:
    def act(*_: Any) -> bytes:
        raise error

    return act


def test_one_that_fails_here_keeps_no_other_from_its_turn(world: World, monkeypatch: Any) -> None:
    broken = asks(world.maker, sent=PACKS + b"\n\n")
    good = asks(world.distributor)
    whole = jobs.Turn.sent
    monkeypatch.setattr(
        jobs.Turn, "sent", lambda turn: whole(turn) if turn.row.pk == good.pk else fails(ZeroDivisionError())()
    )
    working.work()
    assert (now_is(broken).state, now_is(good).state) == (State.WAITING, State.DONE)


def test_a_cancelled_job_is_not_done_whether_it_was_begun_or_not(world: World) -> None:
    waiting, begun = asks(world.maker, "R1"), asks(world.maker, "R2")
    turn = jobs.claim(begun)
    assert turn
    for job in (waiting, begun):
        assert jobs.cancel(world.maker.partner, job.job).code == "job_cancelled"
        assert jobs.cancel(world.maker.partner, job.job).state == State.FAILED
    working.do(turn)
    working.work()
    assert {(row.state, row.code) for row in Job.objects.all()} == {(State.FAILED, "job_cancelled")}
    assert not JobPiece.objects.exists()


def test_what_is_over_cannot_be_cancelled(world: World) -> None:
    job = asks(world.maker)
    working.work()
    with pytest.raises(Refusal) as refused:
        jobs.cancel(world.maker.partner, job.job)
    assert code_of(refused) == "job_is_over"


def test_results_are_kept_some_days(world: World, settings: Any) -> None:
    old, new, open_still = asks(world.maker), asks(world.maker, "R2"), asks(world.maker, "R3")
    working.work()
    Job.objects.filter(pk=open_still.pk).update(finished=None, state=State.WAITING, until=Now() + timedelta(days=1))
    Job.objects.update(created=Now() - timedelta(days=30))
    Job.objects.filter(pk=old.pk).update(finished=Now() - timedelta(days=7, minutes=1))
    working.work()
    assert set(Job.objects.values_list("request", flat=True)) == {"R2", "R3"}
    assert result(world.maker, new)
    assert not JobPiece.objects.filter(job=old.pk).exists()


def test_a_list_of_labels_in_json_is_printed_too(world: World) -> None:
    rows = [{"gtin": GTIN, "serial": "J1", "expiry": EXPIRY, "lot": LOT}]
    job = asks(world.maker, sent=json.dumps(rows).encode(), sent_as="application/json")
    working.work()
    assert now_is(job).state == State.DONE


# ---- for the operator -----------------------------------------------------------------------------------------------


def test_how_jobs_stand_is_measured(world: World, client: Client) -> None:
    asks(world.maker), asks(world.maker, "R2", sent=TABLE + b"1,2,3,4\n")
    working.work()
    waiting = asks(world.maker, "R3")
    Job.objects.filter(pk=waiting.pk).update(created=Now() - timedelta(seconds=90))
    told = client.get("/metrics").text
    for state, count in (("waiting", 1), ("running", 0), ("done", 1), ("failed", 1)):
        assert f'unitproof_jobs{{state="{state}"}} {count}.0' in told
    (seconds,) = re.findall(r"^unitproof_jobs_oldest_open_seconds (\S+)$", told, re.MULTILINE)
    assert float(seconds) >= 90
    working.work()
    assert "unitproof_jobs_oldest_open_seconds 0.0" in client.get("/metrics").text
