"""The list of who accredits, as a file; and `manage.py authority`, which adds to it."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ledger.tlog.cose import Algorithm, PrivateKey
from traceability.authorities import Authority, load, save
from traceability.statements import StatementError, b64

GLN = "0614141000036"
KEYS = [PrivateKey.from_seed(bytes(32)), PrivateKey.generate(Algorithm.ESP256)]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    authorities = [Authority(GLN, key.public) for key in KEYS]
    save(tmp_path / "sub" / "authorities.json", authorities)
    assert load(tmp_path / "sub" / "authorities.json") == authorities


def test_without_the_file_nobody_is_trusted(tmp_path: Path) -> None:
    assert load(tmp_path / "authorities.json") == []


GOOD = Authority(GLN, KEYS[0].public).as_json()


OTHER_KID = Authority(GLN, PrivateKey.from_seed(bytes(31) + b"1").public).as_json()["kid"]
DAMAGED: dict[str, Any] = {
    **{f"no-{name}": {other: GOOD[other] for other in GOOD if other != name} for name in GOOD},
    "unknown-member": {**GOOD, "name": "?"},
    "short-gln": {**GOOD, "gln": "06141410000"},
    "gln-a-number": {**GOOD, "gln": 614141000036},
    "kid-of-another-key": {**GOOD, "kid": OTHER_KID},
    "kid-null": {**GOOD, "kid": None},
    "public-padded": {**GOOD, "public": GOOD["public"] + "="},
    "public-cut": {**GOOD, "public": GOOD["public"][:-2]},
    "public-a-list": {**GOOD, "public": []},
    "list": [],
    "null": None,
    "text": "authority",
}


@pytest.mark.parametrize("members", DAMAGED.values(), ids=DAMAGED)
def test_an_authority_that_is_not_quite_one_is_refused(members: Any, tmp_path: Path) -> None:
    path = tmp_path / "authorities.json"
    path.write_text(json.dumps([GOOD, members]))
    with pytest.raises(StatementError):
        load(path)


@pytest.mark.parametrize("content", ["", "{", "{}", "null", '"text"', "[[]]", "\x00", "[" * 100_000])
def test_a_file_that_is_no_list_of_authorities_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "authorities.json"
    path.write_text(content)
    with pytest.raises(StatementError):
        load(path)


def authority(out: Path, gln: str = GLN) -> str:
    said = StringIO()
    call_command("authority", name="Licensing board", gln=gln, out=out, stdout=said)
    return said.getvalue()


def test_the_command_makes_a_key_that_this_node_trusts(tmp_path: Path) -> None:
    said = authority(tmp_path / "first.pem")
    authority(tmp_path / "second.pem")
    keys = [PrivateKey.from_pem((tmp_path / name).read_bytes()) for name in ("first.pem", "second.pem")]
    assert load(settings.AUTHORITIES) == [Authority(GLN, key.public) for key in keys]
    assert b64(keys[0].public.kid) in said


def test_only_its_owner_reads_the_secret_half(tmp_path: Path) -> None:
    authority(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("gln", ["0614141000037", "", "authority"])
def test_an_authority_has_a_gln(gln: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        authority(tmp_path / "key.pem", gln)
    assert load(settings.AUTHORITIES) == []
    assert not (tmp_path / "key.pem").exists()


def test_no_file_is_written_over_and_nothing_is_trusted_then(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        authority(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").read_text() == "mine"
    assert load(settings.AUTHORITIES) == []
