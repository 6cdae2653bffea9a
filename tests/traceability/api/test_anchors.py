"""Data of anybody's, anchored: a hash with a signed pointer, and what came of the data since."""

import json
from collections.abc import Callable
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any
from uuid import uuid4

import cbor2
import pytest

from partners.models import SigningKey
from tests.traceability.api.conftest import Api
from tests.traceability.api.test_submissions import problem
from tests.traceability.test_proving import integrate
from tests.world import Party, World
from traceability import statements
from traceability.bundle.anchored import Step, examine_anchored
from traceability.cli import main
from traceability.models import Registration
from traceability.policy import Policy
from traceability.statements import DataHash, HashAlgorithm, b64
from traceability.trust import own_policy

ANCHORS, COSE, JSON = "/api/v1/anchors", "application/cose", "application/json"
CUT = b'{"resourceType":"Bundle","trial":"NCT00000000","cut":7}'
PLACE = "https://trial.example/cuts/7"


@pytest.fixture
def policy(world: World) -> Policy:
    return own_policy()


def said(by: Party, data: bytes = CUT, **members: Any) -> DataHash:
    told = {"hash_alg": HashAlgorithm.SHA_256, "hash": sha256(data).digest(), "location": PLACE}
    return DataHash(about=by.gln, **{**told, **members}, **by.world._from(by))


def anchors(api: Api, by: Party, **members: Any) -> Any:
    return api.post(ANCHORS, statements.sign(said(by, **members), by.key), COSE)


def proof(api: Api, world: World, answer: Any) -> bytes:
    integrate(world)
    found = api.get(answer.json()["proof"])
    assert (found.status_code, found.headers["Content-Type"]) == (200, "application/vnd.unitproof.anchored+cbor")
    return bytes(found.content)


# ---- anchoring ------------------------------------------------------------------------------------------------------


def test_a_hash_is_promised_listed_and_proven_and_the_data_compared(maker: Api, world: World, policy: Policy) -> None:
    answer = anchors(maker, world.maker, preimage_content_type="application/fhir+json")
    assert answer.status_code == 201
    told = answer.json()
    assert (told["hash"], told["location"], told["log_index"]) == (b64(sha256(CUT).digest()), PLACE, None)
    promise = statements.open_promise(statements.unb64(told["promise"])).payload
    envelope, salt = statements.unb64(told["envelope"]), statements.unb64(told["entry_salt"])
    assert promise.entry.hex() == statements.entry(salt, envelope).hex() == told["entry"]
    early = maker.get(told["proof"])
    assert (early.status_code, early.json()["code"]) == (409, "not_integrated")
    made = proof(maker, world, answer)
    assert maker.get(told["receipt"]).status_code == 200
    (listed,) = maker.get(ANCHORS).json()["anchors"]
    assert listed == told | {"log_index": listed["log_index"]}
    report = examine_anchored(made, policy, CUT)
    assert [report.result(step) for step in Step] == ["holds"] * 7
    assert report.as_json()["verified"] is True
    assert report.as_json()["location"] == PLACE


