"""A node on which the story is told, and browsers without a screen."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.traceability.web import shelf
from tests.world import World


@pytest.fixture
def world(transactional_db: None, own_keys_and_authorities: None) -> World:
    """Integrating is a transaction of its own, so nothing here is rolled back."""
    return World()


@pytest.fixture
def told(world: World) -> World:
    shelf.tell(world)
    return world


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> None:
    """As `DEMO=1` has it."""
    settings.DEMO, settings.VAR_DIR = True, tmp_path


@pytest.fixture
def browser() -> Client:
    """Checks CSRF tokens, as browsers find out."""
    return Client(enforce_csrf_checks=False)
