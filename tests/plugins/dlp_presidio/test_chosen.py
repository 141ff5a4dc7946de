from collections.abc import Iterator
from pathlib import Path

import pytest

import dlp_presidio.plugin as subject
from dlp.core.errors import ConfigError
from dlp.testing.plugins import found_texts, host_of
from dlp_presidio import chosen

CUSTOM = """
recognizers:
  - name: Badge
    supported_language: en
    supported_entity: BADGE
    patterns:
      - {name: badge, regex: 'EMP-[0-9]{5}', score: 0.6}
    context: [badge]
  - name: Titles
    supported_language: en
    supported_entity: PROJECT
    deny_list: [Bluebird, Nightjar]
"""


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})


def found(body: object, **settings: object) -> list[tuple[str, str]]:
    return found_texts(host_of("dlp_presidio", subject, {"ner": "off", **settings}), body)  # type: ignore[arg-type]


def test_presidio_s_own_yaml_adds_recognizers(tmp_path: Path):
    file = tmp_path / "ours.yaml"
    file.write_text(CUSTOM)
    told = found("EMP-12345 works on Nightjar", recognizers=str(file))
    assert {("BADGE", "EMP-12345"), ("PROJECT", "Nightjar")} <= set(told)


def test_a_registry_in_presidio_s_yaml_is_read_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "registry.yaml"
    file.write_text(
        """
supported_languages: [en]
global_regex_flags: 26
recognizers:
  - {name: CreditCardRecognizer, type: predefined}
  - name: Badges
    type: custom
    supported_entity: BADGE
    supported_languages: [{language: en, context: [badge]}]
    patterns: [{name: badge, regex: 'EMP-[0-9]{5}', score: 0.4}]
"""
    )
    read = {one.name: one for one in chosen.custom_recognizers(file)}
    assert (set(read), read["Badges"].context) == ({"CreditCardRecognizer", "Badges"}, ["badge"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", ["recognizers: 3", "recognizers: []", "{"])
def test_a_file_that_presidio_cannot_read_stops_the_start(tmp_path: Path, content: str):
    file = tmp_path / "ours.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match="recognizers"):
        subject.configure({"recognizers": str(file)})


def test_allowed_and_excluded_values_are_not_reported():
    body = {"a": "help@corp.org", "b": "bob@corp.org", "c": "x1@bots.org"}
    told = found(body, allow={"EMAIL_ADDRESS": ["Help@corp.org"]}, exclude={"any": [r".*@bots\.org", r"bots\.org"]})
    assert [text for entity, text in told if entity == "EMAIL_ADDRESS"] == ["bob@corp.org"]


def test_presidio_only_leaves_out_what_presidio_does_not_do():
    assert ("KEY_SALARY", "81000") in found({"salary": 81000})
    assert ("KEY_SALARY", "81000") not in found({"salary": 81000}, presidio_only=True)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"allow": ["x"]}, "allow: expected lists by entity"),
        ({"allow": {"PERSON": "x"}}, "allow: PERSON: expected a list of texts"),
        ({"exclude": {"PERSON": ["("]}}, "exclude: PERSON: expected regular expressions"),
        ({"recognizers": "/nowhere.yaml"}, "there is no such file"),
        ({"recognizers": 3}, "recognizers: expected a file"),
        ({"model": "no_such_model"}, "neither a folder nor an installed package"),
        ({"model": 3}, "model: expected the name"),
        ({"engine": "magic"}, "engine: expected one of spacy, gliner, transformers"),
        ({"presidio_only": "yes"}, "presidio_only: expected true or false"),
    ],
)
def test_a_wrong_setting_says_what_was_expected(settings: dict[str, object], why: str):
    with pytest.raises(ConfigError, match=why):
        subject.configure(settings)


def test_an_engine_whose_package_is_missing_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chosen.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="the package gliner is not installed"):
        chosen.check_engine({"engine": "gliner"})
