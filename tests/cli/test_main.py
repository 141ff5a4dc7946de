import subprocess
import sys
from pathlib import Path

import pytest

from dlp.cli.main import GROUPS, main
from dlp.core.errors import ConfigError, DlpError, ParseError, PluginError, PolicyError, StoreError

from .conftest import Run


def test_every_command_is_listed_and_explains_itself(dlp: Run):
    listed = dlp("--help").out
    for group in GROUPS:
        assert group in listed
        told = dlp(group, "--help")
        assert (told.code, "Usage" in told.out) == (0, True)


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["session", "nothing"], ["--nothing"], ["session", "open"], ["scan"]]
)
def test_misuse_is_exit_code_2_and_says_what_is_wrong(dlp: Run, arguments: list[str]):
    told = dlp(*arguments)
    assert (told.code, told.out) == (2, "")
    assert "Usage" in told.err


def test_without_arguments_it_shows_help(dlp: Run):
    told = dlp()
    assert told.code == 2
    assert "session" in told.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong\n  thing"), 2),
        (PolicyError("wrong thing"), 2),
        (PluginError("wrong thing"), 2),
        (DlpError("wrong thing"), 2),
        (StoreError("wrong thing"), 3),
        (ParseError("wrong thing"), 3),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(dlp: Run, monkeypatch: pytest.MonkeyPatch, error: DlpError, code: int):
    def fail(_path: object) -> None:
        raise error

    monkeypatch.setattr("dlp.cli.state.load_settings", fail)
    told = dlp("session", "list")
    assert (told.code, told.out, told.err) == (code, "", "dlp: wrong thing\n")


def test_a_bug_is_exit_code_3_and_shows_no_value(dlp: Run, monkeypatch: pytest.MonkeyPatch):
    def fail(_path: object) -> None:
        planted = "123-45-6789"
        raise ValueError(planted)

    monkeypatch.setattr("dlp.cli.state.load_settings", fail)
    told = dlp("session", "list")
    assert told.code == 3
    assert "internal error: ValueError at test_main.py" in told.err
    assert "123-45-6789" not in told.out + told.err


def test_ctrl_c_is_what_a_shell_expects(dlp: Run, monkeypatch: pytest.MonkeyPatch):
    def stop(_path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dlp.cli.state.load_settings", stop)
    assert dlp("session", "list").code == 130


def test_a_reader_who_leaves_early_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def leave(_path: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("dlp.cli.state.load_settings", leave)
    with capsys.disabled():
        code = main(["session", "list"])
    assert code == 0


def test_opening_a_session_loads_neither_mitmproxy_nor_presidio(real: Run, folder: Path):
    assert real("init").code == 0
    program = """
import sys
from dlp.cli.main import main
code = main(["session", "open", "--agent", "bot", "--json"])
heavy = {"mitmproxy", "presidio_analyzer", "spacy", "hyperscan", "uvicorn"} & set(sys.modules)
sys.exit(f"loaded {heavy}" if heavy else code)
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_real_command_has_the_same_exit_codes(real: Run):
    assert real("session", "list").code == 2
    assert real("init").code == 0
    assert real("session", "list").code == 0
    assert real("nothing").code == 2
