"""Non-interference, tried with generated programs, and the faults that these programs catch.

Each program runs twice, with two secrets behind the sources, through the real engine: over every adapter's messages and
every store. A program breaks the law if a forbidding sink receives other bytes in one run than in the other, or if a
token stands for another value than before. It is printed, made as short as can be, with the seed that makes it again.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from dlp.bench.report import Row, at_least, at_most, document, progress
from dlp.testing.faults import FAULTS
from dlp.testing.laws import EXCHANGES, STORES, Bench, evicting, tried
from dlp.testing.programs import RESTRICTED, TOKENISED, Program, program, shrunk

PROGRAMS = 14_000
"""How many programs are tried in all, shared out among adapters, stores and what programs are about."""

TRIES = 2_000
"""After how many programs a fault counts as not caught."""

OVER_SOCKETS = 250
"""How many of them at most go over real sockets, for each store and what they are about."""

_CHUNK = 250
_DELIVERED = 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """Programs to be tried at one bench, from seed `first` on."""

    exchange: str
    store: str
    about: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a batch: how many delivered something to a forbidding sink, read something, and broke the law."""

    batch: Batch
    delivered: int
    read: int
    broke: tuple[tuple[int, str, Program], ...]


def run(programs: int = PROGRAMS, tries: int = TRIES, workers: int = 0) -> dict[str, object]:
    """Try the programs, then every fault; return the rows."""
    workers = workers or os.cpu_count() or 1
    benches = list(product(EXCHANGES, STORES, (RESTRICTED, TOKENISED)))
    each = -(-programs // len(benches))
    batches = [
        Batch(exchange, store, about, first, min(_CHUNK, count - first))
        for exchange, store, about in benches
        for count in [min(each, OVER_SOCKETS) if exchange == "sockets" else each]
        for first in range(0, count, _CHUNK)
    ]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        tallies = list(pool.map(_try, batches))
        caught = list(pool.map(_catch, FAULTS, [tries] * len(FAULTS)))
    return document("laws", [*_kept(tallies), *_faults(caught, tries)])


def _try(batch: Batch) -> Tally:
    """Try a batch of programs at a bench of its own."""
    broke: list[tuple[int, str, Program]] = []
    delivered = read = 0
    with _bench(batch.exchange, batch.store) as bench:
        for seed in range(batch.first, batch.first + batch.count):
            made = program(seed, batch.about)
            verdict = tried(bench, made, seed, batch.about)
            delivered += verdict.delivered
            read += verdict.read
            if verdict.broke:
                short = _short(bench, made, seed, batch.about)
                broke.append((seed, verdict.broke, short))
                progress(f"{batch.exchange}, {batch.store}, {batch.about}, seed {seed}: {verdict.broke}: {short}")
    progress(f"{batch.exchange}, {batch.store}, {batch.about}: {batch.first} to {batch.first + batch.count} tried")
    return Tally(batch, delivered, read, tuple(broke))


def _catch(name: str, tries: int) -> tuple[str, int]:
    """Plant a fault and try programs until one shows it; return after how many, 0 if none does.

    A fault may spoil an engine for good, so after some programs it is planted in another one.
    """
    for first in range(0, tries, _CHUNK):
        found = _catch_in(name, range(first, min(first + _CHUNK, tries)))
        if found is not None:
            progress(f"fault: {name}: caught after {found[0] + 1} programs, by {found[1]}")
            return name, found[0] + 1
    progress(f"fault: {name}: NOT caught by {tries} programs")
    return name, 0


def _catch_in(name: str, seeds: Sequence[int]) -> tuple[int, Program] | None:
    fault = FAULTS[name]
    with fault.plant(), _bench(fault.exchange, "sqlite") as bench:
        for seed in seeds:
            made = program(seed, fault.about)
            if tried(bench, made, seed, fault.about).broke:
                return seed, _short(bench, made, seed, fault.about)
    return None


def _short(bench: Bench, made: Program, seed: int, about: str) -> Program:
    return shrunk(made, lambda shorter: bool(tried(bench, shorter, seed, about).broke))


@contextmanager
def _bench(exchange: str, store: str) -> Iterator[Bench]:
    """Give a bench in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, evicting():
        bench = Bench(Path(folder), store, exchange)
        yield bench
        bench.close()


def _kept(tallies: Sequence[Tally]) -> Iterator[Row]:
    """Give how many programs broke the law, and the share of those that delivered something where it holds."""
    total = sum(tally.batch.count for tally in tallies)
    yield at_least("non-interference/programs tried, each with two secrets", total, "programs", 10_000)
    for exchange, store, about in product(EXCHANGES, STORES, (RESTRICTED, TOKENISED)):
        own = [t for t in tallies if (t.batch.exchange, t.batch.store, t.batch.about) == (exchange, store, about)]
        count = sum(tally.batch.count for tally in own)
        name = f"{exchange}, {store}, {about} data"
        yield at_most(f"non-interference/{name}: broken", sum(len(tally.broke) for tally in own), "programs", 0, count)
        share = sum(tally.delivered for tally in own) / count
        yield at_least(f"delivered at a forbidding sink/{name}", share, "of the programs", _DELIVERED)
        yield Row(
            f"read something protected/{name}", round(sum(tally.read for tally in own) / count, 3), "of the programs"
        )


def _faults(caught: Sequence[tuple[str, int]], tries: int) -> Iterator[Row]:
    yield at_least("planted faults/caught", sum(bool(after) for _, after in caught), "faults", 20, len(caught))
    for name, after in caught:
        yield Row(f"planted fault/{name}", after or tries, "programs until caught", met=bool(after))
