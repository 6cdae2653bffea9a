"""What goes out: one function for each form, and beside it its description for the OpenAPI pages.

The functions write plain members, for DRF's own serializers would cost a verification more than its queries do;
`tests/traceability/api/test_schema.py` holds every answer against the descriptions.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from rest_framework import serializers as drf

from partners.models import Partner

from ..custody import Status, Step, Voice
from ..dscsa.verification import Answer, Checked, Outcome, Product, Proof, Verdict
from ..epcis.events import Action
from ..epcis.jcs import JSON, encode
from ..history import Custody, Hop, Implied
from ..listing import Page
from ..models import Registration, Submission
from ..openings import ItemOpening
from ..records import exceptions_of, known_before
from ..registration import remarks
from ..sightings import Seen
from ..statements import b64, open_statement
from ..submission import write_exception

Members = dict[str, Any]


def instant(time: datetime) -> str:
    """UTC, with Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _words(help_text: str, choices: Any, **options: Any) -> drf.ChoiceField:
    return drf.ChoiceField(choices=[str(choice) for choice in choices], help_text=help_text, **options)


def _text(help_text: str, **options: Any) -> drf.CharField:
    return drf.CharField(help_text=help_text, **options)


def _gln(help_text: str, **options: Any) -> drf.CharField:
    return drf.RegexField(r"^[0-9]{13}$", help_text=f"GLN-13 of {help_text}", **options)


# ---- submissions and statements -------------------------------------------------------------------------------------


class Warned(drf.Serializer[Any]):
    code = _text("Stable code of what was wrong, or looks so, and taken all the same.")
    where = _text("Where in what was sent.")
    detail = _text("What it was.")


class Excepted(drf.Serializer[Any]):
    event = drf.IntegerField(help_text="Which of the submission's events, from 0.")
    epc = _text("Canonical EPC of the item; empty where the event names none.", allow_blank=True)
    code = _text("Stable code of what people have to look at.")
    detail = _text("What it is, and what came of it.")


class AcceptedSubmission(drf.Serializer[Any]):
    """The node's answer to a submission, the same again on every retry."""

    submission = drf.UUIDField(help_text="Its id, drawn by whoever made the payload.")
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    promise = _text("The node's promise to log it in time: a COSE_Sign1, base64url (FORMATS section 6).")
    accepted = drf.DateTimeField(help_text="When it was accepted, UTC.")
    warnings = Warned(many=True, help_text="What was wrong with the document and read all the same.")
    exceptions = Excepted(many=True, help_text="What was taken, and moves nothing, or less than it says: look at it.")
    known = drf.ListField(
        child=drf.IntegerField(min_value=0),
        help_text="Events, from 0, that were recorded before: a resend, of which nothing new came.",
    )


def accepted(submission: Submission) -> Members:
    return {
        "submission": str(submission.submission),
        "entry": bytes(submission.entry.entry).hex(),
        "promise": b64(bytes(submission.promise)),
        "accepted": instant(submission.accepted),
        "warnings": submission.warnings,
        "exceptions": [write_exception(each) for each in exceptions_of(submission)],
        "known": known_before(submission),
    }


class StoredSubmission(AcceptedSubmission):
    """A submission as its submitter finds it again."""

    submitter = _gln("the party that signed it.")
    statement = _text("The signed statement, as it came: a COSE_Sign1, base64url.")
    events = drf.IntegerField(help_text="How many events it has.")
    log_index = drf.IntegerField(help_text="Its place in the log; null until it is integrated.", allow_null=True)


def stored(submission: Submission) -> Members:
    return accepted(submission) | {
        "submitter": submission.submitter,
        "statement": b64(bytes(submission.statement)),
        "events": len(submission.event_leaves) // 32,
        "log_index": submission.entry.index,
    }


class RegisteredStatement(drf.Serializer[Any]):
    """The node's answer to a statement about a key or a right."""

    statement = drf.UUIDField(help_text="Its id.")
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    entry_salt = _text("What the entry was salted with, base64url: whoever has statement and salt finds the entry.")
    promise = _text("The node's promise to log it in time: a COSE_Sign1, base64url.")
    accepted = drf.DateTimeField(help_text="When it was accepted, UTC.")
    warnings = Warned(many=True, help_text="What whoever says it may not have known. It holds all the same.")


