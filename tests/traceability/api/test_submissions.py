"""`/api/v1/submissions`: drafts, statements, receipts; and what no input may do."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import keys, tasks
from ledger.tlog.merkle import check_inclusion, leaf_hash
from ledger.tlog.proof import Proof
from ledger.tlog.receipt import MEDIA_TYPE, Receipt
from tests.traceability.api.conftest import COSE, Api
from tests.world import World, document, unit
from traceability import statements
from traceability.client import drawn_alone
from traceability.models import Draft as DraftRow
from traceability.models import Sighting, Submission
from traceability.statements import open_promise, unb64
from traceability.submission import Draft, write_exception

SUBMISSIONS = "/api/v1/submissions"


@pytest.fixture
def received(world: World) -> bytes:
    return document(world.maker.commissioning(unit("A1")))


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """A problem document, whole, and about nobody's query."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = dict(answer.json())
    assert (found["code"], found["status"], found["type"]) == (code, status, f"/problems/{code}")
    assert "?" not in found.get("instance", "")
    return found


# ---- told again -----------------------------------------------------------------------------------------------------


def test_of_a_resend_the_answer_says_that_it_is_known(world: World, maker: Api) -> None:
    first, second = world.maker.commissioning(unit("A1")), world.maker.commissioning(unit("A2"))
    assert maker.submit(document(first)).json()["known"] == []
    answer = maker.submit(document(second, first, second))
    assert (answer.status_code, answer.json()["known"]) == (201, [1, 2])
    assert maker.get(answer.headers["Location"]).json()["known"] == [1, 2]


def test_what_its_own_party_tells_later_was_new_when_another_told_it(world: World, maker: Api, pharmacy: Api) -> None:
    """And the answer to a retry is the same as before."""
    event = world.maker.commissioning(unit("A1"))
    received = document(event)
    draft = pharmacy.draft(received)
    reported = pharmacy.complete(received, draft)
    assert maker.submit(received).json()["known"] == []  # it raises what was told of it
    again = pharmacy.complete(received, draft)
    assert (again.status_code, again.json()) == (200, reported.json())
    assert pharmacy.submit(document(event, world.maker.commissioning(unit("A2")))).json()["known"] == [0]


# ---- drafts ---------------------------------------------------------------------------------------------------------


def test_a_document_alone_is_answered_with_its_draft_as_it_is_stored(maker: Api, received: bytes) -> None:
    answer = maker.post(SUBMISSIONS, received, "application/json")
    draft = Draft.parse(answer.content)
    assert answer.content == bytes(DraftRow.objects.get().draft)
    assert answer.headers["Location"] == f"{SUBMISSIONS}/{draft.payload.submission}/statement"
    assert maker.post(SUBMISSIONS, received, "application/ld+json").content == answer.content
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    "parameter", ["charset=utf-8", "profile=" + "a" * 120, 'profile="\0"', "", "boundary"], ids=lambda text: text[:9]
)
def test_of_a_content_type_only_the_syntax_is_kept(maker: Api, received: bytes, parameter: str) -> None:
    answer = maker.post(SUBMISSIONS, received, f"Application/JSON ; {parameter}")
    assert answer.status_code == 200, answer.content
    assert DraftRow.objects.get().content_type == "application/json"


@pytest.mark.parametrize("content_type", ["x/" + "y" * 500, "\0", "json", ""], ids=["long", "nul", "no type", "none"])
def test_a_part_of_another_type_is_known_by_its_first_byte(maker: Api, received: bytes, content_type: str) -> None:
    draft = maker.draft(received)
    parts = {"document": received, "opening": bytes(draft.opening), "statement": maker.signs(draft)}
    files = {name: SimpleUploadedFile(name, content, content_type) for name, content in parts.items()}
    assert maker.form(**files).status_code == 201


