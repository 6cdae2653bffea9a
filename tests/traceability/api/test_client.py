"""The whole story over a real connection, by the client that partners use."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import rmtree
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from ledger import tasks
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey
from ledger.tlog.note import Signer
from ledger.tlog.receipt import MEDIA_TYPE
from partners.models import ApiToken, Delegation, Grant, Hold, Licence, Partner, SigningKey
from tests.traceability.test_rules import Board
from tests.world import GTIN, LOT, Party, World, document, gln, unit
from traceability import client, governing, statements
from traceability.authorities import Governors
from traceability.cli import main
from traceability.client import Node, NodeRefused
from traceability.models import Registration
from traceability.statements import KeyAlgorithm
from traceability.submission import Opening
from traceability.trust import own_policy

SCAN = f"]d201{GTIN}21A1\x1d1728123110{LOT}"


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    return World()


@pytest.fixture
def node(live_server: Any) -> Any:
    nodes: list[Node] = []

    def asked_by(party: Party | None) -> Node:
        token = ApiToken.issue(party.partner, now=party.world.now)[1] if party else ""
        nodes.append(Node(live_server.url, token))
        return nodes[-1]

    yield asked_by
    for each in nodes:
        each.__exit__()


def test_from_the_line_to_the_proof(world: World, node: Any) -> None:
    maker, pharmacy = node(world.maker), node(world.pharmacy)
    made = maker.submit(document(world.maker.commissioning(unit("A1"))), world.maker.key)
    shipped = maker.submit(document(world.maker.shipping(unit("A1"), world.pharmacy)), world.maker.key)
    tasks.sweep()
    assert all(maker.receipt(each.id).startswith("c2sp.org/tlog-proof@v1\n") for each in (made, shipped))
    assert node(None).verify(SCAN)["verdict"] == "verified"
    assert len(pharmacy.verify(SCAN)["chain"]) == 2
    assert len(pharmacy.bundle(unit("A1"))) > 1000
    with pytest.raises(NodeRefused, match="not_found"):
        node(world.stranger).bundle(unit("A1"))


def test_signed_without_a_connection_and_handed_in_later(world: World, node: Any) -> None:
    tasks.sweep()  # a checkpoint, by which a client knows the log
    maker = node(world.maker)
    done = maker.submit_offline(document(world.maker.commissioning(unit("A1"))), world.maker.key, world.maker.gln)
    assert maker.http.get(f"/api/v1/submissions/{done.id}").json()["entry"] == done.answer["entry"]


def test_what_was_signed_and_promised_is_kept_for_its_owner(world: World, node: Any, tmp_path: Path) -> None:
    done = node(world.maker).submit(document(world.maker.commissioning(unit("A1"))), world.maker.key)
    done.keep(tmp_path / "kept")
    statement, promise = ((tmp_path / "kept" / name).read_bytes() for name in ("statement", "promise"))
    opening = Opening.parse((tmp_path / "kept" / "opening").read_bytes())
    assert statements.open_promise(promise).payload.entry == statements.entry(opening.entry, statement)
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_what_people_have_to_look_at_is_said(
    world: World, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    pack = world.maker.commissions(serial="A1")
    (tmp_path / "late.json").write_bytes(document(world.maker.observing(pack), world.maker.dispensing(pack)))
    (tmp_path / "key.pem").write_bytes(world.maker.key.to_pem())
    world.maker.ships(pack, to=world.pharmacy)
    asked = node(world.maker)
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.maker.partner, now=world.now)[1])
    line = ["submit", tmp_path / "late.json", "--key", tmp_path / "key.pem", "--node", asked.http.base_url]
    assert main(list(map(str, line))) == 0
    said = capsys.readouterr().err.splitlines()
    assert [each.partition(": ")[0] for each in said] == [
        f"exception late at event 0, {pack}",
        f"exception dispensed_before at event 1, {pack}",
    ]


def test_of_what_was_recorded_before_it_says_so(
    world: World, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    first, second = world.maker.commissioning(unit("A1")), world.maker.commissioning(unit("A2"))
    (tmp_path / "first.json").write_bytes(document(first))
    (tmp_path / "both.json").write_bytes(document(first, second))
    (tmp_path / "key.pem").write_bytes(world.maker.key.to_pem())
    asked = node(world.maker)
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.maker.partner, now=world.now)[1])
    said = []
    for name in ("first.json", "both.json"):
        line = ["submit", tmp_path / name, "--key", tmp_path / "key.pem", "--node", asked.http.base_url]
        assert main(list(map(str, line))) == 0
        said.append(capsys.readouterr().out.splitlines()[1:])
    assert said == [[], ["1 of 2 events were recorded before: nothing new happened to them"]]


def test_whoever_tells_of_anothers_acts_is_told_what_that_is_worth(
    world: World, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """An agent whose delegation has ended would go on, and nobody would believe it."""
    given = world.delegates(world.maker, world.distributor, "commissioning")
    (tmp_path / "key.pem").write_bytes(world.distributor.key.to_pem())
    monkeypatch.setenv("UNITPROOF_TOKEN", ApiToken.issue(world.distributor.partner, now=world.now)[1])
    said = []
    for serial in ("A1", "A2"):
        (tmp_path / "told.json").write_bytes(document(world.maker.commissioning(unit(serial))))
        line = ["submit", tmp_path / "told.json", "--key", tmp_path / "key.pem", "--node", node(None).http.base_url]
        assert main(list(map(str, line))) == 0
        said += capsys.readouterr().out.splitlines()[1:]
        if serial == "A1":
            world.takes_back(given, world.maker, by=world.maker)
    assert said == [
        f"1 of 1 events told for {world.maker.gln}, as its agent",
        f"1 of 1 events told of {world.maker.gln}, and not for it: they are its own word when it signs them itself",
    ]


def test_whoever_grants_what_another_has_is_told_so(world: World, node: Any, tmp_path: Path, capsys: Any) -> None:
    tasks.sweep()
    (tmp_path / "office.pem").write_bytes(world.authority.key.to_pem())
    office = ["--node", str(node(None).http.base_url), "--key", str(tmp_path / "office.pem")]
    assert main(["prefix", *office, "--gln", world.authority.gln, "--about", world.distributor.gln, "0614141"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("registered as entry ")
    assert said.err.startswith("warning prefix_overlaps at 0614141: another party may issue some of these products")


@pytest.fixture
def says(world: World, node: Any, tmp_path: Path, capsys: Any) -> Any:
    """A party types a command about keys, rights or rules; the entry that it printed."""
    tasks.sweep()  # a checkpoint, by which a client knows the log

    def typed(gln: str, key: PrivateKey, *line: str) -> str:
        (tmp_path / "key.pem").write_bytes(key.to_pem())
        asking = ["--node", str(node(None).http.base_url), "--key", str(tmp_path / "key.pem"), "--gln", gln]
        assert main([line[0], *asking, *line[1:]]) == 0
        said = re.fullmatch(r"registered as entry ([0-9a-f]{64})\n", capsys.readouterr().out)
        assert said
        return said[1]

    return typed


def test_rights_are_given_and_taken_back(world: World, says: Any) -> None:
    maker, office = world.maker, world.authority
    given = says(maker.gln, maker.key, "delegate", "--to", world.distributor.gln, "shipping", "packing", "packing")
    assert Delegation.objects.get().steps == ["packing", "shipping"]
    says(maker.gln, maker.key, "revoke", "--entry", given)
    of_pharmacy = ["--about", world.pharmacy.gln]
    days = ["--valid-from", "2026-01-01", "--valid-to", "2027-01-01"]
    licence = ["--licence", "PH-1", "--role", "dispenser", *days, "NY", "NJ"]
    given = says(office.gln, office.key, "licence", *of_pharmacy, *licence)
    says(office.gln, office.key, "revoke", *of_pharmacy, "--entry", given)
    assert None not in (Delegation.objects.get().revoked, Licence.objects.get().revoked)


def test_goods_are_held_up_and_let_go_and_others_may_read(world: World, says: Any) -> None:
    maker, scan = world.maker, f"]d201{GTIN}21A1"
    given = says(maker.gln, maker.key, "hold", "suspect", "--epc", scan, "--reason", "odd seal")
    assert Hold.objects.get().epc == unit("A1")
    says(maker.gln, maker.key, "release", given, "--reason", "glue")
    lot = ["--gtin", GTIN, "--lot", "L42", "--first", "A1", "--last", "A9"]
    says(maker.gln, maker.key, "hold", "recall", *lot, "--reason", "particles found")
    assert [(row.kind, row.revoked is None) for row in Hold.objects.all()] == [("suspect", False), ("recall", True)]
    given = says(maker.gln, maker.key, "grant", "--to", world.stranger.gln, "--valid-to", "2027-01-01", "0614141")
    assert Grant.objects.get().gtins == ["0614141"]
    says(maker.gln, maker.key, "revoke", "--entry", given)
    assert Grant.objects.get().revoked is not None


def test_a_key_is_taken_back(world: World, says: Any) -> None:
    """By its owner with that very key, as by whoever finds it stolen."""
    maker, kid = world.maker, statements.b64(world.maker.key.public.kid)
    says(maker.gln, maker.key, "revoke", "--kid", kid, "--compromised", "2026-01-01")
    assert SigningKey.objects.get(partner_id=maker.gln).compromised == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_key_whose_name_looks_like_an_option_is_taken_back(world: World, says: Any, tmp_path: Path) -> None:
    """base64url has a hyphen: one kid in 64 begins with it."""
    maker = world.maker
    new = next(key for key in iter(PrivateKey.generate, None) if statements.b64(key.public.kid).startswith("-"))
    (tmp_path / "new.pem").write_bytes(new.to_pem())
    says(maker.gln, maker.key, "enrol", "--new-key", str(tmp_path / "new.pem"))
    says(maker.gln, maker.key, "revoke", "--kid", statements.b64(new.public.kid))
    assert SigningKey.objects.get(kid=new.public.kid).revoked is not None


def test_governors_admit_and_dismiss(world: World, says: Any) -> None:
    board = Board(world)
    for line in (["admit", "--about", gln(910), "--name", "New", "--role", "dispenser"], ["exit", "--about", gln(910)]):
        proposed = says(board.glns[0], board.keys[0], "propose", *line)
        says(board.glns[1], board.keys[1], "approve", proposed)
    assert Partner.objects.get(gln=gln(910)).left is not None


def test_governors_change_the_rules(world: World, says: Any, tmp_path: Path) -> None:
    board, policy = Board(world), tmp_path / "policy.json"
    new = Governors(1, board.governors.keys)
    policy.write_text(str(replace(own_policy(), governance=new)))
    proposed = says(board.glns[2], board.keys[2], "propose", "rules", "--policy", str(policy), "--version", "1")
    says(board.glns[0], board.keys[0], "approve", proposed)
    assert governing.rules().last.quorum == 1


class Liar(BaseHTTPRequestHandler):
    """Says to everything what its class was told to."""

    body, status = b"", 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815 - likewise

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"null", b"{}", b'{"entry":5}', b"\xff\xfe", b"5"])
@pytest.mark.parametrize("status", [200, 400, 502])
def test_whoever_is_no_node_gets_a_plain_word_for_it(
    liar: str, body: bytes, status: int, monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setattr(Liar, "body", body)
    monkeypatch.setattr(Liar, "status", status)
    office = ["--node", liar, "--key", str(key_file), "--gln", "9521000000995", "--about", "9521050000013"]
    assert main(["prefix", *office, "9521050"]) == 2
    told = key_file.with_name("document.json")
    told.write_text("{}")
    assert main(["submit", str(told), "--node", liar, "--key", str(key_file)]) == 2
    kept = key_file.with_name("x.unitproof")
    assert main(["proof", unit("A1"), "--node", liar, "--out", str(kept)]) == 2
    assert not kept.exists()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_bytes(PrivateKey.generate().to_pem())
    return tmp_path / "key.pem"


def test_a_key_is_registered_by_whoever_may_without_an_account(world: World, node: Any) -> None:
    tasks.sweep()
    nobody = node(None)

    def said() -> statements.Key:
        key = PrivateKey.generate().public
        return statements.Key(
            about=world.maker.gln,
            kid=key.kid,
            alg=KeyAlgorithm.ED25519,
            public=key.raw,
            **nobody.said_by(world.authority.gln),
        )

    vouched = said()
    entry = nobody.register(vouched, world.authority.key).entry
    assert bytes(Registration.objects.get(statement_id=vouched.id).entry.entry).hex() == entry
    with pytest.raises(NodeRefused, match="unknown_key"):
        nobody.register(said(), PrivateKey.generate())


# ---- receipts, in either form ---------------------------------------------------------------------------------------


@pytest.fixture
def kept(world: World, node: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """What its owner has of one submission: what `submit --keep` wrote, both receipts, and a policy."""
    maker = node(world.maker)
    done = maker.submit(document(world.maker.commissioning(unit("A1"))), world.maker.key)
    tasks.sweep()
    done.keep(tmp_path / "kept")
    (tmp_path / "tlog.receipt").write_text(maker.receipt(done.id))
    asked = maker.ask("GET", f"/api/v1/submissions/{done.id}/receipt", headers={"Accept": MEDIA_TYPE})
    (tmp_path / "cose.receipt").write_bytes(asked.content)
    (tmp_path / "policy.json").write_text(str(own_policy()))
    (tmp_path / "entry").write_text(done.answer["entry"])
    return tmp_path


@pytest.mark.parametrize("form", ["tlog", "cose"])
def test_a_receipt_is_checked_against_what_one_kept(kept: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["receipt", str(kept / f"{form}.receipt"), "--policy", str(kept / "policy.json")]
    assert main([*typed, "--kept", str(kept / "kept")]) == 0
    said = capsys.readouterr().out
    assert main([*typed, "--entry", (kept / "entry").read_text()]) == 0
    assert capsys.readouterr().out == said
    assert said.startswith("entry ")
    assert "localhost/log; not independently witnessed" in said
    assert main([*typed, "--entry", "00" * 32]) == 1
    assert capsys.readouterr().out.startswith("REFUSED\n")


def test_what_was_kept_is_found_in_the_folder_that_all_of_it_is_in(
    world: World, node: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maker = node(world.maker)
    first, second = (
        maker.submit(document(world.maker.commissioning(unit(serial))), world.maker.key, tmp_path / "kept")
        for serial in ("A1", "A2")
    )
    tasks.sweep()
    (tmp_path / "first.receipt").write_text(maker.receipt(first.id))
    (tmp_path / "policy.json").write_text(str(own_policy()))
    typed = ["receipt", str(tmp_path / "first.receipt"), "--policy", str(tmp_path / "policy.json"), "--kept"]
    kept = [*typed, str(tmp_path / "kept")]
    assert main([*typed, str(tmp_path / "kept" / first.id)]) == 0  # its own folder
    assert main([*kept, "--submission", first.id]) == 0
    assert main([*kept, "--entry", first.answer["entry"]]) == 0
    assert main([*kept, "--submission", second.id]) == 1
    assert "REFUSED" in capsys.readouterr().out
    assert main(kept) == 0  # of one of them, whichever it is
    rmtree(tmp_path / "kept" / first.id)
    assert main(kept) == 1


def test_a_receipt_that_took_too_long_is_collected_later(
    world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "PATIENCE", 0.0)
    tasks.sweep()
    Path("token").write_text(ApiToken.issue(world.maker.partner, now=world.now)[1])
    Path("key.pem").write_bytes(world.maker.key.to_pem())
    Path("document.json").write_bytes(document(world.maker.commissioning(unit("A1"))))
    asking = ["--node", live_server.url, "--token-file", "token"]
    assert main(["submit", "document.json", "--key", "key.pem", "--receipt", "first.receipt", *asking]) == 2
    out, err = capsys.readouterr()
    (submission,) = re.findall(r"^accepted (\S+);", out, re.MULTILINE)
    assert err.startswith("unitproof: not_integrated: ")
    assert f"\n  submission: {submission}\n  to ask again: unitproof collect {submission} --out first.receipt" in err
    (again,) = re.findall(r"to ask again: unitproof (.*)\n", err)
    assert main(again.split()) == 2
    tasks.sweep()
    assert main(again.split()) == 0
    assert capsys.readouterr().out == "receipt in first.receipt\n"
    assert Path("first.receipt").read_text().startswith("c2sp.org/tlog-proof@v1\n")


def test_who_has_no_token_is_told_where_one_goes(
    world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNITPROOF_TOKEN", raising=False)
    Path("key.pem").write_bytes(world.maker.key.to_pem())
    Path("document.json").write_bytes(document(world.maker.commissioning(unit("A1"))))
    submit = ["submit", "document.json", "--key", "key.pem", "--node", live_server.url]
    assert main(submit) == 2
    err = capsys.readouterr().err
    assert err.startswith("unitproof: not_authenticated: ")
    assert "expected: --token-file FILE, or UNITPROOF_TOKEN" in err
    monkeypatch.setenv("UNITPROOF_TOKEN", "upt_of_nobody")
    assert main(submit) == 2
    assert "expected: --token-file FILE, or UNITPROOF_TOKEN" in capsys.readouterr().err
    assert main(["collect", str(uuid4()), "--out", "x", "--node", live_server.url]) == 2
    assert "expected: --token-file FILE, or UNITPROOF_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "member"), [("tlog", "tlog-proof"), ("cose", "cose-receipt")])
def test_a_receipt_is_shown(kept: Path, form: str, member: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(kept / f"{form}.receipt")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (member in shown, isinstance(shown["hashes"], list)) == (True, True)


def test_a_receipt_without_witnesses_does_not_do_for_who_asks_for_them(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = json.loads((kept / "policy.json").read_text())
    cosigner = Cosigner("w.example", PrivateKey.generate())
    policy["tlog"] = policy["tlog"].replace("quorum none", f"witness w {cosigner.verifier}\nquorum w")
    (kept / "policy.json").write_text(json.dumps(policy))
    for form in ("tlog", "cose"):
        typed = ["receipt", str(kept / f"{form}.receipt"), "--policy", str(kept / "policy.json")]
        assert main([*typed, "--kept", str(kept / "kept")]) == 1
        assert "no_quorum" in capsys.readouterr().out


def test_a_receipt_of_a_log_that_the_policy_does_not_name_is_refused(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = json.loads((kept / "policy.json").read_text())
    other = Signer("localhost/log", PrivateKey.generate())
    policy["tlog"] = f"log {other.verifier}\nquorum none\n"
    (kept / "policy.json").write_text(json.dumps(policy))
    for form in ("tlog", "cose"):
        typed = ["receipt", str(kept / f"{form}.receipt"), "--policy", str(kept / "policy.json")]
        assert main([*typed, "--kept", str(kept / "kept")]) == 1
        capsys.readouterr()
