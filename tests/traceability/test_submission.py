"""From events to what is signed: FORMATS sections 3 and 4, to the byte."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog import cose
from ledger.tlog.merkle import EMPTY, leaf_hash, root_of
from traceability.custody import PLAIN, Content, EventPlan, Head, Told, Voice
from traceability.epcis import jsonld, xml
from traceability.epcis.events import Action, Document, Event, EventType
from traceability.epcis.jcs import JSON, encode
from traceability.statements import StatementError, Submission, b64, entry, sign
from traceability.submission import (
    Draft,
    Leaf,
    Opening,
    OpeningMismatch,
    Tree,
    content_root,
    first_sight,
    grow,
    payload,
    salts,
)

EXAMPLE = Path(__file__).resolve().parents[3] / "shared" / "design" / "example"
needs_example = pytest.mark.skipif(not EXAMPLE.exists(), reason=f"no example at {EXAMPLE}")

ACTOR, REPORTER = Told(Voice.ACTOR), Told(Voice.REPORTER, "0860001000016")
UNITS = [f"https://id.gs1.org/01/00614141123452/21/U{n}" for n in range(6)]
CASE = "https://id.gs1.org/01/50614141123457/21/C1"
PALLET = "https://id.gs1.org/00/006141417000000004"
OPENING = Opening(b"i" * 32, b"f" * 32, b"e" * 32, ())


# ---- a few words to tell stories with -------------------------------------------------------------------------------


def event(hour: int, action: Action, epcs: list[str], step: str | None, **members: Any) -> Event:
    kind = EventType.AGGREGATION if "parent_id" in members else EventType.OBJECT
    time = f"2026-01-05T{hour:02}:00:00.000Z"
    epcs = sorted(epcs)
    return Event(kind, time, "+00:00", action, tuple(epcs), biz_step=step, **members)


def commission(hour: int, *epcs: str) -> Event:
    return event(hour, Action.ADD, list(epcs), "commissioning", ilmd={"urn:epcglobal:cbv:mda:lotNumber": "L1"})


def pack(hour: int, parent: str, *epcs: str, **members: Any) -> Event:
    return event(hour, Action.ADD, list(epcs), "packing", parent_id=parent, **members)


def unpack(hour: int, parent: str, *epcs: str, **members: Any) -> Event:
    return event(hour, Action.DELETE, list(epcs), "unpacking", parent_id=parent, **members)


def ship(hour: int, *epcs: str, **members: Any) -> Event:
    return event(hour, Action.OBSERVE, list(epcs), "shipping", **members)


def declared(wrong: Event) -> Event:
    return replace(wrong, error_declaration={"declarationTime": "2026-01-06T00:00:00.000Z"})


class Record:
    """What is known of every item, submission after submission."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self.contents: dict[str, frozenset[bytes]] = {}
        self.count = 0

    def take(self, *events: Event, plans: dict[int, EventPlan] | None = None, offline: bool = False) -> Tree:
        self.count += 1
        secret = sha256(bytes([self.count])).digest()
        opening = Opening(secret, secret[::-1], bytes(32), (ACTOR,) * len(events), offline)
        chosen = [(plans or {}).get(position, PLAIN) for position in range(len(events))]
        tree = grow(Document(events), b"", opening, self.heads, self.contents, chosen)
        self.heads |= tree.heads
        self.contents = tree.contents
        return tree

    def content(self, epc: str) -> Content:
        return self.heads[epc].content

    def holding(self, *epcs: str) -> Content:
        return content_root([self.heads[epc].leaf or b"" for epc in epcs])


@pytest.fixture
def record() -> Record:
    return Record()


def leaf(tree: Tree, position: int, epc: str) -> Leaf:
    return next(leaf for leaf in tree.events[position].items if leaf.epc == epc)


# ---- the example of FORMATS -----------------------------------------------------------------------------------------


