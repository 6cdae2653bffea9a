"""What to believe if one believes this node: its log, its word, and the authorities it takes keys from."""

from django.conf import settings

from ledger import anchoring
from ledger.keys import log_signer, node_key, witnesses

from . import authorities, governing
from .policy import Node, Policy, Timestamping
from .rules import public_key, without_log_lines
from .statements import NamedKey


def own_policy(at: int | None = None) -> Policy:
    """For `unitproof verify`, to start from: whoever has reasons of their own writes down those.

    It asks for the witnesses that the node itself waits for; for none where there are none. With `at`, by the rules in
    force at that index of the log: a verdict of then can be replayed.
    """
    in_force = None if at is None else governing.at(at)
    return Policy(
        f"log {log_signer().verifier}\n{in_force.tlog if in_force else _witnesses()}",
        tuple(map(_authority, in_force.authorities)) if in_force else tuple(authorities.load(settings.AUTHORITIES)),
        (Node(settings.LOG_ORIGIN, node_key().public),),
        None if in_force else authorities.Governors.load(settings.GOVERNORS),
        tuple(Timestamping(each.name, each.certificate) for each in anchoring.authorities()),
    )


def _authority(key: NamedKey) -> authorities.Authority:
    return authorities.Authority(key.gln, public_key(key))


def _witnesses() -> str:
    """The lines of the node's own file about them (c2sp.org/tlog-policy)."""
    if witnesses() is None:
        return "quorum none\n"
    return without_log_lines(settings.WITNESSES.read_text())
