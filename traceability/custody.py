"""Who holds an item, and what may happen to it next (ARCHITECTURE section 4). Pure.

    (state, step) --MOVES--> state          one item, one event

`judgement.py` applies this table to all events of a submission in their order. What it did to an item that the
item's leaf cannot say by itself is the event's plan: it goes to `submission.py`, and to the submitter, who
computes every root again before signing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from partners.gs1.identifiers import gln_of

from .epcis.events import Action, Event, EventType
from .errors import Refusal

VERSION = 2
"""Of MOVES, STEPS and what is asked beside them. A submission is stored with the first version that judges its words as
they are judged now, and a rebuild judges as it was judged:

1  commission, pack, unpack, ship, receive, dispense, decommission
2  and void shipping, return, destroy, export; `retail_selling` dispenses

Each knows all that the one before it knew.
"""


class Status(StrEnum):
    """What an item's custody is."""

    HELD = "held"
    IN_TRANSIT = "in_transit"  # its possessor has shipped it, its consignee not yet received it
    DISPENSED = "dispensed"
    DECOMMISSIONED = "decommissioned"
    DESTROYED = "destroyed"
    EXPORTED = "exported"  # gone where nobody tells of it here


TERMINAL = frozenset({Status.DISPENSED, Status.DECOMMISSIONED, Status.DESTROYED, Status.EXPORTED})


class Step(StrEnum):
    """What an event means for the items it names."""

    COMMISSION = "commission"
    PACK = "pack"
    UNPACK = "unpack"
    SHIP = "ship"
    RECEIVE = "receive"
    DISPENSE = "dispense"
    DECOMMISSION = "decommission"
    OBSERVE = "observe"  # seen by its holder; custody stays
    VOID = "void"  # a shipment is called off: its sender has kept it, or has it again
    RETURN = "return"  # received back; also by a sender whose consignee never told of receiving it
    DESTROY = "destroy"
    EXPORT = "export"


TRADES = frozenset({Step.SHIP, Step.RECEIVE, Step.RETURN, Step.DISPENSE, Step.EXPORT})
"""Steps that only authorized trading partners take."""

HELD_UP = frozenset({Step.PACK, Step.SHIP, Step.DISPENSE, Step.EXPORT})
"""Steps that nobody takes with what a hold lies over."""

RECEIVES = frozenset({Step.RECEIVE, Step.RETURN})
"""Steps of whoever a shipment has come to."""

STAYS = frozenset({Step.PACK, Step.UNPACK, Step.OBSERVE})
"""Steps that leave an item with the party that takes them."""

EXPORTING = "urn:unitproof:bizstep:exporting"
"""CBV 2.0 has no word for leaving the country for good: this one is ours, as its section 7.1 lets users make them."""

RETURNED = "returned"
"""The disposition that makes a receipt a return (CBV 2.0 section 7.2). What is sent back is shipped as ever."""

Words: TypeAlias = Mapping[tuple[str | None, Action], Step]

#: The steps by CBV word and action; any other word with OBSERVE is an observation, with ADD or DELETE it is refused.
#: EPCIS 2.0 section 7.4.2 has DELETE for what ends: nothing that goes on is deleted, called off though it may be.
STEPS: Words = MappingProxyType(
    {
        ("commissioning", Action.ADD): Step.COMMISSION,
        ("shipping", Action.OBSERVE): Step.SHIP,
        ("void_shipping", Action.OBSERVE): Step.VOID,
        ("departing", Action.OBSERVE): Step.OBSERVE,
        ("receiving", Action.OBSERVE): Step.RECEIVE,
        ("accepting", Action.OBSERVE): Step.RECEIVE,
        ("dispensing", Action.OBSERVE): Step.DISPENSE,
        ("dispensing", Action.DELETE): Step.DISPENSE,
        ("retail_selling", Action.OBSERVE): Step.DISPENSE,
        ("retail_selling", Action.DELETE): Step.DISPENSE,
        ("decommissioning", Action.DELETE): Step.DECOMMISSION,
        ("decommissioning", Action.OBSERVE): Step.DECOMMISSION,
        ("destroying", Action.DELETE): Step.DESTROY,
        ("destroying", Action.OBSERVE): Step.DESTROY,
        (EXPORTING, Action.DELETE): Step.EXPORT,
        (EXPORTING, Action.OBSERVE): Step.EXPORT,
    }
)
#: Words that change custody in ways this version does not know: refused rather than taken for an observation.
UNKNOWN_STEPS = frozenset({"void_shipping", "destroying", "killing", "retail_selling", "commissioning"})

