"""The log in the admin pages: to look at, not to touch."""

import pytest
from django.test import Client

from tests.ledger.conftest import Ledger


@pytest.mark.parametrize("table", ["log", "entry", "checkpoint"])
def test_the_log_can_be_looked_at_and_not_touched(ledger: Ledger, admin_client: Client, table: str) -> None:
    head = ledger.grows(1)
    row = {"log": 1, "entry": ledger.entries and 1, "checkpoint": head.size}[table]
    assert admin_client.get(f"/admin/ledger/{table}/").status_code == 200
    assert admin_client.get(f"/admin/ledger/{table}/add/").status_code == 403
    for action in ("change", "delete"):
        assert admin_client.post(f"/admin/ledger/{table}/{row}/{action}/", {"size": 7}).status_code == 403
