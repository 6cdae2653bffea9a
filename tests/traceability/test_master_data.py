"""What would change is shown, and then that is done, or nothing; and who may say what."""

from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Entry as LogEntry
from partners.descriptions import known, known_places, places_shown_to, products_shown_to
from partners.gs1.identifiers import check_digit
from partners.models import Location, Place, Product
from tests.traceability.test_master_files import GTIN as FDA_GTIN
from tests.traceability.test_master_files import PACKAGE_TXT, PRODUCT_TXT, fda
from tests.world import GTIN, World, gln
from traceability.errors import NotAllowed, Refusal
from traceability.master_data import Change, Difference, apply, bring, compare
from traceability.master_files import PLACES, PRODUCTS, Kind

OTHER = "00614141123469"
OPERATOR = gln(1)
HEADER = "gtin,name,strength,valid_from,valid_to\n"


@dataclass
class Books:
    """Brings files, as somebody."""

    world: World

    def compare(self, text: str | list[bytes], by: str = OPERATOR, kind: Kind = PRODUCTS, **how: Any) -> Difference:
        files = [text.encode()] if isinstance(text, str) else text
        return compare(kind, bring(files, kind), by, now=self.world.now, **how)

    def apply(self, text: str | list[bytes], by: str = OPERATOR, kind: Kind = PRODUCTS, **how: Any) -> Difference:
        files = [text.encode()] if isinstance(text, str) else text
        shown = self.compare(files, by, kind, **how)
        done = apply(kind, bring(files, kind), by, shown.digest, now=self.world.passes(), **how)
        assert done == shown
        again = self.compare(files, by, kind, **how)
        assert (again.entries, again.wrong) == ([], shown.wrong)
        return done

    def standing(self) -> list[tuple[str, str, str, str]]:
        rows = Product.objects.filter(replaced=None).order_by("gtin", "told_by", "valid_from")
        return [
            (row.name, row.strength, "" if row.valid_from == date.min else str(row.valid_from), str(row.valid_to or ""))
            for row in rows
        ]


@pytest.fixture
def books(world: World) -> Books:
    assert settings.OPERATOR_GLN == OPERATOR
    return Books(world)


def wrong(difference: Difference) -> list[tuple[int, str, str]]:
    return [(each.line, each.where, each.code) for each in difference.wrong]


def said(difference: Difference) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    return [
        (each.change, each.key, [tuple(field) for field in each.fields(difference.kind)])  # type: ignore[misc]
        for each in difference.entries
    ]


def test_nothing_is_written_by_looking(books: Books) -> None:
    shown = books.compare(f"gtin,name,ndc\n{GTIN},Examplin,0001-0123-45\n")
    assert said(shown) == [("added", GTIN, [("ndc", "", "0001-0123-45"), ("name", "", "Examplin")])]
    assert not Product.objects.exists()


def test_what_is_applied_is_what_was_shown(books: Books) -> None:
    books.apply(f"gtin,name,ndc\n{GTIN},Examplin,0001-0123-45\n")
    row = Product.objects.get()
    assert (row.gtin, row.name, row.ndc, row.ndc12, row.ndc_format) == (
        GTIN, "Examplin", "0001-0123-45", "000001012345", "4-4-2",
    )  # fmt: skip
    assert (row.told_by, row.source, row.brought_by, row.replaced) == (OPERATOR, "csv", OPERATOR, None)


def test_said_again_nothing_changes(books: Books) -> None:
    table = f"gtin,name\n{GTIN},Examplin\n"
    books.apply(table)
    assert books.compare(table).unchanged == 1


def test_a_field_that_no_column_names_stays(books: Books) -> None:
    books.apply(f"gtin,name,strength,valid_from\n{GTIN},Examplin,5 mg,2026-01-01\n")
    books.apply(f"gtin,name,valid_from\n{GTIN},Examplin forte,2026-01-01\n")
    assert books.standing() == [("Examplin forte", "5 mg", "2026-01-01", "")]
    books.apply(f"gtin,strength,valid_from\n{GTIN},,2026-01-01\n")
    assert books.standing() == [("Examplin forte", "", "2026-01-01", "")]


