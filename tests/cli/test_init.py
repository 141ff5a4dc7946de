import os
import stat
from pathlib import Path

import pytest

from dlp.config import load_settings

from .conftest import Run


def _modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): f"{stat.S_IMODE(path.stat().st_mode):o}" for path in [folder, *folder.rglob("*")]
    }


def test_a_new_proxy_has_its_files_and_its_secrets_are_for_its_owner_only(dlp: Run, folder: Path):
    old = os.umask(0o022)
    try:
        told = dlp("init")
    finally:
        os.umask(old)
    assert told.code == 0
    assert {"dlp.yaml", "policy.yaml", "policy.test.yaml"} < {path.name for path in folder.iterdir()}
    state = load_settings(Path("dlp.yaml")).state
    modes = _modes(state)
    assert {name: modes[name] for name in (".", "key", "state.db", "ca", "ca/mitmproxy-ca.pem")} == {
        ".": "700",
        "key": "600",
        "state.db": "600",
        "ca": "700",
        "ca/mitmproxy-ca.pem": "600",
    }


def test_what_it_writes_holds_together(proxy: Run):
    assert proxy("rules", "check").code == 0
    assert proxy("rules", "test", "policy.test.yaml").code == 0


@pytest.mark.usefixtures("proxy")
def test_what_takes_long_to_compile_is_compiled_already(folder: Path):
    assert list((folder / "state" / "cache").iterdir())


def test_it_can_be_run_again_and_keeps_what_is_there(proxy: Run, folder: Path):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = proxy("init", "--json")
    assert (told.code, told.json) == (0, {"made": []})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "policy.test.yaml").unlink()
    assert proxy("init", "--json").json == {"made": ["policy.test.yaml"]}


def test_it_writes_into_another_folder(dlp: Run, folder: Path):
    assert dlp("init", "new/place").code == 0
    assert dlp("session", "list", "-c", "new/place/dlp.yaml").code == 0
    assert {path.name for path in folder.iterdir()} == {"new", "state"}


def test_settings_that_name_another_policy_are_not_given_one(dlp: Run, folder: Path):
    (folder / "rules").mkdir()
    (folder / "rules" / "mine.yaml").write_text("policy: mine\nuse: [base]\n")
    (folder / "dlp.yaml").write_text("policy: rules/mine.yaml\n")
    assert dlp("init").code == 0
    assert not (folder / "policy.yaml").exists()
    assert "rules/mine.yaml: mine: ok" in dlp("rules", "check").out
    told = dlp("init", "--pack", "hr")
    assert told.code == 2
    assert "use: [hr]" in told.err


def test_a_lost_key_is_not_replaced_while_there_is_a_store(proxy: Run):
    key = load_settings(Path("dlp.yaml")).state / "key"
    key.unlink()
    told = proxy("init")
    assert told.code == 2
    assert "cannot be read without it" in told.err
    assert not key.exists()


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/x"])
def test_a_folder_that_cannot_be_written_is_an_error(dlp: Run, where: str):
    told = dlp("init", where)
    assert told.code == 2
    assert "cannot be written" in told.err


def test_packs_are_composed_into_the_first_policy(dlp: Run, folder: Path):
    assert dlp("init", "--pack", "hr, pci").code == 0
    assert "use: [hr, pci]" in (folder / "policy.yaml").read_text()
    told = dlp("rules", "check", "--json").json
    assert isinstance(told, dict)
    assert told["ok"] is True
    assert dlp("rules", "test", "policy.test.yaml").code == 0


def test_packs_that_come_too_late_are_not_silently_left_out(proxy: Run, folder: Path):
    before = (folder / "policy.yaml").read_text()
    told = proxy("init", "--pack", "hr")
    assert told.code == 2
    assert "use: [hr]" in told.err
    assert (folder / "policy.yaml").read_text() == before


def test_an_unknown_pack_is_told_before_anything_is_written(dlp: Run, folder: Path):
    told = dlp("init", "--pack", "pcii")
    assert told.code == 2
    assert "did you mean pci?" in told.err
    assert not (folder / "dlp.yaml").exists()
