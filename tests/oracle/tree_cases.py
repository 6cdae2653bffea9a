"""The cases of `tests/vectors/tree`: stories of one or more submissions, proofs, and damaged proofs."""

import copy
import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import documents, identifiers, merkle, statement, tree
from .canonical import Members, encode
from .canonical_cases import json_document, observed, packed, xml_document
from .refusal import Refused
from .tree import Leaf, Opening, State, b64, rooted

MAKER, DISTRIBUTOR, PHARMACY = "0614141007776", "0860001000016", "9521141000014"
LOG = "vectors.example/log"


def drawn(*what: object) -> bytes:
    """32 bytes for a vector: never draw a real secret like this."""
    return hashlib.sha256("/".join(["unitproof vectors", *map(str, what)]).encode()).digest()


KEYS = {
    MAKER: statement.Key(statement.ED25519, drawn("key", "maker")),
    DISTRIBUTOR: statement.Key(statement.ED25519, drawn("key", "distributor")),
    PHARMACY: statement.Key(statement.ESP256, drawn("key", "pharmacy")),
}


# --- documents in few words


def unit(serial: str) -> str:
    return f"urn:epc:id:sgtin:0614141.012345.{serial}"


def case(serial: str) -> str:
    return f"urn:epc:id:sgtin:0614141.512345.{serial}"


PALLET, OTHER_PALLET = "urn:epc:id:sscc:0614141.0700000000", "urn:epc:id:sscc:0614141.0700000001"
PLACE = {MAKER: "urn:epc:id:sgln:0614141.00777.0", DISTRIBUTOR: "urn:epc:id:sgln:0860001.00001.0",
         PHARMACY: "urn:epc:id:sgln:9521141.00001.0"}  # fmt: skip


def link(epc: str) -> str:
    return identifiers.canonical(epc)


def at(time: str, party: str = MAKER, **members: Any) -> Members:
    place = {"id": PLACE[party]}
    return {"eventTime": f"2026-01-05T{time}Z", "readPoint": place, "bizLocation": place} | members


