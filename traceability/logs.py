"""How a node tells its operator what happens: JSON, a line each, or a form for people; and what is kept out of it.

    {"event": "request", "method": "POST", "view": "api/v1/submissions", "status": 201, "ms": 12.1,
     "request_id": "5f0c...", "level": "info", "logger": "traceability.observing", "timestamp": "2026-..."}

Modules log by the standard library; structlog gives it form, and adds what is bound to a request or a task.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

_QUERY = re.compile(r"\?\S*")

#: Where a standard has serial numbers in the path: verification messages, and Digital Links.
_NUMBERED = re.compile(r"(?<![^\s\"])(/vrs/verify|/[0-9]{2,4})/[^\s\"]*")
WITHHELD = "[withheld]"

#: Members that a line may have beside its text; all else that libraries attach, such as whole requests, is left out.
MEMBERS = ("method", "view", "status", "ms")

#: What must never be written down, should it ever come into an error's text.
_SECRETS = re.compile(
    r"\bupt_[\w-]+"  # a partner's token
    r"|(?<=\bBearer )[^\s\"',\\]+"
    r"|(?<=://)[^\s/@:\"]*:[^\s/@\"]+(?=@)"  # name and password in an address
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
REDACTED = "[secret]"


def without_serials(text: str) -> str:
    """A path, or a line with paths in it, without what standards let stand there of a single pack.

    >>> without_serials('"GET /vrs/verify/gtin/1/lot/L/ser/A1 HTTP/1.1"'), without_serials("/01/00614141123452/21/A1")
    ('"GET /vrs/verify/[withheld] HTTP/1.1"', '/01/[withheld]')
    """
    return _NUMBERED.sub(rf"\1/{WITHHELD}", text)


class WithoutQuery(logging.Filter):
    """Takes the query off a request line, and what else may hold a serial number.

    >>> record = logging.makeLogRecord({"msg": '"%s" %s', "args": ("GET /api/v1/verify?scan=1 HTTP/1.1", "200")})
    >>> WithoutQuery().filter(record), record.getMessage()
    (True, '"GET /api/v1/verify HTTP/1.1" 200')
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                without_serials(_QUERY.sub("", each)) if isinstance(each, str) else each for each in record.args
            )
        return True


def formatter(*, as_json: bool) -> logging.Formatter:
    """For LOGGING: what makes a line of a record, whoever logged it."""
    plain = structlog.dev.plain_traceback  # without the values of variables, which may be secrets
    form: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=MEMBERS),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_path,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *form, without_secrets],
    )


def without_path(_: Any, __: str, event: EventDict) -> EventDict:
    """Django names the path of a request that failed: its pattern says as much, and holds no serial number."""
    request = getattr(event.get("_record"), "request", None)
    if path := getattr(request, "path", ""):
        event["event"] = str(event["event"]).replace(path, view_of(request))
    return event


def view_of(request: Any) -> str:
    """The pattern of the path that a request asked for: the same for all that ask for the same kind of thing."""
    match = getattr(request, "resolver_match", None)
    return str(match.route) if match else "-"


def without_secrets(_: Any, __: str, line: Any) -> str:
    """The line as it is written, with what looks like a secret taken out of it.

    >>> without_secrets(None, "", '{"event": "postgres://unitproof:s3cret@db/unitproof: no answer to upt_abc_DEF-1"}')
    '{"event": "postgres://[secret]@db/unitproof: no answer to [secret]"}'
    """
    return _SECRETS.sub(REDACTED, str(line))
