"""Attacks that steps 9 to 12 refuse: everything is proven, and the story is not true."""

import json
from collections.abc import Callable
from typing import Any

from . import merkle, statement
from .bundle import Chronicle, Log, Shown, drawn, item_leaf, placed, shown_field, shown_item
from .bundle_cases import (
    REPORTED,
    Proven,
    at_the_distributor,
    by_place,
    chronicle,
    on_another_log,
    one_key_of_two_parties_revoked_for_one,
    proven,
    revoke,
    to_the_patient,
    vouch,
)
from .bundle_forging import (
    STRANGER,
    Attack,
    Attacked,
    base,
    content_over,
    core_of,
    event,
    file_attack,
    forged,
    head_text,
    hidden,
    hops,
    item,
    item_left_out,
    items_of,
    leaf_of,
    left_out,
    lie,
    set_in,
    shuffled,
    with_field,
    with_hop,
)
from .canonical import Members, encode
from .canonical_cases import observed
from .statement import Key
from .statement_cases import AUTHORITY, AUTHORITY_GLN, OPERATOR
from .tree import Leaf, b64
from .tree_cases import (
    A1,
    A2,
    A3,
    C1,
    C2,
    DISTRIBUTOR,
    KEYS,
    LOG,
    MAKER,
    OTHER_PALLET,
    PALLET,
    PHARMACY,
    PLACE,
    at,
    call_off,
    case_of,
    commission,
    destroy,
    dispense,
    export,
    link,
    mistaken,
    pack,
    plan,
    receive,
    ship,
    take_back,
    to_pallet,
    unit,
    unpack,
)


def pack_hidden(name: str) -> Attacked:
    """The pack without its container, of which nothing more is shown."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    policy, bundle = proven(made)
    item_left_out(bundle, made, 0, 1, C1)
    bundle["items"] = bundle["items"][:1]
    bundle["status"] = made.status([link(A1)], "held")
    return policy, bundle


def unpack_hidden(name: str) -> Attacked:
    """Taken out of its case, which is then packed further: shown as still inside."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), commission("09:30:00", A3))
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER))
    told = made.tells(MAKER, pack("11:00:00", C1, A3))
    policy, bundle = proven(made, hide=hidden((1, 0)))
    case = next(leaf for leaf in told.trees.events[0].items if leaf.members[0] == "p")
    inside = made.state.contents[link(C1)]
    with_hop(bundle, made, Shown(told, 0, [(case, (inside[0], inside))]))
    return policy, bundle


def unpack_without_its_container(name: str) -> Attacked:
    """A carrier shows that the pack was taken out, and not of what."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    item_left_out(bundle, made, 2, 2, C1)
    return policy, bundle


def unpacked_item_shown_inside(name: str) -> Attacked:
    """All of the case's history, and of the pack only that it went in."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), commission("09:30:00", A3))
    before = made.bundle(link(A1))
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER))
    policy, bundle = proven(made)
    number = before["items"].index(link(C1))
    shown = event(bundle, 1)
    assert bundle["items"] == before["items"]
    item_left_out(bundle, made, 1, 0, A1)
    leaves = made.state.contents[link(C1)]
    case = next(each for each in shown["items"] if each["epc"] == number)
    case["place"] = placed(leaves[0], leaves)
    stack = [link(A1), link(C1)]
    heads = {link(A1): [b64(leaf_of(made, 0, A1)), "none"], link(C1): head_text(made, C1)}
    bundle["status"] = made.status(stack, "held", heads=heads)
    return policy, bundle


def place_attack(change: Callable[[Members], Any]) -> Attack:
    """A carrier's change to the place of the pack in its case."""
    return file_attack(lambda b: change(item(b, 0, 1, C1)))


def place_of_its_neighbour(name: str) -> Attacked:
    made = at_the_distributor()
    policy, bundle = proven(made)
    content = item(bundle, 0, 1, C1)
    leaves = made.state.archive[b64(content["content"]["root"])]
    own = content["place"]["index"]
    content["place"] = placed(leaves[1 - own], leaves)
    return policy, bundle


def stale_ancestor(name: str) -> Attacked:
    """A case whose content has the pack's leaf from before it was packed: it could be in two."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2), commission("08:10:00", C1))
    old, other = (made.state.heads[link(epc)][0] or b"" for epc in (A1, A2))
    content = content_over(made, old, other)
    made.tells(MAKER, pack("09:00:00", C1, A1, A2), forge=lie(C1, content=content))
    return proven(made)


def container_swapped(name: str) -> Attacked:
    """Packed into one case, and shown in another that was packed at the same time."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2), commission("08:10:00", C1, C2))

    def other(leaves: list[Leaf]) -> list[Leaf]:
        """The liar's one event has a leaf for each case; only the first holds the pack."""
        content = content_over(made, drawn("another pack"))
        second = Leaf(["p", b64(drawn("salt")[:16]), link(C2), content, b64(made.state.heads[link(C2)][0] or b"")])
        return [*leaves, second]

    made.tells(MAKER, pack("09:00:00", C1, A1, A2), forge=items_of(other))
    policy, bundle = proven(made)
    grown = made.told[1].trees.events[0]
    index = next(at for at, leaf in enumerate(grown.items) if leaf.members[2] == link(C2))
    bundle["items"] = [link(A1), link(C2)]
    shown = event(bundle, 1)
    leaf = grown.items[index]
    mine = next(each for each in shown["items"] if each["epc"] == 0)
    second = shown_item(index, leaf, (drawn("another pack"), [drawn("another pack")]), bundle["items"])
    shown["items"] = sorted([mine, second], key=lambda each: each["index"])
    shown["items_path"] = merkle.multiproof(
        [each["index"] for each in shown["items"]], [leaf.hash for leaf in grown.items]
    )
    bundle["status"] = made.status([link(A1), link(C2)], "held")
    return policy, bundle


def commissioned_twice(name: str) -> Attacked:
    """Commissioned and shipped; and commissioned once more, as if nothing had been. The node took it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(MAKER, commission("11:00:00", A1))
    return proven(made)


def cut_in_the_middle(name: str) -> Attacked:
    """A shipper that names no predecessor begins a history of its own."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1), forge=lie(A1, prev=b64(drawn("nothing"))))
    return proven(made, word="in_transit")


def fork(name: str) -> Attacked:
    """A pack with two successors, both shown."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    first = made.state.heads[link(A1)][0] or b""
    made.tells(MAKER, observed(epcList=[A1], bizStep="inspecting", **at("09:00:00")))
    made.tells(MAKER, ship("10:00:00", A1), forge=lie(A1, prev=b64(first)))
    return proven(made, word="in_transit")


def fork_of_a_case(name: str) -> Attacked:
    """Packed, taken out, and packed again into the case as it was before: its leaves have one predecessor."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2), commission("08:10:00", C1))
    empty = made.state.heads[link(C1)][0] or b""
    made.tells(MAKER, pack("09:00:00", C1, A1, A2))
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER))
    made.tells(MAKER, pack("11:00:00", C1, A1), forge=lie(C1, prev=b64(empty)))
    return proven(made)


