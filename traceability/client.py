"""A node, from the outside: what its partners ask of it over HTTP. Pure: no Django.

    submit = draft ─> check ─> sign ─> hand in

The node drafts, the client recomputes: nothing is signed here that was not computed here.
"""

import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from httpx import Client, HTTPError, Response

from ledger.tlog.cose import PrivateKey

from . import statements
from .custody import PLAIN, Told, Voice
from .epcis.documents import JSON, kind_of, parse
from .errors import NodeError
from .submission import Draft, Opening, grow, payload

COSE = "application/cose"
PATIENCE = 60.0  # seconds that a receipt may take: as long as a promise


class NodeRefused(NodeError):
    """The node's answer was not yes: its problem document (RFC 9457), for people."""

    def __init__(self, answer: Response) -> None:
        self.status = answer.status_code
        try:
            self.problem = read_object(answer)
        except NodeError:
            self.problem = {"detail": f"{answer.url} answered {answer.status_code}: is this the address of a node?"}
        super().__init__(str(self))

    @property
    def code(self) -> str:
        return str(self.problem.get("code", "no_answer"))

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.problem.get('detail') or f'the node answered {self.status}'}"]
        told = ("where", "expected", "found", "epc")
        return "\n".join(lines + [f"  {name}: {self.problem[name]}" for name in told if self.problem.get(name)])


def read_object(answer: Response) -> dict[str, Any]:
    """The JSON object that a node answers with. Raises `NodeError` for anything else: that was no node."""
    try:
        members = answer.json()
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise NodeError(f"bad_answer: not what a node answers\n  where: {answer.url}\n  expected: a JSON object")
    return members


def read_text(members: Mapping[str, Any], name: str) -> str:
    """A member of an answer that is a text. Raises `NodeError` if it is missing or something else."""
    value = members.get(name)
    if not isinstance(value, str):
        raise NodeError(f"bad_answer: not what a node answers\n  where: {name}\n  expected: a text")
    return value


