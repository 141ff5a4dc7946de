from pathlib import Path

from dlp.cli.shipped import PACKS
from dlp.policy.load import load_policy


def test_the_policies_that_come_with_the_product_are_found(tmp_path: Path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("policy: mine\nuse: [base]\n")
    assert load_policy(policy, packs=PACKS).classes
    assert PACKS.is_dir()