def unpacked_from_an_older_case(name: str) -> Attacked:
    """The unpacking names a leaf of the case from before it was packed."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2), commission("08:10:00", C1))
    empty = made.state.heads[link(C1)][0] or b""
    made.tells(MAKER, pack("09:00:00", C1, A1, A2))
    made.tells(MAKER, unpack("10:00:00", C1, A2, party=MAKER), forge=lie(C1, prev=b64(empty)))
    return proven(made)


def content_restated(name: str) -> Attacked:
    """A shipper states another content than was packed: the pack is exchanged on the way."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, ship("10:00:00", C1), forge=lie(C1, content=content_over(made, leaf_of(made, 0, A1))))
    return proven(made, word="in_transit")


def content_stated_anew(name: str) -> Attacked:
    """Nobody stated what is on the pallet, and a shipment cannot."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet(), ship("11:00:00", PALLET, to=PHARMACY))
    made.tells(PHARMACY, dispense("15:00:00", A1), plans={0: plan(opened=[link(C1), link(PALLET)])})
    made.tells(PHARMACY, receive("16:00:00", PALLET, party=PHARMACY))
    content = content_over(made, leaf_of(made, 0, C1))
    made.tells(PHARMACY, ship("17:00:00", PALLET, party=PHARMACY, to=DISTRIBUTOR), forge=lie(PALLET, content=content))
    return proven(made, A2, word="in_transit")


def packed_and_not_inside(name: str) -> Attacked:
    """The case's content is over another pack alone."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1, A2), commission("08:10:00", C1))
    content = content_over(made, drawn("another pack"))
    made.tells(MAKER, pack("09:00:00", C1, A1, A2), forge=lie(C1, content=content))
    return proven(made)


def packed_into_none(name: str) -> Attacked:
    """A container that has just been packed and says that it is none."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))
    made.tells(MAKER, pack("09:00:00", C1, A1), forge=lie(C1, content="none"))
    return proven(made)


def pack_commissioned_full(name: str) -> Attacked:
    """A pack with a content from its beginning."""
    made = chronicle(name)
    content = content_over(made, drawn("another pack"))
    made.tells(MAKER, commission("08:00:00", A1), forge=lie(A1, content=content))
    return proven(made)


def named_twice(name: str) -> Attacked:
    """Two leaves of one pack in one event: a signer could show either."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))

    def both(leaves: list[Leaf]) -> list[Leaf]:
        again = Leaf([leaves[0].members[0], b64(drawn("another salt")[:16]), *leaves[0].members[2:]])
        return [*leaves, again]

    told = made.tells(MAKER, ship("10:00:00", A1), forge=items_of(both))
    policy, bundle = proven(made, word="in_transit")
    shown = event(bundle, 1)
    shown["items"] = [shown_item(at, leaf, None, bundle["items"]) for at, leaf in enumerate(told.trees.events[0].items)]
    shown["items_path"] = []
    return policy, bundle


def named_with_its_case(name: str) -> Attacked:
    """Shipped in its case and beside it: what is named together with its container is only seen."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, ship("10:00:00", C1, A1))
    policy, bundle = proven(made, word="in_transit")
    made.tells(MAKER, ship("11:00:00", C1))
    grown = made.told[1].trees.events[0]
    bundle["items"] = [link(A1), link(C1)]
    shown = event(bundle, 1)
    shown["items"] = [shown_item(at, leaf, None, bundle["items"]) for at, leaf in enumerate(grown.items)]
    shown["items_path"] = []
    return policy, bundle


def declared_by_an_older_leaf(name: str) -> Attacked:
    """An error declaration of what was built upon since."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    shipped = made.state.heads[link(A1)][0] or b""
    made.tells(DISTRIBUTOR, receive("12:00:00", A1))
    made.tells(MAKER, mistaken(ship("10:00:00", A1)), plans={0: plan(restored={link(A1): "none"})},
               forge=lie(A1, prev=b64(shipped)))  # fmt: skip
    return proven(made)


def declared_to_another_content(name: str) -> Attacked:
    """An error declaration that puts back what never was."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), ship("10:00:00", C1))
    content = content_over(made, leaf_of(made, 0, A1))
    made.tells(MAKER, mistaken(ship("10:00:00", C1)), plans={0: plan(restored={link(C1): content})})
    return proven(made)


def declared_twice(name: str) -> Attacked:
    """An error declaration of an error declaration."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    for _ in range(2):
        made.tells(MAKER, mistaken(ship("10:00:00", A1)), plans={0: plan(restored={link(A1): "none"})})
    return proven(made, word="in_transit")


def declared_in_part(name: str) -> Attacked:
    """Of a pack put right only the pack's leaf is shown: the case would still hold it."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    restored = {link(epc): "none" for epc in (A1, A2, C1)}
    made.tells(MAKER, mistaken(pack("09:00:00", C1, A1, A2)), plans={0: plan(restored=restored)})
    policy, bundle = proven(made)
    item_left_out(bundle, made, 1, 0, C1)
    return policy, bundle


def declared_another_event(name: str) -> Attacked:
    """The declaration names another eventID than what it reverts."""
    made = chronicle(name)
    named = {"eventID": "urn:uuid:93c8c77f-a277-438d-aa83-b97cfab380e7"}
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1, **named))
    other = {"eventID": "urn:uuid:00000000-a277-438d-aa83-b97cfab380e7"}
    made.tells(MAKER, mistaken(ship("10:00:00", A1, **other)), plans={0: plan(restored={link(A1): "none"})})
    return proven(made)


def never_was(name: str) -> Attacked:
    """Commissioned by mistake, and declared so."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, mistaken(commission("08:00:00", A1)), plans={0: plan(restored={link(A1): "none"})})
    return proven(made, word="unknown")


def with_an_event_more(name: str) -> Attacked:
    """An event of the case, from when the pack was out of it."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), unpack("10:00:00", C1, A1, party=MAKER))
    told = made.tells(MAKER, ship("11:00:00", C1))
    policy, bundle = proven(made)
    leaf = told.trees.events[0].items[0]
    with_hop(bundle, made, Shown(told, 0, [(leaf, None)]))
    return policy, bundle


def seen_and_nothing_raised(name: str) -> Attacked:
    """A leaf that moves nothing, shown for nothing."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    told = made.tells(DISTRIBUTOR, observed(epcList=[A1], bizStep="inspecting", **at("09:00:00", DISTRIBUTOR)),
                      plans={0: plan(seen=[link(A1)])})  # fmt: skip
    return with_seen(made, told)


