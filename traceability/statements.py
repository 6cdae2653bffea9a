"""The payloads of all signed statements (FORMATS sections 5 and 6), and the envelopes they travel in. Pure.

    value ──bytes──> payload ──sign──> envelope ──entry──> the 32 bytes that are logged
    value <─parse─── payload <──open── envelope

A payload is RFC 8785 JSON; each class draws its own. What does not write back to the same bytes is refused, and so
are members that a kind does not have.
"""

import hashlib
import json
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    NamedTuple,
    NoReturn,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    get_type_hints,
)

from ledger.tlog import cose
from ledger.tlog.errors import LogError
from partners.gs1.identifiers import matches_prefix

from .custody import Content, Head
from .epcis.errors import DocumentError
from .epcis.jcs import JSON, encode

Root: TypeAlias = tuple[int, bytes]
"""A tree: its number of leaves, and its root hash. Always written together (FORMATS section 3)."""

VERSION = 1


class StatementError(DocumentError):
    """A statement, a payload or another text of ours that is not in its one form."""

    code = "malformed_statement"


# ---- bytes and JSON -------------------------------------------------------------------------------------------------

_STANDARD, _URL_SAFE = b"+/", b"-_"
_TO_URL_SAFE = bytes.maketrans(_STANDARD, _URL_SAFE)
_FROM_URL_SAFE = bytes.maketrans(_URL_SAFE + _STANDARD, _STANDARD + b"!!")


