from pathlib import Path

import pytest

from dlp.cli.detecting import in_entities
from dlp.core.errors import ConfigError
from dlp.core.policy import Policy
from dlp.policy.load import load_policy

POLICY = """
policy: Some
version: "1"
classes:
  pii: {level: confidential, says: About people., entities: [PERSON]}
  pii.email: {says: An address., entities: [EMAIL_ADDRESS, KEY_EMAIL]}
  note: {level: internal, says: A note.}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return load_policy(file, packs=tmp_path)


def test_what_is_allowed_for_a_class_is_allowed_for_its_entities_and_those_of_narrower_ones(
    policy: Policy, tmp_path: Path
):
    given = {"allow": {"pii.email": ["a@x.org"], "pii": ["Bob"]}, "exclude": {"any": ["x+"]}, "min_score": 0.4}
    assert in_entities(given, policy, tmp_path) == {
        "allow": {"EMAIL_ADDRESS": ["a@x.org", "Bob"], "KEY_EMAIL": ["a@x.org", "Bob"], "PERSON": ["Bob"]},
        "exclude": {"any": ["x+"]},
        "min_score": 0.4,
    }


def test_entities_are_taken_as_they_are_and_what_is_no_list_is_the_plugins_to_refuse(policy: Policy, tmp_path: Path):
    given = {"allow": {"US_SSN": ["1"]}, "exclude": 3}
    assert in_entities(given, policy, tmp_path) == given


@pytest.mark.parametrize(("name", "why"), [("pii.emial", "an unknown name"), ("note", "a class without entities")])
def test_a_name_that_nothing_is_recognised_by_stops_the_start(policy: Policy, tmp_path: Path, name: str, why: str):
    with pytest.raises(ConfigError, match=why):
        in_entities({"allow": {name: ["x"]}}, policy, tmp_path)


def test_files_are_looked_for_beside_the_settings(policy: Policy, tmp_path: Path):
    (tmp_path / "ours.yaml").write_text("")
    made = in_entities({"recognizers": "ours.yaml", "model": "en_core_web_lg"}, policy, tmp_path)
    assert made == {"recognizers": str(tmp_path / "ours.yaml"), "model": "en_core_web_lg"}
