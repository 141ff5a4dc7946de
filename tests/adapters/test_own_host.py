import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from dlp.adapters import own_host
from dlp.engine.approvals import Approvals
from dlp.engine.sessions import SessionInfo
from dlp.engine.work import Call
from dlp.stores.memory import MemoryStore


class Bench:
    """Real approvals in a memory store, and a clock that a test moves."""

    def __init__(self) -> None:
        numbers = iter(range(1, 1000))
        self.approvals = Approvals(MemoryStore(), time.time, lambda length: next(numbers).to_bytes(length))
        self.engine: Any = SimpleNamespace(approvals=self.approvals)
        self.mine = self.approvals.request("s1", "b1", {}, ("manager",), 3600.0)

    def ask(self, target: str, *, session: str = "s1", method: str = "GET") -> tuple[int, dict[str, Any]]:
        """Return status and document."""
        call = Call(SessionInfo(session, "bot", "", 0.0), "t" * 32)
        status, body = asyncio.run(own_host.serve(self.engine, time.time, call, method, target))
        return status, json.loads(body)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_pending_approval_is_shown_to_its_session(bench: Bench):
    status, body = bench.ask(f"/approvals/{bench.mine.id}")
    assert (status, body) == (200, {"id": bench.mine.id, "status": "pending", "retry": False})


def test_to_another_session_it_does_not_exist(bench: Bench):
    assert bench.ask(f"/approvals/{bench.mine.id}", session="s2")[0] == 404


@pytest.mark.parametrize("target", ["/approvals/none", "/approvals/", "/", "/admin", "/session/x", "/approvals/a/b"])
def test_anything_else_is_a_problem_document(bench: Bench, target: str):
    status, body = bench.ask(target)
    assert (status, body["type"]) == (404, "urn:dlp:refusal:missing")


def test_only_reading_is_possible(bench: Bench):
    assert bench.ask(f"/approvals/{bench.mine.id}", method="POST")[0] == 404
    assert bench.approvals.status(bench.mine.id).answer == "pending"


def test_an_answer_ends_the_wait(bench: Bench):
    bench.approvals.answer(bench.mine.id, approve=True, by="manager")
    status, body = bench.ask(f"/approvals/{bench.mine.id}?wait=30")
    assert (status, body["status"], body["retry"]) == (200, "approved", True)


def test_a_wait_that_comes_to_nothing_says_pending(bench: Bench):
    assert bench.ask(f"/approvals/{bench.mine.id}?wait=0.2")[1]["status"] == "pending"


def test_a_denied_approval_is_not_to_be_tried_again(bench: Bench):
    bench.approvals.answer(bench.mine.id, approve=False, by="manager")
    assert bench.ask(f"/approvals/{bench.mine.id}")[1] == {"id": bench.mine.id, "status": "denied", "retry": False}


@pytest.mark.parametrize("wait", ["-1", "1e9", "nan", "x", ""])
def test_a_wait_that_is_no_plain_number_is_no_wait(bench: Bench, wait: str):
    assert bench.ask(f"/approvals/{bench.mine.id}?wait={wait}")[0] == 200


def test_a_session_learns_its_own_name_and_no_secret(bench: Bench):
    assert bench.ask("/session") == (200, {"session": "s1", "agent": "bot"})
