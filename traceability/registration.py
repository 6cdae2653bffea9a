"""Statements about keys and rights: opened, logged, applied to partners' rows (FORMATS section 5).

    envelope ──open──> statement ──signed by who may say so──> entry, promise ──> keys, rights and holds

What they say holds from their place in the log on, so each is taken under its party's exclusive lock: it comes
before or after every statement that its party signs, never beside one. Changes of the rules, and of who takes part,
hold for all parties, so they are taken one by one, with the log held.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from ledger import log, tasks
from ledger.keys import node_key
from ledger.tlog.cose import Algorithm, PublicKey
from ledger.tlog.errors import BadSignature
from partners import delegations, grants, holds, licences, locations, participants, prefixes, signing_keys, waivers
from partners.errors import PartnerError
from partners.gs1.application_identifiers import check
from partners.gs1.identifiers import gtin_of, is_canonical, is_sgtin
from partners.models import Case as CaseRow
from partners.models import Delegation as DelegationRow
from partners.models import Grant as GrantRow
from partners.models import Hold as HoldRow
from partners.models import Licence as LicenceRow
from partners.models import Partner as PartnerRow
from partners.models import Prefix as PrefixRow
from partners.models import Right, Role
from partners.models import Waiver as WaiverRow
from partners.still import keep_still

from . import cases, governing, investigating, trace_requests
from .dscsa import recalling
from .epcis.cbv import BizStep
from .errors import NotAllowed, NotSigned, Refusal
from .history import chain
from .holding import lies_over_anything
from .models import Registration
from .promises import accept
from .rules import PROPOSED, NotGoverned
from .statements import (
    OF_ITSELF,
    OF_PRODUCTS,
    PARTICIPATION,
    Approval,
    Case,
    DataHash,
    Delegation,
    ExceptionMessage,
    Grant,
    Hold,
    Investigation,
    Key,
    KeyRevocation,
    Licence,
    Location,
    Opened,
    Partner,
    PartnerExit,
    Policy,
    Prefix,
    Recall,
    RecallAnswer,
    RecallClosing,
    Release,
    Revocation,
    TraceAnswer,
    TraceRequest,
    Waiver,
    WaiverKind,
    open_statement,
)
from .statements import Registration as Statement

logger = logging.getLogger(__name__)

LONGEST = 200  # characters of a name or a word in a statement


def register(envelope: bytes, *, now: datetime) -> tuple[Registration, bytes]:
    """Take a statement about a key or a right: its row and the node's promise, the same again on retry.

    Raises, and stores nothing, unless (1) it is well formed, (2) for this log, (3) not another statement under a
    used id, (4) signed by a key that speaks for its issuer, who (5) may say this, and (6) it changes something.
    """
    opened = open_here(envelope)
    if type(opened.payload) in ACCOMPANIED:
        detail, expected = "this kind of statement comes with what it is about", ACCOMPANIED[type(opened.payload)]
        raise NotSigned(detail, code="unsupported_statement", expected=expected, found=opened.payload.kind())
    try:
        row = take(opened, now=now)
    except IntegrityError:  # the same id, at the same time, about another party: another lock
        row = take(opened, now=now)  # which now finds it
    return row, bytes(row.promise)


def take(opened: Opened[Statement], *, now: datetime) -> Registration:
    """Steps 3 to 6, in one transaction."""
    with transaction.atomic():
        row = earlier(opened)
        if row is not None:
            return row
        demand_writable(opened.payload)
        check_governed(opened, b"") if is_governed(opened) else check_signer(opened)  # whoever likes may send us this
        lock(opened)
        row = earlier(opened)
        if row is None:
            row = record(opened, now=now)
            transaction.on_commit(tasks.ring, robust=True)  # a lost message costs a sweep, never an answer
    return row


def open_here(envelope: bytes) -> Opened[Statement]:
    """Steps 1 and 2: a statement of a kind that is registered, for this log."""
    opened = open_statement(envelope)
    statement = opened.payload
    if not isinstance(statement, Statement) or type(statement) not in APPLY:
        detail = "this kind of statement is not registered here"
        raise NotSigned(detail, code="unsupported_statement", found=statement.kind())
    if statement.log != settings.LOG_ORIGIN:
        detail, origin = "the statement is for another log", settings.LOG_ORIGIN
        raise NotSigned(detail, code="wrong_log", where="log", expected=origin, found=statement.log)
    return Opened(envelope, opened.signed, statement)


def demand_writable(statement: Statement) -> None:
    """Raise for a role that nobody has, and for text that a person could not read in one line, or that some database
    does not keep."""
    role = getattr(statement, "role", None)
    if role is not None and role not in Role.values:
        detail, expected = "no role known here", ", ".join(Role.values)
        raise Refusal(detail, code="unknown_role", where="role", expected=expected, found=repr(role[:80]))
    for each in fields(statement):
        value = getattr(statement, each.name)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and each.name != "tlog" and (len(text) > LONGEST or not text.isprintable()):
                detail, expected = "no name or word", f"1 to {LONGEST} printable characters"
                where = each.name.replace("_", "-")
                raise NotSigned(detail, code="unwritable", where=where, expected=expected, found=repr(text[:80]))


def lock(opened: Opened[Statement]) -> None:
    """Whatever has to stand still: everybody's prefixes, all holds, the log, a party; in this order."""
    said = opened.payload
    if isinstance(said, Prefix) or (isinstance(said, Revocation) and _said(said.entry, [Prefix.kind()]).exists()):
        keep_still("prefixes", exclusive=True)
    if isinstance(said, (Hold, Release)):
        keep_still("holds", exclusive=True)
    if isinstance(said, (*ALL_PARTIES, Location)):
        log.hold()
    if not isinstance(said, ALL_PARTIES):
        return lock_party(opened)
    for leaves in _leaving(said):  # no agent of it acts beside this
        with suppress(PartnerError):
            signing_keys.lock_issuer(leaves, exclusive=True, left=True)


