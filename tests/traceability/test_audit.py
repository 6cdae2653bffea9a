"""Whatever is edited, taken out, put in, swapped or put back as it was: the audit finds it, and says where.

The cases are made from the models' fields, so that a new column which nothing checks fails here. The edits are SQL, as
whoever owns the database would write it; what a constraint refuses counts as refused.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as node
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction
from django.db.models import UniqueConstraint

from ledger import anchoring, keys, log
from ledger.audit import Difference
from ledger.models import Anchor, Checkpoint, Cosignature, Entry, Log, Tile, Witness
from ledger.tlog.checkpoint import Cosigner
from ledger.tlog.cose import PrivateKey, PublicKey
from ledger.tlog.note import Note
from partners import access
from partners.models import (
    AccessRecord,
    ApiToken,
    Case,
    CustodialKey,
    Delegation,
    Grant,
    Hold,
    Licence,
    Location,
    Partner,
    Place,
    Prefix,
    Product,
    SigningKey,
    Waiver,
)
from tests.ledger.tsa import Authority, openssl
from tests.remembered import once
from tests.traceability.dscsa.test_exceptions import Dispute, answer, overage
from tests.traceability.story import a_pallet, insisting, off_node, retracted
from tests.traceability.test_rules import Board
from tests.world import CASE_GTIN, GTIN, Party, World, case, document, gln, pallet, unit
from traceability import accesses, erasure, registration, statements, tally
from traceability.audit import audit, audit_if_due, begin
from traceability.beside import Schemas
from traceability.demo.documents import master_data
from traceability.errors import Conflict
from traceability.models import (
    AccessInterval,
    Alarm,
    AlarmConcern,
    Allowance,
    Audit,
    CaseConcern,
    CaseItem,
    CaseMessage,
    Containment,
    Delivery,
    Draft,
    Event,
    ExceptionCase,
    Investigation,
    InvestigationPartner,
    InvestigationStep,
    Item,
    Job,
    JobPiece,
    LegalHold,
    Move,
    MoveRequest,
    Notice,
    PartnerCase,
    RecallReport,
    Registration,
    Retention,
    Sampling,
    SerialBlock,
    SerialPool,
    Sighting,
    Submission,
    Subscription,
    Trace,
    TracePackage,
    TracePiece,
    VerificationOutcome,
    VrsRoute,
)
from traceability.replay import Replay
from traceability.tally import Tally

# ---- what is audited, and what is not -------------------------------------------------------------------------------

IN_STORE = (
    *(Log, Entry, Tile, Checkpoint, Cosignature, SigningKey, Prefix, Delegation, Location, Hold, Grant, AccessRecord),
    Case,
    *(Waiver, CaseMessage),
    AccessInterval,
    *(Submission, Event, Registration, Sighting, Item, Containment, Move, ExceptionCase),
)
#: What nothing but a replay shows to be false, and nothing before the replay reads.
REPLAYED = (Item, Containment, Move, ExceptionCase)
IN_OLD_STORE = (Submission, Event, Registration, LegalHold, Licence, Partner, Anchor)
AUDITED = {*IN_STORE, *IN_OLD_STORE}
NOT_AUDITED = {
    ApiToken: "and how a system logs in",
    Draft: "of no force",
    Retention: "when it was looked; what was erased, statements say",
    Witness: "how it stands with a witness now",
    Audit: "the audit's own",
    SerialPool: "what a node gives out stands in its own books: nobody has signed it, and no proof rests on it",
    SerialBlock: "the same",
    Product: "what parties tell of products, unsigned; it decides nothing",
    Place: "the same of places",
    RecallReport: "what the node has signed, and whoever has it can check",
    VrsRoute: "whom to ask, as the operator was told",
    Job: "what was asked for; a node's own books",
    JobPiece: "the same",
    MoveRequest: "what was asked for; what came of it, statements say",
    CustodialKey: "a secret of the node's; what it has signed, statements say",
    VerificationOutcome: "what a party said afterwards of its own verification, unsigned",
    Alarm: "the node's own word: its evidence is what is audited",
    AlarmConcern: "whom it told of that",
    Notice: "references to what is audited, as the node told of it",
    Subscription: "where a party wants to be told",
    Delivery: "how it stands with telling it",
    CaseConcern: "whom the node told of a case",
    Sampling: "what the node drew for a party",
    Trace: "where its request and its answer are looked for: those are audited",
    TracePackage: "its hash stands in a signed answer: whoever reads it checks that",
    TracePiece: "the same",
    Investigation: "how far a case has come, by its steps, which are statements",
    InvestigationStep: "the same",
    InvestigationPartner: "whom the node told of a case, and what they said to it",
    PartnerCase: "what follows from the messages of a case, which are audited",
    CaseItem: "the same",
    Allowance: "which waiver the node applied; what it allowed, a replay judges again",
}
#: Columns that say nothing that could be false, or that nothing signed could contradict.
NOTHING_TO_CHECK = {
    (Log, "frozen"): "how things stand now",
    (SigningKey, "custodial"): "the node's own note, in no log",
    (Anchor, "status"): "how it stands with an authority now",
    (Anchor, "attempts"): "how it stands with an authority now",
    (Anchor, "next_try"): "how it stands with an authority now",
    (Anchor, "failure"): "how it stands with an authority now",
    (Sighting, "at"): "the node's own note, in no log",
    (Sighting, "code"): "the node's own note, in no log",
    (Sighting, "detail"): "the node's own note, in no log",
}
#: Times that clocks of several machines wrote: an hour is not noticed.
BY_SEVERAL_CLOCKS = {(Checkpoint, "created_at"), (Checkpoint, "published_at"), (Anchor, "created_at")}
#: What is known by these is, with another's, another row: then all else of it is found wrong.
NAMES_A_ROW = {(Event, "submission"), (Event, "position"), (Item, "epc"), (Containment, "item"), (Move, "item"),
               (ExceptionCase, "epc"), (ExceptionCase, "event"), (LegalHold, "set_by"),
               (Licence, "registered"), (Delegation, "registered"), (Hold, "registered"), (Grant, "registered"),
               (Location, "registered"), (Case, "registered")}  # fmt: skip
#: Rows that are in no log: one that is gone is missed by nobody here.
IN_NO_LOG = {Sighting, Anchor}


def test_every_model_is_audited_or_said_not_to_be() -> None:
    ours = {model for app in ("ledger", "partners", "traceability") for model in apps.get_app_config(app).get_models()}
    assert ours == AUDITED | NOT_AUDITED.keys()


# ---- a store with some of everything --------------------------------------------------------------------------------


def cosigned(world: World, witness: Cosigner | None) -> None:
    """Integrate what waits; with a witness, have it cosigned and published as `cosigning.py` does."""
    now = world.passes()
    log.integrate(now=now, signer=keys.log_signer())
    head = log.unpublished()
    if head is not None and witness is not None:
        line = witness.cosign(head.note, at=now)
        Cosignature.objects.create(checkpoint=head, witness=witness.name, line=str(line), cosigned_at=now)
        signed = Note.parse(head.note)
        log.publish(head.size, str(Note(signed.text, (*signed.signatures, line))), witnessed=True, now=now)


def reads(world: World, count: int) -> None:
    for n in range(count):
        access.record(
            world.pharmacy.partner, unit(f"A{n}"), "chain", access.Purpose.VERIFICATION, now=world.passes(seconds=7)
        )


@pytest.fixture
def store(db: None, own_keys_and_authorities: None) -> World:
    """A world in which everything has happened that leaves a row of its own."""
    return World(once("store", tell_everything))


def tell_everything() -> dict[str, Any]:
    world = World()
    cosigned(world, None)
    witness = Cosigner("witness.example/w1", PrivateKey.generate())
    node.WITNESSES.write_text(f"witness w1 {witness.verifier}\nquorum w1\n")
    first_half(world)
    cosigned(world, witness)
    world.before = photograph()  # type: ignore[attr-defined]
    second_half(world)
    cosigned(world, witness)
    world.maker.commissions(serial="PENDING")
    world.now += timedelta(minutes=5)
    return world.members


def first_half(world: World) -> None:
    maker = world.maker
    a_pallet(world, 1)
    world.looked = maker.observing(unit("U12"))  # type: ignore[attr-defined]
    load, _, _ = a_pallet(world, 2)
    maker.ships([pallet(1), load], to=world.distributor)
    told = maker.commissioning([unit("E1"), unit("E2")])
    maker.submits(document(told, **master_data("0614141", "Maker", ["One"])))
    reads(world, 3)
    accesses.close_if_due(now=world.passes())
    maker.commissions(serial=["CE"], gtin=CASE_GTIN)
    world.wrong = maker.packing([unit("E1")], case("CE"))  # type: ignore[attr-defined]
    maker.tells(world.wrong)  # type: ignore[attr-defined]
    world.raised = maker.commissioning([unit("Q1")])  # type: ignore[attr-defined]
    world.pharmacy.tells(world.raised)  # type: ignore[attr-defined]
    elsewhere = off_node(world)
    world.reported = elsewhere.commissioning([unit("R1"), unit("R2")])  # type: ignore[attr-defined]
    world.pharmacy.tells(world.reported, elsewhere.shipping([unit("R1"), unit("R2")], world.pharmacy))  # type: ignore[attr-defined]


def second_half(world: World) -> None:
    maker, distributor, pharmacy = world.maker, world.distributor, world.pharmacy
    distributor.receives(pallet(1), sender=maker)
    distributor.unpacks(case("C10"), out_of=pallet(1))
    distributor.ships(case("C10"), to=pharmacy)
    pharmacy.receives(case("C10"), sender=distributor)
    pharmacy.unpacks(unit("U10"), out_of=case("C10"))
    pharmacy.dispenses(unit("U10"))
    maker.tells(world.looked)  # type: ignore[attr-defined]
    maker.tells(world.raised)  # type: ignore[attr-defined]
    pharmacy.receives([unit("R1"), unit("EXTRA")], sender=off_node(world))
    maker.tells(retracted(world.wrong))  # type: ignore[attr-defined]
    maker.tells(
        maker.observing(unit("E2"), "https://example.org/steps/counting")
        | {"disposition": "urn:epcglobal:cbv:disp:odd_word"}
    )
    with pytest.raises(Conflict):
        insisting(world.stranger, world.stranger.receiving(unit("U11"), distributor))
    insisting(maker, maker.observing(unit("E2")))
    told = world.delegates(maker, distributor, "packing")
    world.takes_back(told, maker, by=maker)
    world.delegates(maker, distributor, "inspecting", "shipping")
    world.operates(maker, gln(777), "North dock", until=world.now + timedelta(days=9))
    world.operates(distributor, gln(778), "South dock")
    world.takes_back(world.lets_issue(distributor, "0614149"), distributor, by=world.authority)
    distributor.tells(maker.observing(unit("E1")))
    world.releases(world.holds(maker, "suspect", epc=unit("E1")), maker)
    world.holds(maker, gtin=GTIN, first="V1", last="V9")
    world.holds(world.regulator, "stolen", gtin=GTIN, lot="L9")
    world.opens_case(lot="L9", serials=("V1", "V2"))
    world.grants(maker, distributor, "0614141", until=world.now.replace(microsecond=0) + timedelta(days=9))
    for reporter, partner in ((distributor, maker), (pharmacy, distributor)):
        dispute, wrong = Dispute(world, reporter, partner), overage()
        dispute.reports(overages=[wrong])
        dispute.responds(answer(wrong))
    waiver = statements.Waiver(
        about=distributor.gln, waiver=statements.WaiverKind.EXEMPTION, rules=(statements.WaivedRule.TRANSACTION,),
        gtins=(GTIN,), basis="a letter", document=bytes(32), valid_from=world.now.replace(microsecond=0),
        valid_to=world.now.replace(microsecond=0) + timedelta(days=9), **world._from(world.authority),
    )  # fmt: skip
    world.takes_back(world.registers(waiver, world.authority.key), distributor, by=world.authority)
    key = world.stranger.key.public
    revocation = statements.KeyRevocation(
        about=world.stranger.gln, kid=key.kid, compromised=world.now.replace(microsecond=0),
        **world._from(world.authority),
    )  # fmt: skip
    world.registers(revocation, world.authority.key)
    reads(world, 2)
    world.passes(hours=1)
    accesses.close_if_due(now=world.passes())


# ---- an old one, with governors -------------------------------------------------------------------------------------


@pytest.fixture
def old_store(db: None, own_keys_and_authorities: None, tmp_path: Path) -> World:
    """Rules were changed, parties came and went, and much was erased."""
    return World(once("old store", lambda: tell_long_ago(tmp_path)))


def tell_long_ago(folder: Path) -> dict[str, Any]:
    world, authority = World(), Authority(folder / "tsa")
    with authority.serving():
        node.ANCHORS.write_text(authority.line("one.example") + authority.line("two.example"))
        old_days(world)
        authority.away = 503
        cosigned(world, None)
        anchoring.anchor(now=world.passes())
        authority.away = None
        world.maker.ships(world.maker.commissions(serial=["N1"]), to=world.pharmacy)
        gone = world.maker.tells(world.maker.commissioning([unit("G1")]), world.maker.observing(unit("N1")))
        sent = world.maker.tells(world.maker.shipping(unit("G1"), world.pharmacy))
        cosigned(world, None)
        world.passes(days=1)
        anchoring.anchor(now=world.passes())
        for each in (gone, sent):
            erasure.erase(each.submission.submission, reason="asked to", now=world.passes())
        world.maker.commissions(serial=["K1"])
        cosigned(world, None)
        world.sent = sent.submission  # type: ignore[attr-defined]
    return world.members


def old_days(world: World) -> None:
    """Six years ago: who came, who left, and what retention has taken since."""
    board, new = Board(world), Party(world, gln(77), "New Board", world.authority.role)
    board.approves(1, board.proposes(authorities=tuple(sorted((named_key(new), named_key(world.authority))))))
    for number in (900, 901, 902):
        said = board.says(0, statements.Partner, about=gln(number), name=f"Party {number}", role="dispenser")
        board.approves(1, said)
    board.approves(2, board.says(0, statements.PartnerExit, about=gln(901)))
    world.enrols(Party(world, gln(900), "Party 900", world.pharmacy.role), by=new)
    for number, by in ((900, new), (902, world.authority)):
        begins = world.now.replace(microsecond=0)
        licence = statements.Licence(
            about=gln(number), licence=f"PH-{number}", role="dispenser", states=("NJ", "NY"), valid_from=begins,
            valid_to=begins.replace(year=2040 + number - 900), **world._from(by),
        )  # fmt: skip
        given = world.registers(licence, by.key)
    world.takes_back(given, Party(world, gln(902), "", world.pharmacy.role), by=world.authority)
    maker, pharmacy = world.maker, world.pharmacy
    maker.ships(maker.commissions(serial=["O1", "O2"]), to=pharmacy)
    pharmacy.receives([unit("O1"), unit("O2")], sender=maker)
    pharmacy.dispenses(unit("O1"))
    held = maker.tells(maker.commissioning([unit("H1")])).submission
    maker.decommissions(maker.commissions(serial=["D1"]))
    cosigned(world, None)
    anchoring.anchor(now=world.passes())
    maker.observes(unit("H1"))
    cosigned(world, None)
    world.passes(days=365 * 6 + 2)
    erasure.set_hold(pharmacy.gln, None, reason="a court wants it", now=world.passes())
    erasure.set_hold(maker.gln, held.submission, reason="so does another", now=world.passes())
    assert erasure.retain(now=world.passes()) is not None
    erasure.lift_hold(pharmacy.gln, None, reason="it has it", now=world.passes())


def named_key(party: Party) -> statements.NamedKey:
    return statements.NamedKey(party.gln, party.key.public.kid, party.key.public.raw)


# ---- auditing -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def what_was_read_once_is_known() -> Iterator[None]:
    """Hundreds of audits read the same statements, but for one edited byte. What follows from bytes alone, whether a
    signature holds and what an envelope says, is computed once for the same bytes; a refusal, each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PublicKey, "check", cache(PublicKey.check))
        patch.setattr(statements, "_open", cache(statements._open))
        yield


