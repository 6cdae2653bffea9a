"""Every attack on a bundle is refused at the step that should refuse it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.tlog import cose
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import EMPTY, leaf_hash, multiproof, root_of
from ledger.tlog.note import Signer
from tests.traceability.paper import (
    AUTHORITY,
    CASE,
    DISTRIBUTOR,
    GTIN,
    MAKER,
    NOW,
    ORIGIN,
    PHARMACY,
    SISTER,
    STRANGER,
    UNIT,
    Paper,
    Taken,
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
    pgln,
    receive,
    report,
    ship,
    unpack,
)
from traceability.bundle import (
    Bundle,
    BundleRefused,
    Entered,
    Result,
    Step,
    Verdict,
    check,
    examine,
)
from traceability.bundle.value import Hop, Item, Segment, Shown
from traceability.custody import EventPlan, Told, Voice
from traceability.epcis.events import Action, Event
from traceability.epcis.jcs import encode
from traceability.statements import (
    KeyRevocation,
    KeyState,
    Revocation,
    Submission,
    entry,
    open_statement,
    sign,
)
from traceability.submission import core_leaf, event_leaf, salts

# ---- attacks --------------------------------------------------------------------------------------------------------


def segment(bundle: Bundle, **changes: Any) -> Bundle:
    return replace(bundle, segments=(replace(bundle.segments[0], **changes),))


def hop(bundle: Bundle, number: int, **changes: Any) -> Bundle:
    hops = list(bundle.segments[0].hops)
    hops[number] = replace(hops[number], **changes)
    return segment(bundle, hops=tuple(hops))


def shown(bundle: Bundle, number: int, position: int, **changes: Any) -> Bundle:
    events = list(bundle.segments[0].hops[number].events)
    events[position] = replace(events[position], **changes)
    return hop(bundle, number, events=tuple(events))


def item(bundle: Bundle, number: int, position: int, at: int, **changes: Any) -> Bundle:
    items = list(bundle.segments[0].hops[number].events[position].items)
    items[at] = replace(items[at], **changes)
    return shown(bundle, number, position, items=tuple(items))


def first(bundle: Bundle) -> Shown:
    return bundle.segments[0].hops[0].events[0]


def recored(bundle: Bundle, number: int, position: int, **changes: Any) -> Bundle:
    core = dict(bundle.segments[0].hops[number].events[position].core)
    core.update(changes)
    text = encode({name: value for name, value in core.items() if value is not None}).decode()
    return shown(bundle, number, position, text=text)


Attack = Callable[[Paper, Bundle], Bundle]
ATTACKS: dict[str, tuple[Attack, Step, str]] = {
    "unknown-log": (lambda paper, good: segment(good, origin="other.example/log"), Step.POLICY, "unknown_log"),
    "checkpoint-not-signed-by-the-log": (
        lambda paper, good: segment(good, checkpoint=checkpoint(paper, signer=Signer(ORIGIN, key_of("another log")))),
        Step.CHECKPOINT,
        "unknown_signers",
    ),
    "checkpoint-changed": (
        lambda paper, good: segment(
            good, checkpoint=good.segments[0].checkpoint.replace(f"\n{len(paper.entries)}\n", "\n9\n")
        ),
        Step.CHECKPOINT,
        "bad_signature",
    ),
    "checkpoint-of-another-tree": (
        lambda paper, good: segment(good, checkpoint=checkpoint(paper, root=leaf_hash(b"another"))),
        Step.ENTRIES,
        "wrong_root",
    ),
    "checkpoint-before-the-last-statement": (
        lambda paper, good: segment(good, checkpoint=checkpoint(paper, size=len(paper.entries) - 1)),
        Step.ENTRIES,
        "out_of_range",
    ),
    "spare-hash-in-the-log": (
        lambda paper, good: segment(good, path=(*good.segments[0].path, EMPTY)),
        Step.ENTRIES,
        "proof_too_long",
    ),
    "another-salt": (
        lambda paper, good: hop(good, 0, entered=replace(good.segments[0].hops[0].entered, salt=bytes(32))),
        Step.ENTRIES,
        "wrong_root",
    ),
    "statement-at-another-index": (
        lambda paper, good: hop(good, 1, entered=replace(good.segments[0].hops[1].entered, index=99)),
        Step.READ,
        "malformed_bundle",
    ),
    "key-statement-left-out": (
        lambda paper, good: relying(paper, good, lambda number: number != 0),
        Step.STATEMENTS,
        "key_not_vouched_for",
    ),
    "prefix-left-out": (
        lambda paper, good: relying(paper, good, lambda number: number != 3),
        Step.COMMISSIONING,
        "not_licensed",
    ),
    "spare-hash-in-the-events": (
        lambda paper, good: hop(good, 0, path=(*good.segments[0].hops[0].path, EMPTY)),
        Step.EVENTS,
        "proof_too_long",
    ),
    "wrong-size": (
        lambda paper, good: shown(good, 0, 0, root=(first(good).root[0] + 1, first(good).root[1])),
        Step.EVENTS,
        "wrong_root",
    ),
    "event-of-another-submission": (
        lambda paper, good: hop(good, 1, events=good.segments[0].hops[2].events),
        Step.EVENTS,
        "out_of_range",
    ),
    "an-event-twice": (
        lambda paper, good: hop(good, 0, events=good.segments[0].hops[0].events[:1] * 2),
        Step.EVENTS,
        "one_event_twice",
    ),
    "error-declaration-hidden": (
        lambda paper, good: recored(good, 2, 1, errorDeclaration=None),
        Step.LEAVES,
        "wrong_root",
    ),
    "reporter-shown-as-actor": (
        lambda paper, good: recored(good, 3, 0, **{"as": "actor", "for": None}),
        Step.LEAVES,
        "wrong_root",
    ),
    "another-time": (
        lambda paper, good: recored(good, 1, 0, eventTime="2026-01-01T00:00:00.000Z"),
        Step.LEAVES,
        "wrong_root",
    ),
    "fields-of-two-events": (
        lambda paper, good: shown(good, 1, 0, fields=first(good).fields),
        Step.LEAVES,
        "proof_too_long",
    ),
    "field-as-core": (
        lambda paper, good: shown(good, 0, 0, fields=(replace(first(good).fields[0], index=0),)),
        Step.LEAVES,
        "second_core",
    ),
    "another-lot": (
        lambda paper, good: shown(good, 0, 0, fields=(replace(first(good).fields[0], text='{"lot":"L43"}'),)),
        Step.LEAVES,
        "wrong_root",
    ),
    "header-made-up": (
        lambda paper, good: hop(good, 1, header=first(good).fields, header_path=()),
        Step.LEAVES,
        "no_header",
    ),
    "spare-hash-in-an-event": (
        lambda paper, good: shown(good, 0, 0, path=(*first(good).path, EMPTY)),
        Step.LEAVES,
        "proof_too_long",
    ),
    "spare-hash-in-the-items": (
        lambda paper, good: shown(good, 0, 0, items_path=(*first(good).items_path, EMPTY)),
        Step.LEAVES,
        "proof_too_long",
    ),
    "leaf-kind-swapped": (lambda paper, good: item(good, 1, 0, 0, kind="p"), Step.LEAVES, "wrong_root"),
    "leaf-seen-only": (
        lambda paper, good: item(good, 1, 0, 0, kind="s", content=None, prev=None),
        Step.LEAVES,
        "wrong_root",
    ),
    "leaf-of-another-item": (
        lambda paper, good: naming_sister(item(good, 0, 0, 0, epc=SISTER)),
        Step.LEAVES,
        "wrong_root",
    ),
    "history-of-another-item": (
        lambda paper, good: naming_sister(hop(good, 0, events=paper.bundle(SISTER).segments[0].hops[0].events)),
        Step.STATUS,
        "another_item",
    ),
    "spare-place": (
        lambda paper, good: item(good, 1, 0, 0, place=places(good)[0]),
        Step.LINKS,
        "spare_place",
    ),
    "place-left-out": (lambda paper, good: moved_place(good, None), Step.LINKS, "not_inside"),
    "another-place": (
        lambda paper, good: moved_place(good, replace(places(good)[0], index=1 - places(good)[0].index)),
        Step.LINKS,
        "not_inside",
    ),
    "spare-hash-in-a-content": (
        lambda paper, good: moved_place(good, replace(places(good)[0], path=(*places(good)[0].path, EMPTY))),
        Step.LINKS,
        "not_inside",
    ),
    "first-hop-left-out": (lambda paper, good: without(paper, good, 0), Step.LINKS, "gap"),
    "hop-left-out": (lambda paper, good: without(paper, good, 1), Step.LINKS, "gap"),
    "last-hop-left-out": (lambda paper, good: without(paper, good, 3), Step.STATUS, "another_history"),
    "status-of-another-item": (
        lambda paper, good: replace(good, status=paper.status(SISTER, (SISTER, CASE))),
        Step.STATUS,
        "another_item",
    ),
    "status-before-the-last-hop": (
        lambda paper, good: replace(good, status=paper.bundle(UNIT, heads=earlier(paper)).status),
        Step.STATUS,
        "another_history",
    ),
    "status-by-nobody": (
        lambda paper, good: replace(good, status=resigned(good.status, "stranger")),
        Step.STATUS,
        "unknown_node",
    ),
    "status-of-another-tree": (
        lambda paper, good: paper.bundle(UNIT, root=bytes(32)),
        Step.STATUS,
        "split_view",
    ),
    "status-for-another-log": (
        lambda paper, good: paper.bundle(UNIT, log="other.example/log"),
        Step.STATUS,
        "wrong_log",
    ),
    "dispensed-and-not-shown": (lambda paper, good: paper.bundle(UNIT, status="dispensed"), Step.STATUS, "another_end"),
    "status-silent-about-a-key": (lambda paper, good: paper.bundle(UNIT, keys=()), Step.STATUS, "key_state_missing"),
    "revocation-left-out": (
        lambda paper, good: paper.bundle(UNIT, keys=tuple((kid, KeyState.REVOKED) for kid in kids(paper))),
        Step.STATUS,
        "revocation_hidden",
    ),
}


def attacked() -> Paper:
    """Hop 0 packs, 1 ships, 2 ships and takes it back, 3 is told by a reporter."""
    paper = Paper()
    wrong = event(10, Action.OBSERVE, "inspecting", CASE)
    paper.tells(MAKER, commission(8, UNIT, SISTER, CASE), pack(9, CASE, UNIT, SISTER))
    paper.tells(MAKER, event(9.5, Action.OBSERVE, "storing", CASE))
    paper.tells(MAKER, wrong)
    content = paper.heads[CASE].content
    taken = paper.taken.pop()  # one submission with both: the declaration is applied after what it reverts
    paper.heads |= {CASE: paper.heads[CASE]._replace(leaf=taken.leaves(0)[CASE].prev)}
    paper.entries.pop()
    paper.tells(MAKER, wrong, declared(wrong), plans={1: EventPlan(restored={CASE: content})})
    paper.tells(DISTRIBUTOR, event(11, Action.OBSERVE, "storing", CASE), told=Told(Voice.REPORTER, MAKER))
    return paper


@pytest.mark.parametrize("name", ATTACKS)
def test_refuses(name: str) -> None:
    attack, step, code = ATTACKS[name]
    paper = attacked()
    good = paper.bundle(UNIT)
    assert codes(examine(bytes(good), paper.policy)) == ["attested"]
    bad = bytes(attack(paper, good))
    found = examine(bad, paper.policy)
    assert failure(found) == (step, code), found.failure
    assert found.verdict is Verdict.REFUSED
    assert found.result(step) is Result.FAILS
    with pytest.raises(BundleRefused, match=f"step {int(step)}"):
        check(bad, paper.policy)


def checkpoint(
    paper: Paper, *, signer: Signer | None = None, size: int | None = None, root: bytes | None = None
) -> str:
    return Checkpoint(ORIGIN, size or len(paper.entries), root or paper.root).sign(signer or paper.signer)


def reproven(paper: Paper, bundle: Bundle, hops: tuple[Hop, ...], relied: tuple[Entered, ...]) -> Bundle:
    """The bundle with other statements, and the path that belongs to them."""
    indexes = [hop.entered.index for hop in hops] + [entered.index for entered in relied]
    path = tuple(paper.path(*indexes))
    named = {item.epc for hop in hops for shown in hop.events for item in shown.items}
    items = tuple(epc for epc in bundle.items if epc in named)
    return replace(segment(bundle, hops=hops, relied=relied, path=path), items=items)


def relying(paper: Paper, bundle: Bundle, wanted: Callable[[int], bool]) -> Bundle:
    relied = tuple(entered for number, entered in enumerate(bundle.segments[0].relied) if wanted(number))
    return reproven(paper, bundle, bundle.segments[0].hops, relied)


def without(paper: Paper, bundle: Bundle, number: int) -> Bundle:
    hops = bundle.segments[0].hops
    return reproven(paper, bundle, hops[:number] + hops[number + 1 :], bundle.segments[0].relied)


def naming_sister(bundle: Bundle) -> Bundle:
    named = {item.epc for hop in bundle.segments[0].hops for shown in hop.events for item in shown.items}
    return replace(bundle, items=tuple(epc for epc in (UNIT, SISTER, CASE) if epc in named))


def packed(bundle: Bundle) -> tuple[int, Item]:
    return next((number, item) for number, item in enumerate(bundle.segments[0].hops[0].events[1].items) if item.place)


def places(bundle: Bundle) -> list[Any]:
    return [packed(bundle)[1].place]


def moved_place(bundle: Bundle, place: Any) -> Bundle:
    return item(bundle, 0, 1, packed(bundle)[0], place=place)


def kids(paper: Paper) -> list[bytes]:
    return sorted(key.public.kid for key in paper.keys.values())


def earlier(paper: Paper) -> dict[str, Any]:
    tree = paper.taken[0].tree
    return {epc: tree.heads[epc] for epc in (UNIT, CASE)}


def resigned(envelope: bytes, name: str) -> bytes:
    signed = cose.decode(envelope)
    return cose.sign(
        signed.payload, content_type=signed.content_type, issuer=signed.issuer, subject=signed.subject, key=key_of(name)
    )


# ---- attacks by those who sign --------------------------------------------------------------------------------------


def taken_out() -> tuple[Paper, Bundle, Bundle]:
    """A unit leaves its case, and the case goes on: two histories that leave out that it did."""
    paper = Paper()
    paper.tells(MAKER, commission(8, UNIT, SISTER, CASE), pack(9, CASE, UNIT, SISTER))
    paper.tells(MAKER, unpack(10, CASE, UNIT))
    paper.tells(MAKER, ship(11, CASE, sender=MAKER, to=PHARMACY))
    sister, unit = paper.bundle(SISTER, status="in_transit"), paper.bundle(UNIT)
    assert examine(bytes(sister), paper.policy).verdict is Verdict.VERIFIED
    first, (_, opened, shipped) = unit.segments[0].hops[0], sister.segments[0].hops
    status = paper.status(UNIT, (UNIT, CASE), status="in_transit")

    def showing(*hops: Hop) -> Bundle:
        return replace(reproven(paper, unit, hops, unit.segments[0].relied), status=status)

    return paper, showing(first, opened, shipped), showing(first, shipped)


def test_an_item_taken_out_is_not_proven_by_where_it_was() -> None:
    """stale-ancestor: the case's later leaves no longer hold the unit, whatever is left out."""
    paper, with_sisters_place, without_unpacking = taken_out()
    assert failure(examine(bytes(with_sisters_place), paper.policy)) == (Step.LINKS, "not_inside")
    assert failure(examine(bytes(without_unpacking), paper.policy)) == (Step.LINKS, "gap")


