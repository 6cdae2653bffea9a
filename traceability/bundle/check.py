"""Checking a bundle: twelve steps, each resting on those before it, with no network and no trust in who made it.

    bytes, policy ──examine──> report          what came of each step
    bytes, policy ──check────> report          or `BundleRefused`, unless every step holds

The steps are the members of `Step`, and the methods of `_Examination` in the same order.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, NoReturn, cast

from ledger.tlog.cose import PublicKey
from ledger.tlog.errors import LogError
from ledger.tlog.merkle import check_multiproof
from ledger.tlog.note import Note as Signed
from ledger.tlog.policy import Vouched
from partners.gs1.identifiers import gln_of, gtin_of, is_canonical, is_sgtin, is_sscc

from ..custody import SIGNED_BY_PARTY, TERMINAL, Voice, delegated_step
from ..epcis.cbv import BIZ_STEPS, DISPOSITIONS, SOURCE_DEST_TYPES, Vocabulary
from ..epcis.errors import DocumentError
from ..epcis.events import Action, Event, EventType
from ..epcis.jcs import JSON, encode
from ..epcis.values import WHITE_SPACE
from ..errors import Refusal
from ..policy import Policy
from ..statements import ROOT, KeyState, Opened, Root, Submission, name_order, open_statement, open_status, read
from ..statements import Status as StatusStatement
from ..submission import ELSEWHERE, begins
from .links import Links, is_testimony
from .possession import Possession, Telling
from .report import PASSED_ON, BundleRefused, Failure, HopReport, Note, Numbered, Report, Step
from .rights import Rights
from .value import Bundle, Hop, Path, Segment, Shown


def check(data: bytes, policy: Policy) -> Report:
    """The report of a bundle of which every step holds. Raises `BundleRefused` at the first that does not."""
    report = examine(data, policy)
    if failure := report.failure:
        raise BundleRefused(
            f"step {int(failure.step)}, {failure.step.name.lower()}: {failure.detail}",
            code=failure.code,
            where=failure.where,
            expected=failure.expected,
            found=failure.found,
        )
    return report


def examine(data: bytes, policy: Policy) -> Report:
    """What came of each step, up to the first that fails."""
    return _Examination(data, policy).report()


@dataclass(frozen=True)
class _Told:
    """One event that is shown, in its place in the history."""

    number: int
    segment: int
    hop: Hop
    opened: Opened[Submission]
    by_node: bool  # signed by the node, for a party that gave it the bytes
    shown: Shown

    @property
    def index(self) -> int:
        return self.hop.entered.index

    @property
    def event(self) -> Event:
        """As much of the event as its core says."""
        core = self.shown.core
        return Event(
            type=EventType(str(core["type"])),
            event_time=str(core["eventTime"]),
            event_time_zone_offset=str(core["eventTimeZoneOffset"]),
            action=Action(str(core["action"])),
            biz_step=cast("str | None", core.get("bizStep")),
            disposition=cast("str | None", core.get("disposition")),
            sources=_parties(core, "sources"),
            destinations=_parties(core, "destinations"),
            error_declaration=cast("Mapping[str, JSON] | None", core.get("errorDeclaration")),
        )

    @property
    def voice(self) -> Voice:
        return Voice(str(self.shown.core["as"]))

    @property
    def party(self) -> str | None:
        """Whose act it is said to be."""
        said = self.shown.core.get("for")
        return str(said) if said is not None else self.opened.issuer

    def field(self, name: str) -> JSON:
        return next((named.value for named in self.shown.fields if named.name == name), None)


class _Examination:
    """Carries what the steps have found from one to the next."""

    step: Numbered

    def __init__(self, data: bytes, policy: Policy) -> None:
        self.data = data
        self.policy = policy
        self.bundle: Bundle | None = None
        self.vouched: list[Vouched] = []
        self.told: tuple[_Told, ...] = ()
        self.notes: list[Note] = []
        self.own: _Told | None = None  # the licensee's own commissioning of what others had told of before
        self.status: StatusStatement | None = None

    def report(self) -> Report:
        failure = self._failure()
        reached = failure.step if failure else max(Step) + 1
        proven = self.told if reached > Step.LEAVES else ()
        head = self.vouched[-1] if reached > Step.CHECKPOINT else None
        return Report(
            item=self.bundle.epc if self.bundle else None,
            hops=tuple(self._hop(told, self.bundle.items) for told in proven) if self.bundle else (),
            notes=tuple(self.notes),
            failure=failure,
            ilmd=self._ilmd() if reached > Step.LINKS else {},
            outermost=self.links.chain[-1].epc if reached > Step.LINKS else None,
            status=self.status.status if self.status and not failure else None,
            holds=self.status.holds if self.status and not failure else (),
            origin=head.checkpoint.origin if head else None,
            size=head.checkpoint.size if head else None,
            witnessed=head.witnesses if head else {},
        )

    def _steps(self) -> Iterator[tuple[Numbered, Callable[[], None]]]:
        steps = (
            self._read, self._policy, self._checkpoint, self._entries, self._keys, self._statements,
            self._events, self._leaves, self._links, self._commissioning, self._handoffs, self._status,
        )  # fmt: skip
        return zip(Step, steps, strict=True)

    def _failure(self) -> Failure | None:
        for step, take in self._steps():
            self.step = step
            try:
                take()
            except (DocumentError, LogError, Refusal) as error:
                return Failure(self.step, error.code, error.detail, error.where, error.expected, error.found)
        return None

    # ---- the steps ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self.bundle = Bundle.parse(self.data)
        self.segments = self.bundle.segments
        self.links = Links(self.bundle.epc)
        self.possession = Possession(self._signs)

    def _policy(self) -> None:
        for segment in self.segments:
            if segment.origin not in self.policy.origins:
                expected = ", ".join(sorted(self.policy.origins))
                self._refuse("unknown_log", "a log the policy does not name", expected=expected, found=segment.origin)

    def _checkpoint(self) -> None:
        for segment in self.segments:
            vouched = self.policy.tlog.check(segment.checkpoint)
            if vouched.checkpoint.origin != segment.origin:
                found = vouched.checkpoint.origin
                self._refuse("wrong_log", "a checkpoint of another log", expected=segment.origin, found=found)
            self.vouched.append(vouched)
            self._anchored(segment)
        if self.policy.tlog.quorum is None:
            self._note("not_independently_witnessed", "Not independently witnessed: the policy asks for no witness.")

    def _anchored(self, segment: Segment) -> None:
        """Who saw the checkpoint, and when: an upper bound of the age of everything in it."""
        for name, token in segment.anchors:
            authority = self.policy.authority_of_time(name)
            if authority is None:
                sentence = f"Time-stamped by {name}, which the policy does not name: not checked."
                self._note("anchor_not_checked", sentence)
            else:
                seen = authority.seen(token, Signed.parse(segment.checkpoint).text)
                self._note("anchored", f"All of this was there when {name} saw it, {seen:%Y-%m-%d %H:%M:%S} UTC.")

    def _entries(self) -> None:
        for segment, vouched in zip(self.segments, self.vouched, strict=True):
            entries = tuple(segment.entries)
            leaves = {entered.index: entered.leaf for entered in entries}
            if len(leaves) < len(entries):
                self._refuse("one_index_twice", "two statements at one index")
            head = vouched.checkpoint
            check_multiproof(leaves, head.size, segment.path, head.root)

    def _keys(self) -> None:
        self.rights = [Rights(self.policy, segment.origin) for segment in self.segments]
        for rights, segment in zip(self.rights, self.segments, strict=True):
            for entered in segment.relied:
                rights.tell(entered)

    def _statements(self) -> None:
        told = []
        for number, segment in enumerate(self.segments):
            for hop in segment.hops:
                opened, by_node = self._open(number, hop)
                told += [(number, hop, opened, by_node, shown) for shown in hop.events]
        self.told = tuple(_Told(number, *each) for number, each in enumerate(told))
        for each in self.told:
            since = self.rights[each.segment].compromised(each.opened.issuer, each.opened.signed.kid)
            if since is not None:
                sentence = f"Signed with a key that others may have had since {since:%Y-%m-%d %H:%M} UTC."
                self._note("key_compromised", sentence, amber=True, told=each)

    def _events(self) -> None:
        for hop, opened in self._submissions():
            leaves = {shown.position: shown.leaf for shown in hop.events}
            if len(leaves) < len(hop.events):
                self._refuse("one_event_twice", "an event is shown twice", hop)
            size, root = opened.payload.events
            self._prove(leaves, size, hop.path, root, hop)

    def _leaves(self) -> None:
        for hop, opened in self._submissions():
            self._header(hop, opened.payload.header)
        for told in self.told:
            self._shown(told.hop, told.shown)
            self._meant(told)

    def _links(self) -> None:
        for told in self.told:
            self.links.tell(told.number, told.shown, (told.segment, told.index))
        self.notes += self.links.notes
        assert self.bundle is not None
        self.links.finish(self.bundle.items)

    def _commissioning(self) -> None:
        if not (is_sgtin(self.links.epc) or is_sscc(self.links.epc)):
            sentence = "Its identifier is neither a GTIN with a serial number nor an SSCC: nobody licenses it."
            self._note("identifier_unlicensed", sentence, amber=True)
        self._begun()
        if is_sgtin(self.links.epc) and not self._ilmd():
            self._note("no_ilmd", "Neither lot nor expiry is shown.", amber=True)

    def _begun(self) -> None:
        told = self.told[self.links.begun]
        if told.voice in SIGNED_BY_PARTY:
            self._begun_by_itself(told)
            return
        self.own = next(filter(self._is_own_commissioning, self.told), None)
        if self.own is not None or self.gtin is None:
            return
        if begins(told.event):
            sentence = f"Its commissioning is told by {told.opened.issuer}, not signed by who commissioned it."
            self._note("commissioning_attested", sentence, amber=True, told=told)
        else:
            self._note("not_commissioned", "Its history begins with what another party told.", amber=True, told=told)

    @property
    def gtin(self) -> str | None:
        """What has to be licensed; None for a logistic unit, whose number nobody licenses."""
        return gtin_of(self.links.epc)

    def _begun_by_itself(self, told: _Told) -> None:
        """A party's own word: it commissions what it may; a logistic unit may begin by being packed."""
        if self.gtin is None and self._is_packed(told.shown):
            return
        if not begins(told.event):
            self._refuse("not_commissioned", "its history does not begin with a commissioning", told.hop)
        if not self._may_issue(told):
            detail = "no prefix statement shown lets this party issue this GTIN"
            self._refuse("not_licensed", detail, told.hop, expected=self.gtin, found=told.party)

    def _is_packed(self, shown: Shown) -> bool:
        packed = any(item.epc == self.links.epc and item.kind == "p" for item in shown.items)
        return packed and shown.core["action"] == Action.ADD

    def _may_issue(self, told: _Told) -> bool:
        return self.gtin is None or self.rights[told.segment].may_issue(told.party or "", self.gtin, told.index)

    def _is_own_commissioning(self, told: _Told) -> bool:
        """The licensee's own commissioning of what others had told of before becomes its beginning."""
        return (
            is_testimony(told.shown)
            and begins(told.event)
            and told.voice in SIGNED_BY_PARTY
            and any(item.epc == self.links.epc for item in told.shown.items)
            and self._may_issue(told)
        )

    def _handoffs(self) -> None:
        for told in self.told:
            self._voice(told)
        for original, declaration in self.links.reverted.items():
            self._declared(self.told[original], self.told[declaration])
        originals = {declaration: original for original, declaration in self.links.reverted.items()}
        for told in self.told:
            if is_testimony(told.shown):
                self._raises_something(told)
            elif told.number in originals:
                self.possession.revert(originals[told.number])
            else:
                settled = told.number in self.links.reverted or any(self._raises(later, told) for later in self.told)
                taken_out = told.number in self.links.taken_out
                self.possession.tell(Telling(told.number, told.event, told.voice, told.party, settled, taken_out))
        self.notes += self.possession.notes

    def _status(self) -> None:
        assert self.bundle is not None
        opened = open_status(self.bundle.status)
        self._by_node(opened)
        self.status = opened.payload
        self._same_heads(opened.payload)
        self._same_keys(opened.payload)
        self._same_end(opened.payload)
        head = self.vouched[-1].checkpoint
        if opened.payload.size == head.size and opened.payload.root != head.root:
            self._refuse("split_view", "the node signed another root for a log of this size")

    # ---- what they are made of ------------------------------------------------------------------------------------

    def _open(self, number: int, hop: Hop) -> tuple[Opened[Submission], bool]:
        """The submission, its signature checked; and whether the node signed it for a party."""
        origin, index = self.segments[number].origin, hop.entered.index
        opened = open_statement(hop.entered.envelope)
        statement = opened.payload
        if not isinstance(statement, Submission):
            self._refuse("not_a_submission", "not a submission", hop, found=statement.kind())
        if statement.log != origin:
            self._refuse("wrong_log", "for another log", hop, expected=origin, found=statement.log)
        node = self._node(origin, opened.signed.kid)
        opened.signed.check(node or self.rights[number].key(opened.issuer, opened.signed.kid, index))
        return Opened(opened.envelope, opened.signed, statement), node is not None

    def _node(self, origin: str, kid: bytes) -> PublicKey | None:
        nodes = {(node.origin, node.public.kid): node.public for node in self.policy.nodes}
        return nodes.get((origin, kid))

    def _submissions(self) -> Iterator[tuple[Hop, Opened[Submission]]]:
        """Each once, however many of its events are shown."""
        return iter({id(told.hop): (told.hop, told.opened) for told in self.told}.values())

    def _prove(self, leaves: dict[int, bytes], size: int, path: Path, root: bytes, hop: Hop) -> None:
        try:
            check_multiproof(leaves, size, path, root)
        except LogError as error:
            self._refuse(error.code, error.detail, hop, expected=error.expected, found=error.found)

    def _in_order(self, keys: list[bytes], hop: Hop) -> None:
        """A tree is ordered, and has no leaf twice: its signer cannot have two, to show either."""
        if any(one >= other for one, other in pairwise(keys)):
            self._refuse("not_in_order", "leaves stand in the order of their tree, each once", hop)

    def _header(self, hop: Hop, root: Root | None) -> None:
        if not hop.header:
            if hop.header_path:
                self._refuse("proof_too_long", "a proof of nothing", hop)
            return
        if root is None:
            self._refuse("no_header", "shows a header that the statement does not have", hop)
        self._in_order([name_order(named.name) for named in hop.header], hop)
        self._prove({named.index: named.as_header for named in hop.header}, root[0], hop.header_path, root[1], hop)

    def _shown(self, hop: Hop, shown: Shown) -> None:
        fields = {named.index: named.as_field for named in shown.fields}
        if 0 in fields:
            self._refuse("second_core", "leaf 0 of an event is its core", hop)
        size, root = shown.root
        if forbidden := ELSEWHERE & {named.name for named in shown.fields}:
            self._refuse("not_a_field", "stands in the core, or in leaves of its own", hop, found=", ".join(forbidden))
        self._in_order([name_order(named.name) for named in shown.fields], hop)
        self._prove({0: shown.core_leaf, **fields}, size, shown.path, root, hop)
        demand_core(shown.core)
        if "items" not in shown.core:
            self._refuse("no_items", "shows items of an event that names none", hop)
        size, root = read(ROOT, shown.core["items"], "items")
        self._in_order([item.hash for item in shown.items], hop)
        self._prove({item.index: item.hash for item in shown.items}, size, shown.items_path, root, hop)
        packs = shown.core["type"] == EventType.AGGREGATION and shown.core["action"] != Action.OBSERVE
        if sum(item.kind == "p" for item in shown.items) > packs:
            self._refuse("wrong_kind", "a container packed by an event that packs none, or more than one", hop)

    def _meant(self, told: _Told) -> None:
        """What a party signs as its own act it has been told it signs (FORMATS section 5, "meaning")."""
        meaning, step = told.opened.payload.meaning, told.event.biz_step
        if told.voice in SIGNED_BY_PARTY and step is not None and step not in meaning:
            expected = ", ".join(meaning)
            self._refuse(
                "not_meant", "not among the steps that the statement names", told.hop, expected=expected, found=step
            )

    def _voice(self, told: _Told) -> None:
        """An actor speaks for itself, an agent by a delegation, the node as intake and as nothing else."""
        said, issuer = told.shown.core.get("for"), told.opened.issuer
        if told.by_node is not (told.voice is Voice.INTAKE):
            self._refuse("wrong_voice", "the node speaks as intake, and nobody else does", told.hop, found=told.voice)
        if told.voice is Voice.ACTOR and said not in (None, issuer):
            self._refuse("wrong_voice", "an actor speaks for itself", told.hop, expected=issuer, found=str(said))
        if (said is None and told.voice is not Voice.ACTOR) or (said == issuer and told.voice is Voice.REPORTER):
            self._refuse("wrong_voice", "told for nobody, or by another than itself", told.hop, found=told.voice)
        if told.voice is Voice.AGENT:
            step = delegated_step(told.event)
            if not self.rights[told.segment].may_act(told.party or "", by=issuer, step=step, index=told.index):
                detail = "no delegation shown lets it act for this party"
                self._refuse("not_delegated", detail, told.hop, expected=told.party, found=issuer)

    def _declared(self, original: _Told, declaration: _Told) -> None:
        """What one party said, only that party takes back."""
        if declaration.voice not in SIGNED_BY_PARTY or declaration.party != original.party:
            detail = "declared an error by another than who told it"
            found = f"{declaration.party} as {declaration.voice}"
            self._refuse("reverted_by_others", detail, declaration.hop, expected=original.party, found=found)

    def _signs(self, gln: str, number: int) -> bool:
        told = self.told[number]
        return self.rights[told.segment].signs(gln, told.index)

    def _raises_something(self, told: _Told) -> None:
        """What moves nothing is shown for one reason only."""
        if told is not self.own and not any(self._raises(told, earlier) for earlier in self.told):
            self._refuse("raises_nothing", "moves nothing, and raises nothing that others told", told.hop)

    def _raises(self, later: _Told, told: _Told) -> bool:
        """The same event of the same items, told by its own party; or the commissioning, by the licensee."""
        named = {item.epc for item in told.shown.items}
        if told.number == self.links.begun and begins(told.event):
            return later is self.own
        return (
            is_testimony(later.shown)
            and not is_testimony(told.shown)
            and later.voice in SIGNED_BY_PARTY
            and told.voice not in SIGNED_BY_PARTY
            and later.party == told.party
            and _untold(later.shown.core) == _untold(told.shown.core)
            and any(item.epc in named for item in later.shown.items)
        )

    def _by_node(self, opened: Opened[StatusStatement]) -> None:
        origin = self.segments[-1].origin
        if opened.payload.log != origin:
            self._refuse("wrong_log", "a status for another log", expected=origin, found=opened.payload.log)
        node = self._node(origin, opened.signed.kid)
        if node is None:
            self._refuse("unknown_node", "not signed by a node that the policy names", found=opened.signed.kid.hex())
        opened.signed.check(node)

    def _same_heads(self, status: StatusStatement) -> None:
        """It is about where this history ends, and not about an earlier or a later end."""
        chain = self.links.chain
        if (status.epc, status.outermost) != (chain[0].epc, chain[-1].epc):
            expected, found = f"{chain[0].epc} in {chain[-1].epc}", f"{status.epc} in {status.outermost}"
            self._refuse("another_item", "the status is about something else", expected=expected, found=found)
        if status.heads.keys() != {level.epc for level in chain}:
            self._refuse("another_history", "the status knows other containers", found=", ".join(sorted(status.heads)))
        for level in chain:
            now = status.heads[level.epc]
            if now.leaf != level.leaf or now.content not in (level.content, "unknown"):
                detail = f"the history shown of {level.epc} is not the one the node knows"
                self._refuse("another_history", detail, expected=_hex(level.leaf), found=_hex(now.leaf))
            if now.content != level.content:
                self._note("opened_since", f"{level.epc} was opened since, without a record.", amber=True)

    def _same_keys(self, status: StatusStatement) -> None:
        """A key that the node knows to be revoked is shown with its revocation, so that its place can be judged.

        A status names keys alone. One with which several parties signed this history is revoked if it is for any.
        """
        states, rights = dict(status.keys), self.rights[-1]
        signed = [told for told in self.told if not told.by_node and told.segment == len(self.segments) - 1]
        claims = {(told.opened.issuer, told.opened.signed.kid) for told in signed}
        revoked = {kid for gln, kid in claims if rights.is_revoked(gln, kid)}
        for told in signed:
            kid = told.opened.signed.kid
            if kid not in states:
                self._refuse("key_state_missing", "the status says nothing of a key", told.hop, found=kid.hex())
            if states[kid] is KeyState.REVOKED and kid not in revoked:
                self._refuse("revocation_hidden", "a key was revoked, and it is not shown when", told.hop)
            if states[kid] is KeyState.VALID and kid in revoked:
                self._refuse("revocation_denied", "a key is called valid that is shown to be revoked", told.hop)

    def _same_end(self, status: StatusStatement) -> None:
        ended = self.possession.status in TERMINAL
        if status.status != self.possession.status and (ended or status.status != PASSED_ON):
            expected = str(self.possession.status)
            self._refuse("another_end", "history and status disagree", expected=expected, found=status.status)
        if ended:
            self._note("terminal", f"Its life has ended: {status.status}.", amber=True)
        if status.status == PASSED_ON:
            self._note("passed_on", "It has been passed on: what became of it since is not told.", amber=True)
        if status.holds:
            self._note("held", f"On hold: {', '.join(status.holds)}. It is not to be dispensed.", amber=True)

    # ---- what is said of it ---------------------------------------------------------------------------------------

    def _hop(self, told: _Told, items: tuple[str, ...]) -> HopReport:
        event, number = told.event, told.number
        implied = (*self.links.implied.get(number, ()), *self.possession.implied.get(number, ()))
        return HopReport(
            time=event.event_time,
            biz_step=event.biz_step,
            action=event.action.value,
            voice=told.voice.value,
            party=told.party,
            signer=told.opened.issuer,
            sources=_glns(event.sources, "source"),
            destinations=_glns(event.destinations, "destination"),
            location=_place(told.field("bizLocation")) or _place(told.field("readPoint")),
            named=tuple(epc for epc in items if any(item.epc == epc for item in told.shown.items)),
            statement=told.opened.payload.id,
            index=told.index,
            implied=implied,
            again=is_testimony(told.shown),
            declaration=event.error_declaration is not None,
            reverted=number in self.links.reverted,
        )

    def _ilmd(self) -> dict[str, Any]:
        ilmd = (self.own or self.told[self.links.begun]).field("ilmd")
        return ilmd if isinstance(ilmd, dict) else {}

    def _note(self, code: str, sentence: str, *, amber: bool = False, told: _Told | None = None) -> None:
        self.notes.append(Note(self.step, code, sentence, amber, told.number if told else None))

    def _refuse(self, code: str, detail: str, hop: Hop | None = None, **seen: str | None) -> NoReturn:
        raise BundleRefused(detail, code=code, where=f"entry {hop.entered.index}" if hop else None, **seen)