def _leaving(said: Statement) -> Iterator[str]:
    """Whom this may have leave."""
    if isinstance(said, PartnerExit):
        yield said.about
    elif isinstance(said, Approval):
        named = Registration.objects.filter(kind=PartnerExit.kind(), entry__entry=bytes.fromhex(said.entry))
        yield from named.values_list("about", flat=True)


def lock_party(opened: Opened[Statement]) -> None:
    """Of whoever has left, things are still taken back."""
    takes_back = isinstance(opened.payload, (KeyRevocation, Revocation, Release))
    try:
        signing_keys.lock_issuer(opened.payload.about, exclusive=True, left=takes_back)
    except PartnerError as error:
        check_signer(opened)  # who is a partner here is told only to whoever may speak of partners
        error.where = "about"
        raise _as(Refusal, error) from error


def earlier(opened: Opened[Statement]) -> Registration | None:
    """Step 3: what is stored under this id already. The same payload under any signature is the same statement."""
    row = Registration.objects.filter(issuer=opened.issuer, statement_id=opened.payload.id).first()
    if row is not None and bytes(row.payload_sha256) != payload_sha256(opened):
        raise Refusal("this id names another statement", code="submission_reused", where=opened.payload.id)
    return row


def record(opened: Opened[Statement], *, now: datetime) -> Registration:
    """Steps 4 to 6, then the entry, the row, and what the statement changes."""
    salt = secrets.token_bytes(32)
    adopted = check_governed(opened, salt) if is_governed(opened) else None
    if adopted is None and not is_governed(opened):
        check_signer(opened)
    entry, promise = accept(opened, salt, now=now)
    row = Registration.objects.create(
        statement_id=opened.payload.id,
        issuer=opened.issuer,
        about=opened.payload.about,
        kind=opened.payload.kind(),
        payload_sha256=payload_sha256(opened),
        envelope=opened.envelope,
        entry_salt=salt,
        entry=entry,
        promise=promise,
        accepted=now,
    )
    try:
        if not is_governed(opened):
            APPLY[type(opened.payload)](opened, entry.number)
        elif adopted is not None and type(adopted) in ADOPT:
            ADOPT[type(adopted)](adopted, entry.number)
        if type(opened.payload) in TELL:
            TELL[type(opened.payload)](row, opened.payload, now=now)
    except PartnerError as error:
        raise _as(Refusal, error) from error
    return row


