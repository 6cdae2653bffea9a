"""Two verifiers that share no code, over bundles that either has made: the same step, and the same story."""

import copy
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from partners.gs1.identifiers import gtin_of, is_sgtin
from tests.traceability.test_proving import bundle, integrate, trusted
from tests.world import CASE_GTIN, Party, World, pallet, unit
from traceability.bundle import Report, examine
from traceability.errors import NotFound
from traceability.models import Item
from traceability.policy import Policy
from traceability.submission import Leaf

from . import bundle_check, bundle_governed, merkle, statement, tree_cases
from .bundle import Chronicle, encoded, plain, prove, unb64
from .bundle_cases import STORIES, carried, chronicle, name_of, one_pack_in_a_case, proven
from .bundle_forging import core_of, forged
from .bundle_lies import lies
from .bundle_plots import plots
from .canonical import Members, encode
from .statement import cbor
from .statement_cases import OPERATOR

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def named(cases: list[Members]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


GOOD, REFUSED = load("bundle/oracle/good.json"), load("bundle/oracle/refused.json")
BY_NAME = {case["name"]: b64decode(case["bundle"]) for case in GOOD}


def bytes_of(case: Members) -> bytes:
    """A whole bundle, or a good one with other bytes in its middle."""
    if "bundle" in case:
        return b64decode(case["bundle"])
    good = BY_NAME[case["of"]]
    return good[: case["first"]] + b64decode(case["then"]) + good[len(good) - case["last"] :]


# ---- what each makes of a bundle


def of_product(data: bytes, policy: Members) -> Report:
    return examine(data, Policy.parse(json.dumps(policy)))


def step_of_product(data: bytes, policy: Members) -> int | None:
    failure = of_product(data, policy).failure
    return int(failure.step) if failure else None


def step_of_oracle(data: bytes, policy: Members) -> int | None:
    try:
        bundle_check.check(data, policy)
    except bundle_check.NotProven as refused:
        return refused.step
    return None


def story_of_product(report: Report) -> Members:
    """In the words of the oracle."""
    assert report.failure is None, report.failure
    hops = [
        {
            "statement": hop.statement,
            "index": hop.index,
            "signer": hop.signer,
            "time": hop.time,
            "step": hop.biz_step,
            "action": hop.action,
            "as": hop.voice,
            "party": hop.party,
            "named": sorted(hop.named),
            "again": hop.again,
            "declaration": hop.declaration,
            "reverted": hop.reverted,
            "received": any(implied.startswith("received") for implied in hop.implied),
            "taken_out": any(implied.startswith("taken out") for implied in hop.implied),
        }
        for hop in report.hops
    ]
    return {
        "item": report.item,
        "outermost": report.outermost,
        "status": report.status,
        "holds": list(report.holds),
        "amber": sorted({int(note.step) for note in report.notes if note.amber}),
        "witnesses": list(report.witnesses),
        "hops": hops,
    }


def story_told(case: Members) -> Members:
    story = {name: case[name] for name in ("item", "outermost", "status", "holds", "amber", "witnesses")}
    return {**story, "hops": [{name: hop[name] for name in hop if name != "log"} for hop in case["hops"]]}


def agree(data: bytes, policy: Members) -> None:
    """Both refuse at one step, or both tell one story."""
    step, report = step_of_oracle(data, policy), of_product(data, policy)
    assert (int(report.failure.step) if report.failure else None) == step, report.failure
    if step is None:
        assert story_of_product(report) == story_told(bundle_check.check(data, policy).shown())


# ---- the oracle's bundles


@pytest.mark.parametrize("case", named(GOOD))
def test_the_product_accepts_and_tells_the_same_story(case: Members) -> None:
    assert story_of_product(of_product(bytes_of(case), case["policy"])) == story_told(case)


@pytest.mark.parametrize("case", named(REFUSED))
def test_the_product_refuses_an_attack_at_the_step_that_should(case: Members) -> None:
    assert step_of_product(bytes_of(case), case["policy"]) == case["step"]


def test_every_step_refuses_something() -> None:
    assert {case["step"] for case in REFUSED} == set(range(1, 13))
    assert len({case["name"] for case in REFUSED}) == len(REFUSED)
    assert [case["name"] for case in GOOD] == [name_of(story) for story in (*STORIES, *bundle_governed.STORIES)]


# ---- the product's bundles


@pytest.mark.parametrize("case", named(load("bundle/cases.json")))
def test_the_oracle_agrees_on_what_the_product_made(case: Members) -> None:
    data = b64decode(case["bundle"])
    assert step_of_oracle(data, case["policy"]) == case["step"]
    agree(data, case["policy"])


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    return World()


def tell_a_long_story(world: World) -> None:
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    packs = maker.commissions(serial=["A1", "A2", "A3", "A4"])
    boxes = maker.commissions(serial=["C1", "C2"], gtin=CASE_GTIN)
    maker.packs(packs[:2], into=boxes[0])
    maker.packs(packs[2:], into=boxes[1])
    maker.unpacks(packs[:1], out_of=boxes[0])
    maker.observes(boxes[0])
    maker.packs(packs[:1], into=boxes[0])  # its leaf in the case is another than before
    mistake = maker.packing(boxes[:1], pallet(1))
    maker.tells(mistake)
    maker.tells(declared_an_error(mistake))
    maker.packs(boxes, into=pallet(1))  # the pallet begins anew
    maker.ships(pallet(1), to=distributor)
    distributor.observes(boxes[1])  # received, and taken out, without a record
    mistake = distributor.shipping(pallet(1), pharmacy)
    distributor.tells(mistake)
    distributor.tells(declared_an_error(mistake))
    distributor.ships(packs[0], to=pharmacy)
    pharmacy.dispenses(packs[0])
    distributor.unpacks([], out_of=boxes[1])
    pharmacy.tells(Party.shipping(absent(world), [unit("R1")], pharmacy))
    pharmacy.receives(unit("R1"), sender=absent(world))
    maker.commissions(serial="R1")  # what another told of before


def declared_an_error(event: Members) -> Members:
    return {**event, "errorDeclaration": {"declarationTime": "2026-06-01T00:00:00Z", "reason": "did_not_occur"}}


def absent(world: World) -> Party:
    """A party that has no key here."""
    return Party(world, "0614141009008", "Absent", world.maker.role)


def test_both_tell_one_story_of_every_item_to_everybody(world: World) -> None:
    tell_a_long_story(world)
    looks_into_everything(world)
    integrate(world)
    policy, count = json.loads(str(trusted(world))), 0
    for epc in Item.objects.values_list("epc", flat=True):
        for reader in (world.maker, world.distributor, world.pharmacy, world.regulator):
            try:
                data = bundle(world, epc, reader)
            except NotFound:
                continue
            agree(data, policy)
            assert step_of_oracle(data, policy) is None
            count += 1
    assert count > 20


def test_a_pack_goes_straight_onto_the_pallet_that_its_case_is_on(world: World) -> None:
    maker = world.maker
    packs = maker.commissions(serial=["A1", "A2"])
    box = maker.commissions(serial="C1", gtin=CASE_GTIN)
    maker.packs(packs, into=box)
    maker.packs([box], into=pallet(1))
    maker.packs(packs[:1], into=pallet(1))
    maker.ships(pallet(1), to=world.distributor)
    prove_everything(world)


def test_what_a_stranger_does_at_its_place_others_tell(world: World) -> None:
    """It is on its way to a place, and who operates that only the node's master data say."""
    pack, dispenser = world.maker.commissions(serial="A1"), absent(world)
    shipping: Any = world.maker.shipping(pack, dispenser)
    place: Any = [{"type": "location", "destination": party["destination"]} for party in shipping["destinationList"]]
    world.maker.tells({**shipping, "destinationList": place})
    world.distributor.tells(dispenser.dispensing(pack))
    prove_everything(world)


def prove_everything(world: World) -> None:
    """Of every item both tell one story, and every step of it holds."""
    looks_into_everything(world)
    integrate(world)
    policy = json.loads(str(trusted(world)))
    for epc in Item.objects.values_list("epc", flat=True):
        data = bundle(world, epc, world.regulator if is_sgtin(epc) else world.maker)  # a case is of products
        agree(data, policy)
        assert step_of_oracle(data, policy) is None


def looks_into_everything(world: World) -> None:
    """The regulator reads what it has a case of."""
    for gtin in {gtin_of(epc) for epc in Item.objects.values_list("epc", flat=True)} - {None}:
        world.opens_case(gtin=str(gtin))


# ---- damage that nobody named


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from nodes(each, (*path, name))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return changed


def otherwise(value: Any) -> Iterator[Any]:
    """A value changed a little, in every way of its kind."""
    if isinstance(value, bool) or value is None:
        yield 0
    elif isinstance(value, int):
        yield from {value + 1, max(value - 1, 0), 0} - {value}
    elif isinstance(value, bytes):
        yield from (value[:-1] + bytes([value[-1] ^ 1]), value[:-1])
    elif isinstance(value, str):
        yield from (value + " ", value[:-1], value.encode())
    elif isinstance(value, list):
        yield from (changed for changed in (value[:-1], value + value[-1:], value[::-1], None) if changed != value)
    else:
        yield []


def test_whatever_is_changed_in_the_file_both_refuse_at_one_step() -> None:
    policy, good = one_pack_in_a_case("changed")
    raw = plain("bundle", good)
    for path, value in nodes(raw):
        for new in otherwise(value):
            data = cbor(put(raw, path, new))
            step = step_of_oracle(data, policy)
            assert (path, step_of_product(data, policy)) == (path, step)
            assert step is not None, path


def test_whichever_byte_is_changed_both_refuse_at_one_step() -> None:
    case = next(case for case in GOOD if case["name"] == "one-pack-in-a-case")
    data = bytes_of(case)
    for at in range(0, len(data), 41):
        damaged = data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :]
        step = step_of_oracle(damaged, case["policy"])
        assert (at, step_of_product(damaged, case["policy"])) == (at, step)
        assert step is not None, at


