"""A world on paper: parties with keys, a log, a node and a verifier's policy, all in memory and without Django.

paper = Paper()
paper.tells(MAKER, commission(8, UNIT), ship(9, UNIT, source=MAKER, to=PHARMACY))
examine(bytes(paper.bundle(UNIT)), paper.policy)
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ledger.tlog.checkpoint import Checkpoint, Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.merkle import EMPTY, leaf_hash, multiproof, root_of
from ledger.tlog.note import Signer
from traceability.authorities import Authority
from traceability.bundle import Bundle, Entered, EventSource, Profile, Report, Source, build, examine
from traceability.bundle.report import Numbered
from traceability.custody import PLAIN, EventPlan, Head, Told, Voice
from traceability.epcis.events import Action, Document, Event, EventType
from traceability.epcis.jcs import JSON
from traceability.ordering import application_order
from traceability.policy import Node, Policy
from traceability.statements import (
    Key,
    KeyAlgorithm,
    KeyState,
    Prefix,
    Registration,
    Status,
    Submission,
    entry,
    sign,
    sign_status,
)
from traceability.submission import Leaf, Opening, Tree, content_root, event_leaf, grow, payload

ORIGIN = "node.example/log"
NOW = datetime(2026, 1, 6, tzinfo=UTC)
MAKER, DISTRIBUTOR, PHARMACY, STRANGER = "0614141007776", "0860001000016", "9521141000014", "9521141000021"
AUTHORITY, OPERATOR = "0614141000029", "9521000000001"
GTIN = "00614141123452"
UNIT, SISTER = (f"https://id.gs1.org/01/{GTIN}/21/U{n}" for n in (1, 2))
CASE = "https://id.gs1.org/01/50614141123457/21/C1"
PALLET = "https://id.gs1.org/00/006141417000000004"
ACTOR, REPORTED = Told(Voice.ACTOR), Told(Voice.REPORTER, STRANGER)


def key_of(name: str) -> PrivateKey:
    return PrivateKey.from_seed(sha256(name.encode()).digest())


# ---- events ---------------------------------------------------------------------------------------------------------


def pgln(gln: str) -> str:
    return f"https://id.gs1.org/417/{gln}"


def event(hour: float, action: Action, step: str | None, *epcs: str, **members: Any) -> Event:
    kind = EventType.AGGREGATION if "parent_id" in members else EventType.OBJECT
    time = f"2026-01-05T{int(hour):02}:{round(hour % 1 * 60):02}:00.000Z"
    place = {"id": "https://id.gs1.org/414/0614141007776"}
    defaults = {"disposition": "active", "read_point": place, "biz_location": place}
    identity = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{time}{action}{step}{epcs}{members}')}"
    return Event(
        kind, time, "+00:00", action, tuple(sorted(epcs)), biz_step=step, event_id=identity, **defaults | members
    )


def commission(hour: float, *epcs: str) -> Event:
    ilmd = {"urn:epcglobal:cbv:mda:itemExpirationDate": "2027-12-31", "urn:epcglobal:cbv:mda:lotNumber": "L42"}
    return event(hour, Action.ADD, "commissioning", *epcs, ilmd=ilmd)


def pack(hour: float, parent: str, *epcs: str) -> Event:
    return event(hour, Action.ADD, "packing", *epcs, parent_id=parent)


def unpack(hour: float, parent: str, *epcs: str) -> Event:
    return event(hour, Action.DELETE, "unpacking", *epcs, parent_id=parent)


def _moving(step: str, hour: float, epcs: tuple[str, ...], sender: str, to: str) -> Event:
    sources = ({"source": pgln(sender), "type": "possessing_party"},)
    destinations = ({"destination": pgln(to), "type": "possessing_party"},)
    return event(hour, Action.OBSERVE, step, *epcs, sources=sources, destinations=destinations)


def ship(hour: float, *epcs: str, sender: str, to: str) -> Event:
    return _moving("shipping", hour, epcs, sender, to)


def receive(hour: float, *epcs: str, sender: str, to: str) -> Event:
    return _moving("receiving", hour, epcs, sender, to)


def dispense(hour: float, *epcs: str) -> Event:
    return event(hour, Action.OBSERVE, "dispensing", *epcs)


# ---- the world ------------------------------------------------------------------------------------------------------


@dataclass
class Taken:
    """A submission the node took."""

    index: int
    envelope: bytes
    opening: Opening
    document: Document
    tree: Tree

    def leaves(self, position: int) -> dict[str, Leaf]:
        return {leaf.epc: leaf for leaf in self.tree.events[position].items}


@dataclass
class Paper:
    """What the node knows, and the keys of all."""

    witnesses: int = 0
    quorum: str = "all"  # of them; or a number
    before: int = 0  # entries of others, already in the log
    entries: list[bytes] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    relied: list[Entered] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    contents: Mapping[str, frozenset[bytes]] = field(default_factory=dict)
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    revoked: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.entries = [sha256(f"other {n}".encode()).digest() for n in range(self.before)]
        for gln in (MAKER, DISTRIBUTOR, PHARMACY):
            self.enrols(gln)
        self.grants(MAKER, "0614141")

    # ---- statements -----------------------------------------------------------------------------------------------

    def uuid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, str(len(self.entries))))

    def head(self, submitter: str = AUTHORITY) -> dict[str, Any]:
        return {"log": ORIGIN, "submitter": submitter, "time": NOW}

    def enrols(self, gln: str, key: PrivateKey | None = None, by: str = AUTHORITY) -> int:
        """A party's key, vouched for by an authority or, its own first key given up for another, by itself."""
        signer = self.keys.get(by) or key_of(by)
        key = self.keys[gln] = key or key_of(gln)
        public = key.public
        named: dict[str, Any] = {"kid": public.kid, "alg": KeyAlgorithm.ED25519, "public": public.raw}
        return self.registers(Key(**self.head(by), statement=self.uuid(), about=gln, **named), signer)

    def grants(self, gln: str, *gtins: str, by: str = AUTHORITY) -> int:
        granted = Prefix(**self.head(by), statement=self.uuid(), about=gln, gtins=gtins)
        return self.registers(granted, key_of(by))

    def registers(self, statement: Registration, key: PrivateKey) -> int:
        entered = Entered(len(self.entries), self.salt(), sign(statement, key))
        self.relied.append(entered)
        return self.log(entered.salt, entered.envelope)

    def salt(self) -> bytes:
        return sha256(f"salt {len(self.entries)}".encode()).digest()

    def log(self, salt: bytes, envelope: bytes) -> int:
        self.entries.append(entry(salt, envelope))
        return len(self.entries) - 1

    def tells(
        self,
        submitter: str,
        *events: Event,
        told: Told | tuple[Told, ...] = ACTOR,
        plans: Mapping[int, EventPlan] | None = None,
        header: Mapping[str, JSON] | None = None,
        offline: bool = False,
        key: PrivateKey | None = None,
        log: str = ORIGIN,
    ) -> Taken:
        """One submission, taken as it is: nothing here judges."""
        voices = told if isinstance(told, tuple) else (told,) * len(events)
        secret = sha256(f"secret {len(self.entries)}".encode()).digest()
        opening = Opening(secret, secret[::-1], self.salt(), voices, offline)
        document = Document(events, header or {})
        chosen = [(plans or {}).get(position, PLAIN) for position in range(len(events))]
        tree = grow(document, b"", opening, self.heads, self.contents, chosen)
        said = payload(tree, log=log, submitter=submitter, submission=self.uuid(), time=NOW)
        envelope = sign(Submission.parse(said), key or self.keys[submitter])
        taken = Taken(self.log(opening.entry, envelope), envelope, opening, document, tree)
        self.heads, self.contents = {**self.heads, **tree.heads}, tree.contents
        self.taken.append(taken)
        return taken

    # ---- what the node makes of it --------------------------------------------------------------------------------

    @property
    def signer(self) -> Signer:
        return Signer(ORIGIN, key_of("log"))

    @property
    def cosigners(self) -> list[Cosigner]:
        return [Cosigner(f"witness{n}.example", key_of(f"witness {n}")) for n in range(self.witnesses)]

    @property
    def policy(self) -> Policy:
        lines = [f"log {self.signer.verifier}"]
        lines += [f"witness W{n} {cosigner.verifier}" for n, cosigner in enumerate(self.cosigners)]
        names = " ".join(f"W{n}" for n in range(self.witnesses))
        group = f"{self.quorum}-of-them"
        lines += [f"group {group} {self.quorum} {names}", f"quorum {group}"] if names else ["quorum none"]
        authorities = (Authority(AUTHORITY, key_of(AUTHORITY).public),)
        return Policy("\n".join(lines) + "\n", authorities, (Node(ORIGIN, key_of("node").public),))

    @property
    def root(self) -> bytes:
        return root_of([leaf_hash(each) for each in self.entries])

    def checkpoint(self) -> str:
        signed = Checkpoint(ORIGIN, len(self.entries), self.root).sign(self.signer)
        return signed + "".join(f"{cosigner.cosign(signed, at=NOW)}\n" for cosigner in self.cosigners)

    def path(self, *indexes: int) -> list[bytes]:
        return multiproof([leaf_hash(each) for each in self.entries], indexes)

    def status(self, epc: str, chain: tuple[str, ...], **changes: Any) -> bytes:
        kids = sorted({self.keys[gln].public.kid for gln in self.keys})
        states = tuple((kid, KeyState.REVOKED if kid in self.revoked else KeyState.VALID) for kid in kids)
        members: dict[str, Any] = {
            "log": ORIGIN,
            "size": len(self.entries),
            "root": self.root,
            "accepted": len(self.entries),
            "epc": epc,
            "outermost": chain[-1],
            "heads": {each: self.heads[each] for each in chain},
            "status": "held",
            "holds": (),
            "keys": states,
            "rules": 1,
        }
        return sign_status(Status(**members | changes), key_of("node"), operator=OPERATOR)

    def bundle(self, epc: str, *, profile: Profile = Profile.PARTNER, key: str = "node", **status: Any) -> Bundle:
        walk = _Walk(epc)
        sources = [source for taken in self.taken if (source := walk.source(taken)).events]
        indexes = [source.index for source in sources] + [entered.index for entered in self.relied]
        return build(
            epc,
            sources,
            self.relied,
            origin=ORIGIN,
            checkpoint=self.checkpoint(),
            path=self.path(*indexes),
            status=self.status(epc, walk.chain, **status),
            profile=profile,
        )


