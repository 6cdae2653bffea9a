"""docker-compose.yml, read as the engine would: with its variables filled in; and as processes of this machine.

No container engine runs here. A service is started as what it is, a command with an environment, with the container's
addresses and folders replaced by those of a test.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[?-])(?P<more>[^}]*))?\})")


def fill(text: str, values: Mapping[str, str]) -> str:
    """As the specification interpolates: `$$`, `${NAME}`, `${NAME:-default}`, `${NAME:?error}`.

    >>> fill("${A}, ${B:-b} and $$C", {"A": "a"})
    'a, b and $C'
    """

    def one(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        value = values.get(found["name"], "")
        if not value and found["how"] == "?":
            raise KeyError(f"{found['name']}: {found['more']}")
        return value or (found["more"] if found["how"] == "-" else "")

    return _VARIABLE.sub(one, text)


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A document with every text in it changed."""
    match value:
        case str():
            return change(value)
        case list():
            return [each_text(each, change) for each in value]
        case dict():
            return {name: each_text(each, change) for name, each in value.items()}
    return value


def read() -> dict[str, Any]:
    """The file, as YAML has it: merged, not filled in."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


@dataclass(frozen=True)
class Service:
    """A service as a process: what to run, and with which variables beside those of the image."""

    command: list[str]
    environment: dict[str, str]
    health: list[str]  # empty where it has none


def services(values: Mapping[str, str], replaced: Mapping[str, str]) -> dict[str, Service]:
    """The services that run our own image. `replaced`: what stands for what in the container's world."""

    known = re.compile("|".join(map(re.escape, replaced)) or "(?!)")

    def here(text: str) -> str:
        return known.sub(lambda found: replaced[found[0]], fill(text, values))

    found = {name: each for name, each in read()["services"].items() if each["image"].startswith("unitproof:")}
    return {name: _service(each_text(each, here)) for name, each in found.items()}


def _service(service: dict[str, Any]) -> Service:
    kind, *health = service.get("healthcheck", {}).get("test", ["NONE"])
    if kind == "CMD-SHELL":
        health = ["sh", "-c", *health]
    return Service(service["command"], service["environment"], health)
