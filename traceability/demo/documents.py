"""The papers of the demonstration: numbers, packs, and the file of a sender who is not on the node."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from partners.gs1.element_string import ElementString
from partners.gs1.identifiers import Sgtin, Sscc, check_digit
from traceability.dscsa.statements import affirmation


def gln(prefix: str, number: int) -> str:
    payload = f"{prefix}{number:0{12 - len(prefix)}d}"
    return payload + check_digit(payload)


def gtin(prefix: str, item: int, indicator: int = 0) -> str:
    payload = f"{indicator}{prefix}{item:0{12 - len(prefix)}d}"
    return payload + check_digit(payload)


def sscc(prefix: str, number: int) -> str:
    payload = f"0{prefix}{number:0{16 - len(prefix)}d}"
    return Sscc(payload + check_digit(payload)).uri


@dataclass(frozen=True)
class Pack:
    """What is printed on a pack."""

    gtin: str
    serial: str
    lot: str
    expiry: str  # YYYY-MM-DD

    @property
    def epc(self) -> str:
        return Sgtin(self.gtin, self.serial).uri

    @property
    def elements(self) -> ElementString:
        printed = self.expiry[2:].replace("-", "")
        return ElementString((("01", self.gtin), ("17", printed), ("10", self.lot), ("21", self.serial)))


OFF_NODE_PREFIX = "9521099"
OFF_NODE = gln(OFF_NODE_PREFIX, 1)


def sold(members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The other members of a document by which something is sold: its seller affirms the transaction statement."""
    around = dict(members or {})
    return around | {"epcisHeader": around.get("epcisHeader", {}) | affirmation()}


def master_data(prefix: str, maker: str, names: Sequence[str]) -> dict[str, Any]:
    """The document's header: what the products are called (EPCIS 2.0 section 9.3)."""
    mda = "urn:epcglobal:cbv:mda#"
    elements = [
        {
            "id": f"https://id.gs1.org/01/{gtin(prefix, item)}",
            "attributes": [
                {"id": f"{mda}regulatedProductName", "attribute": name},
                {"id": f"{mda}strengthDescription", "attribute": " ".join(name.split()[1:])},
                {"id": f"{mda}manufacturerOfTradeItemPartyName", "attribute": maker},
            ],
        }
        for item, name in enumerate(names, 1)
    ]
    vocabulary = {"type": "urn:epcglobal:epcis:vtype:EPCClass", "vocabularyElementList": elements}
    return {"epcisHeader": {"epcisMasterData": {"vocabularyList": [vocabulary]}}}


FORMS = ("TABLET", "CAPSULE", "TABLET, FILM COATED")


def products(prefix: str, maker: str, names: Sequence[str]) -> bytes:
    """What the maker tells of its products, as CSV. The labeler codes of the NDCs are nobody's."""
    lines = ["gtin,ndc,name,strength,dosage_form,container_size,labeler,level"]
    for item, name in enumerate(names, 1):
        _, _, strength = name.partition(" ")
        ndc, form = f"999{prefix[-2:]}-{item:03d}-30", FORMS[item % len(FORMS)]
        told = (gtin(prefix, item), ndc, name, strength, f'"{form}"', f'"30 {form} in 1 BOTTLE"', maker, "unit")
        lines.append(",".join(told))
    return "\n".join(lines).encode()


