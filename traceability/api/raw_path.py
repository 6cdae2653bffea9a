"""The path of a request as it came: what is decoded no longer tells an escaped slash from one between segments.

A serial number, or a lot, may hold a slash (character set 82), and where a standard puts them into the path they come
as `%2F`. WSGI hands on what is decoded; gunicorn has the path as it came, too.
"""

from urllib.parse import quote

from django.http import HttpRequest

from partners.gs1.digital_link import unescape_path


def raw_path(request: HttpRequest) -> str | None:
    """Percent-encoded, without the query; None where the server does not tell it."""
    raw = request.META.get("RAW_URI")  # by the server: what a client sends as a header begins with HTTP_
    if not isinstance(raw, str):
        return None
    path = raw.partition("?")[0].partition("#")[0]
    return path if path.startswith("/") else "/" + path.partition("://")[2].partition("/")[2]  # the absolute form


def encoded_path(request: HttpRequest) -> str:
    """The same; where the server does not tell it, each slash counts as one between segments."""
    return raw_path(request) or quote(request.path, safe="/")


def values(request: HttpRequest, names: tuple[str, ...]) -> dict[str, str] | None:
    """The values that stand behind these names at the end of the path; None where it does not end so, or where the
    server does not tell."""
    raw = raw_path(request)
    segments = (raw or "").split("/")[-2 * len(names) :]
    if raw is None or tuple(segments[::2]) != names:
        return None
    return dict(zip(names, map(unescape_path, segments[1::2]), strict=True))