@needs_example
@pytest.mark.parametrize(("syntax", "parse"), [("json", jsonld.parse), ("xml", xml.parse)])
def test_the_example_is_reproduced_to_the_byte(syntax: str, parse: Any) -> None:
    received = (EXAMPLE / f"tiny.{syntax}").read_bytes()
    expected = json.loads((EXAMPLE / "expected.json").read_text())
    inputs, per_syntax = expected["inputs"], expected[syntax]
    document = parse(received)
    assert [event.canonical.decode() for event in document.events] == expected["canonical"]
    opening = Opening(
        bytes.fromhex(inputs["items_secret_hex"]),
        bytes.fromhex(inputs["fields_secret_hex"]),
        bytes.fromhex(inputs["entry_salt_hex"]),
        (ACTOR,) * len(document.events),
    )
    tree = grow(document, received, opening, {}, {}, [PLAIN] * len(document.events))
    for grown, items, fields, root in zip(
        tree.events, expected["items"], expected["fields"], expected["event_roots"], strict=True
    ):
        assert sorted(leaf.hash.hex() for leaf in grown.items) == [item["hash"] for item in items]
        assert [text.decode() for text in grown.leaves] == fields
        assert [grown.root[0], b64(grown.root[1])] == root
    assert [tree.root[0], b64(tree.root[1])] == expected["events_root"]
    assert tree.header is None or [tree.header[0], b64(tree.header[1])] == per_syntax["header_root"]
    signed = payload(
        tree,
        log=inputs["log"],
        submitter=inputs["submitter"],
        submission=inputs["submission"],
        time=datetime(2026, 1, 6, tzinfo=UTC),
    )
    assert signed.decode() == per_syntax["payload"]
    statement = sign(Submission.parse(signed), cose.PrivateKey.from_seed(bytes(32)))
    assert statement.hex() == per_syntax["statement_hex"]
    assert entry(opening.entry, statement).hex() == per_syntax["entry_hex"]


# ---- leaves ---------------------------------------------------------------------------------------------------------

contents = st.sampled_from(["none", "unknown"]) | st.tuples(
    st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32)
)
hashes = st.binary(min_size=32, max_size=32)
names = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.sampled_from("ip"), st.binary(min_size=16, max_size=16), names, contents, st.none() | hashes)
def test_a_leaf_is_the_rfc_8785_form_of_its_members(
    kind: Any, salt: bytes, epc: str, content: Content, prev: bytes | None
) -> None:
    inside: JSON = content if isinstance(content, str) else [content[0], b64(content[1])]
    text = encode([kind, b64(salt), epc, inside, None if prev is None else b64(prev)])
    assert Leaf.make(kind, salt, epc, content, prev).hash == leaf_hash(text)


@given(st.binary(min_size=16, max_size=16), names)
def test_a_leaf_of_something_seen_says_no_more(salt: bytes, epc: str) -> None:
    assert Leaf.make("s", salt, epc, None, None).hash == leaf_hash(encode(["s", b64(salt), epc]))


def test_every_leaf_of_a_submission_has_its_own_salt() -> None:
    paths: list[tuple[str | int, ...]] = [
        ("event", 1, "items"),
        ("event", 11, "items"),
        ("event", 1, "fields"),
        ("header",),
    ]
    drawn = {salts(b"s" * 32, *path)(name) for path in paths for name in ("core", "ilmd", "")}
    assert len(drawn) == len(paths) * 3


def test_a_first_leaf_has_no_predecessor_and_each_next_one_names_it(record: Record) -> None:
    tree = record.take(ship(12, UNITS[0]), commission(8, UNITS[0]))
    made, shipped = leaf(tree, 1, UNITS[0]), leaf(tree, 0, UNITS[0])
    assert (made.prev, shipped.prev) == (None, made.hash)
    later = record.take(ship(13, UNITS[0]))
    assert leaf(later, 0, UNITS[0]).prev == shipped.hash == tree.heads[UNITS[0]].leaf


