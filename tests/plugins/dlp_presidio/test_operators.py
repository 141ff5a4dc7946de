import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.finding import Finding
from dlp.core.label import DataClass
from dlp_presidio.operators import operate
from dlp_presidio.plugin import transform


class Vault:
    """A vault without a session."""

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:
        """Not asked for."""
        raise NotImplementedError

    def digest(self, text: str) -> str:
        """Return a keyed hash."""
        return hashlib.blake2b(text.encode(), key=b"k", digest_size=8).hexdigest()


@pytest.mark.parametrize(("name", "gives"), [("mask", "************1111"), ("redact", "<CARD>"), ("tokenize", None)])
def test_each_operator_writes_what_its_name_says(name: str, gives: str | None):
    finding = Finding(0, 0, 16, DataClass("pii.card"), "x")
    assert transform(name, finding, "4111111111111111", Vault()) == gives


def test_a_hash_says_its_class_and_comes_from_the_vault():
    assert operate("hash", "pii.card", "x", Vault()) == f"CARD:{Vault().digest('x')}"


def test_a_short_text_is_masked_whole():
    assert operate("mask", "pii.pin", "1234567", Vault()) == "*******"


def test_equal_values_have_equal_hashes_and_others_others():
    assert operate("hash", "a.b", "x", Vault()) == operate("hash", "a.b", "x", Vault())
    assert operate("hash", "a.b", "x", Vault()) != operate("hash", "a.b", "y", Vault())


@given(st.text(min_size=8, alphabet=st.characters(min_codepoint=0x100, exclude_categories=["Cs"])))
def test_no_operator_leaves_the_value(text: str):
    assert all(text not in operate(name, "pii.card", text, Vault()) for name in ("mask", "redact", "hash"))
