"""Every file of rule tests decides as it says; one with a real body waits for the engine's own run."""

from pathlib import Path

import pytest

from dlp.policy.load import load_policy
from dlp.policy.rehearse import RuleTest, check, load_rehearsal, ruling_for

_HERE = Path(__file__).parent
_PACKS = _HERE.parent.parent / "rules"


def _tests() -> list[tuple[Path, RuleTest]]:
    files = sorted(path for path in _HERE.glob("*.yaml") if not path.name.endswith(".policy.yaml"))
    loaded = [(rehearsal.policy, test) for rehearsal in map(load_rehearsal, files) for test in rehearsal.tests]
    return [(policy, test) for policy, test in loaded if not test.body]


@pytest.mark.parametrize(("policy", "test"), [pytest.param(p, t, id=f"{p.stem}: {t.name}") for p, t in _tests()])
def test_the_policy_decides_as_its_test_says(policy: Path, test: RuleTest):
    assert check(test, ruling_for(load_policy(policy, packs=_PACKS), test)) == []