# ---- cores ----------------------------------------------------------------------------------------------------------


def demand_core(core: Mapping[str, JSON]) -> None:
    """Raise unless this is what a core may say, in the types it says it in."""
    for name, value in core.items():
        if name not in _CORE or not _CORE[name](value):
            raise BundleRefused("not a member of a core", code="malformed_core", where=name, found=repr(value)[:80])
    if missing := _ALWAYS - core.keys():
        raise BundleRefused("a member of the core is missing", code="malformed_core", where=", ".join(sorted(missing)))


def _is_text(value: JSON) -> bool:
    return isinstance(value, str) and value != ""  # empty members are absent (FORMATS section 2)


def _is_one_of(words: type[StrEnum]) -> Callable[[JSON], bool]:
    known = {word.value for word in words}
    return lambda value: isinstance(value, str) and value in known


def _matches(pattern: str) -> Callable[[JSON], bool]:
    matches = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and matches(value) is not None


def _is_object(value: JSON) -> bool:
    return isinstance(value, dict)


def _is_word(vocabulary: Vocabulary) -> Callable[[JSON], bool]:
    """A word of CBV in no other spelling than its bare one, or somebody's own URI: decisions compare bare words."""

    def is_word(value: JSON) -> bool:
        if not isinstance(value, str) or value != value.strip(WHITE_SPACE):
            return False
        return vocabulary.get(value) == value or (vocabulary.get(value) is None and ":" in value)

    return is_word


