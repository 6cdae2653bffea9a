"""What README tells a newcomer to type, typed; and what it points at, there."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
CHECK = ".venv/bin/unitproof verify var/demo/good.unitproof --policy var/demo/policy.json"
SCAN = re.compile(r"^  (\(01\)\S+)$", re.MULTILINE)


def section(title: str) -> str:
    """From its heading to the next one."""
    return README.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]


def commands(text: str) -> str:
    """The blocks of code, indented or fenced."""
    blocks = re.findall(r"^```sh\n(.*?)^```|((?:^    [^\n]*\n)+)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(fenced or dedent(indented) for fenced, indented in blocks)


@dataclass
class Demo:
    """`make demo` in a checkout of its own: the folder, the port, the process, and what it printed."""

    folder: Path
    port: int
    process: "subprocess.Popen[str]"
    said: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bash(self, script: str) -> "subprocess.CompletedProcess[str]":
        """As typed where the demo was made, but for the port."""
        return subprocess.run(
            ["bash", "-euc", script.replace("http://127.0.0.1:8000", self.address)],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )


def environment(folder: Path) -> dict[str, str]:
    """SQLite and no broker, whatever else is tested here."""
    others = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return others | {"VAR_DIR": str(folder / "var" / "demo"), "COLUMNS": "80"}


def told(folder: Path, port: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=ROOT,
        env=environment(folder) | {"DEMO": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder, port = tmp_path_factory.mktemp("checkout"), free_port()
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "manage.py").symlink_to(ROOT / "manage.py")
    with told(folder, port) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl+C stops it" in line:
                break
        yield Demo(folder, port, process, said)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert not answers(port)  # the server went, too


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_prints_five_packs_that_answer_as_it_says(demo: Demo) -> None:
    verdicts = re.findall(r"^(.+): (verified|refused|caution|unknown)\. ", demo.said, re.MULTILINE)
    assert verdicts == [
        ("A good pack", "verified"),
        ("A dispensed pack", "refused"),
        ("A cloned pack", "caution"),
        ("An unknown pack", "unknown"),
        ("A pack told of by its receiver", "caution"),
    ]
    scans = SCAN.findall(demo.said)
    found = [httpx.get(f"{demo.address}/api/v1/verify", params={"scan": scan}).json()["verdict"] for scan in scans]
    assert found == [verdict for _, verdict in verdicts]


def test_the_good_packs_proof_is_checked_as_told(demo: Demo) -> None:
    assert CHECK in commands(section("Run it"))
    checked = demo.bash(CHECK)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(re.findall(r"^ +\d+  \w+ +ok ", checked.stdout, re.MULTILINE)) == 12


def test_a_newcomer_joins_as_told(demo: Demo) -> None:
    joined = demo.bash(commands(section("Join the demo's node")))
    assert joined.returncode == 0, joined.stderr
    assert joined.stdout.endswith("PROVEN: every step holds\n")
    (scan,) = re.findall(r"scan `(\(01\).*?)`", section("Join the demo's node"))
    answer = httpx.get(f"{demo.address}/api/v1/verify", params={"scan": scan}).json()
    assert (answer["verdict"], answer["product"]["serial"]) == ("verified", "FIRST")


def test_a_story_is_not_told_to_whoever_has_the_port_already(demo: Demo) -> None:
    with told(demo.folder, demo.port) as second:
        said, _ = second.communicate()
    assert second.returncode == 1
    assert f"port {demo.port} is taken" in said
    assert (demo.folder / "var" / "demo" / "good.unitproof").exists()  # nothing was thrown away


def test_a_demo_that_runs_is_not_thrown_away_by_one_at_another_port(demo: Demo) -> None:
    with told(demo.folder, free_port()) as second:
        said, _ = second.communicate()
    assert second.returncode == 1
    assert "a demonstration is running on" in said
    assert "Traceback" not in said
    assert (demo.folder / "var" / "demo" / "good.unitproof").exists()
    assert httpx.get(f"{demo.address}/log/checkpoint").status_code == 200


def test_a_folder_with_something_else_in_it_is_not_thrown_away(tmp_path: Path) -> None:
    kept = tmp_path / "var" / "demo" / "thesis.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("ten years of work")
    with told(tmp_path, free_port()) as process:
        said, _ = process.communicate()
    assert (process.returncode, kept.read_text()) == (1, "ten years of work")
    assert "not thrown away" in said


def places() -> Iterator[str]:
    """What the table says is somewhere: after the first of a row, from that one's folder on."""
    for row in section("Where to look").splitlines():
        names = re.findall(r"`([\w/]+(?:\.py|/))`", row.partition(" | ")[0])
        for name in names:
            whole = name is names[0] or name.startswith("tests/")
            yield name if whole else str(Path(names[0]).parent / name)


@pytest.mark.parametrize("place", list(places()))
def test_what_readme_points_at_is_there(place: str) -> None:
    assert (ROOT / place).exists()