def findings(world: World, *, full: bool = True) -> list[dict[str, Any]]:
    return audit(begin(full=full, now=world.now), now=lambda: world.now).findings


def named(found: Sequence[dict[str, Any]], model: type[models.Model], *fields: str) -> bool:
    """Whether a finding names the table, and one of these columns or the row."""
    return any(
        model._meta.db_table in each["table"].split(", ") and {*fields, "row"} & set(each["field"].split(", "))
        for each in found
    )


@contextmanager
def undone() -> Iterator[None]:
    """What is done in here is taken back."""

    class Undo(Exception):
        pass

    try:
        with transaction.atomic():
            yield
            raise Undo
    except Undo:
        pass


def execute(sql: str, *values: Any) -> int:
    """As the owner of the database; -1: a constraint refuses."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)
    except DatabaseError:
        return -1


# ---- cases ----------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """A stored row, by its columns."""

    model: type[models.Model]
    values: dict[str, Any]

    @property
    def table(self) -> str:
        """The real one, also where a replay hides it."""
        return f"{Schemas.of_this_database().real}.{self.model._meta.db_table}"

    @property
    def where(self) -> tuple[str, list[Any]]:
        keys = [str(field.column) for field in self.model._meta.pk_fields]
        return " AND ".join(f'"{key}" = %s' for key in keys), [self.values[key] for key in keys]

    def set(self, column: str, value: Any) -> int:
        where, key = self.where
        return execute(f'UPDATE {self.table} SET "{column}" = %s WHERE {where}', value, *key)

    def insert(self) -> int:
        columns = ", ".join(f'"{column}"' for column in self.values)
        marks = ", ".join(["%s"] * len(self.values))
        return execute(f"INSERT INTO {self.table} ({columns}) VALUES ({marks})", *self.values.values())

    def delete(self) -> int:
        where, key = self.where
        return execute(f"DELETE FROM {self.table} WHERE {where}", *key)


def rows_of(model: type[models.Model]) -> list[Row]:
    columns = [field.column for field in fields_of(model)]
    order = ", ".join(f'"{field.column}"' for field in model._meta.pk_fields)
    names = ", ".join(
        f'CAST("{field.column}" AS text)' if isinstance(field, models.JSONField) else f'"{field.column}"'
        for field in fields_of(model)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {model._meta.db_table} ORDER BY {order}")
        return [
            Row(model, {name: bytes(value) if isinstance(value, memoryview) else value
                        for name, value in zip(columns, row, strict=True)})
            for row in cursor.fetchall()
        ]  # fmt: skip


def fields_of(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if field.column is not None]


def checked_fields(model: type[models.Model]) -> list[Any]:
    """All but keys that name a row and say nothing, and what is excused above."""
    return [
        field
        for field in fields_of(model)
        if not (field.name == "id" and field.primary_key and isinstance(field, models.BigAutoField))
        and (model, field.name) not in NOTHING_TO_CHECK
    ]


def others(field: Any, row: Row) -> Iterator[Any]:
    """Other values that a column might be given."""
    value, exact = row.values[field.column], (row.model, field.name) not in BY_SEVERAL_CLOCKS
    if value is not None and field.null and not says_nothing(field, row):
        yield None
    if isinstance(field, models.BinaryField):
        yield from _other_bytes(value)
    elif isinstance(field, models.BooleanField):
        yield not value
    elif isinstance(field, models.DateTimeField):
        yield from _other_times(value, exact=exact)
    elif isinstance(field, models.JSONField):
        yield '{"edited": "yes"}' if value != '{"edited": "yes"}' else "[]"
    elif isinstance(field, models.UUIDField):
        made = uuid.uuid4()
        yield made if connection.vendor == "postgresql" else made.hex
    elif isinstance(field, models.CharField | models.TextField) or isinstance(value, str):
        yield from _other_text(value)
    else:  # whole numbers, references among them
        yield 1 if value is None else value + 1
        if value:
            yield value - 1


def says_nothing(field: Any, row: Row) -> bool:
    """Without cosignatures, a checkpoint that is not published was overtaken, or was there before the witnesses."""
    return (row.model, field.name) == (Checkpoint, "published_at") and row.values["note"].count("\n\u2014 ") == 1


def _other_bytes(value: bytes | None) -> Iterator[bytes]:
    if not value:
        yield bytes(32)
        return
    for at in {0, len(value) - 1}:
        yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    yield value + b"\0"
    if value != bytes(len(value)):
        yield bytes(len(value))


def _other_times(value: datetime | None, *, exact: bool) -> Iterator[Any]:
    moment = value or datetime(2026, 2, 1)
    steps = (timedelta(days=400), -timedelta(days=400), *([timedelta(seconds=1), timedelta(microseconds=1)] * exact))
    for step in steps:
        yield str((moment + step).replace(tzinfo=None)) if connection.vendor == "sqlite" else moment + step


def _other_text(value: str | None) -> Iterator[str]:
    if not value:
        yield "x"
        return
    yield value + "x"
    swapped = {"0": "1", "a": "b"}.get(value[-1], "0" if value[-1].isdigit() else "a")
    yield value[:-1] + swapped


def telling(rows: Sequence[Row], field: Any) -> list[Row]:
    """Those in which this column follows from anything."""
    model, name = rows[0].model, field.name
    if (model, name) == (Submission, "offline"):  # it changes nothing of new items, and of erased leaves
        linked = set(Event.objects.filter(biz_step="shipping").values_list("submission_id", flat=True))
        return [row for row in rows if row.values["id"] in linked and row.values["items_erased_id"] is None]
    if model is Event and name in ("identity", "lot", "expiry"):
        erased = Submission.objects.exclude(erased=None)
        gone = set((erased if name == "identity" else erased.filter(items_erased=None)).values_list("pk", flat=True))
        return [row for row in rows if row.values["submission_id"] not in gone]
    if model is Anchor and name != "created_at":
        return [row for row in rows if row.values["token"] is not None]
    return list(rows)


def some(rows: Sequence[Row], field: Any = None) -> list[Row]:
    """The first and the last."""
    rows = rows if field is None else telling(rows, field)
    picked = {0, len(rows) - 1} if rows else set()
    return [rows[at] for at in sorted(picked)]


def photograph() -> dict[type[models.Model], list[Row]]:
    return {model: rows_of(model) for model in IN_STORE}


# ---- tests ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_is_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """To tell it all beside what is stored takes long, and is for naming what the tally has missed."""

    def differences(_: Replay) -> Iterator[Difference]:
        raise AssertionError("the tally of an untouched store does not come out")

    monkeypatch.setattr(Replay, "differences", differences)


@pytest.mark.usefixtures("nothing_is_told_twice")
@pytest.mark.parametrize("full", [True, False])
def test_nothing_differs_where_nothing_was_edited(store: World, full: bool) -> None:
    assert findings(store, full=full) == []
    assert all(model.objects.exists() for model in IN_STORE)
    assert findings(store, full=full) == []


@openssl
@pytest.mark.usefixtures("nothing_is_told_twice")
@pytest.mark.parametrize("full", [True, False])
def test_nothing_differs_where_what_was_erased_was_erased_by_statements(old_store: World, full: bool) -> None:
    assert findings(old_store, full=full) == []
    assert all(model.objects.exists() for model in IN_OLD_STORE)
    assert Submission.objects.exclude(items_erased=None).exists()
    assert set(Anchor.objects.values_list("status", flat=True)) == {"anchored", "failed"}
    erasure.erase(Submission.objects.filter(erased=None)[0].submission, reason="asked to", now=old_store.passes())
    cosigned(old_store, None)
    assert findings(old_store, full=full) == []
    assert findings(old_store, full=True) == []


@pytest.mark.usefixtures("nothing_is_told_twice")
def test_nothing_differs_whatever_is_erased(store: World) -> None:
    """Copies, corrections, what others told of: one after the other by a statement, then what is past retention."""
    for row in Submission.objects.order_by("pk"):
        erasure.erase(row.submission, submitter=row.submitter, reason="asked to", now=store.passes())
        assert findings(store) == []
    cosigned(store, None)
    store.passes(days=365 * 6 + 2)
    assert erasure.retain(now=store.passes()) is not None
    assert findings(store) == []


def test_nothing_differs_where_what_was_told_again_is_erased(world: World) -> None:
    """A second telling, by an eventID that the first has, stands beside it as a copy: also for a moment."""
    event = world.maker.commissioning([unit("A1")])
    world.maker.tells(event)
    world.maker.tells(event)
    cosigned(world, None)
    assert Event.objects.get(is_copy=True).event_id is not None
    for row in Submission.objects.order_by("-pk"):
        erasure.erase(row.submission, submitter=row.submitter, reason="asked to", now=world.passes())
        assert findings(world) == []


@openssl
@pytest.mark.parametrize("model", IN_OLD_STORE, ids=lambda model: model.__name__)
def test_whatever_is_done_to_a_table_of_an_old_store_is_found_and_named(
    old_store: World, model: type[models.Model]
) -> None:
    assert missed(old_store, model) == []


@openssl
def test_what_was_destroyed_by_no_statement_is_named_whoever_s_mark_it_bears(old_store: World) -> None:
    """Also where the mark is a certificate's, which names by one root all that it took."""
    row = Submission.objects.filter(erased=None).latest("pk")
    certificate = Registration.objects.get(kind="deletion-certificate")
    erasure.destroy(row, [statements.Erased.DOCUMENT, statements.Erased.FIELDS])
    assert named(findings(old_store), Submission, "erased")
    for mark in (certificate, old_store.sent.erased or certificate):  # type: ignore[attr-defined]
        Submission.objects.filter(pk=row.pk).update(erased=mark)
        found = [each for each in findings(old_store) if each["field"] == "erased"]
        assert str(row.pk) in {each["key"] for each in found}


