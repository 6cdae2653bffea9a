"""Steps 10 and 11 of checking a bundle: who began it, who possessed it, and who could tell (ARCHITECTURE 4)."""

from dataclasses import dataclass, field

from . import identifiers
from .bundle_links import Hop
from .bundle_rights import Rights
from .canonical import Members
from .refusal import Refused, demand

# --- step 10


def shows_lot_and_expiry(item: str, hops: list[Hop], begun: Hop) -> bool:
    """FORMATS 3: "`ilmd` is shown in every bundle": that of the beginning, by the licensee's own telling if it has
    told later. Of a logistic unit there is none."""
    own = [hop for hop in hops if hop.raises is begun and hop.commissions]
    said = (own or [begun])[0].fields.get("ilmd")
    return not identifiers.is_sgtin(item) or (isinstance(said, dict) and said != {})


def is_licensed_kind(item: str) -> bool:
    """What is neither a GTIN with a serial number nor an SSCC, nobody licenses; an SSCC has its company's prefix."""
    return identifiers.is_sgtin(item) or item.startswith("https://id.gs1.org/00/")


def commissioned(item: str, hops: list[Hop], begun: Hop, rights: dict[str, Rights]) -> bool:
    """Whether whoever its GTIN is licensed to signed its commissioning; False: that is another's word."""
    gtin = identifiers.gtin_of(item)

    def may_issue(hop: Hop) -> bool:
        """A logistic unit: nobody licenses its number."""
        return gtin is None or rights[hop.log].may_issue(hop.party, gtin, hop.index)

    if not begun.signed:
        later = [hop for hop in hops if not hop.moved and hop.signed and hop.commissions
                 and item in hop.seen and may_issue(hop)]  # fmt: skip
        for hop in later[:1]:
            hop.raises = begun
        return bool(later) or gtin is None
    packed = gtin is None and begun.packs and begun.moved[item].kind == "p"
    demand(begun.commissions or packed, "not_commissioned", item)
    demand(may_issue(begun), "not_licensed", f"{begun.party} {gtin}")
    return True


# --- step 11


STEPS = {
    ("commissioning", "ADD"): "commission",
    ("shipping", "OBSERVE"): "ship",
    ("receiving", "OBSERVE"): "receive",
    ("accepting", "OBSERVE"): "receive",
    ("dispensing", "OBSERVE"): "dispense",
    ("dispensing", "DELETE"): "dispense",
    ("decommissioning", "OBSERVE"): "decommission",
    ("decommissioning", "DELETE"): "decommission",
    ("void_shipping", "OBSERVE"): "void",
    ("retail_selling", "OBSERVE"): "dispense",
    ("retail_selling", "DELETE"): "dispense",
    ("destroying", "OBSERVE"): "destroy",
    ("destroying", "DELETE"): "destroy",
    ("urn:unitproof:bizstep:exporting", "OBSERVE"): "export",
    ("urn:unitproof:bizstep:exporting", "DELETE"): "export",
}


ENDS = {"dispense": "dispensed", "decommission": "decommissioned", "destroy": "destroyed", "export": "exported"}
TERMINAL = tuple(ENDS.values())
ARRIVES = ("receive", "return")


def same_event(one: Hop, other: Hop) -> bool:
    """What both show of one event is the same, but for who tells it; and of one item at least."""
    cores = [{name: value for name, value in hop.core.items() if name not in ("as", "for", "items")}
             for hop in (one, other)]  # fmt: skip
    return cores[0] == cores[1] and one.party == other.party and bool(set(one.moved) & set(other.seen))


@dataclass(frozen=True)
class Meant:
    """Who possesses by one end of a handoff: one of these; where a place is named, whoever operates it."""

    glns: tuple[str, ...] = ()
    place: bool = False

    def lets(self, party: str) -> bool:
        return not self.glns or self.place or party in self.glns

    def may_be(self, party: str, sender: str | None) -> bool:
        """One of them, or another than the sender if that operates the place."""
        return party in self.glns or (self.place and party != sender)


@dataclass
class Held:
    word: str | None = None  # held, in_transit, or one of TERMINAL; None: nothing is known
    holder: str | None = None
    consignee: Meant = Meant()


