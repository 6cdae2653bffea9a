"""A bundle is checked step by step, and every attack is refused at the step that should refuse it."""

import json
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traceability.paper import (
    ACTOR,
    AUTHORITY,
    CASE,
    DISTRIBUTOR,
    GTIN,
    MAKER,
    NOW,
    OPERATOR,
    ORIGIN,
    PALLET,
    PHARMACY,
    REPORTED,
    SISTER,
    STRANGER,
    UNIT,
    Paper,
    at_the_distributor,
    codes,
    commission,
    declared,
    dispense,
    event,
    failure,
    key_of,
    line_to_patient,
    pack,
    receive,
    report,
    ship,
    unpack,
)
from traceability.bundle import (
    Bundle,
    CannotProve,
    MalformedBundle,
    Profile,
    Result,
    Step,
    Verdict,
    check,
    examine,
    find_leaf,
)
from traceability.custody import EventPlan, Told, Voice
from traceability.epcis.events import Action
from traceability.policy import MalformedPolicy, Node, Policy
from traceability.statements import (
    Delegation,
    KeyRevocation,
    StatementError,
)
from traceability.submission import salts


def test_the_chain_of_a_pack_is_proven_from_the_line_to_the_patient() -> None:
    paper = line_to_patient(witnesses=3)
    found = check(bytes(paper.bundle(UNIT, status="dispensed")), paper.policy)
    assert [hop.biz_step for hop in found.hops] == [
        "commissioning", "packing", "packing", "shipping",
        "receiving", "unpacking", "shipping", "receiving", "unpacking", "dispensing",
    ]  # fmt: skip
    assert [hop.party for hop in found.hops] == [MAKER] * 4 + [DISTRIBUTOR] * 3 + [PHARMACY] * 3
    assert all(hop.signed and not hop.implied for hop in found.hops)
    assert found.hops[3].sources == (MAKER,)
    assert found.hops[3].destinations == (DISTRIBUTOR,)
    assert found.ilmd == {
        "urn:epcglobal:cbv:mda:itemExpirationDate": "2027-12-31",
        "urn:epcglobal:cbv:mda:lotNumber": "L42",
    }
    assert (found.item, found.outermost, found.status) == (UNIT, UNIT, "dispensed")
    assert found.witnesses == ("W0", "W1", "W2")
    assert set(found.witnessed.values()) == {NOW}
    assert [(int(step), result) for step, result in found.steps][:11] == [(n, Result.HOLDS) for n in range(1, 12)]
    assert codes(found) == ["terminal"]
    assert found.verdict is Verdict.CAUTION


def test_a_pack_still_in_its_containers_is_proven_by_what_holds_it() -> None:
    paper = line_to_patient()
    paper.taken = paper.taken[:1]
    paper.heads = dict(paper.taken[0].tree.heads)
    found = report(paper, status="in_transit")
    assert (found.verdict, found.outermost) == (Verdict.VERIFIED, PALLET)
    assert codes(found, amber=False) == ["not_independently_witnessed"]
    assert [hop.named for hop in found.hops] == [(UNIT,), (UNIT, CASE), (CASE, PALLET), (PALLET,)]


def test_a_pallet_has_a_bundle_of_its_own() -> None:
    paper = line_to_patient()
    paper.taken, paper.heads = paper.taken[:1], dict(paper.taken[0].tree.heads)
    assert report(paper, PALLET, status="in_transit").verdict is Verdict.VERIFIED


@pytest.mark.parametrize("tote", ["https://maker.example/tote/7", f"https://maker.example/01/{GTIN}/21/U1/"])
def test_what_nobody_licenses_is_not_called_genuine_without_a_word(tote: str) -> None:
    paper = Paper()
    paper.tells(PHARMACY, commission(8, tote))
    assert codes(report(paper, tote)) == ["identifier_unlicensed"]


