"""Transaction information and transaction statement of one shipment, as one value (21 U.S.C. 360eee(26), (27)). Pure.

    Shipped, what is known of products and places ──> Transaction ──> JSON; XML, HTML and PDF are drawn from it

What the sender has signed comes first: its document's master data, and that of the documents that told of the making
of what is in it. What they do not say, the node may add from its own books; it then stands in `by_node`, and is the
node's word.

    {"v":1,
     "shipment":{"event":0,"party":GLN,"signer":GLN,"submission":uuid,"told":"actor"},
     "transaction_date":"2026-01-05","shipment_date":"2026-01-07",            the latter only if it is another day
     "seller":{"gln":...,"name":...,"address":[line, ...],"by_node":[...]},"buyer":{...},
     "references":[["po","urn:epcglobal:cbv:bt:..."], ...],
     "products":[{"gtin":...,"ndc":...,"name":...,"strength":...,"dosage_form":...,"container_size":...,
                  "manufacturer":...,"containers":2,"by_node":[...],
                  "lots":[{"lot":...,"expiry":...,"containers":2,"serials":["A1","A2"]}]}, ...],
     "unstated":[EPC, ...],                      containers of which nobody has stated the contents
     "statement":{"affirmed":true,"notice":...}}

What nobody has said is absent; `missing` names each of the ten elements that the law asks for and that is not there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol, Self
from urllib.parse import unquote

from partners.gs1.identifiers import SERIAL_AT, gln_of

from ..bundle.shipment import Shipped
from ..epcis.errors import DocumentError
from ..epcis.events import Event
from ..epcis.header import HEALTHCARE, LEGAL_NOTICE
from ..epcis.jcs import JSON, encode
from ..statements import read_json

LAW = "section 581(27) of the Federal Food, Drug, and Cosmetic Act"
#: What the seller affirms of this transaction, in short: section 581(27)(A) to (G), 21 U.S.C. 360eee(27).
AFFIRMATIONS: Mapping[str, str] = {
    "A": "is authorized as the Drug Supply Chain Security Act requires",
    "B": "received the product from a person that is authorized",
    "C": "received transaction information and a transaction statement from the prior owner, as the law requires",
    "D": "did not knowingly ship a suspect or illegitimate product",
    "E": "had systems and processes in place to comply with verification requirements",
    "F": "did not knowingly provide false transaction information",
    "G": "did not knowingly alter the transaction history",
}
AFFIRMED = "ts:affirmTransactionStatement"
NOTICE = "ts:legalNotice"
#: The date of the transaction, where it is another than that of the shipment (GS1 US, guideline R1.3).
TRANSACTION_DATE = frozenset(f"{HEALTHCARE}{mark}transactionDate" for mark in ("", "#", "/", ":"))
GUIDELINE = "GS1 US DSCSA R1.3"


class MalformedTransaction(DocumentError):
    """Bytes that are not a transaction in its one form."""

    code = "malformed_transaction"


class Known(Protocol):
    """What a node has in its own books, by the names of CBV's master data (`regulatedProductName`, `city`)."""

    def product(self, gtin: str, at: datetime) -> Mapping[str, str]:
        """Of a trade item, at a time; nothing of one that is not known."""

    def place(self, gln: str, at: datetime) -> Mapping[str, str]:
        """Of a party or its place."""


class Nothing:
    """Whoever checks knows nothing but what was signed."""

    def product(self, gtin: str, at: datetime) -> Mapping[str, str]:
        return {}

    place = product


# ---- values ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Party:
    """Elements I and J: business name and address of the seller, or of the buyer."""

    gln: str
    name: str | None = None
    address: tuple[str, ...] = ()
    by_node: tuple[str, ...] = ()  # which of these the node says


class Lot(NamedTuple):
    """Units of one product, one lot and one expiry."""

    lot: str | None
    expiry: str | None
    serials: tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """Elements A to F: what it is, how many containers of it, and the product identifier of each."""

    gtin: str
    lots: tuple[Lot, ...]
    ndc: str | None = None
    name: str | None = None
    strength: str | None = None
    dosage_form: str | None = None
    container_size: str | None = None
    manufacturer: str | None = None
    by_node: tuple[str, ...] = ()

    @property
    def containers(self) -> int:
        return sum(len(lot.serials) for lot in self.lots)


@dataclass(frozen=True)
class Statement:
    """What the seller says of it all, in the document that it signed."""

    affirmed: bool
    notice: str | None = None


