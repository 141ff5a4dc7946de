"""What tracing costs: a message of 1 KB against few and many values, runs that decode, a large body, memory.

Medians of processor time of the steps alone, in one process; the share of the whole proxy is `bench http`'s business.
"""

import base64
import gc
import os
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence

import orjson

from dlp.bench.peers import memory_of
from dlp.bench.report import Row, at_least, at_most, progress, row
from dlp.core.label import RAW, DataClass, Label
from dlp.core.message import Block
from dlp.engine import tracing
from dlp.engine.keys import Seal
from dlp.engine.past import Past
from dlp.engine.vault import Known, Origin
from dlp.stores.memory import MemoryStore
from dlp.wire.body import read_body

_MAIL = DataClass("pii.email")
_WORDS = (  # noqa: SIM905 - a list of words reads best as words
    "the quick brown fox jumps over lazy dog while support ticket customer order shipping address invoice number "
    "pending review summary weekly report"
).split()
_KB, _MB = 1_000, 1_000_000
_IN_ALL_FORMS = 20_000
_ONCE_BAR, _RATIO_BAR, _DECODE_BAR, _SPEED_BAR, _VALUE_BAR = 150.0, 1.2, 5.0, 20.0, 64.0


def rows(*, many: int = 1_000_000, prints: int = 10_000_000) -> Iterator[Row]:
    """Give the rows; `many` values, and so many fingerprints, are the most that are looked for."""
    pick = random.Random(7)  # noqa: S311 - no secret
    message, large = _block(_json(_KB, pick)), _block(_json(_MB, pick))
    few = past_of(_values(100, pick))
    said = (" ".join(pick.choices(_WORDS, k=5)) for _ in range(16))
    runs = _block(orjson.dumps({"runs": [base64.b64encode(each.encode()).decode() for each in said]}).decode())
    yield at_most(
        "tracing 1 KB/with 16 runs that decode", _micros(lambda: _traced(few, runs), 50) / 1000, "ms", _DECODE_BAR
    )
    took = _micros(lambda: _traced(few, large), 5)
    yield at_least("tracing 1 MB/speed", _MB / took, "MB/s", _SPEED_BAR)
    values = _values(many, pick)
    gc.collect()
    before = memory_of(os.getpid())
    after = past_of(values)
    gc.collect()
    each = (memory_of(os.getpid()) - before) / many
    yield row("memory/values in the index", float(many), "values")
    yield at_most("memory/a value in the index", each, "bytes", _VALUE_BAR)
    first = min(many, _IN_ALL_FORMS)
    yield row(f"memory/a value in the index, of the first {first:,}", _bytes_each(values[:first]), "bytes")
    _fill(after, prints, pick)
    once, again = _beside(lambda: _traced(few, message), lambda: _traced(after, message), 400)
    yield at_most("tracing 1 KB/p50 against 100 values", once, "us", _ONCE_BAR)
    name = f"{many:,} values and {prints:,} fingerprints"
    yield at_most(f"tracing 1 KB/p50 against {name}", again, "us", _ONCE_BAR)
    yield at_most(f"tracing 1 KB/{name} against 100 values", again / once, "x", _RATIO_BAR)


def past_of(values: Iterable[Known]) -> Past:
    """Return the past of a session that has read these values in the clear."""
    past = Past(MemoryStore(), "bench", Seal(b"k" * 32), lambda _: "EMAIL")
    past.refresh()
    for known in values:
        past.index.add(known)
    return past


def _values(count: int, pick: random.Random) -> list[Known]:
    label, origin = frozenset({Label(_MAIL, RAW, "hr")}), Origin("e")
    return [Known(_mail(number, pick), number=False, origin=origin, labels=label) for number in range(count)]


def _fill(past: Past, count: int, pick: random.Random) -> None:
    """Take up further fingerprints, of texts that are in no message, until there are so many."""
    prints = past.index.prints
    for number in range(len(prints), count):
        if number % 1_000_000 == 0:
            progress(f"{number:,} fingerprints")
        prints.add(pick.getrandbits(64), number % 100)


def _mail(number: int, pick: random.Random) -> str:
    return f"{pick.choice('abcdefgh')}{number}.{pick.randrange(10**6)}@mail{pick.randrange(999)}.example"


def _json(size: int, pick: random.Random) -> str:
    found: list[bytes] = []
    while sum(map(len, found)) < size:
        title = " ".join(pick.choices(_WORDS, k=8))
        found.append(orjson.dumps({"id": pick.randrange(10**6), "title": title, "status": "open"}))
    return "[" + b",".join(found).decode() + "]"


def _block(text: str) -> Block:
    """Return a body of JSON as it is once it was read: that is another step's cost."""
    block = read_body(text.encode(), "application/json", "", limit=len(text)).block
    _ = block.parts
    return block


def _traced(past: Past, block: Block) -> bool:
    """Trace a body as a message's is, guarded; return whether anything was found."""
    if tracing.plain(block, past, guarded=True):
        return False
    parts = list(enumerate(block.parts))
    return any(tracing.sightings(parts, tracing.encoded(parts), past))


def _micros(task: Callable[[], object], times: int) -> float:
    return _beside(task, task, times)[0]


def _beside(one: Callable[[], object], other: Callable[[], object], times: int) -> tuple[float, float]:
    """Return what each of two tasks takes in the middle, in microseconds, done by turns."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 1):
        for task, times_of in zip((one, other), took, strict=True):
            start = time.process_time_ns()
            task()
            if number:
                times_of.append((time.process_time_ns() - start) / 1000)
    return statistics.median(took[0]), statistics.median(took[1])


def _bytes_each(values: Sequence[Known]) -> float:
    past = past_of(())
    tracemalloc.start()
    for known in values:
        past.index.add(known)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(values)
