import codecs
import random

import pytest

from dlp.engine import lookup as looking_up
from dlp.engine.folding import skeleton
from dlp.engine.lookup import Lookup
from dlp.engine.vault import Known, Origin

NOTE = (
    "The patient reported recurring chest pain after the surgery in March and was prescribed medication "
    "twice daily by Dr. Halloran at the clinic."
)
VALUES = (
    *("123-45-6789", "maria.gonzalez@acme.org", "+49 30 1234567", "(415) 555-2671", "85000", "Quandt"),
    *("DE89 3704 0044 0532 0130 00", "sk_live_51HxyzABCDEF", "1985-03-12", "May", "100", "1234.50", NOTE, "a.b@c.de"),
)


def lookup_of(*values: str) -> Lookup:
    lookup = Lookup()
    for value in values:
        lookup.add(Known(value, number=False, origin=Origin()))
    return lookup


def found(lookup: Lookup, text: str) -> set[str]:
    whole = lookup.whole(text)
    return {match.form for match in lookup.find(text)} | ({"whole"} if whole is not None else set())


FORMS = {
    "123456789": "separators",
    "123 45 6789": "separators",
    "1 2 3 4 5 6 7 8 9": "separators",
    "9876-54-321": "reversed",
    "SSN ending in 6789": "part",
    "one two three four five six seven eight nine": "words",
    "MARIA.GONZALEZ@ACME.ORG": "exact",
    "maria gonzalez at acme dot org": "spelled",
    "maria.gonzalez@acme.org".replace("a", "\u0430"): "look-alikes",
    "maria.gonzalez@acme.org".replace("a", "\u200ba"): "look-alikes",
    "maria.gonzalez@acme.org"[::-1]: "reversed",
    codecs.encode("maria.gonzalez@acme.org", "rot13"): "rot13",
    "maria.gonzalez": "part",
    "030 1234567": "phone",
    "0049301234567": "phone",
    "+49 (0)30 123 45 67": "phone",
    "+14155552671": "phone",
    "415.555.2671": "separators",
    "85,000.00": "amount",
    "85k": "amount",
    "EUR 85.000": "separators",
    "eighty-five thousand": "words",
    "8-5-0-0-0": "separators",
    "DE89370400440532013000": "separators",
    "QUANDT": "exact",
    "tdnauq": "reversed",
    "Q u a n d t": "separators",
    "Quan dt": "separators",
    "sk_live_51Hxyz": "part",
    "March 12, 1985": "date",
    "12.03.85": "date",
    "12MAR1985": "date",
    "May": "whole",
    "100": "whole",
    "$100.00": "whole",
    "MTAw": "whole",
    "TWF5": "whole",
    "1.234,50": "amount",
    "so recurring chest pain after the surgery in March and was presc": "overlap",
    "xa.b@c.dey": "exact",
}


@pytest.mark.parametrize("text", FORMS)
def test_a_value_is_found_in_any_form_that_says_the_same(text: str):
    assert FORMS[text] in found(lookup_of(*VALUES), text)


@pytest.mark.parametrize("text", ["Gonzalez, Maria", "M. Gonzalez", "mgonzalez", "MARIA GONZALEZ"])
def test_a_name_is_found_in_the_orders_and_short_forms_it_is_written_in(text: str):
    assert found(lookup_of("Maria Gonzalez"), text)


HARMLESS = [
    *("in May we had 100 users", "order 985000", "today is 2026-11-20", "1 2 3 4 5", "page 6789 of", "acme.org"),
    *("maria", "https://acme.org/docs", "90k", "march", "Maria and Gonzalo", "in 1985"),
    *("the surgery went well", "1234", "v1.234.50", "2026-03-12", "12345678901234567890"),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_merely_looks_alike_is_not_found(text: str):
    assert not found(lookup_of(*VALUES), text)


def _cut(lookup: Lookup, *pieces: str) -> list[tuple[int, int]]:
    (found,) = lookup.cuts([pieces], [(0, len(pieces))], lookup.met())
    return [(first, last) for first, last, _ in found]


def test_a_value_cut_in_pieces_is_found_when_they_are_put_together():
    lookup = lookup_of(*VALUES)
    assert _cut(lookup, "123", "45", "6789")
    assert _cut(lookup, "85", "0", "00") == [(0, 2)]
    assert not _cut(lookup, "85", "000")  # two numbers beside each other make a third by chance
    assert _cut(lookup, *"mariagonzalezacmeorg")
    assert not _cut(lookup, "maria", "acme", "org")


def test_what_several_values_have_in_common_tells_none_of_them():
    lookup = lookup_of(*(f"employee-number-{number:06}" for number in range(50)))
    assert not found(lookup, "employee-number-0")
    assert found(lookup, "EMPLOYEE NUMBER 000007") == {"exact", "separators"} - {"exact"}


def test_near_identical_values_do_not_pile_up_and_what_has_no_room_is_told():
    lookup = lookup_of(*(f"employee-number-{number:06}" for number in range(3000)))
    assert not lookup.crowded
    texts = [f"employee-number-{number:06}" for number in range(0, 3000, 7)]
    assert all(len(owners) <= 64 for text in texts for _, owners in lookup.prints.found_in(skeleton(text)))
    assert all(found(lookup, text) == {"exact"} for text in texts)
    same = lookup_of(*("ab" * size for size in range(4, 200)))
    assert same.crowded


@pytest.mark.parametrize("before", ["", "- " * 3000])
@pytest.mark.parametrize("others", [0, 100])
def test_what_is_spelled_sign_by_sign_is_found_in_texts_of_any_length(before: str, others: int):
    lookup = lookup_of("Quandt", *(f"n{number:05}" for number in range(others)))
    assert "separators" in found(lookup, f"{before}Q u a n d t")


@pytest.mark.parametrize("further", [0, 100])
def test_in_a_large_text_the_same_is_found_as_if_it_were_short(further: int, monkeypatch: pytest.MonkeyPatch):
    pick = random.Random(further)  # noqa: S311 - no secret
    lookup = lookup_of(*VALUES, *(f"{pick.randrange(10**6):06}" for _ in range(further)))
    pieces = [*FORMS, *HARMLESS, "ends with", "then", "0", "7", "2024-01-05T08:00:00Z", "000", "0085000", "a b c"]
    pieces += [value[at:] for value in VALUES[:8] for at in range(len(value))]
    for _ in range(10):
        text = " ".join(pick.choices([piece for piece in pieces if piece.isascii()], k=500))
        assert len(text) > looking_up.LARGE
        with monkeypatch.context() as short:
            short.setattr(looking_up, "LARGE", len(text) + 1)
            expected = lookup.find(text)
        assert lookup.find(text) == expected
        assert len(expected) > 100
