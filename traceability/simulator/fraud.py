"""How each kind of fault is done to a chain: one function a kind. What it must be found as is not asked here."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import sleep

from django.conf import settings

from ledger.tlog.cose import PrivateKey

from .. import statements
from ..client import drawn_alone, now
from ..demo.documents import Pack, sold
from ..telling import Teller, document
from .faults import Fault
from .party import Party
from .plan import EXPIRY, FAULTS_BEGIN, OFFICE, Case, Member
from .stage import Stage


def _time(fault: Fault, minutes: int = 0) -> datetime:
    return FAULTS_BEGIN + timedelta(minutes=10 * fault.number + minutes)


def _between(stage: Stage, fault: Fault) -> tuple[Party, Party, Pack, list[datetime]]:
    """Who has it, who comes in, the pack as it is in hand, and some moments."""
    pack = (fault.forged or fault.packs)[0]
    times = [_time(fault, minute) for minute in range(8)]
    return stage.parties[fault.holder.gln], stage.parties[fault.other.gln], pack, times


def copy_after(stage: Stage, fault: Fault) -> None:
    holder, other, pack, _ = _between(stage, fault)
    holder.scans(pack)
    other.scans(pack)


def copy_before(stage: Stage, fault: Fault) -> None:
    _, other, pack, _ = _between(stage, fault)
    stage.shelf[pack.epc] = fault.holder, pack
    other.scans(pack)


def copy_in_transit(stage: Stage, fault: Fault) -> None:
    """The copy is faster than the goods."""
    case, buyer = fault.cases[0], stage.parties[fault.buyer.gln]
    _ship(stage, fault, fault.cases)
    stage.parties[fault.other.gln].scans(case.packs[0])
    _receive(stage, fault, buyer, fault.cases)
    times = _times(fault)
    buyer.hands_in(f"{fault.file}: unpacked", buyer.tell.unpacking(case.epcs, case.epc, times[3]))
    stage.shelf[case.epcs[0]] = fault.buyer, case.packs[0]


def copy_claimed(stage: Stage, fault: Fault) -> None:
    _, other, pack, times = _between(stage, fault)
    stage.shelf[pack.epc] = fault.holder, pack
    other.claims(f"{fault.file}: received", other.tell.receiving([pack.epc], times[0], sender=fault.load.to.gln))


def copy_returned(stage: Stage, fault: Fault) -> None:
    holder, _, pack, times = _between(stage, fault)
    wholesaler = stage.parties[fault.load.to.gln]
    stage.shelf[pack.epc] = fault.holder, pack
    wholesaler.node.check_return(pack.elements.scan())
    back = wholesaler.tell.taking_back([pack.epc], times[0], sender=holder.gln)
    wholesaler.claims(f"{fault.file}: taken back", back)


def scanned_elsewhere(stage: Stage, fault: Fault) -> None:
    _, other, pack, _ = _between(stage, fault)
    other.scans(pack)


def dispensed_twice(stage: Stage, fault: Fault) -> None:
    _, other, pack, times = _between(stage, fault)
    other.claims(f"{fault.file}: dispensed", other.tell.dispensing([pack.epc], times[0]))


def diverted_case(stage: Stage, fault: Fault) -> None:
    kept, gone = fault.cases
    _ship(stage, fault, fault.cases)
    _receive(stage, fault, stage.parties[fault.buyer.gln], [kept])
    _receive(stage, fault, stage.parties[fault.other.gln], [gone], claimed=True)


def scanned_by_holder(stage: Stage, fault: Fault) -> None:
    holder, _, pack, _ = _between(stage, fault)
    holder.scans(pack)


def number_reused(stage: Stage, fault: Fault) -> None:
    maker, pack = stage.parties[fault.load.maker.gln], fault.packs[0]
    again = maker.tell.commissioning([pack.epc], _time(fault), lot="AGAIN", expiry=EXPIRY)
    maker.claims(f"{fault.file}: commissioned again", again)


def not_licensed(stage: Stage, fault: Fault) -> None:
    other, epcs = stage.parties[fault.other.gln], [pack.epc for pack in fault.forged]
    made = other.tell.commissioning(epcs, _time(fault), lot=fault.forged[0].lot, expiry=EXPIRY)
    other.hands_in(f"{fault.file}: commissioned", made)


def forged_signature(stage: Stage, fault: Fault) -> None:
    """With the account of its holder, and a key that nobody vouched for."""
    holder, other, pack, times = _between(stage, fault)
    received = document(holder.tell.shipping([pack.epc], times[0], to=other.gln), **sold())
    opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
    signed = statements.sign(said, PrivateKey.generate())
    holder.sends(f"{fault.file}: shipped", document=received, opening=bytes(opening), statement=signed)


def altered_file(stage: Stage, fault: Fault) -> None:
    """Signed as it should be, and on its way another buyer is written into it."""
    holder, other, pack, times = _between(stage, fault)
    received = document(holder.tell.shipping([pack.epc], times[0], to=fault.load.to.gln), **sold())
    opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
    altered = json.loads(received)
    altered["epcisBody"]["eventList"][0] |= holder.tell.shipping([pack.epc], times[0], to=other.gln)
    parts = {"opening": bytes(opening), "statement": statements.sign(said, holder.key)}
    holder.sends(f"{fault.file}: shipped", document=json.dumps(altered).encode(), **parts)


def false_name(stage: Stage, fault: Fault) -> None:
    """With an account and a key of its own, as somebody else."""
    holder, other, pack, times = _between(stage, fault)
    received = document(holder.tell.shipping([pack.epc], times[0], to=other.gln), **sold())
    opening, said = drawn_alone(received, holder.gln, settings.LOG_ORIGIN)
    signed = statements.sign(said, other.key)
    other.sends(f"{fault.file}: shipped", document=received, opening=bytes(opening), statement=signed)


def forged_paper(stage: Stage, fault: Fault) -> None:
    """Somebody sold packs that its maker never made, with a file in the maker's name, which the buyer believes."""
    other, maker, epcs = stage.parties[fault.other.gln], fault.load.maker, [pack.epc for pack in fault.forged]
    tell, times = Teller(maker.gln), [_time(fault, minute) for minute in range(3)]
    made = tell.commissioning(epcs, times[0], lot=fault.forged[0].lot, expiry=EXPIRY)
    other.hands_in(f"{fault.file}: was sent", made, tell.shipping(epcs, times[1], to=other.gln))
    other.hands_in(f"{fault.file}: received", other.tell.receiving(epcs, times[2], sender=maker.gln))
    for pack in fault.forged:
        other.scans(pack)