def test_the_same_statement_again_is_answered_the_same(maker: Api, world: World) -> None:
    envelope = statements.sign(said(world.maker), world.maker.key)
    first, again = (maker.post(ANCHORS, envelope, COSE) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_other_data_is_shown_as_that(maker: Api, world: World, policy: Policy) -> None:
    """A row that was added after the cut: the statement is proven, and says that this is not it."""
    made = proof(maker, world, anchors(maker, world.maker))
    report = examine_anchored(made, policy, CUT + b" ")
    assert report.failure is not None
    assert (report.failure.step, report.failure.code) == (Step.DATA, "other_data")
    assert (report.failure.expected, report.failure.found) == (sha256(CUT).hexdigest(), sha256(CUT + b" ").hexdigest())
    assert report.said is not None
    assert report.as_json()["verified"] is False


def test_without_data_the_hash_alone_is_proven(maker: Api, world: World, policy: Policy) -> None:
    report = examine_anchored(proof(maker, world, anchors(maker, world.maker)), policy)
    assert (report.failure, report.compared, report.result(Step.DATA)) == (None, False, "not_reached")


def test_longer_hashes_are_taken(maker: Api, world: World, policy: Policy) -> None:
    members = {"hash_alg": HashAlgorithm.SHA_512, "hash": sha512(CUT).digest()}
    report = examine_anchored(proof(maker, world, anchors(maker, world.maker, **members)), policy, CUT)
    assert (report.failure, report.compared) == (None, True)


def test_the_key_may_be_revoked_after(maker: Api, world: World, policy: Policy) -> None:
    """What was anchored before stands; what is signed with it after is refused."""
    answer = anchors(maker, world.maker)
    world.renews_its_key(world.maker)
    assert examine_anchored(proof(maker, world, answer), policy, CUT).failure is None


# ---- with a key that the node holds ---------------------------------------------------------------------------------


def wanted(**members: Any) -> bytes:
    return json.dumps(
        {"statement": str(uuid4()), "hash": b64(sha256(CUT).digest()), "location": PLACE, **members}
    ).encode()


def test_the_node_signs_for_whoever_has_left_a_key_here(maker: Api, world: World, policy: Policy) -> None:
    world.entrusts(world.maker)
    asked = wanted(preimage_content_type="application/json")
    first, again = (maker.post(ANCHORS, asked, JSON) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert Registration.objects.filter(kind="data-hash").count() == 1
    kid = statements.open_statement(statements.unb64(first.json()["envelope"])).signed.kid
    assert SigningKey.objects.get(kid=kid).custodial
    assert examine_anchored(proof(maker, world, first), policy, CUT).failure is None


def test_an_id_is_used_once(maker: Api, world: World) -> None:
    world.entrusts(world.maker)
    one = str(uuid4())
    assert maker.post(ANCHORS, wanted(statement=one), JSON).status_code == 201
    problem(maker.post(ANCHORS, wanted(statement=one, location=PLACE + "8"), JSON), 409, "submission_reused")


def test_without_one_it_says_what_to_send(maker: Api) -> None:
    problem(maker.post(ANCHORS, wanted(), JSON), 403, "no_custodial_key")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"hash": "AAAA"}, "malformed_statement"),
        ({"hash": b64(bytes(48))}, "malformed_statement"),
        ({"hash": "%%"}, "malformed_statement"),
        ({"hash": None}, "missing_member"),
        ({"hash": 7}, "wrong_type"),
        ({"hash_alg": "md5"}, "malformed_statement"),
        ({"location": "no pointer"}, "malformed_statement"),
        ({"location": "https://a.example/" + "a" * 200}, "unwritable"),
        ({"preimage_content_type": "nothing"}, "malformed_statement"),
        ({"statement": "7"}, "bad_value"),
        ({"colour": "red"}, "unknown_member"),
    ],
    ids=str,
)
def test_what_is_no_hash_or_pointer_is_refused(maker: Api, world: World, members: dict[str, Any], code: str) -> None:
    world.entrusts(world.maker)
    answer = maker.post(ANCHORS, wanted(**members), JSON)
    assert (400 <= answer.status_code < 500, answer.json()["code"]) == (True, code)
    assert not Registration.objects.filter(kind="data-hash").exists()


# ---- walls ----------------------------------------------------------------------------------------------------------


def test_i7_nobody_else_sees_or_proves_it(maker: Api, pharmacy: Api, regulator: Api, world: World) -> None:
    """Another's, and nobody's, look the same."""
    told = anchors(maker, world.maker).json()
    integrate(world)
    for other in (pharmacy, regulator):
        assert other.get(ANCHORS).json()["anchors"] == []
        theirs, nobodys = other.get(told["proof"]), other.get(f"{ANCHORS}/{'0' * 64}/proof")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() | {"instance": ""} == nobodys.json() | {"instance": ""}


