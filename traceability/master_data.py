"""Master data from files: what would change is shown, and then that is done, or nothing.

    files ──read──> lines ──who may say it──> against what stands ──> difference, digest ──look──> apply that digest

A party tells of the products that it may issue and of its own places; the operator of the node of all. What an EPCIS
document of somebody else says is kept as told by whoever brought it, and is nobody's answer
(`partners/descriptions.py`). The FDA's directory is the operator's to bring; it is told by the FDA.

Whose acts take place at a place is not told by its description: where the operator of the node names an `operator`,
from a day on, that is also said as a location statement in the log, as `manage.py location` does.

Nothing that was told is changed or deleted: what is told later stands instead. A digest is of all that would be written
and of all rows that it would replace, so whatever came between looking and applying is noticed.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from partners.gs1.ndc import Ndc
from partners.models import Description, Location, Partner, Place, Product
from partners.prefixes import issued_by
from partners.still import keep_still

from . import bulk
from .admitting import locate
from .epcis.errors import DocumentError
from .epcis.limits import Limits
from .errors import NotAllowed, Refusal
from .line_report import Wrong
from .master_files import (
    DAYS,
    EPCIS,
    EVERY,
    FDA,
    FORM,
    PLACES,
    PRODUCTS,
    Brought,
    Kind,
    Line,
    Said,
    judge,
    read,
    unheard,
)

MODELS: Mapping[str, type[Product | Place]] = {PRODUCTS.name: Product, PLACES.name: Place}
MOST_PLACES = 10_000  # lines: each may be a statement in the log
LINES_AT_ONCE = 1_000  # of what an answer waits for: some tenths of a second; what is more is a job
BYTES_AT_ONCE = 1024 * 1024
AT_ONCE = 10_000  # rows that one statement names: SQLite takes 32,766 parameters
FEW = 500  # things that are looked for by name, and not among all that their teller tells of


class Change(StrEnum):
    """What becomes of what is told of one thing."""

    ADDED = "added"
    CHANGED = "changed"
    ENDED = "ended"


class FieldChange(NamedTuple):
    """One field, as it stands and as it would."""

    field: str
    old: str
    new: str


class Row(NamedTuple):
    """What stands, or would."""

    pk: int | None
    values: tuple[str, ...]  # in the order of the kind's fields
    valid_from: date
    valid_to: date | None

    @property
    def texts(self) -> tuple[str, ...]:
        begins = "" if self.valid_from == Description.ALWAYS else str(self.valid_from)
        return (*self.values, begins, str(self.valid_to or ""))


class Operated(NamedTuple):
    """A location statement that goes with it."""

    place: str
    operator: str
    before: str  # who operates it till then; "": nobody has said
    name: str
    valid_from: datetime
    valid_to: datetime | None


class Entry(NamedTuple):
    """One difference, and what is written for it: of several about one thing, with the last of them."""

    change: Change
    line: int | None  # None: there is none, and the files are complete
    key: str
    old: Row | None
    new: Row | None
    statement: Operated | None = None
    replaces: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()

    def fields(self, kind: Kind) -> list[FieldChange]:
        """Field by field, what changes."""
        names = (*kind.fields, *DAYS)
        old = self.old.texts if self.old else ("",) * len(names)
        new = self.new.texts if self.new else old
        found = [FieldChange(*each) for each in zip(names, old, new, strict=True) if each[1] != each[2]]
        if self.statement:
            found.append(FieldChange("location statement", self.statement.before, self.statement.operator))
        return found


@dataclass(frozen=True)
class Difference:
    """All that would be written, and what would not."""

    kind: Kind
    brought: str  # csv, epcis, fda or form
    told_by: str  # GLN, or FDA
    entries: Sequence[Entry]
    unchanged: int
    wrong: Sequence[Wrong]
    digest: str = field(init=False)  # SHA-256, in hexadecimal

    def __post_init__(self) -> None:
        hashed = hashlib.sha256(f"{self.kind.name} {self.brought} {self.told_by}\n".encode())
        for each in (*self.entries, *self.wrong):
            hashed.update(repr(each).encode() + b"\n")
        object.__setattr__(self, "digest", hashed.hexdigest())

    def counted(self, change: Change) -> int:
        return sum(each.change is change for each in self.entries)


# ---- looking, and applying ------------------------------------------------------------------------------------------


def bring(
    files: Sequence[bytes], kind: Kind, *, at_once: bool = False, progress: Callable[[int, int], None] = unheard
) -> Brought:
    """Read files; `at_once`, no more than an answer may wait for. Raises `DocumentError`."""
    most = settings.MASTER_DATA_MAX_LINES if kind is PRODUCTS else MOST_PLACES
    limits = Limits(
        max_bytes=BYTES_AT_ONCE if at_once else settings.MASTER_DATA_MAX_BYTES,
        max_depth=settings.EPCIS_MAX_DEPTH,
        max_events=settings.EPCIS_MAX_EVENTS,
    )
    return read(files, kind, limits, LINES_AT_ONCE if at_once else most, progress)


def compare(
    kind: Kind,
    brought: Brought,
    gln: str,
    *,
    complete: bool = False,
    now: datetime,
    progress: Callable[[int], None] = unheard,
) -> Difference:
    """What would change, if a party said this. With `complete`, what it tells of and no line names ends today."""
    if brought.source == FDA and gln != settings.OPERATOR_GLN:
        raise NotAllowed("the FDA's directory is brought by the operator of the node", expected="the operator's token")
    told_by = Description.FDA if brought.source == FDA else gln
    said, wrong = _allowed(kind, brought, gln)
    today = now.astimezone(UTC).date()
    standing = _standing(kind, told_by, None if complete else {each.key for each in said})
    entries: list[Entry] = []
    unchanged = 0
    stated = _Stated(said, today) if kind is PLACES and gln == settings.OPERATOR_GLN else None
    for at, (key, several) in enumerate(_by_key(said).items()):
        if not at % EVERY:
            progress(at)
        found = _of_one(kind, standing.pop(key, []), several, today, stated)
        wrong += (each for each in found if isinstance(each, Wrong))
        entries += (each for each in found if isinstance(each, Entry))
        unchanged += sum(each is None for each in found)
    if complete:
        entries += (entry for key, rows in sorted(standing.items()) for entry in _end(key, rows, today))
    return Difference(kind, brought.source, told_by, entries, unchanged, sorted(wrong, key=lambda each: each.line))


def apply(kind: Kind, brought: Brought, gln: str, digest: str, *, complete: bool = False, now: datetime) -> Difference:
    """Write exactly what was shown under this digest, in one transaction; raises `Refusal` if it would be another."""
    with transaction.atomic():
        keep_still("descriptions", exclusive=True)
        keep_still("prefixes")
        difference = compare(kind, brought, gln, complete=complete, now=now)
        if difference.digest != digest:
            raise Refusal(
                "what would change is not what was shown: look again",
                code="differences_changed",
                where="apply",
                expected=difference.digest,
                found=digest[:64],
            )
        _write(difference, gln, now)
        for entry in difference.entries:
            if (said := entry.statement) is not None:
                locate(
                    said.operator, place=said.place, name=said.name,
                    valid_from=said.valid_from, valid_to=said.valid_to, now=now,
                )  # fmt: skip
    return difference


def describe(kind: Kind, members: Mapping[str, str], gln: str, *, now: datetime) -> Difference:
    """One thing, told by hand: at once, or refused."""
    line = judge(kind, Line(1, members))
    brought = Brought(FORM, [line])
    shown = compare(kind, brought, gln, now=now)
    for wrong in shown.wrong:
        refusal = NotAllowed if wrong.code in NOT_THEIRS else DocumentError
        raise refusal(wrong.detail, code=wrong.code, where=wrong.where, expected=wrong.expected, found=wrong.found)
    return apply(kind, brought, gln, shown.digest, now=now)


NOT_THEIRS = frozenset({"gtin_not_licensed", "anothers_place"})
SHOWN = 1000  # differences, and refused lines, that are told; the digest is of all


def told(found: Difference, *, applied: bool = False) -> dict[str, Any]:
    """A difference, as JSON has it."""
    counts = {change.value: found.counted(change) for change in Change}
    return {
        "digest": found.digest,
        "applied": applied,
        "source": found.brought,
        "told_by": found.told_by,
        "counts": counts | {"unchanged": found.unchanged, "refused": len(found.wrong)},
        "differences": [
            {
                "change": each.change,
                "line": each.line,
                "key": each.key,
                "changes": [field._asdict() for field in each.fields(found.kind)],
            }
            for each in found.entries[:SHOWN]
        ],
        "refused": [
            {name: getattr(each, name) for name in ("line", "where", "code", "detail", "expected", "found")}
            for each in found.wrong[:SHOWN]
        ],
    }


def _write(difference: Difference, gln: str, now: datetime) -> None:
    kind, model = difference.kind, MODELS[difference.kind.name]
    replaced = [pk for entry in difference.entries for pk in entry.replaces]
    for at in range(0, len(replaced), AT_ONCE):
        model._default_manager.filter(pk__in=replaced[at : at + AT_ONCE]).update(replaced=now)
    more = ["ndc12"] if kind is PRODUCTS else []
    columns = [kind.key, *kind.fields, *more, *DAYS, "told_by", "source", "brought_by", "said"]
    day, time_of = connection.ops.adapt_datefield_value, connection.ops.adapt_datetimefield_value
    by = (difference.told_by, difference.brought, gln, time_of(now))
    rows = (
        (entry.key, *row.values, *(_twelve(row.values) if more else ()), day(row.valid_from), day(row.valid_to), *by)
        for entry in difference.entries
        for row in entry.rows
    )
    bulk.insert(model, columns, rows)


def _twelve(values: tuple[str, ...]) -> tuple[str]:
    ndc = values[PRODUCTS.fields.index("ndc")]
    return (Ndc.parse(ndc).twelve.digits if ndc else "",)


# ---- who may say what -----------------------------------------------------------------------------------------------


def _allowed(kind: Kind, brought: Brought, gln: str) -> tuple[list[Said], list[Wrong]]:
    """The lines that are right and for this party to say, and the others. Of others' things, EPCIS documents tell."""
    wrong = [each for each in brought.lines if isinstance(each, Wrong)]
    right = [each for each in brought.lines if not isinstance(each, Wrong)]
    may = _may_say(kind, gln) if brought.source != EPCIS and gln != settings.OPERATOR_GLN else None
    said: list[Said] = []
    first: dict[tuple[str, date | None], Said] = {}
    for each in right:
        twin = first.setdefault((each.key, each.valid_from), each)
        if twin is not each and _told(twin) == _told(each):
            continue  # the same twice is said once
        if twin is not each:
            detail, expected = "told of in two ways", "one line for each day from which it is so"
            wrong.append(Wrong(each.line, kind.key, "described_twice", detail, expected, f"line {twin.line}"))
        elif may is not None and not may(each.key):
            wrong.append(_not_yours(kind, each, gln))
        else:
            said.append(each)
    return said, wrong


