"""What was to come, and what has: compared before anything is said of it. Pure.

    shipments on their way + what was scanned ──> whole, in part, missing, beside

What is in a container comes with it: to scan the pallet is to have seen all of it. To scan a case of it alone is to
have received a part, and the rest stays on its way.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """An item that nothing else is around."""

    epc: str  # canonical
    units: int | None  # packs in it, itself included; None: nobody has stated what is in it


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one event has shipped, as far as it has not come yet."""

    event: int  # its row
    sender: str  # GLN-13
    shipped: datetime
    papers: tuple[tuple[str, str], ...]  # type (CBV 2.0 section 7.3) and number of each
    items: tuple[OnItsWay, ...]

    @property
    def units(self) -> int | None:
        counts = [item.units for item in self.items]
        return None if None in counts else sum(count for count in counts if count is not None)


@dataclass(frozen=True, slots=True)
class Compared:
    """Expected against seen, by canonical EPC."""

    whole: tuple[str, ...]  # expected, and seen as such
    parts: Mapping[str, tuple[str, ...]]  # of a container that was expected, what was seen of it alone
    missing: tuple[OnItsWay, ...]  # of the shipments of which anything was seen: what was not
    beside: tuple[str, ...]  # seen, and on its way to nobody here
    waiting: tuple[Shipment, ...]  # of which nothing was seen

    @property
    def agrees(self) -> bool:
        """Whether all of what came was to come, and all of that has come."""
        return not (self.parts or self.missing or self.beside)


def compare(shipments: Collection[Shipment], seen: Iterable[str], outermost: Mapping[str, str]) -> Compared:
    """`seen`: what was scanned; `outermost`: the container that the record has each of it in, or itself."""
    expected = {item.epc for shipment in shipments for item in shipment.items}
    scanned = dict.fromkeys(seen)
    whole = [epc for epc in scanned if epc in expected]
    parts: dict[str, list[str]] = {}
    for epc in scanned:
        around = outermost.get(epc, epc)
        if epc not in expected and around in expected and around not in scanned:
            parts.setdefault(around, []).append(epc)
    told = {*whole, *parts}
    inside = {epc for epc in scanned if outermost.get(epc, epc) in expected}
    begun = {shipment.event for shipment in shipments if any(item.epc in told for item in shipment.items)}
    return Compared(
        whole=tuple(whole),
        parts={around: tuple(epcs) for around, epcs in parts.items()},
        missing=tuple(
            item for shipment in shipments if shipment.event in begun for item in shipment.items if item.epc not in told
        ),
        beside=tuple(epc for epc in scanned if epc not in inside),
        waiting=tuple(shipment for shipment in shipments if shipment.event not in begun),
    )