def seen_by_a_reporter(name: str) -> Attacked:
    """What its actor told before, told by another after it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    told = made.tells(DISTRIBUTOR, commission("08:00:00", A1), told=REPORTED, plans={0: plan(seen=[link(A1)])})
    return with_seen(made, told)


def commissioned_again_and_seen(name: str) -> Attacked:
    """A second commissioning that moves nothing, with another lot to be shown."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    told = made.tells(MAKER, commission("09:00:00", A1, lot="L999"), plans={0: plan(seen=[link(A1)])})
    return with_seen(made, told)


def with_seen(made: Chronicle, told: Any) -> Proven:
    made.introduced.clear()  # whoever tells is known, whatever is shown
    policy, bundle = proven(made)
    with_hop(bundle, made, Shown(told, 0, [(told.trees.events[0].items[0], None)]))
    return policy, bundle


def content_forgotten(name: str) -> Attacked:
    """A pack holds nothing, and nobody can come not to know it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1), forge=lie(A1, content="unknown"))
    return proven(made, word="in_transit")


def content_stated_without_a_connection(name: str) -> Attacked:
    """A device that does not know what is in a case states it."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    content = content_over(made, drawn("another pack"))
    made.tells(MAKER, ship("10:00:00", C1), offline=True, forge=lie(C1, content=content))
    return proven(made, word="in_transit")


def unpacked_from_none(name: str) -> Attacked:
    """What something was taken out of says that it is no container."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER), forge=lie(C1, content="none"))
    return proven(made)


def unpacked_to_no_empty_tree(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    content = [0, b64(drawn("not the empty tree"))]
    made.tells(MAKER, unpack("10:00:00", C1, A1, party=MAKER), forge=lie(C1, content=content))
    return proven(made)


def pallet_that_holds_nothing_at_first_sight(name: str) -> Attacked:
    """Of a pallet that others tell of first nobody knows what is on it."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, ship("10:00:00", PALLET, to=PHARMACY), told=REPORTED, forge=lie(PALLET, content="none"))
    return proven(made, PALLET, word="in_transit")


def packed_while_on_its_pallet(name: str) -> Attacked:
    """Only an outermost container is packed."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    made.tells(MAKER, commission("10:30:00", unit("A9")), pack("11:00:00", C1, unit("A9")))
    return proven(made)


def packed_with_its_case(name: str) -> Attacked:
    """The pack and its case, each with a leaf that moves it onto the pallet."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2), commission("09:30:00", PALLET, lot=None))
    made.tells(MAKER, pack("10:00:00", PALLET, C1, A1))
    return proven(made)


def container_in_a_field_too(name: str) -> Attacked:
    """One container has its leaf, another is named in a field."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))
    told = made.tells(MAKER, pack("09:00:00", C1, A1), forge=with_field("parentID", link(C2)))
    policy, bundle = proven(made)
    leaves = told.trees.events[0].leaves
    last = len(leaves) - 1
    event(bundle, 1)["fields"] = [shown_field(last, leaves[last])]
    event(bundle, 1)["path"] = merkle.multiproof([0, last], [leaf.hash for leaf in leaves])
    return policy, bundle


def container_only_seen(name: str) -> Attacked:
    """Shipped beside it, and listed as what it was in."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    shipped = ship("10:00:00", A1, C2, to=PHARMACY)
    made.tells(PHARMACY, shipped, told=REPORTED)
    vouch(made, MAKER, KEYS[MAKER])
    told = made.tells(MAKER, shipped, plans={0: plan(seen=[link(A1), link(C2)])})
    policy, bundle = proven(made, word="in_transit")
    bundle["items"] = [link(A1), link(C2)]
    shown = event(bundle, 1)
    shown["items"] = [shown_item(at, leaf, None, bundle["items"]) for at, leaf in enumerate(told.trees.events[0].items)]
    shown["items_path"] = []
    return policy, bundle


def seen_beside_what_moves(name: str) -> Attacked:
    """A leaf that moves nothing, in an event that moves the pack."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C2))
    told = made.tells(MAKER, ship("10:00:00", A1, C2), plans={0: plan(seen=[link(C2)])})
    policy, bundle = proven(made, word="in_transit")
    bundle["items"] = [link(A1), link(C2)]
    shown = event(bundle, 1)
    shown["items"] = [shown_item(at, leaf, None, bundle["items"]) for at, leaf in enumerate(told.trees.events[0].items)]
    shown["items_path"] = []
    return policy, bundle


def against_the_clock(name: str) -> Attacked:
    """Two events of one statement, which a device without a connection has not linked: a carrier turns them round."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    looks = [observed(epcList=[A1], bizStep="inspecting", **at(f"09:0{minute}:00")) for minute in (1, 2)]
    made.tells(MAKER, *looks, offline=True)
    policy, bundle = proven(made)
    hops(bundle)[1]["events"].reverse()
    first = event(bundle, 1, 1)["items"][0]
    heads = {link(A1): [b64(item_leaf(first, bundle["items"]).hash), "none"]}
    bundle["status"] = made.status([link(A1)], "held", heads=heads)
    return policy, bundle


