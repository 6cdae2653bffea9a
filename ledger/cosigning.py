"""Having witnesses: carry what was signed to them, keep what they cosign, and stop when they have seen more than we.

    signed checkpoint ──to all at once──> cosignatures ──a quorum──> published

Whom to ask, and how many must agree, says the file WITNESSES (c2sp.org/tlog-policy); the protocol is
c2sp.org/tlog-witness. Until the quorum is met nothing is published: captures are accepted and integrated, their
receipts wait. A witness that has cosigned a larger log than ours knows better: an old backup was restored, or this
is another machine with the same key. So does one that has cosigned another tree: what we have was rewritten, by
somebody who had the key. The log then takes nothing until they agree again.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

import httpx
from django.conf import settings

from . import keys, log
from .errors import NotCosigned, OtherTree
from .failpoint import failpoint
from .models import Checkpoint, Cosignature, Witness
from .tlog import note
from .tlog.checkpoint import cosigned_at
from .tlog.errors import LogError, PolicyNotMet
from .tlog.note import MAX_NOTE, Note, Signature
from .tlog.policy import Peer, Policy
from .tlog.witness import AddCheckpoint, parse_cosignatures, parse_size

logger = logging.getLogger(__name__)

GRACE = 0.1  # seconds that slower witnesses get once the quorum is met
LONGEST_REST = 60.0  # seconds between questions to a witness that fails
CARRIED_EVERY = 0.2  # seconds, while there is always something new
COMPARED_EVERY = 60.0  # seconds
BEHIND = "the log is behind its witnesses"  # begins the reason of a log that is frozen for that
OTHER = "the log is not the one that its witnesses have seen"  # and for that


@dataclass(frozen=True)
class Answer:
    """What came of asking one witness."""

    witness: str  # name of its key
    size: int | None = None  # leaves of what it cosigned last, where it told
    signatures: tuple[Signature, ...] = ()
    failure: str = ""
    seconds: float = 0.0
    denies: bool = False  # it has cosigned another tree of this log


@dataclass
class Carrier:
    """One process's connections to the witnesses, kept alive; and when it compared itself with them.

    All are asked in one thread, by coroutines: those can be stopped whatever they wait for, a thread cannot.
    """

    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)  # one each: none uses up another's connections
    compared: float | None = None  # by the monotonic clock
    carried: float = 0.0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: Thread | None = None

    def ask(self, peer: Peer, request: AddCheckpoint) -> "Future[Answer]":
        """Begin to ask a witness. An answer is there within WITNESS_TIMEOUT_SECONDS, whatever the witness does."""
        loop = self._running()
        return asyncio.run_coroutine_threadsafe(_ask(self._client(peer), peer, request), loop)

    def _running(self) -> asyncio.AbstractEventLoop:
        """The thread's loop. No fork hands a thread down, and connections are of the loop that opened them."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            self.clients.clear()
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._loop.run_forever, name="witnesses", daemon=True)
            self._thread.start()
        return self._loop

    def _client(self, peer: Peer) -> httpx.AsyncClient:
        if peer.key.name not in self.clients:
            limits = httpx.Limits(max_connections=2)
            self.clients[peer.key.name] = httpx.AsyncClient(timeout=settings.WITNESS_TIMEOUT_SECONDS, limits=limits)
        return self.clients[peer.key.name]

    def close(self) -> None:
        """Hang up, and end the thread."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None and thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._hang_up(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
        self.clients.clear()

    async def _hang_up(self) -> None:
        asking = asyncio.all_tasks() - {asyncio.current_task()}
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for client in self.clients.values():
            await client.aclose()
        await asyncio.get_running_loop().shutdown_default_executor()

    def is_due(self) -> bool:
        return self.compared is None or monotonic() - self.compared > COMPARED_EVERY


_carrier = Carrier()


# ---- publish --------------------------------------------------------------------------------------------------------


def carry(*, now: datetime) -> bool:
    """Have the last signed checkpoint cosigned, and publish it if enough witnesses do; whether it was.

    Stopped anywhere, it is carried again: a witness cosigns the same checkpoint as often as it is asked.
    """
    policy, head = keys.witnesses(), log.unpublished()
    if policy is None or head is None:
        return False
    _carrier.carried = monotonic()
    signed = Note.parse(head.note)
    answers = _ask_all(_awake(policy, now), head, lambda answers: not _missing(policy, _with(signed, answers)))
    failpoint("carry.asked")
    _keep(head, answers, now)
    failpoint("carry.kept")
    cosigned = _with(signed, answers)
    if missing := _missing(policy, cosigned):
        logger.warning("checkpoint %d waits for cosignatures: %s", head.size, missing)
    else:
        log.publish(head.size, str(cosigned), witnessed=_is_independent(policy, cosigned), now=now)
    _demand_agreement(answers, policy)
    return not missing


def _is_independent(policy: Policy, cosigned: Note) -> bool:
    """Whether anybody but the operator has cosigned: its own witnesses never count (ARCHITECTURE section 5)."""
    own = keys.own_witness_key()
    peers = [peer.key for name, peer in policy.witnesses.items() if name not in settings.OWN_WITNESSES]
    others = [key for key in peers if key.public != own]
    names = {(key.name, key.key_id) for key in others}
    return any((signature.name, signature.key_id) in names for signature in cosigned.signatures)


def carry_if_due(*, now: datetime) -> None:
    """Carry, unless this process has just done so: under load not every batch needs a witness of its own."""
    if monotonic() - _carrier.carried > CARRIED_EVERY:
        carry(now=now)


def _missing(policy: Policy, cosigned: Note) -> str:
    """What a checkpoint lacks to satisfy the policy; nothing, if it does."""
    try:
        policy.check(str(cosigned))
    except LogError as error:
        return str(error)
    return ""


def _awake(policy: Policy, now: datetime) -> list[Peer]:
    """Those to ask now: one that keeps failing is asked less and less often, so that it holds up nobody."""
    known = Witness.objects.in_bulk([peer.key.name for peer in policy.witnesses.values()])
    return [peer for peer in _reachable(policy) if not _rests(known.get(peer.key.name), now)]


def _reachable(policy: Policy) -> list[Peer]:
    return [peer for peer in policy.witnesses.values() if peer.url]


def _rests(row: Witness | None, now: datetime) -> bool:
    if row is None or row.failures < 2 or row.asked_at is None:
        return False
    rest = timedelta(seconds=min(LONGEST_REST, 2.0**row.failures))
    return abs(now - row.asked_at) < rest  # if it was asked further ahead, that clock was wrong


def _with(signed: Note, answers: Iterable[Answer]) -> Note:
    signatures = dict.fromkeys((*signed.signatures, *(line for answer in answers for line in answer.signatures)))
    return Note(signed.text, tuple(signatures))


def _keep(head: Checkpoint, answers: Iterable[Answer], now: datetime) -> None:
    for answer in answers:
        row, _ = Witness.objects.get_or_create(name=answer.witness)
        row.asked_at, row.answered_in, row.failure = now, answer.seconds, answer.failure
        row.failures = row.failures + 1 if answer.failure else 0
        row.size = answer.size if answer.size is not None else row.size
        if answer.signatures:
            row.cosigned_at = cosigned_at(answer.signatures[0])
        row.save()
    known = set(head.cosignatures.values_list("witness", flat=True))  # the first word of each is enough
    Cosignature.objects.bulk_create(
        [
            Cosignature(checkpoint=head, witness=answer.witness, line=str(line), cosigned_at=cosigned_at(line))
            for answer in answers
            if answer.witness not in known
            for line in answer.signatures
        ],
        ignore_conflicts=True,
    )


# ---- compare --------------------------------------------------------------------------------------------------------


def compare(*, now: datetime) -> None:
    """Ask every witness what it has seen of this log: at the start of a process, and every minute.

    A larger one freezes the log, and so does another one; where all agree again, it goes on.
    """
    policy, head = keys.witnesses(), log.latest() or log.unpublished()
    _carrier.compared = monotonic()
    if policy is None and _is_frozen_for_witnesses():
        log.freeze(None)  # its operator has taken out whoever had seen more
    if policy is None or head is None:
        return
    answers = _ask_all(_reachable(policy), head, lambda answers: False)
    _keep(head, answers, now)
    _demand_agreement(answers, policy, all_asked=True)


def compare_if_due(*, now: datetime) -> None:
    """Compare, unless this process has just done so."""
    if _carrier.is_due():
        compare(now=now)


def _demand_agreement(answers: Iterable[Answer], policy: Policy, *, all_asked: bool = False) -> None:
    """Freeze the log if witnesses have seen more of it than there is, or another one; let it go on if enough agree
    that they have not.

    Nobody signs a size: one witness that errs, or lies, stops nothing as long as those who have not seen more are a
    quorum, and those who have are none. Of what was ever published a quorum has seen more: so whoever was asked and
    says nothing may be one of it.
    """
    size = log.head().signed  # read after the answers: whatever a witness has seen of us was committed before
    seen = {answer.witness: answer.size for answer in answers if answer.size is not None}
    ahead = {witness: f"has seen {more}" for witness, more in seen.items() if more > size}
    others = {answer.witness: "has cosigned another tree" for answer in answers if answer.denies}
    against = ahead | others
    told = ", ".join(f"{witness} {why}" for witness, why in sorted(against.items()))
    asked = {peer.key.name for peer in _reachable(policy)}
    agree = seen.keys() - against.keys()
    perhaps_against = _is_quorum(policy, asked - agree)
    if against and (_is_quorum(policy, against) or not _is_quorum(policy, agree) or (all_asked and perhaps_against)):
        log.freeze(f"{OTHER if others else BEHIND}: it has {size} entries, {told}")
        return
    if against:
        logger.critical("the log has %d entries, %s, and a quorum has not: whom is it to believe?", size, told)
    settled = agree == asked if policy.quorum is None else _is_quorum(policy, agree) and not perhaps_against
    if settled and _is_frozen_for_witnesses():
        log.freeze(None)


def _is_frozen_for_witnesses() -> bool:
    return (log.frozen() or "").startswith((BEHIND, OTHER))


def _is_quorum(policy: Policy, keys_named: Collection[str]) -> bool:
    """Whether these witnesses, by the names of their keys, are enough; nobody is where no quorum is asked for."""
    try:
        policy.demand_quorum(name for name, peer in policy.witnesses.items() if peer.key.name in keys_named)
    except PolicyNotMet:
        return False
    return policy.quorum is not None


# ---- asking ---------------------------------------------------------------------------------------------------------


def _ask_all(peers: list[Peer], head: Checkpoint, enough: Callable[[Iterable[Answer]], bool]) -> list[Answer]:
    """What the witnesses answer, all asked at once; those who stand elsewhere than we thought are asked once more."""
    sizes = dict(Witness.objects.filter(name__in=[peer.key.name for peer in peers]).values_list("name", "size"))
    requests = {peer: _request(head, sizes.get(peer.key.name, 0)) for peer in peers}
    answers = _ask_at_once(requests, enough)
    elsewhere = {answer.witness: answer.size for answer in answers if not answer.signatures and answer.size is not None}
    again = {  # also those that have cosigned this very one, for somebody who did not live to keep it
        peer: _request(head, size)
        for peer, request in requests.items()
        if (size := elsewhere.get(peer.key.name)) is not None and request.old_size != size <= head.size
    }
    first = [answer for answer in answers if answer.witness not in {peer.key.name for peer in again}]
    return first + _ask_at_once(again, lambda new: enough([*first, *new]))


def _request(head: Checkpoint, old_size: int) -> AddCheckpoint:
    """What continues a witness's last; one that has seen more than this is asked as one that has seen this."""
    old_size = min(old_size, head.size)
    proof = log.consistency(old_size, head.size) if 0 < old_size < head.size else []
    signed = Note.parse(head.note)
    own = signed.signatures[:1]  # the log's; what others cosigned is no business of this witness
    return AddCheckpoint(old_size, tuple(proof), str(Note(signed.text, own)))


