"""Asking another company's responder: a directory of routes, and answers that are read strictly and never believed."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command
from django.utils import timezone

from partners.access import Purpose
from partners.gs1.element_string import parse_scan
from partners.models import AccessRecord
from tests.chaos.node import free_port, listens, wait_for
from tests.other_node import PRINTED
from tests.traceability.api.conftest import Api
from tests.world import GTIN as OWN_GTIN
from tests.world import LOT, World, gln
from traceability import outbound
from traceability.dscsa.elsewhere import Elsewhere, verify_elsewhere
from traceability.dscsa.verification import Verdict
from traceability.errors import NotFound
from traceability.models import VrsRoute
from traceability.outbound import NotAnswered
from traceability.routes import MalformedRoute, end_route, route_for, set_route

GTIN = "09521050000013"
RESPONDER = gln(100)
CODE = f"(01){GTIN}(21)A/1(17)281231(10){LOT}"
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


class Responder:
    """A server of somebody else's, which does whatever a test wants of it."""

    def __init__(self) -> None:
        self.does: Callable[[BaseHTTPRequestHandler, dict[str, str]], None] = answers()
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []  # path, query, headers
        responder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                query = {name: value for name, (value,) in parse_qs(asked.query).items()}
                responder.asked.append((asked.path, query, dict(self.headers)))
                with suppress(BrokenPipeError, ConnectionResetError):
                    responder.does(self, query)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/vrs"


@contextmanager
def running() -> Iterator[Responder]:
    responder = Responder()
    thread = threading.Thread(target=responder.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield responder
    finally:
        responder.server.shutdown()
        thread.join()
        responder.server.server_close()


@pytest.fixture
def responder(world: World) -> Iterator[Responder]:
    with running() as found:
        set_route(GTIN, RESPONDER, found.url, valid_from=timezone.now() - timedelta(days=1), valid_to=None)
        yield found


def answers(
    status: int = 200,
    body: bytes | None = None,
    kind: str = "application/json",
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Callable[[BaseHTTPRequestHandler, dict[str, str]], None]:
    """As the standard has it, but for what is said."""

    def answer(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        said = {
            "verificationTimestamp": "2026-01-05T08:00:00Z",
            "responderGLN": RESPONDER,
            "corrUUID": query["corrUUID"],
            "data": {"verified": True},
        } | members
        sent = (
            json.dumps({name: each for name, each in said.items() if each is not ...}).encode()
            if body is None
            else body
        )
        handler.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(sent))} | (headers or {})).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(sent)

    return answer


def ask(world: World, code: str = CODE) -> Elsewhere:
    return verify_elsewhere(code, world.pharmacy.partner, Purpose.SALEABLE_RETURN, now=timezone.now())


# ---- the question ---------------------------------------------------------------------------------------------------


def test_the_standards_question_is_asked_in_the_askers_name(world: World, responder: Responder, settings: Any) -> None:
    settings.VRS_CREDENTIALS.write_text(json.dumps({responder.url.removesuffix("/vrs"): "Bearer secret"}))
    said = ask(world)
    assert (said.reason, said.verdict, said.responder) == ("confirmed_elsewhere", Verdict.CAUTION, RESPONDER)
    ((path, query, headers),) = responder.asked
    assert path == f"/vrs/verify/gtin/{GTIN}/lot/{LOT}/ser/A%2F1"
    assert query.pop("corrUUID")
    assert query == {
        "exp": "281231",
        "linkType": "verificationService",
        "context": "dscsaSaleableReturn",
        "reqGLN": world.pharmacy.gln,
    }
    assert (headers["GS1US-Version"], headers["Authorization"]) == ("1.3.0", "Bearer secret")


def test_credentials_are_for_one_place_alone(world: World, responder: Responder, settings: Any) -> None:
    settings.VRS_CREDENTIALS.write_text(json.dumps({"https://elsewhere.example": "Bearer secret"}))
    ask(world)
    assert "Authorization" not in responder.asked[0][2]


