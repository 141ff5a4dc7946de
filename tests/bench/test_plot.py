import sys
from pathlib import Path

import pytest

from dlp.bench import plot
from dlp.bench.report import at_least, at_most, document, row
from dlp.core.errors import ConfigError

ROWS = [
    at_least("requests/clean", 1.4, "times requests/s", 1.3, 800.0),
    at_least("requests/POST", 0.9, "times requests/s", 1.1, 700.0),
    at_most("added latency/p50", 1.2, "ms", 1.5, 2.0),
    row("CPU by step/parse", 12.0, "µs"),
]


def test_a_plot_is_a_png(tmp_path: Path):
    pytest.importorskip("matplotlib")
    plot.write(document("http", ROWS), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_rows_that_share_an_axis_share_a_panel():
    panels = plot.panels(ROWS)
    assert [len(rows) for _, rows in panels] == [2, 1, 1]


def test_without_matplotlib_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match="bench"):
        plot.write(document("http", ROWS), tmp_path / "plot.png")
