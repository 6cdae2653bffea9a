"""`manage.py demo` and `policy`: what they refuse before they do anything. The story itself: `tests/test_readme.py`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.keys import log_signer
from ledger.tlog import policy as tlog
from traceability.demo import running
from traceability.policy import MalformedPolicy, Policy

ROOT = Path(__file__).resolve().parents[2]
SERVE = "import traceability.wsgi; print('serving', flush=True); input()"


def in_demo(folder: Path) -> dict[str, str]:
    """SQLite and no broker, whatever else is tested here."""
    others = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return others | {"DEMO": "1", "VAR_DIR": str(folder)}


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """A process that has loaded what gunicorn serves, as `DEMO=1 gunicorn traceability.wsgi` does."""
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    command, environment = [sys.executable, "-c", SERVE], in_demo(folder)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=quiet
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        yield
        process.kill()


def test_what_is_served_again_is_not_thrown_away_until_it_ends_however_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with served(folder), pytest.raises(BlockingIOError):
        running.claim(folder)
    os.close(running.claim(folder))


def test_a_story_is_served_by_as_many_as_like_once_it_is_begun(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    beginning = running.claim(folder)
    with pytest.raises(BlockingIOError):
        running.share(folder)
    running.relax(beginning)
    servers = [running.share(folder), running.share(folder)]
    with pytest.raises(BlockingIOError):
        running.claim(folder)
    for held in (beginning, *servers):
        os.close(held)


@pytest.mark.parametrize("port", ["99999", "-1", "eighty", ""])
def test_what_is_no_port_is_refused_in_a_sentence(port: str, tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "demo", f"--port={port}"]
    done = subprocess.run(command, cwd=ROOT, env=in_demo(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"argument --port: {port} is no port: 0 to 65535" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_without_keys_has_no_policy_and_is_given_none(settings: Any) -> None:
    with pytest.raises(CommandError, match="The demo's has; DEMO=1 names it"):
        call_command("policy", stdout=StringIO())
    assert not settings.KEYS_DIR.exists()


def test_a_node_with_keys_has_a_policy(node_keys: None) -> None:
    said = StringIO()
    call_command("policy", stdout=said)
    assert Policy.parse(said.getvalue()).origins == {"localhost/log"}


def test_of_its_policy_the_part_about_logs_is_a_policy_of_the_other_kind(node_keys: None) -> None:
    said = StringIO()
    call_command("policy", "--tlog", stdout=said)
    assert [str(peer.key) for peer in tlog.Policy.parse(said.getvalue()).logs] == [str(log_signer().verifier)]
    with pytest.raises(MalformedPolicy, match="tlog-policy alone"):
        Policy.parse(said.getvalue())