def test_a_draft_completed_by_its_statement_is_accepted(maker: Api, received: bytes) -> None:
    answer = maker.submit(received)
    assert answer.status_code == 201
    accepted = answer.json()
    promise = open_promise(unb64(accepted["promise"])).payload
    assert promise.entry.hex() == accepted["entry"]
    row = Submission.objects.get()
    assert accepted["entry"] == statements.entry(bytes(row.entry_salt), bytes(row.statement)).hex()
    assert answer.headers["Location"] == f"{SUBMISSIONS}/{accepted['submission']}"
    found = maker.get(answer.headers["Location"]).json()
    assert found == accepted | {
        "submitter": row.submitter, "events": 1, "log_index": None, "statement": statements.b64(bytes(row.statement))
    }  # fmt: skip


def test_i2_a_retry_is_answered_the_same_even_when_the_draft_is_forgotten(maker: Api, received: bytes) -> None:
    draft = maker.draft(received)
    first, again = maker.complete(received, draft), maker.complete(received, draft)
    DraftRow.objects.all().delete()
    late = maker.complete(received, draft)
    assert [answer.status_code for answer in (first, again, late)] == [201, 200, 200]
    assert first.json() == again.json() == late.json()


def test_a_draft_is_completed_by_the_party_that_drew_it(maker: Api, pharmacy: Api, received: bytes) -> None:
    draft = maker.draft(received)
    path = f"{SUBMISSIONS}/{draft.payload.submission}/statement"
    problem(pharmacy.post(path, maker.signs(draft), COSE), 404, "not_found")
    problem(maker.post(f"{SUBMISSIONS}/{uuid.uuid4()}/statement", maker.signs(draft), COSE), 400, "wrong_submission")
    problem(maker.post(path, b"no statement", COSE), 400, "not_cbor")
    assert not Submission.objects.exists()


# ---- whole submissions ----------------------------------------------------------------------------------------------


def parts(api: Api, received: bytes) -> dict[str, SimpleUploadedFile]:
    assert api.party is not None
    opening, said = drawn_alone(received, api.party.gln, "localhost/log")
    statement = statements.sign(said, api.party.key)
    return {
        "document": SimpleUploadedFile("d.json", received, "application/json"),
        "opening": SimpleUploadedFile("o.json", bytes(opening), "application/json"),
        "statement": SimpleUploadedFile("s.cose", statement, COSE),
    }


def rewound(files: dict[str, SimpleUploadedFile]) -> dict[str, SimpleUploadedFile]:
    for file in files.values():
        file.seek(0)
    return files


def test_document_opening_and_statement_in_one_go(maker: Api, received: bytes) -> None:
    files = parts(maker, received)
    first, again = maker.form(**files), maker.form(**rewound(files))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_what_people_have_to_look_at_is_said_in_the_draft_and_with_every_answer(world: World, maker: Api) -> None:
    """What was taken and moved nothing is not passed over: nobody believes a pack gone that the record still has."""
    pack = world.maker.commissions(serial="A1")
    late = document(world.maker.observing(pack), world.maker.dispensing(pack))
    world.maker.ships(pack, to=world.pharmacy)
    draft = maker.draft(late)
    first, again = maker.complete(late, draft), maker.complete(late, draft)
    assert (first.status_code, again.status_code) == (201, 200)
    found = first.json()["exceptions"]
    assert [(each["event"], each["epc"], each["code"]) for each in found] == [
        (0, pack, "late"),
        (1, pack, "dispensed_before"),
    ]
    assert again.json() == first.json()
    assert [write_exception(each) for each in draft.exceptions] == found
    assert maker.get(f"{SUBMISSIONS}/{first.json()['submission']}").json()["exceptions"] == found


def test_nobody_hands_in_anothers_statement(maker: Api, pharmacy: Api, received: bytes) -> None:
    problem(pharmacy.form(**parts(maker, received)), 403, "not_your_statement")
    assert not Submission.objects.exists()