_SINCE_2 = frozenset({"void_shipping", "retail_selling", "destroying", EXPORTING})
_STEPS_BY_RULES: Mapping[int, Words] = MappingProxyType(
    {1: MappingProxyType({said: step for said, step in STEPS.items() if said[0] not in _SINCE_2}), 2: STEPS}
)

#: Every lawful move of one item; what is absent is refused.
MOVES: Mapping[tuple[Status | None, Step], Status] = MappingProxyType(
    {
        (None, Step.COMMISSION): Status.HELD,
        (Status.HELD, Step.PACK): Status.HELD,
        (Status.HELD, Step.UNPACK): Status.HELD,
        (Status.HELD, Step.OBSERVE): Status.HELD,
        (Status.HELD, Step.SHIP): Status.IN_TRANSIT,
        (Status.IN_TRANSIT, Step.OBSERVE): Status.IN_TRANSIT,
        (Status.IN_TRANSIT, Step.RECEIVE): Status.HELD,
        (Status.IN_TRANSIT, Step.RETURN): Status.HELD,
        (Status.IN_TRANSIT, Step.VOID): Status.HELD,
        (Status.HELD, Step.DISPENSE): Status.DISPENSED,
        (Status.HELD, Step.DECOMMISSION): Status.DECOMMISSIONED,
        (Status.HELD, Step.DESTROY): Status.DESTROYED,
        (Status.HELD, Step.EXPORT): Status.EXPORTED,
    }
)

ENDS: Mapping[Step, Status] = MappingProxyType(
    {step: status for (_, step), status in MOVES.items() if status in TERMINAL}
)
"""Steps by which an item's life ends, and how it has then."""


def step_of(event: Event, rules: int = VERSION) -> Step:
    """What the event does by that version of the rules. Raises `unlawful_move` for a word and action that no row of
    STEPS knows."""
    if event.type is EventType.AGGREGATION and event.action is not Action.OBSERVE:
        return Step.PACK if event.action is Action.ADD else Step.UNPACK
    step = step_named(event.biz_step, event.action, event.disposition, rules)
    if step is None and event.action is Action.OBSERVE and event.biz_step not in UNKNOWN_STEPS:
        step = Step.OBSERVE
    if step is None:
        raise Refusal(
            f"{event.biz_step or 'no business step'} with action {event.action} is no move this version knows",
            code="unlawful_move",
            expected=", ".join(sorted({f"{word} {action}" for word, action in STEPS})),
            found=f"{event.biz_step} {event.action}",
        )
    return step


def step_named(biz_step: str | None, action: Action, disposition: str | None, rules: int = VERSION) -> Step | None:
    """The step that has a name of its own: a row of STEPS, and of receipts those of what comes back."""
    step = _STEPS_BY_RULES[rules].get((biz_step, action))
    return Step.RETURN if step is Step.RECEIVE and disposition == RETURNED and rules >= 2 else step


def rules_for(events: Iterable[Event]) -> int:
    """The first version by which these events mean what they mean now."""
    said = {(event.biz_step, event.action, event.disposition) for event in events}
    return next(
        version
        for version in range(1, VERSION + 1)
        if all(step_named(*words, rules=version) is step_named(*words, rules=VERSION) for words in said)
    )


def empties(event: Event) -> bool:
    """Whether it takes all out of its parent: EPCIS 2.0 section 7.4.3, a DELETE that names no children. Quantities
    alone move nothing."""
    return event.action is Action.DELETE and not event.epcs and "childQuantityList" not in event.rest


# ---- voices ---------------------------------------------------------------------------------------------------------