def test_a_change_begins_today_and_what_was_before_stays_so(books: Books, world: World) -> None:
    today = str(world.now.astimezone(UTC).date())
    books.apply(f"gtin,name\n{GTIN},Examplin\n")
    done = books.apply(f"gtin,name\n{GTIN},Newname\n")
    assert said(done) == [("changed", GTIN, [("name", "Examplin", "Newname"), ("valid_from", "", today)])]
    assert books.standing() == [("Examplin", "", "", today), ("Newname", "", today, "")]
    assert Product.objects.filter(replaced__isnull=False).count() == 1  # that Examplin is so for good


def test_a_correction_of_the_same_day_replaces(books: Books) -> None:
    books.apply(f"{HEADER}{GTIN},Exampiln,5 mg,2026-01-01,\n")
    books.apply(f"{HEADER}{GTIN},Examplin,5 mg,2026-01-01,\n")
    assert books.standing() == [("Examplin", "5 mg", "2026-01-01", "")]


def test_days_that_were_told_before_are_filled_in(books: Books) -> None:
    books.apply(f"{HEADER}{GTIN},New,,2026-01-01,\n")
    done = books.apply(f"{HEADER}{GTIN},Old,,2020-01-01,\n")
    assert [each.change for each in done.entries] == [Change.ADDED]
    assert books.standing() == [("Old", "", "2020-01-01", "2026-01-01"), ("New", "", "2026-01-01", "")]


def test_several_periods_of_one_product_in_one_file(books: Books) -> None:
    table = f"{HEADER}{GTIN},Third,,2026-01-01,\n{GTIN},First,,2020-01-01,\n{GTIN},Second,,2023-01-01,\n"
    books.apply(table)
    assert books.standing() == [
        ("First", "", "2020-01-01", "2023-01-01"),
        ("Second", "", "2023-01-01", "2026-01-01"),
        ("Third", "", "2026-01-01", ""),
    ]


def test_what_ends_ends(books: Books) -> None:
    books.apply(f"{HEADER}{GTIN},A,,2026-01-01,\n")
    done = books.apply(f"{HEADER}{GTIN},A,,2026-01-01,2027-01-01\n")
    assert said(done) == [("ended", GTIN, [("valid_to", "", "2027-01-01")])]
    done = books.apply(f"{HEADER}{GTIN},A,,2026-01-01,\n")  # it goes on after all
    assert said(done) == [("changed", GTIN, [("valid_to", "2027-01-01", "")])]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"{GTIN},A,,2026-01-01,\n{GTIN},B,,2026-01-01,\n", (3, "gtin", "described_twice")),
        (f"{GTIN},A,,2020-01-01,2027-01-01\n", (2, "valid_to", "periods_overlap")),
        (f"{OTHER},A,,,\n", None),
    ],
)
def test_what_cannot_stand_together_is_refused(books: Books, lines: str, expected: tuple[int, str, str] | None) -> None:
    books.apply(f"{HEADER}{GTIN},C,,2026-06-01,\n")
    assert wrong(books.compare(HEADER + lines)) == ([expected] if expected else [])


def test_the_same_line_twice_is_one(books: Books) -> None:
    shown = books.compare(f"{HEADER}{GTIN},A,,,\n{GTIN},A,,,\n")
    assert (len(shown.entries), shown.wrong) == (1, [])


def test_something_has_to_have_a_name(books: Books) -> None:
    assert wrong(books.compare(f"gtin,strength\n{GTIN},5 mg\n")) == [(2, "name", "missing_member")]


def test_good_lines_are_applied_without_the_wrong_ones(books: Books) -> None:
    done = books.apply(f"gtin,name\n{GTIN},A\n{GTIN[:-1]}9,B\n")
    assert (len(done.entries), wrong(done)) == (1, [(3, "gtin", "bad_check_digit")])


def test_what_came_between_is_noticed_and_nothing_is_written(books: Books, world: World) -> None:
    table = f"gtin,name\n{GTIN},A\n".encode()
    shown = books.compare([table])
    books.apply(f"gtin,name\n{GTIN},B\n")
    with pytest.raises(Refusal) as refused:
        apply(PRODUCTS, bring([table], PRODUCTS), OPERATOR, shown.digest, now=world.now)
    assert refused.value.code == "differences_changed"
    assert refused.value.expected == books.compare([table]).digest
    assert books.standing() == [("B", "", "", "")]


def test_another_file_is_not_what_was_shown(books: Books, world: World) -> None:
    digest = books.compare(f"gtin,name\n{GTIN},A\n").digest
    with pytest.raises(Refusal):
        apply(PRODUCTS, bring([f"gtin,name\n{GTIN},B\n".encode()], PRODUCTS), OPERATOR, digest, now=world.now)
    with pytest.raises(Refusal):
        apply(PRODUCTS, bring([f"gtin,name\n{GTIN},A\n".encode()], PRODUCTS), gln(100), digest, now=world.now)


