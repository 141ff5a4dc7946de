"""The plot of what an area measured."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from dlp.bench.report import RATIO, Row
from dlp.core.errors import ConfigError

PRODUCT, BASELINE, MISSED = "#2a6f97", "#8d99ae", "#c8553d"
_MARKS = {True: "met", False: "MISSED", None: ""}


def write(told: Mapping[str, Any], path: Path) -> None:
    """Draw what an area's `run` returned as a PNG: ratios with their bars on top, everything else by topic below.

    Raises:
        ConfigError: matplotlib is not installed, or the file cannot be written.

    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra; who asks for no plot need not have it
    except ImportError as error:
        raise ConfigError(
            "--plot: matplotlib is not installed; expected the extra: pip install 'dlp-proxy[bench]'"
        ) from error
    drawn = panels(Row(**row) for row in told["rows"])
    heights = [len(rows) + 1.6 for _, rows in drawn]
    figure = Figure(figsize=(10, 0.34 * sum(heights) + 1.0), layout="constrained", dpi=130)
    figure.suptitle(f"dlp bench {told['bench']}", x=0.01, ha="left", fontsize=15, fontweight="bold")
    machine = told["machine"]
    figure.supxlabel(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}",
        fontsize=8,
        color="#666666",
        x=0.01,
        ha="left",
    )
    axes = figure.subplots(len(drawn), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for (title, rows), (axis,) in zip(drawn, axes, strict=True):
        _bars(axis, title, rows)
    figure.savefig(path, format="png")


def panels(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Return rows that share an axis: ratios together, then each run of rows of one topic and unit."""
    rows = list(rows)
    ratios = [row for row in rows if row.unit.startswith(RATIO)]
    others = [row for row in rows if not row.unit.startswith(RATIO)]
    made = [(f"{ratios[0].unit} of the baseline", ratios)] if ratios else []
    for (topic, unit), group in groupby(others, key=lambda row: (row.name.partition("/")[0], row.unit)):
        made.append((f"{topic}, {unit}", list(group)))
    return made


def _bars(axis: Any, title: str, rows: Sequence[Row]) -> None:
    """Draw one panel: a bar a row, its value beside it, its baseline as a pale bar, its bar as a black line."""
    ratio = rows[0].unit.startswith(RATIO)
    places = range(len(rows))
    labels = [row.name if ratio else row.name.partition("/")[2] or row.name for row in rows]
    if not ratio:
        axis.barh(places, [row.baseline or 0 for row in rows], height=0.82, color=BASELINE, alpha=0.35, zorder=1)
    colours = [MISSED if row.met is False else PRODUCT for row in rows]
    axis.barh(places, [row.value for row in rows], height=0.56, color=colours, zorder=2)
    widest = max(max(row.value, row.bar or 0, 0 if ratio else row.baseline or 0) for row in rows) or 1.0
    axis.set_xlim(0, widest * 1.16)
    for place, row in zip(places, rows, strict=True):
        if row.bar is not None:
            axis.plot([row.bar, row.bar], [place - 0.45, place + 0.45], color="black", linewidth=2, zorder=3)
        text = _text(row.value) + (f"   bar {_text(row.bar)}, {_MARKS[row.met]}" if row.bar is not None else "")
        axis.text(
            max(row.value, row.bar or 0, 0 if ratio else row.baseline or 0) + widest * 0.01,
            place,
            text,
            va="center",
            fontsize=8,
            color="#333333",
        )
    axis.set_yticks(list(places), labels, fontsize=8)
    axis.invert_yaxis()
    axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axis.tick_params(axis="x", labelsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#e5e5e5", zorder=0)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    if ratio:
        axis.axvline(1.0, color=BASELINE, linewidth=1.2, linestyle="--", zorder=1)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:,g}" if math.fabs(value) < 1e6 else f"{value:,.0f}"  # noqa: PLR2004
