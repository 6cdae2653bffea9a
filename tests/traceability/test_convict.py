"""Evidence is judged offline, by anybody: what convicts, and what convicts nobody."""

import json
from base64 import b64decode
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from ledger import keys
from ledger.errors import WitnessRefuses
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.proof import Proof
from ledger.tlog.witness import AddCheckpoint
from tests.traceability import evidence_vectors
from tests.traceability.paper import NOW, ORIGIN, Paper
from traceability.cli import main
from traceability.convict import MalformedEvidence, NotConvicted, convict, parse, write
from traceability.policy import Policy

CASES: list[dict[str, Any]] = json.loads(evidence_vectors.FILE.read_text())


def test_the_vectors_are_what_the_code_makes() -> None:
    assert evidence_vectors.text() == evidence_vectors.FILE.read_text()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_case_comes_out_as_written(case: dict[str, Any]) -> None:
    data, policy = b64decode(case["evidence"]), Policy.parse(json.dumps(case["policy"]))
    if case["convicted"]:
        assert [each.as_json() for each in convict(data, policy)] == case["convicted"]
        assert write(parse(data)) == data
    else:
        with pytest.raises((NotConvicted, MalformedEvidence)) as refused:
            convict(data, policy)
        assert refused.value.code == case["code"]


def test_no_flipped_bit_of_a_conviction_convicts_anybody_else() -> None:
    """Whatever is altered in transit, the same are convicted or nobody is."""
    for name in ("fork-promised", "two-trees-of-one-size", "a-head-that-was-followed", "one-number-for-two-entries"):
        case = next(case for case in CASES if case["name"] == name)
        data, policy = b64decode(case["evidence"]), Policy.parse(json.dumps(case["policy"]))
        for at in range(0, len(data), 7):
            damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            try:
                found = convict(damaged, policy)
            except (NotConvicted, MalformedEvidence):
                continue
            assert [each.as_json() for each in found] == case["convicted"], (name, at)


def test_whoever_holds_two_files_that_contradict_each_other_makes_the_evidence(tmp_path: Path) -> None:
    paper, one, other = evidence_vectors.views()
    log = paper.signer
    taken = paper.taken[-2:]
    promises = [evidence_vectors.promise(each, number=7) for each in taken]
    heads = [Checkpoint(ORIGIN, 1, leaf_hash(entry)).sign(log).encode() for entry in (b"one", b"other")]
    status = paper.status(evidence_vectors.UNIT, (evidence_vectors.UNIT,), root=bytes(32))
    (tmp_path / "policy").write_text(str(paper.policy))
    receipts = [str(Proof(0, (), head.decode())).encode() for head in heads]
    contradicting = [(one, other), promises, heads, receipts, (receipts[0], heads[1])]
    for pair in (*contradicting, (paper.checkpoint().encode(), status)):
        files = [tmp_path / name for name in ("one", "other", "evidence")]
        for file, data in zip(files, pair, strict=False):
            file.write_bytes(data)
        assert main(["accuse", *map(str, files[:2]), "--out", str(files[2])]) == 0
        assert main(["convict", str(files[2]), "--policy", str(tmp_path / "policy")]) == 0
        assert main(["accuse", str(files[0]), str(files[0]), "--out", str(files[2])]) == 2


def test_files_that_are_none_of_these_are_not_said_to_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_text("{}")
    typed = ["accuse", str(tmp_path / "one"), str(tmp_path / "other"), "--out", str(tmp_path / "evidence")]
    assert main(typed) == 2
    assert capsys.readouterr().err.startswith("unitproof: malformed_evidence: files that cannot be compared")


def test_whoever_is_not_in_the_policy_is_not_convicted() -> None:
    case = next(case for case in CASES if case["name"] == "fork-promised")
    policy = Policy.parse(json.dumps(case["policy"] | {"authorities": []}))
    with pytest.raises(NotConvicted):
        convict(b64decode(case["evidence"]), policy)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("fork-promised", 0, "CONVICTS the sender 0614141007776: signed two successors of one leaf"),
        ("the-same-tree", 1, "convicts nobody\nconsistent: the new tree continues the old one"),
        ("cut", 2, ""),
    ],
)
def test_the_command_ends_with_0_for_a_conviction_1_for_none_2_for_what_is_no_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, status: int, said: str
) -> None:
    case = next(case for case in CASES if case["name"] == name)
    (tmp_path / "evidence").write_bytes(b64decode(case["evidence"]))
    (tmp_path / "policy").write_text(json.dumps(case["policy"]))
    command = ["convict", str(tmp_path / "evidence"), "--policy", str(tmp_path / "policy")]
    assert main(command) == status
    assert capsys.readouterr().out.startswith(said)
    assert main([*command, "--json"]) == status
    out = capsys.readouterr().out
    assert status == 2 or json.loads(out)["convicted"] == case["convicted"]


def test_what_a_witness_has_kept_against_a_log_becomes_a_file_that_convicts_its_operator(
    settings: Any, tmp_path: Path
) -> None:
    paper = Paper()
    settings.WITNESSED_LOGS = tmp_path / "witnessed.policy"
    settings.WITNESSED_LOGS.write_text(f"log {paper.signer.verifier}\nquorum none\n")
    keys.make_witness(settings.KEYS_DIR, settings.WITNESS_NAME)
    witness = keys.witness()
    assert witness is not None
    one, other = (Checkpoint(ORIGIN, 1, leaf_hash(entry)).sign(paper.signer) for entry in (b"one", b"other"))
    witness.add_checkpoint(str(AddCheckpoint(0, (), one)), now=NOW)
    with pytest.raises(WitnessRefuses):
        witness.add_checkpoint(str(AddCheckpoint(1, (), other)), now=NOW)
    said = StringIO()
    call_command("evidence", "--out", str(tmp_path), stdout=said)
    (file,) = tmp_path.glob("*.evidence")
    assert str(file) in said.getvalue()
    (found,) = convict(file.read_bytes(), paper.policy)
    assert (found.role, found.who) == ("operator", paper.signer.name)