def registered(row: Registration) -> Members:
    return {
        "statement": str(row.statement_id),
        "entry": bytes(row.entry.entry).hex(),
        "entry_salt": b64(bytes(row.entry_salt)),
        "promise": b64(bytes(row.promise)),
        "accepted": instant(row.accepted),
        "warnings": [asdict(remark) for remark in remarks(row)],
    }


class ListedSubmission(drf.Serializer[Any]):
    """One of the asker's submissions, or one in which an agent told something for it."""

    submission = drf.UUIDField(help_text="Its id.")
    submitter = _gln("whoever signed it.")
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    log_index = drf.IntegerField(help_text="Its place in the log; null until it is integrated.", allow_null=True)
    accepted = drf.DateTimeField(help_text="When it was accepted, UTC.")
    meaning = drf.ListField(
        child=drf.CharField(),
        help_text="What its signer meant by it, as far as it is told for the asker: business steps, sorted.",
    )


class ListedStatement(drf.Serializer[Any]):
    """A statement about the asker's keys or rights, or one that it signed."""

    statement = drf.UUIDField(help_text="Its id.")
    kind = _text("key, prefix, delegation, revocation, ...: FORMATS section 5.")
    issuer = _gln("whoever signed it.")
    about = _gln("the party whose key or right it is about.")
    entry = _text("The 32 bytes that are logged for it, in hexadecimal.")
    log_index = drf.IntegerField(help_text="Its place in the log; null until it is integrated.", allow_null=True)
    accepted = drf.DateTimeField(help_text="When it was accepted, UTC.")
    envelope = _text("The signed statement, as it came: a COSE_Sign1, base64url.")


class _List(drf.Serializer[Any]):
    party = _gln("the party whose list it is: the asker.")
    next = _text("Cursor of the next page, for `after`; null on the last one.", allow_null=True)
    settled = _text("Cursor to begin from the next time: up to here nothing will be added.")


class SubmissionList(_List):
    """A page of what the asker has submitted, or an agent told for it, in the order of acceptance."""

    submissions = ListedSubmission(many=True, help_text="At most 500.")


class StatementList(_List):
    """A page of the statements about the asker, or signed by it, in the order of acceptance."""

    statements = ListedStatement(many=True, help_text="At most 500.")


def submissions(party: Partner, page: Page[Submission]) -> Members:
    return _list(party, page) | {"submissions": [_listed(row, page.told_for.get(row.pk)) for row in page.rows]}


def _listed(row: Submission, told_for: list[str] | None) -> Members:
    """What else an agent has told in the same submission is not its principal's to know."""
    said = open_statement(bytes(row.statement)).payload
    return {
        "submission": str(row.submission),
        "submitter": row.submitter,
        "entry": bytes(row.entry.entry).hex(),
        "log_index": row.entry.index,
        "accepted": instant(row.accepted),
        "meaning": list(getattr(said, "meaning", ())) if told_for is None else told_for,
    }


def statements(party: Partner, page: Page[Registration]) -> Members:
    return _list(party, page) | {"statements": [_stated(row) for row in page.rows]}


def _stated(row: Registration) -> Members:
    return {
        "statement": str(row.statement_id),
        "kind": row.kind,
        "issuer": row.issuer,
        "about": row.about,
        "entry": bytes(row.entry.entry).hex(),
        "log_index": row.entry.index,
        "accepted": instant(row.accepted),
        "envelope": b64(bytes(row.envelope)),
    }


def _list(party: Partner, page: Page[Any]) -> Members:
    return {
        "party": party.gln,
        "next": None if page.next is None else str(page.next),
        "settled": str(page.settled),
    }


class SubmissionForm(drf.Serializer[Any]):
    """A signed document: three files."""

    document = drf.FileField(help_text="The EPCIS document, as bytes; its content type says which syntax.")
    opening = drf.FileField(help_text="The secrets its tree was salted with (FORMATS section 4), application/json.")
    statement = drf.FileField(help_text="The signed payload: a COSE_Sign1, application/cose.")


class DraftedSubmission(drf.Serializer[Any]):
    """What to sign for a document, with all that is needed to compute it again (FORMATS section 4)."""

    payload = drf.DictField(help_text="What the statement says: sign its RFC 8785 bytes, if you compute the same.")
    opening = drf.DictField(help_text="The secrets that salt the leaves. Keep them: they open what you will prove.")
    heads = drf.DictField(help_text="Of each item that moves: its last leaf, and its content.")
    contents = drf.DictField(help_text="Of each container packed or unpacked: the leaves in it, sorted.")
    plans = drf.ListField(help_text="What applying an event does that its leaves do not show by themselves.")
    exceptions = Excepted(many=True, help_text="What people would have to look at, were it handed in now.")
    expires = drf.DateTimeField(help_text="When the node forgets it, UTC.")


