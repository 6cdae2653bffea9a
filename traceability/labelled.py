"""What is packed, shipped or dispensed by its label is the pack that the record knows: the same lot and expiry, and not
expired when it goes out. A scan tells what a number alone does not.

Of items that the party has, or is sent: of others nothing is told that their scan does not.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from partners.models import Partner

from . import bulk
from .dscsa.verification import day, day_at
from .errors import Refusal
from .facts import ItemState, Recorded
from .loading import states_of
from .models import Containment
from .moving import ENDS_BEFORE, GOES_ON, Move, Thing


def demand_as_recorded(move: Move, party: Partner, *, now: datetime) -> None:
    """Raise for the first pack whose label is not as its maker recorded, or that has expired. A few queries, whatever
    the number of packs."""
    if move.word not in GOES_ON or not move.things:
        return
    states = states_of(move.epcs)
    mine = {epc: states[epc] for epc in move.epcs if epc in states and states[epc].is_had_by(party.gln)}
    recorded = _recorded(mine)
    for thing in move.things:
        if thing.epc in recorded:
            _demand(move.word, thing, *recorded[thing.epc], today=day_at(now))
    if move.word == "dispense" and not move.everything:
        _demand_single(mine.values())


def _demand_single(items: Iterable[ItemState]) -> None:
    """One scan of a case gives all of it away: that is meant by whoever says so."""
    for item in items:
        if item.content == "stated" and (count := Containment.objects.filter(parent=item.key, closed=None).count()):
            raise Refusal(
                f"{item.epc} is a container with something in it",
                code="container_not_opened",
                epc=item.epc,
                expected="its packs one by one; or all: true, to dispense everything in it",
                found=f"{count} {'pack or container' if count == 1 else 'packs or containers'} in it",
            )


def _demand(word: str, thing: Thing, lot: str | None, expiry: date | None, *, today: date) -> None:
    printed = date.fromisoformat(thing.expiry) if thing.expiry else None
    if lot is not None and thing.lot not in (None, lot):
        raise _refused(thing, "lot_mismatch", "the lot on the pack is not the one that its maker recorded", thing.lot)
    if expiry is not None and printed not in (None, expiry):
        detail = "the expiry date on the pack is not the one that its maker recorded"
        raise _refused(thing, "expiry_mismatch", detail, thing.expiry)
    last = min((each for each in (expiry, printed) if each), default=today)
    if word in ENDS_BEFORE and last < today:
        raise _refused(thing, "expired", f"it has expired: no {word} of it", last.isoformat())


def _refused(thing: Thing, code: str, detail: str, found: str | None) -> Refusal:
    expected = "a pack that verifies: keep this one apart, and look into it"
    return Refusal(f"{thing.epc}: {detail}", code=code, epc=thing.epc, expected=expected, found=found)


def _recorded(items: Mapping[str, ItemState]) -> dict[str, tuple[str | None, date | None]]:
    """Their lots and expiry dates, as their beginnings tell them."""
    keys = {epc: item.begun.key for epc, item in items.items() if isinstance(item.begun, Recorded)}
    begun = sorted(set(keys.values()))
    rows = bulk.select_by("found.id, found.lot, found.expiry", "traceability_event", "id", begun, "bigint")
    told = {key: (lot, day(expiry)) for key, lot, expiry in rows}
    return {epc: told[key] for epc, key in keys.items()}
