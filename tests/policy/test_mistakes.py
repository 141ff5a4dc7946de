"""Common mistakes, kept as files: each gives one message that says where, what was expected and what is known.

Beside `NAME.yaml` stands its message, `NAME.txt`; `python tests/policy/test_mistakes.py` writes the messages anew.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlp.cli.main import app
from dlp.core.errors import PolicyError
from dlp.policy.load import load_policy

MISTAKES = Path(__file__).parent / "mistakes"
PACKS = MISTAKES.parent.parent.parent / "rules"
FILES = sorted(MISTAKES.glob("*.yaml"))


def _message(path: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(path, packs=PACKS)
    return str(caught.value).replace(f"{MISTAKES}/", "")


def test_there_are_many():
    assert len(FILES) >= 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_gives_its_message_and_nothing_else(path: Path):
    message = _message(path)
    assert message + "\n" == path.with_suffix(".txt").read_text("utf-8")
    assert "\n" not in message


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_checking_it_prints_that_message_and_exits_with_1(path: Path):
    told = CliRunner().invoke(app, ["rules", "check", str(path)])
    assert told.exit_code == 1
    assert told.stderr.replace(f"{MISTAKES}/", "") == path.with_suffix(".txt").read_text("utf-8")
    assert told.stdout == ""


@pytest.mark.parametrize("name", [path.stem for path in FILES if path.stem.startswith("typo-")])
def test_a_typo_is_told_with_the_nearest_name(name: str):
    assert "; did you mean " in (MISTAKES / f"{name}.txt").read_text("utf-8")


if __name__ == "__main__":
    for file in FILES:
        file.with_suffix(".txt").write_text(_message(file) + "\n", "utf-8")