def b64(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5): every byte string in our JSON.

    >>> b64(b"\\xfb\\xff")
    '-_8'
    """
    return b2a_base64(data, newline=False).translate(_TO_URL_SAFE, b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes that `b64` writes as this text, and no other text for them."""
    try:
        data = a2b_base64(text.encode().translate(_FROM_URL_SAFE) + b"=" * (-len(text) % 4), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise StatementError("not base64url", code="malformed_base64url", found=repr(text[:80])) from error
    if b64(data) != text:
        raise StatementError("not base64url without padding", code="malformed_base64url", found=repr(text[:80]))
    return data


MAX_NUMBER = 2**53 - 1  # RFC 8785 section 3.2.2.3: what every reader of JSON can tell from its neighbours


def _count(digits: str) -> int:
    """The only JSON numbers are sizes, indexes and versions (FORMATS section 1)."""
    if len(digits) > len(str(MAX_NUMBER)) or not 0 <= int(digits) <= MAX_NUMBER:
        _refuse_number(digits)
    return int(digits)


def _refuse_number(number: str) -> NoReturn:
    expected = "a size, an index or a version; quantities are text"
    raise StatementError("not such a number", code="unexpected_number", expected=expected, found=number[:80])


_DECODER = json.JSONDecoder(parse_int=_count, parse_float=_refuse_number, parse_constant=_refuse_number)


def read_json(text: bytes, where: str) -> JSON:
    """A JSON value in its RFC 8785 form; any other writing of it is refused."""
    try:
        value = cast(JSON, _DECODER.decode(text.decode()))
        canonical = encode(value)
    except StatementError as error:
        error.where = where
        raise
    except (ValueError, RecursionError) as error:
        raise StatementError(f"not JSON: {error}", code="not_json", where=where) from error
    if canonical != text:
        raise StatementError("not in the form of RFC 8785", code="not_canonical", where=where)
    return value


# ---- members --------------------------------------------------------------------------------------------------------


class Form(NamedTuple):
    """How one member is written in JSON and read from it. `read` raises ValueError for what is not of this form."""

    what: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def text(what: str, pattern: str) -> Form:
    """Text that matches the pattern whole."""
    matches = re.compile(pattern, re.ASCII | re.DOTALL).fullmatch

    def read(value: Any) -> str:
        if not isinstance(value, str) or not matches(value):
            raise ValueError(value)
        return value

    return Form(what, read, _same)


def octets(what: str, *sizes: int) -> Form:
    """Bytes of one of these lengths, in base64url."""

    def read(value: Any) -> bytes:
        data = unb64(value) if isinstance(value, str) else b""
        if len(data) not in sizes:
            raise ValueError(value)
        return data

    return Form(what, read, b64)


def many(form: Form, *, by: Callable[[Any], Any] = _same, least: int = 1) -> Form:
    """A list in ascending order, without repeats."""

    def read(value: Any) -> tuple[Any, ...]:
        members = tuple(form.read(member) for member in value) if isinstance(value, list) else ()
        if len(members) < least or not isinstance(value, list) or sorted(set(members), key=by) != list(members):
            raise ValueError(value)
        return members

    return Form(f"{form.what}: a sorted list", read, lambda value: [form.write(member) for member in value])


def mapping(form: Form, what: str) -> Form:
    """An object of any names, its values of one form."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(value)
        return {name: form.read(member) for name, member in value.items()}

    return Form(what, read, lambda value: {name: form.write(member) for name, member in value.items()})


def one_of(words: type[StrEnum]) -> Form:
    return Form(f"one of {', '.join(words)}", words, str)


def _read_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(value)
    return value


def _read_time(value: Any) -> datetime:
    if not isinstance(value, str) or not _IS_TIME(value):
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _write_time(value: datetime) -> str:
    if value.utcoffset() is None or value.microsecond:
        raise ValueError(value)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_root(value: Any) -> Root:
    match value:
        case [int(size), str(root)]:
            return _read_count(size), HASH.read(root)
    raise ValueError(value)


def _read_content(value: Any) -> Content:
    return value if value in ("none", "unknown") else _read_root(value)


def _write_content(value: Content) -> JSON:
    return value if isinstance(value, str) else [value[0], b64(value[1])]


def _read_head(value: Any) -> Head:
    match value:
        case [None | str() as leaf, content]:
            return Head(None if leaf is None else HASH.read(leaf), _read_content(content))
    raise ValueError(value)


def _write_head(head: Head) -> JSON:
    return [None if head.leaf is None else b64(head.leaf), _write_content(head.content)]


_IS_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z").fullmatch

GLN = text("a GLN of 13 digits", r"[0-9]{13}")
UUID = text("a UUID in lower case", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORIGIN = text("the origin of a log", r"[^\s+]+")
GTIN = text("a GTIN-14 or a company prefix", r"[0-9]{4,12}|[0-9]{14}")
WORD = text("a word", r".+")
ENTRY_HEX = text("an entry, 64 hexadecimal digits", r"[0-9a-f]{64}")
HASH = octets("32 bytes in base64url", 32)
PUBLIC = octets("a raw Ed25519 key or an uncompressed P-256 point in base64url", 32, 65)
DIGEST = octets("a hash of 32, 48 or 64 bytes in base64url", 32, 48, 64)
URI = text("a URI, without white space", r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
MEDIA = text("a media type", r"[!-~]+/[!-~]+")
COUNT = Form("a whole number", _read_count, _same)
YYMMDD = text("a date as a label has it", r"[0-9]{6}")
STATE = text("a state of two letters", r"[A-Z]{2}")
ONE_GTIN = text("a GTIN-14", r"[0-9]{14}")
SERIAL = text("1 to 20 letters, digits, '-', '.', '_' or '~'", r"[0-9A-Za-z._~-]{1,20}")
TIME = Form("a time in UTC, whole seconds, Z", _read_time, _write_time)
ROOT = Form("[n, root]", _read_root, _write_content)
CONTENT = Form('[n, root], "none" or "unknown"', _read_content, _write_content)
HEAD = Form("[leaf or null, content]", _read_head, _write_head)


def _read_named_key(value: Any) -> "NamedKey":
    if not isinstance(value, dict) or value.keys() != {"gln", "kid", "public"}:
        raise ValueError(value)
    return NamedKey(GLN.read(value["gln"]), HASH.read(value["kid"]), PUBLIC.read(value["public"]))


def _write_named_key(key: "NamedKey") -> JSON:
    return {"gln": key.gln, "kid": b64(key.kid), "public": b64(key.public)}


NAMED_KEY = Form("a party's key: gln, kid, public", _read_named_key, _write_named_key)


def _read_flag(value: Any) -> bool:
    if value is not True:
        raise ValueError(value)
    return True


FLAG = Form("true, or left out", _read_flag, _same)


def name_order(name: str) -> bytes:
    """RFC 8785 section 3.2.3: names sort by UTF-16 code unit."""
    return name.encode("utf-16-be", "surrogatepass")


# ---- payloads -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Payload:
    """What a statement says. `parse` and `bytes` are each other's inverse."""

    content_type: ClassVar[str]

    log: Annotated[str, ORIGIN]  # the log it is for, by origin

    def __post_init__(self) -> None:
        for name, form, value in self._members():
            try:
                refused = form.read(form.write(value)) != value
            except (ValueError, TypeError, AttributeError):
                refused = True
            if refused:
                raise StatementError("not what it should be", where=name, expected=form.what, found=repr(value)[:80])

    def _members(self) -> list[tuple[str, Form, Any]]:
        """Wire name, form and value of each member; an optional one that is None is absent."""
        forms = self._forms()
        present = [
            each.name for each in fields(self) if each.default is not None or getattr(self, each.name) is not None
        ]
        return [(_wire(name), forms[name], getattr(self, name)) for name in present]

    @classmethod
    @cache
    def _forms(cls) -> dict[str, Form]:
        """The form of each member, from its annotation."""
        hints = get_type_hints(cls, include_extras=True)
        return {each.name: hints[each.name].__metadata__[0] for each in fields(cls)}

    def __bytes__(self) -> bytes:
        return encode({"v": VERSION, **{name: form.write(value) for name, form, value in self._members()}})

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Read a payload of this kind."""
        members = read_json(payload, cls.kind())
        if not isinstance(members, dict) or members.pop("v", None) != VERSION:
            raise StatementError("not of this version", where="v", expected=str(VERSION))
        values = {
            name: read(form, members.pop(_wire(name)), _wire(name))
            for name, form in cls._forms().items()
            if _wire(name) in members
        }
        if members:
            raise StatementError("unknown member", code="unknown_member", where=min(members))
        try:
            value = cls(**values)
        except TypeError as error:
            raise StatementError(f"a member is missing: {error}", code="member_missing", where=cls.kind()) from error
        if bytes(value) != payload:
            raise StatementError("does not write back to the same bytes", code="not_canonical", where=cls.kind())
        return value

    @classmethod
    def kind(cls) -> str:
        """`submission`, `key`, ...: what the content type says."""
        return cls.content_type.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def read(form: Form, value: JSON, name: str) -> Any:
    """The value of a member, or an error that names it."""
    try:
        return form.read(value)
    except (ValueError, TypeError) as error:
        detail = "not what it should be"
        raise StatementError(detail, where=name, expected=form.what, found=repr(value)[:80]) from error


def _wire(name: str) -> str:
    return name.replace("_", "-")


_PREFIX, _SUFFIX = "application/vnd.unitproof.", "+json"


def _content_type(kind: str) -> str:
    return _PREFIX + kind + _SUFFIX


@dataclass(frozen=True, kw_only=True)
class Statement(Payload):
    """What a party says, and signs with its own key."""

    submitter: Annotated[str, GLN]
    time: Annotated[datetime, TIME]

    @property
    def id(self) -> str:
        """A UUID, used once by its submitter."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        return f"urn:uuid:{self.id}"


@dataclass(frozen=True, kw_only=True)
class Submission(Statement):
    """One document, signed whole:

    {"document":HMAC,"events":[n,root],"header":[n,root],"log":...,"meaning":["packing","shipping"],
     "submission":uuid,"submitter":...,"time":...,"v":1}
    """

    content_type = _content_type("submission")

    submission: Annotated[str, UUID]
    document: Annotated[bytes, HASH]  # HMAC-SHA-256 over the bytes received
    header: Annotated[Root | None, ROOT] = None
    events: Annotated[Root, ROOT]
    meaning: Annotated[tuple[str, ...], many(WORD, by=name_order)]

    @property
    def id(self) -> str:
        return self.submission


@dataclass(frozen=True, kw_only=True)
class Registration(Statement):
    """A statement about a key or a right."""

    statement: Annotated[str, UUID]
    about: Annotated[str, GLN]  # whose key or right

    @property
    def id(self) -> str:
        return self.statement


class KeyAlgorithm(StrEnum):
    """RFC 9864, by name: JSON numbers are kept for sizes, indexes and versions."""

    ED25519 = "Ed25519"
    ESP256 = "ESP256"


_ALGORITHMS = {
    KeyAlgorithm.ED25519: cose.Algorithm.ED25519,
    KeyAlgorithm.ESP256: cose.Algorithm.ESP256,
}


@dataclass(frozen=True, kw_only=True)
class Key(Registration):
    """This key speaks for this party:

    {"about":gln,"alg":"Ed25519","kid":thumbprint,"log":...,"public":raw,"statement":uuid,"submitter":...,...}
    """

    content_type = _content_type("key")

    kid: Annotated[bytes, HASH]
    alg: Annotated[KeyAlgorithm, one_of(KeyAlgorithm)]
    public: Annotated[bytes, PUBLIC]

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            kid = self.public_key.kid
        except LogError as error:
            raise StatementError("not a public key of this algorithm", where="public") from error
        if kid != self.kid:
            raise StatementError("not this key's thumbprint", where="kid", expected=b64(kid), found=b64(self.kid))

    @property
    def public_key(self) -> cose.PublicKey:
        return cose.PublicKey(_ALGORITHMS[self.alg], self.public)


@dataclass(frozen=True, kw_only=True)
class KeyRevocation(Registration):
    """From here on in the log, this key speaks for nobody; since `compromised`, it may have been another's hand."""

    content_type = _content_type("key-revocation")

    kid: Annotated[bytes, HASH]
    compromised: Annotated[datetime | None, TIME] = None


@dataclass(frozen=True, kw_only=True)
class Prefix(Registration):
    """This party may issue these trade items: GTIN-14s, or company prefixes."""

    content_type = _content_type("prefix")

    gtins: Annotated[tuple[str, ...], many(GTIN)]

    def covers(self, gtin: str) -> bool:
        """Whether a GTIN-14 is one of them, by itself or by a company prefix."""
        return any(matches_prefix(gtin, each) for each in self.gtins)


@dataclass(frozen=True, kw_only=True)
class Delegation(Registration):
    """Another party may take these business steps for this one."""

    content_type = _content_type("delegation")

    to: Annotated[str, GLN]
    steps: Annotated[tuple[str, ...], many(WORD, by=name_order)]


@dataclass(frozen=True, kw_only=True)
class Revocation(Registration):
    """From here on in the log, an earlier statement no longer holds."""

    content_type = _content_type("revocation")

    entry: Annotated[str, ENTRY_HEX]


class Erased(StrEnum):
    """What can be erased of a submission: the bytes received; all fields and the header; what the items' leaves say."""

    DOCUMENT = "document"
    FIELDS = "fields"
    ITEMS = "items"


@dataclass(frozen=True, kw_only=True)
class Erasure(Registration):
    """The node has destroyed this much of one submission, by its submitter `about`:

    {"about":gln,"entry":hex,"log":...,"reason":...,"statement":uuid,"submitter":operator,"time":...,"v":1,
     "what":["document","fields"]}
    """

    content_type = _content_type("erasure")

    entry: Annotated[str, ENTRY_HEX]
    what: Annotated[tuple[Erased, ...], many(one_of(Erased))]
    reason: Annotated[str, WORD]


@dataclass(frozen=True, kw_only=True)
class DeletionCertificate(Registration):
    """What the rule of retention has had erased, all at once, between two indexes of the log, both included:

    {"about":operator,"documents":[n,root],"first":0,"items":[n,root],"last":41,"log":...,"rule":...,...}

    `documents` is the tree over the entries that lost document and fields, `items` over those that lost what their
    items' leaves say, each in the order of the log.
    """

    content_type = _content_type("deletion-certificate")

    first: Annotated[int, COUNT]
    last: Annotated[int, COUNT]
    documents: Annotated[Root | None, ROOT] = None
    items: Annotated[Root | None, ROOT] = None
    rule: Annotated[str, WORD]


class Holding(StrEnum):
    SET = "set"
    LIFT = "lift"


@dataclass(frozen=True, kw_only=True)
class LegalHold(Registration):
    """Nothing of the party `about`, or of one submission of it, is erased from here on, until this is lifted."""

    content_type = _content_type("legal-hold")

    hold: Annotated[Holding, one_of(Holding)]
    submission: Annotated[str | None, UUID] = None
    reason: Annotated[str, WORD]


@dataclass(frozen=True, kw_only=True)
class Partner(Registration):
    """This party takes part here, as this: said by the operator, or by governors where there are any.

    {"about":gln,"name":...,"role":"manufacturer",...}
    """

    content_type = _content_type("partner")

    name: Annotated[str, WORD]
    role: Annotated[str, WORD]  # a word of partners.models.Role


@dataclass(frozen=True, kw_only=True)
class PartnerExit(Registration):
    """From here on this party hands nothing in any more; what it said stands."""

    content_type = _content_type("partner-exit")


@dataclass(frozen=True, kw_only=True)
class Licence(Registration):
    """This party may trade in these states, from one day to another: said by an authority.

    {"about":gln,"licence":"PH-4711","role":"dispenser","states":["NJ","NY"],"valid-from":time,"valid-to":time,...}
    """

    content_type = _content_type("licence")

    licence: Annotated[str, WORD]  # its number, as its authority writes it
    role: Annotated[str, WORD]
    states: Annotated[tuple[str, ...], many(STATE)]
    valid_from: Annotated[datetime, TIME]
    valid_to: Annotated[datetime, TIME]  # the first instant at which it no longer is


@dataclass(frozen=True, kw_only=True)
class Location(Registration):
    """The party `about` operates a place, from one instant until another: said by an authority, or by the operator.

    {"about":gln,"name":"North dock","place":gln,"valid-from":time,...}

    A later one of the same place from the same instant replaces the one before.
    """

    content_type = _content_type("location")

    place: Annotated[str, GLN]
    name: Annotated[str, WORD]
    valid_from: Annotated[datetime, TIME]
    valid_to: Annotated[datetime | None, TIME] = None  # the first instant at which it no longer does


class HoldKind(StrEnum):
    """Why goods stay where they are."""

    QUARANTINE = "quarantine"  # kept aside until something is clear
    RECALL = "recall"
    STOLEN = "stolen"
    SUSPECT = "suspect"  # 21 U.S.C. 360eee(21)


@dataclass(frozen=True, kw_only=True)
class Hold(Registration):
    """From here on nothing that this covers is packed, shipped or dispensed, until it is released:

    {"about":gln,"gtin":"00614141123452","hold":"recall","log":...,"lot":"L42","reason":"particles",...}

    It covers one item by its `epc` with all that is in it, or all of a `gtin`; of that, where it says so, only a `lot`,
    and only the serial numbers from `first` to `last`: both included, of one length, in the order of their characters'
    codes. Said by whoever has the item or may issue the product, or by an authority or a regulator; `about` is who
    holds it up, and whoever is asked to ship it back to that party may.
    """

    content_type = _content_type("hold")

    hold: Annotated[HoldKind, one_of(HoldKind)]
    reason: Annotated[str, WORD]
    epc: Annotated[str | None, WORD] = None  # canonical
    gtin: Annotated[str | None, ONE_GTIN] = None
    lot: Annotated[str | None, WORD] = None
    first: Annotated[str | None, SERIAL] = None
    last: Annotated[str | None, SERIAL] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        narrowed = (self.lot, self.first, self.last)
        if (self.epc is None) == (self.gtin is None) or (self.gtin is None and any(narrowed)):
            expected = "an epc alone; or a gtin, with a lot or with first and last where it is not about all of it"
            raise StatementError("does not say what it is about", where="epc", expected=expected)
        first, last = self.first or "", self.last or ""
        if len(first) != len(last) or first > last:
            expected = "a first and a last serial number of one length, in their order"
            raise StatementError("no range", where="first", expected=expected, found=f"{first!r} to {last!r}")


@dataclass(frozen=True, kw_only=True)
class Release(Registration):
    """From here on a hold, that of this entry, keeps nothing back: said by whoever said it, or by an authority."""

    content_type = _content_type("release")

    entry: Annotated[str, ENTRY_HEX]
    reason: Annotated[str, WORD]


@dataclass(frozen=True, kw_only=True)
class Grant(Registration):
    """Another party may read what the party `about` may read of its goods:

    {"about":gln,"gtins":["0614141"],"log":...,"to":gln,"valid-to":time,...}

    Of trade items of these `gtins` alone, GTIN-14s or company prefixes, where there are any; until `valid-to`, if that
    is there, and a revocation.
    """

    content_type = _content_type("grant")

    to: Annotated[str, GLN]
    gtins: Annotated[tuple[str, ...] | None, many(GTIN)] = None
    valid_to: Annotated[datetime | None, TIME] = None  # the first instant at which it no longer may


class HashAlgorithm(StrEnum):
    """The hash functions that data is anchored by, as IANA's registry of named information calls them (RFC 6920)."""

    SHA_256 = "sha-256"
    SHA_384 = "sha-384"
    SHA_512 = "sha-512"

    @property
    def size(self) -> int:
        """Bytes of a hash."""
        return int(self.removeprefix("sha-")) // 8

    def hash_of(self, data: bytes) -> bytes:
        return hashlib.new(self.replace("-", ""), data).digest()


@dataclass(frozen=True, kw_only=True)
class DataHash(Registration):
    """The bytes at a place have, at this moment, this hash; what they say, nobody here knows:

    {"about":gln,"hash":...,"hash-alg":"sha-256","location":"https://trial.example/cut/7",
     "preimage-content-type":"application/fhir+json",...}

    The members are those of a COSE Hash Envelope (RFC 9995 section 3), by name. Said by a party of its own data.
    """

    content_type = _content_type("data-hash")

    hash_alg: Annotated[HashAlgorithm, one_of(HashAlgorithm)]
    hash: Annotated[bytes, DIGEST]
    location: Annotated[str, URI]  # a pointer to the data, in whatever scheme its keeper uses
    preimage_content_type: Annotated[str | None, MEDIA] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.about != self.submitter:
            detail, expected = "nobody anchors another's data", self.submitter
            raise StatementError(detail, where="about", expected=expected, found=self.about)
        if len(self.hash) != self.hash_alg.size:
            expected, found = f"{self.hash_alg.size} bytes", f"{len(self.hash)} bytes"
            raise StatementError("no hash of this algorithm", where="hash", expected=expected, found=found)

    def fits(self, data: bytes) -> bool:
        """Whether these bytes have that hash."""
        return self.hash == self.hash_alg.hash_of(data)


class RecallClass(StrEnum):
    """How grave it is, by the likelihood and gravity of harm (21 CFR 7.3(m))."""

    I = "I"  # noqa: E741 - as the law writes it
    II = "II"
    III = "III"


class RecallDepth(StrEnum):
    """How far down the chain it goes (21 CFR 7.42(b)(1))."""

    WHOLESALE = "wholesale"
    RETAIL = "retail"  # and wholesale
    CONSUMER = "consumer"  # to whoever uses it, and all before


@dataclass(frozen=True, kw_only=True)
class Recall(Registration):
    """What these holds cover is called back:

    {"about":gln,"answer-by":time,"classification":"II","contact":"recalls@maker.example","depth":"retail",
     "holds":[entry],"reason":"particles",...}

    The holds keep it where it is; this says what its holders have to do, and until when they answer (21 CFR 7.49). Said
    by whoever set the holds, each of kind `recall`, on a product, and in force.
    """

    content_type = _content_type("recall")

    holds: Annotated[tuple[str, ...], many(ENTRY_HEX)]
    classification: Annotated[RecallClass, one_of(RecallClass)]
    depth: Annotated[RecallDepth, one_of(RecallDepth)]
    reason: Annotated[str, WORD]
    contact: Annotated[str, WORD]  # whom holders ask
    answer_by: Annotated[datetime, TIME]


@dataclass(frozen=True, kw_only=True)
class RecallAnswer(Registration):
    """A party has read the recall in this entry; and what it has found of it, in units, once it has looked:

    {"about":gln,"destroyed":0,"entry":...,"missing":2,"quarantined":38,"returned":0,...}

    All four numbers or none. Said again it counts instead of what the party said before (21 CFR 7.49(d), 7.53(b)(3)).
    """

    content_type = _content_type("recall-answer")

    entry: Annotated[str, ENTRY_HEX]
    quarantined: Annotated[int | None, COUNT] = None  # kept aside
    returned: Annotated[int | None, COUNT] = None  # sent back
    destroyed: Annotated[int | None, COUNT] = None
    missing: Annotated[int | None, COUNT] = None  # by the record there, and not found

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({each is None for each in self.found}) > 1:
            expected = "quarantined, returned, destroyed and missing, or none of them"
            raise StatementError("some of the numbers", where="quarantined", expected=expected)

    @property
    def found(self) -> tuple[int | None, ...]:
        return self.quarantined, self.returned, self.destroyed, self.missing


@dataclass(frozen=True, kw_only=True)
class RecallClosing(Registration):
    """The recall in this entry is over (21 CFR 7.55), as its last report says; what is held stays held:

    {"about":gln,"entry":...,"report":SHA-256,...}
    """

    content_type = _content_type("recall-closing")

    entry: Annotated[str, ENTRY_HEX]
    report: Annotated[bytes, HASH]  # of the report's bytes


@dataclass(frozen=True, kw_only=True)
class Case(Registration):
    """The regulator `about` looks into goods; within what this names, it may read whole histories until `valid-to`:

    {"about":gln,"case":"24-117","gtin":"00614141123452","lot":"L42","log":...,"reason":"particles","valid-to":time,...}

    Of all of the `gtin`; of that, where it says so, only a `lot`, and only some `serials`. Several of one number make
    one case. Said by the regulator itself; a revocation closes it.
    """

    content_type = _content_type("case")

    case: Annotated[str, WORD]  # its number, as the regulator writes it
    gtin: Annotated[str, ONE_GTIN]
    lot: Annotated[str | None, WORD] = None
    serials: Annotated[tuple[str, ...] | None, many(WORD, by=name_order)] = None
    reason: Annotated[str, WORD]
    valid_to: Annotated[datetime, TIME]  # the first instant at which it no longer is open


class TraceWanted(StrEnum):
    """What a trace is to tell of each unit: the response types of the PDG's tracing protocol."""

    TRANSACTION_INFORMATION = "transaction_information"  # each change of ownership that the party knows of
    ALL_KNOWN_OWNERS = "all_known_owners"
    LAST_KNOWN_OWNERS = "last_known_owners"


class TraceReason(StrEnum):
    """Why a trace is asked for: whoever asks attests to it by signing."""

    SUSPECT = "suspect"
    ILLEGITIMATE = "illegitimate"
    RECALLED = "recalled"
    COMPLIANCE_AUDIT = "compliance_audit"
    HEALTH_AUTHORITY_INSPECTION = "health_authority_inspection"


@dataclass(frozen=True, kw_only=True)
class TraceRequest(Registration):
    """The party `about` asks another what it knows of units of a product (21 U.S.C. 360eee-1(b)(1)(B), (c)(1)(C)):

    {"about":gln,"contact":"trace@board.example","gtin":"00614141123452","investigation":"2026-117","lot":"L42",
     "reason":"suspect","serials":["A1"],"test":true,"to":gln,"wants":"all_known_owners",...}

    Of a `lot`, of some `serials`, or of those serials in that lot. `test`: a drill, by which no clock of the law runs.
    """

    content_type = _content_type("trace-request")

    to: Annotated[str, GLN]
    investigation: Annotated[str, WORD]  # its number, as whoever asks writes it
    wants: Annotated[TraceWanted, one_of(TraceWanted)]
    reason: Annotated[TraceReason, one_of(TraceReason)]
    contact: Annotated[str, WORD]  # how to reach whoever asks: mail address, telephone
    name: Annotated[str | None, WORD] = None  # of whoever asks, or the department
    circumstances: Annotated[str | None, WORD] = None
    incident: Annotated[str | None, WORD] = None  # that the FDA has given to a Form 3911
    case: Annotated[str | None, WORD] = None  # number of a regulator's case that this belongs to
    gtin: Annotated[str, ONE_GTIN]
    lot: Annotated[str | None, WORD] = None
    serials: Annotated[tuple[str, ...] | None, many(WORD, by=name_order)] = None
    test: Annotated[bool | None, FLAG] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lot is None and self.serials is None:
            raise StatementError("does not say what it is about", where="serials", expected="serials, or a lot")


class TraceKnown(StrEnum):
    """How much of what was asked the answering party had a part in, as far as it knows."""

    ALL = "all"  # of each serial that was asked for
    SOME = "some"  # of a lot, nobody but its maker knows whether that is all
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class TraceAnswer(Registration):
    """What the party `about` answers to a trace, in the package of this hash:

    {"about":gln,"knows":"all","package":SHA-256,"request":hex,"to":gln,...}
    """

    content_type = _content_type("trace-answer")

    to: Annotated[str, GLN]
    request: Annotated[str, ENTRY_HEX]  # entry of the request
    package: Annotated[bytes, HASH]  # SHA-256 of the package's bytes
    knows: Annotated[TraceKnown, one_of(TraceKnown)]
    test: Annotated[bool | None, FLAG] = None


class WaiverKind(StrEnum):
    """Why a rule does not hold. The first three are an authority's to say (21 U.S.C. 360eee-1(a)(3)); of a product,
    whoever may issue it says the next two; of its own trade, a party the last."""

    WAIVER = "waiver"  # undue economic hardship, or for emergency medical reasons
    EXCEPTION = "exception"  # for packaging that has no room
    EXEMPTION = "exemption"  # other products and transactions, such as those of connected partners in 2025
    GRANDFATHERED = "grandfathered"  # packaged before it had to have an identifier (360eee-1(a)(5))
    EXCLUDED = "excluded"  # no product, or no transaction, of 360eee(13) and (24)
    DROP_SHIPMENT = "drop-shipment"  # sold by one that never has it; its data come from whoever ships it


class WaivedRule(StrEnum):
    """What is not asked for."""

    LICENCE = "licence"  # to trade with those alone that are authorized
    RETURN = "return"  # to verify what came back before it is sold on
    TRANSACTION = "transaction"  # data with the product


_ALL_RULES = frozenset(WaivedRule)
#: What each kind may be about.
WAIVES: Mapping[WaiverKind, frozenset[WaivedRule]] = {
    WaiverKind.WAIVER: _ALL_RULES,
    WaiverKind.EXCEPTION: _ALL_RULES,
    WaiverKind.EXEMPTION: _ALL_RULES,
    WaiverKind.GRANDFATHERED: _ALL_RULES - {WaivedRule.LICENCE},
    WaiverKind.EXCLUDED: _ALL_RULES - {WaivedRule.LICENCE},
    WaiverKind.DROP_SHIPMENT: frozenset({WaivedRule.TRANSACTION}),
}
OF_PRODUCTS = frozenset({WaiverKind.GRANDFATHERED, WaiverKind.EXCLUDED})
"""These hold whoever trades the product; the others for the party `about` alone."""


@dataclass(frozen=True, kw_only=True)
class Waiver(Registration):
    """From one instant until another these rules do not hold: for a party, or for products, whoever trades them.

    {"about":gln,"basis":"FDA exemption of 9 October 2024","document":SHA-256,"gtins":["00614141123452"],"log":...,
     "rules":["transaction"],"valid-from":time,"valid-to":time,"waiver":"exemption",...}

    `document` is the hash of what it is based on, which its holder keeps. Without `gtins`, of all products.
    """

    content_type = _content_type("waiver")

    waiver: Annotated[WaiverKind, one_of(WaiverKind)]
    rules: Annotated[tuple[WaivedRule, ...], many(one_of(WaivedRule))]
    gtins: Annotated[tuple[str, ...] | None, many(ONE_GTIN)] = None
    basis: Annotated[str, WORD]
    document: Annotated[bytes, HASH]
    valid_from: Annotated[datetime, TIME]
    valid_to: Annotated[datetime | None, TIME] = None  # the first instant at which it no longer holds

    def __post_init__(self) -> None:
        super().__post_init__()
        if over := sorted(set(self.rules) - WAIVES[self.waiver]):
            expected = ", ".join(sorted(WAIVES[self.waiver]))
            raise StatementError("not of this kind", where="rules", expected=expected, found=over[0])
        if self.waiver in OF_PRODUCTS and self.gtins is None:
            raise StatementError("of which products?", where="gtins", expected="a GTIN-14, or several")


class MessageKind(StrEnum):
    """What one partner says to another about something that is wrong with a shipment (`dscsa/pdg.py`)."""

    REPORT = "report"
    RESPONSE = "response"
    FOLLOW_UP = "follow-up"


@dataclass(frozen=True, kw_only=True)
class ExceptionMessage(Registration):
    """This party has sent another a message with this hash, about a shipment or about one that never came:

    {"about":gln,"case":uuid,"event":0,"hash":SHA-256,"log":...,"message":"report","shipment":uuid,"statement":uuid,
     "submitter":gln,"time":...,"to":gln,...}

    `statement` is the message's own id; `hash` is that of its RFC 8785 form. `shipment` is the submission that told of
    it, by its `event`. The message itself is kept beside the log: it may name people.
    """

    content_type = _content_type("exception-message")

    case: Annotated[str, UUID]
    message: Annotated[MessageKind, one_of(MessageKind)]
    hash: Annotated[bytes, HASH]
    to: Annotated[str, GLN]
    shipment: Annotated[str | None, UUID] = None
    event: Annotated[int | None, COUNT] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.about != self.submitter:
            detail, expected = "nobody sends another's message", self.submitter
            raise StatementError(detail, where="about", expected=expected, found=self.about)
        if self.to == self.submitter:
            raise StatementError("a message to oneself", where="to", expected="the other party", found=self.to)
        if (self.shipment is None) != (self.event is None):
            raise StatementError("half a shipment", where="event", expected="a shipment with its event, or neither")


class InvestigationStep(StrEnum):
    """What happens in the investigation of suspect product (21 U.S.C. 360eee-1(b)(4), (c)(4), (d)(4), (e)(4))."""

    SUSPECT = "suspect"  # it begins: quarantined from here on
    CLEARED = "cleared"  # not illegitimate, after all
    ILLEGITIMATE = "illegitimate"
    NOTIFIED = "notified"  # FDA has been notified (Form FDA 3911), first or once more
    TERMINATION_REQUESTED = "termination_requested"  # FDA has been asked to end the notification
    TERMINATED = "terminated"  # and has agreed
    DISPOSED = "disposed"  # of what there was, a sample is retained


@dataclass(frozen=True, kw_only=True)
class Investigation(Registration):
    """One step of the investigation `case` of the party `about`:

    {"about":gln,"case":uuid,"evidence":[SHA-256,...],"holds":[hex,...],"log":...,"person":...,"place":...,
     "reason":...,"step":"suspect",...}

    The first step, `suspect`, names by their entries the `holds` that quarantine what it is about; every other names
    the entry of the step before it, `previous`, so that of two at once one is refused. `person` took the step, `place`
    is where the goods are, `evidence` holds hashes of files. A `notified` step has the number that FDA gave the
    `incident`, once there is one; a `disposed` step says where the `sample` is kept. Said by the party, or by an
    authority.
    """

    content_type = _content_type("investigation")

    case: Annotated[str, UUID]
    step: Annotated[InvestigationStep, one_of(InvestigationStep)]
    person: Annotated[str, WORD]
    place: Annotated[str, WORD]
    reason: Annotated[str, WORD]
    holds: Annotated[tuple[str, ...] | None, many(ENTRY_HEX)] = None
    previous: Annotated[str | None, ENTRY_HEX] = None
    evidence: Annotated[tuple[bytes, ...] | None, many(HASH)] = None  # SHA-256
    incident: Annotated[str | None, WORD] = None
    sample: Annotated[str | None, WORD] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        first = self.step is InvestigationStep.SUSPECT
        if first != (self.holds is not None) or first != (self.previous is None):
            expected = "holds of the first step, suspect; and of every other the step before it"
            raise StatementError("does not say what it goes on from", where="previous", expected=expected)
        if self.incident is not None and self.step is not InvestigationStep.NOTIFIED:
            raise StatementError("no notification", where="incident", expected="a step of notified")
        if (self.sample is not None) != (self.step is InvestigationStep.DISPOSED):
            raise StatementError("what is disposed of leaves a sample", where="sample", expected="with disposed alone")


class NamedKey(NamedTuple):
    """A key that speaks for a party by being named in a policy."""

    gln: str
    kid: bytes
    public: bytes


@dataclass(frozen=True, kw_only=True)
class Policy(Registration):
    """The rules as they are to be: who witnesses the log, who accredits, who governs, and how many of those it takes.

    {"activation":4096,"authorities":[{"gln","kid","public"},...],"governors":[...],"quorum":2,"tlog":"quorum none\n",
     "version":1,...}

    One governor proposes it; it is adopted with the approvals that make `quorum` governors of the rules before it, and
    in force from `activation` on, or from the next entry if that has passed.
    """

    content_type = _content_type("policy")

    version: Annotated[int, COUNT]  # one more than that of the rules before it
    activation: Annotated[int, COUNT]  # an index of the log
    tlog: Annotated[str, WORD]  # c2sp.org/tlog-policy, without `log` lines: the witnesses, and their quorum
    authorities: Annotated[tuple[NamedKey, ...], many(NAMED_KEY)]
    governors: Annotated[tuple[NamedKey, ...], many(NAMED_KEY)]
    quorum: Annotated[int, COUNT]  # governors, 1 or more


@dataclass(frozen=True, kw_only=True)
class Approval(Registration):
    """A governor, `about` itself, agrees to what stands in this entry."""

    content_type = _content_type("approval")

    entry: Annotated[str, ENTRY_HEX]


@dataclass(frozen=True, kw_only=True)
class Promise(Payload):
    """The node has accepted an entry, and will have it in the log in time:

    {"accepted":time,"entry":...,"integrate-by":time,"log":...,"number":42,"v":1}
    """

    content_type = _content_type("promise")

    entry: Annotated[bytes, HASH]
    number: Annotated[int, COUNT]  # order of acceptance; has gaps, is not the log index
    accepted: Annotated[datetime, TIME]
    integrate_by: Annotated[datetime, TIME]


class KeyState(StrEnum):
    """What a status says of a key."""

    VALID = "valid"
    REVOKED = "revoked"


def _read_key_states(value: Any) -> tuple[tuple[bytes, KeyState], ...]:
    states = tuple((HASH.read(kid), KeyState(state)) for kid, state in value)
    if sorted(dict(states).items()) != list(states):
        raise ValueError(value)
    return states


KEY_STATES = Form(
    "[[kid, state], ...] by kid",
    _read_key_states,
    lambda states: [[b64(kid), str(state)] for kid, state in states],
)


@dataclass(frozen=True, kw_only=True)
class Status(Payload):
    """What the node knows of an item at one moment, all it has accepted included:

    {"accepted":57,"epc":...,"heads":{epc:[leaf,content],...},"holds":[],"keys":[[kid,"valid"],...],"log":...,
     "outermost":epc,"root":...,"rules":1,"size":12,"status":"in_transit","v":1}
    """

    content_type = _content_type("status")

    size: Annotated[int, COUNT]  # leaves of the log's last checkpoint, and its root
    root: Annotated[bytes, HASH]
    accepted: Annotated[int, COUNT]  # drawn from the sequence that numbers acceptances: all before it is covered
    epc: Annotated[str, WORD]
    outermost: Annotated[str, WORD]  # the container it is in, else itself
    heads: Annotated[Mapping[str, Head], mapping(HEAD, "{epc: [leaf, content]}")]  # of the item and all around it
    status: Annotated[str, WORD]  # a word of custody.Status
    holds: Annotated[tuple[str, ...], many(WORD, by=name_order, least=0)]
    keys: Annotated[tuple[tuple[bytes, KeyState], ...], KEY_STATES]  # that signed the item's history, by kid
    rules: Annotated[int, COUNT]  # version of the moves it was judged by


@dataclass(frozen=True, kw_only=True)
class Verification(Payload):
    """What the node has answered to a verification request, with all of its log up to this size before it:

    {"answer":SHA-256 of the answer's bytes,"epc":...,"expiry":"281231","log":...,"lot":...,"requester":gln,
     "root":...,"size":12,"v":1}

    It tells no more of the item than the answer does, unlike a status. What an entry of this log says below that size
    convicts an answer that contradicts it.
    """

    content_type = _content_type("verification")

    size: Annotated[int, COUNT]  # entries in the log, all of which the answer covers
    root: Annotated[bytes, HASH]
    epc: Annotated[str, WORD]  # as it was asked for, with lot and expiry
    lot: Annotated[str, WORD]
    expiry: Annotated[str, YYMMDD]
    requester: Annotated[str, GLN]
    answer: Annotated[bytes, HASH]  # SHA-256


def _read_places(value: Any) -> tuple[tuple[str | None, str | None, str | None, int], ...]:
    if not isinstance(value, list):
        raise ValueError(value)
    return tuple((_text_or_null(a), _text_or_null(b), _text_or_null(c), _read_count(n)) for a, b, c, n in value)


def _text_or_null(value: Any) -> str | None:
    return None if value is None else cast(str, WORD.read(value))


def _read_told(value: Any) -> tuple[tuple[str, str, int], ...]:
    if not isinstance(value, list):
        raise ValueError(value)
    return tuple((WORD.read(who), WORD.read(role), _read_count(units)) for who, role, units in value)


def _read_begun(value: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list):
        raise ValueError(value)
    found = tuple((_read_count(index), _read_count(units)) for index, units in value)
    if sorted({index for index, _ in found}) != [index for index, _ in found]:
        raise ValueError(value)
    return found


def _write_rows(rows: tuple[tuple[JSON, ...], ...]) -> JSON:
    return [list(row) for row in rows]


PLACES = Form("[[state, possessor, consignee, units], ...]", _read_places, _write_rows)
TOLD_OF = Form("[[party, role, units], ...]", _read_told, _write_rows)
BEGUN = Form("[[index, units], ...], by index", _read_begun, _write_rows)


@dataclass(frozen=True, kw_only=True)
class RecallStatus(Payload):
    """How a recall stands, with all of the log up to this size before it:

    {"at":[["held","dispenser",null,38]],"begun":[[7,40]],"entry":...,"log":...,"root":...,"said":[entry],"size":12,
     "time":time,"told":[["0614141003004","dispenser",38]],"units":[n,root],"v":1}

    A party stands by its GLN, or by its role to whoever is not to know more. The tree of `units` is that of FORMATS
    section 3 over the lines of the list that goes with it (`bundle/recalled.py`), which is whole.
    """

    content_type = _content_type("recall-status")

    entry: Annotated[str, ENTRY_HEX]  # of the recall
    size: Annotated[int, COUNT]
    root: Annotated[bytes, HASH]
    time: Annotated[datetime, TIME]
    units: Annotated[Root, ROOT]
    at: Annotated[tuple[tuple[str | None, str | None, str | None, int], ...], PLACES]  # the most first
    begun: Annotated[tuple[tuple[int, int], ...], BEGUN]  # in which entries of the log how many of them begin
    told: Annotated[tuple[tuple[str, str, int], ...], TOLD_OF]  # who was told, and of how many units
    said: Annotated[tuple[str, ...], many(ENTRY_HEX)]  # entries of its holds, of the answers that count, of its closing


@dataclass(frozen=True, kw_only=True)
class Archive(Payload):
    """The node has handed out all that a party has in the log of this size, in an archive with this manifest:

    {"about":gln,"log":...,"manifest":SHA-256,"root":...,"size":12,"time":...,"v":1}
    """

    content_type = _content_type("archive")

    about: Annotated[str, GLN]
    manifest: Annotated[bytes, HASH]
    size: Annotated[int, COUNT]  # leaves of the log, and its root
    root: Annotated[bytes, HASH]
    time: Annotated[datetime, TIME]


# ---- envelopes ------------------------------------------------------------------------------------------------------

PARTICIPATION = (Partner, PartnerExit)
"""Who takes part: the operator's word, or where there are governors, enough of theirs."""

MATTERS = (
    *(Recall, RecallAnswer, RecallClosing, TraceRequest, TraceAnswer, Case),
    *(ExceptionMessage, Waiver, Investigation),
)
"""What is said when something is wrong with goods, or out of the ordinary."""

OF_ITSELF = (Key, KeyRevocation, Delegation, Hold, Release, Grant, DataHash, *MATTERS)
"""What a party says of itself, with a key that speaks for it; an authority may say all of this, and the rest."""

OFF_BUNDLES = (Location, Hold, Release, Grant, DataHash, *MATTERS)
"""What no bundle relies on: a hold is in the node's status, and the others decide nothing of what one proves."""

BY_NODE: tuple[type[Registration], ...] = (Erasure, DeletionCertificate, LegalHold)
"""What the node itself says in the log, with its own key, as its operator."""

STATEMENTS: tuple[type[Statement], ...] = (
    *(Submission, Key, KeyRevocation, Prefix, Delegation, Revocation),
    *(Partner, PartnerExit, Licence, Location, Hold, Release, Grant, DataHash, Policy, Approval),
    *MATTERS,
    *BY_NODE,
)
P = TypeVar("P", bound=Payload)


@dataclass(frozen=True)
class Opened(Generic[P]):
    """An envelope and what it says. Whose signature counts depends on the log: `signed.check(public)`."""

    envelope: bytes
    signed: cose.Signed1
    payload: P

    @property
    def issuer(self) -> str:
        """The GLN of the party that signed."""
        return self.signed.issuer.removeprefix(_PARTY)


_PARTY = "https://id.gs1.org/417/"
_IS_GLN = re.compile(r"[0-9]{13}").fullmatch


def sign(statement: Statement, key: cose.PrivateKey) -> bytes:
    """The statement in its envelope, by its submitter's key."""
    return _sign(statement, key, issuer=statement.submitter, subject=statement.subject)


def sign_promise(promise: Promise, key: cose.PrivateKey, *, operator: str, subject: str) -> bytes:
    """A promise by the node's key; `subject` is that of the statement it is about."""
    return _sign(promise, key, issuer=operator, subject=subject)


def sign_status(status: Status, key: cose.PrivateKey, *, operator: str) -> bytes:
    """A status by the node's key; its subject is the item."""
    return _sign(status, key, issuer=operator, subject=status.epc)


def sign_verification(said: Verification, key: cose.PrivateKey, *, operator: str) -> bytes:
    """The answer to a verification request by the node's key; its subject is the item."""
    return _sign(said, key, issuer=operator, subject=said.epc)


def sign_recall_status(status: RecallStatus, key: cose.PrivateKey, *, operator: str) -> bytes:
    """How a recall stands, by the node's key; its subject is the entry of the recall."""
    return _sign(status, key, issuer=operator, subject=f"urn:unitproof:entry:{status.entry}")


def sign_archive(archive: Archive, key: cose.PrivateKey, *, operator: str) -> bytes:
    """An archive's manifest by the node's key; its subject is the party."""
    return _sign(archive, key, issuer=operator, subject=_PARTY + archive.about)


def _sign(payload: Payload, key: cose.PrivateKey, *, issuer: str, subject: str) -> bytes:
    return cose.sign(
        bytes(payload), content_type=payload.content_type, issuer=_PARTY + issuer, subject=subject, key=key
    )


def open_statement(envelope: bytes) -> Opened[Statement]:
    """Read a party's statement of any kind, strictly; the signature is not yet checked."""
    opened = _open(envelope, STATEMENTS)
    statement = opened.payload
    if opened.issuer != statement.submitter:
        detail = "issuer and submitter differ"
        raise StatementError(detail, code="wrong_issuer", expected=statement.submitter, found=opened.issuer)
    if opened.signed.subject != statement.subject:
        detail = "subject and statement differ"
        raise StatementError(detail, code="wrong_subject", expected=statement.subject, found=opened.signed.subject)
    return opened


def open_promise(envelope: bytes) -> Opened[Promise]:
    """Read a node's promise; the signature is not yet checked."""
    return _open(envelope, (Promise,))


def open_status(envelope: bytes) -> Opened[Status]:
    """Read a node's status; the signature is not yet checked."""
    opened = _open(envelope, (Status,))
    if opened.signed.subject != opened.payload.epc:
        detail = "subject and item differ"
        raise StatementError(detail, code="wrong_subject", expected=opened.payload.epc, found=opened.signed.subject)
    return opened


def open_verification(envelope: bytes) -> Opened[Verification]:
    """Read a node's signed answer; the signature is not yet checked."""
    opened = _open(envelope, (Verification,))
    if opened.signed.subject != opened.payload.epc:
        detail = "subject and item differ"
        raise StatementError(detail, code="wrong_subject", expected=opened.payload.epc, found=opened.signed.subject)
    return opened


def open_recall_status(envelope: bytes) -> Opened[RecallStatus]:
    """Read a node's word about a recall; the signature is not yet checked."""
    return _open(envelope, (RecallStatus,))


def open_archive(envelope: bytes) -> Opened[Archive]:
    """Read a node's word about an archive; the signature is not yet checked."""
    return _open(envelope, (Archive,))


def _open(envelope: bytes, kinds: tuple[type[P], ...]) -> Opened[P]:
    try:
        signed = cose.decode(envelope)
    except LogError as error:
        raise StatementError(error.detail, code=error.code, where="envelope", found=error.found) from error
    kind = next((kind for kind in kinds if kind.content_type == signed.content_type), None)
    if kind is None:
        expected = ", ".join(kind.content_type for kind in kinds)
        detail = "not a kind of statement expected here"
        raise StatementError(detail, code="unknown_statement", expected=expected, found=signed.content_type)
    opened = Opened(envelope, signed, kind.parse(signed.payload))
    if signed.issuer != _PARTY + opened.issuer or not _IS_GLN(opened.issuer):
        raise StatementError("the issuer is not a party", code="wrong_issuer", expected=_PARTY, found=signed.issuer)
    return opened


def entry(salt: bytes, envelope: bytes) -> bytes:
    """The 32 bytes that are logged for a statement: all that is public of it."""
    return sha256(b"unitproof/entry/v1\0" + salt + envelope).digest()
