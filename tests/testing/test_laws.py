"""Trying a law: a run is repeatable, and one that is broken says where."""

from pathlib import Path

from dlp.testing.faults import FAULTS
from dlp.testing.laws import Bench, evicting, tried
from dlp.testing.programs import RESTRICTED, Program

LEAK: Program = (("read", "clear", "all"), ("send", "forbidding", "digits", "json"))


def test_a_broken_law_says_where_and_the_same_again(tmp_path: Path):
    with FAULTS["the first label decides"].plant(), evicting():
        bench = Bench(tmp_path)
        said = {tried(bench, LEAK, seed, RESTRICTED).broke for seed in (5, 5, 6)}
    assert said == {"different bytes at forbidding"}


def test_what_was_read_and_delivered_is_told(tmp_path: Path):
    bench = Bench(tmp_path)
    kept = tried(bench, LEAK, 5, RESTRICTED)
    assert (kept.broke, kept.read, kept.delivered) == ("", True, False)
    sent = tried(bench, (("send", "forbidding", "a constant", "json"),), 5, RESTRICTED)
    assert (sent.read, sent.delivered) == (False, True)
