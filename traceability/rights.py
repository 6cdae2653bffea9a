"""What the statements in the log have made, and whether the rows that repeat it say the same.

statements, in order ──who may say so──> keys, rights, holds, partners, legal holds; what was erased
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from ledger.audit import WHOLE, Difference
from ledger.models import Entry
from ledger.tlog.cose import Algorithm, PublicKey
from ledger.tlog.merkle import leaf_hash, root_of
from partners.gs1.identifiers import matches_prefix
from partners.models import Case as CaseRow
from partners.models import Delegation as DelegationRow
from partners.models import Grant as GrantRow
from partners.models import Hold as HoldRow
from partners.models import Licence as LicenceRow
from partners.models import Location as LocationRow
from partners.models import Operators, Right, Role, SigningKey
from partners.models import Partner as PartnerRow
from partners.models import Prefix as PrefixRow
from partners.models import Waiver as WaiverRow

from . import governing, statements
from .custody import OperatorOf
from .models import LegalHold as LegalHoldRow
from .models import Registration, Submission
from .rules import PROPOSED, Rules
from .statements import BY_NODE, OF_ITSELF, Erased, Opened

KeyName = tuple[str, bytes]  # GLN, kid
RIGHTS = (
    *(statements.Prefix, statements.Delegation, statements.Licence, statements.Grant),
    *(statements.Waiver, statements.Case),
)
WHAT = {"erased": Erased.FIELDS, "items_erased": Erased.ITEMS}  # columns of Submission
FEW = 1000  # submissions among which one too many is looked for
_KEY_FIELDS = ("alg", "public", "vouched_by", "vouched_kid", "registered", "revoked", "compromised")
_PREFIX_FIELDS = ("partner", "digits", "vouched_by", "vouched_kid", "registered", "revoked")


@dataclass
class Rights:
    """As the log has them: bounded by the number of such statements, which is small."""

    node: PublicKey
    rules: Rules
    keys: dict[KeyName, dict[str, Any]] = field(default_factory=dict)
    prefixes: set[tuple[Any, ...]] = field(default_factory=set)
    delegations: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    agents: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # numbers of those, by principal and agent
    licences: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    given: dict[str, tuple[int, str]] = field(default_factory=dict)  # by entry, what can be revoked: number, issuer
    ended: dict[int, int] = field(default_factory=dict)  # of what was given, by number: the number that revoked it
    holds: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    grants: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    cases: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    waivers: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    held: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # by entry, holds: number, issuer, about
    locations: dict[int, dict[str, Any]] = field(default_factory=dict)  # by number
    partners: dict[str, dict[str, Any]] = field(default_factory=dict)  # by GLN, where a statement says something
    legal_holds: dict[int, dict[str, Any]] = field(default_factory=dict)  # by row of the statement that set it
    erasing: dict[int, tuple[int | None, statements.Registration]] = field(default_factory=dict)  # by row; its index
    erased: dict[tuple[str, Erased], int] = field(default_factory=dict)  # by entry: the row that says so
    damaged: set[int] = field(default_factory=set)  # numbers of statements that cannot be read: what follows stands
    damaged_rows: set[int] = field(default_factory=set)
    rules_damaged: bool = False  # then who could speak later is not known
    place: int = 0  # in the log, of the last statement

    @classmethod
    def of_this_node(cls, node: PublicKey) -> "Rights":
        return cls(node, Rules(governing.begin()))

    # ---- who may say what -----------------------------------------------------------------------------------------

    def reaches(self, entry: Entry | None) -> int:
        """Where the next statement stands; one without its entry, where the one before it does."""
        if entry is not None:
            self.place = governing.place(entry)
        return self.place

    def is_governed(self, opened: Opened[statements.Registration]) -> bool:
        said = opened.payload
        if not self.rules.governed and governing.is_operators_word(opened):
            return False
        always = isinstance(said, (statements.Policy, statements.Approval))
        return always or (isinstance(said, PROPOSED) and bool(self.rules.begin.governors))

    def speaker(self, opened: Opened[statements.Registration], number: int) -> PublicKey | None:
        """The key that this must be signed with; None: whoever signed may not say this."""
        said, name = opened.payload, (opened.issuer, opened.signed.kid)
        if isinstance(said, (*BY_NODE, *PROPOSED)) and name == (settings.OPERATOR_GLN, self.node.kid):
            return self.node
        if isinstance(said, BY_NODE):
            return None
        if isinstance(said, statements.Location) and name == (settings.OPERATOR_GLN, self.node.kid):
            return self.node
        authority = self.rules.at(self.place).authority_keys.get(name)
        return authority or (self.public(*name, number) if self._is_its_own(opened, number) else None)

    def _is_its_own(self, opened: Opened[statements.Registration], number: int) -> bool:
        said = opened.payload
        if isinstance(said, statements.Revocation):
            given, by = self.given.get(said.entry, (0, ""))
            acts_for = given in self.delegations and self.delegations[given]["partner_id"] == opened.issuer
            return acts_for or by == opened.issuer
        if isinstance(said, statements.Release):
            return self.held.get(said.entry, (0, "", ""))[1] == opened.issuer
        if isinstance(said, statements.Case) and self.partners.get(opened.issuer, {}).get("role") != Role.REGULATOR:
            return False
        if isinstance(said, statements.Hold) and said.gtin is not None:
            return opened.issuer == said.about and self._may_hold_product(said.about, said.gtin, number)
        if isinstance(said, statements.Waiver):
            return opened.issuer == said.about and self._may_waive(said, number)
        return opened.issuer == said.about and isinstance(said, OF_ITSELF)

    def _may_waive(self, said: statements.Waiver, number: int) -> bool:
        if said.waiver is statements.WaiverKind.DROP_SHIPMENT:
            return True
        issued = [
            digits
            for about, digits, _, _, at in self.prefixes
            if about == said.about and at < number and not self._has_ended(at, number)
        ]
        of_them = all(any(matches_prefix(gtin, digits) for digits in issued) for gtin in said.gtins or ())
        return said.waiver in statements.OF_PRODUCTS and of_them

    def _may_hold_product(self, gln: str, gtin: str, number: int) -> bool:
        """As registration asks. Who had an item then, only a replay could tell: of single ones that is not asked."""
        is_regulator = self.partners.get(gln, {}).get("role") == Role.REGULATOR
        return is_regulator or any(
            about == gln and matches_prefix(gtin, digits) and at < number and not self._has_ended(at, number)
            for about, digits, _, _, at in self.prefixes
        )

    def _has_ended(self, at: int, number: int) -> bool:
        return at in self.ended and self.ended[at] < number

    def public(self, gln: str, kid: bytes, number: int | None) -> PublicKey | None:
        """The key of this name, if it spoke for the party at that number; None for `number`: if it ever did."""
        row = self.keys.get((gln, kid)) or self._as_stored(gln, kid)
        if row is None:
            return None
        key: PublicKey = row["key"]
        revoked = row["revoked"]
        speaks = number is None or (row["registered"] < number and (revoked is None or number < revoked))
        return key if speaks else None

    def may_act(self, gln: str, *, by: str, step: str | None, number: int) -> bool:
        """Whether `by` was the party's agent for this step at that number. What cannot be read may have said so."""
        given = (
            step in self.delegations[at]["steps"]
            for at in self.agents.get((gln, by), ())
            if at < number and not self._has_ended(at, number)
        )
        left = self.partners.get(gln, {}).get("left")
        return bool(self.damaged) or (any(given) and (left is None or number < left))

    def operators(self, number: int) -> tuple[OperatorOf, ...]:
        """Who operates a place, by what had been said when this number was given; and without the last that was."""
        said = [LocationRow(registered=at, **row) for at, row in self.locations.items() if at < number]
        return tuple(_operator_of(Operators(known)) for known in (said, said[:-1]))

    def _as_stored(self, gln: str, kid: bytes) -> dict[str, Any] | None:
        if not self.damaged:
            return None
        row = SigningKey.objects.filter(partner_id=gln, kid=kid, registered__in=self.damaged).first()
        if row is None:
            return None
        try:
            key = PublicKey(Algorithm(row.alg), bytes(row.public))
        except ValueError:  # a LogError is one
            return None
        return {"key": key, "registered": row.registered, "revoked": row.revoked}

    # ---- what follows from it -------------------------------------------------------------------------------------

    def damage(self, row: Registration) -> None:
        self.damaged.add(row.entry_id)
        self.damaged_rows.add(row.pk)

    def apply(self, opened: Opened[statements.Registration], row: Registration, index: int | None) -> None:
        """What a statement changes that was taken."""
        said, number = opened.payload, row.entry_id
        if isinstance(said, (statements.Key, statements.KeyRevocation)):
            self._key(said, opened.issuer, opened.signed.kid, number)
        elif isinstance(said, RIGHTS):
            self.given[statements.entry(bytes(row.entry_salt), opened.envelope).hex()] = number, opened.issuer
            self._right(said, opened.issuer, opened.signed.kid, number)
        elif isinstance(said, statements.Hold):
            entry = statements.entry(bytes(row.entry_salt), opened.envelope).hex()
            self.held[entry] = number, opened.issuer, said.about
            self._hold(said, opened.issuer, opened.signed.kid, number)
        elif isinstance(said, statements.Release) and self.held.get(said.entry, (0, "", ""))[2] == said.about:
            self.ended.setdefault(self.held[said.entry][0], number)
        elif isinstance(said, statements.Location):
            self._location(said, opened.issuer, number)
        elif isinstance(said, statements.Revocation) and said.entry in self.given:
            self.ended.setdefault(self.given[said.entry][0], number)
        elif isinstance(said, statements.LegalHold):
            self._legal_hold(said, row.pk)
        elif isinstance(said, statements.Erasure):
            self.erasing[row.pk] = index, said
            for what in said.what:
                self.erased.setdefault((said.entry, what), row.pk)
        elif isinstance(said, statements.DeletionCertificate):
            self.erasing[row.pk] = index, said

    def _key(self, said: statements.Registration, issuer: str, kid: bytes, number: int) -> None:
        if isinstance(said, statements.Key):
            row = {
                **{"key": said.public_key, "alg": int(said.public_key.alg), "public": said.public},
                **{"vouched_by": issuer, "vouched_kid": kid, "registered": number},
                **{"revoked": None, "compromised": None},
            }
            self.keys.setdefault((said.about, said.kid), row)
        elif isinstance(said, statements.KeyRevocation) and (said.about, said.kid) in self.keys:
            self.keys[said.about, said.kid] |= {"revoked": number, "compromised": said.compromised}

    def _location(self, said: statements.Location, issuer: str, number: int) -> None:
        members = {"gln": said.place, "name": said.name, "valid_from": said.valid_from, "valid_to": said.valid_to}
        self.locations[number] = {"operator_id": said.about, "vouched_by": issuer, **members}

    def _right(self, said: statements.Registration, issuer: str, kid: bytes, number: int) -> None:
        vouched = {"partner_id": said.about, "vouched_by": issuer}
        if isinstance(said, statements.Prefix):
            self.prefixes |= {(said.about, digits, issuer, kid, number) for digits in said.gtins}
        elif isinstance(said, statements.Delegation):
            self.agents.setdefault((said.about, said.to), []).append(number)
            self.delegations[number] = {**vouched, "vouched_kid": kid, "to": said.to, "steps": list(said.steps)}
        elif isinstance(said, statements.Grant):
            members = {"to": said.to, "gtins": list(said.gtins or ()), "valid_to": said.valid_to}
            self.grants[number] = {**vouched, "vouched_kid": kid, **members}
        elif isinstance(said, statements.Case):
            names = ("gtin", "lot", "reason", "valid_to")
            members = {name: getattr(said, name) for name in names} | {"number": said.case}
            serials = None if said.serials is None else list(said.serials)
            self.cases[number] = {**vouched, "vouched_kid": kid, **members, "serials": serials}
        elif isinstance(said, statements.Waiver):
            self.waivers[number] = {
                **{**vouched, "vouched_kid": kid, "kind": str(said.waiver)},
                **{"of_products": said.waiver in statements.OF_PRODUCTS, "rules": [str(rule) for rule in said.rules]},
                **{"gtins": list(said.gtins or ()), "basis": said.basis, "document": said.document},
                **{"valid_from": said.valid_from, "valid_to": said.valid_to},
            }
        elif isinstance(said, statements.Licence):
            names = ("licence", "role", "valid_from", "valid_to")
            members = {name: getattr(said, name) for name in names} | {"states": list(said.states)}
            self.licences[number] = vouched | members

    def adopt(self, said: statements.Registration, number: int) -> None:
        """Who takes part, once whoever has to agree has: the number is that of the last who did."""
        if isinstance(said, statements.Partner):
            row = {"name": said.name, "role": said.role, "admitted": number, "left": None}
            self.partners[said.about] = row
        elif isinstance(said, statements.PartnerExit):
            self.partners.setdefault(said.about, {"admitted": None})["left"] = number

    def _hold(self, said: statements.Hold, issuer: str, kid: bytes, number: int) -> None:
        members = {name: getattr(said, name) for name in ("reason", "epc", "gtin", "lot", "first", "last")}
        vouched = {"partner_id": said.about, "vouched_by": issuer, "vouched_kid": kid}
        self.holds[number] = {**vouched, "kind": str(said.hold), **members}

    def _legal_hold(self, said: statements.LegalHold, key: int) -> None:
        about = {"about": said.about, "submission": said.submission, "lifted_by_id": None}
        if said.hold is statements.Holding.SET:
            self.legal_holds[key] = about
            return
        lifted = next((set_by for set_by, hold in self.legal_holds.items() if hold == about), None)
        if lifted is not None:
            self.legal_holds[lifted] = about | {"lifted_by_id": key}

    @property
    def lots_held(self) -> set[str | None]:
        """The lots that some hold has ever named."""
        return {hold["lot"] for hold in self.holds.values()}

    # ---- rows -----------------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[Difference]:
        """Rows are what statements in the log say: no more, no less."""
        yield from self._key_rows()
        yield from self._prefix_rows()
        yield from self._right_rows(DelegationRow, self.delegations)
        yield from self._right_rows(LicenceRow, self.licences)
        yield from self._right_rows(HoldRow, self.holds)
        yield from self._right_rows(GrantRow, self.grants)
        yield from self._right_rows(CaseRow, self.cases)
        yield from self._right_rows(WaiverRow, self.waivers)
        yield from self._right_rows(LocationRow, self.locations)
        yield from self._legal_hold_rows()
        if not self.rules_damaged:
            yield from self._partner_rows()

    def _key_rows(self) -> Iterator[Difference]:
        left = dict(self.keys)
        for row in SigningKey.objects.order_by("pk").iterator(chunk_size=500):
            table, key = SigningKey._meta.db_table, str(row.pk)
            expected = left.pop((row.partner_id, bytes(row.kid)), None)
            if expected is None:
                if row.registered not in self.damaged:
                    detail = "no statement registers this key for this party"
                    yield Difference(table, key, f"partner, kid, {WHOLE}", detail, row.registered)
                continue
            names = _KEY_FIELDS[: -2 if row.revoked in self.damaged else None]
            for name, detail in differing(row, {name: expected[name] for name in names}):
                yield Difference(table, key, name, detail, expected["registered"])
        for (gln, kid), expected in left.items():
            detail = f"key {kid.hex()} of {gln} is registered in the log, and has no row"
            yield Difference(SigningKey._meta.db_table, f"{gln} {kid.hex()}", WHOLE, detail, expected["registered"])

    def _prefix_rows(self) -> Iterator[Difference]:
        left, table = {(*each, self.ended.get(each[-1])) for each in self.prefixes}, PrefixRow._meta.db_table
        for row in PrefixRow.objects.order_by("pk").iterator(chunk_size=500):
            named = (row.partner_id, row.digits, row.vouched_by, bytes(row.vouched_kid), row.registered)
            said = (*named, self.ended.get(row.registered) if row.revoked in self.damaged else row.revoked)
            if said in left:
                left.remove(said)
            elif row.registered not in self.damaged:
                fields = self._nearest(said)
                yield Difference(table, str(row.pk), fields, "no statement says this", row.registered)
        for gln, digits, _, _, number, _ in sorted(left, key=str):
            detail = f"{digits} of {gln} is granted in the log, and not here"
            yield Difference(table, f"{gln} {digits}", WHOLE, detail, number)

    def _nearest(self, said: tuple[Any, ...]) -> str:
        """In which columns a row differs from the statement that is likest."""
        differing = [
            [name for name, ours, theirs in zip(_PREFIX_FIELDS, said, each, strict=True) if ours != theirs]
            for each in ((*each, self.ended.get(each[-1])) for each in self.prefixes)
        ]
        nearest = min(differing, key=len, default=list(_PREFIX_FIELDS))
        return ", ".join(nearest) if 0 < len(nearest) <= 2 else WHOLE

    def _right_rows(self, model: type[Right | LocationRow], said: Mapping[int, dict[str, Any]]) -> Iterator[Difference]:
        """Rows of which each is what one statement says."""
        left, table, name = dict(said), model._meta.db_table, model._meta.verbose_name
        for row in model._default_manager.order_by("pk").iterator(chunk_size=500):
            expected = left.pop(row.registered, None)
            if expected is not None:
                for column, detail in differing(row, expected | self._ended(row)):
                    yield Difference(table, str(row.pk), column, detail, row.registered)
            elif row.registered not in self.damaged:
                yield Difference(
                    table, str(row.pk), f"registered, {WHOLE}", f"no statement gives this {name}", row.registered
                )
        for number, expected in left.items():
            whose = expected.get("partner_id") or expected.get("operator_id")
            detail = f"{name} of {whose} in the log, and not here"
            yield Difference(table, f"entry {number}", WHOLE, detail, number)

    def _ended(self, row: Any) -> dict[str, Any]:
        """Whether it was taken back, of what can be."""
        if not isinstance(row, Right) or row.revoked in self.damaged:
            return {}
        return {"revoked": self.ended.get(row.registered)}

    def _legal_hold_rows(self) -> Iterator[Difference]:
        left, table = dict(self.legal_holds), LegalHoldRow._meta.db_table
        for row in LegalHoldRow.objects.order_by("pk").iterator(chunk_size=500):
            expected = left.pop(row.set_by_id, None)
            if expected is not None:
                if row.lifted_by_id in self.damaged_rows:
                    expected = {name: value for name, value in expected.items() if name != "lifted_by_id"}
                for name, detail in differing(row, expected):
                    yield Difference(table, str(row.pk), name, detail)
            elif row.set_by_id not in self.damaged_rows:
                yield Difference(table, str(row.pk), f"set_by, {WHOLE}", "no statement in the log sets it")
        for key, expected in left.items():
            yield Difference(table, f"set by {key}", WHOLE, f"over {expected['about']} in the log, and not here")

    def _partner_rows(self) -> Iterator[Difference]:
        """Nobody takes part, or no longer does, but by a statement that says so."""
        left, table = dict(self.partners), PartnerRow._meta.db_table
        named = {gln for gln, _ in self.keys} | left.keys()
        for row in PartnerRow.objects.order_by("pk").iterator(chunk_size=500):
            named.discard(row.gln)
            expected = left.pop(row.gln, None)
            if row.admitted in self.damaged:
                continue
            if expected is None:
                detail = "no statement says that it takes part"
                yield Difference(table, row.gln, f"admitted, {WHOLE}", detail, row.admitted)
                continue
            if row.left in self.damaged:
                expected = {name: value for name, value in expected.items() if name != "left"}
            for name, detail in differing(row, expected):
                yield Difference(table, row.gln, name, detail, expected["admitted"])
        for gln in sorted(named):
            yield Difference(table, gln, WHOLE, "the log speaks of this party, and it has no row")

    # ---- what was erased ------------------------------------------------------------------------------------------

    def contradicts(self, row: Submission, column: str, entry: bytes, index: int | None) -> str | None:
        """Why a submission's mark, or that it has none, is not what statements in the log say of it."""
        key, what = getattr(row, f"{column}_id"), WHAT[column]
        if key is None:
            said_by = self.erased.get((entry.hex(), what))
            return None if said_by is None else f"erased, says statement {said_by} in the log"
        if key in self.damaged_rows:
            return None
        _, said = self.erasing.get(key, (None, None))
        if isinstance(said, statements.Erasure):
            of_it = (said.entry, said.about) == (entry.hex(), row.submitter) and what in said.what
            return None if of_it else f"statement {key} is about something else"
        if isinstance(said, statements.DeletionCertificate):
            tree = said.documents if column == "erased" else said.items
            of_it = tree is not None and index is not None and said.first <= index <= said.last
            return None if of_it else f"certificate {key} is not about it"
        return "no statement in the log says so"

    def newly_erasing(self, since: int) -> list[int]:
        """Rows of the statements that the log had not before its entry `since`."""
        return [key for key, (index, _) in self.erasing.items() if index is None or index >= since]

    def certificates(self, since: int) -> Iterator[Difference]:
        """A certificate names by one root what it took: that, and nothing else, is marked with it."""
        for key in self.newly_erasing(since):
            _, said = self.erasing[key]
            if isinstance(said, statements.DeletionCertificate):
                yield from self._certified(key, "erased", said.documents)
                yield from self._certified(key, "items_erased", said.items)

    def _certified(self, key: int, column: str, tree: statements.Root | None) -> Iterator[Difference]:
        table = Submission._meta.db_table
        rows = Submission.objects.filter(**{column: key}).order_by("entry__index")
        marked = list(rows.values_list("pk", "entry__entry"))
        leaves = [leaf_hash(bytes(entry)) for _, entry in marked]
        if _tree(leaves) == tree:
            return
        detail = f"not among what certificate {key} took"
        if tree is None:
            yield from (Difference(table, str(pk), column, detail) for pk, _ in marked)
        elif len(marked) == tree[0] + 1 <= FEW:
            without = (at for at in range(len(marked)) if _tree(leaves[:at] + leaves[at + 1 :]) == tree)
            at = next(without, None)
            if at is not None:
                yield Difference(table, str(marked[at][0]), column, detail)
                return
        if tree is not None:
            detail = f"{len(marked)} submissions are marked with it, not the {tree[0]} that it took"
            yield Difference(table, f"certificate {key}", column, detail)


def _operator_of(operators: Operators) -> OperatorOf:
    return lambda gln, event: operators.at(gln, event.time)


def _tree(leaves: list[bytes]) -> statements.Root | None:
    return (len(leaves), root_of(leaves)) if leaves else None


# ---- values ---------------------------------------------------------------------------------------------------------


def differing(row: Any, expected: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Which columns of a row have other values, and how."""
    for name, value in expected.items():
        stored = getattr(row, name)
        stored = str(stored) if name == "submission" and stored is not None else plain(stored)
        if stored != value:
            yield name.removesuffix("_id"), f"expected {shown(value)}, found {shown(stored)}"


def plain(value: Any) -> Any:
    """As Python has it, whatever the driver gave."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime) and value.tzinfo is None:  # SQLite's, which are UTC
        return value.replace(tzinfo=UTC)
    return value


def shown(value: Any) -> str:
    value = plain(value)
    return (value.hex() if isinstance(value, bytes) else str(value))[:120]
