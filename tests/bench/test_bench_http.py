from typing import Any

import pytest

from dlp.bench import http
from dlp.bench.load import ANSWERS


@pytest.fixture(scope="module")
def told():
    effort = http.Effort(
        rounds=1,
        seconds=0.1,
        latency_rounds=1,
        latency_answers=5,
        starts=1,
        exchanges=5,
        kinds=http.COMPARISONS[:5],
        large=http.LARGE[:4],
    )
    return http.run(effort)


@pytest.mark.e2e
def test_the_bench_measures_everything_that_has_a_bar(told: dict[str, Any]):
    bars = {row["name"]: row["bar"] for row in told["rows"] if row["bar"] is not None}
    assert bars == {
        "start/until the first answer, right after dlp init": 2.0,
        "start/until the first answer": 2.0,
        "requests/clean GET over HTTP": 1.3,
        "requests/clean GET over TLS": 1.3,
        "requests/1 KB both ways over HTTP": 1.1,
        "requests/1 KB both ways over TLS": 1.1,
        "requests/five new values over HTTP": 0.7,
        "added latency/p50 over HTTP": 1.5,
        "added latency/p99 over HTTP": 4.0,
        "added latency/p50 over TLS": 1.5,
        "added latency/p99 over TLS": 4.0,
        "stall of a second client/10 MB of numbers": 20.0,
        "growth/10 MB of numbers": 64.0,
        "stall of a second client/2 MB of records": 20.0,
        "growth/2 MB of records": 64.0,
        "stall of a second client/2 MB of records in gzip": 20.0,
        "stall of a second client/an answer of 2 MB of records": 20.0,
        "growth/an answer of 2 MB of records": 64.0,
        "growth under a bomb of 300 MB/one": 64.0,
    }


@pytest.mark.e2e
def test_every_ratio_stands_beside_its_baseline(told: dict[str, Any]):
    ratios = [row for row in told["rows"] if row["unit"].startswith("times ")]
    assert ratios
    assert all(row["value"] > 0 and row["baseline"] > 0 for row in ratios)


def test_each_large_body_is_one_of_its_size():
    sizes = {large.name: len(large.body() or ANSWERS[large.path.encode()](1)) for large in http.LARGE}
    for name, size in sizes.items():
        told = next(int(word) for word in name.split() if word.isdigit())
        assert "gzip" in name or 0.85 * told < size / http.MB < 1.15 * told, name
    assert all(large.coding == "gzip" for large in http.LARGE if "gzip" in large.name)