ANYTHING: list[Any] = [
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [[1]],
    {"x": 1},
    "urn:x:y",
    " shipping",
    "cbv:BizStep-shipping",
    "https://ns.gs1.org/voc/Disp-in_transit",
    [{"source": "urn:x:b", "type": "location"}],
    [{"destination": "https://id.gs1.org/417/0614141007776", "type": "SDT-location"}],
    "reporter",
    "0614141007776",
    [1, "A" * 43],
]


@pytest.mark.parametrize("name", [*bundle_check.CORE_FORMS, "epcList"])
def test_whatever_a_liar_signs_as_core_both_see_it_alike(name: str) -> None:
    for value in ANYTHING:
        policy, lying = forged(core_of(**{name: value}), word="in_transit")("liar")
        assert not isinstance(lying, bytes)
        data = encoded(lying)
        assert (value, step_of_product(data, policy)) == (value, step_of_oracle(data, policy))


def test_whatever_is_lied_in_a_story_both_see_it_alike() -> None:
    steps: set[int | None] = set()
    for seed, policy, data in lies(400):
        step = step_of_oracle(data, policy)
        assert (seed, step_of_product(data, policy)) == (seed, step)
        steps.add(step)
    assert {None, 8, 9, 10, 11, 12} <= steps


def test_whatever_governors_and_others_say_both_see_it_alike() -> None:
    steps: list[int | None] = []
    for seed, policy, data in plots(200):
        steps.append(step_of_oracle(data, policy))
        assert (seed, step_of_product(data, policy)) == (seed, steps[-1])
    assert min(steps.count(None), steps.count(5)) > 50