def is_governed(opened: Opened[Statement]) -> bool:
    """Whether governors decide: of the rules always, of who takes part where there are any."""
    return isinstance(opened.payload, (Policy, Approval)) or (
        isinstance(opened.payload, PROPOSED) and governing.is_governed()
    )


def check_governed(opened: Opened[Statement], salt: bytes) -> Statement | None:
    """Steps 4 and 5, of what governors say; what is adopted by it."""
    rules, index = governing.rules(), governing.next_place()
    now, soon = rules.at(index), rules.at(index + governing.SLACK)
    if (now.governors, now.quorum) != (soon.governors, soon.quorum):
        raise NotAllowed(
            "who governs is about to change: say it again when that has come into force",
            code="rules_changing",
            expected=f"entry {index + governing.SLACK} of the log, or later",
            found=f"entry {index}",
        )
    try:
        return rules.tell(opened, salt, index)
    except NotGoverned as error:
        raise NotAllowed(
            error.detail, code=error.code, where=error.where, expected=error.expected, found=error.found
        ) from error
    except BadSignature as error:
        raise NotSigned(error.detail, code=error.code, expected=error.expected, found=error.found) from error


def check_signer(opened: Opened[Statement]) -> None:
    """Steps 4 and 5."""
    accredits, operator = governing.accrediting(), (settings.OPERATOR_GLN, node_key().public.kid)
    if isinstance(opened.payload, PARTICIPATION):
        accredits = {operator: node_key().public}
    elif isinstance(opened.payload, Location):
        accredits = {**accredits, operator: node_key().public}
    authority = accredits.get((opened.issuer, opened.signed.kid))
    try:
        opened.signed.check(authority or partners_key(opened))
    except BadSignature as error:
        raise NotSigned(error.detail, code=error.code, expected=error.expected, found=error.found) from error
    if authority is None and not is_its_own(opened):
        detail = "this is not for its signer to say"
        raise NotAllowed(
            detail,
            code="authority_needed",
            where=opened.payload.kind(),
            expected=_may_say(opened, sorted({gln for gln, _ in accredits})),
            found=opened.issuer,
        )


def _may_say(opened: Opened[Statement], authorities: list[str]) -> str:
    if isinstance(opened.payload, Hold):  # and no more: what is known of an item is not told to anybody
        return "an item that its signer has, or a product that it may issue; or a regulator, or an authority"
    if isinstance(opened.payload, Case):
        return "a regulator, of its own"
    if isinstance(opened.payload, Release):
        return "an entry of a hold that its signer has said; or an authority"
    if isinstance(opened.payload, Revocation):  # and no more: whether there is such an entry is not told to anybody
        return (
            "an entry of something that its signer has said, or that makes another its agent; or an authority. "
            "A hold is ended by a release"
        )
    return " or ".join(authorities) or "an authority: this node knows none"


def is_its_own(opened: Opened[Statement]) -> bool:
    """Whether a party may say this of itself. It takes back what it has said, and whatever makes another its agent."""
    said, issuer = opened.payload, opened.issuer
    if isinstance(said, Revocation):
        acts_for = Q(kind=Delegation.kind(), about=issuer)
        return _said(said.entry, REVOCABLE).filter(Q(issuer=issuer) | acts_for).exists()
    if isinstance(said, Release):
        return _said(said.entry, [Hold.kind()]).filter(issuer=issuer).exists()
    if isinstance(said, Case):
        return issuer == said.about and PartnerRow.objects.filter(gln=issuer, role=Role.REGULATOR).exists()
    if isinstance(said, Hold):
        return issuer == said.about and _may_hold(issuer, epc=said.epc, gtin=said.gtin)
    if isinstance(said, Waiver):
        return issuer == said.about and _may_waive(said)
    return issuer == said.about and isinstance(said, OF_ITSELF)


