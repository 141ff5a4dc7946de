"""What keeps `dlp up` from starting; that it runs is shown in `tests/e2e`."""

import subprocess
import sys
from pathlib import Path

import pytest

DLP = str(Path(sys.executable).with_name("dlp"))


def dlp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a fixed command
        [DLP, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dlp(tmp_path, "init", ".")
    return tmp_path


def test_a_listener_cannot_be_bound_to_a_session_that_is_not_open(folder: Path):
    (folder / "dlp.yaml").write_text(
        'policy: policy.yaml\nlisten: {http: "127.0.0.1:0"}\nbind_session: nobody\n', "utf-8"
    )
    done = dlp(folder, "up")
    assert done.returncode == 2
    assert "bind_session" in done.stderr
    assert "dlp session open" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("missing", ["state/ca/mitmproxy-ca.pem", "state/key", "state/state.db"])
def test_a_missing_authority_key_or_store_stops_the_start_with_one_line(folder: Path, missing: str):
    (folder / missing).unlink()
    done = dlp(folder, "up")
    assert done.returncode in {2, 3}
    assert "dlp init" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_authority_for_upstreams_that_is_none_is_named(folder: Path):
    (folder / "wrong.pem").write_text("nothing", "utf-8")
    (folder / "dlp.yaml").write_text("policy: policy.yaml\nupstream_ca: [wrong.pem]\n", "utf-8")
    done = dlp(folder, "up")
    assert done.returncode == 2
    assert "wrong.pem" in done.stderr