def test_what_is_only_seen_has_a_leaf_that_no_history_passes_through(record: Record) -> None:
    record.take(commission(8, *UNITS[:2]))
    before = dict(record.heads)
    tree = record.take(ship(9, *UNITS[:2]), plans={0: EventPlan(seen=frozenset(UNITS[:1]))})
    seen, moved = tree.events[0].items
    assert (seen.kind, seen.content, seen.prev, moved.kind) == ("s", None, None, "i")
    assert record.heads[UNITS[0]] == before[UNITS[0]]


def test_a_licensees_own_commissioning_begins_anew(record: Record) -> None:
    record.take(ship(8, UNITS[0]))
    assert leaf(record.take(commission(9, UNITS[0])), 0, UNITS[0]).prev is None


@pytest.mark.parametrize(
    ("told", "meaning"),
    [
        ([ACTOR, ACTOR, ACTOR], ("commissioning", "shipping")),
        ([REPORTER, REPORTER, Told(Voice.AGENT, "0614141007776")], ("shipping",)),
        ([REPORTER, Told(Voice.INTAKE), REPORTER], ("reported",)),
    ],
)
def test_what_a_submitter_answers_for_is_what_it_tells_as_actor_or_agent(
    told: list[Told], meaning: tuple[str, ...]
) -> None:
    events = (commission(8, UNITS[0]), event(9, Action.OBSERVE, UNITS[:1], None), ship(10, UNITS[0]))
    tree = grow(Document(events), b"", replace(OPENING, told=tuple(told)), {}, {}, [PLAIN] * 3)
    assert tree.meaning == meaning


# ---- the event's own leaves -----------------------------------------------------------------------------------------


def test_core_and_fields_share_out_the_event_between_them() -> None:
    party = {"source": "https://id.gs1.org/417/0614141007776", "type": "possessing_party"}
    told = ship(9, *UNITS[:2], sources=(party,), read_point={"id": "x"}, rest={"persistentDisposition": {"set": ["a"]}})
    tree = grow(Document((told,)), b"", replace(OPENING, told=(REPORTER,)), {}, {}, [PLAIN])
    core, field = (json.loads(text) for text in tree.events[0].leaves)
    root = root_of(sorted(leaf.hash for leaf in tree.events[0].items))
    assert core[2] == {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "eventTime": "2026-01-05T09:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "persistentDisposition": {"set": ["a"]},
        "sources": [party],
        "as": "reporter",
        "for": "0860001000016",
        "items": [2, b64(root)],
    }
    assert field[2:] == ["readPoint", {"id": "x"}]


def test_an_event_without_epcs_has_no_items() -> None:
    tree = grow(Document((event(9, Action.OBSERVE, [], None),)), b"", replace(OPENING, told=(ACTOR,)), {}, {}, [PLAIN])
    assert "items" not in json.loads(tree.events[0].leaves[0])[2]
    assert tree.events[0].root[0] == 1


@pytest.mark.parametrize(
    ("told", "plan", "kinds", "is_field"),
    [
        (pack(9, CASE, *UNITS[:2]), PLAIN, "iip", False),
        (pack(9, CASE, *UNITS[:2]), EventPlan(seen=frozenset(UNITS[:1])), "sip", False),
        (pack(9, CASE, *UNITS[:2]), EventPlan(seen=frozenset(UNITS[:2])), "ssi", True),
        (pack(9, CASE, *UNITS[:2]), EventPlan(seen=frozenset([*UNITS[:2], CASE])), "sss", True),
        (unpack(9, CASE), PLAIN, "p", False),
        (unpack(9, CASE, rest={"childQuantityList": [{"epcClass": "x", "quantity": "1"}]}), PLAIN, "i", True),
        (event(9, Action.OBSERVE, UNITS[:1], None, parent_id=CASE), PLAIN, "ii", True),
    ],
)
def test_a_container_has_a_leaf_of_its_own_kind_where_it_is_packed_and_is_a_field_elsewhere(
    told: Event, plan: EventPlan, kinds: str, is_field: bool
) -> None:
    tree = grow(Document((told,)), b"", replace(OPENING, told=(ACTOR,)), {}, {}, [plan])
    assert "".join(leaf.kind for leaf in tree.events[0].items) == kinds
    assert any(json.loads(text)[2] == "parentID" for text in tree.events[0].leaves[1:]) is is_field


