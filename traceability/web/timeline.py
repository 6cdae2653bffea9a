"""The chain of custody as people read it: the newest on top, one section for each time a party had it.

    hops, oldest first ──> acts, each with what was implied by it ──> stays at a party, newest first

Nothing here decides anything: it finds words and names for what the record says.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from partners.gs1.element_string import parse_scan
from partners.gs1.errors import Gs1Error
from partners.gs1.identifiers import gln_of
from partners.models import Location, Partner

from ..custody import Status, Step
from ..history import Custody, Hop, Implied
from ..models import Event
from ..records import event_of

WORDS = {
    Step.COMMISSION: "Commissioned",
    Step.PACK: "Packed",
    Step.UNPACK: "Taken out",
    Step.SHIP: "Shipped",
    Step.RECEIVE: "Received",
    Step.DISPENSE: "Dispensed",
    Step.DECOMMISSION: "Taken out of use",
    Step.OBSERVE: "Seen",
    Step.VOID: "Called off",
    Step.RETURN: "Taken back",
    Step.DESTROY: "Destroyed",
    Step.EXPORT: "Exported",
}
_IMPLIED = {Implied.RECEIVED: "Received", Implied.TAKEN_OUT: "Taken out of its container"}

NOT_SIGNED_BY_SENDER = "attested by the receiver, not signed by the sender"


@dataclass(frozen=True, slots=True)
class Party:
    """Who, as pages name them."""

    gln: str
    name: str
    role: str  # as people say it
    icon: str = "party"
    known: bool = True  # a partner of this node

    def __str__(self) -> str:
        return self.name


class People:
    """Names for GLNs, all of a page in one query."""

    ICONS = frozenset({"manufacturer", "wholesale_distributor", "dispenser", "regulator"})

    def __init__(self, glns: Iterable[str | None]) -> None:
        self._partners = Partner.objects.in_bulk({gln for gln in glns if gln})

    def named(self, gln: str) -> Party:
        partner = self._partners.get(gln)
        if partner is None:
            return Party(gln, f"GLN {gln}", "not on this node", known=False)
        icon = partner.role if partner.role in self.ICONS else "party"
        return Party(gln, partner.name, partner.get_role_display(), icon)


class Places:
    """Where each hop was read, by the name that the place had then. Two queries a page."""

    def __init__(self, hops: Iterable[Hop]) -> None:
        rows = Event.objects.filter(pk__in=[hop.event for hop in hops]).values_list("pk", "canonical")
        self._glns = {event: self._read_at(canonical) for event, canonical in rows}
        self._locations = Location.objects.operators(gln for gln in self._glns.values() if gln)

    def of(self, hop: Hop) -> str:
        """A party's own number for a place says nothing that its name does not."""
        gln = self._glns.get(hop.event)
        if gln is not None and (found := self._locations.location(gln, hop.time)):
            return found.name
        return "" if gln in (None, hop.party) else f"GLN {gln}"

    @staticmethod
    def _read_at(canonical: bytes | memoryview) -> str | None:
        event = event_of(canonical)
        place = event.read_point or event.biz_location or {}
        return gln_of(str(place.get("id", "")))


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happened, or that followed from one."""

    icon: str
    word: str
    time: datetime
    about: str = ""  # to whom, into what
    place: str = ""
    carried: str = ""  # the container that it happened to
    voice: str = ""  # who signed or attested it
    signed: bool = True
    notes: tuple[str, ...] = ()  # what to be aware of
    index: int | None = None  # of its entry in the log
    submission: str = ""  # UUID, and GLN of who signed it: by which the entry is found
    submitter: str = ""
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """What one party did with it, without another in between."""

    party: Party
    acts: tuple[Act, ...]  # newest first

    @property
    def signed(self) -> bool:
        """Whether everything in it was signed by the party itself: the line is whole."""
        return all(act.signed for act in self.acts)


def stays(epc: str, hops: Iterable[Hop], people: People, places: Places) -> list[Stay]:
    """The whole timeline."""
    told = ((hop, tuple(_acts(epc, hop, before, people, places))) for hop, before in _with_before(hops))
    grouped = [
        Stay(people.named(party), tuple(act for _, acts in list(group)[::-1] for act in acts))
        for party, group in groupby(told, key=lambda pair: pair[0].party)
    ]
    return grouped[::-1]


def glns(hops: Iterable[Hop], custody: Custody | None) -> Iterator[str | None]:
    """Everybody whom the timeline names."""
    for hop in hops:
        yield from (hop.party, hop.consignee, hop.submitter)
    if custody is not None:
        yield from (custody.possessor, custody.consignee)


def whereabouts(custody: Custody | None, people: People) -> str:
    """Where that leaves it, in a sentence; "" for those who see part of the chain only."""
    if custody is None or custody.status is None or custody.possessor is None:
        return ""
    holder = people.named(custody.possessor)
    match custody.status:
        case Status.IN_TRANSIT:
            to = f" to {people.named(custody.consignee)}" if custody.consignee else ""
            return f"On its way from {holder}{to}"
        case Status.DISPENSED:
            return f"Dispensed by {holder}"
        case Status.DECOMMISSIONED:
            return f"Taken out of use by {holder}"
        case Status.DESTROYED:
            return f"Destroyed by {holder}"
        case Status.EXPORTED:
            return f"Exported by {holder}"
    return f"In the hands of {holder}"


def container(epc: str) -> str:
    """A container as people read it off its label.

    >>> container("https://id.gs1.org/00/006141410000000074"), container("https://id.gs1.org/01/50614141123457/21/C1")
    ('container SSCC 006141410000000074', 'case (01)50614141123457(21)C1')
    """
    try:
        elements = parse_scan(epc)
    except Gs1Error:
        return f"container {epc}"
    if elements.sscc:
        return f"container SSCC {elements.sscc}"
    return f"{'case' if elements.gtin else 'container'} {elements}"


# ---- one hop --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Before:
    """What earlier hops say of a later one."""

    sender: str | None = None  # GLN of the party that shipped it last
    consignee: str | None = None  # and of whom to
    inside: Mapping[str, str] = field(default_factory=dict)  # by EPC, what it was packed into

    def after(self, hop: Hop) -> "_Before":
        shipped = hop.step is Step.SHIP and not hop.correction
        sender, consignee = (hop.party, hop.consignee) if shipped else (self.sender, self.consignee)
        return _Before(sender, consignee, {**self.inside, hop.carrier: hop.into} if hop.into else self.inside)


def _with_before(hops: Iterable[Hop]) -> Iterator[tuple[Hop, _Before]]:
    before = _Before()
    for hop in hops:
        yield hop, before
        before = before.after(hop)


def _acts(epc: str, hop: Hop, before: _Before, people: People, places: Places) -> Iterator[Act]:
    """What happened, and below it what follows from it and came before."""
    yield Act(
        icon="correction" if hop.correction else hop.step.value,
        word=f"Declared an error: {WORDS[hop.step].lower()}" if hop.correction else WORDS[hop.step],
        time=hop.time,
        about=_about(hop, before, people),
        place=places.of(hop),
        carried="" if hop.carrier == epc else container(hop.carrier),
        voice=_voice(hop, people),
        signed=hop.signed,
        notes=tuple(_notes(hop)),
        index=(hop.own or hop).index,
        submission=(hop.own or hop).submission,
        submitter=(hop.own or hop).submitter,
    )
    for followed in reversed(hop.implied):
        yield Act("implied", _IMPLIED[followed], hop.time, implied=True)


def _about(hop: Hop, before: _Before, people: People) -> str:
    match hop.step:
        case Step.PACK if hop.into:
            return f"into {container(hop.into)}"
        case Step.UNPACK if hop.carrier in before.inside:
            return f"of {container(before.inside[hop.carrier])}"
        case Step.SHIP if hop.consignee:
            return f"to {people.named(hop.consignee)}"
        case Step.VOID if before.consignee:
            return f"the shipment to {people.named(before.consignee)}"
        case Step.RETURN if before.sender == hop.party and before.consignee:
            return f"from {people.named(before.consignee)}, which never told of receiving it"
        case Step.RECEIVE | Step.RETURN if before.sender and before.sender != hop.party:
            return f"from {people.named(before.sender)}"
        case Step.OBSERVE if hop.biz_step:
            return hop.biz_step.rsplit("/")[-1].replace("_", " ")
    return ""


def _voice(hop: Hop, people: People) -> str:
    """Who answers for it. A hop that its party did not sign is never called signed (ARCHITECTURE section 4)."""
    told = hop.own or hop
    told_by = told.submitter
    signer, party = people.named(told_by), people.named(hop.party)
    if told_by == hop.party:
        return f"signed by the node for {party} (custodial key)" if told.custodial else f"signed by {party}"
    if hop.signed:
        return f"signed by {signer}{' (custodial key)' if told.custodial else ''} for {party}"
    if hop.step is Step.SHIP and hop.submitter == hop.consignee:
        return NOT_SIGNED_BY_SENDER
    return f"attested by {signer}, not signed by {party}"


def _notes(hop: Hop) -> Iterator[str]:
    if hop.offline:
        yield "signed without a link to the step before"
    if hop.compromised:
        yield "signed with a key that others may have had"
    if hop.seen:
        yield "told after others had told of it: it moved nothing"
