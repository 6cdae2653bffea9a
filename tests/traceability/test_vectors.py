"""The product against `tests/vectors`: what a second implementation made of the same page (FORMATS sections 2 to 6)."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.tlog import cose, merkle
from ledger.tlog.errors import BadProof, LogError, OutOfRange
from traceability import statements
from traceability.custody import Content, EventPlan, Head
from traceability.epcis import jsonld, xml
from traceability.epcis.errors import DocumentError
from traceability.epcis.events import Document
from traceability.errors import Refusal
from traceability.facts import Facts
from traceability.judgement import Board
from traceability.ordering import application_order
from traceability.submission import Draft, Opening, OpeningMismatch, Tree, grow, header_leaves, payload

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
PARSE = {"json": jsonld.parse, "xml": xml.parse}
EXPIRES = datetime(2026, 2, 1, tzinfo=UTC)

Case = dict[str, Any]


# What the vectors say, as the product's values


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def cases(listed: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in listed]


SUBMISSIONS = [
    pytest.param(told, id=f"{path.stem}-{number}")
    for path in sorted((VECTORS / "tree" / "stories").glob("*.json"))
    for number, told in enumerate(json.loads(path.read_text())["submissions"], start=1)
]


def read(document: Case) -> Document:
    return PARSE[document["syntax"]](document["text"].encode())


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def content(said: Any) -> Content:
    if said in ("none", "unknown"):
        return said
    return said[0], unb64(said[1])


def heads(said: Case) -> dict[str, Head]:
    return {epc: Head(leaf and unb64(leaf), content(now)) for epc, (leaf, now) in said.items()}


def contents(said: Case) -> dict[str, list[bytes]]:
    return {epc: [unb64(leaf) for leaf in leaves] for epc, leaves in said.items()}


def plan(said: Case) -> EventPlan:
    return EventPlan(
        seen=frozenset(said["seen"]),
        opened=tuple(said["opened"]),
        restored={epc: content(before) for epc, before in said["restored"].items()},
        standing={epc: unb64(leaf) for epc, leaf in said["standing"].items()},
    )


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def grown(told: Case) -> Tree:
    return grow(
        read(told["document"]),
        told["document"]["text"].encode(),
        Opening.parse(told["opening"].encode()),
        heads(told["before"]["heads"]),
        contents(told["before"]["contents"]),
        [plan(each) for each in told["plans"]],
    )


def root(said: Any) -> statements.Root | None:
    return None if said is None else (said[0], unb64(said[1]))


def private_key(said: Case) -> cose.PrivateKey:
    seed = bytes.fromhex(said["seed"])
    if said["alg"] == cose.Algorithm.ED25519:
        return cose.PrivateKey.from_seed(seed)
    return cose.PrivateKey._of(ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1()))


def public_key(said: Case) -> cose.PublicKey:
    return cose.PublicKey(cose.Algorithm(said["alg"]), bytes.fromhex(said["public"]))


# Section 2: canonical events


@pytest.mark.parametrize("case", cases(load("canonical/valid.json")))
def test_every_spelling_of_an_event_has_one_canonical_form(case: Case) -> None:
    for document in case["documents"]:
        events = read(document).events
        assert [event.canonical.decode() for event in events] == [event["canonical"] for event in case["events"]]
        assert [event.identity.hex() for event in events] == [event["identity"] for event in case["events"]]


@pytest.mark.parametrize("case", cases(load("canonical/refused.json")))
def test_refuses_a_document_that_has_no_canonical_form(case: Case) -> None:
    with pytest.raises(DocumentError) as refused:
        read(case["document"])
    if "code" in case:
        assert refused.value.code == case["code"]


# Sections 3 and 4: leaves, trees, heads


@pytest.mark.parametrize("told", SUBMISSIONS)
def test_events_apply_in_one_order(told: Case) -> None:
    assert application_order(read(told["document"]).events) == told["tree"]["application_order"]


@pytest.mark.parametrize("told", SUBMISSIONS)
def test_every_leaf_and_root_of_a_submission_is_that_of_the_page(told: Case) -> None:
    tree, expected = grown(told), told["tree"]
    for event, said in zip(tree.events, expected["events"], strict=True):
        leaves = [(said["hash"], *json.loads(said["leaf"])) for said in said["items"]]
        items = sorted(event.items, key=lambda leaf: leaf.hash)
        assert [(leaf.hash.hex(), leaf.kind, leaf.epc) for leaf in items] == [
            (leaf[0], leaf[1], leaf[3]) for leaf in leaves
        ]
        assert [leaf.decode() for leaf in event.leaves] == [leaf["leaf"] for leaf in (said["core"], *said["fields"])]
        assert event.root == root(said["event_root"])
    assert tree.root == root(expected["events_root"])
    assert tree.header == root(expected["header_root"])
    assert tree.document == unb64(expected["document"])
    assert list(tree.meaning) == expected["meaning"]


@pytest.mark.parametrize("told", SUBMISSIONS)
def test_the_leaves_of_the_header_are_those_of_the_page(told: Case) -> None:
    leaves = header_leaves(read(told["document"]).header, Opening.parse(told["opening"].encode()))
    assert [leaf.decode() for leaf in leaves] == [leaf["leaf"] for leaf in told["tree"]["header"]]


@pytest.mark.parametrize("told", SUBMISSIONS)
def test_heads_and_contents_move_on_as_the_page_says(told: Case) -> None:
    """Offline a tree knows only what it states; the rest of what is known stays as it was."""
    tree, after = grown(told), told["after"]
    assert {**heads(told["before"]["heads"]), **tree.heads} == heads(after["heads"])
    stated = [epc for epc, head in tree.heads.items() if not isinstance(head.content, str)]
    assert {epc: sorted(tree.contents[epc]) for epc in stated} == {
        epc: contents(after["contents"])[epc] for epc in stated
    }


@pytest.mark.parametrize("case", cases(load("tree/refused.json")["payloads"]))
def test_a_signer_refuses_a_payload_that_stands_for_something_else(case: Case) -> None:
    draft = Draft(
        payload=statements.Submission.parse(case["payload"].encode()),
        opening=Opening.parse(case["opening"].encode()),
        heads=heads(case["before"]["heads"]),
        contents=contents(case["before"]["contents"]),
        plans={position: plan(each) for position, each in enumerate(case["plans"])},
        expires=EXPIRES,
    )
    with pytest.raises(OpeningMismatch) as refused:
        draft.check(read(case["document"]), case["document"]["text"].encode())
    assert refused.value.expected == case["recomputed"]


@pytest.mark.parametrize("case", cases(load("tree/refused.json")["documents"]))
def test_a_document_that_packs_out_of_order_is_refused(case: Case) -> None:
    events = read(case["document"]).events
    told = Opening.parse(case["opening"].encode()).told
    with pytest.raises(Refusal) as refused:
        Board([], knowing_nothing(case["submitter"])).judge(events, told, application_order(events))
    assert refused.value.code == case["code"]


def knowing_nothing(submitter: str) -> Facts:
    """A fresh node that lets its one party do everything."""
    return Facts(submitter, may_issue=lambda *_: True, signs_here=lambda _: True)


# Section 3 and 7: proofs


@pytest.mark.parametrize("case", cases(load("tree/roots.json")))
def test_roots_and_proofs_are_those_of_the_definition(case: Case) -> None:
    leaves = [merkle.leaf_hash(data.encode()) for data in case["leaf_data"]]
    assert [leaf.hex() for leaf in leaves] == case["leaf_hashes"]
    assert merkle.root_of(leaves).hex() == case["root"]
    for index, path in enumerate(case["inclusion"]):
        assert [sibling.hex() for sibling in merkle.inclusion_proof(leaves, index)] == path
    for proof in case["multiproofs"]:
        assert [sibling.hex() for sibling in merkle.multiproof(leaves, proof["indexes"])] == proof["siblings"]


def check(case: Case) -> None:
    """A multiproof of leaves against the [n, root] that the leaf above states."""
    size, root = case["stated"]
    leaves = {shown["index"]: merkle.leaf_hash(shown["leaf"].encode()) for shown in case["leaves"]}
    merkle.check_multiproof(leaves, size, [bytes.fromhex(sibling) for sibling in case["siblings"]], unb64(root))


@pytest.mark.parametrize("case", cases(load("tree/proofs.json")))
def test_a_good_proof_holds(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case", cases([case for case in load("tree/refused.json")["proofs"] if case["step"] == "root"])
)
def test_a_proof_that_leads_to_another_root_is_refused(case: Case) -> None:
    with pytest.raises((BadProof, OutOfRange)):
        check(case)


# Sections 5 and 6: statements


@pytest.mark.parametrize("told", SUBMISSIONS)
def test_a_submission_is_signed_to_the_byte(told: Case) -> None:
    expected = told["statement"]
    said = payload(
        grown(told),
        log=told["log"],
        submitter=told["submitter"],
        submission=told["submission"],
        time=time(told["time"]),
    )
    envelope = statements.sign(statements.Submission.parse(said), private_key(expected))
    assert said.decode() == expected["payload"]
    assert envelope.hex() == expected["statement"]
    assert statements.entry(bytes.fromhex(expected["entry_salt"]), envelope).hex() == expected["entry"]


@pytest.mark.parametrize("case", cases(load("statement/valid.json")))
def test_a_statement_is_opened_and_signed_to_the_byte(case: Case) -> None:
    envelope, public = bytes.fromhex(case["statement"]), public_key(case)
    opened = statements.open_statement(envelope)
    opened.signed.check(public)
    assert opened.payload.kind() == case["kind"]
    assert bytes(opened.payload).decode() == case["payload"]
    assert statements.sign(opened.payload, private_key(case)) == envelope
    assert public.kid.hex() == case["kid"]
    assert cose.sig_structure(bytes.fromhex(case["protected"]), case["payload"].encode()).hex() == case["to_be_signed"]
    assert statements.entry(bytes.fromhex(case["entry_salt"]), envelope).hex() == case["entry"]


@pytest.mark.parametrize("case", cases(load("statement/refused.json")))
def test_a_damaged_statement_is_refused(case: Case) -> None:
    with pytest.raises((statements.StatementError, LogError)):
        statements.open_statement(bytes.fromhex(case["statement"])).signed.check(public_key(case))


def test_the_nodes_own_words_are_signed_to_the_byte() -> None:
    promise, status = load("statement/node.json")
    said = statements.Promise.parse(promise["payload"].encode())
    key = private_key(promise)
    envelope = statements.sign_promise(said, key, operator=promise["operator"], subject=promise["subject"])
    assert envelope.hex() == promise["statement"]
    assert statements.open_promise(envelope).payload == said

    known = statements.Status.parse(status["payload"].encode())
    envelope = statements.sign_status(known, private_key(status), operator=status["operator"])
    assert envelope.hex() == status["statement"]
    assert statements.open_status(envelope).payload == known
