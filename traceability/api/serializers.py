"""What goes out: one function for each form, and beside it its description for the OpenAPI pages.

The functions write plain members, for DRF's own serializers would cost a verification more than its queries do;
`tests/traceability/api/test_schema.py` holds every answer against the descriptions.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from rest_framework import serializers as drf

from partners.descriptions import TOLD
from partners.gs1.scanner_faults import Fault
from partners.models import Partner

from ..custody import Status, Step, Voice
from ..dscsa.elsewhere import Elsewhere
from ..dscsa.verification import Answer, Checked, Outcome, Product, Proof, Verdict
from ..epcis.events import Action
from ..epcis.jcs import JSON, encode
from ..history import Custody, Hop, Implied
from ..labels.stock import FORM, NAMED
from ..line_checks import Checked as CheckedReport
from ..listing import Page
from ..models import Allowance, Registration, SerialBlock, SerialPool, Submission
from ..moving import MOVES
from ..moving import REASONS as MOVE_REASONS
from ..numbering import SETS
from ..openings import ItemOpening
from ..receiving import Compared, OnItsWay, Shipment
from ..records import allowances_of, exceptions_of, known_before
from ..registration import remarks
from ..serials import State, numbering, state
from ..sightings import Seen
from ..statements import HoldKind, b64, open_statement
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


class AllowedShown(drf.Serializer[Any]):
    """What a rule would have refused, and the record by which it was taken."""

    event = drf.IntegerField(help_text="Which event, from 0.", min_value=0)
    rule = _text("The rule: `licence` or `return`.")
    subject = _text("GLN of the party without a licence, or the item that came back.")
    waiver = _text("Its kind: waiver, exception, exemption, grandfathered or excluded.")
    basis = _text("What it is based on.")
    entry = _text("The entry of its statement in the log, in hexadecimal.")


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
    allowed = AllowedShown(many=True, help_text="What waivers have allowed, which a rule would have refused.")


def accepted(submission: Submission) -> Members:
    return {
        "submission": str(submission.submission),
        "entry": bytes(submission.entry.entry).hex(),
        "promise": b64(bytes(submission.promise)),
        "accepted": instant(submission.accepted),
        "warnings": submission.warnings,
        "exceptions": [write_exception(each) for each in exceptions_of(submission)],
        "known": known_before(submission),
        "allowed": [_allowed(row, entry) for row, entry in allowances_of(submission)],
    }


def _allowed(row: Allowance, entry: str) -> Members:
    return {
        "event": row.position,
        "rule": row.rule,
        "subject": row.subject,
        "waiver": row.waiver.kind,
        "basis": row.waiver.basis,
        "entry": entry,
    }


class MoveWanted(drf.Serializer[Any]):
    """A move to be told. Which members it needs and takes depends on it: `/api/docs/` lists them."""

    move = _words("What is done.", MOVES)
    scans = drf.ListField(
        child=drf.CharField(), required=False, help_text="What of: whatever a scanner yields. A pack counts once."
    )
    epcs = drf.ListField(child=drf.CharField(), required=False, help_text="The same by Digital Link or URN.")
    all = drf.BooleanField(required=False, help_text="Of unpacking: all that is in it.")
    to = _text("Of shipping: the GLN of the receiver, also as it is scanned.", required=False)
    to_location = _text("And of the place.", required=False)
    place = _text("GLN of the place where it happens, if it is not the party's own.", required=False)
    lot = _text("Of commissioning, where the labels do not say it.", required=False)
    expiry = drf.DateField(required=False, help_text="The same.")
    reason = _words("Of decommissioning.", MOVE_REASONS, required=False)
    purchase_order = _text("Its number, as the buyer gave it.", required=False)
    despatch_advice = _text("Its number, as the seller gave it.", required=False)
    invoice = _text("Its number, as the seller gave it.", required=False)
    affirmed = drf.BooleanField(
        required=False,
        help_text="Of shipping: that the sender makes the transaction statement.",
    )
    at = drf.DateTimeField(required=False, help_text="When it happened, with its zone; by default now.")
    request = _text("The asker's own name for this request: the same again is told once.", required=False)

    def get_fields(self) -> dict[str, Any]:
        """One has a name that Python keeps for itself, and one a name that serializers do."""
        sender = _text("Of receiving: the sender's GLN; by default whoever shipped it to the asker.", required=False)
        parent = _text("What is packed or unpacked: a scan or an identifier.", required=False)
        return super().get_fields() | {"from": sender, "parent": parent}


class MoveDrafted(drf.Serializer[Any]):
    """What to sign for a move. Compute every root again from the document, sign, and hand it in at the `Location`."""

    document = _text("The EPCIS document, whose UTF-8 bytes are what is signed for.")
    draft = drf.DictField(help_text="As `POST /submissions` answers it for a document alone.")
    custodial = drf.BooleanField(help_text="False: this node holds no key of the asker's.")


class MoveMade(AcceptedSubmission):
    """A move that is signed and accepted."""

    custodial = drf.BooleanField(help_text="Whether this node signed it, with a key that it holds for the asker.")


class ThingsSeen(drf.Serializer[Any]):
    """What was scanned, to be compared with what was to come."""

    scans = drf.ListField(child=drf.CharField(), required=False, help_text="Whatever a scanner yields.")
    epcs = drf.ListField(child=drf.CharField(), required=False, help_text="The same by Digital Link or URN.")


class ThingOnItsWay(drf.Serializer[Any]):
    epc = _text("Canonical EPC of a pack or a container that nothing else is around.")
    units = drf.IntegerField(help_text="Packs in it, or itself; null where nobody has stated it.", allow_null=True)


class PaperNamed(drf.Serializer[Any]):
    type = _text("po, desadv, inv, ...: CBV 2.0 section 7.3.")
    number = _text("As whoever gave it wrote it.")


class ShipmentOnItsWay(drf.Serializer[Any]):
    """What one event has shipped to the asker, as far as it has not come yet."""

    sender = _gln("who shipped it.")
    shipped = drf.DateTimeField(help_text="When, UTC.")
    papers = PaperNamed(many=True, help_text="What it was shipped by.")
    units = drf.IntegerField(help_text="Packs in all of it; null where nobody has stated it.", allow_null=True)
    items = ThingOnItsWay(many=True, help_text="Each outermost item.")


class ShipmentsOnTheirWay(drf.Serializer[Any]):
    shipments = ShipmentOnItsWay(many=True, help_text="The oldest first.")


class PartSeen(drf.Serializer[Any]):
    container = _text("Canonical EPC of a container that was to come.")
    seen = drf.ListField(child=drf.CharField(), help_text="What was seen of it, without it.")


class SentBy(drf.Serializer[Any]):
    sender = _gln("who shipped it.")
    seen = drf.ListField(child=drf.CharField(), help_text="Canonical EPCs of what was seen.")


class ExpectedAgainstSeen(drf.Serializer[Any]):
    """What came, against what was to come."""

    agrees = drf.BooleanField(help_text="Whether all that came was to come, and all of those shipments has come.")
    whole = drf.ListField(child=drf.CharField(), help_text="Canonical EPCs: to come, and seen.")
    parts = PartSeen(many=True, help_text="Of containers that were to come, what was seen alone.")
    missing = ThingOnItsWay(many=True, help_text="Not seen, of shipments of which something was.")
    beside = drf.ListField(child=drf.CharField(), help_text="Seen, and not on its way to the asker, by the record.")
    waiting = ShipmentOnItsWay(many=True, help_text="Shipments of which nothing was seen.")
    senders = SentBy(many=True, help_text="Who has shipped what was seen, as far as it is on its way to the asker.")


def shipment(found: Shipment) -> Members:
    return {
        "sender": found.sender,
        "shipped": instant(found.shipped),
        "papers": [{"type": kind, "number": number} for kind, number in found.papers],
        "units": found.units,
        "items": [_on_its_way(item) for item in found.items],
    }


def _on_its_way(item: OnItsWay) -> Members:
    return {"epc": item.epc, "units": item.units}


def compared(found: Compared, senders: Mapping[str, str]) -> Members:
    by_sender: dict[str, list[str]] = {}
    for epc, sender in senders.items():
        by_sender.setdefault(sender, []).append(epc)
    return {
        "agrees": found.agrees,
        "whole": list(found.whole),
        "parts": [{"container": epc, "seen": list(seen)} for epc, seen in found.parts.items()],
        "missing": [_on_its_way(item) for item in found.missing],
        "beside": list(found.beside),
        "waiting": [shipment(each) for each in found.waiting],
        "senders": [{"sender": sender, "seen": seen} for sender, seen in by_sender.items()],
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
    name = _text("As it is described; else as the document that told of its making calls it.", allow_null=True)
    lot = _text("As recorded.", allow_null=True)
    expiry = drf.DateField(help_text="The last day of use, as recorded.", allow_null=True)
    ndc = _text("National Drug Code, with its hyphens.", allow_null=True)
    strength = _text("Of each active ingredient.", allow_null=True)
    dosage_form = _text("Dosage form.", allow_null=True)
    container_size = _text("What is in the package.", allow_null=True)
    labeler = _text("Name of the labeler.", allow_null=True)
    described_by = drf.ChoiceField(
        choices=["licensee", "operator", "fda"],
        allow_null=True,
        help_text="Who tells what the product is: the party that may issue it, the operator of this node, or the FDA's "
        "directory; null: nobody, and its name, if any, is that of the document that told of its making.",
    )


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
    custodial = drf.BooleanField(
        help_text="Whether this node holds that key, and signed with it at its submitter's word: the node's own note."
    )
    log_index = drf.IntegerField(help_text="Place of the statement in the log; null while it waits.", allow_null=True)


class CustodyNow(drf.Serializer[Any]):
    """Where the chain leaves it."""

    status = _words("What its custody is.", Status)
    possessor = _gln("who has it.", allow_null=True)
    owner = _gln("who owns it.", allow_null=True)
    consignee = _gln("whom it is on its way to.", allow_null=True)


class HoldNow(drf.Serializer[Any]):
    """A hold that is in force."""

    kind = _words("Why, in a word.", HoldKind)
    by = _gln("whoever holds it up.")
    reason = _text("Why, as they say.")
    entry = _text("The entry of its statement, in hexadecimal: what releases it names that.")


class SaidElsewhere(drf.Serializer[Any]):
    """What another company's responder says of the pack: its word, and nothing that is proven here."""

    verdict = _words("What to do: never more than caution.", Verdict)
    reason = _text("Why: a stable code, explained at /problems/<code>.")
    sentence = _text("The same, for people.")
    responder = _gln("whoever was asked.", allow_null=True)
    verified = drf.BooleanField(help_text="Whether it verifies the pack; null without an answer.", allow_null=True)
    failure = _text("Why it does not, in the standard's word.", allow_null=True)
    info = _text("What else it says of the pack, in the standard's word.", allow_null=True)
    answered = _text("When it answered, as it says.", allow_null=True)