def declared_with_another_action(name: str) -> Attacked:
    """The same eventID, and not the same event."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), dispense("10:00:00", A1, party=MAKER))
    other = mistaken(dispense("10:00:00", A1, party=MAKER)) | {"action": "DELETE"}
    made.tells(MAKER, other, plans={0: plan(restored={link(A1): "none"})})
    return proven(made)


def declared_under_a_later_event(name: str) -> Attacked:
    """All was taken out of its case, which gave it no leaf; it was shipped; and then nothing was taken out."""
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    content = made.state.heads[link(C1)][1]
    emptied = unpack("10:00:00", C1, party=MAKER)
    made.tells(MAKER, emptied)
    made.tells(MAKER, observed(epcList=[A1], bizStep="inspecting", **at("11:00:00")))
    made.tells(MAKER, mistaken(emptied), plans={0: plan(restored={link(C1): content})})
    return proven(made)


def segments_swapped(name: str) -> Attacked:
    """The later log first."""
    policy, bundle = on_another_log(name)
    bundle["segments"].reverse()
    return policy, bundle


def only_the_other_log(name: str) -> Attacked:
    policy, bundle = on_another_log(name)
    del bundle["segments"][0]
    return policy, bundle


LINKS: dict[str, Attack] = {
    "first-hop-left-out": left_out((0, 0)),
    "hop-left-out": left_out((1, 0)),
    "receipt-left-out": left_out((2, 0)),
    "pack-left-out": left_out((0, 3)),
    "pack-onto-the-pallet-left-out": left_out((0, 5)),
    "unpack-of-the-case-left-out": left_out((2, 1)),
    "pack-hidden": pack_hidden,
    "unpack-hidden": unpack_hidden,
    "unpacked-and-shown-inside": unpacked_item_shown_inside,
    "place-in-content-forged": place_attack(lambda case: set_in(case["place"], "index", 1 - case["place"]["index"])),
    "place-with-a-spare-hash": place_attack(lambda case: case["place"]["path"].append(drawn("spare"))),
    "place-of-its-neighbour": place_of_its_neighbour,
    "place-left-out": place_attack(lambda case: set_in(case, "place", None)),
    "place-where-none-is-asked-for": file_attack(
        lambda b: set_in(item(b, 0, 1, A1), "place", item(b, 0, 1, C1)["place"])
    ),
    "place-in-a-shipment": file_attack(
        lambda b: set_in(item(b, 1, 0, PALLET), "place", item(b, 0, 2, PALLET)["place"])
    ),
    "events-in-another-order": file_attack(lambda b: shuffled(hops(b)[2]["events"])),
    "stale-ancestor": stale_ancestor,
    "container-swapped": container_swapped,
    "commissioning-twice-to-cut-history": commissioned_twice,
    "predecessor-that-nobody-signed": cut_in_the_middle,
    "fork": fork,
    "fork-of-a-case": fork_of_a_case,
    "unpacked-from-an-older-case": unpacked_from_an_older_case,
    "content-restated-by-a-shipment": content_restated,
    "content-stated-anew": content_stated_anew,
    "packed-and-not-inside": packed_and_not_inside,
    "packed-into-none": packed_into_none,
    "commissioned-with-a-content": pack_commissioned_full,
    "named-with-its-case": named_with_its_case,
    "declared-an-error-after-it-was-built-upon": declared_by_an_older_leaf,
    "declared-an-error-to-another-content": declared_to_another_content,
    "declared-an-error-twice": declared_twice,
    "declared-an-error-in-part": declared_in_part,
    "declared-another-event": declared_another_event,
    "declared-never-to-have-been": never_was,
    "with-an-event-more": with_an_event_more,
    "segments-swapped": segments_swapped,
    "first-segment-left-out": only_the_other_log,
    "item-named-twice-in-an-event": named_twice,
    "unpack-without-its-container": unpack_without_its_container,
    "content-forgotten": content_forgotten,
    "content-stated-without-a-connection": content_stated_without_a_connection,
    "unpacked-from-none": unpacked_from_none,
    "unpacked-to-no-empty-tree": unpacked_to_no_empty_tree,
    "pallet-that-holds-nothing-at-first-sight": pallet_that_holds_nothing_at_first_sight,
    "packed-while-on-its-pallet": packed_while_on_its_pallet,
    "packed-with-its-case": packed_with_its_case,
    "container-in-a-field-too": container_in_a_field_too,
    "container-only-seen": container_only_seen,
    "seen-beside-what-moves": seen_beside_what_moves,
    "events-against-the-clock": against_the_clock,
    "declared-with-another-action": declared_with_another_action,
    "declared-under-a-later-event": declared_under_a_later_event,
}


def licensed(*gtins: str, about: str = MAKER, after: bool = False) -> Attack:
    """A pack of the maker's, with another prefix statement than it needs."""

    def attack(name: str) -> Attacked:
        made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
        vouch(made, MAKER, KEYS[MAKER])

        def grant() -> int:
            return made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=about, gtins=sorted(gtins))

        if gtins and not after:
            grant()
        made.tells(MAKER, commission("08:00:00", A1))
        if after:
            grant()
        return proven(made)

    return attack


def prefix_revoked(name: str) -> Attacked:
    made = Chronicle(name, Log(LOG), OPERATOR, keys=dict(KEYS))
    vouch(made, MAKER, KEYS[MAKER])
    index = made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=MAKER, gtins=["0614141"])
    made.states("revocation", AUTHORITY_GLN, AUTHORITY, about=MAKER, entry=made.log.hashes[index].hex())
    made.tells(MAKER, commission("08:00:00", A1))
    return proven(made)


def commissioned_by_another(name: str) -> Attacked:
    """A distributor gives packs of the maker's serial numbers of its own."""
    made = chronicle(name)
    made.tells(DISTRIBUTOR, commission("08:00:00", A1, party=DISTRIBUTOR))
    return proven(made)


def never_commissioned(name: str) -> Attacked:
    """Its actor's first word is that it was packed."""
    made = chronicle(name)
    made.tells(MAKER, pack("09:00:00", PALLET, A1))
    return proven(made)


def pallet_from_nowhere(name: str) -> Attacked:
    """A pallet that nobody commissioned or packed, shipped as its actor's first word."""
    made = chronicle(name)
    made.tells(MAKER, ship("09:00:00", PALLET))
    return proven(made, PALLET, word="in_transit")


def commissioned_later_by_another(name: str) -> Attacked:
    """What a reporter told of, commissioned afterwards by one who may not."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, ship("10:00:00", A1, to=PHARMACY), told=REPORTED)
    made.tells(DISTRIBUTOR, commission("08:00:00", A1, party=DISTRIBUTOR), plans={0: plan(seen=[link(A1)])})
    return proven(made, word="in_transit")


COMMISSIONING: dict[str, Attack] = {
    "prefix-of-someone-else": licensed("0614141", about=DISTRIBUTOR),
    "prefix-left-out": licensed(),
    "prefix-granted-later": licensed("0614141", after=True),
    "prefix-revoked": prefix_revoked,
    "prefix-of-another-product": licensed("00614141999996"),
    "prefix-of-another-packing-level": licensed("50614141123457"),
    "prefix-that-fits-with-the-indicator-digit": licensed("0061414"),
    "prefix-that-is-longer": licensed("0614141999"),
    "commissioned-by-another": commissioned_by_another,
    "never-commissioned": never_commissioned,
    "pallet-from-nowhere": pallet_from_nowhere,
}


def after_commissioning(party: str, *events: Members, word: str, told: Any = None, parties: tuple[str, ...] = (),
                        **options: Any) -> Attack:  # fmt: skip
    """The maker commissions; then somebody tells what is not theirs to tell, and the node takes it."""

    def attack(name: str) -> Attacked:
        made = chronicle(name, *parties)
        made.tells(MAKER, commission("08:00:00", A1))
        for number, each in enumerate(events):
            made.tells(party, each, told=told and [told[number]], **options)
        return proven(made, word=word)

    return attack


def after_shipping(party: str, *events: Members, word: str, told: Any = None, all_known: bool = False) -> Attack:
    """The same, of a pack on its way to the distributor; whose key is shown even if it says nothing, if `all_known`."""

    def attack(name: str) -> Attacked:
        made = chronicle(name)
        if all_known:
            made.introduced.clear()
        made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
        made.tells(party, *events, told=told)
        return proven(made, word=word)

    return attack


def seen_by(party: str, time: str = "12:00:00") -> Members:
    return observed(epcList=[A1], bizStep="inspecting", **at(time, party))


def with_delegation(about: str, to: str, steps: list[str], *, revoked: bool = False, after: bool = False) -> Attack:
    """An agent's shipment under a delegation that does not cover it."""

    def attack(name: str) -> Attacked:
        made = chronicle(name)

        def delegate() -> None:
            index = made.states("delegation", about, KEYS[about], about=about, to=to, steps=sorted(steps))
            if revoked:
                entry = made.log.hashes[index].hex()
                made.states("revocation", about, KEYS[about], about=about, entry=entry)

        if not after:
            delegate()
        made.tells(MAKER, commission("08:00:00", A1))
        made.tells(DISTRIBUTOR, ship("10:00:00", A1, to=PHARMACY), told=[["agent", MAKER]])
        if after:
            delegate()
        return proven(made, word="in_transit")

    return attack


