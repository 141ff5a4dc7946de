"""The laws bench: how many programs, what they delivered, and each fault."""

from dlp.bench import laws as bench
from dlp.testing.faults import FAULTS


def test_every_bench_and_every_fault_is_a_row():
    told = bench.run(programs=16, tries=1, workers=1)
    assert told["bench"] == "laws"
    rows = {row["name"]: row for row in told["rows"]}  # type: ignore[attr-defined]  # a report is typed loosely
    assert rows["non-interference/http, sqlite, tokenised data: broken"]["value"] == 0
    assert rows["delivered at a forbidding sink/http, memory, restricted data"]["bar"] == 0.3
    assert {f"planted fault/{name}" for name in FAULTS} <= rows.keys()
    assert rows["planted fault/planted tokens are let in"]["met"] is False  # two programs are not enough to show it
