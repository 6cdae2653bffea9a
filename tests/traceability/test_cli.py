"""The `unitproof` command, where something is wrong: what it says, and with which status it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.tlog.cose import PrivateKey
from traceability.cli import main
from traceability.convict import BrokenPromise, write

GLN, WRONG_GLN = "9521050000013", "9521050000014"
ENTRY = "5f" * 32
NOWHERE = "http://127.0.0.1:9"  # the port "discard": nobody answers


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key.pem").write_bytes(PrivateKey.generate().to_pem())
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xa4")
    (tmp_path / "token").write_text("upt_word")
    (tmp_path / "lines").write_text("upt_one\nupt_two\n")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "policy").write_text('{"v":1}')
    (tmp_path / "trusted").write_text(
        '{"v":1,"tlog":"log PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\\nquorum none\\n",'
        '"authorities":[],"nodes":[]}'
    )
    (tmp_path / "works.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "lines.policy").write_text("quorum none\n")
    (tmp_path / "half").write_text('{"v":1,"tlog":"# a log\\n","authorities":[],"nodes":[]}')
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("verify gone --policy trusted", "file_error: No such file or directory\n  where: gone"),
        ("verify text --policy gone", "file_error: No such file or directory\n  where: gone"),
        ("verify text --policy bytes", "not_utf8: not a text\n  where: bytes\n  found: b'\\xff\\xfe\\xa4'"),
        ("verify text --policy policy", "malformed_policy: not a policy\n  where: policy\n  expected: v, "),
        (
            "verify text --policy lines.policy",
            "malformed_policy: a c2sp.org/tlog-policy alone\n  where: lines.policy\n  expected: JSON, as `manage.py",
        ),
        (
            "verify text --policy half",
            "malformed_policy: quorum lines\n  where: half: tlog\n  expected: one, such as `quorum none`\n  found: 0",
        ),
        ("show works.zip", "malformed_bundle: an archive: `unitproof verify` checks it\n  where: works.zip"),
        ("receipt text --kept gone --policy trusted", "file_error: No such file or directory\n  where: gone"),
        (
            "receipt text --policy trusted",
            "parameter_missing: nothing says what has to be in the log\n  where: receipt\n  expected: --kept FOLDER",
        ),
        (
            "receipt text --kept . --policy trusted",
            "not_found: no such submission is kept here\n  where: .\n  expected: what `submit --keep` wrote",
        ),
        ("show text", "not_cbor: not CBOR: "),
        (f"receipt gone --entry {ENTRY} --policy trusted", "file_error: No such file or directory\n  where: gone"),
        (f"receipt text --entry {ENTRY} --policy trusted", "malformed_proof: not a proof\n  where: text"),
        (f"watch --node {NOWHERE} --kept gone --once", "file_error: No such file or directory\n  where: gone"),
        ("keygen --out key.pem", "file_error: File exists\n  where: key.pem"),
        (
            f"submit text --key text --node {NOWHERE} --token-file token",
            "malformed_key: not an Ed25519 or P-256 private key",
        ),
        (f"submit text --key key.pem --node {NOWHERE} --token-file bytes", "not_utf8: not a text\n  where: bytes"),
        (
            f"submit text --key key.pem --node {NOWHERE} --token-file token",
            "unsupported_syntax: neither JSON nor XML\n  where: line 1, column 1\n  expected: { or <",
        ),
        (f"submit text --key key.pem --node {NOWHERE} --token-file lines", "malformed_token: not an API token"),
        (f"proof urn:x:y --out x --node {NOWHERE}", f"no_answer: [Errno 111] Connection refused\n  where: {NOWHERE}"),
    ],
)
def test_what_goes_wrong_is_said_with_its_code_and_place(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"unitproof: {said}")
    assert "\n  where: " in err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (f"prefix --node {NOWHERE} --key key.pem --gln {WRONG_GLN} --about {GLN} 9521050", "expected 3; found 4"),
        (f"prefix --node {NOWHERE} --key key.pem --gln {GLN} --about {WRONG_GLN} 9521050", "expected 3; found 4"),
        (f"prefix --node {NOWHERE} --key key.pem --gln {GLN} --about {GLN} 09521050000014", "expected 3; found 4"),
        (f"enrol --node {NOWHERE} --key key.pem --gln 952 --new-key key.pem", "expected 13 digits"),
        ("proof urn:x:y --out x --node 127.0.0.1:8123", "'127.0.0.1:8123'; expected http:// or https://, and a host"),
        ("proof urn:x:y --out x --node localhost:8123", "'localhost:8123'; expected http:// or https://, and a host"),
        ("proof urn:x:y --out x --node http://x:99999", "'http://x:99999'; expected http:// or https://, and a host"),
        (f"collect ../tokens --out x --node {NOWHERE}", "not the id of a submission: '../tokens'"),
        ("receipt text --entry 00 --policy trusted", "expected 64 hexadecimal digits"),
        (f"receipt text --entry {'x' * 64} --policy trusted", "expected 64 hexadecimal digits"),
        ("verify text", "--policy"),
        ("", "COMMAND"),
    ],
)
def test_what_is_typed_wrong_is_said_before_anything_is_asked(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(typed.split())
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"c2sp.org/tlog-proof@v1\n", "a receipt: `unitproof receipt` checks it"),
        (b"\xd2\x84\x40\xa0\xf6\x40", "a signed statement, promise or status: `unitproof show` prints it"),
        (
            write(BrokenPromise(b"promise", "checkpoint", (bytes(32),))),
            "evidence: `unitproof convict` judges it",
        ),
    ],
    ids=["receipt", "statement", "evidence"],
)
def test_what_is_no_bundle_is_said_to_be_what_it_is(
    data: bytes, said: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "first").write_bytes(data)
    assert main(["verify", "first", "--policy", "trusted"]) == 1
    out, err = capsys.readouterr()
    assert "step 1 fails: " in out
    assert err == f"unitproof: first is {said}\n"


def test_of_what_is_not_known_nothing_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "text", "--policy", "trusted"]) == 1
    assert capsys.readouterr().err == ""


def test_a_reader_who_has_seen_enough_is_told_nothing_more() -> None:
    command = f"{sys.executable} -m traceability.cli verify text --policy trusted"
    root = Path(__file__).resolve().parents[2]
    piped = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (piped.returncode, piped.stderr) == (2, "")
