"""What to believe if one believes this node: its log, its word, and the authorities it takes keys from."""

from django.conf import settings

from ledger import anchoring
from ledger.keys import log_signer, node_key, witnesses

from . import authorities, governing
from .policy import Node, Policy, Timestamping
from .rules import without_log_lines


def own_policy(at: int | None = None) -> Policy:
    """For `unitproof verify`, to start from: whoever has reasons of their own writes down those.

    It asks for the witnesses that the node itself waits for; for none where there are none. With `at`, for those of the
    rules in force at that index of the log: a verdict of then can be replayed. Who accredits at which index, a log with
    governors says itself, from those on with whom its rules began.
    """
    tlog = _witnesses() if at is None else governing.at(at).tlog
    return Policy(
        f"log {log_signer().verifier}\n{tlog}",
        tuple(authorities.load(settings.AUTHORITIES)),
        (Node(settings.LOG_ORIGIN, node_key().public),),
        authorities.Governors.load(settings.GOVERNORS),
        tuple(Timestamping(each.name, each.certificate) for each in anchoring.authorities()),
    )


def _witnesses() -> str:
    """The lines of the node's own file about them (c2sp.org/tlog-policy)."""
    if witnesses() is None:
        return "quorum none\n"
    return without_log_lines(settings.WITNESSES.read_text())
