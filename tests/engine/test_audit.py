import os
import resource
import subprocess
import sys
from copy import replace
from pathlib import Path

import orjson
import pytest

from dlp.core.errors import StoreError
from dlp.core.label import RAW, DataClass, Label
from dlp.core.ports import AuditEntry, LabelNote, Watched
from dlp.engine.audit import Audit, read, trace

NOTE = LabelNote(Label(DataClass("secret.api_key"), RAW, "vault"), 1, path="/text", origin="e1", origin_path="/key")
ENTRY = AuditEntry(
    event="e9",
    time=1000.5,
    trace="t9",
    session="s1",
    agent="bot",
    direction="outbound",
    protocol="http",
    upstream="https://slack.test:443",
    operation="POST",
    source="sandbox",
    sink="slack",
    verdict="block",
    rules=("no keys in Slack",),
    labels=(NOTE,),
    policy="sha256:abc",
)


@pytest.fixture
def path(tmp_path: Path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def audit(path: Path):
    opened = Audit(path)
    yield opened
    opened.close()


def _write(audit: Audit, event: str, *origins: str, session: str = "s1", trace_id: str = "") -> None:
    labels = tuple(replace(NOTE, origin=origin) for origin in origins)
    audit.write(replace(ENTRY, event=event, session=session, labels=labels, trace=trace_id or f"trace of {event}"))


def _told(path: Path, name: str) -> list[object]:
    return [event["event"] for event in trace(path, name)]


@pytest.mark.parametrize("power", [False, True])
def test_an_event_is_one_line_of_json(path: Path, power: bool):  # noqa: FBT001
    audit = Audit(path, power=power)
    audit.write(replace(ENTRY, counts={"parts": 3}, would="block", reason="a\nb", ms=1.23456))
    audit.close()
    content = path.read_bytes()
    assert (content.count(b"\n"), content[-1:]) == (1, b"\n")
    assert orjson.loads(content) == {
        "event": "e9",
        "time": 1000.5,
        "trace": "t9",
        "session": "s1",
        "agent": "bot",
        "direction": "outbound",
        "protocol": "http",
        "upstream": "https://slack.test:443",
        "operation": "POST",
        "source": "sandbox",
        "sink": "slack",
        "verdict": "block",
        "rules": ["no keys in Slack"],
        "labels": [
            {
                "class": "secret.api_key",
                "state": "raw",
                "source": "vault",
                "count": 1,
                "path": "/text",
                "origin": "e1",
                "origin_path": "/key",
            }
        ],
        "policy": "sha256:abc",
        "counts": {"parts": 3},
        "would": "block",
        "reason": "a\nb",
        "ms": 1.235,
    }


def test_every_field_of_an_entry_is_written(audit: Audit, path: Path):
    told = replace(ENTRY, counts={"n": 1}, would="w", reason="r", sandbox_trace="st", approval="a", ms=1)
    more = replace(told, version="3", facts={"channel": "#a"}, withheld=("to",), possible=("slack.hr",))
    audit.write(replace(more, reviewed=("manager",), watched=(Watched("cards", "pii.card", "block"),)))
    assert set(AuditEntry._fields) <= set(next(read(path)))


def test_the_log_is_for_its_owner_only(audit: Audit, path: Path):
    audit.write(ENTRY)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_goes_on_after_a_restart(path: Path):
    for event in ("e1", "e2"):
        audit = Audit(path)
        _write(audit, event)
        audit.close()
    assert [event["event"] for event in read(path)] == ["e1", "e2"]


def test_half_a_line_left_by_a_crash_spoils_no_other(path: Path):
    audit = Audit(path)
    _write(audit, "e1")
    audit.close()
    with path.open("ab") as file:
        file.write(b'{"event":"e2","ti')
    assert [event["event"] for event in read(path)] == ["e1"]
    audit = Audit(path)
    _write(audit, "e3")
    _write(audit, "e4")
    audit.close()
    assert list(map(dict, read(path)))[1] == {"unreadable": 2}
    assert [event.get("event") for event in read(path)] == ["e1", None, "e3", "e4"]
    assert _told(path, "e4") == ["e4"]


def test_a_log_that_was_moved_away_is_begun_anew(audit: Audit, path: Path):
    _write(audit, "e1")
    path.rename(path.with_name("audit.1"))
    _write(audit, "e2")
    path.unlink()
    _write(audit, "e3")
    assert [event["event"] for event in read(path)] == ["e3"]


def test_a_full_disk_is_an_error():
    audit = Audit(Path("/dev/full"))
    with pytest.raises(StoreError, match="No space left"):
        audit.write(ENTRY)
    audit.close()


def test_a_line_cut_short_is_an_error_and_spoils_no_other(path: Path):
    # A limit on the size of files cuts a write short just as a full disk does.
    program = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_audit import ENTRY
from dlp.core.errors import StoreError
from dlp.engine.audit import Audit
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
audit = Audit(Path(sys.argv[1]))
audit.write(ENTRY)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
try:
    audit.write(ENTRY)
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
audit.write(ENTRY)
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert "is the disk full?" in done.stdout
    assert [event.get("event", "half") for event in read(path)] == ["e9", "half", "e9"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path):
    with pytest.raises(StoreError, match="cannot write the audit log"):
        Audit(tmp_path / "nowhere" / "audit.jsonl")


def test_a_folder_that_vanished_is_an_error(tmp_path: Path):
    folder = tmp_path / "logs"
    folder.mkdir()
    audit = Audit(folder / "audit.jsonl")
    (folder / "audit.jsonl").unlink()
    folder.rmdir()
    with pytest.raises(StoreError, match="cannot write the audit log"):
        audit.write(ENTRY)
    audit.close()


def test_a_closed_log_is_an_error(path: Path):
    audit = Audit(path)
    audit.close()
    audit.close()
    with pytest.raises(StoreError, match="cannot write the audit log"):
        audit.write(ENTRY)


def test_an_entry_that_cannot_be_written_does_not_show_its_text(audit: Audit):
    with pytest.raises(StoreError, match="not JSON") as caught:
        audit.write(replace(ENTRY, upstream="planted\ud800"))
    assert "planted" not in str(caught.value)


def test_a_missing_log_is_an_error_to_its_reader(path: Path):
    with pytest.raises(StoreError, match="cannot read the audit log"):
        list(read(path))


def test_lines_of_several_processes_do_not_mix(path: Path):
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_audit import ENTRY
from dlp.engine.audit import Audit
audit = Audit(Path(sys.argv[1]))
for _ in range(300):
    audit.write(ENTRY)
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, path]) for _ in range(3)]  # noqa: S603
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert [event.get("event") for event in read(path)] == ["e9"] * 900


