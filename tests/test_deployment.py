"""Dockerfile and docker-compose.yml, as far as they can be read: what they name is there, and what must hold does.

That the same services work together, `tests/chaos/test_topology.py` shows.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema_rs
import pytest

from tests import compose
from tests.compose import ROOT
from traceability import probe

VALUES = {"ALLOWED_HOSTS": "pharma.example", "LOG_ORIGIN": "pharma.example/log", "OPERATOR_GLN": "0614141000012"}

# ---- Dockerfile -----------------------------------------------------------------------------------------------------


def instructions() -> Iterator[tuple[str, str]]:
    """Each of the Dockerfile's, with its arguments on one line."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def arguments(of: str) -> list[str]:
    return [rest for name, rest in instructions() if name == of]


def test_every_instruction_is_one() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert {name for name, _ in instructions()} == known


def test_what_is_copied_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [each for rest in arguments("COPY") if "--from" not in rest for each in rest.split()[:-1]]
    assert "traceability" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    assert ignored[1] == "*"


def test_images_are_pinned_and_packages_by_hash() -> None:
    images = [rest.split()[0] for rest in arguments("FROM")]
    images += [each["image"] for each in compose.read()["services"].values()]
    for image in images:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[\w-]+)?", image), image
    (install,) = (rest for rest in arguments("RUN") if "pip install" in rest)
    assert "--require-hashes -r requirements.lock" in install


def test_it_does_not_run_as_root() -> None:
    assert arguments("USER") == ["10001:10001"]
    assert [name for name, _ in instructions()][-4:] == ["USER", "EXPOSE", "HEALTHCHECK", "CMD"]


def test_no_secret_is_baked_in() -> None:
    assert not re.search(r"SECRET|TOKEN|PASSWORD|DATABASE_URL", " ".join(arguments("ENV") + arguments("COPY")))
    for pattern in ("**/*.pem", "**/*.memory", "**/*.sqlite3"):
        assert pattern in (ROOT / ".dockerignore").read_text().splitlines()


def test_static_files_are_collected_as_the_image_does_it(tmp_path: Path) -> None:
    (command,) = (rest for rest in arguments("RUN") if "collectstatic" in rest)
    environment = {"PATH": path(), "STATIC_ROOT": str(tmp_path / "static"), "VAR_DIR": str(tmp_path / "var")}
    subprocess.run(["sh", "-euc", command], cwd=ROOT, env=environment, check=True, capture_output=True)
    assert (tmp_path / "static" / "staticfiles.json").exists()


def path() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


# ---- docker-compose.yml ---------------------------------------------------------------------------------------------

TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": {"type": "string"}}
DURATION = {"type": "string", "pattern": "^\\d+(ms|s|m|h)$"}
#: Of the Compose specification, what this file uses; whatever else it says is refused.
SCHEMA = {
    "type": "object",
    "required": ["services"],
    "patternProperties": {"^x-": {"type": "object"}},
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {"additionalProperties": {"$ref": "#/$defs/service"}},
        "volumes": {"additionalProperties": {"type": "null"}},
        "secrets": {
            "additionalProperties": {
                "required": ["file"],
                "properties": {"file": TEXT},
                "additionalProperties": False,
            }
        },
    },
    "$defs": {
        "service": {
            "required": ["image", "healthcheck", "restart", "deploy", "logging"],
            "additionalProperties": False,
            "properties": {
                "image": TEXT,
                "build": TEXT,
                "init": {"type": "boolean"},
                "read_only": {"type": "boolean"},
                "tmpfs": TEXTS,
                "cap_drop": TEXTS,
                "security_opt": TEXTS,
                "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                "logging": {
                    "properties": {"driver": TEXT, "options": {"additionalProperties": {"type": "string"}}},
                    "additionalProperties": False,
                },
                "command": TEXTS,
                "network_mode": {"enum": ["none"]},
                "environment": {"additionalProperties": {"type": "string"}},
                "secrets": TEXTS,
                "volumes": {"type": "array", "items": {"pattern": "^[a-z-]+:/[a-z/]+(:ro)?$"}},
                "ports": TEXTS,
                "shm_size": TEXT,
                "stop_grace_period": DURATION,
                "healthcheck": {
                    "additionalProperties": False,
                    "properties": {
                        "disable": {"type": "boolean"},
                        "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}]},
                        "interval": DURATION,
                        "timeout": DURATION,
                        "start_period": DURATION,
                        "retries": {"type": "integer"},
                    },
                },
                "depends_on": {
                    "additionalProperties": {
                        "required": ["condition"],
                        "additionalProperties": False,
                        "properties": {
                            "condition": {
                                "enum": ["service_started", "service_healthy", "service_completed_successfully"]
                            }
                        },
                    }
                },
                "deploy": {
                    "required": ["resources"],
                    "additionalProperties": False,
                    "properties": {
                        "resources": {
                            "additionalProperties": False,
                            "properties": {
                                "limits": {
                                    "required": ["cpus", "memory"],
                                    "additionalProperties": False,
                                    "properties": {"cpus": TEXT, "memory": {"pattern": "^\\d+[MG]$"}},
                                }
                            },
                        }
                    },
                },
            },
        }
    },
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return compose.read()


def test_it_is_a_compose_file(document: dict[str, Any]) -> None:
    found = [f"{error.instance_path}: {error.message}" for error in jsonschema_rs.iter_errors(SCHEMA, document)]
    assert not found