def two_cores() -> tuple[Paper, Bundle, Bundle]:
    """A dishonest signer puts two cores into one event, to show either."""
    paper = Paper()
    taken = paper.tells(MAKER, commission(8, UNIT))
    good = paper.bundle(UNIT)
    leaves = taken.tree.events[0].leaves
    core = dict(json.loads(leaves[0])[2], disposition="destroyed")
    salt = salts(taken.opening.fields, "event", 0, "fields")("second")
    hashes = [leaf_hash(leaf) for leaf in (leaves[0], core_leaf(salt, core), *leaves[1:])]
    ilmd = replace(first(good).fields[0], index=first(good).fields[0].index + 1)

    def showing(place: int, **changes: Any) -> Bundle:
        path = tuple(multiproof(hashes, [place, ilmd.index]))
        return resealed(paper, taken, shown(good, 0, 0, fields=(ilmd,), path=path, **changes), hashes)

    return paper, showing(0), showing(1, text=encode(core).decode(), salt=salt)


def resealed(paper: Paper, taken: Taken, bundle: Bundle, hashes: list[bytes]) -> Bundle:
    """The only event of a history signed with other leaves, and everything above it as it then is."""
    root = (len(hashes), root_of(hashes))
    envelope = sign(replace(said_by(taken.envelope), events=(1, event_leaf(root))), key_of(MAKER))
    paper.entries[taken.index] = entry(taken.opening.entry, envelope)
    forged = hop(
        shown(bundle, 0, 0, root=root), 0, entered=Entered(taken.index, taken.opening.entry, envelope), path=()
    )
    forged = segment(forged, checkpoint=paper.checkpoint())
    forged = reproven(paper, forged, forged.segments[0].hops, forged.segments[0].relied)
    return replace(forged, status=paper.status(UNIT, (UNIT,)))