class Voice(StrEnum):
    """As whom an event is told."""

    ACTOR = "actor"
    AGENT = "agent"
    REPORTER = "reporter"
    INTAKE = "intake"


SIGNED_BY_PARTY = frozenset({Voice.ACTOR, Voice.AGENT})


@dataclass(frozen=True, slots=True)
class Told:
    """Who speaks: `voice`, and the party spoken for unless the submitter speaks for itself."""

    voice: Voice
    spoken_for: str | None = None  # GLN-13


OperatorOf: TypeAlias = Callable[[str, Event], str]
"""The GLN of the party that operates a location (by its GLN) when an event happened; without master data, itself."""


def possessor(parties: tuple[Mapping[str, str], ...], end: str, event: Event, operator_of: OperatorOf) -> str | None:
    """Who possesses, by a source or destination list: `possessing_party`, else the operator of `location`,
    else `owning_party` (ARCHITECTURE section 4)."""
    by_type = {party["type"]: gln_of(party[end]) for party in parties}
    location = by_type.get("location")
    if found := by_type.get("possessing_party"):
        return found
    return operator_of(location, event) if location else by_type.get("owning_party")


def new_owner(event: Event) -> str | None:
    """The GLN of whom the items belong to from now on, where the event says so."""
    return next((gln_of(each["destination"]) for each in event.destinations if each["type"] == "owning_party"), None)


def whose_act(event: Event, operator_of: OperatorOf) -> str | None:
    """The GLN of the party whose act the event is, None where it names nobody."""
    step = step_of(event)
    told: str | None = None
    if step in (Step.SHIP, Step.VOID):
        told = possessor(event.sources, "source", event, operator_of)
    elif step in RECEIVES:
        told = possessor(event.destinations, "destination", event, operator_of)
    if told:
        return told
    for place in (event.biz_location, event.read_point):
        if place and (gln := gln_of(str(place["id"]))):
            return operator_of(gln, event)
    return None


Delegated: TypeAlias = Collection[tuple[str, str | None]]
"""For whom the submitter may take which business steps: GLN and step, by delegations in force."""


def voice(event: Event, submitter: str, operator_of: OperatorOf, delegated: Delegated = ()) -> Told:
    """As whom `submitter` tells the event."""
    party = whose_act(event, operator_of)
    if party in (None, submitter):
        return Told(Voice.ACTOR)
    return Told(Voice.AGENT if (party, delegated_step(event)) in delegated else Voice.REPORTER, party)


def delegated_step(event: Event) -> str | None:
    """The word by which a delegation names what the event does: to add to a container is to pack it, and to take out of
    it is to unpack it, whatever its teller calls that."""
    if event.type is EventType.AGGREGATION and event.action is not Action.OBSERVE:
        return "packing" if event.action is Action.ADD else "unpacking"
    return event.biz_step


# ---- heads and plans ------------------------------------------------------------------------------------------------

Content: TypeAlias = "Literal['none', 'unknown'] | tuple[int, bytes]"
"""What is in an item: not known as a container, a container nobody has stated the contents of, or the number and
the root of its children's leaves (FORMATS section 3)."""

NO_CONTENTS: Mapping[str, Content] = MappingProxyType({})
NO_LEAVES: Mapping[str, bytes] = MappingProxyType({})


class Head(NamedTuple):
    """Where an item's linked history ends: its last `i` or `p` leaf, and its content now."""

    leaf: bytes | None  # 32 bytes; None: nothing is known of the item
    content: Content


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What applying one event did that its leaves do not show by themselves; mostly nothing."""

    seen: frozenset[str] = frozenset()  # named, but nothing moves: `s` leaves
    opened: tuple[str, ...] = ()  # containers whose content becomes "unknown" after this event, by no leaf
    restored: Mapping[str, Content] = field(default_factory=lambda: NO_CONTENTS)
    """By an error declaration: the content of these items from before the event that it reverts."""
    standing: Mapping[str, bytes] = field(default_factory=lambda: NO_LEAVES)
    """Children whose leaf in their container's content is not the head they enter this event with."""


PLAIN = EventPlan()
