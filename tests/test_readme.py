"""What README tells a newcomer to type, typed; and what it points at, there."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from ledger.tlog.policy import Policy
from tests.chaos.node import wait_for
from traceability.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
CHECK = ".venv/bin/unitproof verify var/demo/good.unitproof --policy var/demo/policy.json"
JOIN, WATCH, LEAVE = "Join the demo's node", "See that a log tells everybody the same", "Leave, erase, accuse"
ANCHOR = "Anchor other data"
EXPORT = "export DEMO=1\n"  # as the first of these sections has it, and the next ones ask for it
SCAN = re.compile(r"^  (\(01\)\S+)$", re.MULTILINE)


def section(title: str) -> str:
    """From its heading to the next one."""
    return README.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]


def commands(text: str) -> str:
    """The blocks of code, indented or fenced."""
    return "\n".join(blocks(text))


def blocks(text: str) -> list[str]:
    """The same, one by one."""
    found = re.findall(r"^```sh\n(.*?)^```|((?:^    [^\n]*\n)+)", text, re.MULTILINE | re.DOTALL)
    return [fenced or dedent(indented) for fenced, indented in found]


def block(title: str, word: str) -> str:
    """The one block of a section that has this word in it."""
    (found,) = (each for each in blocks(section(title)) if word in each)
    return found


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
        return subprocess.run(**self._typed(script), capture_output=True, check=False)

    @contextmanager
    def serving(self, script: str) -> Iterator["subprocess.Popen[str]"]:
        """The same of what runs until it is stopped."""
        pipe = subprocess.PIPE
        with subprocess.Popen(**self._typed(script), stdout=pipe, stderr=pipe, start_new_session=True) as process:
            try:
                yield process
            finally:
                os.killpg(process.pid, signal.SIGTERM)

    def _typed(self, script: str) -> dict[str, Any]:
        typed = ["bash", "-euc", script.replace("http://127.0.0.1:8000", self.address)]
        return {"args": typed, "cwd": self.folder, "env": environment(self.folder), "text": True}


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


def test_the_demo_prints_six_packs_that_answer_as_it_says(demo: Demo) -> None:
    verdicts = re.findall(r"^(.+): (verified|refused|caution|unknown)\. ", demo.said, re.MULTILINE)
    assert verdicts == [
        ("A good pack", "verified"),
        ("A dispensed pack", "refused"),
        ("A cloned pack", "caution"),
        ("A recalled pack", "refused"),
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


@pytest.fixture(scope="module")
def joined(demo: Demo) -> "subprocess.CompletedProcess[str]":
    """Once all of that section was typed: what the sections below it go on from."""
    return demo.bash(commands(section(JOIN)))


def test_a_newcomer_joins_as_told(demo: Demo, joined: "subprocess.CompletedProcess[str]") -> None:
    assert joined.returncode == 0, joined.stderr
    assert (demo.folder / "works.token").stat().st_mode & 0o077 == 0
    assert "PROVEN: every step holds\n" in joined.stdout
    (scan,) = re.findall(r"scan `(\(01\).*?)`", section(JOIN))
    answer = httpx.get(f"{demo.address}/api/v1/verify", params={"scan": scan}).json()
    assert (answer["verdict"], answer["product"]["serial"]) == ("verified", "FIRST")
    assert (answer["product"]["strength"], answer["product"]["described_by"]) == ("5 mg", "licensee")


def test_a_newcomer_lets_another_act_for_it_and_takes_that_back_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(block(JOIN, "unitproof delegate"))
    assert said.returncode == 0, said.stderr
    assert len(re.findall(r"^registered as entry [0-9a-f]{64}$", said.stdout, re.MULTILINE)) == 2


def test_a_newcomer_moves_packs_by_scans_and_leaves_a_key_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(EXPORT + block(JOIN, "unitproof pack") + block(JOIN, "manage.py custodial"))
    assert said.returncode == 0, said.stderr
    assert len(re.findall(r"^accepted \S+; in the log by ", said.stdout, re.MULTILINE)) == 2
    assert len(re.findall(r"^registered as entry [0-9a-f]{64}$", said.stdout, re.MULTILINE)) == 1


def test_a_newcomer_anchors_data_of_its_own_and_compares_it_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(block(ANCHOR, "unitproof anchor"))
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("PROVEN: these are the bytes that were anchored\n")


def test_a_newcomer_calls_back_and_has_the_report_checked_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(EXPORT + block("Call back", "unitproof recall"))
    assert said.returncode == 0, said.stderr
    assert "PROVEN: the list of units is the one that was signed" in said.stdout


def test_anyone_witnesses_the_log_as_told(demo: Demo, joined: Any) -> None:
    port = free_port()
    typed = block(WATCH, "manage.py witness").replace("127.0.0.1:8101", f"127.0.0.1:{port}")
    with demo.serving(EXPORT + typed) as witness:
        assert witness.stdout
        line = witness.stdout.readline()
        assert re.fullmatch(rf"witness witness\.example/w1 witness\.example/w1\+\S+ http://127\.0\.0\.1:{port}\n", line)
        wait_for("the witness", lambda: answers(port))
        head = httpx.get(f"{demo.address}/log/checkpoint").text
        answer = httpx.post(f"http://127.0.0.1:{port}/add-checkpoint", content=f"old 0\n\n{head}".encode())
    assert answer.text.startswith("— witness.example/w1 ")
    policy = (demo.folder / "log.policy").read_text() + line + "quorum witness.example/w1\n"
    assert Policy.parse(policy.replace("quorum none\n", "")).check(head + answer.text).witnesses  # it is such a line


def test_anyone_monitors_the_log_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(EXPORT + blocks(section(WATCH))[0].splitlines()[0] + "\n" + block(WATCH, "monitor"))
    assert said.returncode == 0, said.stderr
    assert "all is well: " in said.stdout
    assert (demo.folder / "copy-of-the-log" / "checkpoint").exists()


def test_a_newcomer_watches_its_name_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(block(WATCH, "unitproof watch"))
    assert said.returncode == 0, said.stdout + said.stderr
    told = re.findall(r"^made_by_others: (\S+) ", said.stdout, re.MULTILINE)
    assert told[:3] == ["partner", "key", "prefix"]  # by operator and office
    assert re.search(r"^0 to look at, of \d+ under your name\n\Z", said.stdout, re.MULTILINE)


def test_a_receipt_is_checked_as_told(demo: Demo, joined: Any) -> None:
    said = demo.bash(block("Receipts and time stamps", "unitproof receipt"))
    assert said.returncode == 0, said.stderr
    assert re.match(r"entry \d+ of the \d+ in ", said.stdout)


def test_a_newcomer_leaves_and_erases_as_told(demo: Demo, joined: Any) -> None:
    left = demo.bash(EXPORT + block(LEAVE, "export-participant"))
    assert left.returncode == 0, left.stderr
    assert left.stdout.endswith("WHOLE: every step holds\n")
    submission, *_ = re.findall(r"^accepted (\S+);", joined.stdout, re.MULTILINE)
    gone = demo.bash(EXPORT + block(LEAVE, "manage.py erase").replace("SUBMISSION", submission))
    assert gone.returncode == 0, gone.stderr
    assert gone.stdout.startswith("erased, by the statement ")


def test_labels_are_printed_as_told(demo: Demo) -> None:
    said = demo.bash(block("Print labels", "unitproof labels"))
    assert (said.returncode, said.stdout) == (0, "labels: 2, pages: 1, in labels.pdf\n"), said.stderr
    assert (demo.folder / "labels.pdf").read_bytes().startswith(b"%PDF-")


def test_a_transaction_is_fetched_and_checked_as_told(demo: Demo) -> None:
    said = demo.bash(block("Transaction information and statements", "unitproof transactions"))
    assert said.returncode == 0, said.stderr
    assert re.search(r"^ 13  pages +ok ", said.stdout, re.MULTILINE)
    assert (demo.folder / "shipment.pdf").read_bytes().startswith(b"%PDF-")


def test_a_route_is_set_as_told(demo: Demo) -> None:
    done = demo.bash(block("Verify between companies", "vrs_route"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9521059\t9521050000013\thttps://maker.example/vrs\tfrom ")


def test_git_ignores_what_a_newcomer_makes(demo: Demo, joined: Any) -> None:
    """And what the other sections make, whether or not they were typed by now."""
    made = {path.name + "/" * path.is_dir() for path in demo.folder.iterdir()} - {"manage.py"}
    made |= {"log.policy", "w1/", "copy-of-the-log/", "works.zip", "two.evidence", "first.unitproof"}
    made |= {
        "packs.csv",
        "labels.pdf",
        "shipments.txt",
        "shipment.pdf",
        "anchored.txt",
        "cut.json",
        "recall.txt",
        "recall.unitproof",
        "units.csv",
    }
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT, input="\n".join(sorted(made)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode == 128:
        pytest.skip("not a git checkout")
    assert set(asked.stdout.split()) == made


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


def test_every_command_is_in_the_table() -> None:
    told = set(re.findall(r"`([a-z_-]+)`", section("Commands")))
    typed = {path.stem for path in ROOT.glob("*/management/commands/[!_]*.py")}
    typed |= set(re.findall(r"^    (\w+) ", _usage(), re.MULTILINE))
    assert typed <= told


def _usage() -> str:
    with pytest.raises(SystemExit), redirect_stdout(StringIO()) as said:
        main(["--help"])
    return said.getvalue()


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