def _is_parties(end: str) -> Callable[[JSON], bool]:
    """A set in its order, types and identifiers in their one spelling: parties are compared by what they say."""

    def is_party(party: JSON) -> bool:
        if not isinstance(party, dict) or party.keys() != {end, "type"} or not all(map(_is_text, party.values())):
            return False
        kind = str(party["type"])  # of real files also one that nobody knows
        spelled = SOURCE_DEST_TYPES.get(kind) in (None, kind) and kind == kind.strip(WHITE_SPACE)
        return spelled and is_canonical(str(party[end]))

    def is_parties(value: JSON) -> bool:
        if not isinstance(value, list) or not value or not all(map(is_party, value)):
            return False
        return all(one < other for one, other in pairwise(map(encode, value)))

    return is_parties


_CORE: Mapping[str, Callable[[Any], bool]] = {
    "type": _is_one_of(EventType),
    "action": _is_one_of(Action),
    "eventTime": _matches(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3,}Z"),  # FORMATS section 2
    "eventTimeZoneOffset": _matches(r"[+-][0-9]{2}:[0-9]{2}"),
    "bizStep": _is_word(BIZ_STEPS),
    "disposition": _is_word(DISPOSITIONS),
    "persistentDisposition": _is_object,
    "eventID": _is_text,
    "errorDeclaration": _is_object,
    "sources": _is_parties("source"),
    "destinations": _is_parties("destination"),
    "as": _is_one_of(Voice),
    "for": _matches(r"[0-9]{13}"),
    "items": lambda value: isinstance(value, list),
}
_ALWAYS = {"type", "action", "eventTime", "eventTimeZoneOffset", "as"}


def _untold(core: Mapping[str, JSON]) -> dict[str, JSON]:
    """What the core says whoever tells it."""
    return {name: value for name, value in core.items() if name not in ("as", "for", "items")}


def _parties(core: Mapping[str, JSON], name: str) -> tuple[Mapping[str, str], ...]:
    return tuple(cast("list[dict[str, str]]", core.get(name, [])))


def _glns(parties: tuple[Mapping[str, str], ...], end: str) -> tuple[str, ...]:
    return tuple(sorted({gln for party in parties if (gln := gln_of(party[end]))}))


def _hex(leaf: bytes | None) -> str | None:
    return None if leaf is None else leaf.hex()


def _place(field: JSON) -> str | None:
    return str(field["id"]) if isinstance(field, dict) and "id" in field else None