@dataclass
class Custody:
    """Who possesses the item, and whether who tells of it may (ARCHITECTURE 4)."""

    rights: dict[str, Rights]
    now: Held = field(default_factory=Held)
    before: dict[int, Held] = field(default_factory=dict)  # by hop
    told: list[Hop] = field(default_factory=list)

    @property
    def attested(self) -> bool:
        """Whether something that stands was told by others, and never since by the party whose act it is."""
        raised = [hop.raises for hop in self.told if hop.raises and hop.commissions <= hop.raises.commissions]
        return any(not hop.signed and not hop.reverted and hop not in raised for hop in self.told)

    def tell(self, hop: Hop) -> None:
        self.check_voice(hop)
        if not hop.moved:
            hop.raises = hop.raises or self.raised_by(hop)
        self.told.append(hop)
        if hop.raises:
            return
        if hop.reverts:
            demand(hop.signed and hop.party == hop.reverts.party, "not_its_own", "an error declared by another party")
            self.now = self.before[id(hop.reverts)]
            return
        self.before[id(hop)] = self.now
        what = self.what(hop)
        self.check_party(hop, what)
        self.check_lawful(hop, what)
        self.now = self.after(hop, what)

    def raised_by(self, hop: Hop) -> Hop:
        """bundle.cddl: it moves nothing: a party tells for itself what another had told before."""
        others = [each for each in self.told if each.moved and not each.signed and same_event(each, hop)]
        demand(hop.signed and others, "seen", "moves nothing, and raises nothing")
        return others[0]

    def check_voice(self, hop: Hop) -> None:
        """The actor speaks for itself, the node as intake and as nothing else."""
        demand((hop.voice == "intake") == hop.by_node, "voice", "intake is the node's own voice")
        said = hop.core.get("for")
        demand(said in (None, hop.signer) if hop.voice == "actor" else said is not None, "voice", "spoken for whom")
        if hop.voice == "agent":
            rights = self.rights[hop.log]
            word = "packing" if hop.packs else "unpacking" if hop.unpacks else hop.step
            demand(rights.may_speak(hop.signer, hop.party, word, hop.index), "no_delegation", hop.signer)
        if hop.voice == "reporter":
            demand(hop.party != hop.signer, "voice", "a reporter of its own act")

    def what(self, hop: Hop) -> str:
        if hop.packs or hop.unpacks:
            return "pack" if hop.packs else "unpack"
        if hop.step in ("receiving", "accepting") and hop.core["action"] == "OBSERVE":
            return "return" if hop.core.get("disposition") == "returned" else "receive"
        found = STEPS.get((hop.step or "", hop.core["action"]))
        if found is None:
            demand(hop.core["action"] == "OBSERVE", "unlawful_move", hop.step)
            demand(hop.step not in ("void_shipping", "destroying", "killing", "retail_selling", "commissioning"),
                   "unlawful_move", hop.step)  # fmt: skip
        return found or "observe"

    def check_party(self, hop: Hop, what: str) -> None:
        """The source possessor ships and calls off, the destination possessor receives; who signs a shipment says to
        whom."""
        if what == "ship" and hop.signed:
            demand(possessing(hop.core.get("destinations", []), "destination").glns, "consignee_missing", "ship")
        if what in ("ship", "void", *ARRIVES):
            lists = ("destinations", "destination") if what in ARRIVES else ("sources", "source")
            possessor = possessing(hop.core.get(lists[0], []), lists[1])
            demand(possessor.lets(hop.party), "not_its_act", f"{what} by {possessor.glns}")

    def check_lawful(self, hop: Hop, what: str) -> None:
        now, party = self.now, hop.party
        demand(now.word not in TERMINAL, "terminal", now.word)
        if what == "void" and now.word:  # else it is the first that others tell of the item
            demand((now.word, now.holder) == ("in_transit", party), "not_sender", party)
        if what == "commission":
            demand(now.word is None, "begins_twice")
        elif not hop.signed:
            self.check_attested(hop, what)
        elif now.word is None:
            demand(what == "pack", "not_begun", what)  # a logistic unit may begin by being packed
        elif now.word == "held":
            demand(party == now.holder, "not_holder", party)
            demand(what not in ARRIVES, "unlawful_move", "received, and already held")
        elif what in ("observe", "return", "void"):
            demand(now.consignee.lets(party) or party == now.holder, "not_holder", party)
        else:
            demand(now.consignee.lets(party), "not_consignee", party)

    def check_attested(self, hop: Hop, what: str) -> None:
        """Told by others an event never moves an item away from a party that signs here."""
        now = self.now
        takes_over = what not in (*ARRIVES, "void")
        taken_over = now.word == "in_transit" and takes_over and now.consignee.may_be(hop.party, now.holder)
        owner = hop.party if taken_over else now.holder
        if now.word is None:
            return
        if owner == hop.party and what in ("pack", "unpack", "observe"):
            return
        kid = [key for (gln, _), key in self.rights[hop.log].keys.items() if gln == owner]
        demand(not any(key.since < hop.index and (key.until is None or key.until > hop.index) for key in kid),
               "awaits_statement", owner)  # fmt: skip

    def after(self, hop: Hop, what: str) -> Held:
        """Implied receipt: by a consignee that does more than look at a whole shipment."""
        now = self.now
        looks = what == "observe" and not hop.taken_out
        named = bool(now.consignee.glns)
        mine = now.consignee.may_be(hop.party, now.holder) if named else hop.party != now.holder
        hop.received = now.word == "in_transit" and what not in (*ARRIVES, "void") and not looks and mine
        if what == "observe" and now.word and not hop.received:
            return now
        if what == "ship":
            return Held("in_transit", hop.party, possessing(hop.core.get("destinations", []), "destination"))
        return Held(ENDS.get(what, "held"), hop.party)


def possessing(listed: list[Members], end: str) -> Meant:
    """`possessing_party`, else the operator of `location`, whom only dated master data tell, else `owning_party`."""
    by_type = {each["type"]: gln(each[end]) for each in listed}
    possessor, place, owner = (by_type.get(each) for each in ("possessing_party", "location", "owning_party"))
    if possessor or not place:
        return Meant(tuple(each for each in (possessor or owner,) if each))
    return Meant(tuple(each for each in (place, owner) if each), place=True)


def gln(party: str) -> str | None:
    """However written; None for what is no GLN."""
    try:
        return identifiers.gln_of(identifiers.canonical(party))
    except Refused:
        return None
