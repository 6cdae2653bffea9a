"""What a story is made of, and what must be true after any: stories are told in `tests/world.py`."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from partners.models import Role
from tests.world import CASE_GTIN, Party, World, document, gln, pallet
from traceability import capture
from traceability.custody import PLAIN, Told, Voice
from traceability.epcis.documents import parse
from traceability.errors import Conflict, Refusal
from traceability.models import Containment, Event, ExceptionCase, Item, Move, Submission
from traceability.rebuild import rebuild
from traceability.statements import Submission as Said
from traceability.submission import Opening, content_root, grow, payload

# ---- what the record says -------------------------------------------------------------------------------------------


def item(epc: str) -> Item:
    return Item.objects.get(epc=epc)


def custody(epc: str) -> tuple[str | None, str | None]:
    """Status and possessor, as the outermost container has them."""
    found = item(epc)
    while inside := Containment.objects.filter(item=found, closed=None).select_related("parent").first():
        found = inside.parent
    return found.status, found.possessor


def inside_of(epc: str) -> str | None:
    found = Containment.objects.filter(item__epc=epc, closed=None).select_related("parent").first()
    return found.parent.epc if found else None


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Submission, Event, Item, Containment, Move, ExceptionCase))


def exceptions() -> set[str]:
    return set(ExceptionCase.objects.values_list("code", flat=True))


# ---- what must be true after every story ----------------------------------------------------------------------------


def demand_order() -> None:
    """I3 and I8: units are conserved, and custody dropped and replayed comes out equal."""
    assert list(miscounted()) == []
    assert rebuild() == []


def miscounted() -> Iterator[str]:
    """Containers whose stated content is not what is in them."""
    inside: dict[int, list[bytes]] = {}
    for row in Containment.objects.filter(closed=None).select_related("item"):
        inside.setdefault(row.parent_id, []).append(bytes(row.standing or row.item.head or b""))
    for found in Item.objects.all():
        leaves, size = inside.get(found.pk, []), found.content_size
        stated = None if size is None or size < 0 else (size, bytes(found.content_root or b""))
        if (size is None and leaves) or (stated is not None and stated != content_root(leaves)):
            yield found.epc


# ---- what people do -------------------------------------------------------------------------------------------------


def a_pallet(world: World, number: int = 1, cases: int = 2, units: int = 2) -> tuple[str, list[str], list[str]]:
    """A pallet of cases of units, all of the maker's."""
    serials = [f"U{number}{each}" for each in range(cases * units)]
    packs = world.maker.commissions(serial=serials)
    boxes = world.maker.commissions(serial=[f"C{number}{each}" for each in range(cases)], gtin=CASE_GTIN)
    for at, box in enumerate(boxes):
        world.maker.packs(packs[at * units : (at + 1) * units], into=box)
    world.maker.packs(boxes, into=pallet(number))
    return pallet(number), boxes, packs


def a_case(world: World, serial: str, *packs: str) -> str:
    box: str = world.maker.commissions(serial=serial, gtin=CASE_GTIN)
    return world.maker.packs(packs, into=box)


def off_node(world: World, number: int = 900) -> Party:
    """A trading partner that has no account here."""
    return Party(world, gln(number), "Off Node", Role.MANUFACTURER)


def retracted(event: dict[str, Any], at: str = "2026-06-01T00:00:00Z") -> dict[str, Any]:
    return event | {"errorDeclaration": {"declarationTime": at, "reason": "did_not_occur"}}


def refused(code: str, act: Any, *args: Any, error: type[Refusal] = Conflict, **kwargs: Any) -> Refusal:
    """The act is refused with this code, and nothing of it is stored."""
    before = counts()
    with pytest.raises(error) as caught:
        act(*args, **kwargs)
    assert caught.value.code == code
    assert counts() == before
    return caught.value


def held_up(act: Any, *args: Any, **kwargs: Any) -> Refusal:
    """The same, for a hold that lies over something."""
    return refused("on_hold", act, *args, error=Refusal, **kwargs)


def insisting(party: Party, *events: dict[str, Any]) -> None:
    """Hand in events signed without links, as a device does that had no connection."""
    received = document(*events)
    parsed = parse(received, None, capture.limits())
    opening = Opening.draw([Told(Voice.ACTOR) for _ in parsed.events], offline=True)
    tree = grow(parsed, received, opening, {}, {}, [PLAIN for _ in parsed.events])
    said = payload(tree, log="localhost/log", submitter=party.gln, submission=str(uuid.uuid4()), time=party.world.now)
    party.hands_in(received, bytes(opening), Said.parse(said))