def said_elsewhere(said: Elsewhere) -> Members:
    return {
        "verdict": said.verdict,
        "reason": said.reason,
        "sentence": said.sentence,
        "responder": said.responder,
        "verified": said.verified,
        "failure": said.failure,
        "info": said.info,
        "answered": said.at,
    }


class FaultFound(drf.Serializer[Any]):
    """What explains a scan that leads to no pack."""

    codes = drf.ListField(child=drf.CharField(), help_text="Stable codes, explained at /problems/<code>.")
    sentence = _text("The same, for people.")
    remedy = _text("What to do before the pack is suspected.")
    reading = _text("What would have been on the pack; null where that is open.", allow_null=True)
    taken = drf.BooleanField(
        help_text="Whether the answer is to that reading. Never, where it was typed wrong: ask whether it was meant."
    )


class VerificationAnswer(drf.Serializer[Any]):
    """What the node knows of a pack, as far as the asker may know it."""

    verdict = _words("What to do.", Verdict)
    reason = _text("Why: a stable code, explained at /problems/<code>.")
    sentence = _text("The same, for people.")
    product = ProductOnRecord(allow_null=True, help_text="Null where nothing may be said.")
    witnessed = drf.BooleanField(help_text="Whether independent witnesses cosigned the log.")
    note = _text("What is said with every verdict.")
    fault = FaultFound(allow_null=True, help_text="Null where nothing happened to the code on its way.")
    verification = drf.IntegerField(
        required=False, help_text="Number of its record, by which you say what became of the pack. With a token only."
    )
    epc = _text("Canonical EPC. This and what follows only to whom the chain may be shown.", required=False)
    checks = CheckMade(many=True, required=False, help_text="Every check, with its outcome.")
    chain = HopTaken(many=True, required=False, help_text="Oldest first; up to the asker's own last hop.")
    custody = CustodyNow(required=False, allow_null=True, help_text="Null where only part of the chain is shown.")
    inside = drf.ListField(
        child=drf.CharField(), required=False, help_text="Canonical EPCs of what it is in, innermost first."
    )
    holds = HoldNow(many=True, required=False, help_text="That lie over it, or over what it is in.")
    bundle = _text("Where its proof bundle is.", required=False)
    elsewhere = SaidElsewhere(required=False, help_text="Where it was asked for: another responder's word.")


