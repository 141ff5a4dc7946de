"""A text without a trait must hold nothing that the closer look would find."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.engine import alphabets
from dlp.engine.encodings import decodings
from dlp.engine.sealed import sealed
from dlp.engine.traits import ENCODED, ODD, SEALED, UNREAD, traits

_TEXTS = st.one_of(
    st.text(max_size=90),
    st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
    st.binary(max_size=40).map(bytes.hex),
    st.lists(st.text("abcXYZ019+/=_-%\\&;<>., @", max_size=12), max_size=9).map(" ".join),
)


@given(_TEXTS)
def test_nothing_is_found_without_its_trait(text: str):
    its = traits(text)
    found = decodings(text)
    assert its & ENCODED or all(one.text is None for one in found)
    assert its & UNREAD or not found
    assert its & ODD or not alphabets.odd(text)
    assert its & SEALED or len(text) < 20 or not any(sealed(text))


@pytest.mark.parametrize("text", ["", "in progress", "count the rubber gasket", "8740896", "15.65", "+1 404-220-0000"])
def test_words_and_numbers_are_encoded_in_no_way(text: str):
    assert not traits(text) & (ENCODED | UNREAD | SEALED)