# ---- contents -------------------------------------------------------------------------------------------------------


def test_packing_hashes_the_childrens_new_leaves_and_shipping_hashes_one(record: Record) -> None:
    tree = record.take(
        commission(8, *UNITS[:3], CASE), commission(8, PALLET), pack(9, CASE, *UNITS[:3]), pack(10, PALLET, CASE)
    )
    assert leaf(tree, 0, CASE).content == leaf(tree, 1, PALLET).content == "none"
    assert leaf(tree, 2, CASE).content == leaf(tree, 3, CASE).content == record.holding(*UNITS[:3])
    assert leaf(tree, 3, PALLET).content == (1, record.heads[CASE].leaf)  # of one child the root is its hash
    shipped = record.take(ship(11, PALLET))
    assert len(shipped.events[0].items) == 1
    assert leaf(shipped, 0, PALLET).content == (1, record.heads[CASE].leaf)


def test_contents_grow_and_shrink(record: Record) -> None:
    record.take(commission(8, *UNITS, CASE), pack(9, CASE, *UNITS[:2]))
    record.take(pack(10, CASE, *UNITS[2:4]))
    assert record.content(CASE) == record.holding(*UNITS[:4])
    record.take(unpack(11, CASE, UNITS[1], UNITS[2]))
    assert record.content(CASE) == record.holding(UNITS[0], UNITS[3])
    record.take(unpack(12, CASE, UNITS[0], UNITS[3]))
    assert record.content(CASE) == (0, EMPTY)
    record.take(pack(13, CASE, UNITS[5]))
    assert record.content(CASE) == record.holding(UNITS[5])
    record.take(unpack(14, CASE))
    assert record.content(CASE) == (0, EMPTY)


def test_contents_that_nobody_has_stated_stay_unknown_until_all_is_out(record: Record) -> None:
    record.take(ship(8, PALLET))
    assert record.content(PALLET) == "unknown"
    record.take(pack(9, PALLET, UNITS[0]))
    assert record.content(PALLET) == "unknown"
    record.take(unpack(10, PALLET, UNITS[0]))
    assert record.content(PALLET) == "unknown"
    record.take(unpack(11, PALLET))
    assert record.content(PALLET) == (0, EMPTY)


@pytest.mark.parametrize("container", [CASE, PALLET])
def test_at_first_sight_a_packing_states_the_contents_and_an_unpacking_does_not(record: Record, container: str) -> None:
    record.take(pack(9, container, *UNITS[:2]))
    assert record.content(container) == record.holding(*UNITS[:2])
    other = Record()
    other.take(unpack(9, container, *UNITS[:2]))
    assert other.content(container) == "unknown"


def test_opening_a_container_without_a_record_changes_what_is_in_it_and_not_its_leaf(record: Record) -> None:
    record.take(commission(8, *UNITS[:2], CASE), pack(9, CASE, *UNITS[:2]))
    before = record.heads[CASE]
    record.take(event(10, Action.OBSERVE, UNITS[:1], "dispensing"), plans={0: EventPlan(opened=(CASE,))})
    assert record.heads[CASE] == Head(before.leaf, "unknown")
    shipped = record.take(ship(11, CASE))
    assert leaf(shipped, 0, CASE)[2:4] == ("unknown", before.leaf)


def test_offline_nothing_is_linked_and_only_what_is_told_here_is_known(record: Record) -> None:
    record.take(commission(8, *UNITS[:4], CASE, PALLET), pack(9, CASE, *UNITS[:2]))
    told = (
        commission(10, UNITS[4], UNITS[5]),
        pack(11, CASE, UNITS[2]),
        pack(11, PALLET, UNITS[3]),
        unpack(12, PALLET),
    )
    tree = record.take(*told, offline=True)
    assert {leaf.prev for each in tree.events for leaf in each.items} == {None}
    assert leaf(tree, 0, UNITS[4]).content == "none"
    assert leaf(tree, 1, UNITS[2]).content == leaf(tree, 1, CASE).content == leaf(tree, 2, PALLET).content == "unknown"
    assert leaf(tree, 3, PALLET).content == (0, EMPTY)


