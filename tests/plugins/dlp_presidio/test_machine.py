import pytest

import dlp_presidio.plugin as subject
from dlp.testing.plugins import Json, findings_of, host_of, message_of
from dlp_presidio.machine import is_chance, is_odd_there, is_thing
from dlp_presidio.model import model_path


def odd(text: str, *, is_place: bool = False) -> bool:
    """Say what is said of the piece of `text` between « and »."""
    start, end = text.index("«"), text.index("»") - 1
    return is_odd_there(text.replace("«", "").replace("»", ""), start, end, is_place=is_place)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01 00:00:00,000 WARN  «Retrying Kafka Producer» send, attempt 3",
        "Nov  3 10:11:12 web-1 systemd[1]: «Started Session» 4 of the root",
        "ERROR «Fallback Handler» ran 4 times",
        'level=info msg="«Job Skipped»" job=nightly',
        "Caused by: java.lang.IllegalStateException: «Pool Shut Down»",
        "from typing import «Dict»",
        "    func_profiles: «Dict»[str, int]",
        "    '«Concatenate»',",
        "// This wraps the «ITEM» type of the menu",
        "if (err.code === '«EPIPE»') {",
        "a test of the «CI» is flaky",
        "x\n  return «Optik»\ny",
    ],
)
def test_in_logs_and_code_a_name_without_a_cue_is_odd(text: str):
    assert odd(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01 00:00:00,000 INFO user «Anna Lee» logged in",
        "2026-11-01 00:00:00,000 INFO «Anna Lee» changed her password",
        "2026-11-01 00:00:00,000 INFO «Anna Lee» <anna@corp.org> replied",
        "INFO mail sent to «Anna Lee»",
        'customer = "«Anna»";',
        "# Written by «Anna Lee»",
        " * Copyright (c) 2001-2006 «Anna P. Lee».  All rights reserved.",
        'send_mail("«Anna Lee»");',
        "ATTENTION «SMITH»",
        "I talked with a neighbour, «Anna Lee»; she is fine",
        "«Anna»",
        "db8::553 belongs to «Anna Lee» now",
    ],
)
def test_with_a_cue_or_in_prose_it_is_not(text: str):
    assert not odd(text)


def test_a_town_may_stand_in_capitals():
    assert odd("we got to «BOSTON» at six") is False
    assert odd("it was all «BOSTON» that day")
    assert not odd("it was all «BOSTON» that day", is_place=True)


def test_only_the_line_of_the_name_counts():
    assert not odd("return x;\n«Anna Lee» came\nreturn y;")
    assert not odd("x" * 5000 + " «Anna Lee» " + "y" * 5000 + "\nreturn;")


def test_some_keys_name_things():
    assert is_thing(("product",), "product")
    assert is_thing(("checkout", "app"), "app")
    assert is_thing(("default", "branch"), "defaultBranch")
    assert not is_thing(("app", "owner"), "owner")
    assert not is_thing(("product", "manager"), "productManager")
    assert not is_thing((), "")


def told(settings: dict[str, object], body: Json) -> set[tuple[str, str, str]]:
    """Return entity, text and confidence of all findings."""
    parts = message_of(body).parts
    found = findings_of(host_of("dlp_presidio", subject, settings), body)
    subject.configure({})
    return {(str(one.data_class), parts[one.part].text[one.start : one.end], one.confidence) for one in found}


@pytest.mark.ner
def test_values_of_lists_are_of_low_confidence():
    assert model_path() is not None
    found = told({"ner": "on"}, {"app": "Jenkins", "lead": "Anna Lee"})
    assert {("PERSON", "Jenkins", "low"), ("PERSON", "Anna Lee", "high")} <= found


CHANCES = [
    ("MEDICAL_LICENSE", "ca1952440"),
    ("UK_NHS", "365-519-3564"),
    ("US_DRIVER_LICENSE", "v3"),
]
BODY = {
    "sha": "b9c85448febca1952440f8bcc8317e67cfb8e197",
    "said": "sms sent to +1 365-519-3564",
    "media": "takes application/vnd.github.v3+json",
    "alone": ["licence CA1952440", "NHS 943 476 5919"],
    "log": 'Get "https://kube": dial tcp: i/o timeout\nE1124 23:35:07.000095 01] reflector.go:138',
}


def test_a_form_that_is_there_by_chance_is_left_out():
    found = {one[:2] for one in told({"ner": "off"}, BODY)}
    assert found.isdisjoint(CHANCES)
    assert {("MEDICAL_LICENSE", "CA1952440"), ("UK_NHS", "943 476 5919")} <= found
    assert not [text for entity, text in found if entity == "PHONE_NUMBER" and "07.0" in text]  # a log's seconds


@pytest.mark.ner
def test_presidio_only_keeps_it():
    found = told({"ner": "on", "presidio_only": True}, {**BODY, "app": "Jenkins"})
    assert {*CHANCES, ("PERSON", "Jenkins")} <= {one[:2] for one in found}
    assert ("PERSON", "Jenkins", "high") in found


def test_a_piece_of_a_word_is_no_support_for_a_licence():
    text = "Duplicate of ticket 22635464"
    assert is_chance("US_DRIVER_LICENSE", text, 20, 28, "lic")
    assert not is_chance("US_DRIVER_LICENSE", text, 20, 28, "lic", ("lic", "no"))
    assert not is_chance("US_DRIVER_LICENSE", "licence 22635464", 8, 16, "lic")


def test_what_is_assigned_is_no_part_of_an_address():
    assert is_chance("EMAIL_ADDRESS", "user=a.b@x.example", 0, 18)
    assert not is_chance("EMAIL_ADDRESS", "a.b@x.example", 0, 13)
