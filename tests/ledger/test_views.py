"""The log over HTTP: what a stranger reads is enough to recompute it."""

from base64 import urlsafe_b64encode
from typing import Any

import cbor2
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from ledger import log
from ledger.tlog import merkle
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.cose import Algorithm, PrivateKey, PublicKey
from ledger.tlog.note import Signer
from ledger.tlog.receipt import Receipt
from ledger.tlog.tiles import Tile, TileReader, decode_entries, hashes_of, tiles_of
from tests.ledger.conftest import Ledger


def get(client: Client, name: object, **headers: str) -> HttpResponse:
    response = client.get(f"/log/{name}", headers=headers)
    assert isinstance(response, HttpResponse)
    return response


def test_a_stranger_recomputes_the_log_from_what_is_published(ledger: Ledger, client: Client) -> None:
    for count in (256, 1, 600):
        ledger.grows(count)
    head = Checkpoint.open(get(client, "checkpoint").content.decode(), [ledger.signer.key.verifier])
    published = {tile: get(client, tile).content for tile in tiles_of(head.size)}
    assert merkle.root_from(TileReader(published.__getitem__, head.size), head.size) == head.root
    entries: list[bytes] = []
    for tile in (tile for tile in published if tile.level == 0):
        bundle = decode_entries(get(client, tile.bundle).content)
        assert list(map(merkle.leaf_hash, bundle)) == hashes_of(published[tile])
        entries += bundle
    assert entries == ledger.entries
    assert merkle.root_of(list(map(merkle.leaf_hash, entries))) == head.root


def test_a_partial_tile_is_still_there_when_a_wider_one_is(ledger: Ledger, client: Client) -> None:
    ledger.grows(10)
    before = [get(client, name).content for name in ("tile/0/000.p/10", "tile/entries/000.p/10")]
    ledger.grows(500)
    assert [get(client, name).content for name in ("tile/0/000.p/10", "tile/entries/000.p/10")] == before


def test_each_kind_says_what_it_is_and_how_long_it_keeps(ledger: Ledger, client: Client) -> None:
    ledger.grows(300)
    checkpoint, tile, partial, bundle = (
        get(client, name) for name in ("checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/entries/000")
    )
    assert checkpoint["Content-Type"] == "text/plain; charset=utf-8"
    assert checkpoint["Cache-Control"] == "public, max-age=1"
    for response in (tile, partial, bundle):
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert len(tile.content) == 8192


def test_what_is_known_already_is_not_sent_again(ledger: Ledger, client: Client) -> None:
    ledger.grows(1)
    for name in ("checkpoint", "tile/0/000.p/1"):
        etag = get(client, name)["ETag"]
        again = get(client, name, if_none_match=etag)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    old = get(client, "checkpoint")["ETag"]
    ledger.grows(1)
    assert get(client, "checkpoint", if_none_match=old).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/001",
        "tile/0/000",
        "tile/0/000.p/6",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/000.p/6",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/0",
        "tile/00/000.p/5",
        "tile/0/000.p/05",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/64/000.p/1",
        "tile/0/x000/000.p/5",
        "tile/entries/../0/000.p/5",
        "tile/0/%F0%9F%92%8A",
    ],
)
def test_what_is_not_there_is_a_plain_404(ledger: Ledger, client: Client, name: str) -> None:
    ledger.grows(5)
    response = get(client, name)
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_a_log_without_entries_says_so(db: None, node_keys: None, client: Client) -> None:
    origin, size, *_ = get(client, "checkpoint").content.decode().split("\n")
    assert (origin, size) == (settings.LOG_ORIGIN, "0")


def test_it_can_be_read_and_nothing_else(ledger: Ledger, client: Client) -> None:
    ledger.grows(1)
    for name in ("/log/checkpoint", "/log/tile/0/000.p/1"):
        head = client.head(name)
        assert (head.status_code, head.content) == (200, b"")
        assert head["ETag"] == client.get(name)["ETag"]
        for method in (client.post, client.put, client.delete, client.patch):
            assert method(name).status_code == 405


def test_reading_takes_one_query(ledger: Ledger, client: Client, django_assert_num_queries: object) -> None:
    ledger.grows(300)
    for name in ("checkpoint", "tile/0/000", "tile/entries/000"):
        with django_assert_num_queries(1):  # type: ignore[operator]
            get(client, name)


def test_i5_a_bundle_has_nothing_but_32_byte_entries(ledger: Ledger, client: Client) -> None:
    ledger.grows(5)
    assert len(get(client, "tile/entries/000.p/5").content) == 5 * (2 + 32)
    assert log.read(Tile(0, 0, 5)) == get(client, "tile/0/000.p/5").content


# Receipts, and the keys that they are checked with


def test_every_entry_has_a_receipt_under_a_key_that_is_published(ledger: Ledger, client: Client) -> None:
    for count in (1, 300, 5):
        ledger.grows(count)
    answer = client.get("/.well-known/scitt-keys")
    assert answer["Content-Type"] == "application/cose-key-set"
    (key,) = cbor2.loads(answer.content)
    public = PublicKey(Algorithm.ED25519, key[-2])
    assert (key[1], key[-1], key[2], key[3]) == (1, 6, public.kid, -8)
    for index in (0, 1, 255, 300, 305):
        entry = ledger.entries[index]
        receipt = Receipt.parse(log.cose_receipt(entry))
        receipt.check(entry, public)
        assert (receipt.index, receipt.signed.kid) == (index, public.kid)
        assert log.cose_receipt(entry) == bytes(receipt)
    for name in (urlsafe_b64encode(public.kid).rstrip(b"=").decode(), public.kid.hex()):
        assert cbor2.loads(client.get(f"/.well-known/scitt-keys/{name}").content) == key
    unknown = client.get("/.well-known/scitt-keys/nobody")
    assert (unknown.status_code, unknown["Content-Type"]) == (404, "application/concise-problem-details+cbor")


def test_a_key_that_the_log_had_before_stays_published(ledger: Ledger, client: Client) -> None:
    old = Signer(settings.LOG_ORIGIN, PrivateKey.generate())
    (settings.KEYS_DIR / "log.retired").write_text(f"{old.verifier}\n")
    listed = [key[2] for key in cbor2.loads(client.get("/.well-known/scitt-keys").content)]
    assert listed == [ledger.signer.key.key.public.kid, old.key.public.kid]
    assert client.get(f"/.well-known/scitt-keys/{old.key.public.kid.hex()}").status_code == 200


KEYED = ("/log/checkpoint", "/.well-known/scitt-keys", "/.well-known/scitt-keys/any")


def test_while_the_signer_is_away_its_key_is_asked_for_again(db: None, client: Client, settings: Any) -> None:
    settings.SIGNER_SOCKET = "/nowhere/signer.socket"
    for path in KEYED:
        assert client.get(path).status_code == 503


def test_without_its_key_a_node_has_nothing_to_say_either(db: None, client: Client, settings: Any) -> None:
    settings.DEBUG = False  # else the key is made
    for path in KEYED:
        assert client.get(path).status_code == 503
