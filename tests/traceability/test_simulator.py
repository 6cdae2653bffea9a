"""A simulated chain: drawn by seed, told to a node with its faults, and what the node found of them."""

import json
from collections import Counter
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from httpx import Client, MockTransport, Response

from traceability.client import Node
from traceability.simulator import faults, plan
from traceability.simulator.faults import KINDS, Class
from traceability.simulator.fraud import ACTS
from traceability.simulator.observing import RULES, UNSIGNED, Channel, Journal
from traceability.simulator.party import Party
from traceability.simulator.score import score

SMALL = 1_000


@pytest.fixture(scope="module")
def drawn() -> plan.Plan:
    return plan.draw(7, SMALL)


@pytest.fixture(scope="module")
def wrong(drawn: plan.Plan) -> list[faults.Fault]:
    return faults.draw(drawn, Random(7))


# ---- the plan -------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_chain_with_the_same_faults(drawn: plan.Plan, wrong: list[faults.Fault]) -> None:
    again = plan.draw(7, SMALL)
    assert again == drawn
    assert faults.draw(again, Random(7)) == wrong
    assert plan.draw(8, SMALL).loads != drawn.loads


@pytest.mark.parametrize("units", [SMALL, 3_333, 20_000])
def test_a_chain_has_the_units_that_were_asked_for_and_at_most_a_load_more(units: int) -> None:
    made = plan.draw(1, units)
    epcs = [epc for load in made.loads for case in load.cases for epc in case.epcs]
    assert len(epcs) == len(set(epcs)) == made.units
    assert units <= made.units < units + made.loads[0].units
    assert len({load.pallet for load in made.loads}) == len(made.loads)


@pytest.mark.parametrize("units", [plan.LEAST - 1, plan.MOST + 1])
def test_a_chain_of_too_few_or_too_many_units_is_not_drawn(units: int) -> None:
    with pytest.raises(ValueError, match="1,000 to 1,000,000"):
        plan.draw(1, units)


def test_every_case_is_delivered_once_or_kept(drawn: plan.Plan) -> None:
    for load in drawn.loads:
        delivered = [case for _, cases in load.deliveries for case in cases]
        if load.deliveries:
            assert (*delivered, *load.kept) == load.cases
            assert load.kept
    assert {load.to.role for load in drawn.loads if not load.deliveries} == {plan.REPACKAGER}


def test_dozens_take_part_some_do_not_sign_and_one_loses_its_licence(drawn: plan.Plan) -> None:
    everybody = drawn.members
    assert len({each.gln for each in everybody}) == len(everybody) >= 36
    assert {each.role for each in everybody if not each.signs} == {plan.MANUFACTURER, plan.WHOLESALER}
    assert all(load.maker.signs or load.to.signs for load in drawn.loads)
    assert drawn.unlicensed.licensed_until == plan.LICENCE_LOST


# ---- the faults -----------------------------------------------------------------------------------------------------


def test_each_kind_happens_and_no_two_touch_the_same_pack(wrong: list[faults.Fault]) -> None:
    assert {fault.kind for fault in wrong} == set(KINDS)
    touched = Counter(epc for fault in wrong for epc in set(fault.touched))
    assert touched.most_common(1)[0][1] == 1
    assert all(fault.subjects for fault in wrong)


def test_each_kind_can_be_done_and_each_class_can_be_found() -> None:
    assert set(ACTS) == set(KINDS)
    assert {kind.found_as for kind in KINDS.values()} == set(Class) == {found_as for found_as, _ in RULES}


def test_a_stolen_key_is_stolen_once_and_used_after_its_end_where_it_was_stolen() -> None:
    many = faults.draw(made := plan.draw(1, 40_000), Random(1))
    stolen = [fault.holder.gln for fault in many if fault.kind == "stolen_key"]
    assert len(stolen) == len(set(stolen)) == round(KINDS["stolen_key"].often * made.units / 100_000)
    assert {fault.holder.gln for fault in many if fault.kind == "revoked_key"} <= set(stolen)


def test_most_keys_are_never_stolen_however_many_faults_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    often = {name: kind._replace(often=1_000.0) for name, kind in KINDS.items()}
    monkeypatch.setattr(faults, "KINDS", often)
    many = Counter(fault.kind for fault in faults.draw(plan.draw(1, 10_000), Random(1)))
    assert many["stolen_key"] == faults.MOST_ROBBED
    assert many["copy_after"] == 101


# ---- what is made of what the node says -----------------------------------------------------------------------------


def heard(*signals: tuple[Channel, str]) -> Class | str | None:
    journal = Journal()
    for channel, code in signals:
        journal.hear(channel, code, ["it"])
    return journal.found(["it"])


@pytest.mark.parametrize(
    ("signals", "found"),
    [
        ([], None),
        ([(Channel.ALARM, "two_places")], Class.COPY),
        ([(Channel.ALARM, "out_of_chain")], Class.OUT_OF_CHAIN),
        ([(Channel.ALARM, "out_of_chain"), (Channel.HOLDER_SCAN, "seen_elsewhere")], Class.COPY),
        ([(Channel.ALARM, "out_of_chain"), (Channel.SCAN, "seen_elsewhere")], Class.OUT_OF_CHAIN),
        ([(Channel.ALARM, "two_places"), (Channel.REFUSED, "already_commissioned")], Class.NUMBER_REUSED),
        ([(Channel.RECEIVING, "missing")], Class.SHORTAGE),
        ([(Channel.RECEIVING, "missing"), (Channel.ALARM, "out_of_chain")], Class.OUT_OF_CHAIN),
        ([(Channel.RECEIVING, "beside_all"), (Channel.ALARM, "out_of_chain")], Class.LOST_FILE),
        ([(Channel.REFUSED, "no_such_code")], "other"),
        *(([(Channel.HOLDER_SCAN, code)], None) for code in sorted(UNSIGNED)),
    ],
)
def test_of_several_signals_the_first_rule_tells(signals: list[tuple[Channel, str]], found: Class | str | None) -> None:
    assert heard(*signals) == found