def _may_waive(said: Waiver) -> bool:
    """Nobody lets itself off a rule: a party says how it trades, and who may issue products what they are."""
    if said.waiver is WaiverKind.DROP_SHIPMENT:
        return True
    return said.waiver in OF_PRODUCTS and waivers.may_issue_all(said.about, said.gtins or ())


def _may_hold(gln: str, *, epc: str | None, gtin: str | None) -> bool:
    """Whether a party may hold something up: a product that it may issue, and any item of it; a regulator, whatever it
    is; else an item that it has, is to receive or owns, by the record of whatever that is in. What others alone have
    told of gives nobody that: anybody could keep a serial number from whom it belongs to, by a report."""
    if holds.may_hold_product(gln, gtin if epc is None else gtin_of(epc) if is_sgtin(epc) else None):
        return True
    found = chain(epc) if epc is not None else None
    if found is None or not any(hop.signed for hop in found.hops):
        return False
    return gln in (found.custody.possessor, found.custody.consignee, found.custody.owner)


def _said(entry: str, kinds: Iterable[str]) -> QuerySet[Registration]:
    """The statement in this entry of the log, if it is one of these kinds."""
    return Registration.objects.filter(kind__in=list(kinds), entry__entry=bytes.fromhex(entry))


def partners_key(opened: Opened[Statement]) -> PublicKey:
    """The key that the envelope names, if it speaks for its issuer now."""
    try:
        key = signing_keys.speaking_key(opened.issuer, opened.signed.kid)
    except PartnerError as error:
        raise _as(NotSigned, error) from error
    return PublicKey(Algorithm(key.alg), bytes(key.public))


def apply_key(opened: Opened[Key], number: int) -> None:
    key = opened.payload
    signing_keys.register_key(
        key.about,
        key.kid,
        alg=key.public_key.alg,
        public=key.public,
        vouched_by=opened.issuer,
        vouched_kid=opened.signed.kid,
        number=number,
    )


def apply_key_revocation(opened: Opened[KeyRevocation], number: int) -> None:
    revoked = opened.payload
    if revoked.compromised is not None and revoked.compromised > revoked.time:
        detail, expected = "nobody knows that yet", f"at most {revoked.time:%Y-%m-%dT%H:%M:%SZ}"
        raise PartnerError(detail, code="compromised_in_the_future", where="compromised", expected=expected)
    signing_keys.revoke_key(revoked.about, revoked.kid, number=number, compromised=revoked.compromised)


def apply_prefix(opened: Opened[Prefix], number: int) -> None:
    prefix = opened.payload
    prefixes.grant_prefix(
        prefix.about, prefix.gtins, vouched_by=opened.issuer, vouched_kid=opened.signed.kid, number=number
    )
    _warn(prefix, number)


@dataclass(frozen=True)
class Remark:
    """Something about a statement that holds, of which whoever says it may not have known."""

    code: str
    where: str
    detail: str


def remarks(row: Registration) -> list[Remark]:
    """Of a prefix statement, where another party may issue some of the same products: two may, and no serial number is
    used twice; but two offices that do not know of each other may have erred. Nobody is named to whoever asks. Of a
    hold, where it lies over nothing that is known here: a slip of the pen is as likely as goods that are still to come.
    """
    if row.kind not in (Prefix.kind(), Hold.kind()):
        return []
    said = open_statement(bytes(row.envelope)).payload
    if isinstance(said, Hold):
        where, detail = "epc" if said.epc else "gtin", "nothing that is known here is held by this"
        return [] if lies_over_anything(row.entry_id) else [Remark(OVER_NOTHING, where, detail)]
    assert isinstance(said, Prefix)
    held = prefixes.held_by_others(said.about, said.gtins, before=row.entry_id)
    return [Remark(OVERLAPS, name, _told_of(others)) for name, others in held.items()]


