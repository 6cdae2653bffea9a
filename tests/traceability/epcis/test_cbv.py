"""The words of CBV 2.0, against the standard's own schema and context."""

import json

import pytest

from traceability.epcis import cbv
from traceability.epcis.errors import DocumentError

from .corpus import given

VOCABULARIES = {
    "bizStep": (cbv.BIZ_STEPS, cbv.BizStep, "bizStep"),
    "disposition": (cbv.DISPOSITIONS, cbv.Disposition, "disposition"),
    "bizTransactionType": (cbv.BIZ_TRANSACTION_TYPES, cbv.BizTransactionType, "bizTransaction-type"),
    "sourceDestType": (cbv.SOURCE_DEST_TYPES, cbv.SourceDestType, "source-dest-type"),
    "errorReason": (cbv.ERROR_REASONS, cbv.ErrorReason, "error-reason"),
}
SPELLINGS = [
    "urn:epcglobal:cbv:bizstep:shipping",
    "https://ref.gs1.org/cbv/BizStep-shipping",
    "https://ns.gs1.org/cbv/BizStep-shipping",
    "https://ns.gs1.org/voc/Bizstep-shipping",
    "cbv:BizStep-shipping",
    "shipping",
]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_has_the_words_of_the_published_schema_and_no_others(name: str) -> None:
    _, words, definition = VOCABULARIES[name]
    schema = json.loads(given("schemas/epcis-2.0-json-schema.json"))["definitions"][definition]
    assert {str(word) for word in words} == set(schema["anyOf"][1]["enum"])


@pytest.mark.parametrize(
    ("vocabulary", "definition"),
    [
        (cbv.MEASUREMENTS, "measurementType"),
        (cbv.SENSOR_ALERTS, "sensorAlertType"),
        (cbv.COMPONENTS, "component"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_knows_the_words_of_sensors(vocabulary: cbv.Vocabulary, definition: str) -> None:
    schema = json.loads(given("schemas/epcis-2.0-json-schema.json"))["definitions"][definition]
    words = schema["anyOf"][1]["enum"]
    assert [vocabulary.word(vocabulary.uri(word)) for word in words] == words


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_web_address_of_every_word_is_that_of_the_published_context(name: str) -> None:
    vocabulary, words, _ = VOCABULARIES[name]
    context = given("schemas/epcis-context-2.0.0.jsonld").decode()
    for word in words:
        assert f'"{vocabulary.uri(word).replace("https://ref.gs1.org/cbv/", "cbv:")}"' in context


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_the_bare_word(spelling: str) -> None:
    assert cbv.BIZ_STEPS.word(spelling) == cbv.BizStep.SHIPPING


@pytest.mark.parametrize("text", ["Shipping", "urn:epcglobal:cbv:disp:shipping", "cbv:shipping", "", "shipping "])
def test_what_is_spelled_otherwise_is_no_word(text: str) -> None:
    assert cbv.BIZ_STEPS.get(text) is None
    with pytest.raises(DocumentError) as refused:
        cbv.BIZ_STEPS.word(text)
    assert (refused.value.code, refused.value.found) == ("unknown_word", repr(text))
