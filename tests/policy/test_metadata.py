"""Laws and controls are kept with classes and rules, for those who read the policy."""

from pathlib import Path

import pytest

from dlp.core.errors import PolicyError
from dlp.core.label import DataClass
from dlp.policy.load import load_policy

TEXT = """\
policy: Test
classes:
  health: {level: restricted, laws: [HIPAA], controls: ["45 CFR 164.514"]}
rules:
  - {name: stays, data: health, then: block, laws: GDPR Art. 9, controls: [A.8.12]}
"""


def test_laws_and_controls_are_kept(tmp_path: Path):
    (tmp_path / "policy.yaml").write_text(TEXT)
    policy = load_policy(tmp_path / "policy.yaml", packs=tmp_path)
    health, (rule,) = policy.classes[DataClass("health")], policy.rules
    assert (health.laws, health.controls) == (("HIPAA",), ("45 CFR 164.514",))
    assert (rule.laws, rule.controls) == (("GDPR Art. 9",), ("A.8.12",))


@pytest.mark.parametrize("wrong", ["laws: []", "controls: 8.12"])
def test_they_are_texts(tmp_path: Path, wrong: str):
    (tmp_path / "policy.yaml").write_text(TEXT.replace("laws: GDPR Art. 9, controls: [A.8.12]", wrong))
    with pytest.raises(PolicyError, match=r"policy\.yaml:5:\d+: rule stays: (laws|controls): expected"):
        load_policy(tmp_path / "policy.yaml", packs=tmp_path)
