"""What a hold lies over (FORMATS section 5). Pure."""

from typing import Protocol

from .gs1.identifiers import GTIN_AT, SERIAL_AT, is_sgtin


class Covering(Protocol):
    """One item by its canonical EPC; or all of a product, or of it a lot, or serial numbers from one to another."""

    @property
    def epc(self) -> str | None: ...

    @property
    def gtin(self) -> str | None: ...

    @property
    def lot(self) -> str | None: ...

    @property
    def first(self) -> str | None: ...

    @property
    def last(self) -> str | None: ...


def covers(hold: Covering, epc: str, lot: str | None) -> bool:
    """Whether it lies over this item, by its canonical EPC and the lot that its commissioning told."""
    if hold.gtin is None:
        return epc == hold.epc
    if not is_sgtin(epc) or not epc.startswith(hold.gtin, GTIN_AT) or hold.lot not in (None, lot):
        return False
    return hold.first is None or hold.last is None or _is_between(hold.first, epc[SERIAL_AT:], hold.last)


def _is_between(first: str, serial: str, last: str) -> bool:
    return len(first) == len(serial) and first <= serial <= last