def without_ilmd(paper: Paper) -> Bundle:
    """A carrier needs no key to take out what was shown."""
    good = paper.bundle(UNIT)
    hashes = [leaf_hash(leaf) for leaf in paper.taken[0].tree.events[0].leaves]
    return shown(good, 0, 0, fields=(), path=tuple(multiproof(hashes, [0])))


def test_a_pack_without_lot_and_expiry_is_shown_as_that() -> None:
    paper = at_the_distributor()
    found = examine(bytes(without_ilmd(paper)), paper.policy)
    assert (found.verdict, codes(found), found.ilmd) == (Verdict.CAUTION, ["no_ilmd"], {})
    assert found.result(Step.COMMISSIONING) is Result.AMBER


def test_an_event_has_one_core_and_it_comes_first() -> None:
    """second-core."""
    paper, honest, forged = two_cores()
    assert failure(examine(bytes(honest), paper.policy)) is None
    assert failure(examine(bytes(forged), paper.policy)) == (Step.LEAVES, "wrong_root")


def said_by(envelope: bytes) -> Submission:
    said = open_statement(envelope).payload
    assert isinstance(said, Submission)
    return said


@pytest.mark.parametrize(
    "changes",
    [{"more": "x"}, {"action": "HIDE"}, {"eventTime": 7}, {"sources": [{"source": "x"}]}, {"type": None}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_core_says_nothing_that_cores_do_not_say(changes: dict[str, Any]) -> None:
    paper = Paper()
    taken = paper.tells(MAKER, commission(8, UNIT))
    good = paper.bundle(UNIT)
    core = {name: value for name, value in {**first(good).core, **changes}.items() if value is not None}
    leaves = [core_leaf(first(good).salt, core), *taken.tree.events[0].leaves[1:]]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    path = tuple(multiproof(hashes, [0, first(good).fields[0].index]))
    forged = resealed(paper, taken, shown(good, 0, 0, text=encode(core).decode(), path=path), hashes)
    assert failure(examine(bytes(forged), paper.policy)) == (Step.LEAVES, "malformed_core")


def told_by(submitter: str, *events: Event, **how: Any) -> Paper:
    paper = at_the_distributor()
    if submitter == STRANGER:
        paper.enrols(STRANGER)
    paper.tells(submitter, *events, **how)
    return paper


SIGNED_ATTACKS: dict[str, tuple[Callable[[], Paper], Step, str]] = {
    "not-the-holder": (lambda: told_by(STRANGER, dispense(13, UNIT)), Step.HANDOFFS, "not_holder"),
    "reporter-calls-itself-actor": (
        lambda: told_by(PHARMACY, ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY)),
        Step.HANDOFFS,
        "not_holder",
    ),
    "moved-away-by-a-report": (
        lambda: told_by(
            PHARMACY, ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY), told=Told(Voice.REPORTER, DISTRIBUTOR)
        ),
        Step.HANDOFFS,
        "moved_by_others",
    ),
    "actor-for-another": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), told=Told(Voice.ACTOR, PHARMACY)),
        Step.HANDOFFS,
        "wrong_voice",
    ),
    "intake-by-a-party": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), told=Told(Voice.INTAKE)),
        Step.HANDOFFS,
        "wrong_voice",
    ),
    "shipped-in-anothers-name": (
        lambda: told_by(DISTRIBUTOR, ship(13, CASE, sender=MAKER, to=PHARMACY)),
        Step.HANDOFFS,
        "not_source",
    ),
    "received-by-whom-it-was-not-sent-to": (
        lambda: sent_then(STRANGER, receive(14, CASE, sender=DISTRIBUTOR, to=STRANGER)),
        Step.HANDOFFS,
        "not_consignee",
    ),
    "received-for-another": (
        lambda: sent_then(PHARMACY, receive(14, CASE, sender=DISTRIBUTOR, to=STRANGER)),
        Step.HANDOFFS,
        "not_destination",
    ),
    "received-by-another-than-the-only-owner": (
        lambda: sent_then(PHARMACY, handed_to(receive(14, CASE, sender=DISTRIBUTOR, to=PHARMACY), "owning_party")),
        Step.HANDOFFS,
        "not_destination",
    ),
    "shipped-to-nobody": (
        lambda: told_by(DISTRIBUTOR, replace(ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY), destinations=())),
        Step.HANDOFFS,
        "consignee_missing",
    ),
    "shipped-to-what-is-no-party": (
        lambda: told_by(DISTRIBUTOR, shipped_to("https://warehouse.example/7")),
        Step.HANDOFFS,
        "consignee_missing",
    ),
    "dispensed-by-a-consignee-by-a-report": (
        lambda: sent_then(STRANGER, dispense(14, CASE), told=Told(Voice.REPORTER, PHARMACY)),
        Step.HANDOFFS,
        "moved_by_others",
    ),
    "signed-with-a-key-revoked-by-its-entry": (
        lambda: key_statement_revoked(),
        Step.STATEMENTS,
        "key_not_in_force",
    ),
    "after-the-end": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), dispense(14, UNIT)),
        Step.HANDOFFS,
        "after_the_end",
    ),
    "reverted-by-another": (lambda: reverted_by_another(), Step.HANDOFFS, "reverted_by_others"),
    "no-such-move": (
        lambda: told_by(DISTRIBUTOR, event(13, Action.DELETE, "shipping", UNIT)),
        Step.HANDOFFS,
        "unlawful_move",
    ),
    "statement-for-another-log": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), log="other.example/log"),
        Step.STATEMENTS,
        "wrong_log",
    ),
    "signed-with-another-partys-key": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), key=key_of(PHARMACY)),
        Step.STATEMENTS,
        "key_of_another",
    ),
    "signed-with-a-key-nobody-vouches-for": (
        lambda: told_by(DISTRIBUTOR, dispense(13, UNIT), key=key_of("own")),
        Step.STATEMENTS,
        "key_not_vouched_for",
    ),
    "signed-with-a-revoked-key": (lambda: signed_after_revocation(), Step.STATEMENTS, "key_not_in_force"),
    "key-vouched-for-by-a-stranger": (lambda: enrolled_by_a_stranger(), Step.KEYS, "key_not_vouched_for"),
    "key-registered-twice": (lambda: enrolled_twice(), Step.KEYS, "key_registered_twice"),
    "key-revoked-twice": (lambda: revoked_twice(), Step.KEYS, "revoked_twice"),
    "key-of-another-registered-by-oneself": (lambda: enrols_another(), Step.KEYS, "authority_needed"),
    "prefix-granted-to-oneself": (lambda: licensed_by(PHARMACY, PHARMACY), Step.KEYS, "authority_needed"),
    "prefix-of-someone-else": (lambda: commissioned_by(PHARMACY), Step.COMMISSIONING, "not_licensed"),
    "prefix-granted-afterwards": (
        lambda: licensed_by(PHARMACY, AUTHORITY, late=True),
        Step.COMMISSIONING,
        "not_licensed",
    ),
    "prefix-revoked": (lambda: license_revoked(), Step.COMMISSIONING, "not_licensed"),
    "never-commissioned": (lambda: begun_by(MAKER), Step.COMMISSIONING, "not_commissioned"),
    "commissioned-twice": (lambda: told_by(DISTRIBUTOR, commission(13, UNIT)), Step.LINKS, "gap"),
}


