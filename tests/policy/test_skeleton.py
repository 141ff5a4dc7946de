"""What `dlp init` writes loads, and its tests hold."""

from pathlib import Path

import pytest

from dlp.config import Settings, load_settings
from dlp.core.errors import ConfigError
from dlp.policy.load import load_policy
from dlp.policy.rehearse import check, load_rehearsal, ruling_for
from dlp.policy.skeleton import FILES, files
from dlp.policy.skeleton import PACKS as BUNDLED

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
        if not line.startswith(("# Settings", "# hosts", "# upstream_ca", "# mcp"))
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


@pytest.mark.parametrize("names", [[name] for name in BUNDLED] + [list(BUNDLED)], ids=",".join)
def test_with_packs_its_tests_hold_as_well(tmp_path: Path, names: list[str]):
    for name, text in files(names).items():
        (tmp_path / name).write_text(text)
    rehearsal = load_rehearsal(tmp_path / "policy.test.yaml")
    policy = load_policy(rehearsal.policy, packs=PACKS)
    assert [check(test, ruling_for(policy, test)) for test in rehearsal.tests] == [[]] * 4
    for name in names:
        own = load_policy(PACKS / f"{name}.yaml", packs=PACKS)
        assert {rule.name for rule in own.rules} <= {rule.name for rule in policy.rules}


def test_every_pack_with_rules_can_be_named():
    assert set(BUNDLED) == {path.stem for path in PACKS.glob("*.yaml") if "\nrules:" in path.read_text()}


@pytest.mark.parametrize(("names", "told"), [(["hrr"], "did you mean hr?"), (["hr", "hr"], "each pack once")])
def test_what_is_no_pack_is_told(names: list[str], told: str):
    with pytest.raises(ConfigError) as caught:
        files(names)
    assert told in str(caught.value)
