"""Time stamps: what authorities out there made, every byte of it changed, and what `openssl ts` makes here."""

from pathlib import Path
from typing import Any

import pytest

from ledger.anchor import der
from ledger.anchor.rfc3161 import BadAnchor, certificates, check, stamp, token_of
from tests.ledger.tlog.conformance import TLOG, conformance
from tests.ledger.tsa import Authority, openssl

SAMPLES = TLOG / "rfc3161"

#: Response, what it is over, and when. What is not valid has no time.
VERDICTS = [
    ("identrust/issue-104.tsr", b"hello", "2025-03-11T08:52:08+00:00"),
    ("sigstage/response-sha256.tsr", b"hello", "2025-05-09T11:58:55+00:00"),
    ("sigstage/response-sha384.tsr", b"hello", "2025-05-09T11:58:55+00:00"),
    ("sigstage/response-sha512.tsr", b"hello", "2025-05-09T11:58:56+00:00"),
    ("sigstage/response-no-embedded-cert.tsr", b"hello", "2025-06-18T08:13:02+00:00"),
    ("sigstage/response-invalid-signature.tsr", b"hello", None),
    ("sigstore.mock/response-expired.tsr", None, "2023-02-01T00:00:00+00:00"),
    ("test_tsa/response.tsr", b"hello", "2024-10-08T15:40:32+00:00"),
]
VALID = [each for each in VERDICTS if each[2]]


def named(value: Any) -> str:
    return value if isinstance(value, str) and value.endswith(".tsr") else ""


def sample(name: str, message: bytes | None) -> tuple[bytes, bytes, Any]:
    folder = (SAMPLES / name).parent
    text = (folder / "payload").read_bytes() if message is None else message
    return (SAMPLES / name).read_bytes(), text, certificates((folder / "ts_chain.pem").read_bytes())


@conformance
@pytest.mark.parametrize(("name", "message", "time"), VERDICTS, ids=named)
def test_a_sample_has_the_verdict_it_should(name: str, message: bytes | None, time: str | None) -> None:
    response, text, trust = sample(name, message)
    if time is None:
        with pytest.raises(BadAnchor):
            check(token_of(response), text, trust)
    else:
        assert check(token_of(response), text, trust).isoformat() == time


@conformance
@pytest.mark.parametrize(("name", "message", "time"), VALID, ids=named)
def test_any_byte_changed_is_refused(name: str, message: bytes | None, time: str) -> None:
    response, text, trust = sample(name, message)
    for place in range(len(response)):
        damaged = bytearray(response)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(BadAnchor):
            check(token_of(bytes(damaged)), text, trust)
    for cut in (response[:-1], response + b"\0", response[1:], b""):
        with pytest.raises(BadAnchor):
            check(token_of(cut), text, trust)


@conformance
@pytest.mark.parametrize(("name", "message", "time"), VALID, ids=named)
def test_another_message_and_another_authority_are_refused(name: str, message: bytes | None, time: str) -> None:
    response, text, trust = sample(name, message)
    with pytest.raises(BadAnchor):
        check(token_of(response), text + b"!", trust)
    others = {each: sample(each, of)[2] for each, of, _ in VALID if each.split("/")[0] != name.split("/")[0]}
    for strangers in others.values():
        with pytest.raises(BadAnchor) as refused:
            check(token_of(response), text, strangers)
        assert refused.value.code == "unknown_authority"
    with pytest.raises(BadAnchor):
        check(token_of(response), text, ())


@conformance
def test_it_answers_its_request_and_no_other() -> None:
    response, text, trust = sample("test_tsa/response.tsr", b"hello")
    nonces = {
        name: nonce_of((SAMPLES / "test_tsa" / f"{name}.der").read_bytes()) for name in ("request", "other_request")
    }
    check(token_of(response), text, trust, nonce=nonces["request"])
    with pytest.raises(BadAnchor, match="Nonce"):
        check(token_of(response), text, trust, nonce=nonces["other_request"])


def nonce_of(request: bytes) -> int:
    """RFC 3161 section 2.4.1: version, imprint, then what there is of policy, nonce, certReq."""
    _, _, *rest = der.parse(request).parts
    (nonce,) = [part for part in rest if part.tag == der.INTEGER]
    return int.from_bytes(nonce.content, "big")


@conformance
def test_without_a_chain_to_a_root_the_signers_certificate_alone_is_not_enough() -> None:
    response, text, trust = sample("test_tsa/response.tsr", b"hello")
    roots = [each for each in trust if each.issuer == each.subject]
    with pytest.raises(BadAnchor) as refused:  # the intermediate is in nobody's hands
        check(token_of(response), text, roots)
    assert refused.value.code == "unknown_authority"


# ---- a real responder -----------------------------------------------------------------------------------------------


@openssl
@pytest.mark.parametrize("key", ["ec:P-256", "rsa:2048"])
def test_openssl_stamps_and_we_check_and_openssl_checks_what_we_keep(key: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa", key=key)
    trust = certificates(authority.certificate)
    token, seen = stamp(b"one text", authority.answer, trust)
    assert check(token, b"one text", trust) == seen
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "text").write_bytes(b"one text")
    told = authority.run(
        *("ts", "-verify", "-token_in", "-in", str(tmp_path / "token")),
        *("-data", str(tmp_path / "text"), "-CAfile", "ca.pem"),
    )
    assert b"OK" in told
    with pytest.raises(BadAnchor):
        check(token, b"another text", trust)


@openssl
def test_an_authority_that_is_none_is_refused(tmp_path: Path) -> None:
    real, impostor = Authority(tmp_path / "real"), Authority(tmp_path / "impostor")
    with pytest.raises(BadAnchor) as refused:  # of the same names, with another key
        stamp(b"text", impostor.answer, certificates(real.certificate))
    assert refused.value.code == "unknown_authority"


@openssl
def test_an_answer_to_another_request_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    kept: list[bytes] = []

    def first_again(query: bytes) -> bytes:
        kept.append(authority.answer(query))
        return kept[0]

    trust = certificates(authority.certificate)
    stamp(b"text", first_again, trust)
    with pytest.raises(BadAnchor, match="Nonce"):
        stamp(b"text", first_again, trust)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "malformed_anchor"),
        (b"<html>", "malformed_anchor"),
        (bytes.fromhex("30053003020102"), "anchor_refused"),
        (bytes.fromhex("30053003020100"), "anchor_refused"),
        (bytes.fromhex("300730030201003000"), "malformed_anchor"),
        (bytes.fromhex("3009300302010030023000"), "malformed_anchor"),
    ],
    ids=["nothing", "a-page", "rejection", "yes-without-a-token", "empty-token", "odd-token"],
)
def test_what_is_no_token_is_refused(answer: bytes, code: str) -> None:
    with pytest.raises(BadAnchor) as refused:
        stamp(b"text", lambda _: answer, ())
    assert refused.value.code == code


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x05\0", b"\x30\x81\x01\0", b"\x30\x80\0\0", b"\x30\x82\0\x81" + bytes(129), b"\x1f\x01\0",
     b"\5\0\0"],
    ids=["nothing", "tag-alone", "cut", "long-length", "indefinite", "zero-first", "long-tag", "trailing"],
)  # fmt: skip
def test_what_is_not_der_is_refused(data: bytes) -> None:
    with pytest.raises(der.MalformedDer):
        der.parse(data)


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(BadAnchor) as refused:
        certificates(text)
    assert refused.value.code == "malformed_certificate"
