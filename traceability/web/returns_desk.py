"""What comes back, pack by pack as it is scanned: whether it may be sold on, and which sale it comes back from.

Each pack is verified, on record, when it is looked at. A container is no pack: it is taken back, and what is in it is
verified one by one.
"""

from collections.abc import Sequence
from datetime import datetime

from partners.gs1.identifiers import is_sgtin
from partners.models import Partner

from ..dscsa import returns
from .things import Line, read
from .timeline import People

AT_ONCE = 100  # packs that are verified in one answer: half a second; a scanner's come one by one


def look(scans: Sequence[str], reader: Partner, now: datetime) -> list[Line]:
    """What each is, and whether it may be sold on."""
    plain = read(scans, reader, now)
    packs = [line for line in plain if is_sgtin(line.epc)][:AT_ONCE]
    found = {line.scan: returns.check(line.scan, reader, now=now) for line in packs}
    people = People(each.sale.consignee for each in found.values() if each.sale and each.sale.consignee)
    return [_line(line, found.get(line.scan), people) for line in plain]


def _line(line: Line, found: returns.Checked | None, people: People) -> Line:
    if found is None:
        return line
    says = line.says
    if (product := found.answer.product) and product.name:
        says = f"{product.name}, serial number {product.serial}"
    detail = f"may be sold on: {found.sentence}" if found.is_saleable else f"keep apart: {found.sentence}"
    if found.sale and found.sale.consignee:
        detail += f" Sold to {people.named(found.sale.consignee)} on {found.sale.time:%Y-%m-%d}."
    return Line(line.scan, line.epc, says, detail, "verified" if found.is_saleable else "refused")
