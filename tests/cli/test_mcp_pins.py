from pathlib import Path
from typing import Any

import pytest

from dlp.cli.state import opened
from dlp.engine.audit import read
from dlp.engine.pins import Pins

from .conftest import Run

ADD: dict[str, Any] = {"name": "add", "description": "Adds.", "annotations": {"readOnlyHint": True}}


@pytest.fixture
def seen(proxy: Run) -> Run:
    _see(ADD)
    return proxy


def _see(*tools: dict[str, Any], server: str = "calc") -> None:
    with opened(Path("dlp.yaml")) as state:
        Pins(state.store).see(server, tools)


def test_tools_as_they_were_first_seen_are_nothing_to_report(seen: Run):
    said = seen("mcp", "pins", "list")
    assert said.code == 0
    assert "as first seen" in said.out
    assert "reading only" in said.out


def test_a_change_is_told_with_what_changed_and_exit_code_1_until_it_is_accepted(seen: Run):
    _see(ADD | {"description": "Adds, and mails."})
    said = seen("mcp", "pins", "list", "--waiting")
    assert (said.code, "CHANGED: description" in said.out) == (1, True)
    assert "mails" not in said.out
    assert "add is accepted" in seen("mcp", "pins", "accept", "calc").out
    said = seen("mcp", "pins", "list")
    assert (said.code, "accepted" in said.out) == (0, True)
    assert seen("mcp", "pins", "accept", "calc").out == "calc: nothing waits\n"


def test_hidden_text_is_told_by_its_kind(seen: Run):
    _see({"name": "sub", "description": "Sub\u200btracts."})
    (told,) = seen("mcp", "pins", "list", "calc", "--waiting", "--json").json
    assert (told["tool"], told["hidden"], told["changed"]) == ("sub", ["zero-width"], False)


def test_one_tool_is_accepted_and_the_others_wait_on(seen: Run):
    _see(ADD | {"title": "Add"}, {"name": "sub", "description": "<!-- x -->"})
    seen("mcp", "pins", "accept", "calc", "add")
    assert [told["tool"] for told in seen("mcp", "pins", "list", "--waiting", "--json").json] == ["sub"]


def test_what_was_never_seen_cannot_be_accepted(seen: Run):
    said = seen("mcp", "pins", "accept", "clac")
    assert (said.code, "known servers: calc" in said.err) == (2, True)
    said = seen("mcp", "pins", "accept", "calc", "mul")
    assert (said.code, "has not listed this tool" in said.err) == (2, True)


def test_a_name_that_plays_with_the_terminal_is_shown_in_escapes(seen: Run):
    _see({"name": "a\x1b[31m\u202e", "description": ""})
    out = seen("mcp", "pins", "list").out
    assert "\x1b" not in out
    assert "a\\u001b[31m\\u202e" in out


def test_who_takes_a_tool_is_recorded_before_it_counts(seen: Run):
    _see(ADD | {"description": "Adds, and mails."})
    seen("mcp", "pins", "accept", "calc")
    (event,) = (one for one in read(Path("state/audit.jsonl")) if one["operation"] == "pins accept")
    facts: Any = event["facts"]
    assert (event["upstream"], event["verdict"], facts["tool"]) == ("mcp://calc:0", "allow", "add")
    assert event["reason"] == "accepted as described: CHANGED: description"
    assert facts["first"] != facts["last"]
    assert "mails" not in str(event)
    assert seen("audit", "trace", str(event["event"])).code == 0


def test_what_cannot_be_recorded_is_not_accepted(seen: Run):
    _see(ADD | {"description": "Adds, and mails."})
    log = Path("state/audit.jsonl")
    log.unlink(missing_ok=True)
    log.mkdir()
    assert seen("mcp", "pins", "accept", "calc").code != 0
    assert seen("mcp", "pins", "list", "--waiting").code == 1
