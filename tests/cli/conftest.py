"""The `dlp` command in a folder of its own, in this process or as a real one."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from dlp.cli.main import main

DLP = Path(sys.executable).with_name("dlp")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """What it printed, as JSON."""
        return orjson.loads(self.out)


type Run = Callable[..., Said]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory):
    """Keep what the scan compiles, which takes seconds, for all tests of a run."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def folder(tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch):
    """Give a folder to work in, where the scan is compiled already."""
    folder = tmp_path / "folder"
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "cache").symlink_to(compiled)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def dlp(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, in a folder of its own."""
    assert folder

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


@pytest.fixture
def proxy(dlp: Run):
    """Run the command in a folder that `dlp init` has filled."""
    assert dlp("init").code == 0
    return dlp


@pytest.fixture
def real(folder: Path):
    """Run the command as a real process."""

    def run(*arguments: str | Path) -> Said:
        done = subprocess.run(  # noqa: S603
            [DLP, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=dict(os.environ), timeout=60
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run