def test_offline_a_container_that_begins_here_is_known(record: Record) -> None:
    tree = record.take(
        commission(8, *UNITS[:2], CASE), pack(9, CASE, *UNITS[:2]), unpack(10, CASE, UNITS[0]), offline=True
    )
    assert leaf(tree, 1, CASE).content == content_root([leaf(tree, 1, epc).hash for epc in UNITS[:2]])
    assert leaf(tree, 2, CASE).content == (1, leaf(tree, 1, UNITS[1]).hash)


def test_contents_are_needed_to_change_them(record: Record) -> None:
    record.take(commission(8, *UNITS[:3], CASE), pack(9, CASE, *UNITS[:2]))
    record.contents = {}
    with pytest.raises(OpeningMismatch) as refused:
        record.take(pack(10, CASE, UNITS[2]))
    assert refused.value.code == "contents_missing"


# ---- error declarations ---------------------------------------------------------------------------------------------


def test_a_packing_declared_an_error_is_undone_with_leaves_of_its_own(record: Record) -> None:
    record.take(commission(8, *UNITS[:3], CASE), pack(9, CASE, UNITS[0]))
    before = record.content(CASE)
    wrong = pack(10, CASE, UNITS[1], UNITS[2])
    reverted = record.take(wrong)
    tree = record.take(declared(wrong), plans={0: EventPlan(restored={CASE: before})})
    assert leaf(tree, 0, CASE)[2:4] == (before, leaf(reverted, 0, CASE).hash)
    assert leaf(tree, 0, UNITS[1]).prev == leaf(reverted, 0, UNITS[1]).hash
    record.take(pack(11, CASE, UNITS[1]))
    assert record.content(CASE) == record.holding(UNITS[0], UNITS[1])


def test_an_unpacking_declared_an_error_puts_back_the_leaves_that_stood_there(record: Record) -> None:
    record.take(commission(8, *UNITS[:3], CASE), pack(9, CASE, *UNITS[:2]))
    packed, stood = record.content(CASE), {UNITS[1]: record.heads[UNITS[1]].leaf or b""}
    wrong = unpack(10, CASE, UNITS[1])
    record.take(wrong)
    record.take(declared(wrong), plans={0: EventPlan(restored={CASE: packed}, standing=stood)})
    assert record.content(CASE) == packed
    assert record.heads[UNITS[1]].leaf != stood[UNITS[1]]
    record.take(unpack(11, CASE, UNITS[1]), plans={0: EventPlan(standing=stood)})
    assert record.content(CASE) == record.holding(UNITS[0])


def test_a_commissioning_declared_an_error_is_linked_to_it(record: Record) -> None:
    made = record.take(commission(8, UNITS[0]))
    tree = record.take(declared(commission(8, UNITS[0])))
    assert leaf(tree, 0, UNITS[0]).prev == leaf(made, 0, UNITS[0]).hash


def test_a_container_opened_by_mistake_is_closed_again(record: Record) -> None:
    record.take(commission(8, *UNITS[:2], CASE), pack(9, CASE, *UNITS[:2]))
    packed = record.heads[CASE]
    wrong = ship(10, UNITS[0])
    record.take(wrong, plans={0: EventPlan(opened=(CASE,))})
    record.take(declared(wrong), plans={0: EventPlan(restored={CASE: packed.content})})
    assert record.heads[CASE] == packed


# ---- openings and drafts --------------------------------------------------------------------------------------------


def test_an_opening_reads_back() -> None:
    opening = Opening.draw([ACTOR, REPORTER], offline=True)
    assert Opening.parse(bytes(opening)) == opening
    assert Opening.draw([ACTOR]) != Opening.draw([ACTOR])


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"items": b64(bytes(31))},
        {"fields": "="},
        {"entry": None},
        {"told": [["somebody", None]]},
        {"told": [["actor"]]},
        {"told": ["actor"]},
        {"offline": 0},
        {"more": 1},
    ],
    ids=str,
)
def test_an_opening_out_of_form_is_refused(change: dict[str, Any]) -> None:
    members = {**OPENING.members, **change}
    with pytest.raises(StatementError):
        Opening.parse(encode(members))


