"""A recall from its first word to its closed report: who is told, who sees what, what the file proves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from ledger import log
from partners.models import AccessRecord, Hold
from tests.traceability.test_proving import integrate
from tests.world import GTIN, LOT, Party, World, pallet, unit
from traceability import notices, placing, statements
from traceability.bundle.recalled import Recalled, RecalledReport, Step, examine_recalled
from traceability.dscsa import recall_report, recalling, recalls
from traceability.dscsa.recalls import Standing
from traceability.errors import NotAllowed, NotFound, Refusal
from traceability.models import Notice, Registration
from traceability.proving import entered
from traceability.statements import RecallClass, RecallDepth
from traceability.trust import own_policy

DAY = timedelta(days=1)


def recall(world: World, by: Party, holds: list[str] | None = None, **members: Any) -> str:
    """Its entry."""
    held = holds if holds is not None else [world.holds(by, gtin=GTIN, lot=LOT)]
    told: dict[str, Any] = {
        "classification": RecallClass.II, "depth": RecallDepth.RETAIL, "reason": "particles found",
        "contact": "recalls@maker.example", "answer_by": (world.now + 10 * DAY).replace(microsecond=0),
    }  # fmt: skip
    said = statements.Recall(about=by.gln, holds=tuple(sorted(held)), **{**told, **members}, **world._from(by))
    return world.registers(said, by.key)


def answer(world: World, by: Party, entry: str, *found: int) -> str:
    numbers: dict[str, Any] = dict(zip(recalls.NUMBERS, found, strict=False))
    return world.registers(statements.RecallAnswer(about=by.gln, entry=entry, **numbers, **world._from(by)), by.key)


def close(world: World, by: Party, entry: str, report: bytes) -> str:
    said = statements.RecallClosing(about=by.gln, entry=entry, report=sha256(report).digest(), **world._from(by))
    return world.registers(said, by.key)


def standing(world: World, entry: str, reader: Party) -> Standing:
    return recalls.standing(entry, reader.partner, now=world.now)


def reported(world: World, entry: str, reader: Party) -> tuple[bytes, list[str]]:
    """The report, kept, and the list."""
    integrate(world)
    found = standing(world, entry, reader)
    made = recall_report.report(found, now=world.now)
    recall_report.keep(found, made, now=world.now)
    with ZipFile(BytesIO(made.zipped)) as file:
        assert file.read("report.unitproof") == made.report
        return made.report, file.read("units.csv").decode().splitlines()


def told(world: World, to: Party) -> list[tuple[str, bool]]:
    """What the party was told of recalls, and whether a clock of it runs."""
    placing.place(now=world.now)
    found, _ = notices.notices_of(to.partner)
    return [(each.kind, each.due is not None and each.ended is None) for each in found]


# ---- whom it concerns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (RecallDepth.WHOLESALE, {"distributor": 5}),
        (RecallDepth.RETAIL, {"distributor": 5, "pharmacy": 2, "other_pharmacy": 1}),
        (RecallDepth.CONSUMER, {"distributor": 5, "pharmacy": 3, "other_pharmacy": 1}),
    ],
)
def test_whoever_has_to_act_is_told_to_the_depth_of_it(
    trade: World, depth: RecallDepth, expected: dict[str, int]
) -> None:
    entry = recall(trade, trade.maker, depth=depth)
    rows = Notice.objects.filter(about=f"recall/{entry}").values_list("party", "body__units")
    assert dict(rows) == {getattr(trade, name).gln: units for name, units in expected.items()}
    assert told(trade, trade.pharmacy) == ([("recall.opened", True)] if "pharmacy" in expected else [])
    assert told(trade, trade.stranger) == []


def test_whoever_comes_to_have_some_of_it_later_is_told_then(trade: World) -> None:
    hold = trade.holds(trade.maker, gtin=GTIN, lot=LOT)
    entry = recall(trade, trade.maker, [hold])
    trade.releases(hold, of=trade.maker)
    later = recalling.Later()
    later.tell(now=trade.now)
    assert told(trade, trade.stranger) == []
    trade.distributor.ships(pallet(1), to=trade.stranger)
    later.tell(now=trade.now)
    later.tell(now=trade.now)
    assert told(trade, trade.stranger) == [("recall.opened", True)]
    made, _ = reported(trade, entry, trade.maker)
    close(trade, trade.maker, entry, made)
    trade.pharmacy.ships(unit("A5"), to=trade.authority)
    later.tell(now=trade.now)
    assert not Notice.objects.filter(party=trade.authority.gln).exists(), "it is over"


def test_what_it_is_about_stays_where_it_is(trade: World) -> None:
    recall(trade, trade.maker)
    with pytest.raises(Refusal, match="recall"):
        trade.distributor.ships(pallet(1), to=trade.pharmacy)


def test_a_walk_from_the_first_word_to_the_closed_report(trade: World) -> None:
    """Two answer, one does not; what is written is what a stranger can check with the node off."""
    entry = recall(trade, trade.maker)
    answer(trade, trade.distributor, entry)
    assert told(trade, trade.distributor) == [("recall.opened", True)], "it was read, and not yet looked for"
    answer(trade, trade.distributor, entry, 5, 0, 0, 0)
    answer(trade, trade.pharmacy, entry, 1, 0, 0, 1)
    assert told(trade, trade.distributor) == [("recall.opened", False)]
    assert [kind for kind, _ in told(trade, trade.maker)] == ["recall.answered"] * 3
    found = standing(trade, entry, trade.maker)
    assert [(each.party, each.answered and each.answered.missing) for each in found.told] == [
        ("dispenser", None), (trade.distributor.gln, 0), (trade.pharmacy.gln, 1),
    ]  # fmt: skip
    first, _ = reported(trade, entry, trade.maker)
    close(trade, trade.maker, entry, first)
    assert told(trade, trade.other_pharmacy) == [("recall.opened", False), ("recall.closed", False)]
    last, listed = reported(trade, entry, trade.regulator)
    report = examine_recalled(last, own_policy(), listed)
    assert (report.failure, report.listed) == (None, True)
    assert report.recall is not None
    assert report.closing is not None
    assert report.status is not None
    assert (report.recall.classification, report.status.units[0]) == ("II", 10)
    assert {row[:3]: row[3] for row in report.status.at} == {
        ("held", trade.distributor.gln, None): 4,
        ("held", trade.maker.gln, None): 2,
        ("held", trade.pharmacy.gln, None): 2,
        ("dispensed", trade.pharmacy.gln, None): 1,
        ("in_transit", trade.distributor.gln, trade.other_pharmacy.gln): 1,
    }
    assert [(each.about, each.found) for each in report.answers] == [
        (trade.distributor.gln, (5, 0, 0, 0)), (trade.pharmacy.gln, (1, 0, 0, 1)),
    ]  # fmt: skip
    assert [note.sentence for note in report.notes if note.code == "unanswered"] == [
        f"Has not answered: {trade.other_pharmacy.gln}."
    ]


# ---- who sees what --------------------------------------------------------------------------------------------------


def test_whoever_recalls_sees_names_of_its_customers_and_of_who_answered_alone(trade: World) -> None:
    entry = recall(trade, trade.maker)
    assert {place[1] for place, _ in standing(trade, entry, trade.maker).radius.at} == {
        trade.maker.gln, trade.distributor.gln, "dispenser",
    }  # fmt: skip
    answer(trade, trade.pharmacy, entry)
    shown = standing(trade, entry, trade.maker)
    assert trade.pharmacy.gln in {place[1] for place, _ in shown.radius.at}
    assert trade.other_pharmacy.gln not in str(shown.radius) + str(shown.told) + str(list(shown.units()))


def test_whoever_was_told_sees_its_own_and_a_stranger_nothing(trade: World) -> None:
    entry = recall(trade, trade.maker)
    own = standing(trade, entry, trade.pharmacy)
    assert len(list(own.units())) == 3
    assert own.own is not None
    assert (own.own.units, own.sees_all) == (2, False)
    with pytest.raises(NotAllowed):
        recall_report.demand(own)
    for nobody, named in ((trade.stranger, entry), (trade.maker, "0" * 64), (trade.stranger, "0" * 64)):
        with pytest.raises(NotFound, match="no recall of this entry concerns you"):
            standing(trade, named, nobody)
    assert [each.entry for each in recalls.recalls_of(trade.pharmacy.partner)[0]] == [entry]
    assert [each.entry for each in recalls.recalls_of(trade.regulator.partner)[0]] == [entry]
    assert recalls.recalls_of(trade.stranger.partner)[0] == []


def test_that_somebody_looked_at_everything_is_recorded(trade: World) -> None:
    entry = recall(trade, trade.maker)
    before = AccessRecord.objects.count()
    standing(trade, entry, trade.pharmacy)
    assert AccessRecord.objects.count() == before
    standing(trade, entry, trade.regulator)
    row = AccessRecord.objects.latest("pk")
    assert (row.reader, row.what, row.purpose, entry in row.subject) == (trade.regulator.gln, "recall", "recall", True)


# ---- what is refused ------------------------------------------------------------------------------------------------


def refused(act: Callable[[], Any], code: str) -> None:
    before = Notice.objects.count()
    with pytest.raises(Refusal) as error:
        act()
    assert error.value.code == code
    assert Notice.objects.count() == before


def test_only_by_holds_of_ones_own_for_a_recall_on_a_product_that_are_in_force(trade: World) -> None:
    others = trade.holds(trade.regulator, gtin=GTIN)
    aside = trade.holds(trade.maker, "quarantine", gtin=GTIN, lot=LOT)
    gone = trade.holds(trade.maker, gtin=GTIN, lot=LOT)
    trade.releases(gone, of=trade.maker)
    good = trade.holds(trade.maker, gtin=GTIN, lot=LOT)
    for holds in ([others], [aside], [gone], ["0" * 64], [good, gone]):
        refused(lambda holds=holds: recall(trade, trade.maker, holds), "no_recall_hold")  # type: ignore[misc]
    recall(trade, trade.maker, [good])


def test_no_time_to_answer(trade: World) -> None:
    refused(lambda: recall(trade, trade.maker, answer_by=trade.now - DAY), "empty_period")


def test_only_whom_it_concerns_answers(trade: World) -> None:
    entry = recall(trade, trade.maker)
    for party in (trade.stranger, trade.maker):
        refused(lambda party=party: answer(trade, party, entry, 0, 0, 0, 0), "unknown_recall")  # type: ignore[misc]
    refused(lambda: answer(trade, trade.pharmacy, "0" * 64), "unknown_recall")
    with pytest.raises(statements.StatementError, match="some of the numbers"):
        answer(trade, trade.pharmacy, entry, 1, 2)


def test_only_whoever_recalls_closes_once_by_a_report_that_was_made(trade: World) -> None:
    entry = recall(trade, trade.maker)
    made, _ = reported(trade, entry, trade.maker)
    refused(lambda: close(trade, trade.distributor, entry, made), "unknown_recall")
    refused(lambda: close(trade, trade.maker, entry, b"another"), "unknown_report")
    close(trade, trade.maker, entry, made)
    refused(lambda: close(trade, trade.maker, entry, made), "recall_closed")
    assert Hold.objects.filter(kind="recall", revoked=None).exists(), "what is held stays held"


# ---- what the file proves -------------------------------------------------------------------------------------------


@pytest.fixture
def filed(trade: World) -> tuple[bytes, list[str]]:
    entry = recall(trade, trade.maker)
    answer(trade, trade.pharmacy, entry, 2, 0, 0, 0)
    return reported(trade, entry, trade.regulator)


def test_whatever_is_done_to_the_list_is_found(filed: tuple[bytes, list[str]]) -> None:
    report, listed = filed
    policy = own_policy()
    assert examine_recalled(report, policy, listed).failure is None
    damaged = {
        "a line less": listed[:-1],
        "a line twice": [*listed, listed[-1]],
        "another order": [listed[0], listed[2], listed[1], *listed[3:]],
        "another state": [*listed[:-1], listed[-1].replace(",held,", ",dispensed,")],
        "another beginning": [*listed[:-1], listed[-1].rpartition(",")[0] + ",0"],
        "no heading": listed[1:],
        "nothing": [],
        "no unit": [*listed[:-1], "x"],
        "quoted": [*listed[:-1], '"' + listed[-1].replace(",", '",', 1)],
    }
    for what, lines in damaged.items():
        failure = examine_recalled(report, policy, lines).failure
        assert failure is not None, what
        assert failure.step is Step.UNITS, what


def test_whatever_is_changed_in_the_report_is_found(filed: tuple[bytes, list[str]]) -> None:
    """Every byte of it counts: each is changed in turn."""
    report, listed = filed
    policy = own_policy()
    for at in range(0, len(report), 7):
        changed = report[:at] + bytes([report[at] ^ 1]) + report[at + 1 :]
        assert examine_recalled(changed, policy, listed).failure is not None, at


def test_an_answer_or_a_hold_less_is_found(filed: tuple[bytes, list[str]]) -> None:
    found = Recalled.parse(filed[0])
    for less in range(len(found.said)):
        said = found.said[:less] + found.said[less + 1 :]
        assert examine_recalled(bytes(replace(found, said=said)), own_policy()).failure is not None


def test_what_was_said_is_what_the_node_has_counted(trade: World) -> None:
    """Whoever has all of the log can prove an older answer to be in it: the node's word names the one that counts."""
    entry = recall(trade, trade.maker)
    old = answer(trade, trade.pharmacy, entry, 3, 0, 0, 0)
    new = answer(trade, trade.pharmacy, entry, 0, 0, 0, 3)
    answer(trade, trade.pharmacy, entry)  # read again: the numbers stand
    report, listed = reported(trade, entry, trade.regulator)
    found = Recalled.parse(report)
    (at,) = (each for each in found.said if each.entry.hex() == new)
    rows = {bytes(row.entry.entry).hex(): row for row in Registration.objects.select_related("entry")}
    others = [each for each in found.said if each is not at]
    for said in ([*others, entered(rows[old])], others):
        indexes = sorted({each.index for each in (found.recall, *said, *found.segment.relied)})
        path = tuple(log.prove_all(indexes, log.latest().size))  # type: ignore[union-attr]
        changed = replace(found, said=tuple(sorted(said, key=lambda each: each.index)),
                          segment=replace(found.segment, path=path))  # fmt: skip
        failure = examine_recalled(bytes(changed), own_policy(), listed).failure
        assert failure is not None
        assert (failure.step, failure.code) == (Step.STATUS, "another_recall")