@pytest.mark.parametrize("missing", ["document", "opening", "statement"])
def test_a_part_that_is_missing_is_named(maker: Api, received: bytes, missing: str) -> None:
    files: dict[str, Any] = parts(maker, received)
    del files[missing]
    assert problem(maker.form(**files), 400, "part_missing")["where"] == missing
    files[missing] = "as text"
    assert problem(maker.form(**files), 400, "part_not_a_file")["where"] == missing


def test_signed_over_heads_that_changed_the_answer_is_a_new_draft(world: World, maker: Api) -> None:
    pack = world.maker.commissions(serial="A1")
    received = document(world.maker.shipping(pack, world.pharmacy))
    draft = maker.draft(received)
    world.maker.observes(pack)
    found = problem(maker.complete(received, draft), 409, "stale_head")
    again = Draft.parse(statements.encode(found["draft"]))
    assert maker.complete(received, again).status_code == 201


def test_what_contradicts_the_record_is_refused_and_kept_as_a_sighting(world: World, stranger: Api) -> None:
    pack = world.maker.commissions(serial="A1")
    files = parts(stranger, document(world.stranger.dispensing(pack)))
    found = problem(stranger.form(**files), 409, "not_holder")
    assert (found["epc"], found["where"]) == (pack, "event 0")
    assert Sighting.objects.get().epc == pack


def test_a_document_that_cannot_be_read_says_where(maker: Api) -> None:
    found = problem(maker.post(SUBMISSIONS, b'{"type":"EPCISDocument"', "application/json"), 400, "malformed_document")
    assert found["where"]


# ---- receipts -------------------------------------------------------------------------------------------------------


def test_the_receipt_proves_that_it_is_in_the_log_once_it_is(maker: Api, pharmacy: Api, received: bytes) -> None:
    accepted = maker.submit(received).json()
    path = f"{SUBMISSIONS}/{accepted['submission']}/receipt"
    waiting = maker.get(path)
    problem(waiting, 409, "not_integrated")
    assert waiting.headers["Retry-After"] == "1"
    tasks.sweep()
    answer = maker.get(path)
    assert answer.headers["Content-Type"].startswith("text/plain")
    proof = Proof.parse(answer.content.decode())
    from ledger.tlog.checkpoint import Checkpoint
    from ledger.tlog.note import Note

    head = Checkpoint.parse(Note.parse(proof.checkpoint).text)
    check_inclusion(leaf_hash(bytes.fromhex(accepted["entry"])), proof.index, head.size, proof.hashes, head.root)
    assert maker.get(path).content == answer.content
    problem(pharmacy.get(path), 404, "not_found")
    problem(pharmacy.get(f"{SUBMISSIONS}/{accepted['submission']}"), 404, "not_found")
    problem(pharmacy.get(f"{SUBMISSIONS}/{uuid.uuid4()}/receipt"), 404, "not_found")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain"),
        ("", "text/plain"),
        ("text/plain", "text/plain"),
        (MEDIA_TYPE, MEDIA_TYPE),
        (f"text/plain;q=0.5, {MEDIA_TYPE}", MEDIA_TYPE),
        (f"text/*, {MEDIA_TYPE};q=0.1", "text/plain"),
        ("application/*", MEDIA_TYPE),
    ],
)
def test_the_same_receipt_is_had_in_two_forms(maker: Api, received: bytes, accept: str, kind: str) -> None:
    accepted = maker.submit(received).json()
    tasks.sweep()
    path = f"{SUBMISSIONS}/{accepted['submission']}/receipt"
    answer = maker.ask("GET", path, headers={"accept": accept} if accept else {})
    assert answer.headers["Content-Type"].partition(";")[0] == kind
    assert answer.headers["Vary"] == "Accept"
    entry, text = bytes.fromhex(accepted["entry"]), maker.get(path).content.decode()
    if kind == MEDIA_TYPE:
        receipt = Receipt.parse(answer.content)
        receipt.check(entry, keys.receipt_keys()[0])
        assert (receipt.index, receipt.hashes) == (Proof.parse(text).index, Proof.parse(text).hashes)
        assert maker.ask("GET", path, headers={"accept": accept}).content == answer.content
    else:
        assert answer.content.decode() == text


