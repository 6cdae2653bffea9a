"""The tlog-proof file: an entry's place in a log, checked by a stranger."""

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.cose import PrivateKey
from ledger.tlog.errors import BadProof, BadSignature, LogError, OutOfRange, PolicyNotMet
from ledger.tlog.merkle import inclusion_proof, leaf_hash, root_of
from ledger.tlog.note import Signer
from ledger.tlog.policy import Policy
from ledger.tlog.proof import Proof
from tests.ledger.tlog.conformance import conformance, read

LOG = Signer("log.example", PrivateKey.from_seed(bytes(31) + b"l"))
POLICY = Policy.parse(f"log {LOG.verifier}\nquorum none\n")
ENTRIES = [b"entry %d" % n for n in range(7)]
LEAVES = list(map(leaf_hash, ENTRIES))
SIGNED = Checkpoint("log.example", 7, root_of(LEAVES)).sign(LOG)
PROOF = Proof(5, tuple(inclusion_proof(LEAVES, 5)), SIGNED, b"file 12")
TEXT = str(PROOF)


def test_a_proof_shows_that_the_log_has_the_entry() -> None:
    vouched = PROOF.check(ENTRIES[5], POLICY)
    assert (vouched.log, vouched.checkpoint.size) == (LOG.verifier, 7)


def test_a_proof_reads_as_the_specification_draws_it() -> None:
    lines = TEXT.split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra ZmlsZSAxMg==", "index 5"]
    assert lines[3:6] == [b64encode(value).decode() for value in PROOF.hashes]
    assert "\n".join(lines[6:]) == f"\n{SIGNED}"


@pytest.mark.parametrize(
    "proof", [PROOF, Proof(5, PROOF.hashes, SIGNED), Proof(0, (), SIGNED), Proof(2**62, (bytes(32),) * 63, SIGNED)]
)
def test_a_proof_reads_back(proof: Proof) -> None:
    assert Proof.parse(str(proof)) == proof


def test_extra_data_changes_nothing() -> None:
    Proof(5, PROOF.hashes, SIGNED, b"anything").check(ENTRIES[5], POLICY)


@pytest.mark.parametrize(
    ("proof", "entry", "error"),
    [
        pytest.param(PROOF, ENTRIES[4], BadProof, id="other-entry"),
        pytest.param(PROOF, LEAVES[5], BadProof, id="leaf-hash-for-entry"),
        pytest.param(Proof(4, PROOF.hashes, SIGNED), ENTRIES[5], BadProof, id="other-index"),
        pytest.param(Proof(7, PROOF.hashes, SIGNED), ENTRIES[5], OutOfRange, id="index-at-size"),
        pytest.param(Proof(5, PROOF.hashes[:-1], SIGNED), ENTRIES[5], BadProof, id="last-hash-dropped"),
        pytest.param(Proof(5, (), SIGNED), ENTRIES[5], BadProof, id="no-hashes"),
        pytest.param(Proof(5, PROOF.hashes[::-1], SIGNED), ENTRIES[5], BadProof, id="hashes-in-other-order"),
        pytest.param(
            Proof(5, PROOF.hashes, SIGNED.replace("\n7\n", "\n6\n")), ENTRIES[5], BadSignature, id="other-size"
        ),
        pytest.param(
            Proof(5, PROOF.hashes, Checkpoint("other.example", 7, root_of(LEAVES)).sign(LOG)),
            ENTRIES[5],
            PolicyNotMet,
            id="other-origin",
        ),
    ],
)
def test_a_proof_damaged_one_way(proof: Proof, entry: bytes, error: type[LogError]) -> None:
    with pytest.raises(error):
        proof.check(entry, POLICY)


