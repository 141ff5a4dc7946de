"""Every block of rules/README.md loads, and the tests in it hold."""

import re
from pathlib import Path

from dlp.policy.load import load_policy
from dlp.policy.rehearse import check, load_rehearsal, ruling_for

RULES = Path(__file__).parent.parent.parent / "rules"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (RULES / "README.md").read_text(), re.DOTALL)


def test_the_policies_in_the_readme_load(tmp_path: Path):
    policies = [block for block in BLOCKS if "\ntests:" not in block]
    for number, block in enumerate(policies):
        (tmp_path / f"{number}.yaml").write_text(block)
    loaded = [load_policy(tmp_path / f"{number}.yaml", packs=RULES) for number in range(len(policies))]
    assert [policy.name for policy in loaded] == ["Support desk", "Pay"]


def test_the_tests_in_the_readme_hold(tmp_path: Path):
    (tmp_path / "support.yaml").write_text(BLOCKS[0])
    (tmp_path / "tests.yaml").write_text(BLOCKS[1])
    rehearsal = load_rehearsal(tmp_path / "tests.yaml")
    policy = load_policy(rehearsal.policy, packs=RULES)
    assert [check(test, ruling_for(policy, test)) for test in rehearsal.tests] == [[]] * 4


def test_the_policies_in_the_pages_of_packs_load(tmp_path: Path):
    pages = sorted((RULES / "packs").glob("*.md"))
    blocks = [block for page in pages for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
    assert blocks
    assert [load_policy(tmp_path / f"{number}.yaml", packs=RULES).name for number in range(len(blocks))] == [
        "Clinic",
        "Shop",
    ]
