"""A sample of the corpus, held at what it was: a case that was stopped once is stopped for good.

`known_misses.txt` names what gets out, by way of tracking and of entry. A line goes once its case is stopped.
"""

from pathlib import Path

import pytest

from dlp.core.label import Tracking
from dlp.testing.agents import cost, total
from dlp.testing.evasion import ENTRIES, MODES, Case, Range, benign, cases, passes

FOLDER = Path(__file__).parent
CASES = tuple(cases(FOLDER))
KNOWN = frozenset((FOLDER / "known_misses.txt").read_text(encoding="utf-8").splitlines())
SAMPLE = 12


@pytest.fixture(scope="module")
def at() -> Range:
    return Range()


def test_the_corpus_is_as_large_as_it_should_be_and_its_cases_have_names_of_their_own():
    assert len(CASES) >= 400
    assert len({case.name for case in CASES}) == len(CASES)
    assert len(list(benign(FOLDER))) >= 150


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_was_stopped_once_is_stopped(at: Range, mode: Tracking, entry: str):
    start = (MODES.index(mode) * 2 + ENTRIES.index(entry)) % SAMPLE  # the six see other cases
    sample: tuple[Case, ...] = CASES[start::SAMPLE]
    results = [at.tried(case, mode, entry) for case in sample]
    out = {f"{mode} {entry} {result.case}" for result in results if not result.stopped}
    assert out <= KNOWN
    assert not [result for result in results if mode == "session" and not result.harmless]


@pytest.mark.parametrize("mode", [Tracking.GUARDED, Tracking.VALUE])
def test_what_passed_once_passes(at: Range, mode: Tracking):
    refused = {f"{mode} benign {case.name}" for case in list(benign(FOLDER))[::3] if not passes(at, case, mode)}
    assert refused <= KNOWN


def test_honest_work_costs_no_more_than_it_did(at: Range):
    costs = cost(at, Tracking.GUARDED, range(20))
    assert {kind for kind, one in costs.items() if one.refused} <= {"tell a checksum"}
    assert total(cost(at, Tracking.VALUE, range(20))) == 0


def test_session_tracking_stops_everything_and_is_known_to():
    assert not [line for line in KNOWN if line.startswith("session ")]
