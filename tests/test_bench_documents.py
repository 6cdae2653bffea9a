"""What the benches feed a node is what partners would."""

from tests.bench.documents import WHOLE, Lot, as_json, as_xml
from traceability.epcis.documents import parse


def test_both_syntaxes_tell_the_same_events() -> None:
    told = Lot(units=40, per_case=5, per_pallet=3, per_event=12).told("whole")
    from_xml, from_json = parse(as_xml(told)), parse(as_json(told))
    assert [event.canonical for event in from_xml.events] == [event.canonical for event in from_json.events]
    assert not from_xml.warnings + from_json.warnings


def test_a_lot_of_ten_thousand_is_1023_events() -> None:
    lot = Lot()
    assert [len(lot.told(act)) for act in WHOLE] == [10, 2, 1000, 10, 1]


def test_two_lots_have_no_identifier_in_common() -> None:
    named = [
        {epc for event in Lot(number, units=50).told("containers") for epc in event["epcList"]} for number in (0, 1)
    ]
    assert not named[0] & named[1]