def _told(said: Said) -> tuple[object, ...]:
    return said.fields, said.valid_to, said.open_end


def _may_say(kind: Kind, gln: str) -> Callable[[str], bool]:
    if kind is PRODUCTS:
        return issued_by(gln)
    places = {gln, *Location.objects.filter(operator_id=gln).values_list("gln", flat=True)}
    return places.__contains__


def _not_yours(kind: Kind, said: Said, gln: str) -> Wrong:
    if kind is PRODUCTS:
        detail, expected = f"no prefix statement lets {gln} issue it", "a prefix statement by an accrediting authority"
        return Wrong(said.line, kind.key, "gtin_not_licensed", detail, expected, said.key)
    detail, expected = f"no place of {gln}", "its own GLN, or a place that a location statement gives it"
    return Wrong(said.line, kind.key, "anothers_place", detail, expected, said.key)


# ---- what stands, and what would ------------------------------------------------------------------------------------


def _standing(kind: Kind, told_by: str, keys: Collection[str] | None) -> dict[str, list[Row]]:
    """What this teller tells of each of these things, or of all, oldest days first."""
    rows = MODELS[kind.name]._default_manager.filter(told_by=told_by, replaced=None)
    if keys is not None and len(keys) <= FEW:
        rows = rows.filter(**{f"{kind.key}__in": keys})
    found: dict[str, list[Row]] = {}
    for key, pk, begins, ends, *values in rows.order_by(kind.key, "valid_from").values_list(
        kind.key, "pk", "valid_from", "valid_to", *kind.fields
    ):
        if keys is None or key in keys:
            found.setdefault(key, []).append(Row(pk, tuple(values), begins, ends))
    return found