# ---- who may say what -----------------------------------------------------------------------------------------------


def test_a_party_tells_of_the_products_that_it_may_issue(books: Books, world: World) -> None:
    table = f"gtin,name\n{GTIN},A\n{FDA_GTIN},B\n"
    shown = books.compare(table, by=world.maker.gln)
    assert (len(shown.entries), wrong(shown)) == (1, [(3, "gtin", "gtin_not_licensed")])
    assert wrong(books.compare(table, by=world.distributor.gln)) == [
        (2, "gtin", "gtin_not_licensed"), (3, "gtin", "gtin_not_licensed"),
    ]  # fmt: skip


def test_a_prefix_of_one_product_is_of_that_alone(books: Books, world: World) -> None:
    world.lets_issue(world.distributor, FDA_GTIN)
    table = f"gtin,name\n{FDA_GTIN},A\n{GTIN},B\n"
    assert wrong(books.compare(table, by=world.distributor.gln)) == [(3, "gtin", "gtin_not_licensed")]


def test_what_a_party_tells_replaces_nothing_of_others(books: Books, world: World) -> None:
    books.apply(f"gtin,name\n{GTIN},Operator's\n")
    books.apply(f"gtin,name\n{GTIN},Maker's\n", by=world.maker.gln)
    assert Product.objects.filter(replaced=None).count() == 2


def believes(world: World, gtin: str = GTIN) -> str | None:
    told = known([gtin], world.now.date(), operator=OPERATOR).get(gtin)
    return told.name if told else None


def test_who_may_issue_it_is_believed_first_then_the_operator_then_the_fda(books: Books, world: World) -> None:
    world.lets_issue(world.maker, FDA_GTIN)
    books.apply(fda())
    assert believes(world, FDA_GTIN) == "Examplin XR"
    books.apply(f"gtin,name\n{FDA_GTIN},Operator's\n")
    assert believes(world, FDA_GTIN) == "Operator's"
    books.apply(f"gtin,name\n{FDA_GTIN},Maker's\n", by=world.maker.gln)
    assert believes(world, FDA_GTIN) == "Maker's"
    books.apply(f"gtin,name,valid_to\n{FDA_GTIN},Maker's,{world.now.date()}\n", by=world.maker.gln)
    assert believes(world, FDA_GTIN) == "Operator's"


def document(name: str) -> str:
    mda = "urn:epcglobal:cbv:mda#"
    attributes = f'{{"id": "{mda}regulatedProductName", "attribute": "{name}"}}'
    return (
        '{"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"], "type": "EPCISDocument",'
        '"schemaVersion": "2.0", "creationDate": "2026-01-05T08:00:00Z", "epcisHeader": {"epcisMasterData": '
        '{"vocabularyList": [{"type": "urn:epcglobal:epcis:vtype:EPCClass", "vocabularyElementList": [{'
        f'"id": "https://id.gs1.org/01/{GTIN}", "attributes": [{attributes}]}}]}}]}}}},'
        '"epcisBody": {"eventList": []}}'
    )


def test_of_a_place_its_own_word_comes_before_the_operators(books: Books, world: World) -> None:
    def found() -> str | None:
        rows = known_places([world.pharmacy.gln], world.now.date(), operator=OPERATOR)
        return rows[world.pharmacy.gln].name if rows else None

    def table(name: str) -> str:
        return f"gln,name\n{world.pharmacy.gln},{name}\n"

    assert found() is None
    books.apply(table("Operator's"), kind=PLACES)
    assert found() == "Operator's"
    books.apply(table("Own"), by=world.pharmacy.gln, kind=PLACES)
    assert found() == "Own"


def test_what_a_reporter_tells_by_epcis_is_its_own_word_and_nobodys_answer(books: Books, world: World) -> None:
    done = books.apply(document("Reported"), by=world.pharmacy.gln)
    assert (done.brought, done.told_by) == ("epcis", world.pharmacy.gln)
    assert believes(world) is None
    for party, sees in ((world.pharmacy, 1), (world.stranger, 0), (world.maker, 0), (world.regulator, 1)):
        assert products_shown_to(party.partner, OPERATOR).count() == sees, party.name