def stolen_key(stage: Stage, fault: Fault) -> None:
    """Sold with the holder's own key and account; then the holder notices, and its key ends."""
    holder, other, _, times = _between(stage, fault)
    epcs = [each.epc for each in fault.packs]
    stolen = _next_second()
    holder.hands_in(f"{fault.file}: shipped", holder.tell.shipping(epcs, times[0], to=other.gln))
    other.hands_in(f"{fault.file}: received", other.tell.receiving(epcs, times[1], sender=holder.gln))
    office = stage.parties[OFFICE]
    ended = statements.KeyRevocation(
        about=holder.gln, kid=holder.key.public.kid, compromised=stolen, **stage.said_by(office)
    )
    office.says(f"revocation {fault.number}: key of {holder.member.name}", ended)
    for each in fault.packs:
        other.scans(each)


def revoked_key(stage: Stage, fault: Fault) -> None:
    holder, other, pack, times = _between(stage, fault)
    holder.claims(f"{fault.file}: shipped", holder.tell.shipping([pack.epc], times[0], to=other.gln))


def lapsed_buyer(stage: Stage, fault: Fault) -> None:
    _ship(stage, fault, fault.cases, to=fault.other)


def unverified_return(stage: Stage, fault: Fault) -> None:
    holder, other, pack, times = _between(stage, fault)
    wholesaler = stage.parties[fault.load.to.gln]
    back = wholesaler.gln
    holder.hands_in(f"{fault.file}: sent back", holder.tell.sending_back([pack.epc], times[0], to=back))
    wholesaler.hands_in(
        f"{fault.file}: taken back", wholesaler.tell.taking_back([pack.epc], times[1], sender=holder.gln)
    )
    wholesaler.hands_in(f"{fault.file}: resold", wholesaler.tell.shipping([pack.epc], times[2], to=other.gln))


def wrong_aggregation(stage: Stage, fault: Fault) -> None:
    """Whoever opens the first case finds a pack in it that the record has in the second."""
    first, second = fault.cases
    buyer, times = stage.parties[fault.buyer.gln], _times(fault)
    _ship(stage, fault, fault.cases)
    _receive(stage, fault, buyer, fault.cases)
    found = [second.epcs[0], *first.epcs[1:]]
    buyer.hands_in(f"{fault.file}: unpacked", buyer.tell.unpacking(found, first.epc, times[3]))


def lost_file(stage: Stage, fault: Fault) -> None:
    _receive(stage, fault, stage.parties[fault.buyer.gln], fault.cases, claimed=True)


