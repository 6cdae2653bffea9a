"""Imports flow one way, and pure packages stay pure (HOUSE section 2)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("ledger", "partners", "traceability")

#: What an app may not import.
FORBIDDEN = {"ledger": {"partners", "traceability"}, "partners": {"ledger", "traceability"}, "traceability": set()}

#: Importable and testable without Django: packages named for a standard, and the steps of the flow that are values.
PURE = (
    "ledger.tlog",
    "ledger.anchor",
    "partners.gs1",
    "partners.covering",
    "traceability.epcis",
    *(
        f"traceability.{step}"
        for step in (
            *("errors", "custody", "facts", "lawful", "act", "reversal", "judgement", "ordering", "telling"),
            *("moving", "receiving"),
            *("submission", "statements", "authorities", "policy", "rules", "bundle", "client", "receipts"),
            *("reporting", "watching", "archive", "convict", "labels"),
            *("cli", "cli_jobs", "cli_master", "cli_moves", "cli_anchors", "cli_returns", "cli_readers"),
            *("cli_notices", "cli_recalls", "cli_traces", "left_out"),
            *("permutation", "numbering", "line_report", "number_files", "outbound", "master_files"),
            "standard_webhooks",
            *("dscsa.statements", "dscsa.paper", "dscsa.attached", "cli_transactions"),
            *("demo.documents", "simulator.plan", "simulator.faults", "simulator.observing", "simulator.score"),
            *("dscsa.pdg", "cli_exceptions"),
            *("dscsa.form_3911", "dscsa.form_3911_pdf", "cli_investigate"),
        )
    ),
)
LIBRARIES = {"cryptography", "cbor2", "rfc8785", "lxml"}
MORE_LIBRARIES = {
    "traceability.client": {"httpx"},  # to a node
    "traceability.outbound": {"httpx"},  # to a stranger
    "traceability.cli": {"httpx", "rich"},  # to a person
    "traceability.labels.symbols": {"barcode", "pystrich"},
    "traceability.labels.qr_code": {"segno"},
    "traceability.dscsa.paper": {"reportlab"},
    "traceability.dscsa.form_3911_pdf": {"reportlab"},
    "traceability.labels.pdf": {"reportlab"},  # and nobody loads it who only shows a symbol
    "ledger.anchor.rfc3161": {"rfc3161_client"},  # and nobody loads it who has no time stamp to check
}
SERVERS = ("django", "celery", "rest_framework", "kombu", "psycopg", "redis")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(app: str) -> dict[str, Path]:
    """Every module of an app that exists today, by its dotted name."""
    return {module_name(path): path for path in sorted((ROOT / app).rglob("*.py"))}


def imports(name: str, path: Path) -> Iterator[str]:
    """The dotted names that a module imports anywhere in it, relative ones made absolute."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            yield from (f"{source}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def pure_modules() -> dict[str, Path]:
    return {name: path for app in APPS for name, path in modules(app).items() if within(name, PURE)}


@pytest.mark.parametrize("app", ["ledger", "partners"])
def test_an_app_knows_neither_its_neighbour_nor_what_is_above_it(app: str) -> None:
    upward = {
        (name, imported)
        for name, path in modules(app).items()
        for imported in imports(name, path)
        if imported.split(".")[0] in FORBIDDEN[app]
    }
    assert not upward


def test_pure_modules_import_only_each_other_and_a_few_libraries() -> None:
    allowed = sys.stdlib_module_names | LIBRARIES
    impure = {
        (name, imported)
        for name, path in pure_modules().items()
        for imported in imports(name, path)
        if imported.split(".")[0] not in allowed | MORE_LIBRARIES.get(name, set()) and not within(imported, PURE)
    }
    assert not impure


def test_importing_every_pure_module_loads_no_server_software() -> None:
    script = (
        "import importlib, sys\n"
        f"for name in {sorted(pure_modules())!r}:\n"
        "    importlib.import_module(name)\n"
        f"print(*sorted(set({SERVERS!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize("app", APPS)
def test_the_init_of_an_app_is_a_docstring_and_nothing_else(app: str) -> None:
    (docstring,) = ast.parse((ROOT / app / "__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr)


def test_the_rule_would_notice_what_it_forbids(tmp_path: Path) -> None:
    module = tmp_path / "log.py"
    module.write_text("from ..partners import models\nimport traceability.capture as capture\n")
    assert set(imports("ledger.sub.log", module)) == {"ledger.partners.models", "traceability.capture"}
