"""Product and oracle over documents and stories that nobody chose: the same bytes, or refused by both."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from partners.gs1 import identifiers as gs1
from partners.gs1.errors import Gs1Error
from traceability import submission
from traceability.custody import EventPlan, Head
from traceability.epcis import jsonld, xml
from traceability.epcis.errors import DocumentError

from . import canonical, documents, identifiers, tree
from .canonical_cases import json_document, observed, xml_document
from .refusal import Refused
from .tree import Members, b64

# Canonical events


def said_twice(syntax: str, text: str, parse: Callable[[bytes], Any]) -> None:
    """Both refuse, or both read the same events and header."""
    try:
        read = documents.read(syntax, text)
        ours: Any = [canonical.encode(event) for event in read.events], dict(read.header)
    except Refused as refused:
        ours = None
        reason = str(refused)
    try:
        document = parse(text.encode())
        theirs: Any = [event.canonical for event in document.events], dict(document.header)
    except DocumentError as refused:
        theirs = None
        reason = str(refused)
    if (ours is None) != (theirs is None):
        pytest.fail(f"{'product' if theirs is None else 'oracle'} alone refuses: {reason}: {text}")
    assert ours == theirs


KEYS = [
    *(
        "urn:epc:id:sgtin:0614141.012345.A1",
        "urn:epc:idpat:sgtin:0614141.012345.*",
        "urn:epc:id:sscc:0614141.0700000000",
    ),
    *(
        "urn:epc:class:lgtin:0614141.012345.LOT1",
        "urn:epc:id:sgln:0614141.00777.dock-4",
        "urn:epc:id:pgln:0614141.00777",
    ),
    *("urn:epc:id:grai:0614141.12345.400", "urn:epc:id:giai:0614141.12345400", "urn:epc:id:cpi:0614141.123ABC.1234"),
    *("urn:epc:id:itip:4012345.012345.04.04.987", "urn:epc:id:gid:1.2.3", "urn:epc:tag:sgtin-96:3.0614141.1.1"),
    *("https://id.gs1.org/01/00614141123452/22/v/10/L1/21/A1?17=271231", "http://x.example/gtin/614141123452/ser/A1/"),
    *(
        "https://id.gs1.org/00/006141417000000004",
        "https://id.gs1.org/414/0614141007776/254/0",
        "https://x.example/a/b",
    ),
    *("https://id.gs1.org/8006/006141411234520102/21/a", "https://id.gs1.org/8018/061414112345678902/8019/1"),
]
PIECES = [*"0/.:%*A?# ", "/01/", "/21/", "gtin", "ser", "/235/", "00614141123452", ".0", "\u00e9", "+"]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(KEYS), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.sampled_from(PIECES))))
def test_whatever_is_written_like_a_key_both_read_it_alike(uri: str, changes: list[tuple[int, int, str]]) -> None:
    for at, length, piece in changes[:4]:
        uri = uri[:at] + piece + uri[at + length :]
    try:
        ours = identifiers.canonical(uri)
    except Refused:
        ours = None
    try:
        theirs = gs1.canonical(uri)
    except Gs1Error:
        theirs = None
    assert ours == theirs
    assert identifiers.in_one_form(uri) == gs1.is_canonical(uri)


SERIALS = st.text("!\"%&'()*+,-./09:;<=>?AZ_az", min_size=1, max_size=6)
SPACED = st.sampled_from(["{}", " {}", "{}\n", "\t{} "])


def urn_escaped(serial: str) -> str:
    return "".join(f"%{ord(each):02X}" if each in '"%&/<>?' else each for each in serial)


def percent_escaped(text: str) -> str:
    return "".join(f"%{ord(each):02x}" for each in text)


EPCS = st.one_of(
    SERIALS.map(lambda serial: f"urn:epc:id:sgtin:0614141.012345.{urn_escaped(serial)}"),
    SERIALS.map(lambda serial: f"https://id.gs1.org/01/00614141123452/21/{percent_escaped(serial)}"),
    SERIALS.map(lambda serial: f"http://example.com/a/01/00614141123452/21/{percent_escaped(serial)}?17=271231"),
    st.sampled_from(["urn:epc:id:sscc:0614141.0700000000", "https://id.gs1.org/00/006141417000000004", "urn:x:a"]),
)
PLACES = st.one_of(
    st.sampled_from(["urn:epc:id:sgln:0614141.00777.0", "https://id.gs1.org/414/0614141007776/254/0",
                     "urn:epc:id:pgln:0614141.00777", "https://example.org/place/7"]),
    SERIALS.map(lambda extension: f"urn:epc:id:sgln:0614141.00777.{urn_escaped(extension)}"),
)  # fmt: skip
TIMES = st.builds(
    lambda second, digits, zone: f"2026-01-05T08:00:{second:02d}{digits}{zone}",
    st.integers(0, 59),
    st.one_of(st.just(""), st.text("0159", min_size=1, max_size=9).map(".{}".format)),
    st.sampled_from(["Z", "+00:00", "-05:00", "+13:45", "-12:00"]),
)
TEXTS = st.one_of(st.text(max_size=6).filter(lambda text: "\0" not in text and "$" not in text),
                  st.sampled_from(["", " ", " x ", "\u00a0", "Ame\u0301lie", "1.50", "true"]))  # fmt: skip
NAMES = st.sampled_from(["ex:a", "ex:b", "ex:\uff5e", "ex:\U00010000", "https://example.org/ns/c", "cbvmda:lotNumber",
                         "@unit", "#text", "rdfs:comment"])  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-9, 9), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
OFFSETS = st.sampled_from(["+00:00", "-05:00", "-00:00", "+14:00", "Z", "+0000", "+14:30", ""])


def parties(name: str, *also: str) -> st.SearchStrategy[list[Members]]:
    return st.lists(st.fixed_dictionaries({
        "type": st.sampled_from(["owning_party", "urn:epcglobal:cbv:sdt:location", "urn:x:own", *also]),
        name: PLACES}), max_size=3)  # fmt: skip


OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "eventID": st.sampled_from(["urn:uuid:93C8C77F-a277-438d-aa83-b97cfab380e7", "ni:///sha-256;00?ver=CBV2.0"]),
    "bizStep": st.sampled_from(["shipping", "cbv:BizStep-shipping", "urn:epcglobal:cbv:bizstep:packing", "ex:weighing",
                                "https://ref.gs1.org/cbv/BizStep-other", "transmogrifying", "", " "]),
    "disposition": st.sampled_from(["active", "urn:epcglobal:cbv:disp:active", "https://example.org/d", "cbv:Disp-no"]),
    "readPoint": st.fixed_dictionaries({"id": PLACES}, optional={"ex:door": TEXTS}),
    "bizLocation": st.fixed_dictionaries({"id": PLACES}),
    "bizTransactionList": st.lists(st.fixed_dictionaries(
        {"bizTransaction": st.sampled_from(["urn:epcglobal:cbv:bt:0614141007776:1", "http://example.org/po/%2f"])},
        optional={"type": st.sampled_from(["po", "urn:epcglobal:cbv:btt:po", "cbv:BTT-inv"])}), max_size=3),
    "sourceList": parties("source"),
    "destinationList": parties("destination", "cbv:SDT-location"),
    "quantityList": st.lists(st.fixed_dictionaries(
        {"epcClass": st.sampled_from(["urn:epc:class:lgtin:0614141.012345.L1", "urn:epc:idpat:sgtin:0614141.012345.*"]),
         "quantity": st.sampled_from([0, 10, 10.0, 0.5, 1e21, 1.5e-7])}, optional={"uom": st.just("KGM")}), max_size=3),
    "persistentDisposition": st.dictionaries(st.sampled_from(["set", "unset"]), st.lists(
        st.sampled_from(["recalled", "cbv:Disp-recalled", "available"]), max_size=3)),
    "errorDeclaration": st.fixed_dictionaries({"declarationTime": TIMES}, optional={
        "reason": st.sampled_from(["incorrect_data", "cbv:ER-did_not_occur"]),
        "correctiveEventIDs": st.lists(st.sampled_from(["urn:x:1", "urn:x:2"]), max_size=3), "ex:who": TEXTS}),
    "recordTime": TIMES,
    "ilmd": st.dictionaries(st.sampled_from(["ex:a", "cbvmda:lotNumber"]), VALUES, max_size=2),
    "ex:a": VALUES,
    "ex:b": VALUES,
    "ex:\uff5e": VALUES,
    "ex:\U00010000": VALUES,
    "colour": st.just("red"),
}  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {"epcList": st.lists(st.builds(lambda epc, space: space.format(epc), EPCS, SPACED), min_size=1, max_size=4),
     "eventTime": TIMES, "action": st.just("ADD")},
    optional={**OPTIONAL, "eventTimeZoneOffset": OFFSETS},
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=2))
def test_json_documents_are_read_alike(events: list[Members]) -> None:
    said_twice("json", json_document(*[observed(**event) for event in events]), jsonld.parse)


def element(name: str, value: Any) -> str:
    """An extension as XML writes it; what only JSON can say is left out."""
    if isinstance(value, list):
        return "".join(element(name, each) for each in value)
    if isinstance(value, dict):
        attributes = "".join(f' unit="{escaped(each)}"' for each in [value["@unit"]] if isinstance(each, str)) if (
            "@unit" in value) else ""  # fmt: skip
        inside = "".join(element(each, value[each]) for each in ("ex:a", "ex:b") if each in value)
        return f"<{name}{attributes}>{inside}</{name}>"
    return f"<{name}>{escaped(str(value))}</{name}>"


def escaped(text: str) -> str:
    kept = "".join(each for each in text if each in "\t\n" or " " <= each < "\ud800")
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(lambda epc, space: space.format(epc), EPCS, SPACED), min_size=1, max_size=4), TIMES, OFFSETS,
       st.dictionaries(st.sampled_from(["ex:a", "ex:b"]), VALUES, max_size=2), parties("source"))  # fmt: skip
def test_xml_documents_are_read_alike(
    epcs: list[str], time: str, offset: str, extensions: Members, sources: list[Members]
) -> None:
    listed = "".join(f"<epc>{escaped(epc)}</epc>" for epc in epcs)
    handed = "".join(f'<source type="{each["type"]}">{escaped(each["source"])}</source>' for each in sources)
    event = (
        f"<ObjectEvent><eventTime>{time}</eventTime><eventTimeZoneOffset>{offset}</eventTimeZoneOffset>"
        f"<epcList>{listed}</epcList><action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>"
        f"<extension><sourceList>{handed}</sourceList></extension>"
        + "".join(element(name, value) for name, value in extensions.items())
        + "</ObjectEvent>"
    )
    said_twice("xml", xml_document(event), xml.parse)


# Trees

UNITS = [f"https://id.gs1.org/01/00614141123452/21/A{number}" for number in range(4)]
CASES = ["https://id.gs1.org/01/50614141123457/21/C1", "https://id.gs1.org/00/006141417000000004", "urn:x:tote"]
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
VOICES: list[list[str | None]] = [
    ["actor", None],
    ["agent", "0614141007776"],
    ["reporter", "0860001000016"],
    ["intake", "9521141000014"],
]


NOTHING = {name: value for name, value in observed().items() if name != "epcList"}


class Teller:
    """Tells both the same story, one event a submission, and knows of each container what a custodian would."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.state = tree.State()
        self.inside: dict[str, dict[str, bytes]] = {}  # of containers whose content is a tree: leaf by child
        self.begun: set[str] = set()
        self.number = 0

    def pick(self, of: list[str], least: int = 1) -> list[str]:
        return self.data.draw(st.lists(st.sampled_from(sorted(of)), min_size=least, max_size=3, unique=True))

    def free(self) -> list[str]:
        held = {child for children in self.inside.values() for child in children}
        return [epc for epc in (*UNITS, *CASES) if epc not in held]

    def tell(self, plan: Members | None = None, may_be_offline: bool = True, /, **members: Any) -> None:
        """One more submission. Raises AssertionError where the two differ."""
        self.number += 1
        time = (START + timedelta(minutes=self.number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = json_document({**NOTHING, "eventTime": time, **members})
        offline = may_be_offline and self.data.draw(st.integers(0, 3)) == 3
        told: list[list[str | None]] = [self.data.draw(st.sampled_from(VOICES))]
        secrets = [bytes([self.number, what]) * 16 for what in range(3)]
        opening = tree.Opening(secrets[0], secrets[1], secrets[2], told, offline)
        plan = {**tree.NO_PLAN, **(plan or {})}
        theirs = submission.grow(
            jsonld.parse(text.encode()),
            text.encode(),
            submission.Opening.parse(canonical.encode(opening.members())),
            {epc: Head(leaf, content(said)) for epc, (leaf, said) in self.state.heads.items()},
            dict(self.state.contents),
            [EventPlan(frozenset(plan["seen"]), tuple(plan["opened"]), standing=plan["standing"])],
        )
        ours = tree.grow(documents.read("json", text), text.encode(), opening, [plan], self.state)
        assert theirs.root == content(ours.events_root)
        assert theirs.document == ours.document
        assert list(theirs.meaning) == ours.meaning
        heads = {epc: (head.leaf, head.content) for epc, head in theirs.heads.items()}
        known = {epc: (leaf, content(said)) for epc, (leaf, said) in self.state.heads.items()}
        assert {**known, **heads} == known
        self.settle()

    def settle(self) -> None:
        """What custody forgets when a container's content is no longer a tree."""
        for parent in list(self.inside):
            if parent not in self.state.contents:
                del self.inside[parent]

    # what may happen

    def commission(self) -> None:
        new = [epc for epc in (*UNITS, *CASES) if epc not in self.state.heads]
        if new:
            self.tell(epcList=self.pick(new), action="ADD", bizStep="commissioning")

    def observe(self) -> None:
        epcs = self.pick([*UNITS, *CASES])
        seen = self.data.draw(st.sets(st.sampled_from(epcs)))
        self.tell({"seen": sorted(seen)}, epcList=epcs, bizStep="inspecting")

    def open(self) -> None:
        if self.inside:
            opened = self.pick(sorted(self.inside))
            self.tell({"opened": opened}, False, epcList=self.pick(UNITS), bizStep="dispensing")

    def pack(self) -> None:
        parents = [epc for epc in self.free() if epc in CASES]
        parent = self.data.draw(st.sampled_from(parents)) if parents else None
        free = [epc for epc in self.free() if epc != parent and epc not in self.inside]
        if parent is None or not free:
            return
        children = self.pick(free)
        again = sorted(self.inside.get(parent, {}))[:1]  # one that is inside already is only seen
        named = {"parentID": parent, "childEPCs": [*children, *again]}
        self.tell({"seen": again}, type="AggregationEvent", action="ADD", bizStep="packing", **named)
        if isinstance(self.state.heads[parent][1], list):
            into = self.inside.setdefault(parent, {})
            into.update({child: self.state.heads[child][0] or b"" for child in children})

    def unpack(self) -> None:
        full = sorted(parent for parent, children in self.inside.items() if children)
        if not full:
            return
        parent = self.data.draw(st.sampled_from(full))
        leaves = self.inside[parent]
        children = self.pick(sorted(leaves), least=0)
        standing = {child: leaves[child] for child in children if self.state.heads[child][0] != leaves[child]}
        self.tell({"standing": standing}, type="AggregationEvent", action="DELETE", parentID=parent,
                  bizStep="unpacking", **({"childEPCs": children} if children else {}))  # fmt: skip
        for child in children or list(leaves):
            self.inside.get(parent, {}).pop(child, None)


def content(said: Any) -> Any:
    return said if isinstance(said, str) else (said[0], tree_root(said[1]))


def tree_root(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    root = urlsafe_b64decode(text + "==")
    assert b64(root) == text
    return root


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_story_grows_the_same_trees(data: st.DataObject) -> None:
    teller = Teller(data)
    steps = [teller.commission, teller.observe, teller.open, teller.pack, teller.pack, teller.unpack]
    for step in data.draw(st.lists(st.sampled_from(steps), min_size=1, max_size=10)):
        step()
    assume(teller.number)