OVER_NOTHING = "hold_over_nothing"
OVERLAPS = "prefix_overlaps"


def _told_of(others: list[PrefixRow]) -> str:
    named = ", ".join(sorted({row.digits for row in others}))
    return f"another party may issue some of these products already, by a statement about {named}"


def _warn(prefix: Prefix, number: int) -> None:
    """For the operator, who knows all parties and can ask."""
    for name, others in prefixes.held_by_others(prefix.about, prefix.gtins, before=number).items():
        holders = ", ".join(f"{row.partner_id} has {row.digits} by entry {row.registered}" for row in others)
        logger.warning("%s: entry %d gives %s to %s, and %s", OVERLAPS, number, name, prefix.about, holders)


def apply_delegation(opened: Opened[Delegation], number: int) -> None:
    said = opened.payload
    unknown = next((step for step in said.steps if step not in set(BizStep) and ":" not in step), None)
    if unknown is not None:  # it would never let anybody do anything
        detail, expected = "no business step", "a word of CBV 2.0, such as packing, or a full URI"
        raise PartnerError(detail, code="unknown_step", where="steps", expected=expected, found=unknown)
    delegations.delegate(
        said.about, said.to, said.steps, vouched_by=opened.issuer, vouched_kid=opened.signed.kid, number=number
    )


def apply_revocation(opened: Opened[Revocation], number: int) -> None:
    """From its entry on, a right that was given holds no more; what rested on it before stands."""
    _end(opened.payload.entry, opened.payload.about, REVOCABLE, number)


def _end(entry: str, about: str, kinds: Mapping[str, type[Right]], number: int) -> None:
    given = _said(entry, kinds).filter(about=about).first()
    if given is None:
        detail, expected = "there is no such statement about this party", f"the entry of a {', '.join(kinds)}"
        raise PartnerError(detail, code="nothing_to_revoke", where="entry", expected=expected, found=entry)
    rows = kinds[given.kind]._default_manager.filter(registered=given.entry_id, revoked=None)
    if not rows.update(revoked=number):
        raise PartnerError("this was ended already", code="revoked_twice", where="entry", found=entry)


def apply_licence(opened: Opened[Licence], number: int) -> None:
    licence = opened.payload
    licences.grant(
        licence.about,
        licence.licence,
        role=licence.role,
        states=licence.states,
        valid_from=licence.valid_from,
        valid_to=licence.valid_to,
        vouched_by=opened.issuer,
        number=number,
    )


def apply_location(opened: Opened[Location], number: int) -> None:
    location = opened.payload
    locations.operate(
        location.about,
        location.place,
        name=location.name,
        valid_from=location.valid_from,
        valid_to=location.valid_to,
        vouched_by=opened.issuer,
        number=number,
    )


def apply_hold(opened: Opened[Hold], number: int) -> None:
    hold = opened.payload
    if hold.epc is not None and not is_canonical(hold.epc):  # it would lie over nothing
        expected = "a canonical EPC, such as https://id.gs1.org/01/00614141123452/21/6789"
        raise PartnerError("no EPC in its one form", code="malformed_identifier", where="epc", expected=expected)
    if hold.gtin is not None:
        check("01", hold.gtin)
    if hold.lot is not None and hold.lot != hold.lot.strip():  # canonical events have none around a lot
        raise PartnerError("white space around a lot", code="bad_value", where="lot", found=repr(hold.lot))
    HoldRow.objects.create(
        partner_id=hold.about,
        kind=hold.hold,
        reason=hold.reason,
        epc=hold.epc,
        gtin=hold.gtin,
        lot=hold.lot,
        first=hold.first,
        last=hold.last,
        vouched_by=opened.issuer,
        vouched_kid=opened.signed.kid,
        registered=number,
    )


def apply_release(opened: Opened[Release], number: int) -> None:
    said = opened.payload
    investigating.demand_releasable(said.entry)
    _end(said.entry, said.about, {Hold.kind(): HoldRow}, number)


