"""`POST /api/v1/statements`: keys and rights, by whoever may say so."""

import uuid
from typing import Any

import pytest

from ledger import keys, tasks
from ledger.tlog.cose import PrivateKey
from ledger.tlog.proof import Proof
from ledger.tlog.receipt import MEDIA_TYPE, Receipt
from tests.traceability.api.conftest import COSE, Api
from tests.world import World
from traceability import statements
from traceability.models import Submission
from traceability.statements import open_promise, unb64

STATEMENTS = "/api/v1/statements"


def prefix_statement(world: World, about: str, *gtins: str) -> bytes:
    said = statements.Prefix(about=about, gtins=gtins, **world._from(world.authority))
    return statements.sign(said, world.authority.key)


def test_what_another_party_holds_already_is_remarked_on_and_nobody_named(world: World, anybody: Api) -> None:
    envelope = prefix_statement(world, world.distributor.gln, "061414112", "9521098")
    first, again = anybody.post(STATEMENTS, envelope, COSE), anybody.post(STATEMENTS, envelope, COSE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    ((code, where, detail),) = (tuple(each.values()) for each in first.json()["warnings"])
    assert (code, where) == ("prefix_overlaps", "061414112")
    assert detail.endswith("by a statement about 0614141")
    assert world.maker.gln not in first.text
    envelope = prefix_statement(world, world.pharmacy.gln, "9521099")
    assert anybody.post(STATEMENTS, envelope, COSE).json()["warnings"] == []


def key_statement(world: World, key: PrivateKey) -> statements.Key:
    return statements.Key(
        about=world.maker.gln,
        kid=key.public.kid,
        alg=statements.KeyAlgorithm.ED25519,
        public=key.public.raw,
        log="localhost/log",
        submitter=world.maker.gln,
        time=world.now,
        statement=str(uuid.uuid4()),
    )


def test_a_statement_is_registered_and_promised_the_same_again_on_retry(world: World, anybody: Api) -> None:
    said = key_statement(world, PrivateKey.generate())
    envelope = statements.sign(said, world.maker.key)
    first, again = anybody.post(STATEMENTS, envelope, COSE), anybody.post(STATEMENTS, envelope, COSE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    answer = first.json()
    assert open_promise(unb64(answer["promise"])).payload.entry.hex() == answer["entry"]
    assert statements.entry(unb64(answer["entry_salt"]), envelope).hex() == answer["entry"]


def test_whoever_knows_its_entry_has_its_receipt(world: World, anybody: Api) -> None:
    envelope = statements.sign(key_statement(world, PrivateKey.generate()), world.maker.key)
    entry = anybody.post(STATEMENTS, envelope, COSE).json()["entry"]
    path = f"{STATEMENTS}/{entry}/receipt"
    assert (anybody.get(path).status_code, anybody.get(path).json()["code"]) == (409, "not_integrated")
    tasks.sweep()
    Proof.parse(anybody.get(path).content.decode())
    receipt = anybody.ask("GET", path, headers={"accept": MEDIA_TYPE})
    Receipt.parse(receipt.content).check(bytes.fromhex(entry), keys.receipt_keys()[0])
    assert anybody.get(f"{STATEMENTS}/{'00' * 32}/receipt").status_code == 404


def test_i5_the_entry_of_a_submission_is_no_way_to_its_receipt(world: World, anybody: Api) -> None:
    world.maker.commissions(serial="A1")
    entry = bytes(Submission.objects.get().entry.entry)
    tasks.sweep()
    assert anybody.get(f"{STATEMENTS}/{entry.hex()}/receipt").status_code == 404


def forged(world: World, said: statements.Key) -> bytes:
    return statements.sign(said, PrivateKey.generate())


def garbage(world: World, said: statements.Key) -> bytes:
    return b"\xd2\x84"


def nothing(world: World, said: statements.Key) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("made", "status", "code"), [(forged, 422, "unknown_key"), (garbage, 400, "not_cbor"), (nothing, 400, "not_cbor")]
)
def test_what_nobody_signed_is_refused(world: World, anybody: Api, made: Any, status: int, code: str) -> None:
    answer = anybody.post(STATEMENTS, made(world, key_statement(world, PrivateKey.generate())), COSE)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_only_cose_is_read_and_no_more_than_a_statement_takes(anybody: Api) -> None:
    assert anybody.post(STATEMENTS, b"{}", "application/json").status_code == 415
    assert anybody.post(STATEMENTS, bytes(1024 * 1024 + 1), COSE).status_code == 413
