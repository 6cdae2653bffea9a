"""`unitproof labels`: a table or a list becomes a PDF, without any node."""

import json
from pathlib import Path

import pytest

from traceability.cli import main

from .printed import measured, printed, scanned
from .test_label import CASE, PACK

TABLE = "gtin,serial,expiry,lot\n00614141123452,A(10)C,2028-12-31,L1\n00614141123452,A2,281200,L1\n"


def run(typed: str) -> int:
    return main(typed.split())


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "packs.csv").write_text(TABLE)
    (tmp_path / "wrong.csv").write_text(TABLE + "00614141123453,A3,281200,L1\n")
    (tmp_path / "cases.JSON").write_text(json.dumps([CASE, {"sscc": CASE["sscc"]}]))
    (tmp_path / "packs.json").write_text(json.dumps([PACK] * 14))
    return tmp_path


def test_a_table_is_printed_on_sheets(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("labels packs.csv --stock letter-3x10 --dpi 600 --out labels.pdf") == 0
    assert capsys.readouterr().out == "labels: 2, pages: 1, in labels.pdf\n"
    (page,) = printed((files / "labels.pdf").read_bytes(), 600)
    assert {text for _, text in scanned(page)} == {
        "010061414112345221A(10)C\x1d1728123110L1",
        "010061414112345221A2\x1d1728120010L1",
    }


def test_a_list_is_printed_on_a_roll(files: Path) -> None:
    assert run("labels cases.JSON --stock 150x100 --dpi 203 --symbol gs1-128 --out labels.pdf") == 0
    pages = printed((files / "labels.pdf").read_bytes(), 203)
    assert [len(scanned(page)) for page in pages] == [2, 1]


def test_ones_own_sheet_is_printed_on(files: Path) -> None:
    assert run("labels packs.json --stock 40x20/2x5/100x120/8x8/4x1 --out labels.pdf") == 0
    assert [len(symbols) for _, symbols in measured((files / "labels.pdf").read_bytes())] == [10, 4]


def test_a_qr_code_begins_with_ones_own_address(files: Path) -> None:
    typed = "labels packs.csv --symbol qr --stock 60x40 --resolver https://maker.example/m --out labels.pdf"
    assert run(typed) == 0
    first, _ = printed((files / "labels.pdf").read_bytes(), 300)
    ((_, link),) = scanned(first)
    assert link.startswith("https://maker.example/m/01/00614141123452/10/L1/21/A%2810%29C?17=281231")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "labels wrong.csv",
            "bad_check_digit: AI 01: wrong check digit in 00614141123453\n  where: wrong.csv: line 4: ",
        ),
        ("labels gone.csv", "file_error: No such file or directory\n  where: gone.csv"),
        ("labels key.pem", "unsupported_syntax: which form?\n  where: key.pem\n  expected: .json, .csv"),
        ("labels packs.csv --dpi 72", "unknown_resolution: not one that is known here\n  where: dpi"),
        ("labels packs.csv --stock a5", "unknown_stock: no such stock\n  where: stock\n  expected: a4-5x13"),
        ("labels packs.csv --symbol aztec", "unknown_symbol: not one that is known here"),
        (
            "labels packs.csv --stock 7x9",
            "symbol_does_not_fit: the symbol is larger than the label\n  where: line 2",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    typed: str, said: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*typed.split(), "--out", "labels.pdf"]) == 2
    assert capsys.readouterr().err.startswith(f"unitproof: {said}")
    assert not (files / "labels.pdf").exists()


def test_all_wrong_lines_are_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "wrong.csv").write_text(TABLE + "00614141123453,A3,281200,L1\n" + "00614141123452,A4,281301,L1\n" * 101)
    assert run("labels wrong.csv --out labels.pdf") == 2
    first, *_, last, more = capsys.readouterr().err.splitlines()
    assert first.startswith("unitproof: bad_check_digit: ")
    assert last.startswith("also at line 103: expiry: bad_date: ")
    assert more == "and 2 more"
