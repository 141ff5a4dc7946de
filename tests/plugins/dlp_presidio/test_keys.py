from collections.abc import Iterator

import pytest

import dlp_presidio.plugin as subject
from dlp.core.message import Part
from dlp.engine.scan import Scanner
from dlp_presidio import keys

SCANNER = Scanner({"x": keys.patterns()})


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})


def told(name: str, value: str) -> list[str]:
    its = {hit.pattern for hit in SCANNER.hits([Part("/x", value, name=name)]).get("x", [])}
    return [entity for entity, _ in keys.found(its, name, value)]


@pytest.mark.parametrize(
    ("name", "value", "entity"),
    [
        ("ssn", "536221234", "KEY_SSN"),
        ("employeeSSN", "536-22-1234", "KEY_SSN"),
        ("salary", "81000", "KEY_SALARY"),
        ("base_salary", "$81,000.00", "KEY_SALARY"),
        ("dob", "1980-02-03", "KEY_BIRTH_DATE"),
        ("dateOfBirth", "3 Feb 1980", "KEY_BIRTH_DATE"),
        ("IBAN", "DE00 1234", "KEY_IBAN"),
        ("Card Number", "4111 1111 1111 1112", "KEY_CARD"),
        ("cvv", "123", "KEY_CVV"),
        ("home-address", "Somewhere 3", "KEY_ADDRESS"),
        ("diagnosis", "migraine", "KEY_DIAGNOSIS"),
    ],
)
def test_a_key_labels_a_value_that_says_nothing(name: str, value: str, entity: str):
    if entity == "KEY_IBAN":
        value += " 5678 90"
    assert told(name, value) == [entity]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ssn", "none"),
        ("assigned", "536221234"),
        ("payload", "81000"),
        ("salary", "competitive"),
        ("spin", "1234"),
        ("pine", "1234"),
        ("dob_format", "YYYY"),
        ("company", "x"),
    ],
)
def test_other_keys_and_other_forms_are_left_alone(name: str, value: str):
    assert told(name, value) == []


def test_the_plugin_reports_the_whole_leaf():
    from dlp.testing.plugins import check_plugin, found_texts  # noqa: PLC0415

    found = found_texts(check_plugin(subject, {"ner": "off"}), {"rows": [{"salary": 81000, "dob": "1980-02-03"}]})
    assert {("KEY_SALARY", "81000"), ("KEY_BIRTH_DATE", "1980-02-03")} <= set(found)
