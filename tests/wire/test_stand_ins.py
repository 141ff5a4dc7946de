import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.wire.output_schema import OutputSchema

CARD, PHONE = frozenset(["CREDIT_CARD"]), frozenset(["PHONE_NUMBER"])


@pytest.mark.parametrize(
    ("leaf", "value", "entities", "like"),
    [
        ({"pattern": r"^\d{13,19}$"}, "4111111111111111", CARD, r"999999\d{10}"),
        ({"pattern": r"^4\d{15}$"}, "4111111111111111", CARD, r"424242\d{10}"),
        ({"pattern": r"^5[1-5]\d{2}( \d{4}){3}$"}, "5500 0000 0000 0004", CARD, r"5555 55\d\d \d{4} \d{4}"),
        ({"type": "string", "minLength": 16}, "4111111111111111", CARD, r"999999\d{10}"),
        ({"type": "integer"}, "4111111111111111", CARD, r"424242\d{10}"),
        ({"pattern": r"^\+[1-9]\d{6,14}$"}, "+442079460958", PHONE, r"\+999\d{10}"),
        ({"pattern": r"^\(\d{3}\) \d{3}-\d{4}$"}, "(202) 555-0143", PHONE, r"\(0\d\d\) \d{3}-\d{4}"),
        ({"pattern": r"^\+1\d{10}$"}, "+12025550143", PHONE, r"\+10\d{9}"),
        ({"pattern": "^[A-Z]{8}$"}, "ABCDEFGH", PHONE, "[A-Z]{8}"),
        ({"pattern": r"^[^@ ]+@[^@ ]+\.[a-z]{2,}$"}, "jo@example.org", frozenset(), r".*@stand\.acme\.example"),
        ({"format": "email"}, "jo@example.org", frozenset(), r".*@stand\.acme\.example"),
        (
            {"pattern": r"^https://.+\.[a-z]+/.+$"},
            "https://example.org/a",
            frozenset(),
            r"https://stand\.acme\.example/.*",
        ),
        ({"pattern": r"^[a-z0-9]+(\.[a-z]+){2,}$"}, "a.example.org", frozenset(), r".*\.stand\.acme\.example"),
        ({"pattern": r"^[a-z]+@corp\.example\.org$"}, "jo@corp.example.org", frozenset(), None),
        ({"pattern": r"^\+49\d{9,11}$"}, "+493012345678", PHONE, None),
        ({"pattern": r"^3[47]\d{13}$"}, "378282246310005", CARD, None),
    ],
)
@given(seed=st.integers(0, 2**512 - 1))
def test_a_stand_in_is_never_somebody_elses_address_card_or_number(
    leaf: dict[str, object], value: str, entities: frozenset[str], like: str | None, seed: int
):
    shape = OutputSchema({"properties": {"a": leaf}}, "stand.acme.example").shape("/a")
    assert shape is not None
    around = shape.around(value, number=leaf.get("type") == "integer", entities=entities)
    assert around is not None
    form = around.form(seed, number=leaf.get("type") == "integer")
    if like is None:
        assert form is None
        return
    assert form is not None
    assert re.fullmatch(like, form.text)
    if entities is CARD:
        digits = [int(digit) for digit in form.text if digit.isdigit()]
        assert sum(digits[1::2] + [sum(divmod(2 * digit, 10)) for digit in digits[::2]]) % 10 == 0