@pytest.mark.parametrize("name", SIGNED_ATTACKS)
def test_refuses_what_was_signed_all_the_same(name: str) -> None:
    make, step, code = SIGNED_ATTACKS[name]
    assert failure(report(make())) == (step, code)


@pytest.mark.parametrize(
    "epc",
    [
        "urn:epc:id:sgtin:0614141.012345.A1",
        f"http://id.gs1.org/01/{GTIN}/21/A1",
        f"https://id.gs1.org/gtin/{GTIN}/ser/A1",
        f"https://id.gs1.org/01/{GTIN}/10/L1/21/A1",
        f"https://dl.maker.example/01/{GTIN}/21/A1",
        "A1",
    ],
)
def test_a_pack_needs_its_licence_however_it_is_spelled(epc: str) -> None:
    paper = Paper()
    paper.tells(PHARMACY, commission(8, epc))
    assert failure(report(paper, epc)) == (Step.READ, "identifier_not_canonical")


@pytest.mark.parametrize("other", [UNIT + "/", UNIT[:-7] + "3/21/U1", UNIT + "?", UNIT + " ", UNIT.replace("U", "%55")])
def test_an_item_is_named_in_its_one_spelling(other: str) -> None:
    paper = at_the_distributor()
    good = paper.bundle(UNIT)
    renamed = replace(good, items=(other, CASE), segments=tuple(named(other, each) for each in good.segments))
    assert failure(examine(bytes(renamed), paper.policy)) == (Step.READ, "identifier_not_canonical")


