import os
import subprocess
from pathlib import Path

import orjson
import pytest

from dlp.cli.state import audit_file
from dlp.config import load_settings
from dlp.core.label import RAW, DataClass, Label
from dlp.core.ports import AuditEntry, LabelNote
from dlp.engine.audit import Audit

from .conftest import DLP, Run


def _entry(event: str, verdict: str = "allow", origin: str = "", session: str = "s1", reason: str = "") -> AuditEntry:
    note = LabelNote(Label(DataClass("secret.api_key"), RAW, "vault"), 1, "/text", "base64", "", origin, "/key")
    return AuditEntry(
        event=event,
        time=1_800_000_000.0,
        trace=f"trace-{event}",
        session=session,
        agent="bot",
        direction="outbound",
        protocol="http",
        upstream="https://slack.test:443",
        operation="POST",
        source="sandbox",
        sink="slack",
        verdict=verdict,
        rules=("no keys in Slack",),
        labels=(note,) if origin else (),
        policy="sha256:abc",
        reason=reason,
    )


@pytest.fixture
def log(proxy: Run):
    assert proxy
    audit = Audit(audit_file(load_settings(Path("dlp.yaml"))))
    yield audit
    audit.close()


@pytest.fixture
def story(log: Audit):
    log.write(_entry("e1"))
    log.write(_entry("e2"))
    log.write(_entry("other", session="s2"))
    log.write(_entry("e3", "block", origin="e2", reason="no keys in Slack"))


def test_nothing_has_happened_before_the_first_message(proxy: Run):
    assert proxy("audit", "tail").out == "Nothing has happened yet.\n"
    assert proxy("audit", "tail", "--json").out == ""


@pytest.mark.usefixtures("story")
def test_the_last_events_are_shown(proxy: Run):
    lines = proxy("audit", "tail", "-n", "2", "--json").out.splitlines()
    assert [orjson.loads(line)["event"] for line in lines] == ["other", "e3"]
    table = proxy("audit", "tail", "-n", "2").out
    assert "e3" in table
    assert "block" in table
    assert "e2" not in table


@pytest.mark.usefixtures("story")
def test_a_trace_tells_the_story_behind_a_refusal(proxy: Run):
    for name in ("e3", "trace-e3"):
        assert [event["event"] for event in proxy("audit", "trace", name, "--json").json] == ["e2", "e3"]
    told = proxy("audit", "trace", "e3").out
    assert "e3: block, no keys in Slack" in told
    assert "secret.api_key (raw as base64) from vault (1) at /text, entered in e2 at /key" in told


def test_an_unknown_name_has_no_trace(proxy: Run):
    told = proxy("audit", "trace", "nothing")
    assert (told.code, "no event or trace is called nothing" in told.err) == (2, True)


def test_a_line_that_cannot_be_read_is_shown_as_such(proxy: Run, log: Audit):
    log.write(_entry("e1"))
    with audit_file(load_settings(Path("dlp.yaml"))).open("ab") as file:
        file.write(b"half a line\n")
    told = proxy("audit", "tail")
    assert (told.code, "line 2 cannot be read" in told.out) == (0, True)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_log_can_be_followed_into_its_next_file(log: Audit, folder: Path, form: list[str]):
    log.write(_entry("e1"))
    with subprocess.Popen(  # noqa: S603
        [DLP, "audit", "tail", "-f", *form], stdout=subprocess.PIPE, text=True, cwd=folder, env=dict(os.environ)
    ) as following:
        assert following.stdout
        try:
            assert "e1" in following.stdout.readline()
            log.write(_entry("e2"))
            assert "e2" in following.stdout.readline()
            path = audit_file(load_settings(Path("dlp.yaml")))
            path.rename(path.with_name("audit.1"))
            log.write(_entry("e3"))
            assert "e3" in following.stdout.readline()
        finally:
            following.terminate()