# ---- verification ---------------------------------------------------------------------------------------------------


class ProductOnRecord(drf.Serializer[Any]):
    """The pack as the record has it."""

    gtin = _text("GTIN-14.")
    serial = _text("Serial number.")
    name = _text("As the document that told of its making calls it.", allow_null=True)
    lot = _text("As recorded.", allow_null=True)
    expiry = drf.DateField(help_text="The last day of use, as recorded.", allow_null=True)


class CheckMade(drf.Serializer[Any]):
    """One of the numbered checks."""

    number = drf.IntegerField(help_text="Its number, which stays.")
    name = _text("Its name, which stays.")
    outcome = _words("What it came to.", Outcome)
    sentence = _text("The same, for people.")
    proof = _words("By what anybody can check it again: the bundle, or else it is the node's word.", Proof)


class HopTaken(drf.Serializer[Any]):
    """One event that moved the item, or a container that it was in."""

    step = _words("What it did.", Step)
    time = drf.DateTimeField(help_text="When it happened, UTC.")
    party = _gln("the party whose act it is.")
    told_as = _words("As whom it was told.", Voice)
    signed = drf.BooleanField(help_text="Whether that party signed it; if not, it is attested by the submitter only.")
    submitter = _gln("the party that handed it in.")
    consignee = _gln("the party it was shipped to.", allow_null=True)
    carrier = _text("Canonical EPC of what moved: the item itself, or the container it was in.")
    into = _text("Canonical EPC of the container it was packed into.", allow_null=True)
    biz_step = _text("Business step: a CBV word, or a URI.", allow_null=True)
    action = _words("EPCIS action.", Action)
    correction = drf.BooleanField(help_text="Whether it is an error declaration, which puts back what an event did.")
    implied = drf.ListField(
        child=_words("A step.", Implied), help_text="What followed from it and nobody told: the node's word."
    )
    submission = drf.UUIDField(help_text="The submission that told it.")
    event = drf.IntegerField(help_text="Which of the submission's events, from 0.")
    kid = _text("Thumbprint of the key that signed, base64url.")
    log_index = drf.IntegerField(help_text="Place of the statement in the log; null while it waits.", allow_null=True)


class CustodyNow(drf.Serializer[Any]):
    """Where the chain leaves it."""

    status = _words("What its custody is.", Status)
    possessor = _gln("who has it.", allow_null=True)
    owner = _gln("who owns it.", allow_null=True)
    consignee = _gln("whom it is on its way to.", allow_null=True)


class VerificationAnswer(drf.Serializer[Any]):
    """What the node knows of a pack, as far as the asker may know it."""

    verdict = _words("What to do.", Verdict)
    reason = _text("Why: a stable code, explained at /problems/<code>.")
    sentence = _text("The same, for people.")
    product = ProductOnRecord(allow_null=True, help_text="Null where nothing may be said.")
    witnessed = drf.BooleanField(help_text="Whether independent witnesses cosigned the log.")
    note = _text("What is said with every verdict.")
    epc = _text("Canonical EPC. This and what follows only to whom the chain may be shown.", required=False)
    checks = CheckMade(many=True, required=False, help_text="Every check, with its outcome.")
    chain = HopTaken(many=True, required=False, help_text="Oldest first; up to the asker's own last hop.")
    custody = CustodyNow(required=False, allow_null=True, help_text="Null where only part of the chain is shown.")
    inside = drf.ListField(
        child=drf.CharField(), required=False, help_text="Canonical EPCs of what it is in, innermost first."
    )
    bundle = _text("Where its proof bundle is.", required=False)


def answered(answer: Answer) -> Members:
    members: Members = {
        "verdict": answer.verdict,
        "reason": answer.reason,
        "sentence": answer.sentence,
        "product": answer.product and _product(answer.product),
        "witnessed": answer.witnessed,
        "note": answer.note,
    }
    if answer.epc is not None:
        members["epc"] = answer.epc
        members["checks"] = [_check(check) for check in answer.checks]
        members["chain"] = [_hop(hop) for hop in answer.hops]
        members["custody"] = answer.custody and _custody(answer.custody)
        members["inside"] = list(answer.inside)
        members["bundle"] = f"{reverse('bundle')}?{urlencode({'epc': answer.epc})}"
    return members