def test_what_its_licensee_tells_everybody_who_takes_part_may_read(books: Books, world: World) -> None:
    books.apply(document("Maker's"), by=world.maker.gln)
    assert believes(world) == "Maker's"
    for party in (world.maker, world.stranger):
        assert products_shown_to(party.partner, OPERATOR).count() == 1


def test_only_the_operator_brings_the_fdas_directory(books: Books, world: World) -> None:
    with pytest.raises(NotAllowed):
        books.compare(fda(), by=world.maker.gln)
    done = books.apply(fda())
    assert (done.told_by, len(done.entries), len(done.wrong)) == ("FDA", 2, 3)


def test_what_the_directory_no_longer_has_ends_where_it_is_said_to_be_complete(books: Books, world: World) -> None:
    books.apply(fda())
    fewer = fda(PRODUCT_TXT, "\r\n".join(PACKAGE_TXT.split("\r\n")[:2]) + "\r\n")
    assert books.compare(fewer).entries == []
    done = books.apply(fewer, complete=True)
    assert said(done) == [("ended", "00380425030210", [("valid_to", "2026-12-01", str(world.now.date()))])]
    world.passes(days=3)
    done = books.apply(fda(), complete=True)  # listed again
    assert said(done) == [("changed", "00380425030210", [("valid_to", "2026-01-05", "2026-12-01")])]


# ---- places ---------------------------------------------------------------------------------------------------------

PLACE = gln(777)
PLACE_HEADER = "gln,name,operator,city,valid_from,valid_to\n"


def test_the_operators_place_is_a_statement_in_the_log(books: Books, world: World) -> None:
    before = LogEntry.objects.count()
    table = f"{PLACE_HEADER}{PLACE},Dock,{world.distributor.gln},Newark,2026-01-01,\n"
    done = books.apply(table, kind=PLACES)
    assert said(done)[0][2][-1] == ("location statement", "", world.distributor.gln)
    assert LogEntry.objects.count() == before + 1
    row = Location.objects.get(gln=PLACE)
    assert (row.operator_id, row.name, row.vouched_by) == (world.distributor.gln, "Dock", OPERATOR)
    assert Place.objects.get().city == "Newark"
    books.apply(table.replace("Newark", "Trenton"), kind=PLACES)
    assert LogEntry.objects.count() == before + 1  # nothing new is said of whose it is


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{PLACE},Dock,{gln(999)},Newark,2026-01-01,", (2, "operator", "unknown_partner")),
        (f"{gln(100)},Dock,{gln(200)},Newark,2026-01-01,", (2, "gln", "anothers_gln")),
        (f"{PLACE},Dock,{gln(200)},Newark,,", (2, "valid_from", "missing_member")),
    ],
)
def test_no_statement_that_would_be_refused_is_promised(
    books: Books, line: str, expected: tuple[int, str, str]
) -> None:
    shown = books.compare(f"{PLACE_HEADER}{line}\n", kind=PLACES)
    assert (shown.entries, wrong(shown)) == ([], [expected])


def test_a_party_describes_its_own_places_and_says_nothing_of_whose_they_are(books: Books, world: World) -> None:
    def line(place: str) -> str:
        return f"{PLACE_HEADER}{place},Dock,{world.maker.gln},Newark,,\n"

    by = world.distributor.gln
    assert wrong(books.compare(line(PLACE), by=by, kind=PLACES)) == [(2, "gln", "anothers_place")]
    world.operates(world.distributor, PLACE)
    before = LogEntry.objects.count()
    books.apply(line(PLACE), by=by, kind=PLACES)
    books.apply(line(by), by=by, kind=PLACES)
    assert LogEntry.objects.count() == before
    assert places_shown_to(world.stranger.partner, OPERATOR).count() == 2


# ---- as much as comes -----------------------------------------------------------------------------------------------


def test_a_file_of_any_length_is_a_few_queries(books: Books, world: World) -> None:
    def table(count: int, name: str) -> list[bytes]:
        gtins = (payload + check_digit(payload) for payload in (f"0{614141:07d}{n:05d}" for n in range(count)))
        return ["".join(("gtin,name\n", *(f"{gtin},{name}\n" for gtin in gtins))).encode()]

    counts = []
    for count in (3, 1500):
        with CaptureQueriesContext(connection) as queries:
            books.apply(table(count, f"A{count}"), by=world.maker.gln)
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 6
