import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.wire.output_schema import OutputSchema

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
SHAPES = (
    ({"type": "string", "format": "email"}, "jo@example.org"),
    ({"type": "string", "format": "hostname"}, "crm.example.org"),
    ({"type": "string", "format": "uri"}, "https://example.org/a?b=c"),
    ({"type": "string", "format": "uuid"}, "123e4567-e89b-12d3-a456-426614174000"),
    ({"type": "string", "format": "date"}, "1984-02-29"),
    ({"type": "string", "format": "time"}, "10:00:00Z"),
    ({"type": "string", "format": "date-time"}, "1984-02-29T10:00:00.5+01:00"),
    ({"type": "string", "format": "ipv4"}, "10.1.2.3"),
    ({"type": "string", "format": "ipv6"}, "fe80::1"),
    ({"type": "string", "pattern": r"^\d{3}-\d{2}-\d{4}$"}, "123-45-6789"),
    ({"type": "string", "pattern": r"^[A-Z]{2}\d{6}$", "maxLength": 8}, "AB123456"),
    ({"type": "string", "maxLength": 8}, "Jo Doe"),
    ({"type": "string", "minLength": 30}, "x" * 30),
    ({"type": "integer"}, "7"),
    ({"type": "integer", "maximum": 10**10, "minimum": 0}, "7"),
    ({"type": "integer", "multipleOf": 5, "exclusiveMinimum": 0}, "10"),
    ({"type": ["number", "null"], "minimum": 0, "exclusiveMaximum": 200_000}, "84500.5"),
    ({"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}, "jo@example.org"),
    ({"oneOf": [{"$ref": "#/$defs/mail"}, {"type": "integer"}]}, "jo@example.org"),
    ({"allOf": [{"type": "string"}, {"maxLength": 9}, {"minLength": 6}]}, "Jo Doe"),
)


def schema_of(leaf: object) -> dict[str, Any]:
    row = {"type": "object", "properties": {"a/b": leaf}}
    rows = {"type": "array", "items": row}
    return {
        "type": "object",
        "properties": {"rows": rows},
        "$defs": {"mail": {"type": "string", "format": "email"}},
    }


@pytest.mark.parametrize(("leaf", "value"), SHAPES)
@given(seed=st.integers(0, 2**512 - 1))
def test_a_stand_in_is_what_another_validator_admits(leaf: dict[str, object], value: str, seed: int):
    number = not value[0].isalpha() and leaf.get("type") not in ("string", None)
    whole = schema_of(leaf)
    shape = OutputSchema(whole).shape("/rows/0/a~1b")
    assert shape is not None
    around = shape.around(value, number=number)
    assert around is not None
    assert not around.admits("[EMAIL_1]") or "maxLength" in str(leaf)
    form = around.form(seed, number=number)
    if form is None:  # a fraction that ends in a zero: another seed gives one
        assert leaf.get("type") == ["number", "null"]
        return
    assert form.number is number
    made = json.loads(form.text) if number else form.text
    jsonschema.Draft202012Validator(whole, format_checker=CHECKER).validate({"rows": [{"a/b": made}]})
    assert json.dumps(made).strip('"') == form.text


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"type": "string", "const": "a"}, "a"),
        ({"type": "string", "maxLength": 4}, "Jo"),
        ({"type": "string", "pattern": "^a|b$"}, "a"),
        ({"type": "string", "pattern": r"^(?=a)\w+$"}, "a"),
        ({"type": "string", "format": "duration"}, "P1D"),
        ({"type": "string", "not": {"const": "b"}}, "a"),
        ({"$ref": "https://elsewhere.example/schema"}, "a"),
        ({"$ref": "#/properties/rows/items/properties/a~1b"}, "a"),
        ({"allOf": [{"anyOf": [{"maxLength": n} for n in range(9)]}] * 3}, "a"),
    ],
)
def test_where_nothing_can_stand_in_nothing_does(leaf: dict[str, object], value: str):
    shape = OutputSchema(schema_of(leaf)).shape("/rows/0/a~1b")
    assert shape is not None
    around = shape.around(value, number=False)
    assert around is not None
    assert around.form(2**511 + 12345, number=False) is None
    assert not around.admits("[EMAIL_1]")


@pytest.mark.parametrize(
    ("leaf", "value"),
    [({"type": "integer", "minimum": 0, "maximum": 200_000}, "5"), ({"type": "number", "multipleOf": 0.5}, "5")],
)
def test_a_number_of_which_there_are_few_has_no_stand_in(leaf: dict[str, object], value: str):
    shape = OutputSchema(schema_of(leaf)).shape("/rows/0/a~1b")
    assert shape is not None
    around = shape.around(value, number=True)
    assert around is not None
    assert around.form(2**500, number=True) is None


def test_where_nothing_is_said_nothing_is_asked():
    schema = OutputSchema(schema_of({"description": "a name", "title": "Name"}))
    assert schema.shape("/rows/0/a~1b") is None
    assert schema.shape("/other/0") is None
    assert schema.shape("") is not None  # an object, which no text is
    assert OutputSchema(True).shape("/a") is None  # noqa: FBT003 - a schema


def test_items_and_members_are_found_wherever_a_schema_speaks_of_them():
    mail = {"format": "email"}
    first = OutputSchema({"properties": {"a": {"prefixItems": [mail], "items": {"maxLength": 3}}}})
    assert "email" in str(first.shape("/a/0"))
    assert "maxLength" in str(first.shape("/a/1"))
    rest = OutputSchema({"patternProperties": {"^m": mail}, "additionalProperties": {"maxLength": 3}})
    assert "email" in str(rest.shape("/mail"))
    assert "maxLength" in str(rest.shape("/other"))


def test_what_its_server_does_not_keep_to_is_not_asked():
    shape = OutputSchema(schema_of({"type": "string", "maxLength": 3})).shape("/rows/0/a~1b")
    assert shape is not None
    assert shape.around("Jo Doe", number=False) is None
    assert shape.around("5", number=True) is None
    assert shape.key != OutputSchema(schema_of({"type": "string"})).shape("/rows/0/a~1b")


def test_of_which_branch_a_value_is_does_not_show():
    bands = {"anyOf": [{"type": "number", "maximum": 50_000}, {"type": "number", "exclusiveMinimum": 50_000}]}
    shape = OutputSchema(schema_of(bands)).shape("/rows/0/a~1b")
    assert shape is not None
    low, high = (shape.around(pay, number=True) for pay in ("40000", "60000"))
    assert low == high
    assert low is not None
    assert low.form(2**500, number=True) is None  # nothing is in both
    mixed = {"anyOf": [{"type": "string", "format": "email"}, {"type": "integer"}]}
    shape = OutputSchema(schema_of(mixed)).shape("/rows/0/a~1b")
    assert shape is not None
    assert "integer" not in str(shape.around("jo@example.org", number=False))