def test_what_is_shown_depends_on_for_whom() -> None:
    paper = line_to_patient()
    partner, regulator = (paper.bundle(UNIT, status="dispensed", profile=profile) for profile in Profile)
    first = partner.segments[0].hops[0]
    assert [named.name for named in first.header] == [f"product:{GTIN}", "ts:legalNotice"]
    assert [[named.name for named in shown.fields] for shown in first.events] == [["ilmd"], [], [], []]
    first = regulator.segments[0].hops[0]
    assert len(first.header) == 3
    assert [named.name for named in first.events[0].fields] == ["bizLocation", "ilmd", "readPoint"]
    found = examine(bytes(regulator), paper.policy)
    assert found.hops[0].location == "https://id.gs1.org/414/0614141007776"


def test_taking_an_item_out_without_a_word_is_shown_as_implied() -> None:
    paper = at_the_distributor()
    paper.tells(DISTRIBUTOR, ship(13, UNIT, sender=DISTRIBUTOR, to=PHARMACY), plans={0: EventPlan(opened=(CASE,))})
    paper.tells(PHARMACY, dispense(14, UNIT))
    found = report(paper, status="dispensed")
    assert found.hops[-2].implied == (f"taken out of {CASE}",)
    assert found.hops[-1].implied == (f"received by {PHARMACY}",)
    assert report(paper, SISTER).verdict is Verdict.CAUTION  # it is still in a case that was opened
    assert codes(report(paper, SISTER)) == ["opened_since"]


def test_a_case_moved_on_after_it_was_opened_no_longer_proves_what_is_in_it() -> None:
    paper = at_the_distributor()
    paper.tells(DISTRIBUTOR, event(13, Action.OBSERVE, "inspecting", UNIT), plans={0: EventPlan(opened=(CASE,))})
    paper.tells(DISTRIBUTOR, ship(14, CASE, sender=DISTRIBUTOR, to=PHARMACY))
    assert codes(report(paper, SISTER, status="in_transit")) == ["content_unknown"]


def test_what_comes_out_with_everything_else_needs_no_leaf_of_its_own() -> None:
    paper = at_the_distributor()
    paper.tells(DISTRIBUTOR, unpack(13, CASE))
    paper.tells(DISTRIBUTOR, ship(14, UNIT, sender=DISTRIBUTOR, to=PHARMACY))
    found = report(paper, status="in_transit")
    assert found.hops[-2].implied == (f"taken out of {CASE} with all that was in it",)
    assert found.verdict is Verdict.VERIFIED


def test_a_case_filled_and_emptied_in_several_steps_holds_the_item_all_the_way() -> None:
    paper = Paper()
    others = [UNIT.replace("U1", f"X{n}") for n in range(5)]
    paper.tells(MAKER, commission(8, UNIT, CASE, *others), pack(9, CASE, UNIT), pack(10, CASE, *others))
    paper.tells(MAKER, unpack(11, CASE, others[0]), unpack(12, CASE, others[1]))
    found = report(paper)
    assert [hop.named for hop in found.hops] == [(UNIT,), (UNIT, CASE), (CASE,), (CASE,), (CASE,)]
    assert found.verdict is Verdict.VERIFIED


@pytest.mark.parametrize("wrong", ["pack", "ship", "take-out", "commission"])
def test_an_error_declaration_puts_back_what_was(wrong: str) -> None:
    paper = Paper()
    paper.tells(MAKER, commission(8, UNIT, SISTER), commission(8.25, CASE))
    if wrong == "take-out":
        paper.tells(MAKER, pack(9, CASE, UNIT, SISTER))
    told = {
        "pack": pack(10, CASE, UNIT, SISTER),
        "ship": ship(10, UNIT, sender=MAKER, to=PHARMACY),
        "take-out": event(10, Action.OBSERVE, "inspecting", UNIT),
        "commission": paper.taken[0].document.events[0],
    }[wrong]
    opened = {0: EventPlan(opened=(CASE,))} if wrong == "take-out" else {}
    before = paper.heads[CASE].content
    if wrong != "commission":
        paper.tells(MAKER, told, plans=opened)
    restored = {} if wrong in ("ship", "commission") else {CASE: before}
    paper.tells(MAKER, declared(told), plans={0: EventPlan(restored=restored)})
    if wrong == "commission":
        paper.tells(MAKER, commission(11, UNIT))
    else:
        outer = CASE if wrong == "take-out" else UNIT
        paper.tells(MAKER, ship(11, outer, sender=MAKER, to=PHARMACY))
    found = report(paper, status="held" if wrong == "commission" else "in_transit")
    assert found.verdict is Verdict.VERIFIED, found.failure
    assert [hop.reverted for hop in found.hops][-3:] == [True, False, False]
    assert [hop.declaration for hop in found.hops][-3:] == [False, True, False]