def test_what_an_authority_recalls_concerns_the_maker_and_verifies(trade: World) -> None:
    hold = trade.holds(trade.regulator, gtin=GTIN, lot=LOT)
    entry = recall(trade, trade.regulator, [hold])
    assert ("recall.opened", True) in told(trade, trade.maker)
    answer(trade, trade.maker, entry, 2, 0, 0, 0)
    report, listed = reported(trade, entry, trade.regulator)
    assert examine_recalled(report, own_policy(), listed).failure is None
    assert standing(trade, entry, trade.regulator).found == {
        "quarantined": 2, "returned": 0, "destroyed": 0, "missing": 0, "unaccounted": 8,
    }  # fmt: skip


def test_what_a_partys_archive_has_and_the_list_not_was_left_out(filed: tuple[bytes, list[str]]) -> None:
    report, listed = filed
    own = {line.partition(",")[0] for line in listed[1:]}

    def compared(found: set[str]) -> RecalledReport:
        return examine_recalled(report, own_policy(), listed, lambda holds, origin, size: ("0614141001000", found))

    assert (compared(set(own)).failure, compared(set(own)).archived) == (None, "0614141001000")
    failure = compared({*own, "https://id.gs1.org/01/00614141123452/21/HIDDEN"}).failure
    assert failure is not None
    assert (failure.step, failure.code) == (Step.ARCHIVE, "left_out")