def _product(product: Product) -> Members:
    return {
        "gtin": product.gtin,
        "serial": product.serial,
        "name": product.name,
        "lot": product.lot,
        "expiry": product.expiry and product.expiry.isoformat(),
    }


def _check(check: Checked) -> Members:
    return {
        "number": check.number,
        "name": check.name,
        "outcome": check.outcome,
        "sentence": check.sentence,
        "proof": check.proof,
    }


def _hop(hop: Hop) -> Members:
    """Signed for by its own party, whoever told it first: then that is what is shown of it."""
    told = hop.own or hop
    return {
        "step": hop.step,
        "time": instant(hop.time),
        "party": hop.party,
        "told_as": told.voice,
        "signed": hop.signed,
        "submitter": told.submitter,
        "consignee": hop.consignee,
        "carrier": hop.carrier,
        "into": hop.into,
        "biz_step": hop.biz_step,
        "action": hop.action,
        "correction": hop.correction,
        "implied": list(hop.implied),
        "submission": told.submission,
        "event": told.position,
        "kid": b64(told.kid),
        "log_index": told.index,
    }


def _custody(custody: Custody) -> Members:
    return {
        "status": custody.status,
        "possessor": custody.possessor,
        "owner": custody.owner,
        "consignee": custody.consignee,
    }


# ---- sightings ------------------------------------------------------------------------------------------------------


class SightingSeen(drf.Serializer[Any]):
    """A signed submission that was refused because it contradicts the record, and kept."""

    at = drf.DateTimeField(help_text="When it came, UTC.")
    submission = drf.UUIDField(help_text="Its id, as its submitter drew it.")
    submitter = _gln("the party that signed it.")
    epc = _text("Canonical EPC of the item it was refused for; null if it names none.", allow_null=True)
    code = _text("Why, as far as you may know: a stable code, explained at /problems/<code>.")


class SightingsPage(drf.Serializer[Any]):
    """Sightings, the latest first."""

    sightings = SightingSeen(many=True, help_text="Those that concern you; a page may be short, and not the last.")
    next = _text("Where the next page is; null at the end.", allow_null=True)


def sightings(found: list[Seen], before: int | None) -> Members:
    return {
        "sightings": [
            {
                "at": instant(seen.at),
                "submission": seen.submission,
                "submitter": seen.submitter,
                "epc": seen.epc,
                "code": seen.code,
            }
            for seen in found
        ],
        "next": None if before is None else f"{reverse('sightings')}?{urlencode({'before': before})}",
    }


# ---- openings and problems ------------------------------------------------------------------------------------------


class OpenedLeaf(drf.Serializer[Any]):
    """What one event says of one item, as it is hashed."""

    submission = drf.UUIDField(help_text="The submission, ")
    submitter = _gln("who signed it,")
    event = drf.IntegerField(help_text="and which of its events, from 0.")
    leaf = drf.ListField(
        help_text='["i" or "p", salt, epc, content, prev] or ["s", salt, epc]: its RFC 8785 bytes are the leaf '
        "(FORMATS section 3)."
    )


class OpenedItem(drf.Serializer[Any]):
    """One line: an item, and the leaves that whoever holds it may show of it, oldest first."""

    epc = _text("Canonical EPC.")
    leaves = OpenedLeaf(many=True)


def line(opening: ItemOpening) -> bytes:
    """One line of NDJSON."""
    leaves: list[JSON] = [
        {
            "submission": each.submission,
            "submitter": each.submitter,
            "event": each.event,
            "leaf": each.members,
        }
        for each in opening.leaves
    ]
    return encode({"epc": opening.epc, "leaves": leaves}) + b"\n"


class Problem(drf.Serializer[Any]):
    """RFC 9457."""

    type = _text("Where the code is explained: /problems/<code>.")
    title = _text("The kind of problem.")
    status = drf.IntegerField(help_text="The HTTP status.")
    detail = _text("What is wrong here.")
    code = _text("Stable; meant for programs.")
    instance = _text("The path that was asked.", required=False)
    where = _text("Where in what was sent.", required=False)
    expected = _text("What should have been there.", required=False)
    found = _text("What was there.", required=False)
    epc = _text("The item it is about.", required=False)
    draft = DraftedSubmission(required=False, help_text="With stale_head: the document drafted anew.")