def test_i7_that_others_were_asked_is_recorded_first(world: World, responder: Responder) -> None:
    def look(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        seen.append(True)
        answers()(handler, query)

    seen: list[bool] = []
    responder.does = look
    ask(world)
    record = AccessRecord.objects.get()
    assert seen
    assert (record.reader, record.what, record.purpose) == (world.pharmacy.gln, "elsewhere", "saleable_return")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (f"(01){GTIN}(21)A1", "incomplete"),
        ("nothing", "incomplete"),
        (f"(01){OWN_GTIN}(21)A1(17)281231(10){LOT}", "answered_here"),
        (f"(01)00300123456785(21)A1(17)281231(10){LOT}", "no_route"),
    ],
)
def test_nobody_is_asked_without_need(world: World, responder: Responder, code: str, reason: str) -> None:
    assert ask(world, code).reason == reason
    assert not responder.asked
    assert not AccessRecord.objects.exists()


# ---- the answer -----------------------------------------------------------------------------------------------------


def test_no_is_told_with_the_words_of_the_standard(world: World, responder: Responder) -> None:
    data = {"verified": False, "verificationFailureReason": "No_match_GTIN_Serial_Lot", "additionalInfo": "Suspect"}
    responder.does = answers(data=data)
    said = ask(world)
    assert (said.reason, said.verdict) == ("denied_elsewhere", Verdict.CAUTION)
    assert (said.verified, said.failure, said.info) == (False, "No_match_GTIN_Serial_Lot", "Suspect")


def test_words_of_a_later_release_are_left_out(world: World, responder: Responder) -> None:
    data = {"verified": False, "verificationFailureReason": "Of_another_kind", "moreOf": 1}
    responder.does = answers(data=data, more="than is known")
    said = ask(world)
    assert (said.reason, said.failure) == ("denied_elsewhere", None)