def commission(time: str, *epcs: str, lot: str | None = "L007", party: str = MAKER, **members: Any) -> Members:
    ilmd = {"ilmd": {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": "2027-12-31"}} if lot else {}
    return observed(epcList=list(epcs), action="ADD", bizStep="commissioning", disposition="active",
                    **at(time, party, **ilmd, **members))  # fmt: skip


def pack(time: str, parent: str, *children: str, party: str = MAKER, **members: Any) -> Members:
    return packed(parentID=parent, childEPCs=list(children), bizStep="packing", disposition="in_progress",
                  **at(time, party, **members))  # fmt: skip


def unpack(time: str, parent: str, *children: str, party: str = DISTRIBUTOR, **members: Any) -> Members:
    event = packed(parentID=parent, childEPCs=list(children), action="DELETE", bizStep="unpacking",
                   disposition="in_progress", **at(time, party, **members))  # fmt: skip
    if not children:
        del event["childEPCs"]
    return event


def ship(time: str, *epcs: str, party: str = MAKER, to: str = DISTRIBUTOR, **members: Any) -> Members:
    return observed(epcList=list(epcs), bizStep="shipping", disposition="in_transit", **between(party, to),
                    **at(time, party, **members))  # fmt: skip


def receive(time: str, *epcs: str, party: str = DISTRIBUTOR, sender: str = MAKER, **members: Any) -> Members:
    return observed(epcList=list(epcs), bizStep="receiving", disposition="in_progress", **between(sender, party),
                    **at(time, party, **members))  # fmt: skip


def call_off(time: str, *epcs: str, party: str = MAKER, to: str = DISTRIBUTOR, **members: Any) -> Members:
    return observed(epcList=list(epcs), bizStep="void_shipping", disposition="in_progress", **between(party, to),
                    **at(time, party, **members))  # fmt: skip


def send_back(time: str, *epcs: str, party: str = DISTRIBUTOR, to: str = MAKER, **members: Any) -> Members:
    return ship(time, *epcs, party=party, to=to, **members) | {"disposition": "returned"}


def take_back(time: str, *epcs: str, party: str = MAKER, sender: str = DISTRIBUTOR, **members: Any) -> Members:
    return receive(time, *epcs, party=party, sender=sender, **members) | {"disposition": "returned"}


def destroy(time: str, *epcs: str, party: str = MAKER, **members: Any) -> Members:
    return observed(epcList=list(epcs), action="DELETE", bizStep="destroying", disposition="destroyed",
                    **at(time, party, **members))  # fmt: skip


def export(time: str, *epcs: str, party: str = MAKER, **members: Any) -> Members:
    return observed(epcList=list(epcs), action="DELETE", bizStep="urn:unitproof:bizstep:exporting",
                    **at(time, party, **members))  # fmt: skip


def between(sender: str, receiver: str) -> Members:
    return {"sourceList": [{"type": "possessing_party", "source": PLACE[sender]}],
            "destinationList": [{"type": "possessing_party", "destination": PLACE[receiver]}]}  # fmt: skip


def dispense(time: str, *epcs: str, party: str = PHARMACY, **members: Any) -> Members:
    return observed(epcList=list(epcs), bizStep="dispensing", disposition="dispensed", **at(time, party, **members))


def mistaken(event: Members) -> Members:
    """The same event declared an error."""
    return event | {"errorDeclaration": {"declarationTime": "2026-01-07T00:00:00Z", "reason": "did_not_occur"}}


# --- stories


@dataclass
class Step:
    """One submission: who tells which events, how, and what custody knew (README: plans)."""

    submitter: str
    events: list[Members] = field(default_factory=list)
    told: Sequence[Sequence[str | None]] | None = None  # as actor unless said
    plans: dict[int, Members] = field(default_factory=dict)
    offline: bool = False
    document: tuple[str, str] | None = None  # a document as text instead of the events


def plan(**members: Any) -> Members:
    return tree.NO_PLAN | members


def content_of(shown: Members, epc: str) -> Any:
    return shown["heads"][epc][1]


def text_heads(state: State) -> Members:
    return {epc: [leaf and b64(leaf), content] for epc, (leaf, content) in sorted(state.heads.items())}


def text_contents(state: State) -> Members:
    return {epc: [b64(leaf) for leaf in leaves] for epc, leaves in sorted(state.contents.items())}


def told(name: str, number: int, step: Step, state: State) -> Members:
    """One submission with every intermediate value; `state` moves on."""
    syntax, text = step.document or ("json", json_document(*step.events))
    read = documents.read(syntax, text)
    voices = [list(each) for each in step.told or [["actor", None]] * len(read.events)]
    items, fields, entry = (drawn(name, number, what) for what in ("items", "fields", "entry"))
    opening = Opening(items, fields, entry, voices, step.offline)
    plans = [step.plans.get(index, tree.NO_PLAN) for index in range(len(read.events))]
    identity = f"00000000-0000-4000-8000-{number:012d}"
    time = f"2026-01-0{5 + number}T00:00:00Z"
    before = {"heads": text_heads(state), "contents": text_contents(state)}
    grown = tree.grow(read, text.encode(), opening, plans_inside(plans), state)
    payload = statement.submission(grown, LOG, step.submitter, identity, time)
    return {
        "document": {"syntax": syntax, "text": text},
        "log": LOG,
        "submitter": step.submitter,
        "submission": identity,
        "time": time,
        "opening": encode(opening.members()).decode(),
        "plans": plans,
        "before": before,
        "tree": grown.shown(),
        "statement": statement.shown("submission", payload, identity, KEYS[step.submitter], opening.entry),
        "after": {"heads": text_heads(state), "contents": text_contents(state)},
    }


def plans_inside(plans: list[Members]) -> list[Members]:
    """As `tree` wants them: leaves as bytes."""
    return [each | {"standing": {epc: unb64(leaf) for epc, leaf in each["standing"].items()}} for each in plans]


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def story(name: str, rule: str, *steps: Any) -> Members:
    """A step may be a function of the submissions told before it, to name their leaves and contents."""
    state, out = State(), list[Members]()
    for number, step in enumerate(steps, start=1):
        made = step(out) if callable(step) else step
        out.append(told(name, number, made, state))
    return {"name": name, "rule": rule, "submissions": out}


A1, A2, A3, A4 = unit("A1"), unit("A2"), unit("A3"), unit("A4")
C1, C2 = case("C1"), case("C2")

HEADER = """<EPCISHeader><sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>
<sbdh:Sender><sbdh:Identifier Authority="GS1">urn:epc:id:sgln:0614141.00777.0</sbdh:Identifier></sbdh:Sender>
<sbdh:Sender><sbdh:Identifier Authority="GS1">urn:epc:id:sgln:0614141.00888.0</sbdh:Identifier></sbdh:Sender>
<sbdh:Receiver><sbdh:Identifier Authority="House">Warehouse 7</sbdh:Identifier></sbdh:Receiver>
<sbdh:DocumentIdentification><sbdh:Standard>EPCglobal</sbdh:Standard><sbdh:TypeVersion>1.0</sbdh:TypeVersion>
<sbdh:InstanceIdentifier>1100220001</sbdh:InstanceIdentifier><sbdh:Type>Events</sbdh:Type>
<sbdh:CreationDateAndTime>2026-01-05T08:00:00Z</sbdh:CreationDateAndTime></sbdh:DocumentIdentification>
</sbdh:StandardBusinessDocumentHeader><extension><EPCISMasterData><VocabularyList>
<Vocabulary type="urn:epcglobal:epcis:vtype:EPCClass"><VocabularyElementList>
<VocabularyElement id="urn:epc:idpat:sgtin:0614141.012345.*">
<attribute id="urn:epcglobal:cbv:mda#regulatedProductName">Examplin</attribute>
<attribute id="urn:epcglobal:cbv:mda#strengthDescription">100mg</attribute>
</VocabularyElement></VocabularyElementList></Vocabulary>
<Vocabulary type="urn:epcglobal:epcis:vtype:Location"><VocabularyElementList>
<VocabularyElement id="urn:epc:id:sgln:0614141.00777.0">
<attribute id="urn:epcglobal:cbv:mda#name">Example Maker</attribute>
<attribute id="urn:epcglobal:cbv:mda#city">Springfield</attribute>
</VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList></EPCISMasterData></extension>
<gs1ushc:guidelineVersion>GS1 US DSCSA R1.3</gs1ushc:guidelineVersion><gs1ushc:dscsaTransactionStatement>
<gs1ushc:affirmTransactionStatement>true</gs1ushc:affirmTransactionStatement>
<gs1ushc:legalNotice> Seller has complied,
  as given. </gs1ushc:legalNotice></gs1ushc:dscsaTransactionStatement></EPCISHeader>"""

MDA = "urn:epcglobal:cbv:mda#"
#: The same in JSON; names of attributes in the spellings they have there.
JSON_HEADER: Members = {
    "sender": "urn:epc:id:sgln:0614141.00777.0",
    "receiver": "Warehouse 7",
    "instanceIdentifier": "1100220001",
    "gs1ushc:guidelineVersion": "GS1 US DSCSA R1.3",
    "gs1ushc:dscsaTransactionStatement": {
        "gs1ushc:affirmTransactionStatement": True,
        "gs1ushc:legalNotice": " Seller has complied,\n  as given. ",
    },
    "epcisHeader": {"epcisMasterData": {"vocabularyList": [
        {"type": "urn:epcglobal:epcis:vtype:EPCClass", "vocabularyElementList": [
            {"id": "urn:epc:idpat:sgtin:0614141.012345.*", "attributes": [
                {"id": f"{MDA}regulatedProductName", "attribute": "Examplin"},
                {"id": "cbvmda:strengthDescription", "attribute": "100mg"}]}]},
        {"type": "urn:epcglobal:epcis:vtype:Location", "vocabularyElementList": [
            {"id": "https://id.gs1.org/414/0614141007776", "attributes": [
                {"id": "urn:epcglobal:cbv:mda:name", "attribute": "Example Maker"},
                {"id": f"{MDA}city", "attribute": "Springfield"}]}]}]}},
}  # fmt: skip

XML_SHIPMENT = (
    "<ObjectEvent><eventTime>2026-01-05T08:00:00Z</eventTime><eventTimeZoneOffset>-05:00</eventTimeZoneOffset>"
    "<epcList><epc>urn:epc:id:sscc:0614141.0700000000</epc></epcList><action>OBSERVE</action>"
    "<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep></ObjectEvent>"
)


def to_pallet() -> list[Members]:
    return [
        commission("08:00:00", A1, A2, A3, A4),
        commission("08:10:00", C1, C2),
        commission("08:20:00", PALLET, lot=None),
        pack("09:00:00", C1, A1, A2),
        pack("09:00:01", C2, A3, A4),
        pack("10:00:00", PALLET, C1, C2),
    ]


def case_of(*units: str) -> list[Members]:
    return [commission("08:00:00", *units), commission("08:10:00", C1), pack("09:00:00", C1, *units)]


def leaf_in(submission: Members, event: int, epc: str) -> str:
    """The hash of an item's leaf in an event told before, as base64url."""
    for shown in submission["tree"]["events"][event]["items"]:
        if json.loads(shown["leaf"])[2] == link(epc):
            return b64(bytes.fromhex(shown["hash"]))
    raise KeyError(epc)


def stories() -> list[Members]:
    return [
        story(
            "from-line-to-patient",
            "FORMATS 3: prev is the item's last leaf of kind i or p; content is the tree over the children's leaves",
            Step(MAKER, [*to_pallet(), ship("11:00:00", PALLET)]),
            Step(DISTRIBUTOR, [receive("12:00:00", PALLET), unpack("12:10:00", PALLET, C1),
                               unpack("12:20:00", C1, A1),
                               ship("13:00:00", A1, party=DISTRIBUTOR, to=PHARMACY)]),
            Step(PHARMACY, [receive("14:00:00", A1, party=PHARMACY, sender=DISTRIBUTOR), dispense("15:00:00", A1)]),
        ),
        story(
            "one-child-is-the-root",
            "FORMATS 3: one child: the root is its hash",
            Step(MAKER, case_of(A1)),
        ),
        story(
            "all-out-is-known-to-be-empty",
            "FORMATS 3: [0, H(\"\")] is known to be empty",
            Step(MAKER, [*case_of(A1, A2), unpack("10:00:00", C1, party=MAKER)]),
            Step(MAKER, [pack("11:00:00", C1, A1)]),
        ),
        story(
            "unpacked-one-by-one",
            "FORMATS 3: content is that after the event; the last child out leaves [0, H(\"\")]",
            Step(MAKER, [*case_of(A1, A2, A3), unpack("10:00:00", C1, A2, party=MAKER),
                         unpack("11:00:00", C1, A1, A3, party=MAKER)]),
        ),
        story(
            "packed-further",
            "FORMATS 3: the tree over the head leaf hashes of all its children after this event, sorted bytewise",
            Step(MAKER, [*case_of(A1, A2), commission("10:00:00", A3, A4), pack("11:00:00", C1, A4, A3)]),
            Step(MAKER, [unpack("12:00:00", C1, A1, A3, party=MAKER)]),
        ),
        story(
            "packed-in-another-order-than-the-document",
            "FORMATS 3: leaves are made in the order of application; the trees stay in document order",
            Step(MAKER, list(reversed(to_pallet()))),
        ),
        story(
            "equal-times-go-by-rank",
            "ARCHITECTURE 4: equal times by commission, pack, ship, others",
            Step(MAKER, [observed(epcList=[C1], bizStep="inspecting", **at("08:00:00")), ship("08:00:00", C1),
                         pack("08:00:00", C1, A1), commission("08:00:00", C1), commission("08:00:00", A1)]),
        ),
        story(
            "of-packs-at-one-time-the-inner-first",
            "ARCHITECTURE 4: among packs of equal time the inner parent first; then document order",
            Step(MAKER, [pack("09:00:00", PALLET, C1, C2), pack("09:00:00", C2, A2), pack("09:00:00", C1, A1),
                         commission("08:00:00", A1, A2), commission("08:00:00", C1, C2)]),
        ),
        story(
            "times-compare-as-times-not-as-text",
            "ARCHITECTURE 4: within a submission events apply by event time (.1 before .1005, whatever the digits)",
            Step(MAKER, [receive("08:00:00.1005", A1, party=MAKER, sender=MAKER), commission("08:00:00.1", A1)]),
        ),
        story(
            "times-closer-than-a-microsecond",
            "FORMATS 2: nothing rounded; ARCHITECTURE 4: within a submission events apply by event time",
            Step(MAKER, [receive("08:00:00.12345678912", A1, party=MAKER, sender=MAKER),
                         commission("08:00:00.12345678911", A1)]),
        ),
        story(
            "at-first-sight",
            "FORMATS 3: at first sight \"unknown\" for an SSCC or other non-SGTIN, \"none\" for an SGTIN",
            Step(DISTRIBUTOR, [receive("12:00:00", A1, C1, PALLET, "urn:epc:id:grai:0614141.12345.G1",
                                       "https://example.org/tote/7")]),
        ),
        story(
            "packed-into-a-container-at-first-sight",
            "FORMATS 3: at first sight as the parent of a pack, the tree over this event's children",
            Step(DISTRIBUTOR, [pack("12:00:00", PALLET, A1, A2, party=DISTRIBUTOR),
                               pack("12:10:00", C1, A3, party=DISTRIBUTOR)]),
        ),
        story(
            "packed-into-a-container-of-unknown-content",
            "FORMATS 3: \"unknown\": nobody has stated the contents, and packing more into it does not",
            Step(DISTRIBUTOR, [receive("12:00:00", PALLET)]),
            Step(DISTRIBUTOR, [pack("13:00:00", PALLET, A1, party=DISTRIBUTOR)]),
            Step(DISTRIBUTOR, [unpack("14:00:00", PALLET, A1)]),
            Step(DISTRIBUTOR, [unpack("15:00:00", PALLET), pack("16:00:00", PALLET, A1, party=DISTRIBUTOR)]),
        ),
        story(
            "commissioning-states-none",
            "FORMATS 3: at commissioning \"none\", whatever the identifier",
            Step(MAKER, [commission("08:00:00", PALLET, C1, A1, "urn:epc:id:grai:0614141.12345.G1", lot=None)]),
        ),
        story(
            "opened-without-a-record",
            "FORMATS 3: a head is (leaf hash, content now): opening without a record changes the second only",
            Step(MAKER, [*to_pallet(), ship("11:00:00", PALLET, to=PHARMACY)]),
            Step(PHARMACY, [dispense("15:00:00", A1)], plans={0: plan(opened=[link(C1), link(PALLET)])}),
            Step(PHARMACY, [unpack("16:00:00", PALLET, C1, party=PHARMACY)]),
        ),
        story(
            "an-error-declaration-reverts-a-shipment",
            "ARCHITECTURE 4: prev = the reverted leaf, and the content from before it",
            Step(MAKER, [*case_of(A1, A2), ship("10:00:00", C1)]),
            lambda before: Step(MAKER, [mistaken(ship("10:00:00", C1))], plans={
                0: plan(restored={link(C1): before[0]["after"]["heads"][link(C1)][1]})}),
            Step(MAKER, [ship("11:00:00", C1, to=PHARMACY)]),
        ),
        story(
            "an-error-declaration-reverts-a-pack",
            "ARCHITECTURE 4: prev = the reverted leaf, and the content from before it",
            Step(MAKER, case_of(A1, A2)),
            Step(MAKER, [mistaken(pack("09:00:00", C1, A1, A2))], plans={
                0: plan(restored={link(A1): "none", link(A2): "none", link(C1): "none"})}),
            Step(MAKER, [pack("11:00:00", C1, A1)]),
        ),
        story(
            "an-error-declaration-reverts-an-unpack",
            "ARCHITECTURE 4: the content from before it: the child's leaf in it is not the child's head from then on",
            Step(MAKER, case_of(A1, A2)),
            Step(MAKER, [unpack("10:00:00", C1, A1, party=MAKER)]),
            lambda before: Step(MAKER, [mistaken(unpack("10:00:00", C1, A1, party=MAKER))], plans={
                0: plan(restored={link(A1): "none", link(C1): before[0]["after"]["heads"][link(C1)][1]},
                        standing={link(A1): leaf_in(before[0], 2, A1)})}),
            lambda before: Step(MAKER, [unpack("11:00:00", C1, A1, party=MAKER)], plans={
                0: plan(standing={link(A1): leaf_in(before[0], 2, A1)})}),
        ),
        story(
            "an-error-declaration-reverts-an-unpack-of-all",
            "ARCHITECTURE 4: prev = the reverted leaf, and the content from before it",
            Step(MAKER, case_of(A1, A2)),
            Step(MAKER, [unpack("10:00:00", C1, party=MAKER)]),
            lambda before: Step(MAKER, [mistaken(unpack("10:00:00", C1, party=MAKER))], plans={
                0: plan(restored={link(C1): before[0]["after"]["heads"][link(C1)][1]},
                        standing={link(A1): leaf_in(before[0], 2, A1), link(A2): leaf_in(before[0], 2, A2)})}),
            Step(MAKER, [unpack("11:00:00", C1, A2, party=MAKER)]),
        ),
        story(
            "an-error-declaration-reverts-a-second-pack",
            "ARCHITECTURE 4: prev = the reverted leaf, and the content from before it",
            Step(MAKER, [*case_of(A1, A2), commission("09:30:00", A3)]),
            Step(MAKER, [pack("10:00:00", C1, A3)]),
            lambda before: Step(MAKER, [mistaken(pack("10:00:00", C1, A3))], plans={
                0: plan(restored={link(A3): "none", link(C1): before[0]["after"]["heads"][link(C1)][1]})}),
            Step(MAKER, [unpack("11:00:00", C1, A2, party=MAKER)]),
        ),
        story(
            "an-error-declaration-reverts-a-commissioning",
            "ARCHITECTURE 4: prev = the reverted leaf: it begins nothing, though it commissions",
            Step(MAKER, [commission("08:00:00", A1)]),
            Step(MAKER, [mistaken(commission("08:00:00", A1))], plans={0: plan(restored={link(A1): "none"})}),
        ),
        story(
            "a-receiver-reports-its-senders-file",
            "FORMATS 3: s: named, but nothing moves (already known); FORMATS 5: meaning is [\"reported\"]",
            Step(MAKER, [commission("08:00:00", A1, A2)]),
            Step(DISTRIBUTOR, [commission("08:00:00", A1, A2), ship("11:00:00", A1, A2, PALLET)],
                 told=[["reporter", MAKER], ["reporter", MAKER]],
                 plans={0: plan(seen=[link(A1), link(A2)]), 1: plan(seen=[link(A1), link(A2)])}),
        ),
        story(
            "a-reporter-starts-a-record",
            "FORMATS 3: at first sight prev is null; told as reporter the leaves are of the same kinds",
            Step(DISTRIBUTOR, [commission("08:00:00", A1), commission("08:10:00", C1), pack("09:00:00", C1, A1),
                               ship("10:00:00", C1), receive("12:00:00", C1)],
                 told=[["reporter", MAKER]] * 4 + [["actor", None]]),
        ),
        story(
            "the-same-event-told-by-its-actor-raises-it",
            "FORMATS 3: s: raised by its actor",
            Step(DISTRIBUTOR, [receive("12:00:00", A1), ship("11:00:00", A1)],
                 told=[["actor", None], ["reporter", MAKER]]),
            Step(MAKER, [ship("11:00:00", A1)], plans={0: plan(seen=[link(A1)])}),
        ),
        story(
            "named-together-with-its-contents",
            "FORMATS 3: s: seen inside a container",
            Step(MAKER, [*to_pallet(), ship("11:00:00", PALLET, C1, C2, A1)],
                 plans={6: plan(seen=[link(C1), link(C2), link(A1)])}),
        ),
        story(
            "a-pack-of-which-all-is-seen",
            "FORMATS 3: where nothing is packed or unpacked, or all is seen, parentID is a field",
            Step(MAKER, case_of(A1)),
            Step(MAKER, [pack("09:00:00", C1, A1)], plans={0: plan(seen=[link(A1), link(C1)])}),
        ),
        story(
            "a-pack-of-which-some-is-seen",
            "FORMATS 3: the tree over the leaves of all its children; whoever was inside stays with the leaf it has",
            Step(MAKER, [*case_of(A1), commission("09:30:00", A2)]),
            Step(MAKER, [pack("10:00:00", C1, A1, A2)], plans={0: plan(seen=[link(A1)])}),
        ),
        story(
            "thirteen-units",
            "FORMATS 3: RFC 9162 hashing: the left subtree is the largest power of two below n",
            Step(MAKER, case_of(*(unit(f"N{number}") for number in range(13)))),
        ),
        story(
            "an-aggregation-that-only-observes",
            "FORMATS 3: where nothing is packed or unpacked parentID is a field; what is neither p nor s is i",
            Step(DISTRIBUTOR, [packed(parentID=PALLET, childEPCs=[A1, C1], action="OBSERVE", bizStep="inspecting",
                                      **at("12:00:00", DISTRIBUTOR))]),
        ),
        story(
            "a-device-without-a-connection",
            "FORMATS 4: offline: every prev is null and every content \"unknown\" unless this submission states it",
            Step(MAKER, [commission("08:00:00", A1, A2)]),
            Step(MAKER, [observed(epcList=[A1, C1], bizStep="inspecting", **at("09:00:00")),
                         commission("10:00:00", A3, C2), pack("11:00:00", C2, A1, A3),
                         pack("11:30:00", C1, A2), unpack("12:00:00", C2, A3, party=MAKER)], offline=True),
        ),
        story(
            "opened-by-a-device-without-a-connection",
            "FORMATS 3: opening without a record changes the second only",
            Step(MAKER, case_of(A1, A2)),
            Step(MAKER, [observed(epcList=[A1], bizStep="inspecting", **at("12:00:00"))], offline=True,
                 plans={0: plan(opened=[link(C1)])}),
        ),
        story(
            "told-by-an-agent-and-by-an-intake",
            "FORMATS 3: `as` and `for` are in the core; FORMATS 5: meaning counts the actor's and the agent's steps",
            Step(DISTRIBUTOR, [commission("08:00:00", A1), ship("09:00:00", A1), receive("10:00:00", A1),
                               dispense("11:00:00", A2)],
                 told=[["agent", MAKER], ["agent", MAKER], ["actor", None], ["intake", PHARMACY]]),
        ),
        story(
            "meaning-is-sorted-and-distinct",
            "FORMATS 5: distinct business steps, sorted as RFC 8785 sorts names",
            Step(MAKER, [observed(epcList=[unit(f"M{place}")], bizStep=step, **at("08:00:00"))
                         for place, step in enumerate(("shipping", "https://example.org/ns/\uff5e", "packing",
                                                       "https://example.org/ns/\U00010000", "shipping"))]),
        ),
        story(
            "quantities-move-nothing",
            "FORMATS 3: an event without EPCs has no `items`; quantity lists are fields",
            Step(MAKER, [{**observed(bizStep="receiving", **at("08:00:00")), "epcList": [],
                          "quantityList": [{"epcClass": "urn:epc:class:lgtin:0614141.012345.L1", "quantity": 10}]}]),
        ),
        story(
            "everything-else-is-a-field",
            "FORMATS 3: fields after the core, by name in RFC 8785 key order; declarations in the core",
            Step(MAKER, [mistaken(observed(
                eventID="urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7", bizStep="inspecting", disposition="active",
                persistentDisposition={"set": ["completeness_verified"]}, certificationInfo="https://example.org/c",
                bizTransactionList=[{"type": "po", "bizTransaction": "urn:x:1"}], quantityList=[
                    {"epcClass": "urn:epc:class:lgtin:0614141.012345.L1", "quantity": 10}],
                action="ADD", ilmd={"cbvmda:lotNumber": "L1"}, **between(MAKER, DISTRIBUTOR),
                **at("08:00:00", **{"ex:\uff5e": "second", "ex:\U00010000": "first"})))],
                plans={0: plan(restored={link(A1): "none"})}),
        ),
        story(
            "the-header-of-an-xml-document",
            "FORMATS 3: header names; SBDH's first sender; the identifier canonical, else the text; ts as given",
            Step(MAKER, document=("xml", xml_document(XML_SHIPMENT, header=HEADER))),
        ),
        story(
            "the-header-of-a-json-document",
            "FORMATS 3: or the JSON document's members",
            Step(MAKER, document=("json", json_document(
                ship("08:00:00", PALLET), sender="urn:epc:id:pgln:0614141.00777",
                receiver="urn:epc:id:sgln:0860001.00001.0",
                instanceIdentifier="d275bdd3-f0ab-481a-b194-b534e1e5da8d"))),
        ),
        story(
            "master-data-and-statement-of-a-json-document",
            "FORMATS 3: header names, from either syntax",
            Step(MAKER, document=("json", json_document(
                ship("08:00:00", PALLET), context={"gs1ushc": "http://epcis.gs1us.org/hc/ns"}, **JSON_HEADER))),
        ),
        story(
            "no-header-no-member",
            "FORMATS 3: no header, no `header` member; FORMATS 4: the document's salt has no name",
            Step(MAKER, [commission("08:00:00", A1)]),
        ),
        story(
            "signed-with-p-256",
            "FORMATS 5: alg -9, raw r and s, vectors with RFC 6979",
            Step(PHARMACY, [dispense("15:00:00", A1)]),
        ),
    ]  # fmt: skip


# --- documents that make no tree


def refused_documents() -> list[Members]:
    alone = [commission("08:00:00", A1), commission("08:10:00", C1, C2), commission("08:20:00", PALLET, lot=None)]
    cases: dict[str, tuple[str, str, list[Members]]] = {
        "packed-out-of-order": ("ARCHITECTURE 4: a pack over a child packed later is refused", "packed_out_of_order",
                                [*alone, pack("09:00:00", PALLET, C1), pack("09:00:01", C1, A1)]),
        "packed-into-each-other": ("ARCHITECTURE 4: a pack over a child packed later is refused", "packed_out_of_order",
                                   [*alone, pack("09:00:00", C1, C2), pack("09:00:00", C2, C1)]),
    }  # fmt: skip
    out = []
    for name, (rule, code, events) in cases.items():
        text = json_document(*events)
        read = documents.read("json", text)
        opening = Opening(drawn(name, 1), drawn(name, 2), drawn(name, 3), [["actor", None]] * len(events))
        try:
            tree.grow(read, text.encode(), opening, [tree.NO_PLAN] * len(events), State())
        except Refused as error:
            if error.code != code:
                raise
        else:
            raise AssertionError(name)
        out.append({"name": name, "rule": rule, "code": code, "document": {"syntax": "json", "text": text},
                    "submitter": MAKER, "opening": encode(opening.members()).decode()})  # fmt: skip
    return out


# --- proofs


def roots() -> list[Members]:
    """RFC 9162 roots, inclusion proofs and multiproofs of small trees."""
    out = []
    for size in (0, 1, 2, 3, 4, 5, 6, 7, 8, 13):
        leaves = [merkle.leaf(encode(["leaf", number])) for number in range(size)]
        subsets = [subset for subset in ([0], [size - 1], [0, size - 1], list(range(size)), [1, 2], [2, 5, 6])
                   if subset and min(subset) >= 0 and max(subset) < size]  # fmt: skip
        distinct = [list(each) for each in dict.fromkeys(tuple(sorted(set(subset))) for subset in subsets)]
        out.append({
            "name": f"tree-of-{size}",
            "leaf_data": [encode(["leaf", number]).decode() for number in range(size)],
            "leaf_hashes": [leaf.hex() for leaf in leaves],
            "root": merkle.root(leaves).hex(),
            "inclusion": [[hash.hex() for hash in merkle.inclusion(index, leaves)] for index in range(size)],
            "multiproofs": [
                {"indexes": indexes, "siblings": [hash.hex() for hash in merkle.multiproof(indexes, leaves)]}
                for indexes in distinct
            ],
        })  # fmt: skip
    return out


@dataclass(frozen=True)
class Proof:
    """Leaves of one tree shown with their paths, against the [n, root] that a leaf above states."""

    tree: str
    stated: list[Any]
    leaves: dict[int, str]
    siblings: list[bytes]

    @classmethod
    def of(cls, what: str, leaves: list[Leaf], indexes: list[int]) -> "Proof":
        hashes = [leaf.hash for leaf in leaves]
        return cls(what, rooted(hashes), {index: leaves[index].text.decode() for index in indexes},
                   merkle.multiproof(indexes, hashes))  # fmt: skip

    def shown(self) -> Members:
        return {
            "tree": self.tree,
            "stated": self.stated,
            "leaves": [{"index": index, "leaf": leaf} for index, leaf in sorted(self.leaves.items())],
            "siblings": [hash.hex() for hash in self.siblings],
        }

    def step_refused(self) -> str | None:
        """How a verifier that obeys FORMATS 3 refuses this: "leaf", "core" or "root"; None: it holds.

        Reading the leaves comes first: their kinds, their lengths, the core at index 0 and nowhere else.
        """
        for index, text in self.leaves.items():
            try:
                self.check_leaf(index, text)
            except Refused as error:
                return error.code
        size, root = self.stated
        proven = {index: merkle.leaf(text.encode()) for index, text in self.leaves.items()}
        found = merkle.root_from(proven, size, self.siblings)
        return None if found is not None and b64(found) == root else "root"

    def check_leaf(self, index: int, text: str) -> None:
        members = json.loads(text)
        if encode(members).decode() != text or not isinstance(members, list) or not members:
            raise Refused("leaf")
        lengths = {"items": {"i": 5, "p": 5, "s": 3}, "event": {"c": 3, "f": 4}, "header": {"h": 4}, "events": {"e": 2}}
        if lengths[self.tree].get(members[0]) != len(members):
            raise Refused("leaf")
        if self.tree == "event" and (members[0] == "c") != (index == 0):
            raise Refused("core")


def changed(proof: Proof, **members: Any) -> Proof:
    return Proof(**{**{name: getattr(proof, name) for name in ("tree", "stated", "leaves", "siblings")}, **members})


def replaced(proof: Proof, index: int, change: Any) -> Proof:
    members = json.loads(proof.leaves[index])
    members = change(members) or members
    return changed(proof, leaves=proof.leaves | {index: encode(members).decode()})


def grain(number: int) -> str:
    return b64(drawn("grain", number)[:16])


def proofs() -> tuple[list[Members], list[Members]]:
    """Good proofs of each kind of tree, and each damaged in one way."""
    epcs = [link(each) for each in (A1, A2, A3, C1, PALLET)]
    prev = b64(drawn("prev"))
    items = sorted(
        (Leaf(["p" if epc == link(C1) else "i", grain(number), epc, [2, b64(drawn("content"))] if epc == link(C1) else
               "none", prev]) for number, epc in enumerate(epcs)),
        key=lambda leaf: leaf.hash,
    )  # fmt: skip
    core = {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": "shipping", "eventTime": "2026-01-05T11:00:00.000Z",
            "eventTimeZoneOffset": "+00:00", "as": "reporter", "for": MAKER,
            "errorDeclaration": {"declarationTime": "2026-01-07T00:00:00.000Z"},
            "items": rooted([leaf.hash for leaf in items])}  # fmt: skip
    others = {"bizLocation": {"id": link(PLACE[MAKER])}, "bizTransactionList": [{"bizTransaction": "urn:x:1"}],
              "readPoint": {"id": link(PLACE[MAKER])}}  # fmt: skip
    event = [Leaf(["c", grain(10), core])]
    event += [Leaf(["f", grain(11 + place), name, others[name]]) for place, name in enumerate(sorted(others))]
    header = [
        Leaf(["h", grain(20 + place), name, "x"]) for place, name in enumerate(("instance", "receiver", "sender"))
    ]
    events = [Leaf(["e", rooted([leaf.hash for leaf in event])]), Leaf(["e", [2, b64(drawn("other event"))]]),
              Leaf(["e", [3, b64(drawn("third event"))]])]  # fmt: skip

    good = {
        "one-item": Proof.of("items", items, [1]),
        "two-items": Proof.of("items", items, [0, 3]),
        "the-last-item": Proof.of("items", items, [4]),
        "core-alone": Proof.of("event", event, [0]),
        "core-and-a-field": Proof.of("event", event, [0, 3]),
        "all-of-an-event": Proof.of("event", event, [0, 1, 2, 3]),
        "one-event": Proof.of("events", events, [0]),
        "a-header-name": Proof.of("header", header, [1]),
    }
    item, core_proof, whole = good["one-item"], good["core-and-a-field"], good["all-of-an-event"]
    stated = item.stated
    two_cores = [event[0], Leaf(["c", grain(30), {**core, "bizStep": "receiving"}]), *event[1:]]
    core_last = [*event[1:], event[0]]

    def without(name: str) -> Any:
        return lambda members: members[2].pop(name) and None

    def with_member(place: int, value: Any) -> Any:
        return lambda members: [*members[:place], value, *members[place + 1 :]]

    bad = {
        "wrong-size": ("paths are checked against that n", changed(
            good["the-last-item"], stated=[stated[0] + 1, stated[1]])),
        "wrong-size-smaller": ("paths are checked against that n", changed(item, stated=[stated[0] - 1, stated[1]])),
        "wrong-root": ("a root is a value in a leaf", changed(item, stated=[stated[0], b64(drawn("another root"))])),
        "sibling-missing": ("the paths of one tree are one multiproof", changed(item, siblings=item.siblings[:-1])),
        "sibling-extra": ("the paths of one tree are one multiproof",
                          changed(item, siblings=[*item.siblings, drawn("sibling")])),
        "siblings-swapped": ("left before right", changed(item, siblings=[*item.siblings[1:], item.siblings[0]])),
        "index-moved": ("the order in its tree", changed(item, leaves={2: item.leaves[1]})),
        "index-beyond-the-size": ("paths are checked against that n", changed(
            item, leaves={stated[0]: item.leaves[1]})),
        "leaf-kind-swapped": ("every leaf begins with its kind",
                              replaced(item, 1, lambda m: ["p" if m[0] == "i" else "i", *m[1:]])),
        "seen-shown-as-moved": ("`s` leaves are never a head", replaced(item, 1, lambda m: ["s", *m[1:3]])),
        "prev-left-out": ("prev is the item's last leaf hash", replaced(item, 1, with_member(4, None))),
        "content-changed": ("content is that after the event", replaced(item, 1, with_member(3, "unknown"))),
        "epc-changed": ("`epc` is the canonical form everywhere", replaced(item, 1, with_member(2, link(A4)))),
        "salt-changed": ("a leaf's salt", replaced(item, 1, with_member(1, grain(99)))),
        "leaf-not-canonical": ("leaf bytes are the JSON arrays, RFC 8785",
                               changed(item, leaves={1: item.leaves[1].replace(",", ", ", 1)})),
        "leaf-with-a-member-more": ("leaf bytes are the JSON arrays below",
                                    replaced(item, 1, lambda m: [*m, "more"])),
        "leaf-of-another-tree": ("each leaf in its tree", changed(core_proof, tree="items")),
        "error-declaration-hidden": ("the core is always shown", replaced(core_proof, 0, without("errorDeclaration"))),
        "reporter-shown-as-actor": ("`as` is in the core",
                                    replaced(core_proof, 0, lambda m: m[2].update({"as": "actor"}))),
        "party-spoken-for-hidden": ("`for` is in the core", replaced(core_proof, 0, without("for"))),
        "items-of-another-event": ("items as [n, root] in the core", replaced(
            core_proof, 0, lambda m: m[2].update({"items": [5, b64(drawn("other items"))]}))),
        "field-changed": ("field [\"f\", salt, name, value]", replaced(whole, 1, with_member(3, {"id": "urn:x:2"}))),
        "field-renamed": ("field [\"f\", salt, name, value]", replaced(whole, 1, with_member(2, "readPoint"))),
        "fields-of-two-events": ("paths up to one event root", replaced(
            core_proof, 3, lambda m: ["f", grain(40), "readPoint", {"id": link(PLACE[PHARMACY])}])),
        "second-core": ("core: leaf 0 of its event; a check demands index 0", Proof.of("event", two_cores, [1])),
        "second-core-beside-the-first": ("a check demands index 0", Proof.of("event", two_cores, [0, 1])),
        "core-not-first": ("a check demands index 0", Proof.of("event", core_last, [3])),
        "field-in-the-place-of-the-core": ("core: leaf 0 of its event", Proof.of("event", core_last, [0])),
        "event-root-of-another-event": ("an event leaf is [\"e\", [n, root]]", replaced(
            good["one-event"], 0, with_member(1, events[1].members[1]))),
        "event-size-changed": ("always as [n, root]", replaced(
            good["one-event"], 0, lambda m: ["e", [m[1][0] + 1, m[1][1]]])),
        "header-value-changed": ("header [\"h\", salt, name, value]", replaced(
            good["a-header-name"], 1, with_member(3, "y"))),
    }  # fmt: skip
    for name, proof in good.items():
        if proof.step_refused() is not None:
            raise AssertionError(name)
    out = []
    for name, (rule, proof) in bad.items():
        step = proof.step_refused()
        if step is None:
            raise AssertionError(f"{name}: holds")
        out.append({"name": name, "rule": f"FORMATS 3: {rule}", "step": step, **proof.shown()})
    return [{"name": name, **proof.shown()} for name, proof in good.items()], out


def refused_payloads(told_stories: list[Members]) -> list[Members]:
    """A submitter's payload over something else than what the node recomputes: refused before anything is stored."""
    by_name = {each["name"]: each for each in told_stories}
    base = by_name["from-line-to-patient"]["submissions"][1]
    mistake = by_name["an-error-declaration-reverts-a-shipment"]["submissions"][1]
    reported = by_name["a-receiver-reports-its-senders-file"]["submissions"][1]
    header = by_name["the-header-of-an-xml-document"]["submissions"][0]

    def edited(submission: Members, **members: Any) -> str:
        payload = json.loads(submission["statement"]["payload"])
        payload.update(members)
        return encode({name: value for name, value in payload.items() if value is not None}).decode()

    def regrown(submission: Members, change: Any) -> str:
        """What the submission's payload would be were its inputs other than they are."""
        copied = copy.deepcopy(submission)
        change(copied)
        state = State()
        for epc, (leaf, content) in copied["before"]["heads"].items():
            state.heads[epc] = (leaf and unb64(leaf), content)
        for epc, leaves in copied["before"]["contents"].items():
            state.contents[epc] = [unb64(leaf) for leaf in leaves]
        for leaves in state.contents.values():
            state.archive[b64(merkle.root(leaves))] = leaves
        text = copied["document"]["text"]
        read = documents.read(copied["document"]["syntax"], text)
        said = json.loads(copied["opening"])
        items, fields, entry = (unb64(said[name]) for name in ("items", "fields", "entry"))
        opening = Opening(items, fields, entry, said["told"], said["offline"])
        grown = tree.grow(read, text.encode(), opening, plans_inside(copied["plans"]), state)
        payload = statement.submission(grown, *(copied[name] for name in ("log", "submitter", "submission", "time")))
        return encode(payload).decode()

    def older_head(copied: Members) -> None:
        copied["before"]["heads"][link(PALLET)][0] = b64(drawn("an older leaf"))

    def other_content(copied: Members) -> None:
        copied["before"]["heads"][link(PALLET)][1] = "unknown"
        copied["before"]["contents"].pop(link(PALLET))

    def as_actor(copied: Members) -> None:
        opening = json.loads(copied["opening"])
        opening["told"] = [["actor", None]] * len(opening["told"])
        copied["opening"] = encode(opening).decode()

    def not_seen(copied: Members) -> None:
        copied["plans"] = [tree.NO_PLAN] * len(copied["plans"])

    def without_declaration(copied: Members) -> None:
        document = json.loads(copied["document"]["text"])
        document["epcisBody"]["eventList"][0].pop("errorDeclaration")
        copied["document"]["text"] = json.dumps(document)
        copied["plans"] = [tree.NO_PLAN]

    def other_secret(copied: Members) -> None:
        opening = json.loads(copied["opening"])
        opening["items"] = b64(drawn("another secret"))
        copied["opening"] = encode(opening).decode()

    def a_space_more(copied: Members) -> None:
        copied["document"]["text"] += " "

    def offline(copied: Members) -> None:
        opening = json.loads(copied["opening"])
        opening["offline"] = True
        copied["opening"] = encode(opening).decode()

    cases = {
        "stale-ancestor": (base, regrown(base, older_head), "prev is the item's last leaf hash: 409 stale_head"),
        "stale-content": (base, regrown(base, other_content), "content is that after the event"),
        "links-left-out": (base, regrown(base, offline), "offline: every prev is null"),
        "other-secret": (base, regrown(base, other_secret), "salts derive from the opening's secrets"),
        "document-of-other-bytes": (base, regrown(base, a_space_more), "document is an HMAC of the bytes received"),
        "reporter-shown-as-actor": (reported, regrown(reported, as_actor), "as is in the core"),
        "seen-shown-as-moved": (reported, regrown(reported, not_seen), "what kind of leaf an event gets"),
        "error-declaration-hidden": (mistake, regrown(mistake, without_declaration), "errorDeclaration is in the core"),
        "meaning-widened": (reported, edited(reported, meaning=["commissioning", "shipping"]), "meaning"),
        "meaning-narrowed": (base, edited(base, meaning=["receiving"]), "meaning"),
        "header-left-out": (header, edited(header, header=None), "header [n, root]"),
        "header-added": (base, edited(base, header=[0, b64(merkle.root([]))]), "no header, no header member"),
        "events-counted-wrong": (base, edited(base, events=[3, json.loads(base["statement"]["payload"])["events"][1]]),
                                 "a root is always written with its number of leaves"),
    }  # fmt: skip
    out = []
    for name, (submission, payload, rule) in cases.items():
        if payload == submission["statement"]["payload"]:
            raise AssertionError(name)
        inputs = {each: submission[each] for each in ("document", "log", "submitter", "submission", "time", "opening",
                                                      "plans", "before")}  # fmt: skip
        out.append({"name": name, "rule": f"FORMATS 3 to 5: {rule}", "step": "payload", "payload": payload,
                    "recomputed": submission["statement"]["payload"], **inputs})  # fmt: skip
    return out
