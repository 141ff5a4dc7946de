import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dlp.core.ports import Store
from dlp.engine.approvals import Answer, Approval, ApprovalError, Approvals
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "state.db"),
}


@pytest.fixture(params=STORES.values(), ids=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path):
    opened = request.param(tmp_path)
    yield opened
    opened.close()


class Now:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def approvals(store: Store, now: Now):
    return Approvals(store, now, os.urandom)


def _ask(approvals: Approvals, binding: str = "b1", approvers: tuple[str, ...] = ("manager", "dpo")) -> Approval:
    return approvals.request("s1", binding, {"rule": "pay in Slack", "paths": ["/text"]}, approvers, 60)


def test_a_question_waits_and_can_be_listed(approvals: Approvals):
    asked = _ask(approvals)
    assert (asked.answer, asked.approvers, asked.until) == (Answer.PENDING, ("manager", "dpo"), 1060.0)
    assert dict(asked.summary) == {"rule": "pay in Slack", "paths": ["/text"]}
    assert approvals.status(asked.id) == asked
    assert approvals.list() == (asked,)
    assert approvals.list("s2") == ()
    assert approvals.grant("s1", "b1") == ()


def test_the_identical_request_finds_the_same_question(approvals: Approvals):
    assert _ask(approvals) == _ask(approvals)
    assert _ask(approvals, "b2") != _ask(approvals)
    other = approvals.request("s2", "b1", {}, ("manager",), 60)
    assert other.id != _ask(approvals).id


def test_a_grant_is_good_once(approvals: Approvals):
    asked = _ask(approvals)
    told = approvals.answer(asked.id, approve=True, by="manager")
    assert (told.answer, told.by) == (Answer.APPROVED, "manager")
    assert approvals.grant("s1", "b1") == ("manager",)
    assert approvals.grant("s1", "b2") == ()
    assert approvals.grant("s2", "b1") == ()
    assert approvals.consume(asked.id)
    assert not approvals.consume(asked.id)
    assert approvals.grant("s1", "b1") == ()
    used = approvals.status(asked.id)
    assert used
    assert used.answer is Answer.USED


def test_after_a_use_the_identical_request_asks_anew(approvals: Approvals):
    first = _ask(approvals)
    approvals.answer(first.id, approve=True, by="dpo")
    assert _ask(approvals).id == first.id
    approvals.consume(first.id)
    second = _ask(approvals)
    assert (second.answer, second.id != first.id) == (Answer.PENDING, True)
    approvals.answer(second.id, approve=True, by="manager")
    assert approvals.grant("s1", "b1") == ("manager",)


def test_a_denied_request_stays_denied_until_it_may_be_asked_again(approvals: Approvals, now: Now):
    asked = _ask(approvals)
    approvals.answer(asked.id, approve=False, by="manager")
    assert approvals.grant("s1", "b1") == ()
    assert not approvals.consume(asked.id)
    assert _ask(approvals).answer is Answer.DENIED
    now.time += 61
    assert _ask(approvals).answer is Answer.PENDING


def test_silence_denies(approvals: Approvals, now: Now):
    asked = _ask(approvals)
    now.time += 61
    silent = approvals.status(asked.id)
    assert silent
    assert silent.answer is Answer.EXPIRED
    with pytest.raises(ApprovalError, match="expired already"):
        approvals.answer(asked.id, approve=True, by="manager")
    assert approvals.grant("s1", "b1") == ()
    assert _ask(approvals).id != asked.id


def test_a_grant_lapses(approvals: Approvals, now: Now):
    asked = _ask(approvals)
    now.time += 50
    approvals.answer(asked.id, approve=True, by="manager")
    now.time += 50
    assert approvals.grant("s1", "b1") == ("manager",)
    now.time += 11
    assert approvals.grant("s1", "b1") == ()
    assert not approvals.consume(asked.id)


@pytest.mark.parametrize("by", ["", "intern", "s1", "Manager"])
def test_only_an_approver_may_answer(approvals: Approvals, by: str):
    asked = _ask(approvals)
    with pytest.raises(ApprovalError, match="expected one of: manager, dpo"):
        approvals.answer(asked.id, approve=True, by=by)
    assert _ask(approvals).answer is Answer.PENDING


def test_a_session_never_answers_for_itself(approvals: Approvals):
    asked = _ask(approvals, approvers=("s1",))
    with pytest.raises(ApprovalError, match="may not answer"):
        approvals.answer(asked.id, approve=True, by="s1")
    assert approvals.grant("s1", "b1") == ()


def test_the_first_answer_stays(approvals: Approvals):
    asked = _ask(approvals)
    approvals.answer(asked.id, approve=False, by="manager")
    with pytest.raises(ApprovalError, match="denied already, by manager"):
        approvals.answer(asked.id, approve=True, by="dpo")
    assert approvals.grant("s1", "b1") == ()


@pytest.mark.parametrize("name", ["", "nothing", "\ud800"])
def test_an_unknown_approval_is_nothing(approvals: Approvals, name: str):
    assert approvals.status(name) is None
    assert not approvals.consume(name)
    with pytest.raises(ApprovalError, match="there is none"):
        approvals.answer(name, approve=True, by="manager")


def test_a_grant_by_one_role_is_kept_while_another_is_asked(approvals: Approvals):
    asked = _ask(approvals, approvers=("manager",))
    approvals.answer(asked.id, approve=True, by="manager")
    other = _ask(approvals, approvers=("dpo",))
    assert (other.answer, other.id != asked.id) == (Answer.PENDING, True)
    approvals.answer(other.id, approve=True, by="dpo")
    assert approvals.grant("s1", "b1") == ("manager", "dpo")
    assert [approvals.consume(grant.id) for grant in approvals.granted("s1", "b1")] == [True, True]


def test_of_two_who_use_a_grant_at_once_one_wins(tmp_path: Path):
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(4)]
    seen = [Approvals(store, lambda: 0.0, os.urandom) for store in stores]
    asked = _ask(seen[0])
    seen[0].answer(asked.id, approve=True, by="manager")
    start, won = threading.Barrier(len(seen)), []

    def use(approvals: Approvals) -> None:
        start.wait()
        won.append(approvals.consume(asked.id))

    threads = [threading.Thread(target=use, args=[approvals]) for approvals in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True]
    for store in stores:
        store.close()


def test_of_two_who_ask_the_same_at_once_both_wait_for_one_answer(tmp_path: Path):
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(4)]
    seen = [Approvals(store, lambda: 0.0, os.urandom) for store in stores]
    start, asked = threading.Barrier(len(seen)), set()

    def ask(approvals: Approvals) -> None:
        start.wait()
        asked.add(_ask(approvals).id)

    threads = [threading.Thread(target=ask, args=[approvals]) for approvals in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    assert len(seen[0].list()) == 1
    for store in stores:
        store.close()


def test_an_answer_of_another_process_is_seen(tmp_path: Path):
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(2)]
    proxy, command = (Approvals(store, lambda: 0.0, os.urandom) for store in stores)
    asked = _ask(proxy)
    command.answer(asked.id, approve=True, by="manager")
    assert proxy.grant("s1", "b1") == ("manager",)
    for store in stores:
        store.close()
