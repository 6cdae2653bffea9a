"""What a submission does to the items it names: every event in its order, every move by the table. Pure.

    items, facts, events, voices ──judge──> plans, packings, changes, exceptions, and items as they will be

Nothing here knows a database. `capture.py` loads the items under lock, calls `judge`, and writes what comes out;
`manage.py rebuild_custody` replays every submission through the same function and compares. A `Refusal` leaves
the items half moved: whoever catches one throws the whole `Board` away.
"""

from collections.abc import Iterable, Sequence

from .act import Act
from .custody import PLAIN, SIGNED_BY_PARTY, EventPlan, Told
from .epcis.events import Event
from .errors import Refusal
from .facts import Facts, ItemState, Judgement, Known, Original, OriginalKey
from .reversal import Reversal, key_of, original_of


class Board:
    """The items a submission touches, and the events being applied to them, one after the other."""

    def __init__(self, items: Iterable[ItemState], facts: Facts) -> None:
        self.items = {item.epc: item for item in items}
        self.facts = facts

    def judge(self, events: Sequence[Event], told: Sequence[Told], order: Iterable[int]) -> Judgement:
        """Apply the events in `order` (document positions, FORMATS section 3).

        Raises `Conflict`, `NotAllowed` or `Refusal`, each with its event's position and the EPC it is about.
        """
        self.result = Judgement([PLAIN] * len(events), [""] * len(events))
        self.identities: set[bytes] = set()  # of the events applied so far
        self.ids: dict[tuple[str, str], bytes] = {}  # identity by party and eventID, of those
        self.originals: dict[OriginalKey, Original] | None = None  # kept only where an error is declared
        if any(event.error_declaration is not None for event in events):
            self.originals = dict(self.facts.originals)
        for position in order:
            try:
                self.result.plans[position] = self._judge(position, events[position], told[position])
            except Refusal as refusal:
                refusal.where = f"event {position}" + (f": {refusal.where}" if refusal.where else "")
                raise
        return self.result

    def _judge(self, position: int, event: Event, told: Told) -> EventPlan:
        party = self.result.parties[position] = told.spoken_for or self.facts.submitter
        signed = told.voice in SIGNED_BY_PARTY
        before = self.facts.known.get(event.identity)
        raises = before if before is not None and signed and before.told not in SIGNED_BY_PARTY else None
        if event.identity in self.identities or (before is not None and raises is None):
            self.result.copies.add(position)  # a resend is known, not an error
            if signed or before is None or self.facts.submitter in before.tellers:
                self.result.resends.add(position)
            return EventPlan(seen=frozenset(event.named))
        self.identities.add(event.identity)
        if signed and event.event_id is not None and event.error_declaration is None:
            self._check_id(event, party, event.event_id)
        if raises is not None:
            self.result.superseded.append(raises.key)
        act = self._act(position, event, told, raises)
        plan = act.apply()
        if self.originals is not None and event.error_declaration is None:
            self.originals[key_of(event, party)] = original_of(act)
        return plan

    def _act(self, position: int, event: Event, told: Told, raises: Known | None) -> Act:
        if self.originals is None or event.error_declaration is None:
            return Act(self.items, self.facts, self.result, position, event, told, raises)
        original = self.originals.get(key_of(event, self.result.parties[position]))
        return Reversal(self.items, self.facts, self.result, position, event, told, original)

    def _check_id(self, event: Event, party: str, event_id: str) -> None:
        """An eventID names one event of its party; what others tell of it takes none."""
        known = self.facts.known_ids.get((party, event_id))
        identity = known.identity if known else self.ids.setdefault((party, event_id), event.identity)
        if identity != event.identity:
            raise Refusal(
                f"eventID {event_id} already names another event of {party}",
                code="event_id_reused",
                where="eventID",
                expected=f"the event whose identity is {identity.hex()}, or an error declaration",
                found=f"an event whose identity is {event.identity.hex()}",
            )