def test_a_trace_tells_where_a_value_entered_and_what_followed(audit: Audit, path: Path):
    _write(audit, "before")
    _write(audit, "read the key")
    _write(audit, "another session", session="s2")
    _write(audit, "a call in between")
    _write(audit, "refused", "read the key")
    _write(audit, "after")
    assert _told(path, "refused") == ["read the key", "a call in between", "refused"]
    assert _told(path, "trace of refused") == ["read the key", "a call in between", "refused"]


def test_a_trace_follows_origins_of_origins(audit: Audit, path: Path):
    _write(audit, "first")
    _write(audit, "unrelated", session="s2")
    _write(audit, "second", "first")
    _write(audit, "third", "second", "")
    assert _told(path, "third") == ["first", "second", "third"]


def test_a_trace_ends_where_origins_go_round(audit: Audit, path: Path):
    _write(audit, "one", "two")
    _write(audit, "two", "one")
    assert _told(path, "one") == ["one", "two"]


def test_a_call_of_several_events_is_one_trace(audit: Audit, path: Path):
    _write(audit, "request", trace_id="t")
    _write(audit, "response", trace_id="t")
    assert _told(path, "t") == ["request", "response"]


def test_what_nobody_knows_has_no_trace(audit: Audit, path: Path):
    _write(audit, "e1")
    assert trace(path, "nothing") == ()
    assert os.fspath(path).endswith("audit.jsonl")