def _ask_at_once(requests: dict[Peer, AddCheckpoint], enough: Callable[[Iterable[Answer]], bool]) -> list[Answer]:
    """The answers that come in time: until there are enough, and a little longer."""
    if not requests:
        return []
    asked = {_carrier.ask(peer, request): peer for peer, request in requests.items()}
    waiting = set(asked)
    until, answers, closing = monotonic() + settings.WITNESS_TIMEOUT_SECONDS + GRACE, list[Answer](), False
    while waiting and (left := until - monotonic()) > 0:
        done, waiting = wait(waiting, timeout=left, return_when=FIRST_COMPLETED)
        answers += [each.result() for each in done]
        if not closing and enough(answers):
            until, closing = min(until, monotonic() + GRACE), True
    if not closing:  # whoever was waited for in vain is asked less often
        late = settings.WITNESS_TIMEOUT_SECONDS
        answers += [Answer(asked[each].key.name, failure="no answer in time", seconds=late) for each in waiting]
    return answers


async def _ask(http: httpx.AsyncClient, peer: Peer, request: AddCheckpoint) -> Answer:
    """One witness. Runs in the carrier's thread, without the database, and raises nothing."""
    began, name = monotonic(), peer.key.name
    try:
        size, signatures = await _post(http, peer, request)
        return Answer(name, size, signatures, "", monotonic() - began)
    except (LogError, httpx.HTTPError, UnicodeDecodeError) as error:
        failure, denies = str(error)[:300] or type(error).__name__, isinstance(error, OtherTree)
        return Answer(name, failure=failure, seconds=monotonic() - began, denies=denies)
    except Exception as error:  # whatever a witness may send, the others' word counts
        logger.exception("asking %s", name)
        return Answer(name, failure=repr(error)[:300], seconds=monotonic() - began)