def named(other: str, part: Segment) -> Segment:
    """With another name in the place of the unit's."""

    def item(each: Item) -> Item:
        return replace(each, epc=other) if each.epc == UNIT else each

    return replace(
        part,
        hops=tuple(
            replace(hop, events=tuple(replace(shown, items=tuple(map(item, shown.items))) for shown in hop.events))
            for hop in part.hops
        ),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"biz_step": "urn:epcglobal:cbv:bizstep:dispensing"},
        {"biz_step": "https://ref.gs1.org/cbv/BizStep-decommissioning"},
        {"biz_step": "dispensing "},
        {"biz_step": "vanishing"},
        {"disposition": "urn:epcglobal:cbv:disp:active"},
        {"sources": ({"source": "urn:epc:id:sgln:0614141.00777.0", "type": "possessing_party"},)},
        {"sources": ({"source": "0614141007776", "type": "possessing_party"},)},
        {"sources": ({"source": "urn:x:me", "type": "urn:epcglobal:cbv:sdt:possessing_party"},)},
        {"sources": ({"source": "urn:x:b", "type": "location"}, {"source": "urn:x:a", "type": "location"})},
    ],
    ids=str,
)
def test_a_core_is_written_as_decisions_compare_it(said: dict[str, Any]) -> None:
    paper = Paper()
    step = said.pop("biz_step", "inspecting")
    paper.tells(MAKER, commission(8, UNIT), event(9, Action.OBSERVE, step, UNIT, **said))
    assert failure(report(paper)) == (Step.LEAVES, "malformed_core")


