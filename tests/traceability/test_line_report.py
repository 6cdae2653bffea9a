"""What a line says it has printed: which lines are wrong, each by its number, and what is to be signed if none is."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.traceability.test_serials import gets, numbers, opens
from tests.world import EXPIRY, GTIN, LOT, World, unit
from traceability import line_checks, serials
from traceability.epcis.errors import DocumentError
from traceability.line_checks import Checked, check_report
from traceability.line_report import CSV, FIELDS, JSON, XML, Line, Printed, Wrong, judge, read
from traceability.models import Item

GOOD = {"gtin": GTIN, "serial": "K7F2N04WXR3E", "lot": LOT, "expiry": EXPIRY}


def as_csv(*lines: Mapping[str, str]) -> bytes:
    rows = [",".join(FIELDS), *(",".join(line.get(name, "") for name in FIELDS) for line in lines)]
    return "\r\n".join(rows).encode()


def as_json(*lines: Mapping[str, Any]) -> bytes:
    return json.dumps({"lines": lines}).encode()


def as_xml(*lines: Mapping[str, str]) -> bytes:
    written = "\n".join("<line " + " ".join(f'{name}="{line[name]}"' for name in line) + "/>" for line in lines)
    return f"<lines>\n{written}\n</lines>".encode()


# ---- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "kind", "first"),
    [
        (as_csv(GOOD, GOOD), CSV, 2),
        (b"\xef\xbb\xbf" + as_csv(GOOD, GOOD), CSV, 2),
        (as_csv(GOOD, GOOD).replace(b"\r\n", b"\n") + b"\n\n", CSV, 2),
        (as_json(GOOD, GOOD), JSON, 1),
        (as_xml(GOOD, GOOD), XML, 2),
        (as_xml(GOOD, GOOD), "text/xml", 2),
    ],
)
def test_the_three_forms_say_the_same(data: bytes, kind: str, first: int) -> None:
    lines = read(data, kind, 10)
    assert lines == [Line(first, GOOD), Line(first + 1, GOOD)]
    assert judge(lines[0]) == Printed(first, *GOOD.values())


@pytest.mark.parametrize(
    ("data", "kind", "code", "where"),
    [
        (b"", CSV, "malformed_report", "line 1"),
        (b"GTIN;serial;lot;expiry\n", CSV, "malformed_report", "line 1"),
        (as_csv(), CSV, "malformed_report", None),
        (as_csv() + b'\r\n1,"2', CSV, "malformed_report", "line 2"),
        (as_csv() + b"\r\n\xff", CSV, "not_utf8", "byte 24"),
        (as_csv(*[GOOD] * 11), CSV, "too_many_lines", None),
        (b"", JSON, "malformed_document", "line 1, column 1"),
        (b"[]", JSON, "wrong_type", "the report"),
        (b"{}", JSON, "wrong_type", "lines"),
        (b'{"lines": [1]}', JSON, "wrong_type", "lines: 1"),
        (b'{"lines": [], "more": 1}', JSON, "unknown_member", "more"),
        (b'{"lines": [{"gtin": "1", "gtin": "2"}]}', JSON, "duplicate_member", "line 1, column "),
        (b'{"lines": []}', JSON, "malformed_report", None),
        (b"[" * 100_000, JSON, "too_deep", None),
        (b"", XML, "malformed_report", "line 1, column 1"),
        (b"<lines>", XML, "malformed_report", "line 1, column 8"),
        (b"<report/>", XML, "malformed_report", "line 1"),
        (b"<lines/>", XML, "malformed_report", None),
        (b"<lines>\n<line><line/></line></lines>", XML, "malformed_report", "line 2"),
        (b"<lines><line>text</line></lines>", XML, "malformed_report", "line 1"),
        (b'<!DOCTYPE lines [<!ENTITY a "b">]><lines><line lot="&a;"/></lines>', XML, "doctype", "before the first el"),
    ],
)
def test_what_is_no_report_is_refused_whole(data: bytes, kind: str, code: str, where: str | None) -> None:
    with pytest.raises(DocumentError) as refused:
        read(data, kind, 10)
    assert refused.value.code == code
    assert (refused.value.where or "").startswith(where or "")


@pytest.mark.parametrize(
    ("changed", "where", "code"),
    [
        ({"gtin": "00614141123453"}, "gtin", "bad_check_digit"),
        ({"gtin": "0061414112346"}, "gtin", "bad_check_digit"),
        ({"gtin": "00614141"}, "gtin", "bad_check_digit"),
        ({"gtin": "0061414112345O"}, "gtin", "bad_character"),
        ({"gtin": "urn:epc:id:sgtin:0614141.012345.1"}, "gtin", "bad_length"),
        ({"gtin": ""}, "gtin", "missing_member"),
        ({"serial": "x" * 21}, "serial", "bad_length"),
        ({"serial": "a b"}, "serial", "bad_character"),
        ({"serial": "K7F2#"}, "serial", "bad_character"),
        ({"serial": "é"}, "serial", "bad_character"),
        ({"lot": ""}, "lot", "missing_member"),
        ({"lot": "L" * 21}, "lot", "bad_length"),
        ({"expiry": "2028-02-30"}, "expiry", "bad_date"),
        ({"expiry": "281301"}, "expiry", "bad_date"),
        ({"expiry": "281300"}, "expiry", "bad_date"),
        ({"expiry": "31.12.2028"}, "expiry", "bad_date"),
        ({"expiry": "20281231"}, "expiry", "bad_date"),
        ({"expiry": "2028-W01-1"}, "expiry", "bad_date"),
        ({"colour": "red"}, "colour", "unknown_member"),
    ],
    ids=str,
)
def test_each_line_is_judged_by_itself(changed: dict[str, str], where: str, code: str) -> None:
    (line,) = read(as_json(GOOD | changed), JSON, 1)
    found = judge(line)
    assert isinstance(found, Wrong)
    assert (found.line, found.where, found.code) == (1, where, code)
    assert found.detail
    assert found.expected


def test_a_number_is_no_serial_number() -> None:
    """Whoever writes one has lost the zeros in front."""
    found = judge(*read(as_json(GOOD | {"serial": 12345}), JSON, 1))
    assert isinstance(found, Wrong)
    assert (found.code, found.expected, found.found) == ("wrong_type", "text", "a number")


def test_a_row_that_is_too_short_or_too_long_is_wrong() -> None:
    short, long = (
        judge(line) for line in read(as_csv() + b"\r\n" + f"{GTIN},A1\r\n{GTIN},A1,L1,2028-12-31,x".encode(), CSV, 9)
    )
    assert isinstance(short, Wrong)
    assert isinstance(long, Wrong)
    assert (short.line, short.where, short.code) == (2, "lot", "missing_member")
    assert (long.line, long.where, long.code) == (3, "", "unknown_member")


@pytest.mark.parametrize(
    ("said", "meant"), [("281231", "2028-12-31"), ("280200", "2028-02-29"), ("281200", "2028-12-31")]
)
def test_a_day_is_read_as_on_a_label_too(said: str, meant: str) -> None:
    found = judge(Line(1, GOOD | {"expiry": said}))
    assert isinstance(found, Printed)
    assert found.expiry == meant


def test_a_shorter_gtin_is_the_same_product() -> None:
    found = judge(Line(1, GOOD | {"gtin": "614141123452"}))
    assert isinstance(found, Printed)
    assert found.epc == unit(GOOD["serial"])


# ---- against the books ----------------------------------------------------------------------------------------------


def reports(world: World, *lines: Mapping[str, str], of: Any = None) -> Checked:
    found = read(as_csv(*lines), CSV, 1000)
    return check_report(found, (of or world.maker).partner, now=world.now)


def line(serial: str, **changed: str) -> dict[str, str]:
    return GOOD | {"serial": serial} | changed


def test_a_good_report_is_what_is_signed_next(world: World) -> None:
    serial = numbers(world, gets(world, opens(world), 4))
    lines = [line(serial[0]), line(serial[1], expiry="281231"), line(serial[2], lot="L43"), line(serial[3])]
    checked = reports(world, *lines)
    assert (checked.lines, checked.wrong) == (4, [])
    assert not Item.objects.exists()
    assert checked.document is not None
    world.maker.submits(checked.document)
    assert set(Item.objects.values_list("epc", "begun__lot", "begun__expiry")) == {
        *((unit(each), LOT, EXPIRY) for each in (serial[0], serial[1], serial[3])),
        (unit(serial[2]), "L43", EXPIRY),
    }


def test_every_wrong_line_is_named_with_what_is_wrong(world: World) -> None:
    pool = opens(world)
    good = gets(world, pool, 3)
    back, expiring = gets(world, pool, 1), gets(world, pool, 1, expires=world.now + timedelta(hours=1))
    one, two, used = numbers(world, good)
    (returned,), (expired,) = numbers(world, back), numbers(world, expiring)
    serials.give_back(world.maker.partner, back.block, "cancelled", now=world.now)
    world.maker.commissions(serial=used)
    world.passes(hours=1)
    never = next(serials.numbering(pool).serials(5, 1))
    misread = one[:-1] + "O"
    checked = reports(
        world,
        line(one),
        line(one),
        line(two, gtin="00614141123453"),
        line(returned),
        line(expired),
        line(used),
        line(never),
        line(one[:-1]),
        line(misread),
        line(one[:-1] + "!"),
        line(one, gtin="50614141123457"),
        line(one, gtin="09521050000013"),
    )
    assert checked.document is None
    assert [(each.line, each.where, each.code) for each in checked.wrong] == [
        (3, "serial", "duplicate_epc"),
        (4, "gtin", "bad_check_digit"),
        (5, "serial", "block_returned"),
        (6, "serial", "block_expired"),
        (7, "serial", "already_commissioned"),
        (8, "serial", "serial_not_allocated"),
        (9, "serial", "bad_length"),
        (10, "serial", "lookalike_characters"),
        (11, "serial", "bad_character"),
        (12, "serial", "serial_not_allocated"),
        (13, "gtin", "gtin_not_licensed"),
    ]
    assert checked.wrong[0].found == "the same in line 2"
    assert (checked.wrong[7].expected, checked.wrong[7].found) == ("'0'", f"'O' in '{misread}'")


def test_anothers_numbers_are_no_better_than_made_up(world: World) -> None:
    world.lets_issue(world.distributor, GTIN)
    (serial,) = numbers(world, gets(world, opens(world), 1))
    world.maker.commissions(serial=serial)
    told = [reports(world, line(each), of=world.distributor).wrong for each in (serial, "K7F2N04WXR3E")]
    assert [[each.code for each in wrong] for wrong in told] == [["serial_not_allocated"]] * 2
    assert {each.detail for wrong in told for each in wrong} == {"the product has no pool"}


def test_what_others_have_told_of_its_maker_may_still_say_itself(world: World) -> None:
    (serial,) = numbers(world, gets(world, opens(world), 1))
    world.pharmacy.tells(world.maker.commissioning(unit(serial)))
    checked = reports(world, line(serial))
    assert checked.wrong == []
    assert checked.document is not None
    world.maker.submits(checked.document)


def test_the_queries_that_it_takes_do_not_depend_on_the_lines(world: World) -> None:
    serial = numbers(world, gets(world, opens(world), 200))
    counts = []
    for count in (1, 200):
        with CaptureQueriesContext(connection) as queries:
            assert reports(world, *map(line, serial[:count])).document
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_how_far_it_is_is_told_and_only_grows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_checks, "TOLD_EVERY", 2)
    told: list[int] = []
    lines = read(as_csv(*(GOOD | {"serial": f"X{n}"} for n in range(6))), CSV, 10)
    line_checks.check_report(lines, world.maker.partner, now=world.now, progress=told.append)
    assert told == [0, 1, 2, 3, 4, 5]
