"""Generated honest work: repeatable, and nothing of what was read is in it."""

from dlp.core.label import Tracking
from dlp.testing.agents import cost, run, total
from dlp.testing.evasion import SECRETS, Range


def test_an_agent_does_the_same_for_the_same_seed_and_tells_nothing_that_it_read():
    works = [work for seed in range(40) for work in run(seed)]
    assert works == [work for seed in range(40) for work in run(seed)]
    said = [str(work.message.json) for work in works if work.message is not None]
    assert len(said) > 200
    assert not [text for text in said for secret, _ in SECRETS.values() if secret in text]


def test_session_tracking_costs_most_and_all_of_it_is_counted():
    at = Range()
    costs = {mode: cost(at, mode, range(10)) for mode in (Tracking.SESSION, Tracking.VALUE)}
    assert total(costs[Tracking.SESSION]) > 0.4
    assert total(costs[Tracking.VALUE]) < 0.05
