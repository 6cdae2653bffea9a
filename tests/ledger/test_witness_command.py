"""A witness alone: one command, a folder, and a list of logs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from ledger.tlog import note
from ledger.tlog.checkpoint import CosignatureVerifier
from ledger.tlog.note import parse_key
from tests.chaos.node import free_port, listens, wait_for
from tests.ledger.test_witness import LOG, head, request

ROOT = Path(__file__).resolve().parents[2]


def start(folder: Path, port: int, logs: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "witness", str(folder), "--name", "witness.example/w1"]
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(folder / "var")}
    process = subprocess.Popen(
        [*command, "--logs", str(logs), "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    wait_for("the witness", lambda: listens(port) or process.poll() is not None)
    return process


def kill(process: Any) -> None:
    """kill -9, with the process that it has forked."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.read()  # to its end: once the last of them is gone, and nobody listens any more
    process.stdout.close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs.policy").write_text(f"log {LOG.verifier}\nquorum none\n")
    return tmp_path / "logs.policy"


@pytest.fixture
def own_settings(settings: Any) -> None:
    """The command changes these for its own process."""
    for name in ("WITNESS_NAME", "ROOT_URLCONF", "DEBUG", "MIDDLEWARE"):
        setattr(settings, name, getattr(settings, name))


@pytest.fixture
def started() -> Iterator[list[Any]]:
    processes: list[Any] = []
    yield processes
    for process in processes:
        kill(process)


def test_it_cosigns_remembers_over_a_kill_and_prints_the_line_of_a_policy(
    tmp_path: Path, logs: Path, started: list[Any]
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/add-checkpoint"
    started.append(start(tmp_path / "w1", port, logs))
    answer = httpx.post(address, content=request(0, 7).encode())
    printed = started[0].stdout.readline().decode()
    line = re.fullmatch(r"witness (\S+) (\S+) (\S+)\n", printed)
    assert line, printed
    verifier = parse_key(line[2], [CosignatureVerifier])
    assert note.open(head(7) + answer.text, [verifier]).signatures
    kill(started[0])
    started.append(start(tmp_path / "w1", port, logs))
    again = httpx.post(address, content=request(0, 8).encode())
    assert (again.status_code, again.text) == (409, "7\n")
    assert httpx.get(f"http://127.0.0.1:{port}/admin/").status_code == 404  # a witness answers nothing else


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("quorum none\n", "logs.policy: no log to witness; expected a `log` line for each"),
        (f"log {LOG.verifier}\n", "logs.policy: quorum lines; expected one, such as `quorum none`; found 0"),
        ("log\nquorum none\n", "logs.policy: line 1: not a log, witness, group or quorum line; found log"),
        ('{"v": 1, "tlog": ""}', "logs.policy: JSON, a policy for `unitproof verify`; expected a c2sp.org/tlog-policy"),
        (None, "logs.policy: No such file or directory"),
    ],
    ids=["no-log", "no-quorum", "no-key", "of-the-other-kind", "no-file"],
)
def test_without_a_log_to_witness_it_says_so_and_makes_nothing(
    written: str | None, said: str, tmp_path: Path, logs: Path
) -> None:
    logs.write_text(written) if written is not None else logs.unlink()
    with pytest.raises(CommandError) as refused:
        call_command("witness", tmp_path / "w1", name="witness.example/w1", logs=logs)
    assert str(refused.value).startswith(f"{tmp_path}/{said}")
    assert not (tmp_path / "w1").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--name", "w 1"), "not a named key; expected a name"),
        (("--name", "witness.example/w1", "--bind", "127.0.0.1:here"), "127.0.0.1:here is no address"),
    ],
)
def test_a_name_or_an_address_that_is_none_makes_nothing_either(
    typed: tuple[str, ...], said: str, tmp_path: Path, logs: Path, own_settings: None
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("witness", str(tmp_path / "w1"), "--logs", str(logs), *typed)
    assert not (tmp_path / "w1").exists()
