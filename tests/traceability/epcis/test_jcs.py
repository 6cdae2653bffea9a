"""The fast way to RFC 8785 bytes against the reference implementation."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from traceability.epcis.jcs import encode

TEXT = st.text(st.characters(codec="utf-8"))
#: Where sorting by code point and by UTF-16 unit part ways, and what an encoder may escape in two ways.
AWKWARD = st.text(st.sampled_from('\U00010000\U0001f600\ue000\uffff\ud7ff\x00\x1f\x7f\u2028"\\/\n\té'))
SCALARS = TEXT | AWKWARD | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT | AWKWARD, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_gives_the_bytes_of_the_reference(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


def test_a_tuple_is_a_list() -> None:
    assert encode(("a", ("b",))) == b'["a",["b"]]'


@pytest.mark.parametrize(
    ("value", "complaint"),
    [(float("nan"), "JSON compliant"), (float("inf"), "JSON compliant"), ("\ud800", "UTF-8")],
)
def test_refuses_what_has_no_such_form(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        encode(value)
