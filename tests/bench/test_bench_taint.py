"""The taint bench: every family in every way of tracking, the bars, and what is not stopped by name."""

from dlp.bench import taint as bench


def test_every_family_and_way_of_tracking_is_a_row():
    told = bench.run(each=40, runs=3, many=200)
    rows = {row["name"]: row for row in told["rows"]}  # type: ignore[attr-defined]  # a report is typed loosely
    assert rows["stopped, session, clear/encodings"]["met"] is True
    assert rows["stopped, value, hidden/standard forms"]["bar"] == 0.9
    assert rows["stopped, guarded, clear/all but arithmetic and covert shapes"]["bar"] == 0.97
    assert rows["honest messages pass byte for byte/value"]["bar"] == 0.99
    assert rows["honest work refused, session/all"]["value"] > rows["honest work refused, value/all"]["value"]
    assert rows["tracing 1 KB/p50 against 100 values"]["bar"] == 150
    assert not [case for case in told["not stopped"] if case.startswith("session")]  # type: ignore[attr-defined]