class _Walk:
    """Which leaves of which events are an item's history; what is in each container on the way."""

    def __init__(self, epc: str) -> None:
        self.epc = epc
        self.chain: tuple[str, ...] = ()
        self.undone: list[tuple[tuple[str, ...], list[str]]] = []
        self.inside: dict[str, dict[str, bytes]] = {}  # leaf by child, of every container
        self.leading: dict[str, bytes] = {}  # leaf in its container, by EPC of the chain

    def source(self, taken: Taken) -> Source:
        events = taken.document.events
        shown = [
            source for position in application_order(events) if (source := self._event(position, taken)) is not None
        ]
        leaves = [event_leaf(tree.root) for tree in taken.tree.events]
        return Source(taken.index, taken.envelope, taken.opening, taken.document.header, leaves, shown)

    def _event(self, position: int, taken: Taken) -> EventSource | None:
        event, leaves = taken.document.events[position], taken.leaves(position)
        self._fill(event, leaves)
        names = list(self._names(event, leaves))
        if not names:
            return None
        inside = {
            epc: (self.leading[below], set(self.inside[epc].values()))
            for below, epc in zip(self.chain, self.chain[1:], strict=False)
            if epc in names and leaves[epc].kind == "p" and isinstance(leaves[epc].content, tuple)
            and not event.error_declaration
        }  # fmt: skip
        kinds = {epc: (leaf.kind, leaf.hash) for epc, leaf in leaves.items()}
        return EventSource(position, event, kinds, [leaves[epc] for epc in names], inside)

    def _fill(self, event: Event, leaves: Mapping[str, Leaf]) -> None:
        """What is in the container that the event packs or unpacks, afterwards."""
        parent = leaves.get(event.parent_id or "")
        if parent is None or parent.kind != "p":
            return
        before = self.inside.get(parent.epc, {})
        moved = {epc: leaf.hash for epc, leaf in leaves.items() if leaf.kind == "i"}
        if event.error_declaration is not None:  # no story here packs a child a second time after it
            self.inside[parent.epc] = {epc: leaf for epc, leaf in before.items() if epc not in moved}
        elif event.action is Action.ADD:
            self.inside[parent.epc] = before | moved
        else:
            self.inside[parent.epc] = {epc: leaf for epc, leaf in before.items() if event.epcs and epc not in moved}
        if isinstance(parent.content, tuple) and event.error_declaration is None:
            assert parent.content == content_root(self.inside[parent.epc].values())

    def _names(self, event: Event, leaves: Mapping[str, Leaf]) -> Iterator[str]:
        if event.error_declaration is not None:
            if any(epc in leaves for epc in self.chain):
                self.chain, names = self.undone.pop()
                yield from names
            return
        moved = {epc for epc, leaf in leaves.items() if leaf.kind != "s"}
        if self.epc in leaves and self.epc not in moved:
            yield self.epc  # seen: told by its party, once more
            return
        before, chain = self.chain, self.chain or (self.epc,)
        heights = [height for height, epc in enumerate(chain) if epc in moved]
        if not heights:
            return
        chain, names = chain[: heights[-1] + 1], [chain[heights[-1]]]
        parent = leaves.get(event.parent_id or "")
        if parent is not None and parent.kind == "p":
            chain, names = self._packed(chain, names, parent, moved, event)
        self.chain = chain
        self.undone.append((before, names))
        yield from names

    def _packed(
        self, chain: tuple[str, ...], names: list[str], parent: Leaf, moved: set[str], event: Event
    ) -> tuple[tuple[str, ...], list[str]]:
        if parent.epc != chain[-1]:
            self.leading[chain[-1]] = self.inside[parent.epc][chain[-1]]
            return (*chain, parent.epc), [*names, parent.epc]
        if len(chain) > 1 and event.action is Action.DELETE:
            if chain[-2] in moved:
                return chain[:-1], [chain[-2], parent.epc]
            if parent.content == (0, EMPTY):
                return chain[:-1], names
        return chain, names