def late_file(stage: Stage, fault: Fault) -> None:
    wholesaler, case = stage.parties[fault.holder.gln], fault.cases[0]
    before = _time(fault, -5)
    _ship(stage, fault, fault.cases)
    _receive(stage, fault, stage.parties[fault.buyer.gln], fault.cases)
    wholesaler.hands_in(f"{fault.file}: told late", wholesaler.tell.observing("inspecting", [case.epc], before))


def overage(stage: Stage, fault: Fault) -> None:
    _ship(stage, fault, fault.cases[:1])
    _receive(stage, fault, stage.parties[fault.buyer.gln], fault.cases)


def shortage(stage: Stage, fault: Fault) -> None:
    _ship(stage, fault, fault.cases)
    _receive(stage, fault, stage.parties[fault.buyer.gln], fault.cases[:1])


def short_case(stage: Stage, fault: Fault) -> None:
    """Opened at the dock, and counted pack by pack."""
    _ship(stage, fault, fault.cases)
    stage.parties[fault.buyer.gln].compares(fault.cases[0].epcs[1:])


def recalled(stage: Stage, fault: Fault) -> None:
    holder, _, pack, times = _between(stage, fault)
    _hold(stage, fault, stage.parties[fault.load.maker.gln], statements.HoldKind.RECALL)
    holder.hands_in(f"{fault.file}: dispensed", holder.tell.dispensing([pack.epc], times[0]))


def reported_stolen(stage: Stage, fault: Fault) -> None:
    holder, other, pack, _ = _between(stage, fault)
    _hold(stage, fault, holder, statements.HoldKind.STOLEN)
    other.scans(pack)


def _hold(stage: Stage, fault: Fault, by: Party, kind: statements.HoldKind) -> None:
    said = statements.Hold(about=by.gln, hold=kind, reason="simulated", epc=fault.packs[0].epc, **stage.said_by(by))
    by.says(f"{kind} {fault.number}: said", said)


def _times(fault: Fault) -> list[datetime]:
    return [_time(fault, minute) for minute in range(8)]


def _ship(stage: Stage, fault: Fault, cases: Sequence[Case], to: Member | None = None) -> None:
    wholesaler, epcs = stage.parties[fault.holder.gln], [case.epc for case in cases]
    told = wholesaler.tell.shipping(epcs, _time(fault), to=(to or fault.buyer).gln)
    wholesaler.hands_in(f"{fault.file}: shipped", told)


def _receive(stage: Stage, fault: Fault, buyer: Party, cases: Sequence[Case], *, claimed: bool = False) -> None:
    """Compared first, as at every dock."""
    epcs = [case.epc for case in cases]
    buyer.compares(epcs)
    told = buyer.tell.receiving(epcs, _time(fault, 1), sender=fault.holder.gln)
    (buyer.claims if claimed else buyer.hands_in)(f"{fault.file}: {buyer.member.name} received", told)


#: How each kind is done.
ACTS: dict[str, Callable[[Stage, Fault], None]] = {
    "copy_after": copy_after,
    "copy_before": copy_before,
    "copy_in_transit": copy_in_transit,
    "copy_claimed": copy_claimed,
    "copy_returned": copy_returned,
    "copy_of_dispensed": scanned_elsewhere,
    "dispensed_twice": dispensed_twice,
    "repacked_and_sold": scanned_elsewhere,
    "diverted_pack": scanned_elsewhere,
    "diverted_case": diverted_case,
    "relabelled_expiry": scanned_by_holder,
    "relabelled_lot": scanned_by_holder,
    "made_up": scanned_by_holder,
    "number_reused": number_reused,
    "not_licensed": not_licensed,
    "forged_signature": forged_signature,
    "altered_file": altered_file,
    "false_name": false_name,
    "forged_paper": forged_paper,
    "forged_paper_of_silent": forged_paper,
    "stolen_key": stolen_key,
    "revoked_key": revoked_key,
    "lapsed_buyer": lapsed_buyer,
    "unverified_return": unverified_return,
    "wrong_aggregation": wrong_aggregation,
    "lost_file": lost_file,
    "late_file": late_file,
    "overage": overage,
    "shortage": shortage,
    "short_case": short_case,
    "recalled": recalled,
    "reported_stolen": reported_stolen,
}


def _next_second() -> datetime:
    """The beginning of a second in which nothing was signed yet: keys are stolen at whole seconds."""
    begun = now()
    while now() == begun:
        sleep(0.01)
    return now()
