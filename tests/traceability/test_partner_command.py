"""`manage.py partner`: how a newcomer joins."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger.keys import node_key
from partners.models import ApiToken, Partner
from traceability.models import Registration
from traceability.statements import open_statement

GLN = "0614141000012"


def partner(**options: Any) -> str:
    out = StringIO()
    call_command("partner", stdout=out, stderr=StringIO(), **{"gln": GLN, **options})
    return out.getvalue().strip()


def test_a_partner_is_made_and_its_token_printed_once(db: None, node_keys: None) -> None:
    token = partner(name="Maker", role="manufacturer", label="line 3")
    row = ApiToken.objects.select_related("partner").get(digest=ApiToken.digest_of(token))
    assert (row.partner.gln, row.partner.name, row.partner.role, row.label) == (GLN, "Maker", "manufacturer", "line 3")


def test_that_it_takes_part_is_the_operators_word_in_the_log(db: None, node_keys: None) -> None:
    partner(name="Maker", role="manufacturer")
    row = Registration.objects.get(kind="partner")
    opened = open_statement(bytes(row.envelope))
    opened.signed.check(node_key().public)
    assert row.issuer == settings.OPERATOR_GLN
    assert Partner.objects.get().admitted == row.entry_id


def test_a_partner_may_have_another_token(db: None, node_keys: None) -> None:
    tokens = {partner(name="Maker", role="manufacturer"), partner(another_token=True, label="line 4")}
    assert len(tokens) == ApiToken.objects.filter(partner_id=GLN).count() == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gln": "0614141000013", "name": "Maker", "role": "manufacturer"}, "check digit"),
        ({"role": "manufacturer"}, "name"),
        ({"name": "Maker"}, "role"),
        ({"another_token": True}, "no partner has the GLN"),
    ],
)
def test_nothing_is_made_of_what_is_wrong(db: None, node_keys: None, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        partner(**options)
    assert not Partner.objects.exists()
    assert not ApiToken.objects.exists()


def test_a_partner_is_not_made_twice(db: None, node_keys: None) -> None:
    partner(name="Maker", role="manufacturer")
    with pytest.raises(CommandError, match="already exists"):
        partner(name="Another", role="dispenser")
    assert Partner.objects.get().name == "Maker"
    assert ApiToken.objects.count() == 1


def test_its_token_may_go_into_a_file_that_nobody_else_reads(db: None, node_keys: None, tmp_path: Path) -> None:
    out = tmp_path / "works.token"
    said = partner(name="Maker", role="manufacturer", out=out)
    assert ApiToken.objects.get().digest == ApiToken.digest_of(out.read_text().strip())
    assert out.stat().st_mode & 0o777 == 0o600
    assert ApiToken.BEGINNING not in said


def test_where_its_token_cannot_be_written_nobody_is_let_in(db: None, node_keys: None, tmp_path: Path) -> None:
    (tmp_path / "works.token").write_text("another's")
    for out in (tmp_path / "works.token", tmp_path / "nowhere" / "works.token"):
        with pytest.raises(CommandError, match=out.name):
            partner(name="Maker", role="manufacturer", out=out)
    assert (tmp_path / "works.token").read_text() == "another's"
    assert not Partner.objects.exists()
    assert not ApiToken.objects.exists()
    assert not Registration.objects.exists()