class Node:
    """One node, asked as one party; as nobody without a token."""

    def __init__(self, address: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = Client(base_url=address, headers=headers, timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **content: Any) -> Response:
        """The answer, if it is yes. Raises `NodeRefused` otherwise."""
        try:
            answer = self.http.request(method, path, **content)
        except HTTPError as error:
            raise NodeError(f"no_answer: {error}\n  where: {self.http.base_url}") from error
        if not answer.is_success:
            raise NodeRefused(answer)
        return answer

    def _hand_in(self, path: str, envelope: bytes) -> dict[str, Any]:
        return read_object(self.ask("POST", path, content=envelope, headers={"Content-Type": COSE}))

    @property
    def origin(self) -> str:
        """The log is named by its checkpoint's first line."""
        return self.ask("GET", "/log/checkpoint").text.partition("\n")[0]

    # ---- what parties say -----------------------------------------------------------------------------------------

    def said_by(self, gln: str) -> dict[str, Any]:
        """What every statement about a key or a right begins with."""
        return {"log": self.origin, "submitter": gln, "time": now(), "statement": str(uuid.uuid4())}

    def register(self, statement: statements.Statement, key: PrivateKey, kept: Path | None = None) -> "Registered":
        """Hand in a statement about a key or a right."""
        envelope = statements.sign(statement, key)
        if kept:
            keep(kept / statement.id, statement=envelope)
        answer = self._hand_in("/api/v1/statements", envelope)
        return Registered(read_text(answer, "entry"), warned(answer))

    def submit(self, received: bytes, key: PrivateKey, kept: Path | None = None) -> "Submitted":
        """Have a document drafted, check it, sign it, hand it in, and check what the node promised.

        Below `kept`, what is signed is on disk before anybody else has it, so that all a node can have is there.
        """
        drawn = self.ask("POST", "/api/v1/submissions", content=received, headers={"Content-Type": kind_of(received)})
        draft = Draft.parse(drawn.content)
        if draft.payload.log != self.origin:
            raise NodeError(
                f"wrong_log: drafted for another log\n  expected: {self.origin}\n  found: {draft.payload.log}"
            )
        envelope, opening = signed(received, draft, key), bytes(draft.opening)
        if kept:
            keep(kept / draft.payload.submission, document=received, opening=opening, statement=envelope)
        answer = self._hand_in(f"/api/v1/submissions/{draft.payload.submission}/statement", envelope)
        return Submitted(received, opening, envelope, self._promised(envelope, draft.opening, answer))

    def _promised(self, envelope: bytes, opening: Opening, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, once its promise is about this very statement: whose it is, a policy tells."""
        promise = statements.open_promise(statements.unb64(read_text(answer, "promise"))).payload
        entry = statements.entry(opening.entry, envelope)
        if promise.entry != entry:
            raise NodeError(
                f"bad_promise: about another statement\n  expected: {entry.hex()}\n  found: {promise.entry.hex()}"
            )
        return answer

    def submit_offline(self, received: bytes, key: PrivateKey, gln: str, kept: Path | None = None) -> "Submitted":
        """Sign without asking first: no links to what was before, and every event told as one's own act."""
        opening, said = drawn_alone(received, gln, self.origin)
        envelope = statements.sign(said, key)
        if kept:
            keep(kept / said.id, document=received, opening=bytes(opening), statement=envelope)
        parts = {
            "document": ("document", received, kind_of(received)),
            "opening": ("opening", bytes(opening), JSON),
            "statement": ("statement", envelope, COSE),
        }
        answer = self.ask("POST", "/api/v1/submissions", files=parts)
        return Submitted(received, bytes(opening), envelope, self._promised(envelope, opening, read_object(answer)))

    # ---- what the node has under one's name -----------------------------------------------------------------------

    def listed(self, what: str, after: str = "") -> Iterator[dict[str, Any]]:
        """Every page of the asker's own `submissions` or `statements`; whatever is no such page raises `NodeError`."""
        asked: set[str] = set()
        while after not in asked:
            asked.add(after)
            page = read_object(self.ask("GET", f"/api/v1/{what}", params={"after": after} if after else None))
            rows = page.get(what)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise NodeError(f"bad_answer: not what a node answers\n  where: {what}\n  expected: a list of objects")
            yield page
            if page.get("next") is None:
                return
            after = read_text(page, "next")
        raise NodeError(f"bad_answer: a list that goes round in circles\n  where: {what}\n  found: {after}")

    def statement_of(self, submission: str) -> bytes:
        """The statement of one's own submission, as the node has it."""
        stored = read_object(self.ask("GET", f"/api/v1/submissions/{submission}"))
        return statements.unb64(read_text(stored, "statement"))

    # ---- serial numbers -------------------------------------------------------------------------------------------

    def open_pool(self, **wanted: Any) -> dict[str, Any]:
        """A pool of serial numbers of a product; the same again, if it is open."""
        return read_object(self.ask("POST", "/api/v1/serial-pools", json=wanted))

    def allocate(self, pool: str, request: str, count: int, expires: datetime | None = None) -> dict[str, Any]:
        """So many numbers of a pool; the same block for the same name of a request."""
        wanted: dict[str, Any] = {"pool": pool, "request": request, "count": count}
        if expires is not None:
            wanted["expires"] = expires.isoformat()
        return read_object(self.ask("POST", "/api/v1/serial-blocks", json=wanted))

    def numbers(self, block: Mapping[str, Any], kind: str) -> bytes:
        """All numbers of a block that was given out, in this form."""
        return self.ask("GET", read_text(block, "numbers"), headers={"Accept": kind}).content

    def check_report(self, report: bytes, kind: str) -> dict[str, Any]:
        """What the node says of what a line has printed."""
        return read_object(self.ask("POST", "/api/v1/serial-reports", content=report, headers={"Content-Type": kind}))

    # ---- receiving ------------------------------------------------------------------------------------------------

    def check_move(self, said: Mapping[str, Any]) -> None:
        """Raises `NodeRefused` where a pack is not as the record knows it."""
        self.ask("POST", "/api/v1/moves/check", json={name: value for name, value in said.items() if value})

    def compare(self, epcs: Sequence[str]) -> dict[str, Any]:
        """What has come against what was to come."""
        return read_object(self.ask("POST", "/api/v1/receiving", json={"epcs": list(epcs)}))

    # ---- exceptions -----------------------------------------------------------------------------------------------

    def send_message(self, kind: str, message: Mapping[str, Any], **said: Any) -> dict[str, Any]:
        """A message of a case between partners: with its statement, or `to` whom the node is to sign it."""
        asked = {"kind": kind, "message": message} | {name: value for name, value in said.items() if value is not None}
        return read_object(self.ask("POST", "/api/v1/exceptions", json=asked))

    def cases(self) -> Iterator[dict[str, Any]]:
        """The asker's cases, the latest first."""
        before: str | None = None
        while True:
            page = read_object(self.ask("GET", "/api/v1/exceptions", params={"before": before} if before else None))
            yield from told_of(page, "exceptions")
            if not (before := page.get("next")):
                return

    def case(self, case: str, reporter: str | None = None) -> dict[str, Any]:
        """One of them, with its messages."""
        asked = {"reporter": reporter} if reporter else None
        return read_object(self.ask("GET", f"/api/v1/exceptions/{case}", params=asked))

    def detect(self, seen: Mapping[str, Any]) -> dict[str, Any]:
        """What is wrong with what came, as drafts of reports."""
        return read_object(self.ask("POST", "/api/v1/exception-detections", json=dict(seen)))

    def scorecards(self, **time: str) -> list[dict[str, Any]]:
        """How the asker's partners keep to what they send and say."""
        return told_of(read_object(self.ask("GET", "/api/v1/scorecards", params=time or None)), "scorecards")

    # ---- what anyone can check ------------------------------------------------------------------------------------

    def receipt(self, submission: str) -> str:
        """The proof that a submission is in the log, once it is (c2sp.org/tlog-proof). Asks for `PATIENCE` at most."""
        return self._once_logged(f"/api/v1/submissions/{submission}/receipt").text

    def _once_logged(self, path: str, **asked: Any) -> Response:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.ask("GET", path, **asked)
            except NodeRefused as refused:
                if refused.code != "not_integrated" or time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def bundle(self, epc: str, *, anchors: bool = False) -> bytes:
        """The proof bundle of an item; with the time stamps of its checkpoint, if there are any."""
        asked = {"epc": epc} | ({"anchors": "1"} if anchors else {})
        return self.ask("GET", "/api/v1/items/bundle", params=asked).content

    def readers(self, epc: str) -> Iterator[dict[str, Any]]:
        """What others have read of an item, the latest first."""
        before: str | None = None
        while True:
            asked = {"epc": epc} | ({"before": before} if before else {})
            page = read_object(self.ask("GET", "/api/v1/items/readers", params=asked))
            yield from page.get("readings") or ()
            if not (before := page.get("next")):
                return

    def notices(self, after: int) -> Iterator[dict[str, Any]]:
        """What one was told, in order, on from a position."""
        asked: str | None = str(after)
        while asked is not None:
            page = read_object(self.ask("GET", "/api/v1/notices", params={"after": asked}))
            yield from told_of(page, "notices")
            asked = page.get("next")

    def reading(self, number: int) -> bytes:
        """The proof that a reading was recorded, once that is in the log. Asks for `PATIENCE` at most."""
        return self._once_logged(f"/api/v1/readings/{number}/proof").content

    def anchored(self, entry: str, *, anchors: bool = False) -> bytes:
        """The proof of data that was anchored in this entry, once it is in the log; with time stamps, if there are any.
        Asks for `PATIENCE` at most."""
        asked = {"anchors": "1"} if anchors else {}
        return self._once_logged(f"/api/v1/anchors/{entry}/proof", params=asked).content

    def traced(self, entry: str) -> bytes:
        """Request, answer and proofs of a trace, once they are in the log. Asks for `PATIENCE` at most."""
        return self._once_logged(f"/api/v1/traces/{entry}/file").content

    def check_return(self, scan: str) -> dict[str, Any]:
        """Whether a pack that came back may be sold on, and whose sale it comes back from."""
        return read_object(self.ask("POST", "/api/v1/returns", json={"scan": scan}))

    def verify(self, scan: str) -> dict[str, Any]:
        """What the node says of a pack."""
        return read_object(self.ask("GET", "/api/v1/verify", params={"scan": scan}))


@dataclass(frozen=True)
class Registered:
    """A statement that was taken: its entry, in hex, and what is odd about it."""

    entry: str
    warnings: list[str]


@dataclass(frozen=True)
class Submitted:
    """What was handed in, and what the node answered: all that its owner needs to prove it later."""

    document: bytes
    opening: bytes
    statement: bytes
    answer: Mapping[str, Any]

    @property
    def id(self) -> str:
        """As it was signed, whatever was answered: it names a folder."""
        return statements.open_statement(self.statement).payload.id

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the document, and read all the same."""
        return warned(self.answer)

    @property
    def exceptions(self) -> list[str]:
        """What was taken, and moves nothing, or less than it says."""
        return [
            f"{each.get('code')} at event {each.get('event')}, {each.get('epc') or 'no item'}: {each.get('detail')}"
            for each in told_of(self.answer, "exceptions")
        ]

    @property
    def resent(self) -> str:
        """How much of it was recorded before; nothing, if all of it is new."""
        told, events = self.answer.get("known"), len(Opening.parse(self.opening).told)
        known = len(told) if isinstance(told, list) else 0
        return f"{known} of {events} events were recorded before: nothing new happened to them" if known else ""

    @property
    def of_others(self) -> list[str]:
        """For whom events are told, where that is not the submitter, and what such a telling is worth."""
        told = Opening.parse(self.opening).told
        counted = Counter((how.voice, how.spoken_for) for how in told if how.spoken_for is not None)
        worth = {
            Voice.AGENT: "told for {}, as its agent",
            Voice.REPORTER: "told of {}, and not for it: they are its own word when it signs them itself",
        }
        return [
            f"{count} of {len(told)} events {worth[voice].format(gln)}"
            for (voice, gln), count in counted.items()
            if voice in worth
        ]

    @property
    def promise(self) -> bytes:
        return statements.unb64(read_text(self.answer, "promise"))

    def keep(self, folder: Path) -> None:
        """Write each part to a file of its own. The opening is a secret."""
        names = ("document", "opening", "statement", "promise")
        keep(folder, **{name: getattr(self, name) for name in names})


def warned(answer: Mapping[str, Any]) -> list[str]:
    """What is wrong with something that was taken all the same."""
    return [f"{each.get('code')} at {each.get('where')}: {each.get('detail')}" for each in told_of(answer, "warnings")]


def told_of(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in a member of an answer; none, if it is no list of them."""
    told = answer.get(name)
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def keep(folder: Path, **files: bytes) -> None:
    """Write files that only their owner reads, each whole or not there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in files.items():
        draft = folder / f".{name}.draft"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / name)


def signed(received: bytes, draft: Draft, key: PrivateKey) -> bytes:
    """The draft's statement, if every root comes out here as it did there."""
    draft.check(parse(received, kind_of(received)), received)
    return statements.sign(draft.payload, key)


def drawn_alone(received: bytes, gln: str, log: str) -> tuple[Opening, statements.Submission]:
    """What to sign for a document when nothing is known of its items."""
    document = parse(received, kind_of(received))
    opening = Opening.draw([Told(Voice.ACTOR)] * len(document.events), offline=True)
    tree = grow(document, received, opening, {}, {}, [PLAIN] * len(document.events))
    said = payload(tree, log=log, submitter=gln, submission=str(uuid.uuid4()), time=now())
    return opening, statements.Submission.parse(said)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
