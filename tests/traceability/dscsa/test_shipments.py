"""What one event shipped: found for who may see it, and proven to the last unit without the node."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.access import Purpose
from partners.gs1.identifiers import Sgtin
from partners.models import AccessRecord
from tests.traceability.epcis.test_xml_out import demand_valid
from tests.traceability.story import a_case, a_pallet, off_node, retracted
from tests.traceability.test_proving import integrate, trusted
from tests.world import CASE_GTIN, GTIN, LOT, Party, World, gln, pallet, unit
from traceability import erasure
from traceability.bundle.report import Result
from traceability.bundle.shipment import Shipment as Proof
from traceability.bundle.shipment import ShipmentReport, Step, examine_shipment
from traceability.dscsa.shipments import Shipment, Wanted, shipment, shipments_of
from traceability.dscsa.statements import Nothing, Transaction, affirmation
from traceability.epcis import xml
from traceability.errors import Erased, NotFound, NotIntegratedYet
from traceability.master_data import describe
from traceability.master_files import PLACES, PRODUCTS, Kind
from traceability.models import Event
from traceability.records import event_of
from traceability.telling import Members, document

HEADER: Members = affirmation() | {
    "epcisMasterData": {
        "vocabularyList": [
            {
                "type": "urn:epcglobal:epcis:vtype:EPCClass",
                "vocabularyElementList": [
                    {
                        "id": f"https://id.gs1.org/01/{GTIN}",
                        "attributes": [
                            {"id": f"cbvmda:{name}", "attribute": value}
                            for name, value in (
                                ("regulatedProductName", "Examplin"),
                                ("strengthDescription", "5 mg"),
                                ("dosageFormType", "TABLET"),
                                ("netContentDescription", "30 tablets"),
                                ("additionalTradeItemIdentification", "0614-1123-45"),
                                ("additionalTradeItemIdentificationTypeCode", "US_FDA_NDC"),
                            )
                        ],
                    }
                ],
            },
            {
                "type": "urn:epcglobal:epcis:vtype:Location",
                "vocabularyElementList": [
                    {
                        "id": f"https://id.gs1.org/414/{number}",
                        "attributes": [
                            {"id": f"cbvmda:{name}", "attribute": value}
                            for name, value in (
                                ("name", called),
                                ("streetAddressOne", "1 Main St"),
                                ("city", "Springfield"),
                                ("state", "NJ"),
                                ("postalCode", "07081"),
                                ("countryCode", "US"),
                            )
                        ],
                    }
                    for number, called in ((gln(100), "Maker Inc."), (gln(300), "Corner Pharmacy"))
                ],
            },
        ]
    }
}


def ships(party: Party, epcs: Any, to: Party, **members: Any) -> Event:
    """With a document that says what the law asks for, and affirms it."""
    event = party.shipping(epcs, to) | members
    done = party.submits(document(event, epcisHeader=HEADER))
    return Event.objects.get(submission=done.submission, position=0)


def last() -> Event:
    return Event.objects.filter(biz_step="shipping").latest("pk")


def seen(world: World, row: Event, reader: Party) -> Shipment:
    return shipment(row.submission.submission, row.position, reader.partner, purpose=Purpose.TRACING, now=world.now)


def proven(world: World, row: Event, reader: Party) -> tuple[Shipment, ShipmentReport]:
    integrate(world)
    found = seen(world, row, reader)
    report = examine_shipment(found.proof, trusted(world))
    assert report.failure is None, report.failure
    return found, report


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


# ---- what is told ---------------------------------------------------------------------------------------------------


def test_all_ten_elements_of_a_pallet_and_the_statement(world: World) -> None:
    load, _, packs = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    made, report = proven(world, row, world.pharmacy)
    told = made.transaction
    (product,) = told.products
    assert (product.name, product.strength, product.dosage_form) == ("Examplin", "5 mg", "TABLET")
    assert (product.ndc, product.container_size, product.containers) == ("0614-1123-45", "30 tablets", len(packs))
    assert [(lot.lot, lot.expiry, len(lot.serials)) for lot in product.lots] == [(LOT, "2028-12-31", len(packs))]
    assert told.transaction_date == "2026-01-05"
    assert told.shipment_date is None
    assert told.seller is not None
    assert told.buyer is not None
    assert (told.seller.gln, told.seller.name) == (world.maker.gln, "Maker Inc.")
    assert told.buyer.address == ("1 Main St", "Springfield NJ 07081", "US")
    assert told.statement.affirmed
    assert told.missing == told.by_node == ()
    assert {report.result(step) for step in Step} == {Result.HOLDS}
    assert (report.signer, report.shipped and report.shipped.party) == (world.maker.gln, world.maker.gln)


def test_whoever_checks_comes_to_the_same_information(world: World) -> None:
    load, _, _ = a_pallet(world)
    made, report = proven(world, ships(world.maker, load, to=world.pharmacy), world.pharmacy)
    assert report.shipped is not None
    assert bytes(Transaction.of(report.shipped, Nothing())) == bytes(made.transaction)
    assert Transaction.parse(bytes(made.transaction)) == made.transaction


def test_what_the_sender_has_not_said_is_the_nodes_word_or_is_missing(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    world.maker.ships(pack, to=world.pharmacy)
    made, report = proven(world, last(), world.pharmacy)
    told = made.transaction
    assert not told.statement.affirmed
    assert told.by_node == ("name of the seller", "name of the buyer")
    assert "strength of " + GTIN in told.missing
    assert "address of the seller" in told.missing
    assert report.shipped is not None
    again = Transaction.of(report.shipped, Transaction.parse(bytes(told)).told_by_node)
    assert bytes(again) == bytes(told)


def test_what_the_sender_leaves_open_stands_in_the_nodes_books_of_that_day(world: World) -> None:
    def tells(kind: Kind, **members: str) -> None:
        describe(kind, members, settings.OPERATOR_GLN, now=world.now)

    product = {"strength": "5 mg", "dosage_form": "TABLET", "container_size": "30", "ndc": "0614-1123-45"}
    tells(PRODUCTS, gtin=GTIN, name="Examplin", valid_to="2026-02-01", **product)
    tells(PRODUCTS, gtin=GTIN, name="Newname", valid_from="2026-02-01", **product)
    address = {"street": "1 Main St", "city": "Springfield", "state": "NJ", "postal_code": "07081", "country": "US"}
    for party in (world.maker, world.pharmacy):
        tells(PLACES, gln=party.gln, name=f"{party.name} Inc.", **address)
    world.maker.ships(world.maker.commissions(serial="A1"), to=world.pharmacy)
    made, report = proven(world, last(), world.pharmacy)
    told = made.transaction
    assert told.missing == ()
    assert (told.products[0].name, told.products[0].ndc) == ("Examplin", "0614-1123-45")
    assert told.buyer is not None
    assert (told.buyer.name, told.buyer.address) == ("Pharmacy Inc.", ("1 Main St", "Springfield NJ 07081", "US"))
    assert "strength of " + GTIN in told.by_node
    assert report.shipped is not None
    assert Transaction.of(report.shipped, Transaction.parse(bytes(told)).told_by_node) == told
    document = xml.parse("".join(made.xml(world.now)).encode())
    assert document.header[f"place:{world.pharmacy.gln}"]["name"] == "Pharmacy Inc."  # type: ignore[index,call-overload]


def test_the_date_of_the_transaction_is_told_where_it_is_another_day(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    row = ships(world.maker, pack, world.pharmacy, **{"http://epcis.gs1us.org/hc/ns#transactionDate": "2026-01-02"})
    told = seen(world, row, world.maker).transaction
    assert (told.transaction_date, told.shipment_date) == ("2026-01-02", "2026-01-05")


def test_packs_by_themselves_and_in_a_case_with_two_lots(world: World) -> None:
    loose = world.maker.commissions(serial=["B1", "B2/x"], lot="L43")
    box = a_case(world, "C1", *world.maker.commissions(serial=["A1", "A2"]))
    made, report = proven(world, ships(world.maker, [*loose, box], to=world.pharmacy), world.pharmacy)
    (product,) = made.transaction.products
    assert [(lot.lot, lot.serials) for lot in product.lots] == [(LOT, ("A1", "A2")), ("L43", ("B1", "B2/x"))]
    assert report.shipped is not None
    assert {each.outermost for each in report.shipped.units} == {box, *loose}


def test_a_case_named_with_what_is_in_it_counts_once(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "A2"])
    box = a_case(world, "C1", *packs)
    made, _ = proven(world, ships(world.maker, [box, *packs], to=world.pharmacy), world.pharmacy)
    assert made.transaction.containers == 2
    assert made.transaction.unstated == ()


def test_what_was_received_is_shipped_on_by_the_distributor(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    ships(world.maker, load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    world.distributor.unpacks(boxes, out_of=load)
    world.distributor.packs([boxes[1]], into=pallet(7))
    made, report = proven(world, ships(world.distributor, [boxes[0], pallet(7)], to=world.pharmacy), world.pharmacy)
    assert made.transaction.containers == len(packs)
    assert made.transaction.products[0].lots[0].lot == LOT
    assert {report.result(step) for step in Step} == {Result.HOLDS}


def test_what_was_inside_then_is_told_whatever_became_of_it(world: World) -> None:
    load, boxes, packs = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    world.pharmacy.receives(load, sender=world.maker)
    world.pharmacy.unpacks(boxes, out_of=load)
    world.pharmacy.unpacks(packs[:1], out_of=boxes[0])
    world.pharmacy.dispenses(packs[0])
    made, _ = proven(world, row, world.pharmacy)
    assert made.transaction.containers == len(packs)


def test_a_container_that_nobody_has_told_the_contents_of_is_named(world: World) -> None:
    load, _, packs = a_pallet(world)
    ships(world.maker, load, to=world.distributor)
    world.distributor.receives(load, sender=world.maker)
    world.distributor.ships(packs[0], to=world.pharmacy)  # out of its case, and that off its pallet, without a word
    made, report = proven(world, ships(world.distributor, [load], to=world.pharmacy), world.distributor)
    assert made.transaction.unstated == (load,)
    assert report.result(Step.CONTENTS) is Result.AMBER


def test_a_senders_file_that_its_receiver_hands_in_is_not_called_signed(world: World) -> None:
    sender = off_node(world)
    pack = unit("A1")
    events = [sender.commissioning(pack), sender.shipping(pack, world.pharmacy)]
    world.pharmacy.submits(document(*events, epcisHeader=HEADER))
    made, report = proven(world, last(), world.pharmacy)
    assert (made.transaction.told, made.transaction.party) == ("reporter", sender.gln)
    assert report.result(Step.SHIPPING) is report.result(Step.LOTS) is Result.AMBER


# ---- as EPCIS 1.2 ---------------------------------------------------------------------------------------------------


def test_as_epcis_1_2_it_is_valid_and_every_event_is_read_back_as_it_was_signed(world: World) -> None:
    load, _, _ = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    made = "".join(seen(world, row, world.pharmacy).xml(world.now)).encode()
    demand_valid(made)
    document = xml.parse(made)
    stored = [event_of(each.canonical).canonical for each in Event.objects.order_by("pk")]
    assert [event.canonical for event in document.events] == stored
    assert document.header["ts:affirmTransactionStatement"] == "true"
    assert document.header["guideline"] == "GS1 US DSCSA R1.3"
    assert document.header[f"product:{GTIN}"]["regulatedProductName"] == "Examplin"  # type: ignore[index,call-overload]
    assert document.header["sender"] == f"https://id.gs1.org/414/{world.maker.gln}"
    assert f"<epc>{Sgtin.parse(unit('U10')).urn(7)}</epc>".encode() in made


def test_of_what_else_an_event_named_the_receiver_is_told_nothing(world: World) -> None:
    packs = world.maker.commissions(serial=["A1", "SIBLING-2", "SIBLING-3"])
    row = ships(world.maker, packs[:1], to=world.pharmacy)
    ships(world.maker, packs[1:], to=world.other_pharmacy)
    found, _ = proven(world, row, world.pharmacy)
    made = "".join(found.xml(world.now)).encode()
    demand_valid(made)
    begun, shipped = xml.parse(made).events
    assert begun.epcs == shipped.epcs == (packs[0],)
    assert begun.event_id is None  # it is not that event
    assert b"SIBLING" not in made
    assert b"SIBLING" not in found.proof


def test_of_another_partys_event_no_more_is_told_than_a_bundle_shows(world: World) -> None:
    pack = world.maker.commissions(serial="A1")
    ships(world.maker, pack, to=world.distributor)
    world.distributor.receives(pack, sender=world.maker)
    row = ships(world.distributor, pack, to=world.pharmacy)
    begun, shipped = seen(world, row, world.pharmacy).events
    assert begun.ilmd
    assert begun.biz_location is begun.read_point is None
    assert shipped.biz_location is not None


# ---- who may see it -------------------------------------------------------------------------------------------------


def test_it_is_for_sender_receiver_and_regulator_and_each_reading_is_recorded(world: World) -> None:
    load, _, _ = a_pallet(world)
    row = ships(world.maker, load, to=world.pharmacy)
    with pytest.raises(NotFound):
        seen(world, row, world.regulator)
    world.opens_case()
    for reader in (world.maker, world.pharmacy, world.regulator):
        seen(world, row, reader)
        record = AccessRecord.objects.latest("pk")
        why = "case 24-117" if reader is world.regulator else "tracing"
        assert (record.reader, record.what, record.purpose) == (reader.gln, "transaction", why)
        assert record.subject == f"urn:uuid:{row.submission.submission}#0"
    before = AccessRecord.objects.count()
    for reader in (world.distributor, world.stranger):
        with pytest.raises(NotFound):
            seen(world, row, reader)
    with pytest.raises(NotFound):
        shipment(UUID(int=7), 0, world.maker.partner, purpose=Purpose.TRACING, now=world.now)
    assert AccessRecord.objects.count() == before


def test_what_names_no_item_no_grant_of_some_products_reaches(world: World) -> None:
    much = {"quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L1", "quantity": 5}]}
    row = ships(world.maker, [], world.pharmacy, **much)
    world.grants(world.pharmacy, world.stranger, "0614149")
    with pytest.raises(NotFound):
        seen(world, row, world.stranger)


def test_whom_a_party_has_granted_it_may_read_what_the_grant_reaches(world: World) -> None:
    load, _, _ = a_pallet(world)
    pack = world.maker.commissions(serial="Z1")
    of_pallet, of_pack = ships(world.maker, load, to=world.pharmacy), ships(world.maker, pack, to=world.pharmacy)
    entry = world.grants(world.pharmacy, world.stranger, GTIN)
    seen(world, of_pack, world.stranger)
    with pytest.raises(NotFound):  # a pallet is of no product
        seen(world, of_pallet, world.stranger)
    world.takes_back(entry, world.pharmacy, world.pharmacy)
    with pytest.raises(NotFound):
        seen(world, of_pack, world.stranger)
    world.grants(world.maker, world.stranger)
    seen(world, of_pallet, world.stranger)


def test_it_is_told_at_once_and_proven_when_the_log_has_it(world: World) -> None:
    integrate(world)
    row = ships(world.maker, world.maker.commissions(serial="A1"), to=world.pharmacy)
    found = seen(world, row, world.pharmacy)
    assert found.transaction.containers == 1
    with pytest.raises(NotIntegratedYet):
        found.proof  # noqa: B018


def test_what_was_erased_is_said_to_be_that(world: World) -> None:
    row = ships(world.maker, world.maker.commissions(serial="A1"), to=world.pharmacy)
    integrate(world)
    erasure.erase(row.submission.submission, reason="asked to", now=world.now)
    with pytest.raises(Erased):
        seen(world, row, world.pharmacy).transaction  # noqa: B018


def test_a_number_of_queries_that_no_unit_adds_to(world: World) -> None:
    def asked(cases: int, units: int, number: int) -> int:
        load, _, _ = a_pallet(world, number=number, cases=cases, units=units)
        row = ships(world.maker, load, to=world.pharmacy)
        integrate(world)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = seen(world, row, world.pharmacy)
            assert found.transaction.containers == cases * units
            found.proof  # noqa: B018
            assert list(found.events)
        return len(queries)

    asked(1, 1, 1)
    assert asked(2, 2, 2) == asked(4, 150, 3)


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.fixture
def proof(world: World) -> Proof:
    load, _, _ = a_pallet(world)
    found, _ = proven(world, ships(world.maker, load, to=world.pharmacy), world.pharmacy)
    return Proof.parse(found.proof)


def damaged(proof: Proof, **members: Any) -> bytes:
    return bytes(replace(proof, told=replace(proof.told, **members)))


def without_one(contents: Any) -> Any:
    number = max(contents, key=lambda each: len(contents[each]))
    return {**contents, number: contents[number][:-1]}


def swapped(contents: Any) -> Any:
    one, other = sorted(contents)[:2]
    return {**contents, one: contents[other], other: contents[one]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda told: {"contents": without_one(told.contents)}, "other_contents"),
        (lambda told: {"contents": {}}, "other_contents"),
        (lambda told: {"contents": swapped(told.contents)}, "other_contents"),
        (lambda told: {"contents": told.contents | {99: (0,)}}, "malformed_bundle"),
        (lambda told: {"ships": (told.ships[0], 7)}, "malformed_bundle"),
    ],
    ids=["one-unit-less", "nothing-inside", "cases-swapped", "no-such-leaf", "no-such-event"],
)
def test_refuses(world: World, proof: Proof, change: Any, code: str) -> None:
    report = examine_shipment(damaged(proof, **change(proof.told)), trusted(world))
    assert report.failure is not None
    assert report.failure.code == code
    assert report.shipped is None


def test_another_event_of_the_same_proof_is_no_shipment(world: World, proof: Proof) -> None:
    hop = proof.told.hops[0]
    ships = (hop.entered.index, hop.events[0].position)
    report = examine_shipment(damaged(proof, ships=ships), trusted(world))
    assert report.failure is not None
    assert report.failure.code == "not_a_shipment"


def test_no_byte_of_it_can_be_another(world: World, proof: Proof) -> None:
    data, policy = bytes(proof), trusted(world)
    for at in range(0, len(data), max(1, len(data) // 150)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert examine_shipment(changed, policy).failure is not None, at


# ---- lists ----------------------------------------------------------------------------------------------------------


def test_a_party_lists_what_it_sent_and_what_it_was_sent(world: World) -> None:
    first = ships(world.maker, world.maker.commissions(serial="A1"), to=world.pharmacy)
    load, _, _ = a_pallet(world)
    second = ships(world.maker, load, to=world.distributor)

    def listed(party: Party, **wanted: Any) -> list[str]:
        rows, following = shipments_of(party.partner, Wanted(**wanted), purpose=Purpose.CUSTODY, now=world.now)
        assert following is None
        return [each.submission for each in rows]

    one, two = str(first.submission.submission), str(second.submission.submission)
    assert listed(world.maker) == [two, one]
    assert listed(world.pharmacy) == [one]
    assert listed(world.stranger) == listed(world.regulator) == []
    assert listed(world.maker, partner=world.distributor.gln) == [two]
    assert listed(world.maker, since=second.event_time) == [two]
    assert listed(world.maker, before=second.event_time) == [one]
    assert listed(world.maker, gtin=CASE_GTIN) == [two]
    assert listed(world.maker, gtin=GTIN, lot=LOT) == [two, one]
    assert listed(world.maker, lot="another") == []
    assert AccessRecord.objects.filter(reader=world.pharmacy.gln, what="transactions").count() == 1


def test_a_shipment_that_was_declared_an_error_is_listed_as_that(world: World) -> None:
    event = world.maker.shipping(world.maker.commissions(serial="A1"), world.pharmacy)
    world.maker.tells(event)
    world.maker.tells(retracted(event))
    (found,), _ = shipments_of(world.maker.partner, Wanted(), purpose=Purpose.CUSTODY, now=world.now)
    assert found.reverted


def test_a_shipment_that_was_called_off_is_listed_as_that_and_the_next_one_is_not(world: World) -> None:
    load, _, _ = a_pallet(world)
    world.maker.ships(load, to=world.pharmacy)
    world.maker.observes(load, step="void_shipping")
    world.maker.ships(load, to=world.distributor)
    found, _ = shipments_of(world.maker.partner, Wanted(), purpose=Purpose.CUSTODY, now=world.now)
    assert [(each.buyer, each.called_off) for each in found] == [
        (world.distributor.gln, False),
        (world.pharmacy.gln, True),
    ]
