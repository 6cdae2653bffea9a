"""What people read of a check: what they compare with the pack, and as of when."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.traceability.paper import (
    CASE,
    DISTRIBUTOR,
    MAKER,
    NOW,
    OPERATOR,
    ORIGIN,
    UNIT,
    Paper,
    at_the_distributor,
    commission,
    key_of,
    line_to_patient,
    report,
)
from traceability import reporting
from traceability.bundle import examine
from traceability.cli import main
from traceability.epcis.errors import DocumentError
from traceability.statements import Promise, sign_promise


def test_whoever_holds_the_pack_reads_what_to_compare_and_how_old_the_answer_is() -> None:
    said = list(reporting.lines(report(line_to_patient(witnesses=2), status="dispensed")))
    assert said[13:17] == [UNIT, "  lot     L42", "  expiry  2027-12-31", "  status  dispensed"]
    assert said[-7:] == [
        "  . The record is proven, not the pack: a copy of its code has the same. Ask the node if it saw two.",
        "",
        "as of log size 8 of node.example/log",
        "  seen by W0 at 2026-01-06 00:00:00 UTC",
        "  seen by W1 at 2026-01-06 00:00:00 UTC",
        "",
        "PROVEN, WITH A CAUTION: every step holds; read the remarks",
    ]


def test_where_it_is_and_what_lies_over_it_are_said() -> None:
    said = list(reporting.lines(report(at_the_distributor(), holds=("recall",))))
    assert "  status  held, recall" in said
    assert f"  in      {CASE}" in said
    assert f"signed by {DISTRIBUTOR}, entry 6" in said[-8]


def test_what_is_not_proven_is_not_said() -> None:
    said = "\n".join(reporting.lines(report(at_the_distributor(), status="dispensed")))
    assert "step 12 fails" in said
    assert "\n  status  " not in said


#: Cleared screen, a line of its own, directions turned round, what is not seen, C1, separators, a lone tag.
TRICKS = "\x1b[2J\r\n\t GENUINE \u202e\u2066\u200e\u200f\u200b\x7f\x9b1m\u2028\u2029\x85\U000e0041"


def is_one_line_of_print(line: str) -> bool:
    return line.isprintable() and len(line.splitlines()) <= 1


@pytest.mark.parametrize("where", ["origin", "items"])
def test_nothing_in_a_refused_file_reaches_the_terminal_as_it_stands(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = at_the_distributor()
    good = paper.bundle(UNIT)
    evil = replace(good, segments=(replace(good.segments[0], origin=f"x{TRICKS}"),))
    if where == "items":
        evil = replace(good, items=(UNIT, CASE, f"urn:x:{TRICKS}"))
    assert all(map(is_one_line_of_print, reporting.lines(examine(bytes(evil), paper.policy))))
    (tmp_path / "evil").write_bytes(bytes(evil))
    (tmp_path / "policy").write_text(str(paper.policy))
    assert main(["verify", str(tmp_path / "evil"), "--policy", str(tmp_path / "policy")]) == 1
    main(["show", str(tmp_path / "evil")])
    out, err = capsys.readouterr()
    assert all(map(is_one_line_of_print, (out + err).split("\n")))
    assert out.split("\n").count("PROVEN: every step holds") == 0


def test_nothing_that_was_signed_reaches_the_terminal_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = Paper()
    lot = {"urn:epcglobal:cbv:mda:lotNumber": f"L{TRICKS}"}
    own = f"urn:x:{TRICKS.strip()}"
    paper.tells(MAKER, replace(commission(8, UNIT), ilmd=lot), replace(commission(9, UNIT), biz_step=own))
    found = report(paper)
    assert found.ilmd == lot
    assert all(map(is_one_line_of_print, reporting.lines(found)))
    (tmp_path / "told").write_bytes(paper.taken[0].envelope)
    main(["show", str(tmp_path / "told")])
    out = capsys.readouterr().out
    assert all(map(is_one_line_of_print, out.split("\n")))
    assert own in json.loads(out)["says"]["meaning"]  # what is escaped is still the same JSON


def test_what_is_wrong_is_said_of_the_kind_that_it_is() -> None:
    paper = at_the_distributor()
    status = paper.bundle(UNIT).status
    promise = sign_promise(
        Promise(log=ORIGIN, entry=bytes(32), number=1, accepted=NOW, integrate_by=NOW),
        key_of("node"), operator=OPERATOR, subject="urn:uuid:x",
    )  # fmt: skip
    assert [reporting.contents(each)["kind"] for each in (status, promise)] == ["status", "promise"]
    for envelope, name, wrong in ((status, b'"rules"', b'"rulez"'), (promise, b'"number"', b'"numbre"')):
        with pytest.raises(DocumentError) as refused:
            reporting.contents(envelope.replace(name, wrong))
        assert refused.value.code == "unknown_member"
        assert refused.value.where == json.loads(wrong)


@pytest.mark.parametrize("data", [b"\xd2", b"\xd2\x84\x40\xa0\x40\x40", b"\xd2\x00"])
def test_what_is_no_statement_at_all_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        reporting.contents(data)
    assert refused.value.where == "envelope"
