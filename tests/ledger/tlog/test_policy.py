"""Policies: read strictly, and satisfied by a log's checkpoint with enough cosignatures alone."""

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.tlog.checkpoint import Checkpoint, Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.errors import BadSignature, MalformedCheckpoint, MalformedPolicy, PolicyNotMet
from ledger.tlog.merkle import EMPTY
from ledger.tlog.note import Signer, sign
from ledger.tlog.policy import Policy
from tests.ledger.tlog.conformance import TLOG, conformance
from tests.ledger.tlog.vectors import load, named

ACCEPTED, REFUSED = load("tlog-policy/accepted.json"), load("tlog-policy/refused.json")
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


def key(label: str) -> PrivateKey:
    return PrivateKey.from_seed(sha256(label.encode()).digest())


LOG, LOG2 = Signer("log.example", key("log")), Signer("log2.example", key("log2"))


def cosigned(*witnesses: str, log: Signer = LOG, origin: str = "log.example") -> str:
    signed = Checkpoint(origin, 0, EMPTY).sign(log)
    lines = (Cosigner(f"{name}.example", key(name)).cosign(signed, at=NOON) for name in witnesses)
    return signed + "".join(f"{line}\n" for line in lines)


def policy(name: str) -> Policy:
    return Policy.parse(next(case["policy"] for case in ACCEPTED if case["name"] == name))


@pytest.mark.parametrize("case", named(ACCEPTED))
def test_enough_witnesses_satisfy_a_policy_and_fewer_do_not(case: dict[str, Any]) -> None:
    read = Policy.parse(case["policy"])
    for witnesses in case["enough"]:
        assert read.check(cosigned(*witnesses)).checkpoint.origin == "log.example"
    for witnesses in case["too_few"]:
        with pytest.raises(PolicyNotMet) as refusal:
            read.check(cosigned(*witnesses))
        assert refusal.value.code == "no_quorum"


@pytest.mark.parametrize("case", named(REFUSED))
def test_refuses(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedPolicy):
        Policy.parse(case["policy"])


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(MalformedPolicy, match="line 2: no witness or group X9 above"):
        Policy.parse("# empty\nquorum X9\n")


def test_what_satisfied_it_is_told() -> None:
    vouched = policy("two-of-three").check(cosigned("X1", "X3", "Z"))
    assert vouched.log == LOG.verifier
    assert vouched.witnesses == {"X1": NOON, "X3": NOON}


def test_urls_are_kept() -> None:
    read = policy("blanks-comments-and-urls")
    assert [peer.url for peer in (*read.logs, *read.witnesses.values())] == [
        "https://log.example/",
        "https://x1.example/submit",
    ]


def test_a_checkpoint_without_a_trusted_log_is_refused_however_many_witnesses_agree() -> None:
    stranger = Signer("log.example", key("stranger"))
    with pytest.raises(PolicyNotMet) as refusal:
        policy("one-witness").check(cosigned("X1", log=stranger))
    assert refusal.value.code == "no_log_signature"


def test_a_trusted_log_speaks_for_its_own_origin_alone() -> None:
    both = policy("two-logs")
    assert both.check(cosigned(log=LOG2, origin="log2.example")).log == LOG2.verifier
    with pytest.raises(PolicyNotMet):
        both.check(cosigned(log=LOG2, origin="log.example"))


def test_a_policy_without_logs_accepts_nothing() -> None:
    with pytest.raises(BadSignature):
        Policy.parse("quorum none\n").check(cosigned())


def test_one_cosignature_twice_is_one() -> None:
    signed = cosigned("X1", "X1")
    with pytest.raises(PolicyNotMet):
        policy("two-of-three").check(signed)


def test_a_bad_cosignature_of_a_trusted_witness_spoils_the_checkpoint() -> None:
    other = Checkpoint("log.example", 1, EMPTY).sign(LOG)
    line = Cosigner("X2.example", key("X2")).cosign(other, at=NOON)
    with pytest.raises(BadSignature):
        policy("any-of-three").check(f"{cosigned('X1')}{line}\n")


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(MalformedCheckpoint):
        policy("no-witnesses").check(sign("log.example\n", LOG))


@conformance
def test_a_mirrors_word_without_the_logs_is_refused() -> None:
    mirror = TLOG / "sunlight/skylight/witness/mirror"
    origin = sha256(b"rome2026h1.example.org").hexdigest()
    vkey = "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O"
    read = Policy.parse(f"log {LOG.verifier}\nwitness mirror {vkey}\nquorum mirror\n")
    with pytest.raises(PolicyNotMet) as refusal:
        read.check((mirror / origin / "checkpoint").read_text())
    assert refusal.value.code == "no_log_signature"


def test_a_long_chain_of_groups_is_judged() -> None:
    x1 = next(line for line in ACCEPTED[2]["policy"].splitlines() if line.startswith("witness X1"))
    names = ["X1", *(f"g{n}" for n in range(3000))]
    groups = "".join(f"group {name} any {member}\n" for member, name in pairwise(names))
    read = Policy.parse(f"log {LOG.verifier}\n{x1}\n{groups}quorum {names[-1]}\n")
    assert read.check(cosigned("X1")).witnesses == {"X1": NOON}


words = st.sampled_from(
    ["log", "witness", "group", "quorum", "none", "any", "all", "1", "2", "X1", "X2", "#", str(LOG.verifier)]
    + [line.split()[2] for line in ACCEPTED[3]["policy"].splitlines() if line.startswith("witness")]
)


@given(st.text() | st.lists(st.lists(words, max_size=6).map(" ".join)).map(lambda lines: "\n".join(lines) + "\n"))
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    with suppress(MalformedPolicy):
        read = Policy.parse(text)
        assert read.quorum is None or read.quorum in {*read.witnesses, *read.groups}
