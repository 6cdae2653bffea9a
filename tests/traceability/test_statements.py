"""What is signed reads back to the same bytes, or is not read."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog import cose
from ledger.tlog.errors import BadSignature
from traceability.custody import Head
from traceability.epcis.jcs import encode
from traceability.statements import (
    Case,
    DataHash,
    Delegation,
    ExceptionMessage,
    Grant,
    HashAlgorithm,
    Hold,
    HoldKind,
    Investigation,
    InvestigationStep,
    Key,
    KeyAlgorithm,
    KeyRevocation,
    KeyState,
    MessageKind,
    Payload,
    Prefix,
    Promise,
    Registration,
    Release,
    Revocation,
    Statement,
    StatementError,
    Status,
    Submission,
    TraceAnswer,
    TraceKnown,
    TraceReason,
    TraceRequest,
    TraceWanted,
    WaivedRule,
    Waiver,
    WaiverKind,
    b64,
    entry,
    open_promise,
    open_statement,
    open_status,
    read_json,
    sign,
    sign_promise,
    sign_status,
    unb64,
)

KEY = cose.PrivateKey.from_seed(bytes(32))
P256 = cose.PrivateKey.generate(cose.Algorithm.ESP256)
NOW = datetime(2026, 1, 6, 12, 30, 59, tzinfo=UTC)
HEAD: dict[str, Any] = {"log": "demo.example/log", "submitter": "0614141007776", "time": NOW}
UUID = "00000000-0000-4000-8000-000000000001"
ABOUT: dict[str, Any] = {**HEAD, "statement": UUID, "about": "0860001000016"}
OWN: dict[str, Any] = {**ABOUT, "about": HEAD["submitter"]}
EPC = "https://id.gs1.org/01/00614141123452/21/A1"
ASKED: dict[str, Any] = {
    "to": "0614141007776", "investigation": "2026-117", "wants": TraceWanted.LAST_KNOWN_OWNERS,
    "reason": TraceReason.RECALLED, "contact": "trace@board.example", "gtin": "00614141123452",
}  # fmt: skip

STATEMENTS: list[Statement] = [
    Submission(**HEAD, submission=UUID, document=bytes(32), events=(1, bytes(32)), meaning=("packing",)),
    Submission(
        **HEAD, submission=UUID, document=bytes(32), events=(1, bytes(32)), header=(2, bytes(32)), meaning=("a", "b")
    ),
    Key(**ABOUT, kid=KEY.public.kid, alg=KeyAlgorithm.ED25519, public=KEY.public.raw),
    Key(**ABOUT, kid=P256.public.kid, alg=KeyAlgorithm.ESP256, public=P256.public.raw),
    KeyRevocation(**ABOUT, kid=bytes(32)),
    KeyRevocation(**ABOUT, kid=bytes(32), compromised=NOW),
    Prefix(**ABOUT, gtins=("00614141123452", "0614141")),
    Delegation(**ABOUT, to="0614141007776", steps=("commissioning", "shipping")),
    Revocation(**ABOUT, entry="ab" * 32),
    Hold(**ABOUT, hold=HoldKind.QUARANTINE, reason="wet carton", epc=EPC),
    Hold(**ABOUT, hold=HoldKind.RECALL, reason="particles", gtin="00614141123452", lot="L42"),
    Hold(**ABOUT, hold=HoldKind.STOLEN, reason="lorry", gtin="00614141123452", first="A1", last="A9"),
    Release(**ABOUT, entry="ab" * 32, reason="cleared"),
    Grant(**ABOUT, to="0614141007776"),
    Grant(**ABOUT, to="0614141007776", gtins=("0614141",), valid_to=NOW),
    Waiver(
        **ABOUT,
        waiver=WaiverKind.EXEMPTION,
        rules=(WaivedRule.LICENCE, WaivedRule.TRANSACTION),
        basis="a letter",
        document=bytes(32),
        valid_from=NOW,
    ),
    Waiver(
        **ABOUT,
        waiver=WaiverKind.EXCLUDED,
        rules=(WaivedRule.RETURN,),
        gtins=("00614141123452",),
        basis="a letter",
        document=bytes(32),
        valid_from=NOW,
        valid_to=NOW,
    ),
    DataHash(**OWN, hash_alg=HashAlgorithm.SHA_256, hash=bytes(32), location="https://trial.example/7"),
    ExceptionMessage(
        **OWN,
        case=ABOUT["statement"],
        message=MessageKind.REPORT,
        hash=bytes(32),
        to="0860001000016",
        shipment=ABOUT["statement"],
        event=0,
    ),
    ExceptionMessage(**OWN, case=ABOUT["statement"], message=MessageKind.FOLLOW_UP, hash=bytes(32), to="0860001000016"),
    Investigation(
        **ABOUT,
        case=UUID,
        step=InvestigationStep.SUSPECT,
        person="R. Doe",
        place="Cage 2",
        reason="seal broken",
        holds=("ab" * 32,),
    ),
    Investigation(
        **ABOUT,
        case=UUID,
        step=InvestigationStep.DISPOSED,
        person="R. Doe",
        place="Cage 2",
        reason="burnt",
        previous="ab" * 32,
        evidence=(bytes(32),),
        sample="box 9",
    ),
    DataHash(
        **OWN, hash_alg=HashAlgorithm.SHA_512, hash=bytes(64), location="urn:x:7", preimage_content_type="text/csv"
    ),
    Case(**ABOUT, case="24-117", gtin="00614141123452", reason="x", valid_to=NOW),
    Case(**ABOUT, case="24-117", gtin="00614141123452", lot="L42", serials=("A1",), reason="x", valid_to=NOW),
    TraceRequest(**ABOUT, **ASKED, lot="L42"),
    TraceRequest(
        **ABOUT,
        **ASKED,
        serials=("A1", "A2"),
        lot="L42",
        test=True,
        name="Quality",
        circumstances="torn seal",
        incident="FDA-7",
        case="24-117",
    ),
    TraceAnswer(**ABOUT, to="0614141007776", request="ab" * 32, package=bytes(32), knows=TraceKnown.SOME),
    TraceAnswer(**ABOUT, to="0614141007776", request="ab" * 32, package=bytes(32), knows=TraceKnown.NOTHING, test=True),
]
PROMISE = Promise(
    log="demo.example/log", entry=bytes(32), number=7, accepted=NOW, integrate_by=NOW + timedelta(seconds=60)
)
STATUS = Status(
    log="demo.example/log",
    size=3,
    root=bytes(32),
    accepted=9,
    epc=EPC,
    outermost=EPC,
    heads={EPC: Head(bytes(32), "none"), "urn:x": Head(None, (2, bytes(32)))},
    status="held",
    holds=(),
    keys=((bytes(32), KeyState.VALID),),
    rules=1,
)
PAYLOADS: list[Payload] = [*STATEMENTS, PROMISE, STATUS]


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"epc": EPC, "gtin": "00614141123452"},
        {"epc": EPC, "lot": "L42"},
        {"gtin": "0614141"},
        {"gtin": "00614141123452", "first": "A1"},
        {"gtin": "00614141123452", "first": "A9", "last": "A1"},
        {"gtin": "00614141123452", "first": "A1", "last": "A10"},
        {"gtin": "00614141123452", "first": "A/1", "last": "A/2"},
    ],
    ids=str,
)
def test_a_hold_says_what_it_is_about_in_one_way(what: dict[str, str]) -> None:
    with pytest.raises(StatementError):
        Hold(**ABOUT, hold=HoldKind.RECALL, reason="particles", **what)  # type: ignore[arg-type]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.kind())
def test_a_payload_reads_back(payload: Payload) -> None:
    assert type(payload).parse(bytes(payload)) == payload
    assert bytes(payload) == encode(json.loads(bytes(payload)))


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.kind())
def test_a_statement_is_opened_as_what_it_is(statement: Statement) -> None:
    opened = open_statement(sign(statement, KEY))
    assert opened.payload == statement
    assert (opened.issuer, opened.signed.subject) == ("0614141007776", f"urn:uuid:{UUID}")
    opened.signed.check(KEY.public)
    with pytest.raises(BadSignature):
        opened.signed.check(P256.public)


def test_the_nodes_words_are_opened_as_what_they_are() -> None:
    promise = open_promise(sign_promise(PROMISE, KEY, operator="9521000000001", subject=f"urn:uuid:{UUID}"))
    assert (promise.payload, promise.issuer) == (PROMISE, "9521000000001")
    status = open_status(sign_status(STATUS, KEY, operator="9521000000001"))
    assert (status.payload, status.signed.subject) == (STATUS, EPC)


OPTIONAL = {
    *("header", "compromised", "lot", "gtins", "valid-to", "preimage-content-type"),
    *("name", "circumstances", "incident", "serials", "test", "case", "evidence"),
}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.kind())
def test_a_member_missing_or_more_is_refused(payload: Payload) -> None:
    members = json.loads(bytes(payload))
    with pytest.raises(StatementError) as refused:
        type(payload).parse(encode({**members, "more": "x"}))
    assert (refused.value.code, refused.value.where) == ("unknown_member", "more")
    for name in members.keys() - OPTIONAL:
        with pytest.raises(StatementError):
            type(payload).parse(encode({other: value for other, value in members.items() if other != name}))


WRONG: dict[str, list[Any]] = {
    "v": [2, "1", True, None],
    "log": ["", "two words", "a+b", 7],
    "submitter": ["061414100777", "06141410077766", "0614141007776\n", "٠614141007776", 614141007776],
    "time": ["2026-01-06T12:30:59+00:00", "2026-01-06T12:30:59.000Z", "2026-1-06T12:30:59Z", "2026-02-30T00:00:00Z", 0],
    "submission": ["00000000-0000-4000-8000-00000000000A", UUID[:-1], f"urn:uuid:{UUID}"],
    "document": [b64(bytes(31)), b64(bytes(32)) + "=", b64(bytes(32))[:-1] + "B", "", None],
    "header": [None, [], [1], [1, "x"], [-1, b64(bytes(32))], [1.0, b64(bytes(32))], [True, b64(bytes(32))]],
    "meaning": [[], ["b", "a"], ["a", "a"], "a", [1], [""], None],
    "kid": [b64(bytes(32))],
    "alg": ["EdDSA", -19, None],
    "public": [b64(bytes(33)), b64(P256.public.raw)],
    "gtins": [[], ["061"], ["0614141123452"], ["0614141", "00614141123452"]],
    "entry": ["AB" * 32, "ab" * 31, b64(bytes(32))],
    "compromised": [None, "yesterday"],
    "heads": [[], {EPC: None}, {EPC: [None]}, {EPC: ["x", "none"]}, {EPC: [None, "some"]}],
    "keys": [{}, [["x", "valid"]], [[b64(bytes(32)), "lost"]], [[b64(bytes(32)), "valid"]] * 2, [1]],
    "number": [-1, 1.0, "7", 2**53],
}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.kind())
def test_a_member_out_of_form_is_refused(payload: Payload) -> None:
    members = json.loads(bytes(payload))
    for name in members.keys() & WRONG.keys() - ({"entry"} if isinstance(payload, Promise) else set()):
        for value in WRONG[name]:
            if members[name] != value or type(members[name]) is not type(value):
                with pytest.raises(StatementError):
                    type(payload).parse(
                        json.dumps({**members, name: value}, sort_keys=True, separators=(",", ":")).encode()
                    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"{",
        b'{"v":1}',
        b"\xff",
        b"[" * 100_000,
        b'{"v":' + b"1" * 5000 + b"}",
        b'"\\ud800"',
    ],
    ids=lambda text: repr(text[:9]),
)
def test_what_is_no_payload_is_refused(text: bytes) -> None:
    with pytest.raises(StatementError):
        Submission.parse(text)


def test_a_payload_has_one_writing() -> None:
    text = bytes(STATEMENTS[0])
    for other in (text + b"\n", text.replace(b":", b": "), text.replace(b'"v":1', b'"v":1,"v":1')):
        with pytest.raises(StatementError):
            Submission.parse(other)


def test_a_value_that_exists_is_valid() -> None:
    with pytest.raises(StatementError, match="time"):
        replace(STATEMENTS[0], time=NOW.replace(microsecond=1))
    with pytest.raises(StatementError, match="time"):
        replace(STATEMENTS[0], time=NOW.replace(tzinfo=None))
    with pytest.raises(StatementError, match="log"):
        replace(STATEMENTS[0], log=None)  # type: ignore[arg-type]
    elsewhere = replace(STATEMENTS[0], time=NOW.astimezone(timezone(timedelta(hours=5))))
    assert bytes(elsewhere) == bytes(STATEMENTS[0])


def test_a_key_statement_names_the_key_it_holds() -> None:
    with pytest.raises(StatementError) as refused:
        Key(**ABOUT, kid=bytes(32), alg=KeyAlgorithm.ED25519, public=KEY.public.raw)
    assert refused.value.where == "kid"


def test_envelope_and_payload_say_the_same() -> None:
    statement = STATEMENTS[0]
    good: dict[str, Any] = {
        "content_type": statement.content_type,
        "issuer": "https://id.gs1.org/417/0614141007776",
        "subject": statement.subject,
        "key": KEY,
    }
    assert open_statement(cose.sign(bytes(statement), **good)).payload == statement
    for change, code in (
        ({"issuer": "https://id.gs1.org/417/0860001000016"}, "wrong_issuer"),
        ({"issuer": "0614141007776"}, "wrong_issuer"),
        ({"subject": "urn:uuid:00000000-0000-4000-8000-000000000002"}, "wrong_subject"),
        ({"content_type": "application/vnd.unitproof.promise+json"}, "unknown_statement"),
        ({"content_type": "application/json"}, "unknown_statement"),
        ({"content_type": Registration.__name__}, "unknown_statement"),
    ):
        with pytest.raises(StatementError) as refused:
            open_statement(cose.sign(bytes(statement), **{**good, **change}))
        assert refused.value.code == code
    with pytest.raises(StatementError) as refused:
        open_status(cose.sign(bytes(STATUS), **{**good, "content_type": STATUS.content_type}))
    assert refused.value.code == "wrong_subject"


@given(st.binary(max_size=80))
def test_no_bytes_make_opening_crash(envelope: bytes) -> None:
    with pytest.raises(StatementError):
        open_statement(envelope)


@given(st.binary())
def test_base64url_goes_both_ways(data: bytes) -> None:
    assert b64(data) == urlsafe_b64encode(data).rstrip(b"=").decode()
    assert unb64(b64(data)) == data


@given(st.text(max_size=12))
def test_base64url_has_one_writing(text: str) -> None:
    try:
        data = unb64(text)
    except StatementError:
        return
    assert b64(data) == text


def test_an_entry_depends_on_salt_and_statement() -> None:
    entries = {entry(bytes(32), b"a"), entry(b"1" * 32, b"a"), entry(bytes(32), b"b")}
    assert len(entries) == 3


def test_a_prefix_covers_what_follows_the_indicator() -> None:
    prefix = Prefix(**ABOUT, gtins=("00860001123452", "0614141"))
    covered = {gtin: prefix.covers(gtin) for gtin in ("50614141123457", "00860001123452", "50860001123457")}
    assert covered == {"50614141123457": True, "00860001123452": True, "50860001123457": False}


NUMBERS = ["1.0", "1e+16", "1e-07", "1.5", "-1", "9007199254740992", "9" * 5000, "NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_a_json_number_is_a_size_an_index_or_a_version(number: str) -> None:
    """FORMATS section 1. Of some of these RFC 8785 writes others, and Python reads them back as they stand here."""
    for text in (number, f'[{{"n":{number}}}]'):
        with pytest.raises(StatementError) as refused:
            read_json(text.encode(), "leaf")
        assert (refused.value.code, refused.value.where) == ("unexpected_number", "leaf")


def test_numbers_are_read_up_to_where_every_reader_can_tell_them_apart() -> None:
    assert read_json(b"[0,1,9007199254740991]", "leaf") == [0, 1, 2**53 - 1]
