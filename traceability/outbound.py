"""Requests to strangers' addresses, with everything about them bounded: where they go, how long they take, how much
comes back. `get` asks one of them one thing; `Posting` hands many things to many.

    address ──resolve──> all its IPs public ──connect to one of those──> answer, whole, in time; or `NotAnswered`

Pure: no Django. Redirects are not followed, proxies of the environment not used, and what was resolved is what is
connected to: a name that answers otherwise the second time leads nowhere else.
"""

import asyncio
import ssl
from collections.abc import Collection, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import SOCK_STREAM
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

Network = IPv4Network | IPv6Network

MOST_ADDRESSES = 3  # of a host that are tried

#: IPv6 addresses that stand for IPv4 ones somewhere else: whatever those are.
_TRANSLATED = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class NotAnswered(Exception):
    """No answer that can be read, and why; `passing` where the same question may well be answered in a moment."""

    def __init__(self, detail: str, *, passing: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.passing = detail, passing


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    content_type: str  # without its parameters, in lower case
    body: bytes


def get(
    url: str, headers: Mapping[str, str], *, within: float, largest: int, allowed: Collection[Network] = ()
) -> Answered:
    """What stands at an address. Raises `NotAnswered`, within so many seconds whatever the other side does.

    Only TLS, and only public addresses, but for what is within the networks `allowed`, with or without TLS.
    """
    answer: Future[Answered] = Future()
    asking = _get(url, headers, within, largest, allowed)
    Thread(target=_run, args=(asking, within, answer), name="asking elsewhere", daemon=True).start()
    return answer.result()


def _run(asking: Coroutine[Any, Any, Answered], within: float, answer: "Future[Answered]") -> None:
    """In a thread of its own: whoever waits may have a loop already."""
    loop = asyncio.new_event_loop()
    try:
        answer.set_result(loop.run_until_complete(asyncio.wait_for(asking, within)))
    except TimeoutError:
        answer.set_exception(NotAnswered("no answer in time", passing=True))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        # Their texts may have the address, and that a serial number.
        answer.set_exception(
            NotAnswered(type(error).__name__, passing=isinstance(error, (httpx.TransportError, OSError)))
        )
    except BaseException as error:
        answer.set_exception(error)
    finally:
        loop.close()  # and wait for no thread of it: a name may be looked up for longer than anybody waits


async def _get(
    url: str, headers: Mapping[str, str], within: float, largest: int, allowed: Collection[Network]
) -> Answered:
    asked = urlsplit(url)
    host = asked.hostname or ""
    ips = await _addresses(host, asked.port or (443 if asked.scheme == "https" else 80), allowed)
    if asked.scheme != "https" and not all(_within(ip, allowed) for ip in ips):
        raise NotAnswered("an address without TLS")
    extensions = {"sni_hostname": host} if asked.scheme == "https" else {}
    named = {"Host": asked.netloc.rpartition("@")[2], "Accept-Encoding": "identity", **headers}
    async with httpx.AsyncClient(timeout=within, follow_redirects=False, trust_env=False, verify=_tls()) as http:
        for last, ip in zip([*[False] * (len(ips) - 1), True], ips, strict=True):
            pinned = httpx.URL(url).copy_with(host=ip)
            try:
                async with http.stream("GET", pinned, headers=named, extensions=extensions) as answer:
                    return Answered(answer.status_code, _media_type(answer), await _body(answer, largest))
            except httpx.ConnectError:  # of a host with addresses of two kinds, one may lead nowhere from here
                if last:
                    raise
    raise NotAnswered("a name without an address")


class Posting:
    """POSTs to many addresses at once, in a thread of its own, over connections that are kept while it is open. Each
    host has connections of its own, whatever address it shares with others: a certificate is checked for one name."""

    def __init__(self, *, within: float, largest: int, connections: int = 8, allowed: Collection[Network] = ()) -> None:
        self._within, self._largest, self._connections, self._allowed = within, largest, connections, allowed
        self._lines: dict[tuple[str, str, int], asyncio.Task[_Line]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="posting", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Posting":
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> "Future[int]":
        """The status that is answered. Its exception is `NotAnswered`, within so many seconds whatever happens."""
        return asyncio.run_coroutine_threadsafe(self._in_time(url, headers, body), self._loop)

    async def _in_time(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            return await asyncio.wait_for(self._post(url, headers, body), self._within)
        except TimeoutError:
            raise NotAnswered("no answer in time", passing=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            passing = isinstance(error, (httpx.TransportError, OSError))
            raise NotAnswered(type(error).__name__, passing=passing) from None  # its text may have the address

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        asked = urlsplit(url)
        host, port = asked.hostname or "", asked.port or (443 if asked.scheme == "https" else 80)
        place = asked.scheme, host, port
        if place not in self._lines:
            self._lines[place] = asyncio.ensure_future(self._open(*place))
        line = await asyncio.shield(self._lines[place])  # who waits no longer takes it from nobody else
        extensions = {"sni_hostname": host} if asked.scheme == "https" else {}
        named = {"Host": asked.netloc.rpartition("@")[2], "Accept-Encoding": "identity", **headers}
        for last, ip in zip([*[False] * (len(line.ips) - 1), True], line.ips, strict=True):
            pinned = httpx.URL(url).copy_with(host=ip)
            try:
                async with line.http.stream(
                    "POST", pinned, headers=named, content=body, extensions=extensions
                ) as answer:
                    await self._read_off(answer)
                    return answer.status_code
            except httpx.ConnectError:
                if last:
                    raise
        raise NotAnswered("a name without an address")

    async def _open(self, scheme: str, host: str, port: int) -> "_Line":
        ips = await _addresses(host, port, self._allowed)
        if scheme != "https" and not all(_within(ip, self._allowed) for ip in ips):
            raise NotAnswered("an address without TLS")
        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        return _Line(
            ips,
            httpx.AsyncClient(
                timeout=self._within, follow_redirects=False, trust_env=False, verify=_tls(), limits=limits
            ),
        )

    async def _read_off(self, answer: httpx.Response) -> None:
        """So that the connection can be used again; of too long an answer no more, and the connection is given up."""
        size = 0
        async for piece in answer.aiter_raw():
            size += len(piece)
            if size > self._largest:
                return

    async def _close(self) -> None:
        for opened in self._lines.values():
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                await opened.result().http.aclose()
            else:
                opened.cancel()


@dataclass(frozen=True, slots=True)
class _Line:
    """To one host: where it was found to be, and the connections there."""

    ips: list[str]
    http: httpx.AsyncClient


async def _body(answer: httpx.Response, largest: int) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":  # small, and of any size once unpacked
        raise NotAnswered("a compressed answer")
    body = b""
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > largest:
            raise NotAnswered(f"an answer of more than {largest} bytes")
    return body


def _media_type(answer: httpx.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _addresses(host: str, port: int, allowed: Collection[Network]) -> list[str]:
    """Some addresses of the host, all of whose addresses may be asked."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not addresses or not all(is_public(each) or _within(each, allowed) for each in addresses):
        raise NotAnswered("an address that is not public")
    return addresses[:MOST_ADDRESSES]


def _within(address: str, networks: Collection[Network]) -> bool:
    ip = ip_address(address.partition("%")[0])
    return any(ip.version == network.version and ip in network for network in networks)


def is_public(address: str) -> bool:
    """Whether it is one of the Internet's, and of one machine.

    >>> [is_public(each) for each in ("93.184.216.34", "10.0.0.1", "100.64.0.1", "169.254.169.254", "224.0.0.1")]
    [True, False, False, False, False]
    >>> [is_public(each) for each in ("2606:2800::1", "::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe")]
    [True, False, False, False, False]
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)
