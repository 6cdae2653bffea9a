"""FORMATS 7, ARCHITECTURE 4, 8 and 9: a bundle and a policy to the story they prove, in twelve steps, or `NotProven`.

Slow and plain: every step looks at everything again. What a step may rely on is what the steps before it have shown.

     1 read         5 keys          9 links
     2 policy       6 statements   10 commissioning
     3 checkpoint   7 events       11 handoffs
     4 entries      8 leaves       12 status
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cbor2

from . import bundle as shapes
from . import merkle, statement, tree
from .bundle import (
    check_path,
    content_members,
    core_leaf,
    field_leaf,
    in_key_order,
    item_leaf,
    root_members,
    stated,
    unb64,
)
from .bundle_custody import TERMINAL, Custody, commissioned, is_licensed_kind, shows_lot_and_expiry
from .bundle_links import Hop, Links, Moved
from .bundle_rights import Envelope, Rights, Trust, read_envelope, read_policy
from .canonical import Members, as_set, decode, is_word
from .identifiers import in_one_form
from .refusal import Refused, demand
from .tree import Leaf, b64


class NotProven(Refused):
    """A step that does not hold."""

    def __init__(self, step: int, refused: Refused) -> None:
        super().__init__(refused.code, f"step {step}: {refused}")
        self.step = step


@contextmanager
def step(number: int) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        raise NotProven(number, refused) from refused


# --- the twelve steps


@dataclass
class Story:
    """What a bundle that holds says."""

    item: str
    hops: list[Hop]
    stack: list[str]
    word: str = ""
    holds: list[str] = field(default_factory=list)
    amber: set[int] = field(default_factory=set)  # steps that hold with something to be aware of
    witnesses: set[str] = field(default_factory=set)

    def shown(self) -> Members:
        return {
            "item": self.item,
            "outermost": self.stack[-1],
            "status": self.word,
            "holds": self.holds,
            "amber": sorted(self.amber),
            "witnesses": sorted(self.witnesses),
            "hops": [hop.shown() for hop in self.hops],
        }


def check(data: bytes, policy: Members) -> Story:
    """The story, or `NotProven` with the step that does not hold."""
    trust = read_policy(policy)
    with step(1):
        bundle = shapes.decoded(data)
    segments = bundle["segments"]
    with step(2):
        for segment in segments:
            demand(segment["log"] in {name for name, _ in trust.tlog.logs}, "unknown_log", segment["log"])
    heads, witnesses = [], set[str]()
    with step(3):
        for segment in segments:
            origin, size, root, seen_by = trust.tlog.check(segment["checkpoint"])
            demand(origin == segment["log"], "another_origin", origin)
            heads.append((size, root))
            witnesses |= seen_by
    with step(4):
        for segment, (size, root) in zip(segments, heads, strict=True):
            check_entries(segment, size, root)
    with step(5):
        rights = {segment["log"]: granted(segment, trust) for segment in segments}
    hops: list[Hop] = []
    opened = []
    with step(6):
        for segment in segments:
            opened += [(hop, *open_submission(hop, segment["log"], rights[segment["log"]])) for hop in segment["hops"]]
    with step(7):
        for hop, envelope, _ in opened:
            check_events(hop, envelope.payload)
    with step(8):
        for hop, envelope, by_node in opened:
            check_header(hop["header"], envelope.payload)
            hops += [read_event(event, hop, envelope, by_node, bundle["items"]) for event in hop["events"]]
    with step(9):
        links = Links(bundle["items"])
        for each in hops:
            links.follow(each)
        links.check_items()
    story = Story(bundle["items"][0], hops, links.stack, witnesses=witnesses)
    story.amber |= {6} if any(rights[each.log].compromised(each.signer, each.kid) for each in hops) else set()
    story.amber |= {9} if any(each.unlinked or each.unknown for each in hops) else set()
    with step(10):
        assert links.begun is not None
        if not commissioned(story.item, hops, links.begun, rights):
            story.amber.add(10)
        if not is_licensed_kind(story.item) or not shows_lot_and_expiry(story.item, hops, links.begun):
            story.amber.add(10)
    with step(11):
        custody = Custody(rights)
        for each in hops:
            custody.tell(each)
        story.amber |= {11} if custody.attested else set()
    with step(12):
        read_status(story, bundle, heads[-1], trust, links, custody, rights)
    return story


# --- steps 4 to 7


def entry_of(shown: Members) -> bytes:
    return statement.entry(shown["salt"], shown["statement"])


def check_entries(segment: Members, size: int, root: bytes) -> None:
    shown = [hop["entry"] for hop in segment["hops"]] + segment["relied"]
    demand(len({each["index"] for each in shown}) == len(shown), "index_twice", "two statements at one index")
    leaves = {each["index"]: merkle.leaf(entry_of(each)) for each in shown}
    check_path(leaves, {"n": size, "root": root}, segment["path"], "the log")


def granted(segment: Members, trust: Trust) -> Rights:
    rights = Rights(trust, segment["log"])
    for each in segment["relied"]:
        rights.take(each["index"], read_envelope(each["statement"]), entry_of(each))
    return rights


def open_submission(hop: Members, origin: str, rights: Rights) -> tuple[Envelope, bool]:
    """The statement, and whether it is the node itself that signed it (FORMATS 6: intake)."""
    envelope = read_envelope(hop["entry"]["statement"])
    demand(envelope.kind == "submission", "kind", envelope.kind)
    demand(envelope.payload["log"] == origin, "another_log", envelope.payload["log"])
    node = rights.trust.nodes.get((origin, envelope.kid))
    envelope.check(node or rights.key(envelope.issuer, envelope.kid, hop["entry"]["index"]))
    return envelope, node is not None


def check_events(hop: Members, payload: Members) -> None:
    leaves = {each["position"]: Leaf(["e", root_members(each["root"])]).hash for each in hop["events"]}
    demand(len(leaves) == len(hop["events"]), "event_twice", "an event shown twice")
    check_path(leaves, stated(payload["events"]), hop["path"], "events")


# --- step 8


def check_header(header: Members, payload: Members) -> None:
    leaves = {each["index"]: field_leaf("h", each).hash for each in header["fields"]}
    demand("header" in payload or not leaves, "root", "no header")
    check_path(leaves, stated(payload.get("header", [0, b64(merkle.root([]))])), header["path"], "header")
    demand(in_key_order([each["name"] for each in header["fields"]]), "order", "header names")


#: FORMATS 3: members of the canonical event that are never fields.
NO_FIELDS = {*tree.CORE, "epcList", "childEPCs", "inputEPCList", "outputEPCList"}


CORE_MEMBERS = {*tree.CORE.values(), "as", "for", "items"}


def read_event(event: Members, hop: Members, envelope: Envelope, by_node: bool, epcs: list[str]) -> Hop:
    core = core_leaf(event["core"])
    demand(all(each["index"] for each in event["fields"]), "second_core", "leaf 0 of an event is its core")
    leaves = {0: core.hash} | {each["index"]: field_leaf("f", each).hash for each in event["fields"]}
    check_path(leaves, event["root"], event["path"], "event")
    members, fields = core.members[2], {each["name"]: shapes.value_of(each) for each in event["fields"]}
    check_core(members, envelope)
    demand(in_key_order([each["name"] for each in event["fields"]]), "order", "field names")
    demand(not NO_FIELDS & set(fields), "field", sorted(fields))
    containers = sum(each["kind"] == "p" for each in event["items"])
    packing = members["type"] == "AggregationEvent" and members["action"] != "OBSERVE"
    demand(containers <= packing, "kind", "p: the one container that an event packs or unpacks")
    shown = [(each, item_leaf(each, epcs)) for each in event["items"]]
    demand("items" in members, "root", "an event without items")
    items = {each["index"]: leaf.hash for each, leaf in shown}
    check_path(items, stated(members["items"]), event["items_path"], "items")
    demand(shapes.ascending([int.from_bytes(items[index], "big") for index in sorted(items)]), "order", "items")
    twice = len({each["epc"] for each in event["items"]}) < len(event["items"])
    moved = {epcs[each["epc"]]: Moved(each["kind"], content_members(each["content"]), each["prev"], leaf.hash,
                                      each["place"]) for each, leaf in shown if each["kind"] != "s"}  # fmt: skip
    seen = [epcs[each["epc"]] for each in event["items"] if each["kind"] == "s"]
    return Hop(envelope.payload["log"], hop["entry"]["index"], envelope.payload["submission"], envelope.issuer,
               envelope.kid, by_node, members, fields, moved, seen, named_twice=twice)  # fmt: skip


TEXT = statement.is_text


#: FORMATS 3: what the members of a core must look like to be read at all.
CORE_FORMS: dict[str, Any] = {
    "type": lambda value: value in ("ObjectEvent", "AggregationEvent"),  # the kinds that version 1 reads
    "action": lambda value: value in ("ADD", "OBSERVE", "DELETE"),
    "bizStep": is_word("bizStep"),
    "disposition": is_word("disposition"),
    "eventTime": TEXT(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z"),
    "eventTimeZoneOffset": TEXT(r"[+-]\d\d:\d\d"),
    "errorDeclaration": lambda value: isinstance(value, dict),
    "persistentDisposition": lambda value: isinstance(value, dict),
    "eventID": lambda value: isinstance(value, str) and value != "",
    "sources": lambda value: parties(value, "source"),
    "destinations": lambda value: parties(value, "destination"),
    "as": lambda value: value in ("actor", "agent", "reporter", "intake"),
    "for": TEXT("[0-9]{13}"),
    "items": statement.is_root,
}  # fmt: skip


def parties(value: Any, end: str) -> bool:
    """FORMATS 2: a set in its order, every member in its one form. Real files have types of nobody's."""
    return (
        isinstance(value, list)
        and value != []
        and all(isinstance(each, dict) and set(each) == {"type", end} for each in value)
        and all(is_word("party")(each["type"]) for each in value)
        and all(isinstance(each[end], str) and in_one_form(each[end]) for each in value)
        and as_set(value) == value
    )


