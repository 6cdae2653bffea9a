"""What a verdict says that a pack is: by whom, and as of which day."""

import pytest
from django.test import Client

from partners.descriptions import Told
from tests.traceability.api.conftest import Api
from tests.traceability.test_master_data import Books, document
from tests.traceability.test_verification import ask, scan
from tests.world import GTIN, World

HEADER = "gtin,name,ndc,strength,dosage_form,container_size,labeler,valid_from\n"
FULL = "Examplin,0001-0123-45,5 mg,TABLET,30 TABLET in 1 BOTTLE,Example Labs"


@pytest.fixture
def books(world: World) -> Books:
    return Books(world)


def told(world: World, serial: str = "A1") -> Told | None:
    product = ask(world, scan(serial)).product
    assert product is not None
    return product.described


def test_nobody_has_told_of_it(world: World) -> None:
    world.maker.commissions(serial="A1")
    assert told(world) is None


def test_its_licensee_before_the_operator(world: World, books: Books) -> None:
    world.maker.commissions(serial="A1")
    books.apply(f"{HEADER}{GTIN},{FULL},\n")
    product = ask(world, scan("A1")).product
    assert product is not None
    assert (product.name, product.described_by) == ("Examplin", "operator")
    books.apply(f"gtin,name\n{GTIN},Maker's\n", by=world.maker.gln)
    product = ask(world, scan("A1")).product
    assert product is not None
    assert (product.name, product.described_by) == ("Maker's", "licensee")
    assert product.described is not None
    assert product.described.strength == ""  # nothing is filled in from another


def test_what_others_tell_is_not_said(world: World, books: Books) -> None:
    world.maker.commissions(serial="A1")
    books.apply(document("Reported"), by=world.pharmacy.gln)
    assert told(world) is None


def test_a_pack_is_what_it_was_when_it_was_made(world: World, books: Books) -> None:
    world.maker.commissions(serial="A1")
    books.apply(f"gtin,name\n{GTIN},Old\n", by=world.maker.gln)
    world.passes(days=2)
    books.apply(f"gtin,name\n{GTIN},New\n", by=world.maker.gln)
    world.maker.commissions(serial="A2")
    names = [each and each.name for each in (told(world), told(world, "A2"))]
    assert names == ["Old", "New"]


def test_what_was_only_told_of_later_days_is_better_than_nothing(world: World, books: Books) -> None:
    world.maker.commissions(serial="A1")
    world.passes(days=2)
    books.apply(f"gtin,name,valid_from\n{GTIN},New,{world.now.date()}\n", by=world.maker.gln)
    world.passes(days=1)  # so that it is that day everywhere
    found = told(world)
    assert found is not None
    assert found.name == "New"


def test_a_prefix_that_was_taken_back_makes_it_another_partys_word(world: World, books: Books) -> None:
    entry = world.lets_issue(world.distributor, GTIN)
    books.apply(f"gtin,name\n{GTIN},Distributor's\n", by=world.distributor.gln)
    world.maker.commissions(serial="A1")
    assert told(world) is not None
    world.takes_back(entry, of=world.distributor, by=world.authority)
    assert told(world) is None


def test_the_api_says_it(world: World, books: Books, maker: Api, anybody: Api) -> None:
    world.maker.commissions(serial="A1")
    books.apply(f"{HEADER}{GTIN},{FULL},\n", by=world.maker.gln)
    for api in (maker, anybody):
        product = api.get("/api/v1/verify", scan=scan("A1")).json()["product"]
        assert (product["ndc"], product["strength"], product["dosage_form"]) == ("0001-0123-45", "5 mg", "TABLET")
        assert (product["container_size"], product["labeler"]) == ("30 TABLET in 1 BOTTLE", "Example Labs")
        assert product["described_by"] == "licensee"


def test_the_page_says_it(world: World, books: Books, client: Client) -> None:
    world.maker.commissions(serial="A1")
    books.apply(f"{HEADER}{GTIN},{FULL},\n", by=world.maker.gln)
    page = client.post("/", {"scan": scan("A1")}).text
    for text in ("Examplin", "0001-0123-45", "5 mg", "30 TABLET in 1 BOTTLE", "may issue this product code"):
        assert text in page