# ---- stories, and what a verifier says of them ----------------------------------------------------------------------


def line_to_patient(**world: Any) -> Paper:
    """Commissioned, packed into a case, onto a pallet, shipped, received, unpacked, shipped, unpacked, dispensed."""
    paper = Paper(**world)
    paper.tells(
        MAKER,
        commission(8, UNIT, SISTER),
        commission(8.5, CASE, PALLET),
        pack(9, CASE, UNIT, SISTER),
        pack(10, PALLET, CASE),
        ship(11, PALLET, sender=MAKER, to=DISTRIBUTOR),
        header={
            "ts:legalNotice": "Seller has complied.",
            f"product:{GTIN}": {"name": "Pill"},
            "product:other": {"a": "b"},
        },
    )
    paper.tells(
        DISTRIBUTOR,
        receive(12, PALLET, sender=MAKER, to=DISTRIBUTOR),
        unpack(13, PALLET, CASE),
        ship(14, CASE, sender=DISTRIBUTOR, to=PHARMACY),
    )
    paper.tells(PHARMACY, receive(15, CASE, sender=DISTRIBUTOR, to=PHARMACY), unpack(16, CASE, UNIT, SISTER))
    paper.tells(PHARMACY, dispense(17, UNIT))
    return paper


def at_the_distributor() -> Paper:
    paper = Paper()
    paper.tells(MAKER, commission(8, UNIT, SISTER, CASE), pack(9, CASE, UNIT, SISTER))
    paper.tells(MAKER, ship(11, CASE, sender=MAKER, to=DISTRIBUTOR))
    paper.tells(DISTRIBUTOR, receive(12, CASE, sender=MAKER, to=DISTRIBUTOR))
    return paper


def declared(wrong: Event) -> Event:
    return replace(wrong, error_declaration={"declarationTime": "2026-01-06T00:00:00.000Z"})


def report(paper: Paper, epc: str = UNIT, **status: Any) -> Report:
    return examine(bytes(paper.bundle(epc, **status)), paper.policy)


def codes(found: Report, *, amber: bool = True) -> list[str]:
    assert found.failure is None, found.failure
    return [note.code for note in found.notes if note.amber is amber]


def failure(found: Report) -> tuple[Numbered, str] | None:
    return (found.failure.step, found.failure.code) if found.failure else None
