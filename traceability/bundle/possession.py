"""Step 11: who possessed the item when, and whether it was that party who spoke (ARCHITECTURE section 4).

What needs the node's master data (who operates a location) is not decided here but marked as the node's word.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from partners.gs1.identifiers import gln_of

from ..custody import ENDS, MOVES, RECEIVES, SIGNED_BY_PARTY, STAYS, TERMINAL, Status, Voice, step_of
from ..custody import Step as Move
from ..epcis.events import Event
from .report import BundleRefused, Note, Step

Signs: TypeAlias = Callable[[str, int], bool]
"""Whether a party, by GLN, had a key in force when the event of this number was logged, as far as is shown."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One event that stands, and who told it."""

    number: int  # of the event in the history
    event: Event
    voice: Voice
    party: str | None  # GLN: whose act it is said to be
    settled: bool = False  # told by others, and since told or taken back by that party itself
    taken_out: bool = False  # of a container that it does not name


@dataclass(frozen=True, slots=True)
class Parties:
    """One end of a shipment: who possesses there, or where it is."""

    possessors: frozenset[str]  # GLNs, any of which may be meant
    exact: bool  # the possessing party is named, or only an owner; else operators of the location count too

    @classmethod
    def of(cls, listed: tuple[Mapping[str, str], ...], end: str) -> "Parties":
        by_type = {party["type"]: gln_of(party[end]) for party in listed}
        location, owner = by_type.get("location"), by_type.get("owning_party")
        if possessor := by_type.get("possessing_party") or (None if location else owner):
            return cls(frozenset({possessor}), True)
        return cls(frozenset(gln for gln in (location, owner) if gln), False)

    def may_mean(self, party: str | None, holder: str | None) -> bool:
        """Whether it is one of them, or another than the sender where the master data say who operates the place."""
        return party in self.possessors or (bool(self.possessors) and not self.exact and party != holder)


