"""`unitproof watch`: a party finds out what a node has under its name, against what it has kept itself."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger import tasks
from ledger.tlog.cose import PrivateKey
from partners.models import ApiToken
from tests.world import Party, World, document, unit
from traceability import statements
from traceability.cli import main
from traceability.models import Registration, Submission


@pytest.fixture
def world(live_server: Any, own_keys_and_authorities: None) -> World:
    world = World()
    tasks.sweep()  # a checkpoint, by which a client knows the log
    return world


@pytest.fixture
def run(world: World, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, as the maker types it in its own folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    (tmp_path / "token").write_text(ApiToken.issue(world.maker.partner, now=world.now)[1])
    (tmp_path / "key.pem").write_bytes(world.maker.key.to_pem())

    def typed(command: str) -> int:
        verb, *rest = command.split()
        return main([verb, "--node", live_server.url, "--token-file", "token", *rest])

    return typed


@pytest.fixture
def known(run: Callable[..., int], capsys: Any) -> None:
    """What there was at the beginning was looked into."""
    assert run("watch --kept kept --accept") == 0
    capsys.readouterr()


def submits(run: Callable[..., int], world: World, serial: str, more: str = "--keep kept") -> int:
    Path("document.json").write_bytes(document(world.maker.commissioning(unit(serial))))
    return run(f"submit document.json --key key.pem {more}")


def watches(run: Callable[..., int], capsys: Any) -> tuple[int, str]:
    capsys.readouterr()
    status = run("watch --kept kept --once")
    return status, capsys.readouterr().out


def test_who_keeps_all_that_it_submits_has_nothing_to_look_at(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    assert submits(run, world, "A1") == 0
    assert submits(run, world, "A2", f"--keep kept --offline {world.maker.gln}") == 0
    assert watches(run, capsys) == (0, "0 to look at, of 5 under your name\n")
    folders = sorted(path.name for path in Path("kept").iterdir() if path.name != "accepted")
    assert folders == sorted(str(row.submission) for row in Submission.objects.all())
    for folder in folders:
        assert {path.name for path in (Path("kept") / folder).iterdir()} == {
            *("document", "opening", "statement", "promise")
        }
        assert all(path.stat().st_mode & 0o077 == 0 for path in (Path("kept") / folder).iterdir())


def test_what_somebody_else_signs_with_ones_key_is_found(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    submits(run, world, "A1")
    thief = world.maker.commissions(serial="STOLEN")
    status, said = watches(run, capsys)
    row = Submission.objects.order_by("-entry_id")[0]
    assert (status, thief) == (1, unit("STOLEN"))
    assert said.startswith(f"not_sent: submission {row.submission} is signed with a key of yours")
    assert bytes(row.entry.entry).hex() in said
    assert said.endswith("1 to look at, of 5 under your name\n")


def test_what_was_looked_into_is_found_no_more(run: Callable[..., int], known: None, world: World, capsys: Any) -> None:
    world.maker.commissions(serial="A1")
    assert watches(run, capsys)[0] == 1
    assert run("watch --kept kept --accept") == 0
    assert watches(run, capsys)[0] == 0
    world.maker.commissions(serial="A2")
    status, said = watches(run, capsys)
    assert (status, said.count("not_sent")) == (1, 1)


def test_a_key_that_was_registered_in_ones_name_is_found_and_what_it_signs(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    """An authority that was talked into it, or is in league with somebody."""
    other = Party(world, world.maker.gln, "Maker, they say", world.maker.role)
    world.enrols(other)
    other.commissions(serial="A1")
    status, said = watches(run, capsys)
    assert status == 1
    kid = statements.b64(other.key.public.kid)
    assert f"made_by_others: key {Registration.objects.latest('entry_id').statement_id} was stated about you" in said
    assert f"key {kid}, signed by {world.authority.gln}" in said
    assert f"signed by {world.maker.gln} with {kid}" in said


def test_a_statement_by_oneself_is_kept_too(run: Callable[..., int], known: None, world: World, capsys: Any) -> None:
    Path("next.pem").write_bytes(PrivateKey.generate().to_pem())
    Path("third.pem").write_bytes(PrivateKey.generate().to_pem())
    enrol = f"enrol --key key.pem --gln {world.maker.gln} --new-key"
    assert run(f"{enrol} next.pem --keep kept") == 0
    assert watches(run, capsys)[0] == 0
    assert run(f"{enrol} third.pem") == 0
    status, said = watches(run, capsys)
    assert (status, said.split(":")[0]) == (1, "not_sent")


def test_what_the_node_says_is_ones_own_and_nobody_signed_is_found(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    world.maker.commissions(serial="A1")
    row = Submission.objects.get()
    opened = statements.open_statement(bytes(row.statement))
    forged = statements.sign(opened.payload, PrivateKey.generate())
    Submission.objects.update(statement=forged)
    status, said = watches(run, capsys)
    assert (status, said.split(":")[0]) == (1, "not_signed")
    flipped = bytes(row.statement)[:-1] + bytes([bytes(row.statement)[-1] ^ 1])
    Submission.objects.update(statement=flipped)  # by its name the right key, and not its signature
    assert watches(run, capsys)[1].startswith("not_signed")


def test_what_was_promised_and_is_not_there_is_found(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    submits(run, world, "A1")
    row = Submission.objects.get()
    Submission.objects.update(submitter=world.stranger.gln)
    status, said = watches(run, capsys)
    assert status == 1
    assert said.startswith(f"not_listed: submission {row.submission} was promised to you")


def test_what_is_signed_is_kept_before_anybody_has_it(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    """A client that is stopped while it hands in has its statement, without a promise."""
    submits(run, world, "A1")
    (folder,) = {path.parent for path in Path("kept").glob("*/promise")}
    (folder / "promise").unlink()
    assert watches(run, capsys)[0] == 0
    world.maker.ships(unit("A1"), to=world.pharmacy)
    Path("document.json").write_bytes(document(world.maker.commissioning(unit("A1"))))
    assert run("submit document.json --key key.pem --keep kept") == 2  # it is gone: refused before it is signed
    assert len(list(Path("kept").glob("*/statement"))) == 1


def test_what_was_kept_for_another_log_is_no_business_of_this_node(
    run: Callable[..., int], known: None, world: World, capsys: Any, settings: Any
) -> None:
    submits(run, world, "A1")
    (promise,) = Path("kept").glob("*/promise")
    said = statements.open_statement((promise.parent / "statement").read_bytes()).payload
    elsewhere = Path("kept/elsewhere")
    elsewhere.mkdir()
    changed = type(said)(**{**said.__dict__, "log": "another.example/log"})
    (elsewhere / "statement").write_bytes(statements.sign(changed, world.maker.key))
    (elsewhere / "promise").write_bytes(b"not even one")
    assert watches(run, capsys)[0] == 0


def test_a_folder_that_is_not_there_or_is_damaged_is_said_with_its_name(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    assert run("watch --kept nowhere --once") == 2
    assert "where: nowhere" in capsys.readouterr().err
    submits(run, world, "A1")
    (statement,) = Path("kept").glob("*/statement")
    statement.write_bytes(b"\xff")
    assert run("watch --kept kept --once") == 2
    assert str(statement) in capsys.readouterr().err


def test_it_goes_on_and_tells_everything_once(
    run: Callable[..., int], known: None, world: World, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([lambda: world.maker.commissions(serial="A1"), lambda: None, lambda: world.maker.observes(unit("A1"))])

    def sleep(seconds: float) -> None:
        assert seconds == 7
        step = next(looks, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr("traceability.cli.time.sleep", sleep)
    assert run("watch --kept kept --every 7") == 1
    said = capsys.readouterr().out
    assert said.count("not_sent") == 2


# ---- nodes that are none --------------------------------------------------------------------------------------------


class Circle(BaseHTTPRequestHandler):
    """A list without an end, and lists of nothing."""

    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def circle() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Circle) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [
        b'{"party":"1","settled":"0","next":"5","submissions":[]}',
        b'{"party":"1","settled":"0","next":null}',
        b'{"party":"1","settled":"0","next":null,"submissions":[5]}',
        b'{"party":"1","settled":"0","next":null,"submissions":[{"entry":5}]}',
        b'{"party":"1","settled":0,"next":null,"submissions":[]}',
        b'{"party":"1","settled":"0","next":null,"submissions":[],"statements":[{"entry":"00","envelope":"AA"}]}',
        b'{"party":"1","settled":"0","next":null,"submissions":[],'
        b'"statements":[{"entry":"%s","envelope":"AA"}]}' % (b"0" * 64),
        b'{"party":"1","settled":"0","next":null,"statements":[],"submissions":[{"entry":"%s","submission":"../../x",'
        b'"statement":"AA"}],"statement":"AA"}' % (b"0" * 64),
        b"[]",
        b"",
    ],
)
def test_whoever_is_no_node_gets_a_plain_word_for_it(
    circle: str, body: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(Circle, "body", body)
    assert main(["watch", "--node", circle, "--kept", str(tmp_path), "--once"]) == 2
    assert "unitproof: bad_answer: " in capsys.readouterr().err


def test_what_an_agent_told_for_one_is_shown_and_can_be_accepted(
    run: Callable[..., int], known: None, world: World, capsys: Any
) -> None:
    """With an agent's key somebody else may have told it."""
    given = world.delegates(world.maker, world.distributor, "commissioning")
    assert given
    run("watch --kept kept --accept")
    world.distributor.tells(world.maker.commissioning(unit("A1")))
    status, said = watches(run, capsys)
    row = Submission.objects.get()
    assert status == 1
    assert said.startswith(f"told_for_you: submission {row.submission} was told for you by an agent of yours")
    assert f"signed by {world.distributor.gln}" in said
    assert run(f"watch --kept kept --once --agent {world.distributor.gln}") == 0
    assert run("watch --kept kept --accept") == 0
    assert watches(run, capsys)[0] == 0


def test_the_monitor_of_a_log_looks_after_ones_name_too(
    run: Callable[..., int], known: None, world: World, live_server: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what another has signed with a stolen key, beside whatever is wrong with the log itself."""
    policy = Path("log.policy")
    policy.write_text(f"log {(Path(settings.KEYS_DIR) / 'log.vkey').read_text().strip()}\nquorum none\n")
    told = ["monitor", f"{live_server.url}/log", "--policy", str(policy), "--copy", "copy", "--once"]
    own = ["--kept", "kept", "--node", live_server.url, "--token-file", "token"]
    submits(run, world, "A1")
    tasks.sweep()
    call_command(*told, *own)
    submits(run, world, "A2", more="--keep elsewhere")
    tasks.sweep()
    with pytest.raises(CommandError):
        call_command(*told, *own)
    assert "not_sent: submission " in capsys.readouterr().err
    call_command(*told)
    with pytest.raises(CommandError, match="belong together"):
        call_command(*told, "--kept", "kept")
    monkeypatch.setenv("UNITPROOF_TOKEN", "upt_nobodys")
    with pytest.raises(CommandError, match="not all is as it should be"):
        call_command(*told, *own[:4])
    assert "own_name: invalid_token" in capsys.readouterr().err
