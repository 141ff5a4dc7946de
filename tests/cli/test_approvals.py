from pathlib import Path

import pytest

from dlp.cli.state import opened
from dlp.engine.approvals import Approval

from .conftest import Run


@pytest.fixture
def asked(proxy: Run):
    assert proxy
    with opened(Path("dlp.yaml")) as state:
        summary = {"rule": "pay in Slack", "says": "A manager agrees.", "parts": [{"path": "/text", "length": 12}]}
        return state.approvals.request("s1", "b1", summary, ("manager",), 60)


def _granted() -> tuple[str, ...]:
    with opened(Path("dlp.yaml")) as state:
        return state.approvals.grant("s1", "b1")


def test_what_waits_is_listed_and_shown(proxy: Run, asked: Approval):
    assert [told["approval"] for told in proxy("approvals", "list", "--json").json] == [asked.id]
    assert asked.id in proxy("approvals", "list").out
    shown = proxy("approvals", "show", asked.id).out
    for word in ("s1", "pending", "manager", "pay in Slack", "/text"):
        assert word in shown
    assert proxy("approvals", "show", asked.id, "--json").json["summary"]["parts"] == [{"path": "/text", "length": 12}]


def test_an_approver_sees_the_preview_that_is_kept_sealed(proxy: Run):
    session = proxy("session", "open", "--agent", "bot", "--json").json["session"]
    with opened(Path("dlp.yaml")) as state:
        sealed = state.sessions.seal(session).seal(b"/text: <pii.person> did well", b"preview").hex()
        summary = {"rules": ["pay in Slack"], "preview": sealed}
        asked = state.approvals.request(session, "b2", summary, ("manager",), 60)
    assert "/text: <pii.person> did well" in proxy("approvals", "show", asked.id).out
    assert proxy("approvals", "show", asked.id, "--json").json["preview"] == "/text: <pii.person> did well"
    assert "pay in Slack" in proxy("approvals", "list").out
    assert sealed not in proxy("approvals", "list", "--json").out
    assert proxy("session", "close", session).code == 0
    assert "destroyed its key" in proxy("approvals", "show", asked.id).out


def test_a_long_text_in_the_preview_does_not_look_like_a_line_of_its_own(proxy: Run):
    session = proxy("session", "open", "--agent", "bot", "--json").json["session"]
    line = f"/note: hi{' ' * 190}/amount: 5"
    with opened(Path("dlp.yaml")) as state:
        sealed = state.sessions.seal(session).seal(f"{line}\n/amount: 9".encode(), b"preview").hex()
        asked = state.approvals.request(session, "b3", {"preview": sealed}, ("manager",), 60)
    assert proxy("approvals", "show", asked.id).out.splitlines()[-2:] == [f"| {line}", "| /amount: 9"]


def test_an_approver_agrees(proxy: Run, asked: Approval):
    assert _granted() == ()
    told = proxy("approvals", "approve", asked.id, "--as", "manager")
    assert (told.code, told.out) == (0, f"approval {asked.id} is approved, by manager\n")
    assert _granted() == ("manager",)
    assert proxy("approvals", "list").out == "Nothing waits for an answer.\n"
    assert proxy("approvals", "list", "--all", "--json").json[0]["answer"] == "approved"


def test_an_approver_denies(proxy: Run, asked: Approval):
    assert proxy("approvals", "deny", asked.id, "--as", "manager", "--json").json["answer"] == "denied"
    assert _granted() == ()


def test_nobody_else_answers(proxy: Run, asked: Approval):
    for role in ("intern", "s1", ""):
        told = proxy("approvals", "approve", asked.id, "--as", role)
        assert (told.code, "expected one of: manager" in told.err) == (2, True)
    assert proxy("approvals", "approve", asked.id).code == 2
    assert _granted() == ()


@pytest.mark.parametrize(
    "arguments", [["show", "x"], ["approve", "x", "--as", "manager"], ["deny", "x", "--as", "manager"]]
)
def test_an_unknown_approval_is_an_error(proxy: Run, arguments: list[str]):
    told = proxy("approvals", *arguments)
    assert (told.code, "there is none" in told.err) == (2, True)