def check_core(core: Any, envelope: Envelope) -> None:
    needed = {"type", "action", "eventTime", "eventTimeZoneOffset", "as"}
    demand(isinstance(core, dict) and needed <= set(core) <= CORE_MEMBERS, "core", "members")
    for name, value in core.items():
        demand(CORE_FORMS[name](value), "core", name)
    if core["as"] in ("actor", "agent") and "bizStep" in core:
        demand(core["bizStep"] in envelope.payload["meaning"], "meaning", core["bizStep"])


# --- step 12


STATUS = {"v", "log", "size", "root", "accepted", "epc", "outermost", "heads", "status", "holds", "keys", "rules"}


def read_status(
    story: Story, bundle: Members, head: tuple[int, bytes], trust: Trust, links: Links, custody: Custody,
    rights: dict[str, Rights],
) -> None:  # fmt: skip
    origin = bundle["segments"][-1]["log"]
    status = open_status(bundle["status"], trust, origin)
    demand(status["log"] == origin, "another_log", status["log"])
    demand(status["epc"] == story.item, "another_item", status["epc"])
    demand(status["size"] != head[0] or status["root"] == b64(head[1]), "another_tree", status["size"])
    demand(status["outermost"] == links.stack[-1], "another_history", "outermost")
    demand(set(status["heads"]) == set(links.stack), "another_history", "heads")
    for epc, (leaf, content) in status["heads"].items():
        known = links.heads[epc]
        demand(leaf == b64(known[0]), "another_history", f"head of {epc}")
        opened = content == "unknown" and isinstance(known[1], list)
        demand(content == known[1] or opened, "another_history", f"content of {epc}")
        story.amber |= {12} if opened else set()
    check_word(status["status"], custody.now.word)
    check_keys(status["keys"], story, bundle, rights)
    story.word, story.holds = status["status"], status["holds"]
    if story.holds or story.word not in ("held", "in_transit"):
        story.amber.add(12)


