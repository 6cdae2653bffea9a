"""What goes as it should: loads, returns, and what is odd and honest."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from ..demo.documents import Pack
from ..telling import Members, Teller
from .party import Party
from .plan import EXPIRY, WHOLESALER, Case, Load, Member
from .stage import Stage

PER_EVENT = 1_000  # EPCs


def tell(stage: Stage, load: Load) -> None:
    """One file of its maker, one of who it goes to, one of each pharmacy. Of who does not sign, the next one who
    does hands in the file as it came."""
    name, maker, to, at = f"load {load.number}", load.maker, stage.parties[load.to.gln], load.begins
    (stage.parties[maker.gln] if maker.signs else to).hands_in(f"{name}: made", *_made(load))
    cases, arrived = [case.epc for case in load.cases], at + timedelta(days=1)
    if load.to.signs:
        to.compares([load.pallet])
    events = [
        to.tell.receiving([load.pallet], arrived, sender=maker.gln),
        to.tell.unpacking(cases, load.pallet, arrived + timedelta(minutes=10)),
    ]
    if not load.deliveries:
        units = [epc for case in load.cases for epc in case.epcs]
        events += [to.tell.unpacking(case.epcs, case.epc, arrived + timedelta(minutes=20)) for case in load.cases] + [
            to.tell.decommissioning(some, arrived + timedelta(minutes=30)) for some in _cut(units)
        ]
    events += [
        to.tell.shipping([case.epc for case in delivered], arrived + timedelta(hours=4), to=pharmacy.gln)
        for pharmacy, delivered in load.deliveries
    ]
    if load.to.signs:
        to.hands_in(f"{name}: received and shipped", *events)
    for at_pharmacy, (pharmacy, delivered) in enumerate(load.deliveries):
        told = [] if load.to.signs else [*(events[:2] if not at_pharmacy else ()), events[2 + at_pharmacy]]
        _delivered(stage, load, stage.parties[pharmacy.gln], delivered, arrived + timedelta(days=1), told)


def _made(load: Load) -> list[Members]:
    """Commissioned, packed, and shipped."""
    tell, at, first = Teller(load.maker.gln), load.begins, load.cases[0]
    units, cases = [epc for case in load.cases for epc in case.epcs], [case.epc for case in load.cases]
    later = [at + timedelta(minutes=10 * n) for n in range(5)]
    return [
        *(tell.commissioning(some, later[0], lot=first.lot, expiry=EXPIRY) for some in _cut(units)),
        *(tell.commissioning(some, later[1], lot=first.lot, expiry=EXPIRY) for some in _cut(cases)),
        *(tell.packing(case.epcs, case.epc, later[2]) for case in load.cases),
        tell.packing(cases, load.pallet, later[3]),
        tell.shipping([load.pallet], later[4], to=load.to.gln),
    ]


def _delivered(
    stage: Stage, load: Load, pharmacy: Party, cases: Sequence[Case], at: datetime, told: Sequence[Members] = ()
) -> None:
    """Received, unpacked, and of what came the signed way a part dispensed."""
    name, epcs = f"load {load.number}: {pharmacy.member.name}", [case.epc for case in cases]
    if told:
        pharmacy.hands_in(f"{name} was sent", *told)
    pharmacy.compares(epcs)
    events = [
        pharmacy.tell.receiving(epcs, at, sender=load.to.gln),
        *(pharmacy.tell.unpacking(case.epcs, case.epc, at + timedelta(minutes=10)) for case in cases),
    ]
    sold_on = [epc for case in cases for epc in case.epcs if epc in stage.plan.dispensed]
    events += [pharmacy.tell.dispensing(some, at + timedelta(hours=8)) for some in _cut(sold_on)]
    pharmacy.hands_in(f"{name} received", *events)


def returns(stage: Stage) -> int:
    """Of each load that everybody signed, one pack comes back, is verified, and is sold to another pharmacy."""
    back: dict[int, tuple[Member, Load, Pack]] = {}
    for holder, load, pack in stage.plan.stock():
        if load.signed and load.number not in back and pack.epc not in stage.guilty:
            back[load.number] = holder, load, pack
    for number, (holder, load, pack) in back.items():
        pharmacy, wholesaler, at = stage.parties[holder.gln], stage.parties[load.to.gln], load.begins
        buyer = stage.parties[next(each for each, _ in load.deliveries if each != holder).gln]
        epcs, days = [pack.epc], [at + timedelta(days=day) for day in range(3, 7)]
        pharmacy.hands_in(f"return {number}: sent", pharmacy.tell.sending_back(epcs, days[0], to=wholesaler.gln))
        wholesaler.node.check_return(pack.elements.scan())
        taken = wholesaler.tell.taking_back(epcs, days[1], sender=pharmacy.gln)
        wholesaler.hands_in(f"return {number}: taken back", taken)
        wholesaler.hands_in(f"return {number}: resold", wholesaler.tell.shipping(epcs, days[2], to=buyer.gln))
        buyer.hands_in(f"return {number}: bought", buyer.tell.receiving(epcs, days[3], sender=wholesaler.gln))
        stage.moved[pack.epc] = buyer.member
    return len(back)


def oddities(stage: Stage) -> int:
    """Of each load that everybody signed, one case goes a way that is not the usual one, and nothing is wrong with
    it: called off and sold to another, scanned before it is received, broken up, sold on twice and told twice."""
    count = 0
    for load in stage.plan.loads:
        case = next((case for case in load.kept if case.epc not in stage.guilty), None)
        if load.signed and case is not None:
            ODD[count % len(ODD)](stage, load, case)
            count += 1
    return count


def called_off(stage: Stage, load: Load, case: Case) -> None:
    wholesaler, (first, second), at = _odd(stage, load)
    epcs, name = [case.epc], f"called off {load.number}"
    wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping(epcs, at[0], to=first.gln))
    wholesaler.hands_in(f"{name}: not shipped", wholesaler.tell.calling_off(epcs, at[1], to=first.gln))
    wholesaler.hands_in(f"{name}: shipped again", wholesaler.tell.shipping(epcs, at[2], to=second.gln))
    _opened(stage, name, second, wholesaler, case, at[3:])


def scanned_early(stage: Stage, load: Load, case: Case) -> None:
    wholesaler, (buyer, _), at = _odd(stage, load)
    name = f"scanned early {load.number}"
    wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping([case.epc], at[0], to=buyer.gln))
    buyer.scans(case.packs[0])
    _opened(stage, name, buyer, wholesaler, case, at[1:])


def broken_up(stage: Stage, load: Load, case: Case) -> None:
    wholesaler, (buyer, _), at = _odd(stage, load)
    name, some = f"broken up {load.number}", case.epcs[:3]
    wholesaler.hands_in(
        f"{name}: unpacked and shipped",
        wholesaler.tell.unpacking(some, case.epc, at[0]),
        wholesaler.tell.shipping(some, at[1], to=buyer.gln),
    )
    buyer.compares(some)
    buyer.hands_in(f"{name}: received", buyer.tell.receiving(some, at[2], sender=wholesaler.gln))
    buyer.scans(case.packs[0])
    wholesaler.scans(case.packs[-1], "verification")


def sold_on_and_told_twice(stage: Stage, load: Load, case: Case) -> None:
    wholesaler, (buyer, _), at = _odd(stage, load)
    others = (each for each in stage.plan.of(WHOLESALER) if each.gln != wholesaler.gln)
    between, name = stage.parties[next(others).gln], f"sold on {load.number}"
    wholesaler.hands_in(f"{name}: shipped", wholesaler.tell.shipping([case.epc], at[0], to=between.gln))
    events = (
        between.tell.receiving([case.epc], at[1], sender=wholesaler.gln),
        between.tell.shipping([case.epc], at[2], to=buyer.gln),
    )
    between.hands_in(f"{name}: received and shipped", *events)
    _opened(stage, name, buyer, between, case, at[3:])
    between.hands_in(f"{name}: received and shipped, again", *events)


def _odd(stage: Stage, load: Load) -> tuple[Party, tuple[Party, Party], list[datetime]]:
    """Its wholesaler, two customers, and some moments after all of the load came where it was to go."""
    first, second = (stage.parties[each.gln] for each, _ in load.deliveries[:2])
    times = [load.begins + timedelta(days=7, hours=hour) for hour in range(6)]
    return stage.parties[load.to.gln], (first, second), times


def _opened(stage: Stage, name: str, buyer: Party, sender: Party, case: Case, at: Sequence[datetime]) -> None:
    """Compared, received, opened, and one pack of it is scanned."""
    buyer.compares([case.epc])
    buyer.hands_in(
        f"{name}: received",
        buyer.tell.receiving([case.epc], at[0], sender=sender.gln),
        buyer.tell.unpacking(case.epcs, case.epc, at[1]),
    )
    buyer.scans(case.packs[0])


#: What is odd, and honest: in turn.
ODD: tuple[Callable[[Stage, Load, Case], None], ...] = (
    called_off,
    scanned_early,
    broken_up,
    sold_on_and_told_twice,
)


def _cut(epcs: Sequence[str]) -> list[Sequence[str]]:
    return [epcs[at : at + PER_EVENT] for at in range(0, len(epcs), PER_EVENT)]
