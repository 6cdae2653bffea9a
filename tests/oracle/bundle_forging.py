"""What attackers on bundles have in common: a good bundle to damage, and lies to be signed."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from . import merkle, statement, tree
from .bundle import Chronicle, Shown, drawn, hop, prove, reforged
from .bundle_cases import Proven, at_the_distributor, carried, chronicle, proven
from .canonical import Members, encode
from .statement import ED25519, Key
from .tree import Leaf, b64
from .tree_cases import A1, C1, C2, MAKER, commission, link, ship

Attacked = tuple[Members, Members | bytes]  # policy; the bundle with its parts named, or as bytes


Attack = Callable[[str], Attacked]


STRANGER = Key(ED25519, drawn("key", "stranger"))


good = cache(carried)


def base() -> Proven:
    """What most carriers attack: a copy to damage."""
    return copy.deepcopy(good("carried"))


def segment(bundle: Members) -> Members:
    found: Members = bundle["segments"][0]
    return found


def hops(bundle: Members) -> list[Members]:
    found: list[Members] = segment(bundle)["hops"]
    return found


def event(bundle: Members, hop: int, place: int = 0) -> Members:
    found: Members = hops(bundle)[hop]["events"][place]
    return found


def item(bundle: Members, hop: int, place: int, epc: str) -> Members:
    number = bundle["items"].index(link(epc))
    found: Members = next(each for each in event(bundle, hop, place)["items"] if each["epc"] == number)
    return found


def edited(text: str, **members: Any) -> str:
    """RFC 8785 JSON with other members; None takes one out."""
    said = json.loads(text) | members
    return encode({name: value for name, value in said.items() if value is not None}).decode()


def file_attack(change: Callable[[Members], Any]) -> Attack:
    """A carrier's change to the file."""

    def attack(name: str) -> Attacked:
        policy, bundle = base()
        return policy, change(bundle) or bundle

    return attack


def set_in(members: Any, name: Any, value: Any) -> None:
    members[name] = value


def shuffled(listed: list[Any]) -> None:
    listed[0], listed[1] = listed[1], listed[0]


def logged(name: str, change: Callable[[Chronicle, Members, str], bytes]) -> Attacked:
    """A submission in another envelope than FORMATS 5 has, logged nevertheless."""
    made = chronicle(name)
    told = made.tells(MAKER, commission("08:00:00", A1))
    salt, data = made.log.entries[told.index]
    payload = json.loads(statement.cbor2.loads(data).value[2])
    forged = change(made, payload, payload["submission"])
    made.log.entries[told.index] = (salt, forged)
    made.log.hashes[told.index] = statement.entry(salt, forged)
    return proven(made)


def leaves_of(change: Callable[[list[Leaf]], list[Leaf]]) -> Callable[[tree.Tree], tree.Tree]:
    return lambda trees: reforged(trees, 0, leaves=change)


def items_of(change: Callable[[list[Leaf]], list[Leaf]]) -> Callable[[tree.Tree], tree.Tree]:
    return lambda trees: reforged(trees, 0, items=change)


def core_of(**members: Any) -> Callable[[tree.Tree], tree.Tree]:
    """The first event under another core."""

    def change(leaves: list[Leaf]) -> list[Leaf]:
        core = leaves[0].members[2] | members
        core = {name: value for name, value in core.items() if value is not None}
        return [Leaf(["c", leaves[0].members[1], core]), *leaves[1:]]

    return leaves_of(change)


def with_field(name: str, value: Any) -> Callable[[tree.Tree], tree.Tree]:
    """A field more, at the end."""
    return leaves_of(lambda leaves: [*leaves, Leaf(["f", b64(drawn(name)[:16]), name, value])])


def hidden(*which: tuple[int, int]) -> Callable[[Shown], bool]:
    """Events by submission, counted from 0, and position."""
    indexes: list[Any] = []

    def hide(shown: Shown) -> bool:
        if shown.told not in indexes:
            indexes.append(shown.told)
        return (indexes.index(shown.told), shown.position) in which

    return hide


def left_out(*which: tuple[int, int]) -> Attack:
    """A carrier leaves events out, and proves the rest again."""
    return lambda name: proven(at_the_distributor(name), hide=hidden(*which))


def item_left_out(bundle: Members, made: Chronicle, hop: int, place: int, epc: str) -> None:
    """One leaf less, with the proof that goes with it."""
    told = made.told[hop]
    shown = event(bundle, hop, place)
    number = bundle["items"].index(link(epc))
    shown["items"] = [each for each in shown["items"] if each["epc"] != number]
    leaves = [leaf.hash for leaf in told.trees.events[shown["position"]].items]
    shown["items_path"] = merkle.multiproof([each["index"] for each in shown["items"]], leaves)


def with_hop(bundle: Members, made: Chronicle, shown: Shown) -> None:
    """One hop more, proven."""
    hops(bundle).append(hop(shown.told, [shown], bundle["items"], False))
    prove(segment(bundle), made.log)


def head_text(made: Chronicle, epc: str) -> list[Any]:
    leaf, content = made.state.heads[link(epc)]
    return [leaf and b64(leaf), content]


def leaf_of(made: Chronicle, told: int, epc: str) -> bytes:
    """The item's last leaf in one submission."""
    trees = made.told[told].trees
    found = [leaf.hash for index in trees.order for leaf in trees.events[index].items if leaf.members[2] == link(epc)]
    return found[-1]


def content_over(made: Chronicle, *leaves: bytes) -> list[Any]:
    """A content that a liar states."""
    listed = sorted(leaves)
    stated = tree.rooted(listed)
    made.state.archive[stated[1]] = listed
    return stated


def restated(leaves: list[Leaf], epc: str, **members: Any) -> list[Leaf]:
    """One item's leaf with another kind, content or prev."""
    names = {"kind": 0, "content": 3, "prev": 4}

    def one(leaf: Leaf) -> Leaf:
        if leaf.members[2] != link(epc):
            return leaf
        parts = list(leaf.members)
        for name, value in members.items():
            parts[names[name]] = value
        return Leaf(parts)

    return [one(leaf) for leaf in leaves]


def lie(epc: str, **members: Any) -> Callable[[tree.Tree], tree.Tree]:
    return items_of(lambda leaves: restated(leaves, epc, **members))


def forged(change: Callable[[tree.Tree], tree.Tree], *events: Members, party: str = MAKER, word: str = "held",
           **options: Any) -> Attack:  # fmt: skip
    """The maker commissions as it should; then a party that lies signs what `change` makes of its event."""

    def attack(name: str) -> Attacked:
        made = chronicle(name)
        made.tells(MAKER, commission("08:00:00", A1), commission("08:10:00", C1, C2))
        made.tells(party, *(events or [ship("10:00:00", A1)]), forge=change, **options)
        return proven(made, word=word)

    return attack