@openssl
def test_one_more_under_a_certificate_is_named_where_it_lies_between_those_that_it_took(old_store: World) -> None:
    certificate = Registration.objects.get(kind="deletion-certificate")
    row = Submission.objects.filter(erased=None).earliest("pk")
    erasure.destroy(row, [statements.Erased.DOCUMENT, statements.Erased.FIELDS])
    Submission.objects.filter(pk=row.pk).update(erased=certificate)
    assert [(each["key"], each["field"]) for each in findings(old_store)] == [(str(row.pk), "erased")]


@openssl
def test_the_word_of_who_may_not_say_it_is_named(old_store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement about a right, put into the log by the node, signed with a key that only speaks for a party."""
    world = old_store
    said = statements.Prefix(about=world.maker.gln, gtins=("0614142",), **world._from(world.maker))
    opened = registration.open_here(statements.sign(said, world.maker.key))
    monkeypatch.setattr(registration, "check_signer", lambda _: None)
    registration.take(opened, now=world.now)
    cosigned(world, None)
    assert named(findings(world), Registration, "envelope")


@pytest.mark.parametrize("model", IN_STORE, ids=lambda model: model.__name__)
def test_whatever_is_done_to_a_table_is_found_and_named(store: World, model: type[models.Model]) -> None:
    assert missed(store, model) == []


@dataclass
class Deed:
    """What somebody does to a table, and the columns of which one is to be named for it."""

    told: tuple[Any, ...]
    steps: Sequence[Callable[[], int]]  # each is done to one row, or refused
    names: Sequence[str]
    first: bool = False  # of its kind, with this column

    def done(self) -> bool:
        return [step() for step in self.steps] == [1] * len(self.steps)


def deeds(model: type[models.Model]) -> list[Deed]:
    return [*edits(model), *deletions(model), *insertions(model), *swaps(model)]


def edits(model: type[models.Model]) -> Iterator[Deed]:
    rows = rows_of(model)
    for field in checked_fields(model):
        tried = [(row, value) for row in some(rows, field) for value in others(field, row)]
        assert tried, f"no edit of {field.name} was tried"
        for at, (row, value) in enumerate(tried):
            told = ("edited", field.name, row.where[1], str(value)[:40])
            yield Deed(told, [partial(row.set, field.column, value)], [field.name], first=at == 0)


def deletions(model: type[models.Model]) -> Iterator[Deed]:
    names = [field.name for field in fields_of(model)]
    for at, row in enumerate(some(rows_of(model)) if model not in IN_NO_LOG else ()):
        yield Deed(("deleted", row.where[1]), [row.delete], names, first=at == 0)


def insertions(model: type[models.Model]) -> Iterator[Deed]:
    """A row like the last one, but for what must be unique."""
    if model is AccessRecord:  # after the last interval it is logged with the next, before that no number is free
        return
    last = rows_of(model)[-1]
    unique = {field.name for field in [*fields_of(model), *model._meta.pk_fields] if field.unique or field.primary_key}
    unique |= {field.name for field in model._meta.pk_fields}
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            unique |= set(constraint.fields)
    values = {
        field.column: next(iter(others(field, last))) if field.name in unique else last.values[field.column]
        for field in fields_of(model)
    }
    names = [field.name for field in fields_of(model)]
    yield Deed(("inserted", values), [Row(model, values).insert], names, first=True)


def swaps(model: type[models.Model]) -> Iterator[Deed]:
    all_rows = rows_of(model)
    for field in checked_fields(model):
        rows = telling(all_rows, field)
        pairs = [(a, b) for a, b in pairwise(rows) if a.values[field.column] != b.values[field.column]]
        if not pairs or field.primary_key or (model, field.name) in BY_SEVERAL_CLOCKS:
            continue
        one, other = random.Random(0).choice(pairs)
        mine, theirs = one.values[field.column], other.values[field.column]
        whatever = [each.name for each in fields_of(model)] if (model, field.name) in NAMES_A_ROW else []
        between = next(iter(others(field, rows[-1])))  # where a value is unique, none has it twice
        steps = [partial(row.set, field.column, value) for row, value in ((one, between), (other, mine), (one, theirs))]
        yield Deed(("swapped", field.name, one.where[1], other.where[1]), steps, [field.name, *whatever])


Missed = Iterator[tuple[Any, ...]]


def missed(store: World, model: type[models.Model]) -> list[tuple[Any, ...]]:
    """One world a table: to make one takes longer than to audit it."""
    done, by_parts = deeds(model), model in REPLAYED
    found = [*missed_by_audits(store, model, [deed for deed in done if deed.first or not by_parts])]
    if by_parts:
        rest = [deed for deed in done if not deed.first]
        found += [*missed_by_the_tally(store, rest), *missed_by_the_replay(model, rest)]
    return found


def missed_by_audits(store: World, model: type[models.Model], done: Sequence[Deed]) -> Missed:
    """Each by an audit of its own. One that is not full begins, where none was before it, at the first entry, and
    checks what a full one checks, but for the replay: that is left for whatever is not named without, and done for the
    first of each kind."""
    for deed in done:
        with undone():
            if not deed.done():
                continue
            found = findings(store, full=deed.first)
            assert Audit.objects.get().since == 0
            if not deed.first and not named(found, model, *deed.names):
                found = findings(store)
            if not named(found, model, *deed.names):
                yield *deed.told, [(each["table"], each["field"]) for each in found]


def missed_by_the_tally(store: World, done: Sequence[Deed]) -> Missed:
    """What comes before the tally reads none of the tables that are replayed: so it is read once, and each tally hears
    the same."""
    heard: list[tuple[Any, ...]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tally, "tell", lambda _, *what: heard.append(what))
        findings(store)

    def agrees() -> bool:
        with tally.begun() as again:
            for what in heard:
                again.tell(*what)
            return again.agrees()

    assert agrees()
    for deed in done:
        with undone():
            if deed.done() and agrees():
                yield *deed.told, "the tally comes out"
    assert agrees()


def missed_by_the_replay(model: type[models.Model], done: Sequence[Deed]) -> Missed:
    """Nor does the replay read those, but for comparing: so it is told once, and compared after each edit."""
    replay = Replay()
    with replay.told():
        assert [*replay.compared()] == []
        for deed in done:
            with undone():
                if deed.done() and not named(found := [asdict(each) for each in replay.compared()], model, *deed.names):
                    yield *deed.told, [(each["table"], each["field"]) for each in found]
        assert [*replay.compared()] == []


def test_a_row_put_back_as_it_was_is_found(store: World) -> None:
    restored: set[type[models.Model]] = set()
    for model, rows in store.before.items():  # type: ignore[attr-defined]
        now = {tuple(row.where[1]): row.values for row in rows_of(model)}
        for row in rows:
            later = now[tuple(row.where[1])]
            changed = [field.name for field in fields_of(model) if later[field.column] != row.values[field.column]]
            if not changed or changed == ["frozen"]:
                continue
            with undone():
                assert row.delete() == 1
                assert row.insert() == 1
                assert named(findings(store), model, *changed), (model, row.where, changed)
            restored.add(model)
    assert restored >= {Log, SigningKey, Item, Containment, Event}


def flips(stored: bytes) -> Iterator[bytes]:
    for at in range(0, len(stored), 32):
        yield stored[: at + 5] + bytes([stored[at + 5] ^ 0x40]) + stored[at + 6 :]


def test_one_byte_of_a_tile_names_the_tile_and_the_entry(store: World) -> None:
    (row,) = (row for row in rows_of(Tile))
    for at, value in [*enumerate(flips(row.values["hashes"]))][::7]:
        with undone():
            row.set("hashes", value)
            (found,) = findings(store)
            assert (found["table"], found["key"], found["field"], found["entry"]) == (
                "ledger_tile",
                "0/0",
                "hashes",
                at,
            )


def test_a_difference_says_since_when_it_was_anchored_and_when_it_was_changed(store: World) -> None:
    clean = audit(begin(full=True, now=store.now), now=lambda: store.now)
    assert clean.differences == 0
    row = rows_of(Submission)[0]
    row.set("fields_secret", bytes(32))
    store.passes(hours=1)
    (found,) = findings(store)
    entry = Entry.objects.get(number=row.values["entry_id"])
    first = Checkpoint.objects.filter(size__gt=entry.index).order_by("size").first()
    assert first is not None
    assert first.published_at is not None
    assert found["entry"] == entry.index
    assert found["anchored"] == first.published_at.isoformat()
    assert found["window"] == (clean.started.isoformat(), store.now.isoformat())


def test_an_incremental_audit_reads_what_is_new_and_the_whole_tree(store: World) -> None:
    assert findings(store, full=False) == []
    rows_of(Submission)[0].set("fields_secret", bytes(32))
    assert findings(store, full=False) == []  # read before, and left to a full one
    assert named(findings(store), Submission, "fields_secret")
    rows_of(Submission)[-1].set("fields_secret", bytes(32))
    assert named(findings(store, full=False), Submission, "fields_secret")
    (tile,) = rows_of(Tile)
    tile.set("hashes", next(flips(tile.values["hashes"])))
    assert named(findings(store, full=False), Tile, "hashes")


def test_a_submission_has_the_first_version_that_knows_its_words(world: World) -> None:
    """So that it can be told from the document, and nobody changes it unseen."""
    pack = world.maker.commissions(serial="A")
    world.maker.ships(pack, to=world.pharmacy)
    world.maker.calls_off(pack, to=world.pharmacy)
    assert list(Submission.objects.order_by("pk").values_list("rules", flat=True)) == [1, 1, 2]
    cosigned(world, None)
    assert findings(world) == []
    first, *_, last = Submission.objects.order_by("pk").values_list("pk", flat=True)
    for key, rules in ((first, 2), (last, 1), (last, 3)):
        with undone():
            Submission.objects.filter(pk=key).update(rules=rules)
            assert {each["table"] for each in findings(world)} == {"traceability_submission"}


@pytest.mark.parametrize("value", ["'text'", "CAST(x'ff00' AS text)"])
@pytest.mark.parametrize(
    ("model", "column"), [(Event, "leaves"), (Submission, "header"), (Registration, "entry_salt"), (Tile, "hashes")]
)
def test_what_cannot_even_be_read_is_named(store: World, model: type[models.Model], column: str, value: str) -> None:
    """SQLite keeps whatever it is given."""
    table = model._meta.db_table
    if execute(f"UPDATE {table} SET {column} = {value}") > 0:
        assert any(table in each["table"].split(", ") for each in findings(store))
    else:
        assert connection.vendor == "postgresql"


def test_a_time_that_is_written_otherwise_is_named(store: World) -> None:
    """SQLite keeps text: of one moment, every spelling but the node's is somebody else's."""
    if connection.vendor == "sqlite":
        execute("UPDATE traceability_event SET event_time = event_time || '.000' WHERE length(event_time) = 19")
        assert named(findings(store), Event, "event_time")


def test_a_capture_follows_on_the_connection_that_audited(world: World) -> None:
    world.maker.commissions(serial="A1")
    assert findings(world) == []
    world.maker.commissions(serial="A2")
    assert findings(world) == []
    rows_of(Item)[0].set("possessor", world.stranger.gln)
    assert named(findings(world), Item, "possessor")
    world.maker.commissions(serial="A3")
    assert Item.objects.count() == 3


def test_what_the_signer_remembers_is_compared(store: World) -> None:
    memory = node.KEYS_DIR / "log.memory"
    whole = memory.read_bytes()
    memory.unlink()
    assert [each["table"] for each in findings(store)] == ["log.memory"]
    memory.write_bytes(whole)
    assert findings(store) == []


@pytest.mark.usefixtures("nothing_is_told_twice")
def test_a_story_like_the_demonstrations_is_clean(world: World) -> None:
    """With another partner's files in XML, a clone, and captures and readings of all kinds."""
    from traceability.demo.documents import off_node_file

    numbers: Callable[[], str] = iter([f"OM{n}" for n in range(9)]).__next__
    packs, load, received = off_node_file(world.passes(hours=12), world.pharmacy.gln, numbers)
    world.passes(days=1)
    world.pharmacy.submits(received)
    cosigned(world, None)
    world.pharmacy.tells(world.pharmacy.receiving([load], world.maker))
    world.pharmacy.tells(world.pharmacy.unpacking([pack.epc for pack in packs], load))
    cosigned(world, None)
    assert findings(world) == []


# ---- the command, and when it is due --------------------------------------------------------------------------------


def test_the_command_names_what_differs_and_exits_with_1(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.maker.commissions(serial="A1")
    cosigned(world, None)
    call_command("audit", "--full")
    assert "0 differences; all 14 entries, and custody replayed" in capsys.readouterr().out
    rows_of(Item)[0].set("possessor", world.stranger.gln)
    with pytest.raises(SystemExit) as exit_:
        call_command("audit", "--full", "--json")
    assert exit_.value.code == 1
    found, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["table"], found["key"], found["field"]) == ("traceability_item", unit("A1"), "possessor")
    assert (total["differences"], total["full"], total["replayed"]) == (1, True, True)
    assert Audit.objects.latest("pk").findings == [found]
    rows_of(Event)[0].set("lot", "L43")
    with pytest.raises(SystemExit):
        call_command("audit", "--full")
    assert "custody not compared, as what it rests on differs" in capsys.readouterr().out


def test_an_audit_is_due_once_an_interval(world: World) -> None:
    world.maker.commissions(serial="A1")
    cosigned(world, None)
    first = audit_if_due(now=lambda: world.now)
    assert first is not None
    assert audit_if_due(now=lambda: world.now) is None
    world.passes(seconds=node.AUDIT_EVERY_SECONDS)
    second = audit_if_due(now=lambda: world.now)
    assert second is not None
    assert (first.since, first.size, second.since, second.differences) == (0, 14, 14, 0)


@pytest.mark.django_db(transaction=True)
def test_a_capture_goes_on_while_an_audit_reads(world: World) -> None:
    """Each in a transaction of its own, on a database that both share: what is read is of one moment."""
    world.maker.commissions(serial="A1")
    cosigned(world, None)
    accepted: list[str] = []

    def meanwhile(what: str, _done: int, _of: int) -> None:
        if what == "submissions replayed" and not accepted:
            other = Thread(target=capture_one)
            other.start()
            other.join(15)

    def capture_one() -> None:
        try:
            accepted.append(world.maker.commissions(serial="A2"))
        finally:
            connection.close()

    row = audit(begin(full=True, now=world.now), now=lambda: world.now, progress=meanwhile)
    assert accepted == [unit("A2")]
    assert (row.differences, row.size) == (0, 14)
    assert findings(world) == []
