"""Every endpoint that takes an identifier, a date or a name, against every way of damaging it: refused, with a code and
a sentence, and nothing is stored. Each request is good but for the one thing that its row names."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps

from tests.traceability.api.conftest import Api
from tests.world import GTIN, LOT, World, gln, unit
from traceability.web.codes import CODES

JSON, CSV = "application/json", "text/csv"
GOOD = {
    "gtin": GTIN,
    "serial": "A1",
    "lot": LOT,
    "expiry": "2028-12-31",
    "yymmdd": "281231",
    "gln": gln(300),
    "own gln": gln(100),
    "epc": unit("A1"),
    "scan": f"(01){GTIN}(21)N2(17)281231(10){LOT}",
}

#: By kind of value and damage: what is said instead, and by which code it is refused.
DAMAGE: dict[str, dict[str, tuple[str, str]]] = {
    "gtin": {
        "wrong check digit": ("00614141123453", "bad_check_digit"),
        "too short": ("0614141", "bad_length"),
        "too long": ("0" + GTIN, "bad_length"),
        "very long": ("0" * 1900, "bad_length"),
        "a letter O": ("O0614141123452", "bad_character"),
        "wide digits": ("０0614141123452", "bad_character"),
        "a group separator": (GTIN + "\x1d21A1", "bad_length"),
        "brackets": (f"(01){GTIN}", "bad_length"),
        "NUL": (GTIN + "\x00", "bad_length"),
    },
    "serial": {
        "too long": ("A" * 21, "bad_length"),
        "very long": ("A" * 1900, "bad_length"),
        "a Cyrillic A": ("А1", "bad_character"),
        "a space": ("A 1", "bad_character"),
        "a group separator": ("A1\x1d10B", "bad_character"),
        "square brackets": ("]d2A1", "bad_character"),
        "NUL": ("A1\x00", "bad_character"),
    },
    "lot": {
        "too long": ("L" * 21, "bad_length"),
        "very long": ("L" * 1900, "bad_length"),
        "a Cyrillic A": ("А42", "bad_character"),
        "a space": ("L 42", "bad_character"),
        "a group separator": ("L42\x1d21A1", "bad_character"),
        "square brackets": ("[L42]", "bad_character"),
        "NUL": ("L42\x00", "bad_character"),
    },
    "expiry": {
        "no such day": ("2028-02-30", "bad_date"),
        "no such month": ("281301", "bad_date"),
        "letters": ("2028-DEC-31", "bad_date"),
        "a letter O": ("2O28-12-31", "bad_date"),
        "wide digits": ("２028-12-31", "bad_date"),
        "too long": ("2028-12-310", "bad_date"),
        "a group separator": ("2028-12-31\x1d", "bad_date"),
        "NUL": ("281231\x00", "bad_date"),
    },
    "yymmdd": {
        "no such day": ("280230", "bad_date"),
        "no such month": ("281301", "bad_date"),
        "letters": ("28DEC1", "bad_character"),
        "a letter O": ("28123O", "bad_character"),
        "wide digits": ("２81231", "bad_character"),
        "as ISO has it": ("2028-12-31", "bad_length"),
        "too long": ("2812310", "bad_length"),
        "a group separator": ("281231\x1d", "bad_length"),
        "NUL": ("281231\x00", "bad_length"),
    },
    "gln": {
        "wrong check digit": ("0614141003007", "bad_check_digit"),
        "too short": ("061414100300", "bad_length"),
        "too long": ("00614141003006", "bad_length"),
        "very long": ("0" * 1900, "bad_length"),
        "a letter O": ("O614141003006", "bad_character"),
        "wide digits": ("０614141003006", "bad_character"),
        "a group separator": ("0614141003006\x1d", "bad_length"),
        "brackets": ("[0614141003006]", "bad_length"),
        "NUL": ("0614141003006\x00", "bad_length"),
    },
    "epc": {
        "wrong check digit": ("https://id.gs1.org/01/00614141123453/21/A1", "bad_check_digit"),
        "too short": ("https://id.gs1.org/01/0614141/21/A1", "bad_length"),
        "a long serial number": (unit("A1") + "A" * 20, "bad_length"),
        "very long": (unit("A1") + "A" * 1800, "bad_length"),
        "a Cyrillic A": ("https://id.gs1.org/01/00614141123452/21/%D0%901", "bad_character"),
        "a group separator": (unit("A1") + "%1D10L42", "bad_character"),
        "NUL": (unit("A1") + "\x00", "bad_character"),
        "no identifier": ("A1", "bad_uri"),
    },
    "scan": {
        "wrong check digit": ("(01)00614141123453(21)A1", "bad_check_digit"),
        "too short": ("(01)0614141123452(21)A1", "bad_length"),
        "a long serial number": (f"(01){GTIN}(21){'A' * 21}", "bad_length"),
        "no such day": (f"(01){GTIN}(21)A1(17)281301", "bad_date"),
        "a Cyrillic A": (f"(01){GTIN}(21)А1", "bad_character"),
        "very long": (f"(01){GTIN}(21)" + "A" * 1800, "bad_length"),
        "twice the same element": (f"(01){GTIN}(21)A1(21)A2", "malformed_element_string"),
        "NUL": (f"(01){GTIN}(21)A1\x00", "bad_character"),
        "no symbol": ("A1", "malformed_element_string"),
    },
}  # fmt: skip
DAMAGE["own gln"] = DAMAGE["gln"]


@dataclass(frozen=True)
class Asked:
    """A request that is good, and where in it values of which kind stand."""

    path: str
    send: Callable[[Api, str, dict[str, str]], Any]
    kinds: dict[str, str]  # kind of value, by name of the place
    codes: dict[str, str] = field(default_factory=dict)  # by damage, where it is another than everywhere


Send = Callable[[Api, str, dict[str, str]], Any]


def sent(api: Api, path: str, said: dict[str, Any]) -> Any:
    return api.post(path, json.dumps(said).encode(), JSON)


def members(**more: Any) -> Send:
    return lambda api, path, said: sent(api, path, more | said)


def listed(name: str, **more: Any) -> Send:
    """The one value in a list, as `scans` and `epcs` are."""
    return lambda api, path, said: sent(api, path, more | {name: list(said.values())})


def asked(**more: str) -> Send:
    return lambda api, path, said: api.get(path, **more | said)


def a_label(**more: str) -> Send:
    return lambda api, path, said: sent(api, path, {"stock": "roll-50x25", "dpi": 203, "labels": [more | said]})


def a_line(**more: str) -> Send:
    """A table of one line."""

    def send(api: Api, path: str, said: dict[str, str]) -> Any:
        fields = more | said
        table = ",".join(fields), ",".join(f'"{each}"' for each in fields.values()), ""
        return api.post(path, "\n".join(table).encode(), CSV)

    return send


def in_the_path(**more: str) -> Send:
    """Of the values, those that the path names; the others are parameters."""

    def send(api: Api, path: str, said: dict[str, str]) -> Any:
        quoted = {name: quote(each, safe="") for name, each in said.items()}
        asked = more | {name: each for name, each in said.items() if f"{{{name}}}" not in path}
        headers = api.headers | {"accept": "application/json, application/problem+json"}
        return api.client.get(path.format_map(quoted), query_params=asked, headers=headers)

    return send


MOVES, RECEIVING, LABELS, VERIFY = "/api/v1/moves", "/api/v1/receiving", "/api/v1/labels", "/api/v1/verify"
PRODUCTS, PLACES, TRANSACTIONS = "/api/v1/products", "/api/v1/places", "/api/v1/transactions"
SAMPLINGS = "/api/v1/samplings"
PACK = {name: name for name in ("gtin", "serial", "lot", "expiry")}
IN_JSON, IN_A_QUERY = {"NUL": "nul"}, {"NUL": "malformed_parameter"}
#: Where a GTIN may be a number, a link or a URN.
PARSED = IN_A_QUERY | dict.fromkeys(("a letter O", "wide digits", "a group separator", "brackets"), "wrong_kind")
#: Where a GLN may be as it is scanned off a door, and a container as its label is scanned.
SCANNED = {"no identifier": "malformed_element_string"}
OFF_A_DOOR = {
    **IN_JSON,
    "too short": "bad_check_digit",
    **dict.fromkeys(("too long", "very long"), "malformed_identifier"),
    **dict.fromkeys(("a letter O", "wide digits", "a group separator", "brackets"), "malformed_element_string"),
}
A_PARAMETER = dict.fromkeys(DAMAGE["expiry"], "malformed_parameter")
NO_EPC = IN_A_QUERY | {"no identifier": "malformed_parameter"}

ASKED: dict[str, Asked] = {
    "commission": Asked(MOVES, listed("scans", move="commission"), {"scan": "scan"}, IN_JSON),
    "a lot": Asked(MOVES, members(move="commission", epcs=[unit("N1")]), {"lot": "lot", "expiry": "expiry"}, IN_JSON),
    "ship": Asked(MOVES, listed("epcs", move="ship", to=gln(300)), {"epc": "epc"}, IN_JSON),
    "ship to": Asked(MOVES, members(move="ship", epcs=[unit("A1")]), {"to": "gln"}, OFF_A_DOOR),
    "ship from": Asked(MOVES, members(move="ship", epcs=[unit("A1")], to=gln(300)), {"place": "gln"}, OFF_A_DOOR),
    "pack into": Asked(MOVES, members(move="pack", epcs=[unit("A2")]), {"parent": "epc"}, IN_JSON | SCANNED),
    "receive scans": Asked(RECEIVING, listed("scans"), {"scan": "scan"}, IN_JSON),
    "receive epcs": Asked(RECEIVING, listed("epcs"), {"epc": "epc"}, IN_JSON),
    "label": Asked(LABELS, a_label(expiry="281231"), {"gtin": "gtin", "serial": "serial", "lot": "lot"}),
    "label's day": Asked(LABELS, a_label(gtin=GTIN, serial="A1", lot=LOT), {"expiry": "expiry"}, {"NUL": "bad_length"}),
    "label of an epc": Asked(LABELS, a_label(), {"epc": "epc"}, {"no identifier": "wrong_kind"}),
    "pool": Asked("/api/v1/serial-pools", members(length=12, character_set="digits"), {"gtin": "gtin"}, IN_JSON),
    "report": Asked("/api/v1/serial-reports", a_line(), PACK),
    "product": Asked(PRODUCTS, members(name="Examplin"), {"gtin": "gtin", "labeler_gln": "gln"}, IN_JSON),
    "products": Asked(PRODUCTS, asked(), {"gtin": "gtin"}, PARSED),
    "file of products": Asked(f"{PRODUCTS}/import", a_line(name="Examplin"), {"gtin": "gtin", "labeler_gln": "gln"}),
    "place": Asked(PLACES, members(name="Dock"), {"gln": "own gln"}, IN_JSON),
    "places": Asked(PLACES, asked(), {"gln": "gln"}, IN_A_QUERY),
    "file of places": Asked(f"{PLACES}/import", a_line(name="Dock"), {"gln": "own gln"}),
    "transactions of": Asked(TRANSACTIONS, asked(), {"gtin": "gtin"}, PARSED),
    "transactions": Asked(TRANSACTIONS, asked(), {"lot": "lot", "partner": "gln"}, IN_A_QUERY),
    "transactions since": Asked(TRANSACTIONS, asked(), {"since": "expiry"}, A_PARAMETER),
    "sampling": Asked(SAMPLINGS, members(quantity=3), {"gtin": "gtin", "lot": "lot"}, IN_JSON),
    "sampled": Asked(SAMPLINGS, listed("serials", gtin=GTIN, lot=LOT), {"serial": "serial"}, IN_JSON),
    "verify a product": Asked(VERIFY, asked(serial="A1"), {"gtin": "gtin"}, PARSED),
    "verify": Asked(VERIFY, asked(gtin=GTIN), {"serial": "serial", "lot": "lot", "expiry": "expiry"}, IN_A_QUERY),
    "bundle": Asked("/api/v1/items/bundle", asked(), {"epc": "epc"}, NO_EPC),
    "openings": Asked("/api/v1/items/openings", asked(), {"epc": "epc"}, NO_EPC),
    "connectivity": Asked("/vrs/checkConnectivity", in_the_path(), {"gtin": "gtin", "reqGLN": "own gln"}, IN_A_QUERY),
    "message": Asked(
        "/vrs/verify/gtin/{gtin}/lot/{lot}/ser/{serial}",
        in_the_path(exp="281231", reqGLN=gln(100)),
        {"gtin": "gtin", "lot": "lot", "serial": "serial"},
    ),
    "message for": Asked(
        f"/vrs/verify/gtin/{GTIN}/lot/{LOT}/ser/A1", in_the_path(), {"exp": "yymmdd", "reqGLN": "own gln"}, IN_A_QUERY
    ),
    "link": Asked(
        "/01/{gtin}/10/{lot}/21/{serial}",
        in_the_path(),
        {"gtin": "gtin", "lot": "lot", "serial": "serial", "17": "yymmdd"},
        {"wide digits": "bad_length"},
    ),
}
TABLE = [(name, place) for name, each in ASKED.items() for place in each.kinds]


def stored() -> dict[str, int]:
    """Rows by table."""
    return {
        model.__name__: model._default_manager.count()
        for app in ("ledger", "partners", "traceability")
        for model in apps.get_app_config(app).get_models()
    }


def refusal(answer: Any) -> tuple[str, str]:
    """Code and sentence of a problem, or of the one line of a table that is wrong; of what is no refusal, nothing."""
    if "json" not in answer.headers["Content-Type"]:
        return "", str(answer.status_code)
    found = answer.json()
    if answer.status_code == 200:
        found = next(iter([*found.get("wrong", ()), *found.get("refused", ())]), {})
    elif not 400 <= answer.status_code < 500:
        return "", str(answer.status_code)
    return found.get("code", ""), found.get("detail", "")


@pytest.fixture
def pack(world: World) -> str:
    return str(world.maker.commissions(serial=["A1", "A2"])[0])


def good(each: Asked) -> dict[str, str]:
    return {name: GOOD[kind] for name, kind in each.kinds.items()}


@pytest.mark.parametrize(("name", "place"), TABLE, ids=[f"{name}: {place}" for name, place in TABLE])
def test_each_damage_is_refused_with_its_code_and_a_sentence(maker: Api, pack: str, name: str, place: str) -> None:
    each, before = ASKED[name], stored()
    said, found, sentences = good(each), {}, {}
    for damage, (value, _) in DAMAGE[each.kinds[place]].items():
        found[damage], sentences[damage] = refusal(each.send(maker, each.path, said | {place: value}))
    assert found == {damage: each.codes.get(damage) or code for damage, (_, code) in DAMAGE[each.kinds[place]].items()}
    assert all(sentences.values())
    assert set(found.values()) <= CODES.keys()
    assert stored() == before


@pytest.mark.parametrize("name", ASKED)
def test_undamaged_it_is_no_malformed_request(maker: Api, pack: str, name: str) -> None:
    each = ASKED[name]
    answer = each.send(maker, each.path, good(each))
    assert answer.status_code < 400 or answer.json()["code"] == "not_integrated"