def test_what_was_signed_offline_is_the_nodes_word() -> None:
    paper = at_the_distributor()
    paper.tells(DISTRIBUTOR, ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY), offline=True)
    assert codes(report(paper, status="in_transit")) == ["unlinked", "content_unknown"]


def test_what_a_receiver_repeats_is_never_called_signed() -> None:
    paper = Paper()
    sent = ship(9, UNIT, sender=STRANGER, to=DISTRIBUTOR)
    received = receive(10, UNIT, sender=STRANGER, to=DISTRIBUTOR)
    paper.tells(DISTRIBUTOR, commission(8, UNIT), sent, received, told=(REPORTED, REPORTED, ACTOR))
    found = report(paper)
    assert codes(found) == ["commissioning_attested", "attested", "attested"]
    assert [(hop.signed, hop.party, hop.signer) for hop in found.hops] == [
        (False, STRANGER, DISTRIBUTOR),
        (False, STRANGER, DISTRIBUTOR),
        (True, DISTRIBUTOR, DISTRIBUTOR),
    ]


def test_what_its_own_party_tells_later_is_signed_after_all() -> None:
    paper = Paper()
    made, sent = commission(8, UNIT), ship(9, UNIT, sender=STRANGER, to=DISTRIBUTOR)
    paper.tells(DISTRIBUTOR, made, sent, told=REPORTED)
    paper.enrols(STRANGER)
    paper.grants(STRANGER, GTIN)
    seen = EventPlan(seen=frozenset({UNIT}))
    paper.tells(STRANGER, made, sent, plans={0: seen, 1: seen})
    found = report(paper, status="in_transit")
    assert found.verdict is Verdict.VERIFIED
    assert [hop.again for hop in found.hops] == [False, False, True, True]


def test_the_licensees_own_commissioning_becomes_the_beginning_of_what_others_told() -> None:
    paper = Paper()
    paper.tells(DISTRIBUTOR, commission(8, UNIT), told=Told(Voice.REPORTER, PHARMACY))
    paper.tells(MAKER, commission(7, UNIT), plans={0: EventPlan(seen=frozenset({UNIT}))})
    assert report(paper).verdict is Verdict.VERIFIED


def test_what_moves_nothing_is_shown_only_where_it_raises_something() -> None:
    paper = Paper()
    made = commission(8, UNIT)
    paper.tells(DISTRIBUTOR, made, told=REPORTED)
    paper.tells(PHARMACY, made, plans={0: EventPlan(seen=frozenset({UNIT}))})
    assert failure(report(paper)) == (Step.HANDOFFS, "raises_nothing")


def test_an_agent_speaks_by_a_delegation() -> None:
    paper = Paper()
    agent = Told(Voice.AGENT, MAKER)
    paper.tells(DISTRIBUTOR, commission(8, UNIT), told=agent)
    assert failure(report(paper)) == (Step.HANDOFFS, "not_delegated")
    paper = Paper()
    steps = ("commissioning", "shipping")
    told = Delegation(**paper.head(MAKER), statement=paper.uuid(), about=MAKER, to=DISTRIBUTOR, steps=steps)
    paper.registers(told, key_of(MAKER))
    paper.tells(DISTRIBUTOR, commission(8, UNIT), told=agent)
    assert report(paper).verdict is Verdict.VERIFIED


def test_a_party_may_change_its_key_by_itself() -> None:
    paper = Paper()
    old = paper.keys[MAKER]
    paper.enrols(MAKER, key_of("another"), by=MAKER)
    revocation = KeyRevocation(**paper.head(MAKER), statement=paper.uuid(), about=MAKER, kid=old.public.kid)
    paper.registers(revocation, paper.keys[MAKER])
    paper.tells(MAKER, commission(8, UNIT))
    assert report(paper).verdict is Verdict.VERIFIED


