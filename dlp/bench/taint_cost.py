"""What tracing costs: a message of 1 KB against few and many values, runs that decode, a large body, memory.

Medians of processor time of the steps alone, in one process; the share of the whole proxy is `bench http`'s business.
"""

import base64
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator

import orjson

from dlp.bench.report import Row, at_least, at_most, row
from dlp.core.label import RAW, DataClass, Label
from dlp.core.message import Block, Part
from dlp.engine import tracing
from dlp.engine.keys import Seal
from dlp.engine.past import Past
from dlp.engine.vault import Known, Origin
from dlp.stores.memory import MemoryStore

_MAIL = DataClass("pii.email")
_WORDS = (  # noqa: SIM905 - a list of words reads best as words
    "the quick brown fox jumps over lazy dog while support ticket customer order shipping address invoice number "
    "pending review summary weekly report"
).split()
_KB, _MB = 1_000, 1_000_000
_ONCE_BAR, _RATIO_BAR, _DECODE_BAR, _SPEED_BAR, _VALUE_BAR = 150.0, 1.2, 5.0, 20.0, 64.0


def rows(*, many: int = 1_000_000) -> Iterator[Row]:
    """Give the rows; `many` values are the most that are looked for."""
    pick = random.Random(7)  # noqa: S311 - no secret
    message, large = _json(_KB, pick), _json(_MB, pick)
    few, after = past_of(100, pick), past_of(many, pick)
    once = _micros(lambda: _traced(few, message), 400)
    again = _micros(lambda: _traced(after, message), 400)
    yield at_most("tracing 1 KB/p50 against 100 values", once, "us", _ONCE_BAR)
    yield at_most(f"tracing 1 KB/p50 against {many:,} values", again, "us", _ONCE_BAR)
    yield at_most(f"tracing 1 KB/{many:,} values against 100", again / once, "x", _RATIO_BAR)
    runs = orjson.dumps({"runs": [base64.b64encode(pick.randbytes(30)).decode() for _ in range(16)]}).decode()
    yield at_most(
        "tracing 1 KB/with 16 runs that decode", _micros(lambda: _traced(few, runs), 50) / 1000, "ms", _DECODE_BAR
    )
    took = _micros(lambda: _traced(few, large), 5)
    yield at_least("tracing 1 MB/speed", len(large) / took, "MB/s", _SPEED_BAR)
    yield row("memory/values in the index", float(many), "values")
    yield at_most("memory/a value in the index", _bytes_each(min(many, 20_000), pick), "bytes", _VALUE_BAR)


def past_of(count: int, pick: random.Random) -> Past:
    """Return the past of a session that has read so many addresses in the clear."""
    past = Past(MemoryStore(), "bench", Seal(b"k" * 32), lambda _: "EMAIL")
    past.refresh()
    label = frozenset({Label(_MAIL, RAW, "hr")})
    for number in range(count):
        past.index.add(Known(_mail(number, pick), number=False, origin=Origin("e"), labels=label))
    return past


def _mail(number: int, pick: random.Random) -> str:
    return f"{pick.choice('abcdefgh')}{number}.{pick.randrange(10**6)}@mail{pick.randrange(999)}.example"


def _json(size: int, pick: random.Random) -> str:
    found: list[bytes] = []
    while sum(map(len, found)) < size:
        title = " ".join(pick.choices(_WORDS, k=8))
        found.append(orjson.dumps({"id": pick.randrange(10**6), "title": title, "status": "open"}))
    return "[" + b",".join(found).decode() + "]"


def _traced(past: Past, text: str) -> bool:
    return tracing.plain(Block(lambda: (Part("", text),), surface=text.encode()), past, guarded=True)


def _micros(task: Callable[[], object], times: int) -> float:
    task()
    took = []
    for _ in range(times):
        start = time.process_time_ns()
        task()
        took.append((time.process_time_ns() - start) / 1000)
    return statistics.median(took)


def _bytes_each(count: int, pick: random.Random) -> float:
    values = [Known(_mail(number, pick), number=False, origin=Origin("e")) for number in range(count)]
    past = past_of(0, pick)
    tracemalloc.start()
    for known in values:
        past.index.add(known)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / count