def test_nobody_anchors_in_anothers_name(maker: Api, world: World) -> None:
    with pytest.raises(statements.StatementError):
        DataHash(
            about=world.pharmacy.gln, hash_alg=HashAlgorithm.SHA_256, hash=bytes(32), location=PLACE,
            **world._from(world.maker),
        )  # fmt: skip
    forged = statements.sign(said(world.pharmacy), world.maker.key)
    answer = maker.post(ANCHORS, forged, COSE)
    assert (answer.status_code, Registration.objects.filter(kind="data-hash").count()) == (422, 0)


def test_other_statements_are_sent_elsewhere(maker: Api, world: World) -> None:
    grant = statements.Grant(about=world.maker.gln, to=world.pharmacy.gln, **world._from(world.maker))
    problem(maker.post(ANCHORS, statements.sign(grant, world.maker.key), COSE), 422, "unsupported_statement")


# ---- damage ---------------------------------------------------------------------------------------------------------


def salt(file: dict[str, Any]) -> None:
    file["stated"][1] = bytes(32)


def other_place(file: dict[str, Any]) -> None:
    file["stated"][0] += 1


def other_statement(file: dict[str, Any]) -> None:
    file["stated"][1:] = file["segment"]["relied"][0][1:]


def no_key(file: dict[str, Any]) -> None:
    file["segment"]["relied"] = []


def other_path(file: dict[str, Any]) -> None:
    file["segment"]["path"][0] = bytes(32)


def other_log(file: dict[str, Any]) -> None:
    file["segment"]["log"] = "other.example/log"


def a_hop(file: dict[str, Any]) -> None:
    file["segment"]["hops"] = [[]]


def a_member_more(file: dict[str, Any]) -> None:
    file["more"] = 1


@pytest.mark.parametrize(
    ("damage", "step"),
    [
        (salt, Step.ENTRIES),
        (other_place, Step.ENTRIES),
        (other_statement, Step.ENTRIES),
        (no_key, Step.ENTRIES),
        (other_path, Step.ENTRIES),
        (other_log, Step.POLICY),
        (a_hop, Step.READ),
        (a_member_more, Step.READ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_damaged_proof_fails_where_it_is_damaged(
    maker: Api, world: World, policy: Policy, damage: Callable[[dict[str, Any]], None], step: Step
) -> None:
    file = cbor2.loads(proof(maker, world, anchors(maker, world.maker)))
    damage(file)
    report = examine_anchored(cbor2.dumps(file, canonical=True), policy, CUT)
    assert report.failure is not None
    assert report.failure.step == step


def test_no_byte_of_a_proof_may_change(maker: Api, world: World, policy: Policy) -> None:
    made = proof(maker, world, anchors(maker, world.maker))
    for at in range(0, len(made), 7):
        changed = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        assert examine_anchored(changed, policy, CUT).failure is not None, at


# ---- by command -----------------------------------------------------------------------------------------------------


def test_unitproof_compares(maker: Api, world: World, tmp_path: Path, capsys: Any) -> None:
    made = proof(maker, world, anchors(maker, world.maker))
    paths = {name: tmp_path / name for name in ("proof.unitproof", "policy", "cut", "later")}
    for path, content in zip(paths.values(), (made, own_policy(), CUT, CUT + b"\n"), strict=True):
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    line = ["verify", str(paths["proof.unitproof"]), "--policy", str(paths["policy"])]
    assert main(line) == 0
    assert "this hash was anchored" in capsys.readouterr().out
    assert main([*line, "--data", str(paths["cut"])]) == 0
    told = capsys.readouterr().out
    assert "these are the bytes that were anchored" in told
    assert PLACE in told
    assert main([*line, "--data", str(paths["later"]), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failure"]["code"] == "other_data"
