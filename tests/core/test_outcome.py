from typing import assert_never

from dlp.core.edit import Edit
from dlp.core.outcome import Forward, Outcome, Refuse


def told(outcome: Outcome) -> str:
    match outcome:
        case Forward():
            return "forward"
        case Refuse():
            return "refuse"
        case _:
            assert_never(outcome)


def test_an_outcome_is_one_of_two_things():
    assert told(Forward("e1", (Edit(0, 0, 1, "x"),))) == "forward"
    assert told(Refuse("flow", "title", "detail", "e1", "t1")) == "refuse"