def apply_grant(opened: Opened[Grant], number: int) -> None:
    said = opened.payload
    if said.valid_to is not None and said.valid_to <= said.time:
        found = said.valid_to.isoformat()
        raise PartnerError("ends before it begins", code="empty_period", where="valid-to", found=found)
    grants.give(
        said.about,
        said.to,
        said.gtins or (),
        valid_to=said.valid_to,
        vouched_by=opened.issuer,
        vouched_kid=opened.signed.kid,
        number=number,
    )


def apply_waiver(opened: Opened[Waiver], number: int) -> None:
    said = opened.payload
    for gtin in said.gtins or ():
        check("01", gtin)
    waivers.waive(
        said.about,
        kind=said.waiver,
        of_products=said.waiver in OF_PRODUCTS,
        rules=[str(rule) for rule in said.rules],
        gtins=said.gtins or (),
        basis=said.basis,
        document=said.document,
        valid_from=said.valid_from,
        valid_to=said.valid_to,
        vouched_by=opened.issuer,
        vouched_kid=opened.signed.kid,
        number=number,
    )


def adopt_partner(partner: Partner, number: int) -> None:
    participants.admit(partner.about, name=partner.name, role=partner.role, number=number)


def adopt_exit(partner: PartnerExit, number: int) -> None:
    participants.leave(partner.about, number=number)


#: What a statement of each kind changes. Kinds that are absent are not registered here.
APPLY: dict[type[Statement], Callable[..., None]] = {
    Key: apply_key,
    KeyRevocation: apply_key_revocation,
    Prefix: apply_prefix,
    Delegation: apply_delegation,
    Revocation: apply_revocation,
    Licence: apply_licence,
    Location: apply_location,
    Hold: apply_hold,
    Release: apply_release,
    Grant: apply_grant,
    Waiver: apply_waiver,
    Partner: lambda opened, number: adopt_partner(opened.payload, number),
    PartnerExit: lambda opened, number: adopt_exit(opened.payload, number),
    DataHash: lambda opened, number: None,  # it stands for itself
    Recall: recalling.demand_recall,
    RecallAnswer: recalling.demand_answer,
    RecallClosing: recalling.demand_closing,
    ExceptionMessage: lambda opened, number: None,  # `dscsa/exceptions.py` does what it says, in the same transaction
    Investigation: investigating.apply_step,
    Policy: lambda opened, number: None,  # `governing` replays it
    Approval: lambda opened, number: None,
    Case: lambda opened, number: cases.take(opened.payload, opened.signed.kid, number, by=opened.issuer),
    TraceRequest: lambda opened, number: trace_requests.take_request(opened.payload, number),
    TraceAnswer: lambda opened, number: trace_requests.take_answer(opened.payload, number),
}
#: Whom a statement is told, of the kinds that are.
TELL: dict[type[Statement], Callable[..., None]] = {
    Recall: recalling.tell_of_recall,
    RecallAnswer: recalling.tell_of_answer,
    RecallClosing: recalling.tell_of_closing,
}
#: What is handed in together with something else, and where.
ACCOMPANIED: dict[type[Statement], str] = {ExceptionMessage: "POST /api/v1/exceptions, with the message"}
#: What can be taken back again, by kind, and the rows that it made.
REVOCABLE: dict[str, type[Right]] = {
    Prefix.kind(): PrefixRow,
    Delegation.kind(): DelegationRow,
    Licence.kind(): LicenceRow,
    Grant.kind(): GrantRow,
    Case.kind(): CaseRow,
    Waiver.kind(): WaiverRow,
}
#: What follows when enough governors have agreed to it.
ADOPT: dict[type[Statement], Callable[..., None]] = {Partner: adopt_partner, PartnerExit: adopt_exit}
ALL_PARTIES = (*PROPOSED, Approval)


def payload_sha256(opened: Opened[Statement]) -> bytes:
    return sha256(opened.signed.payload).digest()


def _as(kind: type[Refusal], error: PartnerError) -> Refusal:
    """The same, said of a statement."""
    return kind(error.detail, code=error.code, where=error.where, expected=error.expected, found=error.found)