def open_status(data: bytes, trust: Trust, origin: str) -> Members:
    """FORMATS 6: COSE_Sign1 as a statement is, signed by the node's key; iss is the operator, sub the item."""
    try:
        envelope = cbor2.loads(data)
        demand(isinstance(envelope, cbor2.CBORTag) and envelope.tag == 18, "status", "tag")
        demand(statement.cbor(envelope) == data, "status", "not deterministic")
        head, unprotected, text, signature = envelope.value
        members = cbor2.loads(head)
        demand(statement.cbor(members) == head and unprotected == {}, "status", "header")
        alg, kind, kid, claims = (members[each] for each in (1, 3, 4, 15))
        issuer, subject = claims[1], claims[2]
        payload: Members = decode(text)
    except Refused:
        raise
    except Exception as error:
        raise Refused("status", str(error)) from error
    demand(set(members) == {1, 3, 4, 15} and set(claims) == {1, 2}, "status", "headers")
    demand(kind == statement.content_type("status"), "status", kind)
    demand(re.fullmatch("https://id[.]gs1[.]org/417/[0-9]{13}", str(issuer), re.ASCII), "status", "iss")
    public = trust.nodes.get((origin, b64(kid) if isinstance(kid, bytes) else ""))
    demand(public is not None, "another_node", origin)
    assert public is not None
    signed = Envelope("status", "", alg, "", subject, payload, statement.to_be_signed(head, text), signature)
    signed.check(public)
    check_status_form(payload)
    demand(subject == payload["epc"], "status", "sub")
    return payload