def packed_by_who_may_look(name: str) -> Attacked:
    """What is added to a container is packed, whatever its agent calls that."""
    made = chronicle(name)
    made.states("delegation", MAKER, KEYS[MAKER], about=MAKER, to=DISTRIBUTOR, steps=["inspecting"])
    made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1))
    made.tells(DISTRIBUTOR, pack("09:00:00", C1, A1) | {"bizStep": "inspecting"}, told=[["agent", MAKER]])
    return proven(made)


def acted_for_after_the_party_took_it_back(name: str) -> Attacked:
    """An authority made it the agent; the party for which it acts has ended that."""
    made = chronicle(name)
    index = made.states("delegation", AUTHORITY_GLN, AUTHORITY, about=MAKER, to=DISTRIBUTOR, steps=["shipping"])
    made.states("revocation", MAKER, KEYS[MAKER], about=MAKER, entry=made.log.hashes[index].hex())
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(DISTRIBUTOR, ship("10:00:00", A1, to=PHARMACY), told=[["agent", MAKER]])
    return proven(made, word="in_transit")


def declared_by_another(name: str) -> Attacked:
    """The receiver declares its sender's shipment an error."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, mistaken(ship("10:00:00", A1)), told=REPORTED, plans={0: plan(restored={link(A1): "none"})})
    return proven(made)


def declared_by_another_as_its_own(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, mistaken(ship("10:00:00", A1)), plans={0: plan(restored={link(A1): "none"})})
    return proven(made)


def shipped_by_a_stranger_and_taken_back(name: str) -> Attacked:
    """What was not theirs to tell is not theirs to take back either."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(DISTRIBUTOR, SHIPPED_ON)
    made.tells(DISTRIBUTOR, mistaken(SHIPPED_ON), plans={0: plan(restored={link(A1): "none"})})
    return proven(made)


def unpacked_by_a_stranger(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, *case_of(A1, A2))
    made.tells(PHARMACY, unpack("10:00:00", C1, A1, party=PHARMACY))
    return proven(made)