def answered(answer: Answer) -> Members:
    members: Members = {
        "verdict": answer.verdict,
        "reason": answer.reason,
        "sentence": answer.sentence,
        "product": answer.product and _product(answer.product),
        "witnessed": answer.witnessed,
        "note": answer.note,
        "fault": answer.fault and _fault(answer.fault),
    }
    if answer.verification is not None:
        members["verification"] = answer.verification
    if answer.epc is not None:
        members["epc"] = answer.epc
        members["checks"] = [_check(check) for check in answer.checks]
        members["chain"] = [_hop(hop) for hop in answer.hops]
        members["custody"] = answer.custody and _custody(answer.custody)
        members["inside"] = list(answer.inside)
        members["holds"] = [
            {"kind": held.kind, "by": held.by, "reason": held.reason, "entry": held.entry} for held in answer.holds
        ]
        members["bundle"] = f"{reverse('bundle')}?{urlencode({'epc': answer.epc})}"
    return members


def _fault(fault: Fault) -> Members:
    return {
        "codes": list(fault.codes),
        "sentence": fault.sentence,
        "remedy": fault.remedy,
        "reading": fault.reading and str(fault.reading),
        "taken": fault.taken,
    }


def _product(product: Product) -> Members:
    return {
        "gtin": product.gtin,
        "serial": product.serial,
        "name": product.name,
        "lot": product.lot,
        "expiry": product.expiry and product.expiry.isoformat(),
        **{name: (product.described and getattr(product.described, name)) or None for name in TOLD if name != "name"},
        "described_by": product.described_by,
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
        "custodial": told.custodial,
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


# ---- labels ---------------------------------------------------------------------------------------------------------


class LabelAsked(drf.Serializer[Any]):
    """One label, by its GTIN, SSCC or EPC: one of these three. All members are texts."""

    gtin = _text("GTIN of 8, 12, 13 or 14 digits; then serial, expiry and lot are needed.", required=False)
    serial = _text("AI 21: 1 to 20 characters of set 82.", required=False)
    expiry = _text("AI 17: YYMMDD, day 00 for the end of a month; or YYYY-MM-DD, or YYYY-MM.", required=False)
    lot = _text("AI 10: 1 to 20 characters of set 82.", required=False)
    nhrn = _text("AI 715: the NDC, where it is not in the GTIN.", required=False)
    sscc = _text("SSCC of 18 digits.", required=False)
    content = _text("AI 02: GTIN of what is in a logistic unit; then count is needed.", required=False)
    count = _text("AI 37: how many of that.", required=False)
    epc = _text("A Digital Link or an EPC URN of an SGTIN or an SSCC.", required=False)


class LabelJob(drf.Serializer[Any]):
    """What is printed in one go."""

    stock = _text("What they are printed on: " + ", ".join(NAMED) + f"; or {FORM}.")
    dpi = drf.IntegerField(help_text="Dots an inch of the printer: 203, 300 or 600.")
    symbol = drf.ChoiceField(
        choices=["datamatrix", "gs1-128", "qr"], required=False, help_text="What carries it; datamatrix by default."
    )
    resolver = _text("What Digital Links in QR codes begin with; https://id.gs1.org by default.", required=False)
    labels = LabelAsked(many=True, help_text="At most 1,000.")


# ---- serial numbers -------------------------------------------------------------------------------------------------


class PoolWanted(drf.Serializer[Any]):
    """A pool to be opened."""

    gtin = _text("GTIN-14 of a product that you may issue.")
    length = drf.IntegerField(min_value=1, max_value=20, help_text="Of each number, in characters.")
    character_set = _words("A set by its name; or", SETS, required=False)
    characters = _text("the characters themselves, in the order of their codes, none that look alike.", required=False)
    enforced = drf.BooleanField(
        required=False, help_text="Whether you commission this product from your blocks alone; false by default."
    )


class PoolChange(drf.Serializer[Any]):
    """What may change of a pool."""

    enforced = drf.BooleanField(help_text="Whether you commission this product from your blocks alone.")


class Pool(drf.Serializer[Any]):
    """Serial numbers of one product and one length."""

    pool = drf.UUIDField(help_text="Its id.")
    gtin = _text("GTIN-14.")
    characters = _text("What its numbers are made of.")
    length = drf.IntegerField(help_text="Of each number, in characters.")
    allocated = drf.IntegerField(help_text="Numbers given out so far.")
    left = drf.IntegerField(help_text="Numbers that may be: fewer than one in 10,000 of those that are possible.")
    enforced = drf.BooleanField(help_text="Whether you commission this product from your blocks alone.")
    opened = drf.DateTimeField(help_text="When it was opened, UTC.")


def pool(row: SerialPool) -> Members:
    return {
        "pool": str(row.pool),
        "gtin": row.gtin,
        "characters": row.characters,
        "length": row.length,
        "allocated": row.allocated,
        "left": max(0, numbering(row).capacity - row.allocated),
        "enforced": row.enforced,
        "opened": instant(row.opened),
    }


class PoolList(drf.Serializer[Any]):
    """A page of your pools, by GTIN and length."""

    pools = Pool(many=True, help_text="At most 100.")
    next = _text("Cursor of the next page, for `after`; null on the last one.", allow_null=True)


def pools(rows: list[SerialPool], following: int | None) -> Members:
    return {"pools": list(map(pool, rows)), "next": None if following is None else str(following)}


class BlockWanted(drf.Serializer[Any]):
    """Numbers to be given out."""

    pool = drf.UUIDField(help_text="From which pool.")
    request = _text("Your name for this request, such as a UUID: asked again by it, you get the same block.")
    count = drf.IntegerField(min_value=1, max_value=1_000_000, help_text="How many numbers.")
    expires = drf.DateTimeField(
        required=False, help_text="When what is unused of them counts no more; never, if absent."
    )


class Block(drf.Serializer[Any]):
    """Numbers that were given out together."""

    block = drf.UUIDField(help_text="Its id.")
    pool = drf.UUIDField(help_text="The pool that they are from.")
    gtin = _text("GTIN-14.")
    request = _text("As you called your request.")
    count = drf.IntegerField(help_text="How many numbers.")
    state = _words("How it stands with it: what is returned or expired is commissioned no more.", State)
    allocated = drf.DateTimeField(help_text="When it was given out, UTC.")
    expires = drf.DateTimeField(help_text="When it expires, UTC; null: never.", allow_null=True)
    returned = drf.DateTimeField(help_text="When it was returned, UTC; null: it was not.", allow_null=True)
    returned_by = _gln("the party that returned it; null: nobody did.", allow_null=True)
    reason = _text("Why it was returned; null: it was not.", allow_null=True)
    numbers = _text("Where its numbers are.")


def block(row: SerialBlock, now: datetime) -> Members:
    return {
        "block": str(row.block),
        "pool": str(row.pool.pool),
        "gtin": row.pool.gtin,
        "request": row.request,
        "count": row.count,
        "state": state(row, now),
        "allocated": instant(row.at),
        "expires": row.expires and instant(row.expires),
        "returned": row.returned and instant(row.returned),
        "returned_by": row.party if row.returned else None,
        "reason": row.reason or None,
        "numbers": reverse("serial-block-numbers", kwargs={"block": row.block}),
    }


class CountedBlock(Block):
    """The same, and how many of its numbers are in use."""

    commissioned = drf.IntegerField(help_text="How many of its numbers are those of a pack or a case.")


def counted(row: SerialBlock, commissioned: int, now: datetime) -> Members:
    return block(row, now) | {"commissioned": commissioned}


class BlockList(drf.Serializer[Any]):
    """A page of the blocks of a pool, in the order in which they were given out."""

    blocks = CountedBlock(many=True, help_text="At most 100.")
    next = _text("Cursor of the next page, for `after`; null on the last one.", allow_null=True)


class BlockReturn(drf.Serializer[Any]):
    """Why a block is returned."""

    reason = _text("For whoever asks later: up to 200 characters.")


class WrongLine(drf.Serializer[Any]):
    """What is wrong with a line: the first thing."""

    line = drf.IntegerField(help_text="Its number in the text; of JSON its place in the list, from 1.")
    where = _text("Which field.")
    code = _text("Stable; explained at /problems/<code>.")
    detail = _text("What it is.")
    expected = _text("What should have been there.", allow_null=True)
    found = _text("What was there.", allow_null=True)


class ReportJudged(drf.Serializer[Any]):
    """What came of a report."""

    lines = drf.IntegerField(help_text="How many lines were read.")
    wrong = WrongLine(many=True, help_text="Those that are wrong; none: all are right.")
    document = drf.DictField(
        help_text="If all are right: the EPCIS document that commissions them, to be signed and handed in; else null.",
        allow_null=True,
    )


def judged(checked: CheckedReport) -> Members:
    return {
        "lines": checked.lines,
        "wrong": [asdict(each) for each in checked.wrong],
        "document": None if checked.document is None else json.loads(checked.document),
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


class WrongPart(drf.Serializer[Any]):
    """One of several things that are wrong."""

    where = _text("Where: which line, or which of a list, and which member of it.", allow_null=True)
    code = _text("Stable; explained at /problems/<code>.")
    detail = _text("What it is.")
    expected = _text("What should have been there.", allow_null=True)
    found = _text("What was there.", allow_null=True)


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
    wrong = WrongPart(many=True, required=False, help_text="Of labels: all that are wrong, of which at most 100.")
    wrong_count = drf.IntegerField(required=False, help_text="How many those are.")
