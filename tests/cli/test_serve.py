from pathlib import Path

import pytest

from .conftest import Run


def test_settings_that_are_wrong_stop_the_start_with_one_message(proxy: Run, folder: Path):
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nlisten: nowhere\n")
    told = proxy("up")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "dlp.yaml:2:" in told.err


def test_a_policy_that_is_wrong_stops_the_start_with_one_message(proxy: Run, folder: Path):
    (folder / "policy.yaml").write_text("policy: x\nnothing: 1\n")
    told = proxy("up")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "policy.yaml:2:1" in told.err


@pytest.mark.parametrize("gone", ["key", "state.db"])
def test_what_is_missing_stops_the_start(proxy: Run, folder: Path, gone: str):
    (folder / "state" / gone).unlink()
    told = proxy("up")
    assert (told.code, told.out) == (2, "")
    assert "dlp init" in told.err