@given(st.binary())
def test_no_bytes_make_an_opening_crash(text: bytes) -> None:
    with pytest.raises(StatementError):
        Opening.parse(text)


def test_an_opening_belongs_to_its_document() -> None:
    with pytest.raises(OpeningMismatch):
        grow(Document((commission(8, UNITS[0]),)), b"", OPENING, {}, {}, [PLAIN])


@pytest.fixture
def drafted(record: Record) -> tuple[Draft, Document, bytes]:
    record.take(commission(8, *UNITS[:4], CASE), pack(9, CASE, *UNITS[:3]))
    events = (unpack(10, CASE, UNITS[0]), ship(11, UNITS[1], UNITS[3]))
    document, received = Document(events, {"instance": "42"}), b"as received"
    plan = EventPlan(seen=frozenset(UNITS[3:4]), opened=(CASE,))
    opening = Opening.draw([ACTOR, ACTOR])
    tree = grow(document, received, opening, record.heads, record.contents, [PLAIN, plan])
    asked = payload(
        tree,
        log="demo.example/log",
        submitter="0614141007776",
        submission="00000000-0000-4000-8000-000000000001",
        time=datetime(2026, 1, 6, tzinfo=UTC),
    )
    expires = datetime(2026, 1, 7, tzinfo=UTC)
    return (
        Draft(Submission.parse(asked), opening, record.heads, record.contents, {1: plan}, expires),
        document,
        received,
    )


def test_a_draft_reads_back_and_its_signer_computes_the_same_roots(drafted: tuple[Draft, Document, bytes]) -> None:
    draft, document, received = drafted
    again = Draft.parse(bytes(draft))
    assert (again.payload, again.opening, again.heads, again.plans, again.expires) == (
        draft.payload, draft.opening, draft.heads, draft.plans, draft.expires,
    )  # fmt: skip
    tree = again.check(document, received)
    assert (tree.root, tree.header, tree.document) == (
        draft.payload.events,
        draft.payload.header,
        draft.payload.document,
    )


def test_a_signer_refuses_what_it_cannot_recompute(drafted: tuple[Draft, Document, bytes]) -> None:
    draft, document, received = drafted
    moved = {**draft.heads, UNITS[0]: Head(bytes(32), "none")}
    told_otherwise = replace(draft.opening, told=(REPORTER, REPORTER))
    for asked in (
        replace(draft, plans={}),
        replace(draft, heads=moved),
        replace(draft, opening=told_otherwise),
        replace(draft, payload=replace(draft.payload, meaning=("dispensing",))),
    ):
        with pytest.raises(OpeningMismatch):
            asked.check(document, received)
    with pytest.raises(OpeningMismatch):
        draft.check(document, received + b" ")
    with pytest.raises(OpeningMismatch):
        draft.check(replace(document, header={}), received)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["plans", 0, 0], -1),
        (["plans", 0, 1, "seen"], "x"),
        (["plans", 0, 1, "more"], []),
        (["plans", 0], 7),
        (["heads", CASE], [None]),
        (["heads", CASE, 1], "some"),
        (["contents", CASE, 0], "x"),
        (["expires"], "2026-1-07T00:00:00Z"),
        (["payload", "log"], 1),
        (["more"], 1),
    ],
    ids=str,
)
def test_a_draft_out_of_form_is_refused(drafted: tuple[Draft, Document, bytes], path: list[Any], value: Any) -> None:
    members = json.loads(bytes(drafted[0]))
    place = members
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(StatementError):
        Draft.parse(encode(members))


def test_first_sight_goes_by_the_identifier_alone() -> None:
    assert [first_sight(epc) for epc in (UNITS[0], CASE, PALLET, "urn:example:tote:7")] == [
        "none", "none", "unknown", "unknown",
    ]  # fmt: skip
