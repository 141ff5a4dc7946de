"""What a session may use up."""

import pytest

from dlp.core.policy import Limits
from dlp.engine.budget import Budget
from dlp.stores.memory import MemoryStore
from dlp.testing.wall import Clock


def made() -> tuple[Budget, Clock, MemoryStore]:
    clock, store = Clock(1000.0), MemoryStore()
    return Budget(store, clock), clock, store


def over(budget: Budget, limits: Limits, session: str = "s", *, call: bool = True) -> str:
    found = budget.spend(session, limits, call=call)
    return "" if found is None else found.title


def test_without_limits_nothing_is_counted():
    budget, _, store = made()
    assert not over(budget, Limits())
    assert store.take_number("s", "calls") == 1


def test_calls_are_counted_for_each_session_and_a_restart_gives_none_back():
    budget, clock, store = made()
    limits = Limits(calls=2)
    assert [over(budget, limits) for _ in range(3)] == ["", "", "This session has used up its requests"]
    assert not over(budget, limits, "t")
    assert over(Budget(store, clock), limits) == "This session has used up its requests"


def test_answers_are_no_calls():
    budget, _, _ = made()
    limits = Limits(calls=1, per_minute=1)
    assert not any(over(budget, limits, call=False) for _ in range(3))
    assert not over(budget, limits)


def test_the_rate_is_that_of_the_last_minute_and_says_when_there_is_room_again():
    budget, clock, store = made()
    limits = Limits(per_minute=2, calls=4)
    assert not over(budget, limits)
    clock.now += 30
    assert not over(budget, limits)
    refused = budget.spend("s", limits, call=True)
    assert refused is not None
    assert refused.retryable
    assert "30 s" in refused.following
    assert not over(budget, limits, "t")
    clock.now += 30
    assert not over(budget, limits)
    assert store.take_number("s", "calls") == 4  # what was refused for its rate was none


def test_the_time_begins_with_the_first_request_and_outlives_a_restart():
    budget, clock, store = made()
    limits = Limits(duration=30)
    assert not over(budget, limits)
    clock.now += 29
    assert not over(budget, limits)
    clock.now += 1
    assert over(budget, limits) == "The time of this session is over"
    assert over(Budget(store, clock), limits, call=False) == "The time of this session is over"
    assert not over(budget, limits, "t")


def test_a_bounded_number_of_sessions_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlp.engine.budget._MOST_REMEMBERED", 2)
    budget, clock, _ = made()
    limits = Limits(per_minute=1, duration=1000)
    for session in ("a", "b", "c", "d"):
        assert not over(budget, limits, session)
        clock.now += 61
    assert over(budget, Limits(duration=100), "a") == "The time of this session is over"


def test_guesses_are_counted_for_good_and_past_the_limit_nothing_passes():
    budget, clock, store = made()
    limits = Limits(guesses=2)
    assert budget.guess("s", limits, 1) is None
    assert budget.guess("s", limits, 0) is None
    assert budget.guess("s", Limits(), 50) is None
    assert budget.guess("s", limits, 1) is None
    assert not over(budget, limits)
    found = Budget(store, clock).guess("s", limits, 1)
    assert found is not None
    assert found.title == "This session has guessed too often"
    assert over(Budget(store, clock), limits) == over(budget, limits, call=False) == found.title
    assert not over(budget, limits, "t")


def test_many_guesses_at_once_are_over_the_limit_at_once():
    budget, _, _ = made()
    assert budget.guess("s", Limits(guesses=3), 1_000_000) is not None