def test_a_users_own_words_are_uris() -> None:
    paper = Paper()
    own = {"disposition": "urn:x:fine", "sources": ({"source": "https://maker.example/dock/7", "type": "urn:x:dock"},)}
    paper.tells(MAKER, commission(8, UNIT), event(9, Action.OBSERVE, "https://maker.example/weighing", UNIT, **own))
    assert report(paper).verdict is Verdict.VERIFIED


def sent_then(submitter: str, done: Event, **how: Any) -> Paper:
    paper = told_by(DISTRIBUTOR, ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY))
    if submitter == STRANGER:
        paper.enrols(STRANGER)
    paper.tells(submitter, done, **how)
    return paper


def handed_to(received: Event, kind: str) -> Event:
    """A receipt that says no more than whose it is now: another's."""
    return replace(received, destinations=({"destination": pgln(STRANGER), "type": kind},))


def shipped_to(where: str) -> Event:
    told = ship(13, CASE, sender=DISTRIBUTOR, to=PHARMACY)
    return replace(told, destinations=({"destination": where, "type": "location"},))


def reverted_by_another() -> Paper:
    looked = event(13, Action.OBSERVE, "inspecting", CASE)
    paper = told_by(DISTRIBUTOR, looked)
    paper.tells(MAKER, declared(looked), plans={0: EventPlan(restored={CASE: paper.heads[CASE].content})})
    return paper