# ---- the score ------------------------------------------------------------------------------------------------------


def of(wrong: list[faults.Fault], kind: str) -> faults.Fault:
    return next(fault for fault in wrong if fault.kind == kind)


def test_the_score_tells_found_misjudged_missed_and_false(drawn: plan.Plan, wrong: list[faults.Fault]) -> None:
    journal, files = Journal(), {}
    right, misjudged, by_file = of(wrong, "copy_after"), of(wrong, "made_up"), of(wrong, "false_name")
    journal.hear(Channel.ALARM, "two_places", right.subjects)
    journal.hear(Channel.ALARM, "out_of_chain", misjudged.subjects)
    journal.hear(Channel.REFUSED, "not_your_statement", [f"{by_file.file}: shipped"])
    files[by_file.file] = [f"{by_file.file}: shipped"]
    guilty = {epc for fault in wrong for epc in fault.touched}
    innocent = [pack.epc for _, _, pack in drawn.stock() if pack.epc not in guilty][:4]
    for epc, reason in zip(innocent, ("genuine", "seen_elsewhere", "not_signed_by_sender", "genuine"), strict=True):
        journal.hear_scan(epc, reason, holder=True)
    found = score(drawn, wrong, journal, files, {})
    assert (found.total.faults, found.total.caught, found.total.right) == (len(wrong), 3, 2)
    assert found.rows["made_up"].found_as == {"out_of_chain": 1}
    assert (found.checked, found.unsigned, found.in_doubt) == (4, 1, 0)
    assert [subject for subject, _ in found.false] == [innocent[1]]
    assert found.share_false == 1 / 4


def test_a_key_that_was_stolen_explains_no_doubt_about_what_it_never_signed(
    drawn: plan.Plan, wrong: list[faults.Fault]
) -> None:
    robbed, guilty = of(wrong, "stolen_key").holder, {epc for fault in wrong for epc in fault.touched}
    shelves = [(holder, pack.epc) for holder, _, pack in drawn.stock() if pack.epc not in guilty]
    theirs = next(epc for holder, epc in shelves if holder == robbed)
    others = next(epc for holder, epc in shelves if holder != robbed)
    journal = Journal()
    for epc in (theirs, others):
        journal.hear_scan(epc, "key_compromised", holder=True)
    found = score(drawn, wrong, journal, {}, {})
    assert found.in_doubt == 1
    assert [subject for subject, _ in found.false] == [others]


# ---- a whole run ----------------------------------------------------------------------------------------------------

#: What the node says less of than it is: see README.
NOT_RIGHT = {
    "copy_returned": Class.OUT_OF_CHAIN,  # refused to who sold it last, whose slip it may be: nobody is alarmed
    "forged_paper_of_silent": None,  # of who signs nothing here, every file is told by another
}


def test_every_page_of_alarms_is_read() -> None:
    pages = {
        "/api/v1/alarms": {"alarms": [{"epc": "a"}], "next": "/api/v1/alarms?before=7"},
        "/api/v1/alarms?before=7": {"alarms": [{"epc": "b"}], "next": None},
    }
    node = Node("http://localhost")
    answer = MockTransport(lambda asked: Response(200, json=pages[asked.url.raw_path.decode()]))
    node.http = Client(transport=answer, base_url="http://localhost")
    member = plan.Member(plan.REGULATOR, "Board", "regulator")
    assert [alarm["epc"] for alarm in Party(member, node, Journal(), {}).alarms()] == ["a", "b"]


@pytest.mark.django_db(transaction=True)
def test_a_node_finds_what_is_wrong_and_accuses_nothing_else(drawn: plan.Plan, tmp_path: Path) -> None:
    out, steps, file = StringIO(), StringIO(), tmp_path / "score.json"
    asked = ("--seed", "7", "--units", str(SMALL), "--sample", "60", "--json", str(file))
    call_command("simulate", *asked, stdout=out, stderr=steps)
    found = json.loads(file.read_text())
    assert found == json.loads(out.getvalue().splitlines()[-1])
    assert (found["false"], found["false_alarms"]) == ([], 0)
    assert 60 <= found["checked"] <= 60 + len(drawn.loads)  # and what went an odd way
    for kind, row in found["kinds"].items():
        if kind in NOT_RIGHT:
            assert (row["right"], row["found_as"]) == (0, {str(NOT_RIGHT[kind]): row["faults"]}), kind
        else:
            assert row["caught"] == row["right"] == row["faults"] > 0, (kind, row)
    assert f"load {len(drawn.loads)} of {len(drawn.loads)}" in steps.getvalue()
    with pytest.raises(CommandError, match="not empty"):
        call_command("simulate", stdout=StringIO(), stderr=StringIO())


def test_the_command_refuses_too_few_units_before_it_does_anything(settings: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1,000 to"):
        call_command("simulate", "--units", "10", stdout=StringIO(), stderr=StringIO())
    assert not settings.KEYS_DIR.exists()