def test_a_key_revoked_later_still_proves_what_it_signed_before() -> None:
    paper = at_the_distributor()
    kid = paper.keys[MAKER].public.kid
    revocation = KeyRevocation(**paper.head(), statement=paper.uuid(), about=MAKER, kid=kid, compromised=NOW)
    paper.registers(revocation, key_of(AUTHORITY))
    paper.revoked.add(kid)
    assert codes(report(paper)) == ["key_compromised"] * 3  # each hop it signed


def test_a_key_of_two_parties_is_revoked_if_it_is_for_one_that_signed() -> None:
    paper = Paper()
    shared = paper.keys[MAKER]
    paper.enrols(DISTRIBUTOR, shared)
    paper.tells(MAKER, commission(8, UNIT), ship(9, UNIT, sender=MAKER, to=DISTRIBUTOR))
    paper.tells(DISTRIBUTOR, receive(10, UNIT, sender=MAKER, to=DISTRIBUTOR))
    assert report(paper).verdict is Verdict.VERIFIED
    kid = shared.public.kid
    ended = KeyRevocation(**paper.head(), statement=paper.uuid(), about=DISTRIBUTOR, kid=kid, compromised=NOW)
    paper.registers(ended, key_of(AUTHORITY))
    assert failure(report(paper)) == (Step.STATUS, "revocation_denied")
    paper.revoked.add(kid)
    found = report(paper)
    assert [(note.code, note.hop) for note in found.notes if note.amber] == [("key_compromised", 2)]


def test_bytes_through_an_account_are_the_nodes_word() -> None:
    paper = Paper()
    intake = Told(Voice.INTAKE, MAKER)
    paper.tells(OPERATOR, commission(8, UNIT), told=intake, key=key_of("node"))
    assert codes(report(paper)) == ["commissioning_attested", "attested"]


def test_a_stop_over_the_item_is_in_the_answer() -> None:
    found = report(at_the_distributor(), holds=("recall",))
    assert (found.verdict, codes(found), found.holds) == (Verdict.CAUTION, ["held"], ("recall",))


def test_who_operates_a_place_is_the_nodes_word() -> None:
    place = "https://id.gs1.org/414/9521000000001"
    paper = Paper()
    ends = {
        "sources": ({"source": place, "type": "location"},),
        "destinations": ({"destination": place, "type": "location"},),
    }
    paper.tells(MAKER, commission(8, UNIT), event(9, Action.OBSERVE, "shipping", UNIT, **ends))
    paper.tells(PHARMACY, event(10, Action.OBSERVE, "receiving", UNIT, **ends))
    found = report(paper)
    assert codes(found, amber=False).count("operator_unproven") == 2
    assert found.verdict is Verdict.VERIFIED


# ---- the file -------------------------------------------------------------------------------------------------------


def test_a_bundle_with_any_one_byte_changed_fails_and_says_where() -> None:
    paper = at_the_distributor()
    good = bytes(paper.bundle(UNIT))
    assert examine(good, paper.policy).failure is None
    steps = set()
    for place in range(0, len(good), 7):
        bad = good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :]
        found = examine(bad, paper.policy).failure
        assert found is not None, place
        steps.add(found.step)
    assert {Step.READ, Step.CHECKPOINT, Step.ENTRIES, Step.EVENTS, Step.LEAVES, Step.LINKS, Step.STATUS} <= steps


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_no_bytes_make_the_verifier_crash(data: bytes) -> None:
    found = examine(data, Paper().policy).failure
    assert found is not None
    assert found.step is Step.READ


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_other_value_in_its_place_makes_the_verifier_crash(data: st.DataObject) -> None:
    members = cbor2.loads(GOOD)
    node, spots = members, []
    stack: list[Any] = [members]
    while stack:
        node = stack.pop()
        for key in node if isinstance(node, dict) else range(len(node)):
            spots.append((node, key))
            if isinstance(node[key], dict | list):
                stack.append(node[key])
    node, key = data.draw(st.sampled_from(spots))
    old = node[key]
    scalars = (
        st.none() | st.booleans() | st.integers(-2, 2**65) | st.binary(max_size=33) | st.text(max_size=9) | st.floats()
    )
    node[key] = data.draw(
        scalars | st.lists(scalars, max_size=7) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
    )
    found = examine(cbor2.dumps(members, canonical=True), GOOD_PAPER.policy)
    assert (node[key] == old and type(node[key]) is type(old)) or found.failure is not None


