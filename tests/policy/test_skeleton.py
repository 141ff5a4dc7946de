"""What `dlp init` writes loads, and its tests hold."""

from pathlib import Path

import pytest

from dlp.config import Settings, load_settings
from dlp.policy.load import load_policy
from dlp.policy.rehearse import check, load_rehearsal, ruling_for
from dlp.policy.skeleton import FILES

PACKS = Path(__file__).parent.parent.parent / "rules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_first_settings_are_the_defaults(folder: Path):
    settings = load_settings(folder / "dlp.yaml")
    assert settings == Settings(folder / "dlp.yaml", policy=folder / "policy.yaml", state=folder / "state")


def test_what_is_commented_out_in_the_first_settings_is_what_holds_anyway(folder: Path):
    told = "\n".join(
        line.removeprefix("# ").split("  #")[0]
        for line in FILES["dlp.yaml"].splitlines()
        if not line.startswith(("# Settings", "# hosts", "# upstream_ca"))
    )
    (folder / "dlp.yaml").write_text(told)
    assert load_settings(folder / "dlp.yaml") == Settings(
        folder / "dlp.yaml", policy=folder / "policy.yaml", state=folder / "state"
    )
    assert told.count("\n") == 8


def test_the_first_policy_decides_as_its_tests_say(folder: Path):
    rehearsal = load_rehearsal(folder / "policy.test.yaml")
    policy = load_policy(rehearsal.policy, packs=PACKS)
    assert [check(test, ruling_for(policy, test)) for test in rehearsal.tests] == [[]] * 4