UNREADABLE = {
    "another question": answers(corrUUID="93c8c77f-a277-438d-aa83-b97cfab380e7"),
    "no correlation": answers(corrUUID=...),
    "another responder": answers(responderGLN=gln(300)),
    "neither yes nor no": answers(data={"verified": "true"}),
    "nothing": answers(data={}),
    "no data": answers(data=[True]),
    "yes, and why not": answers(data={"verified": True, "verificationFailureReason": "No_reason_provided"}),
    "a word that is a number": answers(data={"verified": False, "verificationFailureReason": 7}),
    "no time": answers(verificationTimestamp=...),
    "not a time": answers(verificationTimestamp="today"),
    "not JSON": answers(body=b"<html>"),
    "not an object": answers(body=b"[1]"),
    "a member twice": answers(body=b'{"data":{"verified":false},"data":{"verified":true}}'),
    "not UTF-8": answers(body=b'{"data": "\xff"}'),
    "deep": answers(body=b"[" * 9000),
    "another type": answers(kind="text/html"),
    "oversize": answers(body=b" " * 20_000),
    "compressed": answers(headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_answer_to_the_question_is_none(world: World, responder: Responder, what: str) -> None:
    responder.does = UNREADABLE[what]
    said = ask(world)
    assert (said.reason, said.verdict, said.verified) == ("responder_unreadable", Verdict.UNKNOWN, None)
    assert len(responder.asked) == 1


@pytest.mark.parametrize(("status", "reason", "times"), [
    (401, "responder_refuses", 1), (403, "responder_refuses", 1), (404, "responder_refuses", 1),
    (500, "responder_silent", 1), (408, "responder_refuses", 2), (502, "responder_silent", 2),
    (503, "responder_silent", 2), (504, "responder_silent", 2), (302, "responder_refuses", 1),
])  # fmt: skip
def test_a_status_says_whether_to_ask_again(
    world: World, responder: Responder, status: int, reason: str, times: int
) -> None:
    responder.does = answers(status, headers={"Location": "http://127.0.0.1:1/"})
    assert ask(world).reason == reason
    assert len(responder.asked) == times


def test_a_second_question_is_the_same_and_may_be_answered(world: World, responder: Responder) -> None:
    def once_busy(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        answers(200 if len(responder.asked) > 1 else 503)(handler, query)

    responder.does = once_busy
    assert ask(world).reason == "confirmed_elsewhere"
    assert responder.asked[0][1] == responder.asked[1][1]


@pytest.mark.parametrize("how", ["never", "drop by drop", "hangs up"])
def test_nobody_keeps_us_waiting(world: World, responder: Responder, settings: Any, how: str) -> None:
    settings.VRS_TIMEOUT_SECONDS, settings.VRS_DEADLINE_SECONDS = 0.2, 0.5
    over = threading.Event()

    def slow(handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        if how == "never":
            over.wait(30)
        elif how == "drop by drop":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                handler.wfile.write(b"X: y\r\n")
        handler.close_connection = True

    responder.does = slow
    try:
        assert ask(world).reason == "responder_silent"
    finally:
        over.set()


def test_whoever_asks_may_have_a_loop_of_its_own(responder: Responder) -> None:
    async def asks() -> int:
        responder.does = lambda handler, _: answers()(handler, {"corrUUID": ""})
        return outbound.get(f"{responder.url}/x", {}, within=20, largest=9999, allowed=LOOPBACK).status

    assert asyncio.run(asks()) == 200


def test_a_port_where_nobody_listens_is_silence(world: World) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    set_route(GTIN, RESPONDER, url, valid_from=timezone.now() - timedelta(days=1), valid_to=None)
    assert ask(world).reason == "responder_silent"


# ---- where it may go ------------------------------------------------------------------------------------------------


def test_in_production_no_private_address_is_asked(world: World, responder: Responder, settings: Any) -> None:
    settings.VRS_ALLOWED_NETWORKS = []
    assert ask(world).reason == "responder_unreadable"
    assert not responder.asked


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f000001", "127.1"])
def test_no_spelling_of_this_machine_is_public(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(NotAnswered):
            outbound.get(f"{scheme}://{host}:{free_port()}/", {}, within=5, largest=10)


PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
           "255.255.255.255", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
           "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:1::")  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not outbound.is_public(address)


def test_of_a_name_with_two_addresses_both_have_to_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver of a test's own: names are the other side's."""
    import socket

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotAnswered, match="not public"):
        outbound.get("https://rebinding.example/", {}, within=5, largest=10)


# ---- the directory --------------------------------------------------------------------------------------------------


def test_routes_are_dated_and_the_nearer_counts_first(world: World) -> None:
    now = timezone.now()
    long_ago, tomorrow = now - timedelta(days=99), now + timedelta(days=1)
    set_route("9521050", gln(1), "https://prefix.example", valid_from=long_ago, valid_to=None)
    set_route("952105000", gln(2), "https://longer.example", valid_from=long_ago, valid_to=None)
    set_route(GTIN, gln(3), "https://gtin.example", valid_from=tomorrow, valid_to=tomorrow + timedelta(days=1))

    def url(at: Any) -> str | None:
        found = route_for(GTIN, at=at)
        return None if found is None else found.url

    assert url(now) == "https://longer.example"
    assert url(tomorrow) == "https://gtin.example"
    assert url(tomorrow + timedelta(days=1)) == "https://longer.example"
    assert url(long_ago - timedelta(days=1)) is None
    end_route("952105000", at=now)
    assert url(now) == "https://prefix.example"


def test_a_later_route_takes_over_and_what_had_not_begun_ends_with_the_rest(world: World) -> None:
    now = timezone.now()
    for days, name in ((-9, "old"), (-1, "new"), (5, "later")):
        set_route(GTIN, gln(1), f"https://{name}.example", valid_from=now + timedelta(days=days), valid_to=None)
    assert route_for(GTIN, at=now).url == "https://new.example"  # type: ignore[union-attr]
    end_route(GTIN, at=now)
    assert route_for(GTIN, at=now + timedelta(days=9)) is None
    with pytest.raises(NotFound):
        end_route(GTIN, at=now)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "https://", "a.example", "https://u:p@a.example", "https://a.example/?q=1", "https://a.example/#f",
     "https://a b.example", "https://a.example:x", "https://\u00e4.example", "https://a.example/" + "x" * 500],
)  # fmt: skip
def test_an_address_that_cannot_be_asked_is_no_route(db: None, url: str) -> None:
    with pytest.raises(MalformedRoute):
        set_route(GTIN, gln(1), url, valid_from=timezone.now(), valid_to=None)


def test_the_command_sets_lists_and_ends(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("vrs_route", "set", GTIN, "https://maker.example/vrs/", "--gln", gln(1), "--valid-from", "2026-01-01")
    call_command("vrs_route", "list")
    set_line, listed = capsys.readouterr().out.splitlines()
    assert set_line == listed
    assert listed.startswith(
        f"{GTIN}\t{gln(1)}\thttps://maker.example/vrs\tfrom 2026-01-01T00:00:00+00:00 until further"
    )
    call_command("vrs_route", "end", GTIN, "--at", "2026-02-01")
    assert "until 2026-02-01" in capsys.readouterr().out
    with pytest.raises(CommandError, match="not_found"):
        call_command("vrs_route", "end", GTIN)
    with pytest.raises(CommandError, match="bad_check_digit"):
        call_command("vrs_route", "set", "09521050000014", "https://maker.example", "--gln", gln(1))
    assert VrsRoute.objects.count() == 1


# ---- over the API ---------------------------------------------------------------------------------------------------


def test_the_api_tells_it_apart_from_its_own_answer(pharmacy: Api, responder: Responder) -> None:
    plain = pharmacy.get("/api/v1/verify", scan=CODE).json()
    assert not responder.asked
    asked = pharmacy.get("/api/v1/verify", scan=CODE, elsewhere="1").json()
    told = asked.pop("elsewhere")
    assert asked.pop("verification") > plain.pop("verification")  # each is one of its own
    assert asked == plain
    assert (told["verdict"], told["reason"], told["responder"]) == ("caution", "confirmed_elsewhere", RESPONDER)
    assert "not proven here" in told["sentence"]


def test_nobody_else_is_asked_for_who_is_not_known(anybody: Api, responder: Responder) -> None:
    assert anybody.get("/api/v1/verify", scan=CODE, elsewhere="1").status_code == 401
    assert not responder.asked


def test_what_is_no_flag_is_refused(pharmacy: Api) -> None:
    assert pharmacy.get("/api/v1/verify", scan=CODE, elsewhere="yes").json()["code"] == "malformed_parameter"


# ---- two nodes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def other_node(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Another node's address, and a token there."""
    port = free_port()
    of_its_own = {"DATABASE_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}", "VAR_DIR": str(tmp_path / "other")}
    environment = os.environ | of_its_own | {"REDIS_URL": ""}
    made = [sys.executable, "-m", "tests.other_node"]
    token = subprocess.run(made, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    serve = [sys.executable, "-m", "gunicorn", "traceability.wsgi", "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(serve, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for("the other node", lambda: listens(port))
            yield f"http://127.0.0.1:{port}", token
        finally:
            server.terminate()


def test_two_nodes_understand_each_other(world: World, other_node: tuple[str, str], settings: Any) -> None:
    address, token = other_node
    settings.VRS_TIMEOUT_SECONDS = settings.VRS_DEADLINE_SECONDS = 60.0
    settings.VRS_CREDENTIALS.write_text(json.dumps({address: f"Bearer {token}"}))
    set_route("9521050", world.maker.gln, f"{address}/vrs", valid_from=timezone.now() - timedelta(1), valid_to=None)
    assert ask(world, PRINTED).reason == "confirmed_elsewhere"
    assert ask(world, PRINTED.replace("(10)L42", "(10)L43")).failure == "No_match_GTIN_Serial_Lot"
    settings.VRS_CREDENTIALS.write_text("{}")
    time.sleep(0.01)
    assert ask(world, PRINTED).reason == "responder_refuses"
    assert parse_scan(PRINTED).serial == "N/1"


# ---- TLS ------------------------------------------------------------------------------------------------------------


@contextmanager
def serving_tls(folder: Path, name: str) -> Iterator[int]:
    """A server whose certificate, which is its own authority, is for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with running() as responder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, secret)
        responder.server.socket = context.wrap_socket(responder.server.socket, server_side=True)
        responder.does = lambda handler, query: answers()(handler, {"corrUUID": ""})
        yield responder.server.server_port


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    outbound._tls.cache_clear()
    yield tmp_path
    outbound._tls.cache_clear()


def test_the_certificate_is_the_names_though_an_address_is_connected_to(trusting: Path) -> None:
    with serving_tls(trusting, "localhost") as port:
        answer = outbound.get(f"https://localhost:{port}/x", {}, within=20, largest=9999, allowed=LOOPBACK)
        assert answer.status == 200
        with pytest.raises(NotAnswered):  # the certificate is not for this
            outbound.get(f"https://127.0.0.1:{port}/x", {}, within=20, largest=9999, allowed=LOOPBACK)


def test_a_certificate_of_another_name_is_none(trusting: Path) -> None:
    with serving_tls(trusting, "other.example") as port, pytest.raises(NotAnswered):
        outbound.get(f"https://localhost:{port}/x", {}, within=20, largest=9999, allowed=LOOPBACK)
