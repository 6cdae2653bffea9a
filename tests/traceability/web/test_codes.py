"""Every code that anything here gives has its page."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from traceability.api.errors import OTHERS
from traceability.custody import TERMINAL
from traceability.dscsa.verification import REASONS
from traceability.web.codes import CODES

ROOT = Path(__file__).resolve().parents[3]
SPEAKERS = {"_refuse", "_conflict", "_exception", "_note", "Note", "warn", "_warn"}  # of which one argument is a code


def given(path: Path) -> Iterator[str]:
    """The codes that a module's source names: of its error classes, and in calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id == "code" for name in node.targets
        ):
            yield from texts(node.value)
        if isinstance(node, ast.Call):
            speaks = getattr(node.func, "attr", getattr(node.func, "id", "")) in SPEAKERS
            yield from (text for word in node.keywords if word.arg == "code" for text in texts(word.value))
            yield from (text for argument in node.args if speaks for text in texts(argument) if is_code(text))


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to, as far as it is written out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))


def is_code(text: str) -> bool:
    return text.replace("_", "").isalpha() and text.islower()


def modules() -> list[Path]:
    return [path for app in ("ledger", "partners", "traceability") for path in (ROOT / app).rglob("*.py")]


def test_every_code_that_is_given_is_explained() -> None:
    missing = {code: path.name for path in modules() for code in given(path) if code not in CODES}
    assert missing == {}


def test_the_search_finds_codes_however_they_are_given(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "class Bad(Exception):\n    code = 'of_a_class'\n"
        "raise Bad('x', code='in_a_call' if 1 else 'or_another')\n"
        "self._refuse('said', 'A sentence.')\n"
    )
    assert set(given(module)) == {"of_a_class", "in_a_call", "or_another", "said"}


@pytest.mark.parametrize("code", [*REASONS, *(code for _, _, code in OTHERS)])
def test_verdicts_and_http_errors_are_explained(code: str) -> None:
    assert CODES[code].sentence


@pytest.mark.parametrize("code", REASONS)
def test_every_verdict_says_what_to_do(code: str) -> None:
    assert CODES[code].remedy


@pytest.mark.parametrize("code", [code for code, meaning in CODES.items() if meaning.kind == "Custody"])
def test_every_refusal_of_a_move_says_what_to_do(code: str) -> None:
    assert CODES[code].remedy


@pytest.mark.parametrize("end", sorted(TERMINAL))
def test_every_end_has_its_codes(end: str) -> None:
    """They are made of its word: searching the source finds none of them."""
    assert {f"already_{end}", f"{end}_before"} <= CODES.keys()


@pytest.mark.django_db
def test_a_code_has_its_page_and_is_in_the_list(client: Client) -> None:
    page = client.get("/problems/stale_head").text
    assert "Signed over a history that has grown since." in page
    assert "Sign the draft that came with this answer." in page
    assert 'href="/problems/stale_head"' in client.get("/problems/").text


@pytest.mark.django_db
def test_the_list_begins_with_its_kinds(client: Client) -> None:
    page = client.get("/problems/").text
    for kind in {meaning.kind for meaning in CODES.values()}:
        name = kind.lower().replace(" ", "-")
        assert f'<a href="#{name}">{kind}</a>' in page.split("<h2")[0]
        assert page.count(f'<h2 id="{name}">{kind}</h2>') == 1


@pytest.mark.django_db
def test_a_code_that_nobody_gives_has_no_page(client: Client) -> None:
    assert client.get("/problems/made_up").status_code == 404
