"""The front page is held to what it says: its commands exist, its links lead somewhere, its first steps work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DLP = Path(sys.executable).with_name("dlp")


def named() -> set[tuple[str, ...]]:
    """Return the commands that the page names, alternatives apart: `dlp rules check|test` is two."""
    found: set[tuple[str, ...]] = set()
    for group, rest in re.findall(r"`dlp ([a-z]+)((?: [a-z\\|]+)*)", README):
        words = rest.split()
        if words:
            found |= {(group, one.strip("\\")) for one in words[0].split("|")}
        else:
            found.add((group,))
    return found


@pytest.mark.parametrize("command", sorted(named()))
def test_every_command_that_is_named_exists(command: tuple[str, ...]):
    areas = command[0] == "bench" and len(command) > 1  # areas of a benchmark are its arguments
    asked = [command[0]] if areas else list(command)
    done = subprocess.run([DLP, *asked, "--help"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stderr
    if areas:
        assert (ROOT / "dlp" / "bench" / f"{command[1]}.py").is_file()


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_first_steps_work_as_they_are_written(tmp_path: Path):
    block = re.search(r"```sh\n\. \.venv/bin/activate\n(.*?)```", README, re.DOTALL)
    assert block is not None
    steps = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert steps[:3] == ["dlp init shop && cd shop", "dlp rules check", "dlp rules test policy.test.yaml"]
    script = " && ".join([f'export PATH="{DLP.parent}:$PATH"', *steps[:3]])
    shell = ["/bin/sh", "-ec", script]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed, 0 failed" in done.stdout
