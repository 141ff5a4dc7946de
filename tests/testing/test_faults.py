"""Each planted fault breaks a law in a program that shows it; without the fault the same program breaks none."""

from pathlib import Path

import pytest

from dlp.testing.faults import FAULTS
from dlp.testing.laws import Bench, evicting, tried
from dlp.testing.programs import Program

SHOWN: dict[str, tuple[int, Program]] = {
    "taint is written late": (37, (("read", "hidden", "above"), ("send", "forbidding", "sum", "path"))),
    "what a source carries is forgotten": (
        8,
        (("read", "bands", "header"), ("during", "clear", "above", "forbidding", "sum")),
    ),
    "a state is dropped": (121, (("read", "bands", "one/0"), ("send", "counts", "sum", "json"))),
    "raw data count as derived": (2, (("read", "clear", "twice"), ("send", "review", "digits", "json"))),
    "a source is mistaken for another": (
        226,
        (("read", "bands", "note"), ("during", "clear", "twice", "partner", "hash")),
    ),
    "taint is kept in memory only": (
        60,
        (("read", "bands", "one/2"), ("worker",), ("split", "forbidding", "packed", "cookie")),
    ),
    "the ledger is cached": (
        60,
        (
            ("read", "friend", "public"),
            ("worker",),
            ("read", "bands", "one/2"),
            ("worker",),
            ("split", "forbidding", "packed", "cookie"),
        ),
    ),
    "a refresh is skipped": (
        280,
        (
            ("send", "forbidding", "length", "cookie"),
            ("worker",),
            ("read", "people", "one/0"),
            ("worker",),
            ("send", "friend", "tokens", "json"),
        ),
    ),
    "a batch is half undone": (
        114,
        (
            ("failing answer",),
            ("read", "clear", "one/0"),
            ("read", "clear", "one/0"),
            ("worker",),
            ("send", "counts", "the end", "json"),
        ),
    ),
    "eviction forgets": (217, (("read", "clear", "all"), ("restart",), ("send", "counts", "hash", "text"))),
    "each protocol has a session of its own": (
        3,
        (("read", "clear", "all"), ("send", "forbidding", "sum", "json"), ("send", "forbidding", "sum", "json")),
    ),
    "unknown is taken for false": (25, (("read", "bands", "all"), ("send", "board", "as it is", "json"))),
    "a transform on carried taint passes": (158, (("read", "clear", "one/2"), ("send", "logs", "encrypted", "json"))),
    "to ask is to allow": (110, (("read", "open", "above"), ("split", "held", "sum", "json"))),
    "the first label decides": (0, (("read", "hidden", "exists"), ("send", "held", "base64", "json"))),
    "a decision outlives its policy": (
        7,
        (("read", "open", "one/0"), ("reload",), ("send", "partner", "as it is", "json")),
    ),
    "an error passes": (12, (("read", "hidden", "above"), ("failing",), ("send", "forbidding", "base64", "json"))),
    "token numbers begin anew": (1, (("read", "people", "one/0"), ("restart",), ("read", "people", "one/2"))),
    "a vault of another session": (1, (("read", "people", "one/2"), ("send", "forbidding", "tokens cut", "json"))),
    "an echo is let in": (
        53,
        (
            ("read", "people", "planted"),
            ("echo", "tokens", "text"),
            ("split", "forbidding", "every other", "staff twice"),
        ),
    ),
    "an encoded echo is let in": (
        296,
        (
            ("read", "people", "one/2"),
            ("echo", "first token", "base64"),
            ("during", "people", "planted", "review", "hash"),
        ),
    ),
    "headers are not looked at": (
        683,
        (("read", "people", "one/2"), ("echo", "first token", "header"), ("send", "forbidding", "encrypted", "json")),
    ),
    "what is opaque is ignored": (30, (("read", "people", "opaque"), ("send", "forbidding", "the end", "json"))),
    "a value is put back where the token should go": (
        7,
        (("read", "people", "planted"), ("send", "logs", "tokens", "header")),
    ),
    "planted tokens are let in": (6, (("read", "people", "planted"),)),
}
"""By fault, the seed of two secrets and the shortest program that was found to show it."""


def broke(folder: Path, name: str) -> str:
    seed, program = SHOWN[name]
    with evicting():
        bench = Bench(folder, "sqlite", FAULTS[name].exchange)
        verdict = tried(bench, program, seed, FAULTS[name].about)
        bench.close()
    return verdict.broke


@pytest.mark.parametrize("name", SHOWN)
def test_a_planted_fault_is_caught(name: str, tmp_path: Path):
    with FAULTS[name].plant():
        assert broke(tmp_path, name)


def test_every_fault_has_a_program_that_shows_it_and_breaks_nothing_without_it(tmp_path: Path):
    assert SHOWN.keys() == FAULTS.keys()
    assert len(FAULTS) >= 20
    with evicting():
        bench = Bench(tmp_path, "sqlite")
        kept = {name: tried(bench, program, seed, FAULTS[name].about).broke for name, (seed, program) in SHOWN.items()}
        bench.close()
    assert kept == dict.fromkeys(SHOWN, "")