HASH = b64encode(PROOF.hashes[0]).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(TEXT.replace("@v1", "@v2"), id="other-version"),
        pytest.param("\n" + TEXT, id="leading-newline"),
        pytest.param(TEXT[:-1], id="no-final-newline"),
        pytest.param(TEXT + "\n", id="empty-line-at-the-end"),
        pytest.param(TEXT.replace("\n", "\r\n"), id="carriage-returns"),
        pytest.param(TEXT.replace("extra ZmlsZSAxMg==", "extra "), id="empty-extra"),
        pytest.param(TEXT.replace("extra ZmlsZSAxMg==", "extra"), id="extra-without-data"),
        pytest.param(TEXT.replace("ZmlsZSAxMg==", "ZmlsZSAxMg"), id="extra-unpadded"),
        pytest.param(TEXT.replace("ZmlsZSAxMg==", "ZmlsZSAxMh=="), id="extra-with-trailing-bits"),
        pytest.param(
            TEXT.replace("extra ZmlsZSAxMg==\nindex 5", "index 5\nextra ZmlsZSAxMg=="), id="extra-after-index"
        ),
        pytest.param(TEXT.replace("extra ZmlsZSAxMg==\n", "extra ZmlsZSAxMg==\n" * 2), id="extra-twice"),
        pytest.param(TEXT.replace("index 5\n", ""), id="no-index"),
        pytest.param(TEXT.replace("index 5", "index 05"), id="leading-zero-index"),
        pytest.param(TEXT.replace("index 5", "index +5"), id="plus-in-index"),
        pytest.param(TEXT.replace("index 5", "index -5"), id="negative-index"),
        pytest.param(TEXT.replace("index 5", "index ５"), id="index-not-ascii"),
        pytest.param(TEXT.replace("index 5", "index"), id="index-without-number"),
        pytest.param(TEXT.replace("index 5", "5"), id="number-without-index"),
        pytest.param(TEXT.replace("index 5", "index 5 "), id="trailing-blank"),
        pytest.param(TEXT.replace("index 5", "index " + "9" * 5000), id="index-of-5000-digits"),
        pytest.param(TEXT.replace("index 5", f"index {2**63}"), id="index-beyond-63-bits"),
        pytest.param(TEXT.replace(HASH, HASH[:-4]), id="hash-cut-short"),
        pytest.param(TEXT.replace(HASH, HASH.rstrip("=")), id="hash-unpadded"),
        pytest.param(TEXT.replace(HASH, HASH + "\n"), id="empty-line-among-hashes"),
        pytest.param(TEXT.replace(HASH, PROOF.hashes[0].hex()), id="hash-hexadecimal"),
        pytest.param(TEXT.replace(HASH, "\n".join([HASH] * 64)), id="64-hashes"),
        pytest.param(TEXT.replace("\n\n", "\n", 1), id="no-empty-line"),
        pytest.param(TEXT.partition("\n\n")[0], id="no-checkpoint"),
        pytest.param(TEXT.partition("\n— ")[0] + "\n", id="no-signature"),
        pytest.param(TEXT.replace("\n7\n", "\n07\n"), id="checkpoint-leading-zero-size"),
        pytest.param(SIGNED, id="checkpoint-alone"),
    ],
)
def test_other_texts_are_no_proofs(text: str) -> None:
    with pytest.raises(LogError):
        Proof.parse(text)


def test_a_proof_with_any_one_character_changed_is_refused() -> None:
    authenticated = TEXT.replace("extra ZmlsZSAxMg==\n", "")
    for place, character in enumerate(authenticated):
        changed = authenticated[:place] + chr(ord(character) ^ 1) + authenticated[place + 1 :]
        with pytest.raises(LogError):
            Proof.parse(changed).check(ENTRIES[5], POLICY)


@given(st.text(), st.text(), st.text())
def test_a_text_is_read_exactly_or_refused(first: str, second: str, hashes: str) -> None:
    for text in (first, f"c2sp.org/tlog-proof@v1\n{first}\nindex {second}\n{hashes}\n\n{SIGNED}"):
        with suppress(LogError):
            assert str(Proof.parse(text)) == text


@conformance
def test_generated_proofs() -> None:
    for case in read("generated/tlog-proofs.json")["cases"]:
        proof = Proof.parse(case["text"])
        assert str(proof) == case["text"]
        log, *witnesses = case["vkeys"]
        names = [f"w{n}" for n in range(len(witnesses))]
        lines = [f"log {log}", *(f"witness {name} {vkey}" for name, vkey in zip(names, witnesses, strict=True))]
        policy = Policy.parse("\n".join([*lines, f"group all-of-them all {' '.join(names)}", "quorum all-of-them", ""]))
        if case["valid"]:
            assert len(proof.check(bytes.fromhex(case["leaf"]), policy).witnesses) == len(names)
        else:
            with pytest.raises((BadProof, OutOfRange)):
                proof.check(bytes.fromhex(case["leaf"]), policy)