async def _post(
    http: httpx.AsyncClient, peer: Peer, request: AddCheckpoint
) -> tuple[int | None, tuple[Signature, ...]]:
    """The size that the witness has cosigned, and its good signatures if that is this one."""
    status, text = await _answered(http, f"{str(peer.url).rstrip('/')}/add-checkpoint", str(request).encode())
    if status == 409:
        size = parse_size(text)
        if size == request.old_size == request.checkpoint.size:  # of this very size, so it is the root that differs
            raise OtherTree("another tree of this size", found=f"{size} entries")
        return size, ()
    if status == 422:
        raise OtherTree("a tree that this one does not continue", found=f"{request.old_size} entries")
    if status != 200:
        raise NotCosigned(text.strip()[:200], found=f"status {status}")
    asked, lines = Note.parse(request.note), parse_cosignatures(text)
    good = note.open(str(Note(asked.text, (*asked.signatures, *lines))), [peer.key])
    return request.checkpoint.size, good.signatures


async def _answered(http: httpx.AsyncClient, address: str, content: bytes) -> tuple[int, str]:
    """Status and text, if they are no longer than a note and there in time, from the connecting to the last byte: each
    byte of one who drips comes in time."""
    try:
        async with asyncio.timeout(settings.WITNESS_TIMEOUT_SECONDS):
            return await _read(http, address, content)
    except TimeoutError as error:
        raise NotCosigned("no answer in time", expected=f"{settings.WITNESS_TIMEOUT_SECONDS:g} s") from error


async def _read(http: httpx.AsyncClient, address: str, content: bytes) -> tuple[int, str]:
    body = b""
    async with http.stream("POST", address, content=content) as answer:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MAX_NOTE:
                raise NotCosigned("too long", expected=f"{MAX_NOTE} bytes at most", found=f"{len(body)} bytes")
    return answer.status_code, body.decode()


# ---- how it stands --------------------------------------------------------------------------------------------------


def standing() -> Mapping[str, Witness]:
    """Every witness of the policy, by name, with how it stands."""
    policy = keys.witnesses_named()
    names = [peer.key.name for peer in policy.witnesses.values()] if policy else []
    known = Witness.objects.in_bulk(names)
    return {name: known.get(name, Witness(name=name)) for name in names}