def packed_by_a_stranger(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(PHARMACY, pack("10:00:00", OTHER_PALLET, A1, party=PHARMACY))
    return proven(made)


def intake_for_a_signer(name: str) -> Attacked:
    """The node itself moves an item away from a party that signs."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(OPERATOR, ship("10:00:00", A1), told=[["intake", MAKER]], key=made.log.node)
    return proven(made, word="in_transit")


def actor_by_the_node(name: str) -> Attacked:
    """The node's key speaks as intake, and as nothing else."""
    made = chronicle(name)
    made.states("prefix", AUTHORITY_GLN, AUTHORITY, about=OPERATOR, gtins=["0614141"])
    made.tells(OPERATOR, commission("08:00:00", A1), key=made.log.node)
    return proven(made)


def intake_by_a_party(name: str) -> Attacked:
    made = chronicle(name, DISTRIBUTOR)
    made.tells(DISTRIBUTOR, commission("08:00:00", A1), told=[["intake", MAKER]])
    return proven(made)


def reporter_of_its_own_act(name: str) -> Attacked:
    """What is one's own act one signs as one's own: amber is not for hiding behind."""
    made = chronicle(name, DISTRIBUTOR)
    made.tells(DISTRIBUTOR, commission("08:00:00", A1), told=[["reporter", DISTRIBUTOR]])
    return proven(made)


def handed(party: str, kind: str = "possessing_party") -> list[Members]:
    return [{"type": kind, "destination": PLACE[party]}]


def without_destination(event: Members) -> Members:
    return {name: value for name, value in event.items() if name != "destinationList"}


def shipped_to_nobody_and_taken(name: str) -> Attacked:
    """Whoever comes first would have it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), without_destination(ship("10:00:00", A1)))
    taken = without_destination(receive("12:00:00", A1, party=PHARMACY))
    made.tells(PHARMACY, {name: value for name, value in taken.items() if name != "sourceList"})
    return proven(made)


def commissioned_by_a_reporter_again(name: str) -> Attacked:
    """Of a party without a key here; and what begins nothing is no beginning."""
    made = chronicle(name, DISTRIBUTOR, PHARMACY)
    made.tells(PHARMACY, commission("08:00:00", A1), told=REPORTED)
    first = made.state.heads[link(A1)][0] or b""
    made.tells(PHARMACY, commission("09:00:00", A1), told=REPORTED, forge=lie(A1, prev=b64(first)))
    return proven(made)


def source(party: str) -> list[Members]:
    return [{"type": "possessing_party", "source": PLACE[party]}]


def called_off_by_whoever_operates_the_place(name: str) -> Attacked:
    """It was sent to a place, and to its operator: that makes nobody its sender."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    made.tells(MAKER, ship("10:00:00", A1) | by_place(MAKER, PHARMACY))
    made.tells(PHARMACY, call_off("12:00:00", A1, party=PHARMACY) | by_place(PHARMACY, PHARMACY))
    return proven(made)


def called_off_after_its_receipt(name: str) -> Attacked:
    """What has arrived is its receiver's to send back."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, receive("12:00:00", A1))
    made.tells(MAKER, call_off("13:00:00", A1))
    return proven(made)


def called_off_by_a_reporter_for_another(name: str) -> Attacked:
    """Neither of them has a key here; but only one of them has sent it."""
    made = chronicle(name, PHARMACY)
    made.tells(PHARMACY, commission("08:00:00", A1), ship("10:00:00", A1, to=PHARMACY), told=REPORTED * 2)
    called = call_off("12:00:00", A1, party=DISTRIBUTOR, to=PHARMACY)
    made.tells(PHARMACY, called, told=[["reporter", DISTRIBUTOR]])
    return proven(made)


def received_after_it_was_called_off(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1), call_off("11:00:00", A1))
    made.tells(DISTRIBUTOR, receive("12:00:00", A1))
    return proven(made)


def taken_back_after_its_receipt(name: str) -> Attacked:
    """What nobody has sent back cannot be taken back."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    made.tells(DISTRIBUTOR, receive("12:00:00", A1))
    made.tells(MAKER, take_back("13:00:00", A1))
    return proven(made)


def ended(event: Members, **options: Any) -> Attack:
    """A node that says something else of how its life ended."""

    def attack(name: str) -> Attacked:
        made = chronicle(name)
        made.tells(MAKER, commission("08:00:00", A1), event)
        return proven(made, **options)

    return attack


SHIPPED_ON = ship("13:00:00", A1, party=DISTRIBUTOR, to=PHARMACY)


HANDOFFS: dict[str, Attack] = {
    "ship-by-non-holder": after_commissioning(DISTRIBUTOR, SHIPPED_ON, word="in_transit"),
    "ship-by-non-holder-and-taken-back": shipped_by_a_stranger_and_taken_back,
    "ship-in-the-name-of-the-holder": after_commissioning(DISTRIBUTOR, ship("10:00:00", A1), word="in_transit"),
    "receive-by-non-consignee": after_shipping(PHARMACY, receive("12:00:00", A1, party=PHARMACY), word="held"),
    "receive-in-the-name-of-the-consignee": after_shipping(PHARMACY, receive("12:00:00", A1), word="held"),
    "receive-of-what-was-not-shipped": after_commissioning(DISTRIBUTOR, receive("12:00:00", A1), word="held"),
    "receive-for-another": after_shipping(
        DISTRIBUTOR, receive("12:00:00", A1) | {"destinationList": handed(PHARMACY)}, word="held"
    ),
    "receive-for-another-owner": after_shipping(
        DISTRIBUTOR, receive("12:00:00", A1) | {"destinationList": handed(PHARMACY, "owning_party")}, word="held"
    ),
    "shipped-to-nobody": after_commissioning(MAKER, without_destination(ship("10:00:00", A1)), word="in_transit"),
    "shipped-to-nobody-and-taken-by-anybody": shipped_to_nobody_and_taken,
    "shipped-to-what-is-no-party": after_commissioning(
        MAKER,
        ship("10:00:00", A1) | {"destinationList": [{"type": "location", "destination": "https://example.org/7"}]},
        word="in_transit",
    ),
    "shipped-to-a-kind-of-party-that-nobody-knows": after_commissioning(
        MAKER, ship("10:00:00", A1) | {"destinationList": handed(PHARMACY, "urn:x:friend")}, word="in_transit"
    ),
    "shipped-twice": after_shipping(MAKER, ship("11:00:00", A1, to=PHARMACY), word="in_transit"),
    "received-twice": after_shipping(DISTRIBUTOR, receive("12:00:00", A1), receive("13:00:00", A1), word="held"),
    "shipped-on-by-non-consignee": after_shipping(
        PHARMACY, ship("12:00:00", A1, party=PHARMACY, to=DISTRIBUTOR), word="in_transit"
    ),
    "dispensed-by-non-holder": after_commissioning(PHARMACY, dispense("12:00:00", A1), word="dispensed"),
    "dispensed-on-the-way-by-non-consignee": after_shipping(PHARMACY, dispense("12:00:00", A1), word="dispensed"),
    "dispensed-twice": after_commissioning(
        MAKER, dispense("12:00:00", A1, party=MAKER), dispense("13:00:00", A1, party=MAKER), word="dispensed"
    ),
    "shipped-after-dispensing": after_commissioning(
        MAKER, dispense("12:00:00", A1, party=MAKER), ship("13:00:00", A1), word="in_transit"
    ),
    "seen-by-non-holder": after_commissioning(PHARMACY, seen_by(PHARMACY), word="held"),
    "seen-on-the-way-by-a-stranger": after_shipping(PHARMACY, seen_by(PHARMACY), word="in_transit"),
    "unpacked-by-a-stranger": unpacked_by_a_stranger,
    "packed-by-a-stranger": packed_by_a_stranger,
    "a-step-that-nobody-knows": after_commissioning(
        MAKER, observed(epcList=[A1], action="ADD", bizStep="inspecting", **at("12:00:00")), word="held"
    ),
    "killed-and-still-held": after_commissioning(
        MAKER, observed(epcList=[A1], bizStep="killing", **at("12:00:00")), word="held"
    ),
    "reporter-calls-itself-actor": after_commissioning(
        DISTRIBUTOR, ship("10:00:00", A1, to=PHARMACY), word="in_transit"
    ),
    "reporter-moves-what-a-signer-holds": after_commissioning(
        DISTRIBUTOR, ship("10:00:00", A1), told=REPORTED, word="in_transit"
    ),
    "reporter-receives-for-a-consignee": after_shipping(
        PHARMACY, receive("12:00:00", A1), told=[["reporter", DISTRIBUTOR]], word="held"
    ),
    "reporter-dispenses-for-a-consignee": after_shipping(
        PHARMACY,
        dispense("12:00:00", A1, party=DISTRIBUTOR),
        told=[["reporter", DISTRIBUTOR]],
        word="dispensed",
        all_known=True,
    ),
    "reporter-ships-on-for-a-consignee": after_shipping(
        PHARMACY, SHIPPED_ON, told=[["reporter", DISTRIBUTOR]], word="in_transit", all_known=True
    ),
    "reporter-dispenses-on-the-way": after_shipping(
        PHARMACY, dispense("12:00:00", A1), told=[["reporter", "9521987000001"]], word="dispensed"
    ),
    "reporter-commissions-again": commissioned_by_a_reporter_again,
    "reporter-after-dispensing": after_commissioning(
        MAKER,
        dispense("12:00:00", A1, party=MAKER),
        ship("13:00:00", A1, party=PHARMACY, to=DISTRIBUTOR),
        told=[["actor", None], ["reporter", PHARMACY]],
        word="in_transit",
    ),
    "reporter-for-another-than-the-source": after_commissioning(
        DISTRIBUTOR, ship("10:00:00", A1, party=PHARMACY, to=DISTRIBUTOR), told=REPORTED, word="in_transit"
    ),
    "intake-for-a-signer": intake_for_a_signer,
    "agent-without-a-delegation": after_commissioning(
        DISTRIBUTOR, ship("10:00:00", A1, to=PHARMACY), told=[["agent", MAKER]], word="in_transit"
    ),
    "delegation-for-looking-used-to-pack": packed_by_who_may_look,
    "delegation-by-an-authority-taken-back-by-its-party": acted_for_after_the_party_took_it_back,
    "delegation-for-other-steps": with_delegation(MAKER, DISTRIBUTOR, ["commissioning", "packing"]),
    "delegation-to-another-agent": with_delegation(MAKER, PHARMACY, ["shipping"]),
    "delegation-of-another-party": with_delegation(PHARMACY, DISTRIBUTOR, ["shipping"]),
    "delegation-revoked": with_delegation(MAKER, DISTRIBUTOR, ["shipping"], revoked=True),
    "delegation-after-the-act": with_delegation(MAKER, DISTRIBUTOR, ["shipping"], after=True),
    "error-declared-by-a-reporter": declared_by_another,
    "error-declared-by-another-party": declared_by_another_as_its_own,
    "actor-for-another": forged(core_of(**{"for": DISTRIBUTOR}), word="in_transit"),
    "reporter-for-nobody": forged(core_of(**{"as": "reporter"}), word="in_transit"),
    "seen-and-nothing-raised": seen_and_nothing_raised,
    "commissioned-again-and-only-seen": commissioned_again_and_seen,
    "seen-by-a-reporter": seen_by_a_reporter,
    "commissioned-later-by-another": commissioned_later_by_another,
    "actor-by-the-node": actor_by_the_node,
    "intake-by-a-party": intake_by_a_party,
    "reporter-of-its-own-act": reporter_of_its_own_act,
    "called-off-by-its-consignee": after_shipping(
        DISTRIBUTOR, call_off("12:00:00", A1, party=DISTRIBUTOR, to=PHARMACY), word="held"
    ),
    "called-off-by-a-stranger": after_shipping(PHARMACY, call_off("12:00:00", A1, party=PHARMACY), word="held"),
    "called-off-in-the-name-of-its-sender": after_shipping(PHARMACY, call_off("12:00:00", A1), word="held"),
    "called-off-for-another-source": after_shipping(
        MAKER, call_off("12:00:00", A1) | {"sourceList": source(PHARMACY)}, word="held"
    ),
    "called-off-by-whoever-operates-the-place": called_off_by_whoever_operates_the_place,
    "called-off-and-never-shipped": after_commissioning(MAKER, call_off("12:00:00", A1), word="held"),
    "called-off-twice": after_shipping(MAKER, call_off("12:00:00", A1), call_off("13:00:00", A1), word="held"),
    "called-off-after-its-receipt": called_off_after_its_receipt,
    "called-off-by-deleting-it": after_shipping(MAKER, call_off("12:00:00", A1) | {"action": "DELETE"}, word="held"),
    "reporter-calls-off-what-a-signer-sent": after_shipping(
        DISTRIBUTOR, call_off("12:00:00", A1), told=REPORTED, word="held"
    ),
    "reporter-calls-off-for-who-did-not-send-it": called_off_by_a_reporter_for_another,
    "received-by-its-sender": after_shipping(MAKER, receive("12:00:00", A1, party=MAKER), word="held"),
    "received-by-whoever-was-to-have-what-was-called-off": received_after_it_was_called_off,
    "taken-back-by-a-third-party": after_shipping(PHARMACY, take_back("12:00:00", A1, party=PHARMACY), word="held"),
    "taken-back-for-another": after_shipping(
        MAKER, take_back("12:00:00", A1) | {"destinationList": handed(PHARMACY)}, word="held"
    ),
    "taken-back-and-never-shipped": after_commissioning(MAKER, take_back("12:00:00", A1), word="held"),
    "taken-back-after-its-receipt": taken_back_after_its_receipt,
    "reporter-takes-back-what-a-signer-sent": after_shipping(
        DISTRIBUTOR, take_back("12:00:00", A1), told=REPORTED, word="held"
    ),
    "shipped-after-it-was-destroyed": after_commissioning(
        MAKER, destroy("12:00:00", A1), ship("13:00:00", A1), word="in_transit"
    ),
    "dispensed-after-it-was-exported": after_commissioning(
        MAKER, export("12:00:00", A1), dispense("13:00:00", A1, party=MAKER), word="dispensed"
    ),
    "destroyed-by-non-holder": after_commissioning(PHARMACY, destroy("12:00:00", A1, party=PHARMACY), word="destroyed"),
    "exported-on-the-way-by-its-sender": after_shipping(MAKER, export("12:00:00", A1), word="exported"),
    "reporter-destroys-what-a-signer-holds": after_commissioning(
        DISTRIBUTOR, destroy("12:00:00", A1), told=REPORTED, word="destroyed"
    ),
    "sold-over-the-counter-by-non-holder": after_commissioning(
        PHARMACY, observed(epcList=[A1], bizStep="retail_selling", **at("12:00:00", PHARMACY)), word="dispensed"
    ),
}


def status_attack(**members: Any) -> Attack:
    """The node signs something else than the history says."""
    return lambda name: proven(at_the_distributor(), **members)


def resigned_status(key: Callable[[Chronicle], Key], **members: Any) -> Attack:
    def attack(name: str) -> Attacked:
        made = at_the_distributor()
        policy, bundle = proven(made)
        payload = json.loads(statement.cbor2.loads(bundle["status"]).value[2]) | members
        bundle["status"] = made.signed_status(payload, key(made))
        return policy, bundle

    return attack


def status_of_an_older_head(name: str) -> Attacked:
    """What the node said before the last hop."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    old = made.status([link(A1)], "held")
    made.tells(MAKER, ship("10:00:00", A1))
    policy, bundle = proven(made)
    bundle["status"] = old
    return policy, bundle


def last_hop_left_out(name: str) -> Attacked:
    """A carrier hides the last event; the node's word tells."""
    made = to_the_patient(name)
    policy, bundle = proven(made, word="dispensed", hide=hidden((4, 1)))
    return policy, bundle


def last_hop_left_out_and_called_held(name: str) -> Attacked:
    """The node would have to lie about the head, too; here it lies about the word alone."""
    made = to_the_patient(name)
    return proven(made, word="held", hide=hidden((4, 1)))


def history_cut(name: str) -> Attacked:
    """Commissioned twice, and only the second time shown; the node's honest word names the head of the first."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1), ship("10:00:00", A1))
    heads = {link(A1): head_text(made, A1)}
    made.told.clear()
    made.tells(MAKER, commission("11:00:00", A1))
    return proven(made, heads=heads)


def container_forgotten(name: str) -> Attacked:
    """On a pallet by its history, and by the status in its case alone."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    policy, bundle = proven(made)
    bundle["status"] = made.status([link(A1), link(C1)], "held")
    return policy, bundle


def container_added(name: str) -> Attacked:
    made = at_the_distributor()
    policy, bundle = proven(made)
    bundle["status"] = made.status([link(A1), link(C1)], "held")
    return policy, bundle


def container_content_newer(name: str) -> Attacked:
    """The case has another content by the status than by its last leaf."""
    made = chronicle(name)
    made.tells(MAKER, *to_pallet())
    policy, bundle = proven(made)
    heads = {link(epc): head_text(made, epc) for epc in (A1, C1, PALLET)}
    heads[link(C1)][1] = content_over(made, drawn("another pack"))
    bundle["status"] = made.status([link(A1), link(C1), link(PALLET)], "held", heads=heads)
    return policy, bundle


def revocation_hidden(name: str) -> Attacked:
    """A carrier leaves the revocation out; the node's word names it."""
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    index = revoke(made, MAKER, KEYS[MAKER], compromised="2026-01-01T00:00:00Z")
    made.relied[LOG].remove(index)
    return proven(made, keys=[[b64(KEYS[MAKER].kid), "revoked"]])


def revocation_denied(name: str) -> Attacked:
    made = chronicle(name)
    made.tells(MAKER, commission("08:00:00", A1))
    revoke(made, MAKER, KEYS[MAKER])
    return proven(made, keys=[[b64(KEYS[MAKER].kid), "valid"]])


def revocation_denied_for_one_of_two(name: str) -> Attacked:
    """One key of two parties that both signed, and revoked for one of them."""
    policy, bundle = one_key_of_two_parties_revoked_for_one(name)
    payload = json.loads(statement.cbor2.loads(bundle["status"]).value[2])
    bundle["status"] = chronicle(name).signed_status(payload | {"keys": [[b64(KEYS[MAKER].kid), "valid"]]})
    return policy, bundle


def status_signature_flipped(bundle: Members) -> None:
    bundle["status"] = bundle["status"][:-1] + bytes([bundle["status"][-1] ^ 1])


def status_of_another_kind(name: str) -> Attacked:
    """The node's promise in the place of its status."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    payload = {"v": 1, "log": LOG, "entry": b64(drawn("entry")), "number": 1, "accepted": made.time,
               "integrate-by": made.time}  # fmt: skip
    head = statement.protected("promise", made.log.node, OPERATOR, link(A1))
    bundle["status"] = statement.sign(head, encode(payload), made.log.node)
    return policy, bundle


def status_with_a_fraction(name: str) -> Attacked:
    """RFC 8785 writes 1, and a careless reader takes 1.0 for the same."""
    made = at_the_distributor()
    policy, bundle = proven(made)
    payload = statement.cbor2.loads(bundle["status"]).value[2].replace(b'"rules":1,', b'"rules":1.0,')
    head = statement.protected("status", made.log.node, OPERATOR, link(A1))
    bundle["status"] = statement.sign(head, payload, made.log.node)
    return policy, bundle


def status_for_another_subject(name: str) -> Attacked:
    made = at_the_distributor()
    policy, bundle = proven(made)
    payload = statement.cbor2.loads(bundle["status"]).value[2]
    head = statement.protected("status", made.log.node, OPERATOR, link(A2))
    bundle["status"] = statement.sign(head, payload, made.log.node)
    return policy, bundle


def policy_without_the_node(name: str) -> Attacked:
    policy, bundle = base()
    return policy | {"nodes": []}, bundle


def node_of_another_log(name: str) -> Attacked:
    """The node's key, in the policy for another log only."""
    policy, bundle = base()
    return policy | {"nodes": [policy["nodes"][0] | {"origin": "other.example/log"}]}, bundle


def status_by_the_first_log(name: str) -> Attacked:
    """Of two segments the last one's node speaks."""
    policy, bundle = on_another_log(name)
    payload = json.loads(statement.cbor2.loads(bundle["status"]).value[2])
    made = Chronicle(name, Log(LOG), OPERATOR)
    bundle["status"] = made.signed_status(payload | {"log": LOG})
    return policy, bundle


STATUS: dict[str, Attack] = {
    "status-of-an-older-head": status_of_an_older_head,
    "status-by-another-node": resigned_status(lambda made: STRANGER),
    "status-by-the-log-key": resigned_status(lambda made: made.log.key),
    "status-by-a-party": resigned_status(lambda made: KEYS[DISTRIBUTOR]),
    "status-by-the-node-of-the-first-log": status_by_the_first_log,
    "status-signature-flipped": file_attack(status_signature_flipped),
    "status-of-another-kind": status_of_another_kind,
    "status-for-another-subject": status_for_another_subject,
    "policy-without-the-node": policy_without_the_node,
    "node-of-another-log": node_of_another_log,
    "last-hop-left-out": last_hop_left_out,
    "last-hop-left-out-and-called-held": last_hop_left_out_and_called_held,
    "history-cut": history_cut,
    "status-of-another-item": resigned_status(lambda made: made.log.node, epc=link(A2)),
    "status-of-another-log": status_attack(log="other.example/log"),
    "status-of-another-tree": status_attack(root=b64(drawn("root"))),
    "status-word-of-another-history": status_attack(word="in_transit"),
    "status-word-dispensed": status_attack(word="dispensed"),
    "status-word-unknown": status_attack(word="unknown"),
    "status-outermost-elsewhere": status_attack(outermost=link(C1)),
    "status-without-heads": status_attack(heads={}),
    "status-container-forgotten": container_forgotten,
    "status-container-added": container_added,
    "status-content-of-another-history": container_content_newer,
    "status-without-the-keys": status_attack(keys=[]),
    "status-with-a-member-more": status_attack(more="x"),
    "status-of-another-version": status_attack(v=2),
    "status-with-a-fraction": status_with_a_fraction,
    "status-holds-not-a-list": status_attack(holds="recall"),
    "status-holds-null": status_attack(holds=None),
    "status-holds-out-of-order": status_attack(holds=["suspect", "recall"]),
    "status-holds-repeated": status_attack(holds=["recall", "recall"]),
    "status-holds-with-an-empty-word": status_attack(holds=["", "recall"]),
    "status-holds-with-no-word": status_attack(holds=[["recall"]]),
    "destroyed-and-called-held": ended(destroy("12:00:00", A1), word="held"),
    "exported-and-called-destroyed": ended(export("12:00:00", A1), word="destroyed"),
    "exported-and-called-passed-on": ended(export("12:00:00", A1), word="passed_on"),
    "called-off-and-called-in-transit": after_shipping(MAKER, call_off("12:00:00", A1), word="in_transit"),
    "revocation-hidden": revocation_hidden,
    "revocation-denied": revocation_denied,
    "revocation-denied-for-one-of-two": revocation_denied_for_one_of_two,
}