def test_whatever_is_changed_in_what_a_governor_says_both_see_it_alike() -> None:
    for what, policy, data in otherwise_said():
        assert (what, step_of_product(data, policy)) == (what, step_of_oracle(data, policy))


def otherwise_said() -> Iterator[tuple[Any, Members, bytes]]:
    """What governors and authorities say, rightly signed, with something else in some place."""
    for kind, members in bundle_governed.sayings().items():
        for path, value in nodes(members):
            for other in (*otherwise(value), *ANYTHING[:: len(path)]) if path else ():
                if not isinstance(other, bytes):
                    policy, bundle = bundle_governed.saying(kind, put(members, path, other))
                    yield (kind, path, other), policy, encoded(bundle)


def test_whatever_a_node_signs_as_status_both_see_it_alike() -> None:
    made = chronicle("status")
    made.tells(tree_cases.MAKER, tree_cases.commission("08:00:00", tree_cases.A1))
    policy, good = proven(made)
    payload = json.loads(cbor2.loads(good["status"]).value[2])
    head = statement.protected("status", made.log.node, OPERATOR, payload["epc"])
    for path, _ in nodes(payload):
        for value in ANYTHING[:: len(path)] if path else ():
            text = encode(put(payload, path, value))
            data = encoded({**good, "status": statement.sign(head, text, made.log.node)})
            assert (path, value, step_of_product(data, policy)) == (path, value, step_of_oracle(data, policy))