GOOD_PAPER = at_the_distributor()
GOOD = bytes(GOOD_PAPER.bundle(UNIT))


@pytest.mark.parametrize(
    "bad",
    [
        GOOD + b"\0",
        GOOD[:-1],
        b"",
        cbor2.dumps({**cbor2.loads(GOOD), "more": 1}, canonical=True),
        cbor2.dumps({**cbor2.loads(GOOD), "v": 2}, canonical=True),
        cbor2.dumps({**cbor2.loads(GOOD), "items": []}, canonical=True),
        cbor2.dumps({**cbor2.loads(GOOD), "items": [UNIT, CASE, SISTER]}, canonical=True),
        cbor2.dumps({**cbor2.loads(GOOD), "items": [UNIT, UNIT]}, canonical=True),
        cbor2.dumps(dict(reversed(cbor2.loads(GOOD).items()))),
    ],
    ids=["trailing", "cut", "empty", "more", "version", "no-items", "spare-item", "item-twice", "not-deterministic"],
)
def test_a_file_out_of_form_is_not_read(bad: bytes) -> None:
    with pytest.raises(MalformedBundle):
        Bundle.parse(bad)
    assert failure(examine(bad, GOOD_PAPER.policy)) is not None


def test_a_bundle_reads_back() -> None:
    assert bytes(Bundle.parse(GOOD)) == GOOD


def test_a_report_is_plain_json_too() -> None:
    members = json.loads(json.dumps(examine(GOOD, GOOD_PAPER.policy).as_json()))
    assert members["verdict"] == "verified"
    assert [step["name"] for step in members["steps"]][:2] == ["read", "policy"]
    refused = json.loads(json.dumps(examine(GOOD[:-1], GOOD_PAPER.policy).as_json()))
    assert (refused["failure"]["step"], refused["steps"][1]["result"], refused["hops"]) == (1, "not_reached", [])


def test_nothing_is_built_that_was_not_signed() -> None:
    paper = at_the_distributor()
    leaf = paper.taken[0].leaves(1)[CASE]
    salt = salts(paper.taken[0].opening.items, "event", 1, "items")(CASE)
    assert (
        find_leaf(("p", leaf.hash), CASE, salt, contents=["none", leaf.content or "none"], prevs=[None, leaf.prev])
        == leaf
    )
    with pytest.raises(CannotProve):
        find_leaf(("p", leaf.hash), CASE, salt, contents=["none"], prevs=[None, leaf.prev])


# ---- the policy -----------------------------------------------------------------------------------------------------


def test_a_policy_reads_back() -> None:
    policy = Paper(witnesses=2).policy
    assert Policy.parse(str(policy)) == policy
    assert policy.origins == {ORIGIN}


GOOD_POLICY = json.loads(str(Paper().policy))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": 1.0},
        {"tlog": "quorum"},
        {"tlog": "quorum none\n\ud800"},
        {"authorities": [{}]},
        {"authorities": {}},
        {"nodes": [{**GOOD_POLICY["nodes"][0], "kid": GOOD_POLICY["authorities"][0]["kid"]}]},
        {"nodes": [{**GOOD_POLICY["nodes"][0], "public": "AA"}]},
        {"nodes": [{**GOOD_POLICY["nodes"][0], "origin": "two words"}]},
        {"nodes": [{**GOOD_POLICY["nodes"][0], "more": 1}]},
        {"nodes": ["x"]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_policy_out_of_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(StatementError) as refused:
        Policy.parse(json.dumps({**GOOD_POLICY, **change}))
    assert getattr(refused.value, "code", None)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"v":1,"v":1}', "[" * 100_000])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicy):
        Policy.parse(text)


def test_a_node_is_named_for_one_log() -> None:
    paper = at_the_distributor()
    elsewhere = replace(paper.policy, nodes=(Node("other.example/log", key_of("node").public),))
    assert failure(examine(bytes(paper.bundle(UNIT)), elsewhere)) == (Step.STATUS, "unknown_node")
