"""The refused cases of `tests/vectors/bundle/oracle.json`: one attack each, with the step that has to refuse it.

Whoever attacks has done all that is in their power: a party that lies has signed its lie with its own key, and the log
has it; an operator that lies has signed checkpoint and status again. A mere carrier can only move bytes about.
"""

from base64 import b64encode

from . import bundle_check
from .bundle import encoded
from .bundle_attacks_file import CHECKPOINT, ENTRIES, EVENTS, FILE, LEAVES, RIGHTS, STATEMENTS, unknown_log
from .bundle_attacks_story import COMMISSIONING, HANDOFFS, LINKS, STATUS
from .bundle_forging import Attack, base
from .bundle_governed import GOVERNED, GOVERNED_CHECKPOINT, GOVERNED_STATEMENTS
from .canonical import Members

ATTACKS: dict[int, dict[str, Attack]] = {
    1: FILE,
    2: {"unknown-log": unknown_log},
    3: CHECKPOINT | GOVERNED_CHECKPOINT,
    4: ENTRIES,
    5: RIGHTS | GOVERNED,
    6: STATEMENTS | GOVERNED_STATEMENTS,
    7: EVENTS,
    8: LEAVES,
    9: LINKS,
    10: COMMISSIONING,
    11: HANDOFFS,
    12: STATUS,
}


def refused() -> list[Members]:
    return [case(name, step, attack) for step, attacks in ATTACKS.items() for name, attack in attacks.items()]


def case(name: str, step: int, attack: Attack) -> Members:
    policy, bundle = attack(name)
    data = bundle if isinstance(bundle, bytes) else encoded(bundle)
    try:
        bundle_check.check(data, policy)
    except bundle_check.NotProven as refused:
        if refused.step != step:
            raise
    else:
        raise AssertionError(f"{name}: holds")
    return {"name": name, "step": step, "policy": policy, **damage(data)}


def damage(data: bytes) -> Members:
    """What a carrier does is shown as what it is: other bytes in the middle of the good case `carried`."""
    good = encoded(base()[1])
    start = common(good, data)
    end = common(good[start:][::-1], data[start:][::-1])
    middle = data[start : len(data) - end]
    if len(middle) > len(data) / 2:
        return {"bundle": b64encode(data).decode()}
    return {"of": "carried", "first": start, "then": b64encode(middle).decode(), "last": end}


def common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
