"""Transaction information as a value: what it is made of, and what it refuses."""

from dataclasses import replace

import pytest

from tests.world import GTIN, gln, unit
from traceability.bundle.shipment import Shipped, Unit
from traceability.custody import Voice
from traceability.dscsa.statements import MalformedTransaction, Nothing, Transaction
from traceability.epcis.events import Action, Event, EventType

EVENT = Event(
    type=EventType.OBJECT,
    event_time="2026-01-05T23:30:00.000Z",
    event_time_zone_offset="-05:00",
    action=Action.OBSERVE,
    biz_step="shipping",
    sources=({"source": f"https://id.gs1.org/414/{gln(100)}", "type": "owning_party"},),
    destinations=({"destination": f"https://id.gs1.org/414/{gln(300)}", "type": "location"},),
)
SHIPPED = Shipped(
    submission="93c8c77f-a277-438d-aa83-b97cfab380e7",
    signer=gln(100),
    position=0,
    party=gln(100),
    voice=Voice.ACTOR,
    event=EVENT,
    header={},
    units=(Unit(unit("A/1"), "L1", None, unit("A/1")),),
    unstated=(),
)


def told(**header: object) -> Transaction:
    return Transaction.of(replace(SHIPPED, header=header), Nothing())  # type: ignore[arg-type]


def test_the_day_is_that_of_where_it_was_shipped() -> None:
    assert told().transaction_date == "2026-01-05"
    ahead = replace(SHIPPED, event=replace(EVENT, event_time_zone_offset="+09:00"))
    assert Transaction.of(ahead, Nothing()).transaction_date == "2026-01-06"


@pytest.mark.parametrize(
    ("time", "offset"), [("9999-99-99T99:99:99.000Z", "+00:00"), ("9999-12-31T23:59:59.000Z", "+14:00")]
)
def test_what_is_no_day_is_refused_whoever_signed_it(time: str, offset: str) -> None:
    wrong = replace(SHIPPED, event=replace(EVENT, event_time=time, event_time_zone_offset=offset))
    with pytest.raises(MalformedTransaction):
        Transaction.of(wrong, Nothing())


def test_serial_numbers_are_told_as_they_are_printed() -> None:
    (lot,) = told().products[0].lots
    assert (lot.serials, lot.lot, lot.expiry) == (("A/1",), "L1", None)


def test_a_product_with_several_numbers_is_told_by_the_one_that_is_an_ndc() -> None:
    described = {
        "additionalTradeItemIdentification": "12345\n0614-1123-45",
        "additionalTradeItemIdentificationTypeCode": "INTERNAL\nUS_FDA_NDC",
    }
    assert told(**{f"product:{GTIN}": described}).products[0].ndc == "0614-1123-45"


def test_a_statement_is_affirmed_by_a_word_that_says_so_and_by_no_other() -> None:
    said = {
        word: told(**{"ts:affirmTransactionStatement": word}).statement.affirmed for word in ("true", "1", "false", "")
    }
    assert said == {"true": True, "1": True, "false": False, "": False}


def test_what_comes_in_another_form_is_refused() -> None:
    good = bytes(told())
    assert Transaction.parse(good) == told()
    for wrong in (
        b"{}",
        b"[]",
        b"null",
        good.replace(b'"v":1', b'"v":2'),
        good + b" ",
        good.replace(b'"event":0', b'"event":"0"'),
    ):
        with pytest.raises(MalformedTransaction):
            Transaction.parse(wrong)
