"""Forms of a value: each is another text, and says something of the value, so two values give two texts."""

import base64

from dlp.testing import disguises

ALL = {
    **disguises.ENCODINGS,
    **disguises.SPELLING,
    **disguises.NESTING,
    **disguises.OPAQUE,
    **disguises.ARITHMETIC,
    **disguises.COVERT,
}


def test_no_form_is_the_value_itself_and_two_values_differ_in_it():
    for name, form in ALL.items():
        one, two = form("Ottoline B. 84250-9 @x.example"), form("Wilhelmina T. 61371-4 @y.example")
        assert one != two, name
        assert one != "Ottoline B. 84250-9 @x.example", name


def test_nested_forms_are_made_from_the_inside_out():
    assert disguises.NESTING["base64 in hex"]("ab") == base64.b64encode(b"ab").hex()


def test_what_is_opaque_has_sixteen_bytes_or_more():
    assert all(len(form("84250")) >= 16 for form in disguises.OPAQUE.values())