def signed_after_revocation() -> Paper:
    paper = at_the_distributor()
    kid = paper.keys[DISTRIBUTOR].public.kid
    paper.registers(
        KeyRevocation(**paper.head(), statement=paper.uuid(), about=DISTRIBUTOR, kid=kid), key_of(AUTHORITY)
    )
    paper.tells(DISTRIBUTOR, dispense(13, UNIT))
    return paper


def enrolled_by_a_stranger() -> Paper:
    paper = at_the_distributor()
    paper.enrols(PHARMACY, key_of("new"), by=STRANGER)
    return paper


def enrolled_twice() -> Paper:
    paper = at_the_distributor()
    paper.enrols(PHARMACY)
    return paper


def revoked_twice() -> Paper:
    """The second revocation no longer says since when others may have had the key."""
    paper = at_the_distributor()
    kid = paper.keys[MAKER].public.kid
    for compromised in (NOW, None):
        said = KeyRevocation(**paper.head(), statement=paper.uuid(), about=MAKER, kid=kid, compromised=compromised)
        paper.registers(said, key_of(AUTHORITY))
    paper.revoked.add(kid)
    return paper


def enrols_another() -> Paper:
    paper = at_the_distributor()
    paper.enrols(STRANGER, by=PHARMACY)
    return paper


