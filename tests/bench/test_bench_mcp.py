from typing import Any

import pytest

from dlp.bench import mcp


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return mcp.run(mcp.Effort(rounds=1, calls=3, pages=2, listings=1, servers=3, tools=5))


@pytest.mark.e2e
def test_the_bench_measures_everything_that_has_a_bar(told: dict[str, Any]):
    bars = {row["name"]: row["bar"] for row in told["rows"] if row["bar"] is not None}
    assert bars == {"1 KB call over stdio/p50": 1.35, "1 KB call over HTTP/p50": 1.5, "15 tools, joined/p50": 1.3}


@pytest.mark.e2e
def test_a_call_with_personal_data_is_told_with_its_share_of_detection(told: dict[str, Any]):
    shares = [row["value"] for row in told["rows"] if row["name"].endswith("share of detection")]
    assert len(shares) == 2
    assert all(0 < share <= 100 for share in shares)