def test_a_form_that_it_has_not_is_not_acceptable(maker: Api, received: bytes) -> None:
    path = f"{SUBMISSIONS}/{maker.submit(received).json()['submission']}/receipt"
    problem(maker.ask("GET", path, headers={"accept": "text/html"}), 406, "not_acceptable")
    problem(maker.ask("GET", path, headers={"accept": MEDIA_TYPE}), 409, "not_integrated")


# ---- what is not a submission ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SUBMISSIONS, f"{SUBMISSIONS}/{uuid.UUID(int=7)}/statement"])
def test_without_a_token_nothing_is_taken(anybody: Api, path: str) -> None:
    answer = anybody.post(path, b"{}", "application/json")
    problem(answer, 401, "not_authenticated")
    assert answer.json()["expected"].startswith("Bearer")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_does_not_count_is_no_token(maker: Api) -> None:
    maker.headers = {"authorization": "Bearer upt_nobody"}
    problem(maker.post(SUBMISSIONS, b"{}", "application/json"), 401, "invalid_token")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/cose", "", "nonsense"]
)
def test_other_media_types_are_not_read(maker: Api, kind: str) -> None:
    answer = maker.post(SUBMISSIONS, b"{}", kind)
    problem(answer, 415, "unsupported_media_type")
    assert "application/xml" in answer.json()["expected"]


def test_more_than_the_limit_is_not_read(maker: Api, received: bytes, settings: Any) -> None:
    settings.API_MAX_BYTES = len(received) - 1
    problem(maker.post(SUBMISSIONS, received, "application/json"), 413, "too_large")
    settings.API_MAX_BYTES, settings.EPCIS_MAX_BYTES = len(received), len(received) - 1
    problem(maker.post(SUBMISSIONS, received, "application/json"), 413, "too_large")


def test_a_length_that_is_no_number_is_no_length(maker: Api) -> None:
    answer = maker.ask("POST", SUBMISSIONS, data=b"{}", content_type="application/json", CONTENT_LENGTH="many")
    assert answer.status_code == 400


def test_other_methods_and_other_paths_have_problem_documents_too(maker: Api) -> None:
    answer = maker.ask("PUT", SUBMISSIONS)
    problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]
    assert answer.json()["expected"] == "GET, POST, HEAD, OPTIONS"
    problem(maker.get("/api/v1/"), 404, "not_found")
    problem(maker.get("/api/v1/nothing/here"), 404, "not_found")
    problem(maker.get(f"{SUBMISSIONS}/not-a-uuid"), 404, "not_found")


KINDS = [
    "application/json",
    "application/xml",
    "text/xml",
    "application/ld+json",
    COSE,
    "multipart/form-data; boundary=x",
]
BODIES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"", b"{}", b"[]", b"<a/>", b"<!DOCTYPE a><a/>", b"\xff\xfe<", b"--x--", b"--x\r\n\r\n--x--\r\n"]),
    st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda each: st.lists(each) | st.dictionaries(
        st.sampled_from(["type", "epcisBody", "eventList", "@context", "schemaVersion", "eventTime"]), each)
    ).map(lambda value: statements.json.dumps(value).encode()),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KINDS), BODIES, st.sampled_from(["", "/93c8c77f-a277-438d-aa83-b97cfab380e7/statement"]))
def test_no_input_is_our_fault(maker: Api, kind: str, content: bytes, path: str) -> None:
    answer = maker.post(SUBMISSIONS + path, content, kind)
    assert 400 <= answer.status_code < 500
    problem(answer, answer.status_code, answer.json()["code"])
