"""A policy is changed under a running proxy: taken up whole, or not at all."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from dlp.cli.reloading import Watch
from dlp.core.errors import PolicyError

from .conftest import DLP, Run

POLICY = """\
policy: Reloaded
version: "{version}"
use: [base]
{classes}
destinations:
  slack: {{at: https://slack.test/**}}
rules:
  - {{name: mail, data: pii.email, to: slack, then: {then}}}
"""


def write(folder: Path, version: str, then: str = "allow", classes: str = "") -> None:
    new = folder / "new.yaml"
    new.write_text(POLICY.format(version=version, then=then, classes=classes))
    new.replace(folder / "policy.yaml")


def state(folder: Path) -> dict[str, object]:
    return orjson.loads((folder / "state" / "policy.json").read_bytes())


def until(true: Callable[[], bool]) -> bool:
    for _ in range(1200):
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def running(proxy: Run, folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "dlp.yaml").write_text('policy: policy.yaml\nlisten: {http: "127.0.0.1:0"}\n')
    write(folder, "2")
    assert proxy("rules", "check").code == 0
    with subprocess.Popen(  # noqa: S603 - a fixed command
        [DLP, "up"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert "version 2" in process.stdout.readline()
        yield process
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.e2e
def test_a_changed_policy_is_taken_up_and_a_bad_or_older_one_is_not(
    running: subprocess.Popen[str], proxy: Run, folder: Path
):
    first = state(folder)
    assert first["version"] == "2"

    write(folder, "3", then="block")
    assert until(lambda: state(folder)["version"] == "3")
    third = state(folder)["digest"]
    assert third != first["digest"]

    (folder / "policy.yaml").write_text("policy: [broken")
    assert until(lambda: "reload_error" in state(folder))
    assert (state(folder)["version"], state(folder)["digest"]) == ("3", third)
    assert "policy.yaml:1:" in str(state(folder)["reload_error"])
    checks = {one["check"]: one for one in proxy("doctor", "--json").json}
    assert checks["enforced"]["status"] == "fail"
    assert "version 3" in checks["enforced"]["says"]

    write(folder, "1")
    assert until(lambda: "rollback" in str(state(folder).get("reload_error")))
    assert state(folder)["version"] == "3"
    assert proxy("rules", "accept").code == 2
    assert proxy("rules", "accept", "--force", "--json").json["forced"] is True
    running.send_signal(signal.SIGHUP)
    assert until(lambda: state(folder)["version"] == "1")
    assert "reload_error" not in state(folder)

    write(folder, "4", classes="classes: {staff.id: {level: internal}}")  # other classes: another classifier and pool
    assert until(lambda: state(folder)["version"] == "4")
    assert running.poll() is None


def test_a_proxy_does_not_start_with_an_older_policy(proxy: Run, folder: Path):
    write(folder, "2")
    assert proxy("rules", "accept").code == 0
    write(folder, "1")
    told = proxy("up")
    assert (told.code, "rollback" in told.err) == (2, True)


def test_files_that_a_policy_uses_are_watched_and_those_of_a_broken_one_too(tmp_path: Path):
    path, used = tmp_path / "policy.yaml", tmp_path / "used.yaml"
    used.write_text("policy: used\n")
    path.write_text("policy: one\nuse: [./used.yaml]\n")
    watch = Watch(path)
    watch.load()
    assert not watch.changed()
    used.write_text("policy: used\nrules: wrong\n")
    assert watch.changed()
    with pytest.raises(PolicyError):
        watch.load()
    assert not watch.changed()
    used.write_text("policy: used otherwise\n")
    assert watch.changed()
    watch.load()
    used.unlink()
    assert watch.changed()