def test_the_schema_would_notice(document: dict[str, Any]) -> None:
    damaged = compose.read()
    damaged["services"]["web"]["healthchek"] = damaged["services"]["web"].pop("healthcheck")
    assert not jsonschema_rs.is_valid(SCHEMA, damaged)


def test_the_services_are_those_of_the_design(document: dict[str, Any]) -> None:
    assert set(document["services"]) == {
        *("setup", "signer", "web", "worker", "beat", "witness"),
        *("postgres", "redis"),
    }


def test_what_services_name_is_declared_and_what_is_declared_is_used(document: dict[str, Any]) -> None:
    services = document["services"].values()
    mounted = {volume.split(":")[0] for each in services for volume in each.get("volumes", [])}
    secrets = {secret for each in services for secret in each.get("secrets", [])}
    needed = {name for each in services for name in each.get("depends_on", {})}
    assert mounted == set(document["volumes"])
    assert secrets == set(document["secrets"])
    assert needed <= set(document["services"])


def test_a_file_that_is_read_is_mounted_and_a_secret_is_nowhere_else(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        environment = service.get("environment", {})
        files = {value for key, value in environment.items() if key.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service.get("secrets", [])}, name
        assert not environment.keys() & {"SECRET_KEY", "DATABASE_URL", "METRICS_TOKEN", "POSTGRES_PASSWORD"}


def test_only_the_signer_and_who_makes_it_see_the_logs_key(document: dict[str, Any]) -> None:
    seen = [name for name, each in document["services"].items() if "signer-keys" in str(each.get("volumes"))]
    assert seen == ["setup", "signer"]
    assert document["services"]["signer"]["network_mode"] == "none"


def test_ours_run_unprivileged_on_a_root_that_cannot_be_written(document: dict[str, Any]) -> None:
    for name, service in document["services"].items():
        if "build" in service:
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
            assert service["security_opt"] == ["no-new-privileges:true"]


def test_nothing_is_served_beyond_this_machine(document: dict[str, Any]) -> None:
    ports = [port for each in document["services"].values() for port in each.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("missing", sorted(VALUES))
def test_it_does_not_start_without(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        compose.services({name: value for name, value in VALUES.items() if name != missing}, {})


def test_every_program_and_module_is_there() -> None:
    for name, service in compose.services(VALUES, {}).items():
        for command in filter(None, (service.command, service.health)):
            program = ROOT / command[0]
            if command[0] in ("gunicorn", "celery"):
                program = Path(sys.executable).parent / command[0]
            assert command[0] in ("python", "sh") or program.exists(), name
            if "-m" in command:
                assert importlib.util.find_spec(command[command.index("-m") + 1])
    assert importlib.util.find_spec("traceability.wsgi")


def test_mounts_are_folders_that_the_image_makes_for_its_user(document: dict[str, Any]) -> None:
    (made,) = (rest for rest in arguments("RUN") if "install -d" in rest)
    folders = {f"/var/lib/{folder}" for folder in made.split("-g unitproof ", 1)[1].split()}
    for service in document["services"].values():
        if "build" in service:
            assert {volume.split(":")[1] for volume in service.get("volumes", [])} <= folders


# ---- the probe ------------------------------------------------------------------------------------------------------


class _Answers(BaseHTTPRequestHandler):
    """Says no to any host but one."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "pharma.example" else 400)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("hosts", "wanted", "outcome"),
    [("pharma.example,other", "200", 0), (".pharma.example", "200", 0), ("*", "200", 1), ("*", "400", 0)],
)
def test_the_probe_asks_as_a_host_that_is_allowed(
    hosts: str, wanted: str, outcome: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        assert probe.main(f"http://127.0.0.1:{server.server_port}/live", wanted) == outcome
        server.shutdown()
    assert probe.main(f"http://127.0.0.1:{server.server_port}/live", wanted) == 1  # nobody is there


# ---- what README says of it -----------------------------------------------------------------------------------------


def test_readme_sets_what_compose_asks_for_and_names_settings_that_exist() -> None:
    told = (ROOT / "README.md").read_text().split("## Run a node\n")[1].split("\n## ")[0]
    asked = re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text())
    assert re.findall(r"^    ([A-Z_]+)=", told, re.MULTILINE) == asked
    table = "".join(line.split("|")[1] for line in told.splitlines() if line.startswith("| `"))
    names = re.findall(r"`([A-Z_]+)`", table)
    assert len(names) >= 15
    settings = (ROOT / "traceability" / "settings.py").read_text()
    assert [name for name in names if f'"{name}"' not in settings] == []


# ---- secrets --------------------------------------------------------------------------------------------------------


def test_secrets_are_made_once_and_shut_away(document: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    subprocess.run(["deploy/secrets.sh", str(folder)], cwd=ROOT, check=True)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    subprocess.run(["deploy/secrets.sh", str(folder)], cwd=ROOT, check=True)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert first.keys() == document["secrets"].keys()
    assert len(set(first.values())) == 4
    assert min(map(len, first.values())) == 64
    assert f":{first['postgres_password']}@postgres:" in first["database_url"]
    assert (folder.stat().st_mode & 0o777, (folder / "secret_key").stat().st_mode & 0o777) == (0o700, 0o444)
