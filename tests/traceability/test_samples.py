"""Files as senders send them: the receiver hands them in as reporter, receives what they announce, and dispenses it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from partners.gs1.identifiers import canonical, gln_of
from partners.models import Role
from tests.traceability.story import custody, demand_order, exceptions, inside_of, item
from tests.traceability.test_proving import checked
from tests.world import Party, World
from traceability import capture
from traceability.admitting import admit
from traceability.epcis.errors import DocumentError
from traceability.models import Draft, Event, Item, Sighting, Submission
from traceability.telling import handoff

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "dscsa" / "epcis-1.2"
pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="the conformance data is not there")


@dataclass(frozen=True)
class Sample:
    """A file, and what is in it."""

    name: str
    receiver: str  # as an SGLN: whom it is sold to
    place: str  # and where it is sent
    shipper: str  # whose act the shipping is
    parties: int  # whose acts it tells
    pallet: str
    boxes: tuple[str, ...]
    packs: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def read(self) -> bytes:
        return (SAMPLES / self.name).read_bytes()


GS1_US = Sample(
    "gs1us_r1.3_2.2.1.1_direct_purchase.xml",
    receiver="urn:epc:id:sgln:039999.999999.0",
    place="urn:epc:id:sgln:039999.345678.0",
    shipper="urn:epc:id:sgln:030001.111121.0",
    parties=2,
    pallet="urn:epc:id:sscc:030001.41234567890",
    boxes=tuple(f"urn:epc:id:sgtin:030001.1012345.{serial}" for serial in (110, 111, 121)),
    packs=tuple(f"urn:epc:id:sgtin:030001.0012345.{serial}" for serial in range(11, 23)),
    warnings=("statement_outside_extension",),
)
WHOLESALER = Sample(
    "amerisourcebergen_style_sample.xml",
    receiver="urn:epc:id:sgln:0087701.00000.0",
    place="urn:epc:id:sgln:0716163.01122.0",
    shipper="urn:epc:id:sgln:036123.045689.0",  # a type is misspelled, so that the owner stands for the place
    parties=2,
    pallet="urn:epc:id:sscc:047890.01234567890",
    boxes=("urn:epc:id:sgtin:036800.1012345.22222223333",),
    packs=tuple(f"urn:epc:id:sgtin:036800.0012345.1000000100{n}" for n in (1, 2, 3)),
    warnings=("several_event_lists", "statement_outside_extension", "unknown_source_or_destination_type"),
)
BOTH = [pytest.param(sample, id=sample.name) for sample in (GS1_US, WHOLESALER)]


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> Any:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    world = World()
    yield world
    demand_order()


def joins(world: World, sample: Sample) -> Party:
    """The receiver, with the place it has goods sent to."""
    party = Party(world, str(gln_of(sample.receiver)), "Receiver", Role.DISPENSER)
    admit(party.gln, name=party.name, role=party.role, now=world.passes())
    world.enrols(party)
    world.operates(party, str(gln_of(sample.place)), "Distribution centre")
    return party


@pytest.mark.parametrize("sample", BOTH)
def test_a_senders_file_is_received_unpacked_and_dispensed(world: World, sample: Sample) -> None:
    receiver = joins(world, sample)
    accepted = receiver.submits(sample.read(), content_type="application/xml")
    pallet, shipper = canonical(sample.pallet), str(gln_of(sample.shipper))
    boxes, packs = map(canonical, sample.boxes), [canonical(pack) for pack in sample.packs]
    assert tuple(sorted({warning["code"] for warning in accepted.submission.warnings})) == sample.warnings
    assert set(Event.objects.values_list("voice", flat=True)) == {"reporter"}
    assert Event.objects.values("party").distinct().count() == sample.parties
    assert {custody(pack) for pack in packs} == {("in_transit", shipper)}
    assert item(pallet).consignee == receiver.gln

    members = handoff(shipper, receiver.gln)
    receiver.tells(receiver.teller.observing("receiving", [pallet], world.passes(), **members))
    assert {custody(pack) for pack in packs} == {("held", receiver.gln)}
    box = next(boxes)
    receiver.unpacks([box], out_of=pallet)
    receiver.unpacks(packs[:1], out_of=box)
    receiver.dispenses(packs[0])
    assert custody(packs[0]) == ("dispensed", receiver.gln)
    assert inside_of(packs[1]) == box
    assert exceptions() == set()

    report = checked(world, packs[0], receiver)
    assert [hop.biz_step for hop in report.hops][-4:] == ["receiving", "unpacking", "unpacking", "dispensing"]
    assert {hop.voice for hop in report.hops[:-4]} == {"reporter"}
    assert any(note.amber for note in report.notes)
    checked(world, packs[1], receiver)


@pytest.mark.parametrize("sample", BOTH)
def test_a_file_is_known_when_it_comes_again(world: World, sample: Sample) -> None:
    receiver = joins(world, sample)
    receiver.submits(sample.read(), content_type="application/xml")
    before = list(Item.objects.order_by("pk").values())
    receiver.submits(sample.read(), content_type="application/xml")
    assert list(Item.objects.order_by("pk").values()) == before
    assert Submission.objects.count() == 2


@pytest.mark.parametrize("sample", BOTH)
def test_a_file_of_what_was_already_dispensed_changes_nothing(world: World, sample: Sample) -> None:
    """A second receiver with the same file, and with clones of what is in it: it is known, and moves nothing."""
    receiver = joins(world, sample)
    receiver.submits(sample.read(), content_type="application/xml")
    receiver.dispenses([canonical(pack) for pack in sample.packs])
    world.stranger.submits(sample.read(), content_type="application/xml")
    assert {custody(canonical(pack)) for pack in sample.packs} == {("dispensed", receiver.gln)}


def test_a_file_broken_by_copying_is_refused_with_its_place_and_nothing_is_kept(world: World) -> None:
    broken = (SAMPLES / "malformed" / "hospital_sample_malformed.xml").read_bytes()
    with pytest.raises(DocumentError) as refused:
        capture.draft(broken, world.pharmacy.partner, content_type="application/xml", now=world.now)
    assert (refused.value.code, refused.value.where) == ("malformed_document", "line 65, column 19")
    assert refused.value.detail
    for model in (Draft, Submission, Event, Item, Sighting):
        assert not model.objects.exists()