def check_status_form(payload: Any) -> None:
    demand(isinstance(payload, dict) and set(payload) == STATUS and payload["v"] is not True, "status", "members")
    demand(payload["v"] == 1, "status", "v")
    for name in ("size", "accepted", "rules"):
        demand(is_size(payload[name]), "status", name)
    for name in ("log", "epc", "outermost", "status"):
        demand(isinstance(payload[name], str), "status", name)
    demand(statement.is_bytes(32)(payload["root"]), "status", "root")
    heads, keys, holds = payload["heads"], payload["keys"], payload["holds"]
    demand(isinstance(heads, dict) and all(map(is_head, heads.values())), "status", "heads")
    demand(isinstance(holds, list) and all(isinstance(each, str) and each for each in holds), "status", "holds")
    demand(in_key_order(holds), "status", "holds")
    demand(
        isinstance(keys, list)
        and all(isinstance(each, list) and len(each) == 2 and statement.is_bytes(32)(each[0])
                and each[1] in ("valid", "revoked") for each in keys)
        and sorted(keys, key=lambda each: unb64(each[0])) == keys
        and len({each[0] for each in keys}) == len(keys),
        "status", "keys",
    )  # fmt: skip


def is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def is_head(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    leaf, content = value
    return (leaf is None or statement.is_bytes(32)(leaf)) and (
        content in ("none", "unknown") or statement.is_root(content)
    )


def check_word(word: str, known: str | None) -> None:
    """What follows from the history; or that the item has gone on from whoever was given this."""
    demand(word in (known or "unknown", "passed_on"), "another_history", word)
    demand(word != "passed_on" or known not in TERMINAL, "another_history", word)


def check_keys(keys: list[list[str]], story: Story, bundle: Members, rights: dict[str, Rights]) -> None:
    """Every key that signed in the last segment is spoken of, and as revoked just when it is for any of those who
    signed there with it: a status does not say whose key it means."""
    states, segment = dict(keys), bundle["segments"][-1]
    known = rights[segment["log"]].keys
    signed = {(hop.signer, hop.kid) for hop in story.hops if hop.log == segment["log"] and not hop.by_node}
    for kid in {kid for _, kid in signed}:
        revoked = any(known[claim].until is not None for claim in signed if claim[1] == kid)
        demand(kid in states, "key_not_spoken_of", kid)
        demand(revoked or states[kid] == "valid", "revocation_hidden", kid)
        demand(not revoked or states[kid] == "revoked", "revocation_denied", kid)
