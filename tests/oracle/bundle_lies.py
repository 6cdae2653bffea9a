"""Stories in which somebody lies: leaves, cores and voices that nobody chose, signed and logged all the same.

Each comes from a seed, the same every time. What is to be made of it nobody says: verifiers are held against each
other.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from . import bundle_check, tree
from .bundle import Shown, drawn, encoded, reforged
from .bundle_cases import by_place, chronicle, proven
from .bundle_forging import content_over, restated
from .canonical import Members, as_set
from .canonical_cases import observed
from .refusal import Refused
from .tree import Leaf, b64
from .tree_cases import (
    A1,
    A2,
    A3,
    C1,
    C2,
    DISTRIBUTOR,
    MAKER,
    OTHER_PALLET,
    PALLET,
    PHARMACY,
    PLACE,
    at,
    call_off,
    commission,
    destroy,
    dispense,
    export,
    link,
    mistaken,
    pack,
    plan,
    receive,
    send_back,
    ship,
    take_back,
    unpack,
)

Act = tuple[str, Members]  # who tells which event


def looks(time: str, epc: str, party: str = MAKER) -> Act:
    return party, observed(epcList=[epc], bizStep="inspecting", **at(time, party))


CASED: list[Act] = [
    (MAKER, commission("08:00:00", A1, A2)),
    (MAKER, commission("08:10:00", C1)),
    (MAKER, pack("09:00:00", C1, A1, A2)),
]
ON_A_PALLET: list[Act] = [*CASED, (MAKER, pack("10:00:00", PALLET, C1))]
SHIPPED, PACKED, PACKED_AGAIN = ship("10:00:00", C1), pack("10:00:00", OTHER_PALLET, A1), pack("11:00:00", C1, A1)
TO_AN_OWNER = {"destinationList": [{"type": "owning_party", "destination": PLACE[DISTRIBUTOR]}]}

ACTS: dict[str, list[Act]] = {
    "to the patient": [
        *ON_A_PALLET,
        (MAKER, ship("11:00:00", PALLET)),
        (DISTRIBUTOR, receive("12:00:00", PALLET)),
        (DISTRIBUTOR, unpack("12:10:00", PALLET, C1)),
        (DISTRIBUTOR, unpack("12:20:00", C1, A1)),
        (DISTRIBUTOR, ship("13:00:00", A1, party=DISTRIBUTOR, to=PHARMACY)),
        (PHARMACY, dispense("15:00:00", A1)),
    ],
    "in and out": [
        *CASED,
        (MAKER, commission("09:30:00", A3)),
        (MAKER, pack("10:00:00", C1, A3)),
        (MAKER, unpack("10:10:00", C1, A2, party=MAKER)),
        looks("10:30:00", C1),
        (MAKER, unpack("11:00:00", C1, party=MAKER)),
        looks("12:00:00", A1),
    ],
    "again, by mistake": [
        *CASED,
        (MAKER, unpack("10:00:00", C1, A1, party=MAKER)),
        (MAKER, PACKED_AGAIN),
        (MAKER, mistaken(PACKED_AGAIN)),
        looks("12:00:00", A1),
    ],
    "shipped by mistake": [
        *CASED,
        (MAKER, SHIPPED),
        (MAKER, mistaken(SHIPPED)),
        (MAKER, ship("11:00:00", C1, to=PHARMACY)),
        looks("12:00:00", A1, PHARMACY),
    ],
    "straight onto the pallet": [
        *ON_A_PALLET,
        (MAKER, pack("10:30:00", PALLET, A1)),
        looks("11:00:00", PALLET),
        looks("12:00:00", A1),
    ],
    "into its own case": [
        *CASED,
        (MAKER, pack("10:30:00", C1, A1)),
        looks("11:00:00", C1),
        (MAKER, unpack("11:30:00", C1, A1, party=MAKER)),
        (MAKER, ship("12:00:00", A1)),
    ],
    "into a case on its pallet": [
        *ON_A_PALLET,
        (MAKER, commission("10:10:00", A3)),
        (MAKER, pack("10:30:00", C1, A3)),
        (MAKER, unpack("11:00:00", C1, A1, party=MAKER)),
        looks("12:00:00", A1),
    ],
    "begun by being packed": [
        (MAKER, commission("08:00:00", A1)),
        (MAKER, PACKED),
        (MAKER, mistaken(PACKED)),
        (MAKER, pack("11:00:00", OTHER_PALLET, A1)),
        (MAKER, ship("12:00:00", OTHER_PALLET)),
    ],
    "commissioned by mistake": [
        (MAKER, commission("08:00:00", A1)),
        (MAKER, mistaken(commission("08:00:00", A1))),
        (MAKER, commission("09:00:00", A1)),
        looks("10:00:00", A1),
    ],
    "to a place": [
        (MAKER, commission("08:00:00", A1)),
        (MAKER, ship("10:00:00", A1) | by_place(MAKER, PHARMACY)),
        (PHARMACY, receive("12:00:00", A1, party=PHARMACY) | by_place(MAKER, PHARMACY)),
        (PHARMACY, dispense("15:00:00", A1)),
    ],
    "to an owner": [
        (MAKER, commission("08:00:00", A1)),
        (MAKER, ship("10:00:00", A1) | TO_AN_OWNER),
        (DISTRIBUTOR, pack("11:00:00", OTHER_PALLET, A1, party=DISTRIBUTOR)),
        looks("15:00:00", A1, DISTRIBUTOR),
    ],
    "called off": [
        *CASED,
        (MAKER, SHIPPED),
        (MAKER, call_off("11:00:00", C1)),
        (MAKER, ship("12:00:00", C1, to=PHARMACY)),
        (PHARMACY, receive("13:00:00", C1, party=PHARMACY)),
        (PHARMACY, dispense("15:00:00", A1)),
    ],
    "called off in part": [
        *CASED,
        (MAKER, SHIPPED | by_place(MAKER, DISTRIBUTOR)),
        (MAKER, call_off("11:00:00", A1)),
        (MAKER, export("12:00:00", A1)),
    ],
    "sent back": [
        *CASED,
        (MAKER, SHIPPED),
        (DISTRIBUTOR, receive("11:00:00", C1)),
        (DISTRIBUTOR, send_back("12:00:00", C1)),
        (MAKER, take_back("13:00:00", C1)),
        (MAKER, destroy("14:00:00", C1)),
    ],
    "taken back": [
        *CASED,
        (MAKER, SHIPPED | by_place(MAKER, PHARMACY)),
        (MAKER, take_back("13:00:00", C1)),
        looks("14:00:00", A1),
    ],
}

STEPS = ["commissioning", "shipping", "receiving", "accepting", "packing", "unpacking", "dispensing", "decommissioning",
         "inspecting", "void_shipping", "destroying", "retail_selling", "killing", "urn:unitproof:bizstep:exporting",
         "urn:x:step"]  # fmt: skip
PARTIES = (MAKER, DISTRIBUTOR, PHARMACY)
ENDS = [f"https://id.gs1.org/414/{MAKER}", f"https://id.gs1.org/417/{DISTRIBUTOR}",
        f"https://id.gs1.org/414/{PHARMACY}/254/x", "https://example.org/7"]  # fmt: skip
WORDS = ["held", "in_transit", "dispensed", "decommissioned", "destroyed", "exported"]


class Liar:
    """Tells one of the stories, and at one place of it, now and then at another, something else."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.leaves: list[bytes] = []  # all that were told so far
        self.contents: dict[str, Any] = {}  # of what the last event named, before it

    def bundle(self) -> tuple[Members, bytes] | None:
        """Policy and bundle; None where the lie was one that not even its maker could go on from."""
        acts = ACTS[self.random.choice(list(ACTS))]
        self.made = chronicle("lies", *self.random.choice([PARTIES, PARTIES, PARTIES[1:], PARTIES[::2]]))
        at_place = self.random.randrange(len(acts))
        named = [epc for _, event in acts for epc in names(event)]
        try:
            for number, (party, event) in enumerate(acts[: at_place + self.random.choice([1, 2, len(acts)])]):
                lies = number == at_place or self.random.random() < 0.08
                self.tells(party, event, **(self.lie(party) if lies else {}))
            return self.shown(self.random.choice(named))
        except (Refused, KeyError, StopIteration):
            return None

    def shown(self, epc: str) -> tuple[Members, bytes]:
        """With a status that fits, if there is one; and now and then a submission left out."""
        hidden = {self.random.choice(self.made.told).index} if self.random.random() < 0.1 else set()

        def hide(shown: Shown) -> bool:
            return shown.told.index in hidden

        for word in WORDS:
            policy, bundle = proven(self.made, epc, word, hide=hide)
            data = encoded(bundle)
            try:
                bundle_check.check(data, policy)
            except bundle_check.NotProven as refused:
                if refused.step == 12:
                    continue
            break
        return policy, data

    def tells(self, party: str, event: Members, **lie: Any) -> None:
        state = self.made.state
        before = {link(epc): state.heads[link(epc)][1] for epc in names(event) if link(epc) in state.heads}
        plans = {0: plan(restored={**before, **self.contents})} if "errorDeclaration" in event else {}
        self.contents = before
        told = self.made.tells(lie.pop("teller", party), event, plans=plans, **lie)
        self.leaves += [leaf.hash for grown in told.trees.events for leaf in grown.items]

    # ---- lies

    def lie(self, party: str) -> dict[str, Any]:
        kind = self.random.choice(["leaf", "leaf", "core", "voice", "offline"])
        if kind == "leaf":
            return {"forge": lambda trees: reforged(trees, 0, items=self.other_leaves)}
        if kind == "core":
            return {"forge": lambda trees: reforged(trees, 0, leaves=self.other_core), "meaning": sorted(STEPS)}
        if kind == "offline":
            return {"offline": True}
        teller = self.random.choice(PARTIES)
        return {"teller": teller, "told": [["reporter", party]] if self.random.random() < 0.7 else None}

    def other_leaves(self, leaves: list[Leaf]) -> list[Leaf]:
        leaf = self.random.choice(leaves)
        if leaf.members[0] == "s":
            return leaves
        change = self.random.choice(["kind", "content", "prev", "epc", "less", "more"])
        others = [each for each in leaves if each is not leaf]
        if change == "less":
            return others or leaves
        if change == "more":
            return [*leaves, self.another_leaf()]
        if change == "epc":
            return [*others, Leaf([*leaf.members[:2], self.epc(), *leaf.members[3:]])]
        value = {"kind": self.random.choice("ip"), "content": self.content(), "prev": self.prev()}[change]
        return restated(leaves, leaf.members[2], **{change: value})

    def another_leaf(self) -> Leaf:
        epc = self.epc()
        leaf, content = self.made.state.heads.get(epc, (None, "none"))
        salt = b64(drawn("salt", self.random.random())[:16])
        return Leaf([self.random.choice("iip"), salt, epc, content, leaf and b64(leaf)])

    def epc(self) -> str:
        return link(self.random.choice([A1, A2, C1, C2, PALLET, OTHER_PALLET]))

    def content(self) -> Any:
        stated = content_over(self.made, *(self.leaves[-2:] or [drawn("a leaf")]))
        return self.random.choice(["none", "unknown", tree.rooted([]), [0, b64(drawn("not empty"))], stated])

    def prev(self) -> Any:
        return self.random.choice([None, b64(drawn("nobody")), *map(b64, self.leaves[-4:])])

    def other_core(self, leaves: list[Leaf]) -> list[Leaf]:
        core = dict(leaves[0].members[2])
        for _ in range(self.random.choice([1, 1, 2])):
            name, choose = self.random.choice(self.members)
            core[name] = choose()
        said = {name: value for name, value in core.items() if value is not None}
        return [Leaf(["c", leaves[0].members[1], said]), *leaves[1:]]

    @property
    def members(self) -> list[tuple[str, Callable[[], Any]]]:
        choose = self.random.choice
        return [
            ("bizStep", lambda: choose([*STEPS, None])),
            ("disposition", lambda: choose(["returned", "in_progress", None])),
            ("action", lambda: choose(["ADD", "OBSERVE", "DELETE"])),
            ("type", lambda: choose(["ObjectEvent", "AggregationEvent"])),
            ("as", lambda: choose(["actor", "agent", "reporter", "intake"])),
            ("for", lambda: choose([None, *PARTIES, "9521987000001"])),
            ("eventTime", lambda: choose(["2026-01-05T07:00:00.000Z", "2026-01-05T23:00:00.100Z"])),
            ("eventID", lambda: choose([None, "urn:x:1"])),
            ("errorDeclaration", lambda: choose([None, {"declarationTime": "2026-01-06T00:00:00.000Z"}])),
            ("sources", lambda: self.ends("source")),
            ("destinations", lambda: self.ends("destination")),
        ]

    def ends(self, end: str) -> list[Members] | None:
        kinds = self.random.sample(["possessing_party", "location", "owning_party", "urn:x:friend"], 2)
        said = [{"type": kind, end: self.random.choice(ENDS)} for kind in kinds[self.random.randrange(2) :]]
        return as_set(said) if self.random.random() < 0.9 else None


def names(event: Members) -> Iterator[str]:
    yield from event.get("epcList", [])
    yield from event.get("childEPCs", [])
    if "parentID" in event:
        yield event["parentID"]


def lies(count: int, first: int = 0) -> Iterator[tuple[int, Members, bytes]]:
    """So many bundles, each with the seed that it comes from."""
    seed = first
    while count:
        if made := Liar(seed).bundle():
            count -= 1
            yield seed, *made
        seed += 1