def _by_key(said: Iterable[Said]) -> dict[str, list[Said]]:
    keys: dict[str, list[Said]] = {}
    for each in said:
        keys.setdefault(each.key, []).append(each)
    return keys


def _of_one(
    kind: Kind, rows: list[Row], several: Sequence[Said], today: date, stated: "_Stated | None"
) -> list[Entry | Wrong | None]:
    """What the lines about one thing change, the earliest days first; None: nothing."""
    before, found = rows, list[Entry | Wrong | None]()
    for said in sorted(several, key=lambda each: (each.valid_from or today, each.line)):
        entry, then = _fold(kind, rows, said, today)
        if stated is not None and not isinstance(entry, Wrong):
            entry = stated.add(entry, said)
        if isinstance(entry, Entry):
            rows = then
        found.append(entry)
    last = next((at for at in reversed(range(len(found))) if isinstance(found[at], Entry)), None)
    if last is not None:
        kept = {row.pk for row in rows}
        replaces = tuple(row.pk for row in before if row.pk is not None and row.pk not in kept)
        entry = found[last]
        assert isinstance(entry, Entry)
        found[last] = entry._replace(replaces=replaces, rows=tuple(row for row in rows if row.pk is None))
    return found


def _fold(kind: Kind, rows: list[Row], said: Said, today: date) -> tuple[Entry | Wrong | None, list[Row]]:
    """What one line changes of what stands of its thing, and what would stand then."""
    base, begins = _base(kind, rows, said, today)
    values = _values(kind, base, said)
    if not values[kind.fields.index("name")]:
        return Wrong(said.line, "name", "missing_member", "nothing else has told its name", "a name"), rows
    following = next((row.valid_from for row in rows if row.valid_from > begins), None)
    ends = said.valid_to or (None if said.open_end or base is None else base.valid_to)
    if following and (ends is None or following < ends):
        if said.valid_to:
            expected = f"{following} at the latest, when the next begins"
            return Wrong(said.line, "valid_to", "periods_overlap", "it goes on too long", expected, str(ends)), rows
        ends = following
    if base is not None and values == base.values:
        begins = base.valid_from  # and still is
        if ends == base.valid_to:
            return None, rows
    if ends is not None and ends <= begins:
        return Wrong(said.line, "valid_to", "empty_period", "ends before it begins", f"after {begins}", f"{ends}"), rows
    told = Row(None, values, begins, ends)
    cut = [base._replace(pk=None, valid_to=begins)] if base is not None and base.valid_from < begins else []
    then = sorted((*(row for row in rows if row is not base), *cut, told), key=lambda row: row.valid_from)
    return Entry(_change(base, told), said.line, said.key, base, told), then