def licensed_by(party: str, issuer: str, *, late: bool = False) -> Paper:
    paper = Paper()
    if late:
        paper.tells(party, commission(8, UNIT))
    paper.grants(party, GTIN, by=issuer)
    if not late:
        paper.tells(party, commission(8, UNIT))
    return paper


def commissioned_by(party: str) -> Paper:
    paper = Paper()
    paper.tells(party, commission(8, UNIT))
    return paper


def license_revoked() -> Paper:
    paper = Paper()
    granted = paper.relied[-1]
    named = entry(granted.salt, granted.envelope).hex()
    paper.registers(Revocation(**paper.head(), statement=paper.uuid(), about=MAKER, entry=named), key_of(AUTHORITY))
    paper.tells(MAKER, commission(8, UNIT))
    return paper


def key_statement_revoked() -> Paper:
    """The maker's, by the entry that it is."""
    paper = Paper()
    stated = paper.relied[0]
    named = entry(stated.salt, stated.envelope).hex()
    paper.registers(Revocation(**paper.head(), statement=paper.uuid(), about=MAKER, entry=named), key_of(AUTHORITY))
    paper.tells(MAKER, commission(8, UNIT))
    return paper


def begun_by(party: str) -> Paper:
    paper = Paper()
    paper.tells(party, ship(8, UNIT, sender=party, to=PHARMACY))
    return paper


def test_too_few_witnesses_are_too_few() -> None:
    paper = line_to_patient(witnesses=2)
    lines = paper.checkpoint().splitlines(keepends=True)
    bundle = segment(paper.bundle(UNIT, status="dispensed"), checkpoint="".join(lines[:-1]))
    assert failure(examine(bytes(bundle), paper.policy)) == (Step.CHECKPOINT, "no_quorum")


def test_a_log_has_one_segment() -> None:
    """Two of one log could show each half of the statements about a key. Of several logs: tests/vectors/bundle."""
    paper = at_the_distributor()
    whole = paper.bundle(UNIT)
    hops, relied = whole.segments[0].hops, whole.segments[0].relied

    def part(hops: tuple[Hop, ...]) -> Segment:
        return reproven(paper, whole, hops, relied).segments[0]

    split = replace(whole, segments=(part(hops[:1]), part(hops[1:])))
    assert failure(examine(bytes(split), paper.policy)) == (Step.READ, "malformed_bundle")