class Possession:
    """The holder after each event."""

    def __init__(self, signs: Signs) -> None:
        self.signs = signs
        self.status: Status | None = None
        self.holder: str | None = None
        self.consignee: Parties | None = None  # while in transit
        self.notes: list[Note] = []
        self.implied: dict[int, list[str]] = {}
        self.before: dict[int, tuple[Status | None, str | None, Parties | None]] = {}  # each event, by its number

    def revert(self, number: int) -> None:
        """An event was declared an error: as it was before it."""
        self.status, self.holder, self.consignee = self.before[number]

    def tell(self, told: Telling) -> None:
        """Apply one event. Raises `BundleRefused` where a party tells, as its own act, what it could not do."""
        self.told = told
        self.before[told.number] = self.status, self.holder, self.consignee
        move = step_of(told.event)
        if self.status in TERMINAL:
            self._refuse("after_the_end", f"told after it was {self.status}")
        if move is Move.COMMISSION and self.status is not None:
            self._refuse("unlawful_move", "commissioned, and known before", found=self.status)
        if move is Move.VOID:
            self._called_off()
        if told.voice in SIGNED_BY_PARTY:
            self._by_party(move)
        else:
            self._by_others(move)
        self._whose_act(move)
        received = self._receives(move)
        if received:
            self.implied.setdefault(told.number, []).append(f"received by {told.party}")
        self._settle(move, received)

    def _called_off(self) -> None:
        """Whoever tells of it, a shipment is called off by its sender, while it is on its way; or it is the first that
        others tell of an item."""
        if self.status is None:
            return
        if self.status is not Status.IN_TRANSIT:
            self._refuse("unlawful_move", "no shipment to call off", expected=Status.IN_TRANSIT, found=self.status)
        if self.told.party != self.holder:
            detail, found = "called off by who did not send it", self.told.party
            self._refuse("not_sender", detail, expected=self.holder, found=found)

    def _by_party(self, move: Move) -> None:
        told = self.told
        if self.status is Status.IN_TRANSIT and self.consignee is not None:
            if move in (Move.OBSERVE, Move.VOID, Move.RETURN) and told.party == self.holder:
                return
            self._is_of(self.consignee, "not_consignee", "taken by whom it was not sent to")
        elif self.status is not None:
            if self.holder != told.party:
                self._refuse("not_holder", "told by who did not possess it", expected=self.holder, found=told.party)
            if (self.status, move) not in MOVES:
                self._refuse("unlawful_move", f"no {move} from there", expected="a lawful move", found=self.status)
        if move is Move.SHIP and not Parties.of(told.event.destinations, "destination").possessors:
            self._refuse("consignee_missing", "a shipment says to whom")

    def _whose_act(self, move: Move) -> None:
        """The source possessor ships and calls off, the destination possessor receives, whoever tells of it."""
        event = self.told.event
        if move in (Move.SHIP, Move.VOID):
            self._is_of(Parties.of(event.sources, "source"), "not_source", "sent by who is not its source")
        elif move in RECEIVES:
            destination = Parties.of(event.destinations, "destination")
            self._is_of(destination, "not_destination", "received by who is not its destination")

    def _is_of(self, end: Parties, code: str, detail: str) -> None:
        """Raise unless the party is meant by this end of a shipment; of an end that names nobody, anybody is."""
        if not end.possessors or self.told.party in end.possessors:
            return
        expected = ", ".join(sorted(end.possessors))
        if end.exact:
            self._refuse(code, detail, expected=expected, found=self.told.party)
        self._operates(expected)

    def _operates(self, places: str) -> None:
        sentence = f"That {self.told.party} acts for {places} is the node's word."
        note = Note(Step.HANDOFFS, "operator_unproven", sentence, amber=False, hop=self.told.number)
        if note not in self.notes:  # where the sender shipped to, the receiver says it has received
            self.notes.append(note)

    def _by_others(self, move: Move) -> None:
        """It never moves an item away from a party that signs: the sender; the consignee, where that has taken over."""
        told, holder = self.told, self.holder
        if self.consignee is not None and self._is_taken_over(self.consignee, move):
            self._is_of(self.consignee, "not_consignee", "taken by whom it was not sent to")
            holder = told.party
        if holder and self.signs(holder, told.number) and not (move in STAYS and told.party == holder):
            self._refuse("moved_by_others", "moved away from a party that signs, by another's word", expected=holder)
        if told.settled:
            return
        sentence = f"Attested by another, not signed by {told.party or 'the party whose act it is'}."
        self.notes.append(Note(Step.HANDOFFS, "attested", sentence, hop=told.number))

    def _is_taken_over(self, consignee: Parties, move: Move) -> bool:
        """A consignee that does more than receive has taken over, and what it does is not the sender's any more."""
        return move not in (*RECEIVES, Move.VOID) and consignee.may_mean(self.told.party, self.holder)

    def _receives(self, move: Move) -> bool:
        """Implied: a consignee that does more than look at a whole shipment has received."""
        told = move in RECEIVES or move is Move.VOID  # that it came to somebody, or to nobody
        if self.consignee is None or told or (move is Move.OBSERVE and not self.told.taken_out):
            return False
        operates = not self.consignee.exact and self.told.party != self.holder
        return operates or self.told.party in self.consignee.possessors

    def _settle(self, move: Move, received: bool) -> None:
        told = self.told
        if move is Move.SHIP:
            self.consignee = Parties.of(told.event.destinations, "destination")
            self.status, self.holder = Status.IN_TRANSIT, told.party
        elif move is not Move.OBSERVE or received or self.status is None:
            self.status, self.holder, self.consignee = ENDS.get(move, Status.HELD), told.party, None

    def _refuse(self, code: str, detail: str, expected: str | None = None, found: str | None = None) -> NoReturn:
        where = f"hop {self.told.number}"
        raise BundleRefused(detail, code=code, where=where, expected=expected, found=found)
