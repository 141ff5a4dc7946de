"""What each way of tracking stops of the corpus of evasions, what passes, what honest work it refuses, what it costs.

All of it is counted at the real engine, by what the sinks received. Values enter in the clear, or as tokens while the
sandbox knows them from elsewhere. `not stopped` names every case that got out, `refused` every honest one that did not.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from dlp.bench import taint_cost
from dlp.bench.report import Row, at_least, document, progress, row
from dlp.core.label import Tracking
from dlp.testing.agents import cost, total
from dlp.testing.evasion import ENTRIES, MODES, STANDARD, UNCLAIMED, Range, Result, benign, cases, passes, share

_CHECKOUT = Path(__file__).parents[2]
CORPUS = _CHECKOUT / "tests" / "evasion"
"""The cases; an installed package does not have them."""

RUNS = 200
"""How many agents' runs are generated."""

MANY = 1_000_000
"""How many values tracing is measured against."""

_STANDARD_BAR, _GUARDED_BAR, _BENIGN_BAR = 0.90, 0.97, 0.99


def run(each: int = 1, runs: int = RUNS, many: int = MANY) -> dict[str, object]:
    """Try every case, or every `each`-th, and so many agents' runs; trace against `many` values. Return the rows."""
    at = Range()
    corpus = list(cases(CORPUS))[::each]
    results = []
    for mode, entry in product(MODES, ENTRIES):
        results += [at.tried(case, mode, entry) for case in corpus]
        own = [result for result in results if (result.mode, result.entry) == (mode, entry)]
        progress(f"{mode}, {entry}: {sum(result.stopped for result in own)} of {len(own)} stopped")
    honest = list(benign(CORPUS))[::each]
    refused = {mode: [case.name for case in honest if not passes(at, case, mode)] for mode in MODES[1:]}
    rows = [
        at_least("corpus/cases to stop", len(corpus), "cases", 400 if each == 1 else None),
        at_least("corpus/cases that must pass", len(honest), "cases", 150 if each == 1 else None),
        *_stopped(results),
        *_unharmed(results, refused, len(honest)),
        *_agents(at, runs),
        *taint_cost.rows(many=many),
    ]
    missed = sorted(f"{result.mode}, {result.entry}: {result.case}" for result in results if not result.stopped)
    return {
        **document("taint", rows),
        "not stopped": missed,
        "refused": {str(mode): names for mode, names in refused.items()},
    }


def _stopped(results: Sequence[Result]) -> Iterator[Row]:
    """Give the share that was stopped, by family, way of tracking and how the value entered; then the bars."""
    families = dict.fromkeys(result.family for result in results)
    for mode, entry in product(MODES, ENTRIES):
        own = [result for result in results if (result.mode, result.entry) == (mode, entry)]
        for family in families:
            part = [result for result in own if result.family == family]
            bar = 1.0 if mode is Tracking.SESSION else None
            if (mode, entry, family) == (Tracking.GUARDED, "clear", "opaque"):
                bar = 1.0
            yield at_least(f"stopped, {mode}, {entry}/{family}", share(part), "of the cases", bar, len(part))
        standard = [result for result in own if result.family in STANDARD]
        if mode is Tracking.VALUE or (mode is Tracking.GUARDED and entry == "hidden"):
            yield at_least(f"stopped, {mode}, {entry}/standard forms", share(standard), "of the cases", _STANDARD_BAR)
        elif mode is Tracking.GUARDED:
            claimed = [result for result in own if result.family not in UNCLAIMED]
            name = f"stopped, {mode}, {entry}/all but arithmetic and covert shapes"
            yield at_least(name, share(claimed), "of the cases", _GUARDED_BAR)


def _unharmed(results: Sequence[Result], refused: dict[Tracking, list[str]], count: int) -> Iterator[Row]:
    for mode in MODES:
        own = [result for result in results if result.mode == mode]
        passed = sum(result.harmless for result in own) / len(own)
        yield row(f"a harmless value in the same form passes/{mode}", passed, "of the cases")
    for mode, names in refused.items():
        yield at_least(f"honest messages pass byte for byte/{mode}", 1 - len(names) / count, "of them", _BENIGN_BAR)


def _agents(at: Range, runs: int) -> Iterator[Row]:
    """Give what each way of tracking refuses of agents' honest work, after protected data was read in the clear."""
    for mode in MODES:
        costs = cost(at, mode, range(runs))
        sent = sum(one.sent for one in costs.values())
        progress(f"{mode}: {total(costs):.1%} of {sent} honest messages refused")
        yield row(f"honest work refused, {mode}/all", total(costs), "of the messages", sent)
        for kind, one in sorted(costs.items()):
            if one.refused:
                share_of = one.refused / one.sent
                yield row(f"honest work refused, {mode}/{kind}", share_of, "of the messages", one.sent)