def _base(kind: Kind, rows: Sequence[Row], said: Said, today: date) -> tuple[Row | None, date]:
    """What stands on the day from which it is told, and that day: if it is not said, today; always, of what nobody has
    told before."""
    if said.valid_from is None and not rows:
        return None, Description.ALWAYS
    begins = said.valid_from or today
    on = next(
        (row for row in rows if row.valid_from <= begins and (row.valid_to is None or begins < row.valid_to)), None
    )
    if (
        on is None and said.valid_from is None and (said.open_end or said.valid_to)
    ):  # it goes on after all, or has ended
        last = max((row for row in rows if row.valid_from <= today), key=lambda row: row.valid_from, default=None)
        if last is not None and _values(kind, last, said) == last.values:
            return last, last.valid_from
    if on is None:  # what has ended and is told anew from the same day
        on = next((row for row in rows if row.valid_from == begins), None)
    return on, begins


def _values(kind: Kind, base: Row | None, said: Said) -> tuple[str, ...]:
    before = base.values if base else ("",) * len(kind.fields)
    return tuple(map(said.fields.get, kind.fields, before))


def _change(base: Row | None, told: Row) -> Change:
    if base is None:
        return Change.ADDED
    is_sooner = told.valid_to is not None and (base.valid_to is None or told.valid_to < base.valid_to)
    return Change.ENDED if told.values == base.values and is_sooner else Change.CHANGED


def _end(key: str, rows: Sequence[Row], today: date) -> Iterator[Entry]:
    for row in rows:
        if row.valid_from < today and (row.valid_to is None or today < row.valid_to):
            assert row.pk is not None
            ended = row._replace(pk=None, valid_to=today)
            yield Entry(Change.ENDED, None, key, row, ended, replaces=(row.pk,), rows=(ended,))


# ---- whose acts take place there ------------------------------------------------------------------------------------


class _Stated:
    """Which location statements the lines of the node's operator ask for: two queries, however many lines."""

    def __init__(self, said: Sequence[Said], today: date) -> None:
        self._now = _midnight(today)
        lines = [each for each in said if each.fields.get("operator")]
        self._known = Location.objects.operators(each.key for each in lines)
        named = {each.fields["operator"] for each in lines} | {each.key for each in lines}
        self._partners = dict(Partner.objects.filter(gln__in=named).values_list("gln", "left"))

    def add(self, entry: Entry | None, said: Said) -> Entry | Wrong | None:
        """The difference, and the statement that goes with it; or why there can be none."""
        operator = said.fields.get("operator")
        if not operator:
            return entry
        begins = _midnight(said.valid_from) if said.valid_from else self._now
        ends = _midnight(said.valid_to) if said.valid_to else None
        known = self._known.location(said.key, begins)
        if known is None and operator == said.key:  # a place of which nobody has said anything is its own operator's
            return entry
        if known is not None and known.operator_id == operator and (ends is None or known.valid_to == ends):
            return entry
        if operator not in self._partners or self._partners[operator] is not None:
            expected = "a party that takes part: `manage.py partner`"
            return Wrong(said.line, "operator", "unknown_partner", "no partner of this node", expected, operator)
        if said.key in self._partners and said.key != operator:
            return Wrong(said.line, "gln", "anothers_gln", "a party's own GLN is no other's place", found=said.key)
        if said.valid_from is None:
            detail = "since when it is operated by that party has to be said: it stays in the log"
            return Wrong(said.line, "valid_from", "missing_member", detail, "YYYY-MM-DD")
        before = known.operator_id if known else ""
        statement = Operated(said.key, operator, before, said.fields.get("name") or said.key, begins, ends)
        entry = entry or Entry(Change.CHANGED, said.line, said.key, None, None)
        return entry._replace(statement=statement)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
