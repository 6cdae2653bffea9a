"""Signed notes: read strictly, opened only when a known key signed and none of them wrongly."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.tlog import note
from ledger.tlog.cose import Algorithm, PrivateKey
from ledger.tlog.errors import BadSignature, MalformedKey, MalformedNote
from ledger.tlog.note import Note, Signature, Signer, Verifier, parse_key

ALICE, BOB, CAROL = (
    Signer(f"{name}.example", PrivateKey.from_seed(bytes(31) + name[:1].encode())) for name in ("alice", "bob", "carol")
)
TEXT = "first line\n\nsecond paragraph, ünïcode\n"
SIGNED = note.sign(TEXT, ALICE, BOB)


def test_a_note_opens_with_the_keys_that_signed_it() -> None:
    opened = note.open(SIGNED, [ALICE.verifier, BOB.verifier])
    assert opened.text == TEXT
    assert [signature.name for signature in opened.signatures] == ["alice.example", "bob.example"]


def test_signatures_of_unknown_keys_are_left_out() -> None:
    opened = note.open(SIGNED, [BOB.verifier, CAROL.verifier])
    assert [signature.name for signature in opened.signatures] == ["bob.example"]


def test_a_note_reads_back() -> None:
    assert str(Note.parse(SIGNED)) == SIGNED
    assert Note.parse(SIGNED).text == TEXT


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    for known in ([], [CAROL.verifier]):
        with pytest.raises(BadSignature) as refusal:
            note.open(SIGNED, known)
        assert refusal.value.code == "unknown_signers"


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    lines = SIGNED.splitlines(keepends=True)
    lines[-1] = str(CAROL.sign("another text\n")) + "\n"
    assert note.open("".join(lines), [ALICE.verifier, BOB.verifier]).signatures
    with pytest.raises(BadSignature) as refusal:
        note.open("".join(lines), [ALICE.verifier, CAROL.verifier])
    assert refusal.value.where == "carol.example"


def test_a_key_that_shares_a_name_or_an_id_is_another_key() -> None:
    same_name = Verifier("alice.example", CAROL.key.public.raw)
    with pytest.raises(BadSignature, match="no known key"):
        note.open(SIGNED, [same_name])
    forged = SIGNED.replace(str(ALICE.sign(TEXT)), str(Signature("alice.example", same_name.key_id, bytes(64))))
    assert len(note.open(forged, [ALICE.verifier, BOB.verifier]).signatures) == 1


def test_two_keys_of_one_name_and_id_are_refused_before_anything_is_opened() -> None:
    class Colliding(Verifier):
        @property
        def key_id(self) -> bytes:
            return ALICE.verifier.key_id

    with pytest.raises(MalformedKey):
        note.open(SIGNED, [ALICE.verifier, Colliding("alice.example", BOB.key.public.raw)])


def test_up_to_a_hundred_signatures_are_read() -> None:
    line = f"{ALICE.sign(TEXT)}\n"
    assert len(Note.parse(f"{TEXT}\n" + line * 100).signatures) == 100
    with pytest.raises(MalformedNote):
        Note.parse(f"{TEXT}\n" + line * 101)


HEAD, LINE = f"{TEXT}\n", f"{ALICE.sign(TEXT)}"
NAME, BLOB = "alice.example", LINE.split(" ")[2]


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param("", id="empty"),
        pytest.param("\n\n", id="blank-lines"),
        pytest.param(TEXT, id="text-alone"),
        pytest.param(HEAD, id="no-signatures"),
        pytest.param(f"{TEXT}{LINE}\n", id="no-empty-line"),
        pytest.param(f"text{LINE}\n", id="one-line"),
        pytest.param(f"{HEAD}{LINE}", id="no-final-newline"),
        pytest.param(f"{HEAD}{LINE}\n\n", id="empty-line-at-the-end"),
        pytest.param(f"{HEAD}{LINE}\ntext\n", id="text-below"),
        pytest.param(f"{HEAD}{LINE}\n".replace("\n", "\r\n"), id="carriage-returns"),
        pytest.param(f"{HEAD}- {NAME} {BLOB}\n", id="hyphen-for-em-dash"),
        pytest.param(f"{HEAD}—{NAME} {BLOB}\n", id="no-space-after-dash"),
        pytest.param(f"{HEAD}— {NAME}  {BLOB}\n", id="two-spaces"),
        pytest.param(f"{HEAD}— {NAME}\u00a0{BLOB}\n", id="no-break-space"),
        pytest.param(f"{HEAD} — {NAME} {BLOB}\n", id="indented"),
        pytest.param(f"{HEAD}— {NAME} {BLOB} \n", id="trailing-space"),
        pytest.param(f"{HEAD}—  {BLOB}\n", id="no-name"),
        pytest.param(f"{HEAD}— a+b {BLOB}\n", id="plus-in-name"),
        pytest.param(f"{HEAD}— a\u2003b {BLOB}\n", id="unicode-space-in-name"),
        pytest.param(f"{HEAD}— {NAME} \n", id="no-signature"),
        pytest.param(f"{HEAD}— {NAME} {b64encode(bytes(4)).decode()}\n", id="key-id-alone"),
        pytest.param(f"{HEAD}— {NAME} {b64encode(bytes(3)).decode()}\n", id="key-id-cut-short"),
        pytest.param(f"{HEAD}— {NAME} {BLOB.rstrip('=')}\n", id="unpadded"),
        pytest.param(f"{HEAD}— {NAME} {b64encode(bytes(5)).decode().replace('AAA=', 'AAB=')}\n", id="trailing-bits"),
        pytest.param(f"{HEAD}— {NAME} {BLOB.replace('/', '_').replace('+', '-')}!\n", id="not-base64"),
        pytest.param(f"{HEAD}— {NAME} {BLOB[:8]}é{BLOB[8:]}\n", id="not-ascii"),
        pytest.param(f"te\x07xt\n\n{LINE}\n", id="control-character"),
        pytest.param(f"te\txt\n\n{LINE}\n", id="tab"),
        pytest.param(f"te\ud800xt\n\n{LINE}\n", id="lone-surrogate"),
        pytest.param(f"{HEAD}— \ud800 {BLOB}\n", id="lone-surrogate-in-name"),
        pytest.param(f"{'x' * (1 << 20)}\n\n{LINE}\n", id="endless"),
    ],
)
def test_other_texts_are_no_notes(signed: str) -> None:
    with pytest.raises(MalformedNote):
        note.open(signed, [ALICE.verifier])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda signed: signed.replace("first", "last"), id="text-changed"),
        pytest.param(lambda signed: signed.replace("\n\nsecond", "\nsecond"), id="empty-line-taken-out"),
        pytest.param(lambda signed: signed.replace("first", "first\n"), id="empty-line-put-in"),
        pytest.param(lambda signed: signed.replace(LINE, str(ALICE.sign("another\n"))), id="signature-of-another-text"),
        pytest.param(lambda signed: signed.replace(LINE, str(cut(LINE))), id="signature-cut-short"),
    ],
)
def test_a_changed_note_is_refused(change: Callable[[str], str]) -> None:
    assert change(SIGNED) != SIGNED
    with pytest.raises(BadSignature):
        note.open(change(SIGNED), [ALICE.verifier])


def cut(line: str) -> Signature:
    whole = Signature.parse(line)
    return Signature(whole.name, whole.key_id, whole.raw[:63])


@given(st.text(), st.text() | st.just("— alice.example AAAAAAA="))
@example("a", "— a\x1fb AAAAAAA=")
@example("a\u2028b", "— alice.example AAAAAAA=")
def test_a_note_is_read_exactly_or_refused(text: str, line: str) -> None:
    signed = f"{text}\n\n{line}\n"
    with suppress(MalformedNote):
        assert str(Note.parse(signed)) == signed


@pytest.mark.parametrize("text", ["", "no newline", "car\rriage\n", "\ud800\n"])
def test_what_is_no_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        note.sign(text, ALICE)


def test_a_note_needs_a_signer() -> None:
    with pytest.raises(MalformedNote):
        note.sign(TEXT)


# Keys


def test_a_key_is_written_as_others_write_it() -> None:
    go = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert str(parse_key(go)) == go
    assert parse_key(str(ALICE.verifier)) == ALICE.verifier


VKEY = str(ALICE.verifier)
ID = ALICE.verifier.key_id.hex()


@pytest.mark.parametrize(
    "vkey",
    [
        pytest.param("", id="empty"),
        pytest.param("alice.example", id="name-alone"),
        pytest.param(f"alice.example+{ID}", id="no-key"),
        pytest.param(VKEY.replace(ID, "00000000"), id="other-key-id"),
        pytest.param(VKEY.replace(ID, ID.upper()), id="key-id-in-capitals"),
        pytest.param(VKEY.replace(ID, ID[1:]), id="key-id-cut-short"),
        pytest.param(VKEY.replace("alice", "bob"), id="other-name"),
        pytest.param(VKEY.replace("alice", "a lice"), id="space-in-name"),
        pytest.param(VKEY.replace("alice.example", ""), id="no-name"),
        pytest.param(VKEY + "\n", id="trailing-newline"),
        pytest.param(VKEY[:-4], id="key-cut-short"),
        pytest.param(f"alice.example+{ID}+", id="empty-key"),
        pytest.param(f"alice.example+{ID}+é", id="not-ascii"),
        pytest.param(f"alice.example+{ID}+{b64encode(bytes([4]) + ALICE.key.public.raw).decode()}", id="other-kind"),
    ],
)
def test_other_keys_are_refused(vkey: str) -> None:
    with pytest.raises(MalformedKey):
        parse_key(vkey)


def test_a_note_is_not_signed_with_p_256() -> None:
    with pytest.raises(MalformedKey):
        Signer("alice.example", PrivateKey.generate(Algorithm.ESP256))


@given(st.text())
def test_a_vkey_is_read_exactly_or_refused(text: str) -> None:
    with suppress(MalformedKey):
        assert str(parse_key(text)) == text