def off_node_file(time: datetime, receiver: str, serial: Callable[[], str]) -> tuple[list[Pack], str, bytes]:
    """An EPCIS 1.2 file as DSCSA senders make them: several acts, no eventIDs, locations for parties."""
    prefix, lot, expiry = OFF_NODE_PREFIX, "OM7731", f"{time.year + 1}-11-30"
    packs = [Pack(gtin(prefix, 7), serial(), lot, expiry) for _ in range(3)]
    sgtins = [Sgtin(pack.gtin, pack.serial).urn(len(prefix)) for pack in packs]
    pallet = sscc(prefix, 3)
    sender, to = _sgln(OFF_NODE, len(prefix)), _sgln(receiver, 7)
    at = [(time + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(4)]
    place = f"<readPoint><id>{sender}</id></readPoint><bizLocation><id>{sender}</id></bizLocation>"
    listed = "".join(f"<epc>{epc}</epc>" for epc in sgtins)
    sscc_urn = Sscc.parse(pallet).urn(len(prefix))
    body = "".join(
        (
            f"<ObjectEvent>{_when(at[0])}<epcList>{listed}</epcList>{_what('ADD', 'commissioning', 'active')}{place}"
            f"<extension><ilmd><cbvmda:lotNumber>{lot}</cbvmda:lotNumber><cbvmda:itemExpirationDate>{expiry}"
            "</cbvmda:itemExpirationDate></ilmd></extension></ObjectEvent>",
            f"<AggregationEvent>{_when(at[1])}<parentID>{sscc_urn}</parentID><childEPCs>{listed}</childEPCs>"
            f"{_what('ADD', 'packing', 'in_progress')}{place}</AggregationEvent>",
            f"<ObjectEvent>{_when(at[2])}<epcList><epc>{sscc_urn}</epc></epcList>"
            f"{_what('OBSERVE', 'shipping', 'in_transit')}{place}<extension>"
            f"{_ends('source', sender)}{_ends('destination', to)}</extension></ObjectEvent>",
        )
    )
    return packs, pallet, _FILE.format(sender=sender, receiver=to, time=at[3], body=body).encode()


def _sgln(number: str, prefix_length: int) -> str:
    return f"urn:epc:id:sgln:{number[:prefix_length]}.{number[prefix_length:12]}.0"


def _when(time: str) -> str:
    return f"<eventTime>{time}</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"


def _what(action: str, step: str, disposition: str) -> str:
    return (
        f"<action>{action}</action><bizStep>urn:epcglobal:cbv:bizstep:{step}</bizStep>"
        f"<disposition>urn:epcglobal:cbv:disp:{disposition}</disposition>"
    )


def _ends(end: str, place: str) -> str:
    kinds = ("owning_party", "location")
    listed = "".join(f'<{end} type="urn:epcglobal:cbv:sdt:{kind}">{place}</{end}>' for kind in kinds)
    return f"<{end}List>{listed}</{end}List>"


_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda"
  xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
  xmlns:gs1ushc="http://epcis.gs1us.org/hc/ns" schemaVersion="1.2" creationDate="{time}">
<EPCISHeader>
<sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>
<sbdh:Sender><sbdh:Identifier Authority="GS1">{sender}</sbdh:Identifier></sbdh:Sender>
<sbdh:Receiver><sbdh:Identifier Authority="GS1">{receiver}</sbdh:Identifier></sbdh:Receiver>
<sbdh:DocumentIdentification><sbdh:Standard>EPCglobal</sbdh:Standard><sbdh:TypeVersion>1.0</sbdh:TypeVersion>
<sbdh:InstanceIdentifier>OM-20260042</sbdh:InstanceIdentifier><sbdh:Type>Events</sbdh:Type>
<sbdh:CreationDateAndTime>{time}</sbdh:CreationDateAndTime></sbdh:DocumentIdentification>
</sbdh:StandardBusinessDocumentHeader>
<gs1ushc:guidelineVersion>GS1 US DSCSA R1.3</gs1ushc:guidelineVersion>
<gs1ushc:dscsaTransactionStatement><gs1ushc:affirmTransactionStatement>true</gs1ushc:affirmTransactionStatement>
<gs1ushc:legalNotice>The seller has complied with FDCA section 581(27)(A) to (G).</gs1ushc:legalNotice>
</gs1ushc:dscsaTransactionStatement>
</EPCISHeader>
<EPCISBody><EventList>{body}</EventList></EPCISBody>
</epcis:EPCISDocument>
"""