@dataclass(frozen=True)
class Transaction:
    """As the module draws it."""

    submission: str
    event: int
    signer: str
    party: str
    told: str
    transaction_date: str
    shipment_date: str | None
    seller: Party | None
    buyer: Party | None
    references: tuple[tuple[str, str], ...]
    products: tuple[Product, ...]
    unstated: tuple[str, ...]
    statement: Statement

    @property
    def containers(self) -> int:
        """Element E, over all products."""
        return sum(product.containers for product in self.products)

    @property
    def missing(self) -> tuple[str, ...]:
        """Elements of the transaction information that nobody has said."""
        return tuple(self._missing())

    def _missing(self) -> Iterator[str]:
        for whose, party in (("seller", self.seller), ("buyer", self.buyer)):
            for what in ("name", "address"):
                if party is None or not getattr(party, what):
                    yield f"{what} of the {whose}"
        for product in self.products:
            for what in ("name", "strength", "dosage_form", "ndc", "container_size"):
                if getattr(product, what) is None:
                    yield f"{what.replace('_', ' ')} of {product.gtin}"
            if any(lot.lot is None for lot in product.lots):
                yield f"lot of {product.gtin}"
        if not self.products:
            yield "products"

    @property
    def by_node(self) -> tuple[str, ...]:
        """What is not the sender's word, but the node's."""
        parties = (("the seller", self.seller), ("the buyer", self.buyer))
        parts: list[tuple[str, Party | Product]] = [(whose, party) for whose, party in parties if party is not None]
        parts += [(product.gtin, product) for product in self.products]
        return tuple(f"{what.replace('_', ' ')} of {of}" for of, part in parts for what in part.by_node)

    @property
    def members(self) -> dict[str, JSON]:
        whole: dict[str, Any] = {
            "v": 1,
            "shipment": {
                "event": self.event,
                "party": self.party,
                "signer": self.signer,
                "submission": self.submission,
                "told": self.told,
            },
            "transaction_date": self.transaction_date,
            "shipment_date": self.shipment_date,
            "seller": self.seller and _present(vars(self.seller)),
            "buyer": self.buyer and _present(vars(self.buyer)),
            "references": [list(reference) for reference in self.references],
            "products": [
                _present(vars(product))
                | {"containers": product.containers, "lots": [_lot(lot) for lot in product.lots]}
                for product in self.products
            ],
            "unstated": list(self.unstated),
            "statement": _present(vars(self.statement)),
        }
        return _present(whole)

    def __bytes__(self) -> bytes:
        return encode(self.members)

    @classmethod
    def of(cls, shipped: Shipped, known: Known) -> Self:
        """From what was shipped, as far as it is shown, and what else is known."""
        event, header = shipped.event, shipped.header
        at, on_day = _moment(event)
        told = next((day for name in TRANSACTION_DATE if (day := _date(event.rest.get(name)))), on_day)
        affirmed = str(header.get(AFFIRMED, "")).strip().lower() in ("true", "1")
        notice = header.get(NOTICE)
        return cls(
            submission=shipped.submission,
            event=shipped.position,
            signer=shipped.signer,
            party=shipped.party,
            told=shipped.voice.value,
            transaction_date=told.isoformat(),
            shipment_date=on_day.isoformat() if on_day > told else None,
            seller=_party(event.sources, "source", header, known, at) or Party(shipped.party),
            buyer=_party(event.destinations, "destination", header, known, at),
            references=tuple(_references(event.rest.get("bizTransactionList"))),
            products=tuple(_products(shipped, known)),
            unstated=shipped.unstated,
            statement=Statement(affirmed, notice if isinstance(notice, str) else None),
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read one. Only what writes back to the same bytes is accepted."""
        try:
            transaction = cls._of(read_json(data, "transaction"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedTransaction("not the members of a transaction") from error
        if bytes(transaction) != data:
            raise MalformedTransaction("does not write back to the same bytes", code="not_canonical")
        return transaction

    @classmethod
    def _of(cls, members: Any) -> Self:
        shipment, statement = members["shipment"], members["statement"]
        return cls(
            submission=_text(shipment["submission"]),
            event=_whole(shipment["event"]),
            signer=_text(shipment["signer"]),
            party=_text(shipment["party"]),
            told=_text(shipment["told"]),
            transaction_date=_text(members["transaction_date"]),
            shipment_date=_optional(members.get("shipment_date")),
            seller=_read_party(members.get("seller")),
            buyer=_read_party(members.get("buyer")),
            references=tuple((_text(kind), _text(value)) for kind, value in members.get("references", ())),
            products=tuple(map(_read_product, members.get("products", ()))),
            unstated=tuple(map(_text, members.get("unstated", ()))),
            statement=Statement(statement.get("affirmed") is True, _optional(statement.get("notice"))),
        )

    @property
    def told_by_node(self) -> Known:
        """What of it is the node's word, as its books would have it: for whoever makes it once more from what was
        signed, to compare."""
        return _Books(self)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Absent is absent; `false` is not."""
    return {name: value for name, value in members.items() if value is False or (value and value != ())} | {
        name: list(value) for name, value in members.items() if isinstance(value, tuple) and value
    }


def _lot(lot: Lot) -> dict[str, Any]:
    return _present({"lot": lot.lot, "expiry": lot.expiry, "serials": lot.serials}) | {"containers": len(lot.serials)}


# ---- making ---------------------------------------------------------------------------------------------------------

#: What of the master data says which element, the best first (CBV 1.2 sections 9.2 and 9.3).
_OF_PRODUCT: Mapping[str, tuple[str, ...]] = {
    "name": ("regulatedProductName", "functionalName", "descriptionShort", "labelDescription"),
    "strength": ("strengthDescription",),
    "dosage_form": ("dosageFormType",),
    "container_size": ("netContentDescription",),
    "manufacturer": ("manufacturerOfTradeItemPartyName",),
}
_ALSO_KNOWN, _AS_WHAT = "additionalTradeItemIdentification", "additionalTradeItemIdentificationTypeCode"
_NDC = frozenset({"US_FDA_NDC", "FDA_NDC_11", "FDA_NDC"})  # R1.3; R1.2 and others, which real files have
_STREET = ("streetAddressOne", "streetAddressTwo", "streetAddressThree")
_CITY = ("city", "state", "postalCode")


def product_attributes(*, ndc: str | None, **said: str | None) -> dict[str, str]:
    """What somebody says of a product, under the names of the master data."""
    named = {_OF_PRODUCT[name][0]: value for name, value in said.items()}
    if ndc:
        named |= {_ALSO_KNOWN: ndc, _AS_WHAT: "US_FDA_NDC"}
    return {name: value for name, value in named.items() if value}


def _products(shipped: Shipped, known: Known) -> Iterator[Product]:
    units = sorted(shipped.units, key=lambda unit: (unit.gtin, unit.lot or "", unit.expiry or "", unit.epc))
    for gtin, of_product in groupby(units, key=lambda unit: unit.gtin):
        lots = tuple(
            Lot(lot, expiry, tuple(unquote(unit.epc[SERIAL_AT:]) for unit in of_lot))
            for (lot, expiry), of_lot in groupby(of_product, key=lambda unit: (unit.lot, unit.expiry))
        )
        said = _texts(shipped.header.get(f"product:{gtin}"))
        described, by_node = _both(_product(said), _product(known.product(gtin, shipped.event.time)))
        yield Product(gtin, lots, **described, by_node=by_node)


def _product(said: Mapping[str, str]) -> dict[str, Any]:
    found = {name: next((said[each] for each in names if said.get(each)), None) for name, names in _OF_PRODUCT.items()}
    kinds, numbers = said.get(_AS_WHAT, "").split("\n"), said.get(_ALSO_KNOWN, "").split("\n")
    if len(kinds) == 1 != len(numbers):  # two numbers of one kind, which a header tells once
        kinds *= len(numbers)
    found["ndc"] = next((number for kind, number in zip(kinds, numbers, strict=False) if kind in _NDC), None)
    return found


def _party(
    parties: Iterable[Mapping[str, str]], end: str, header: Mapping[str, JSON], known: Known, at: datetime
) -> Party | None:
    """The owner that sells, or buys; where none is named, whoever possesses it."""
    by_type = {party["type"]: party[end] for party in parties}
    for kind in ("owning_party", "possessing_party", "location"):
        if (gln := gln_of(by_type.get(kind, ""))) is not None:
            described, by_node = _both(_place(_place_in(header, gln)), _place(known.place(gln, at)))
            return Party(gln, **described, by_node=by_node)
    return None


def _place_in(header: Mapping[str, JSON], gln: str) -> Mapping[str, str]:
    """Of the party itself, else of the first of its docks that is described."""
    of_gln = sorted(name for name in header if name.startswith(f"place:{gln}"))
    return _texts(header[of_gln[0]]) if of_gln else {}


def _place(said: Mapping[str, str]) -> dict[str, Any]:
    city = " ".join(filter(None, (said.get(name) for name in _CITY)))
    lines = [*(said.get(name) for name in _STREET), city, said.get("countryCode") if city else None]
    return {"name": said.get("name"), "address": tuple(line for line in lines if line)}


def _both(signed: dict[str, Any], by_node: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What was signed; of what it does not say, what the node does, and which members that is."""
    added = {name: value for name, value in by_node.items() if value and not signed.get(name)}
    return signed | added, tuple(sorted(added))


def _texts(described: JSON) -> Mapping[str, str]:
    members = described if isinstance(described, dict) else {}
    return {name: value for name, value in members.items() if isinstance(value, str)}


def _references(listed: JSON) -> Iterator[tuple[str, str]]:
    """Orders, deliveries and invoices, by which people find it again."""
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict):
            yield str(each.get("type", "")), str(each.get("bizTransaction", ""))


def _moment(event: Event) -> tuple[datetime, date]:
    """When it was, and which day that was where it was."""
    offset = event.event_time_zone_offset
    sign = -1 if offset.startswith("-") else 1
    try:
        return event.time, (event.time + sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))).date()
    except (ValueError, OverflowError) as error:  # its signer may have written what is no day
        raise MalformedTransaction("not a moment in time", code="bad_time", found=repr(event.event_time)) from error


def _date(said: JSON) -> date | None:
    try:
        return date.fromisoformat(said[:10]) if isinstance(said, str) else None
    except ValueError:
        return None


# ---- reading --------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value


def _tuple(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value))


def _read_party(members: Any) -> Party | None:
    if members is None:
        return None
    address, by_node = _tuple(members.get("address", ())), _tuple(members.get("by_node", ()))
    return Party(_text(members["gln"]), _optional(members.get("name")), address, by_node)


def _read_product(members: Any) -> Product:
    lots = tuple(
        Lot(_optional(each.get("lot")), _optional(each.get("expiry")), _tuple(each.get("serials", ())))
        for each in members["lots"]
    )
    texts = {name: _optional(members.get(name)) for name in (*_OF_PRODUCT, "ndc")}
    return Product(_text(members["gtin"]), lots, **texts, by_node=_tuple(members.get("by_node", ())))


@dataclass(frozen=True)
class _Books:
    """What a transaction says that is the node's word, the way a node's books would say it."""

    transaction: Transaction
    products: dict[str, Product] = field(default_factory=dict)

    def product(self, gtin: str, at: datetime) -> Mapping[str, str]:
        if not self.products:
            self.products.update({product.gtin: product for product in self.transaction.products})
        product = self.products.get(gtin)
        if product is None:
            return {}
        said = {name: getattr(product, name) for name in product.by_node if name in _OF_PRODUCT}
        return product_attributes(ndc=product.ndc if "ndc" in product.by_node else None, **said)

    def place(self, gln: str, at: datetime) -> Mapping[str, str]:
        for party in (self.transaction.seller, self.transaction.buyer):
            if party is not None and party.gln == gln and party.by_node:
                return dict(_as_master_data(party))
        return {}


def _as_master_data(party: Party) -> Iterator[tuple[str, str]]:
    if "name" in party.by_node and party.name:
        yield "name", party.name
    if "address" in party.by_node:
        yield from zip((*_STREET, "city", "countryCode"), party.address, strict=False)


def by_node_as_header(transaction: Transaction, header: Mapping[str, JSON]) -> dict[str, JSON]:
    """The header, with what the node adds of its own books: what is sent to a partner has all that is known."""
    books, whole = transaction.told_by_node, dict(header)
    at = datetime.min
    for product in transaction.products:
        if added := books.product(product.gtin, at):
            whole[f"product:{product.gtin}"] = {**_texts(header.get(f"product:{product.gtin}")), **added}
    for party in filter(None, (transaction.seller, transaction.buyer)):
        if added := books.place(party.gln, at):
            whole[f"place:{party.gln}"] = {**_texts(header.get(f"place:{party.gln}")), **added}
    return whole


# ---- affirming ------------------------------------------------------------------------------------------------------


def affirmation() -> dict[str, JSON]:
    """The header members of an EPCIS 2.0 JSON document whose signer affirms the transaction statement: members of
    `epcisHeader`. It is an act of whoever signs the document, so nothing adds it by itself."""
    return {
        f"{HEALTHCARE}#guidelineVersion": GUIDELINE,
        f"{HEALTHCARE}#dscsaTransactionStatement": {
            f"{HEALTHCARE}#affirmTransactionStatement": "true",
            f"{HEALTHCARE}#legalNotice": LEGAL_NOTICE,
        },
    }