# ---- proofs of single trees, as far as a bundle can show them


LEAVES = [case for case in load("tree/refused.json")["proofs"] if case["step"] in ("core", "leaf")]
#: A bundle carries the parts of leaves: what is no leaf of its tree has no form there, or leads elsewhere.
STEPS = {"leaf-with-a-member-more": 1, "leaf-of-another-tree": 1, "second-core": 8, "second-core-beside-the-first": 8,
         "core-not-first": 8, "field-in-the-place-of-the-core": 8}  # fmt: skip


def test_the_leaves_that_a_bundle_cannot_show_are_known() -> None:
    assert {case["name"] for case in LEAVES} == {*STEPS, "leaf-not-canonical"}


@pytest.mark.parametrize("case", named([case for case in LEAVES if case["name"] in STEPS]))
def test_a_proof_that_shows_no_leaf_of_its_tree_is_refused(case: Members) -> None:
    policy, data = in_a_bundle(case)
    assert step_of_oracle(data, policy) == step_of_product(data, policy) == STEPS[case["name"]]


def test_a_leaf_is_written_in_its_one_form_whatever_was_hashed() -> None:
    case = next(case for case in LEAVES if case["name"] == "leaf-not-canonical")
    text = case["leaves"][0]["leaf"]
    kind, salt, epc, content, prev = json.loads(text)
    leaf = Leaf.make(kind, unb64(salt), epc, content, unb64(prev))
    assert leaf.hash == merkle.leaf(encode(json.loads(text)))
    assert leaf.hash != merkle.leaf(text.encode())


def in_a_bundle(case: Members) -> tuple[Members, bytes]:
    """The proof as an attacker would show it: in a statement rightly signed over the root that it is of."""
    leaves = {shown["index"]: json.loads(shown["leaf"]) for shown in case["leaves"]}
    policy, good = carried("carried")
    shown = good["segments"][0]["hops"][0]["events"][0]
    made, path = chronicle("proof"), [bytes.fromhex(sibling) for sibling in case["siblings"]]
    if case["tree"] == "event":
        shown |= event_parts(leaves, case["stated"], path)
    good["segments"][0] = segment_of(made, shown)
    good["items"] = good["items"][:1]
    raw = plain("bundle", good)
    if case["tree"] == "items":
        raw["segments"][0]["hops"][0][1][0][5] = [item_parts(index, leaf) for index, leaf in leaves.items()]
    return policy, cbor(raw)


def event_parts(leaves: dict[int, list[Any]], stated: list[Any], path: list[bytes]) -> Members:
    """Core and fields: whatever stands first is shown as the core."""
    first, *rest = leaves.items()
    fields = [
        {"index": index, "salt": unb64(leaf[1]), "name": "core", "value": encode(leaf[-1]).decode()}
        for index, leaf in rest
    ]
    return {
        "root": {"n": stated[0], "root": unb64(stated[1])},
        "core": {"salt": unb64(first[1][1]), "value": encode(first[1][-1]).decode()},
        "fields": fields,
        "path": path,
    }


def item_parts(index: int, leaf: list[Any]) -> list[Any]:
    kind, salt, *rest = leaf
    return [index, kind, unb64(salt), 0, *rest[1:], None][:8]


def segment_of(made: Chronicle, shown: Members) -> Members:
    """A log that holds one statement over this one event."""
    root = shown["root"]
    leaf = merkle.leaf(encode(["e", [root["n"], statement.b64(root["root"])]]))
    commissioned = tree_cases.commission("08:00:00", tree_cases.A1)
    told = made.tells(tree_cases.MAKER, commissioned, events=[1, statement.b64(leaf)])
    shown["items"] = shown["items"][:1]
    hop = {"entry": made.log.shown(told.index), "events": [{**shown, "position": 0}], "path": [],
           "header": {"fields": [], "path": []}}  # fmt: skip
    segment = {"log": made.log.origin, "checkpoint": made.log.checkpoint(), "hops": [hop], "path": [],
               "relied": [made.log.shown(index) for index in made.relied[made.log.origin]]}  # fmt: skip
    prove(segment, made.log)
    return segment
