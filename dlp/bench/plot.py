"""The plot of what an area measured."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from dlp.bench.report import RATIO, Row
from dlp.core.errors import ConfigError

PRODUCT, BASELINE, MISSED = "#2a6f97", "#8d99ae", "#c8553d"
STEPS = ("#012a4a", "#2a6f97", "#61a5c2", "#a9d6e5", "#52796f", "#84a98c", "#e9c46a", "#f4a261", "#adb5bd")
_MARKS = {True: "met", False: "MISSED"}
_WIDE = 100  # figures that are further apart than this share no linear axis
_PART_LABEL = 0.03  # a segment narrower than this share of the axis has no room for its figure

type Panel = tuple[str, Sequence[Row]]


def write(told: Mapping[str, Any], path: Path) -> None:
    """Draw what an area's `run` returned as a PNG: ratios with their bars on top, everything else by topic below.

    Raises:
        ConfigError: matplotlib is not installed.

    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra; who asks for no plot need not have it
    except ImportError as error:
        raise ConfigError(
            "--plot: matplotlib is not installed; expected the extra bench: pip install 'dlp-proxy[bench]'"
        ) from error
    drawn = panels(Row(**row) for row in told["rows"])
    heights = [_lines(panel) + 1.5 for panel in drawn]
    figure = Figure(figsize=(11, 0.3 * sum(heights) + 1.0), layout="constrained", dpi=120)
    figure.suptitle(f"dlp bench {told['bench']}", x=0.01, ha="left", fontsize=15, fontweight="bold")
    machine = told["machine"]
    note = (
        "Black lines: what must be reached. Grey: the baseline, measured beside it in the same run.   "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}"
    )
    figure.supxlabel(note, fontsize=8, color="#666666", x=0.01, ha="left")
    axes = figure.subplots(len(drawn), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for (title, rows), (axis,) in zip(drawn, axes, strict=True):
        (_stacked if _is_stack(rows) else _bars)(axis, rows)
        axis.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(axis="y", length=0, labelsize=8)
        axis.grid(axis="x", color="#e5e5e5", zorder=0)
        axis.set_axisbelow(True)
        axis.invert_yaxis()
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    figure.savefig(path, format="png")


def panels(rows: Iterable[Row]) -> list[Panel]:
    """Return titles and the rows that share an axis: those of one topic and unit, ratios first.

    What stands behind a comma in a topic tells stacks of one panel apart: `CPU by step, clean GET`.
    """
    ordered = sorted(rows, key=lambda row: not row.unit.startswith(RATIO))  # stable
    return [
        (f"{topic}, {unit}", list(group))
        for (topic, unit), group in groupby(ordered, key=lambda row: (_topic(row).partition(", ")[0], row.unit))
    ]


def _topic(row: Row) -> str:
    return row.name.partition("/")[0]


def _what(row: Row) -> str:
    return row.name.partition("/")[2] or row.name


def _is_stack(rows: Sequence[Row]) -> bool:
    return ", " in _topic(rows[0])


def _lines(panel: Panel) -> int:
    rows = panel[1]
    return len({_topic(row) for row in rows}) + 1 if _is_stack(rows) else len(rows)


def _bars(axis: Any, rows: Sequence[Row]) -> None:
    """Draw a bar a row, its figure beside it, its baseline as a wide pale bar, what must be reached as a black line."""
    ratio = rows[0].unit.startswith(RATIO)
    places = range(len(rows))
    bases = [0.0 if ratio else row.baseline or 0.0 for row in rows]
    axis.barh(places, bases, height=0.84, color=BASELINE, alpha=0.4, zorder=1)
    colours = [MISSED if row.met is False else PRODUCT for row in rows]
    axis.barh(places, [row.value for row in rows], height=0.56, color=colours, zorder=2)
    ends = [max(row.value, row.bar or 0.0, base) for row, base in zip(rows, bases, strict=True)]
    smallest = min((row.value for row in rows if row.value > 0), default=1.0)
    if not ratio and max(ends) > _WIDE * smallest:
        axis.set_xscale("log")
        axis.set_xlim(smallest / 2, max(ends) * 4)
    else:
        axis.set_xlim(0, (max(ends) or 1.0) * 1.2)
    for place, row, end in zip(places, rows, ends, strict=True):
        text = f"{row.value:,g}"
        if row.bar is not None:
            axis.plot([row.bar, row.bar], [place - 0.45, place + 0.45], color="black", linewidth=2, zorder=3)
            text += f"  ({'at least' if ratio else 'at most'} {row.bar:g}: {_MARKS[bool(row.met)]})"
        axis.annotate(text, (end, place), (5, 0), textcoords="offset points", va="center", fontsize=8, color="#333333")
    axis.set_yticks(list(places), [_what(row) for row in rows])
    if ratio:
        axis.axvline(1.0, color=BASELINE, linewidth=1.5, linestyle="--", zorder=1)


def _stacked(axis: Any, rows: Sequence[Row]) -> None:
    """Draw one bar a topic, made of its rows; a row named `all` is their sum."""
    stacks = [(topic, list(group)) for topic, group in groupby(rows, key=_topic)]
    widest = max(sum(row.value for row in group if _what(row) != "all") for _, group in stacks) or 1.0
    names = list(dict.fromkeys(_what(row) for row in rows if _what(row) != "all"))
    for place, (_, group) in enumerate(stacks):
        left = 0.0
        for row in group:
            if _what(row) == "all":
                continue
            colour = STEPS[names.index(_what(row)) % len(STEPS)]
            axis.barh(place, row.value, left=left, height=0.6, color=colour, zorder=2)
            if row.value > _PART_LABEL * widest:
                dark = names.index(_what(row)) in (0, 1, 4)
                axis.text(
                    *(left + row.value / 2, place, f"{row.value:,g}"),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if dark else "#222222",
                    zorder=3,
                )
            left += row.value
        axis.annotate(
            f"{left:,.0f}", (left, place), (5, 0), textcoords="offset points", va="center", fontsize=8, color="#333333"
        )
    axis.set_xlim(0, widest * 1.2)
    axis.set_yticks(range(len(stacks)), [topic.partition(", ")[2] for topic, _ in stacks])
    from matplotlib.patches import Patch  # noqa: PLC0415 - as above

    key = [Patch(color=STEPS[at % len(STEPS)], label=name) for at, name in enumerate(names)]
    axis.legend(handles=key, ncols=len(key), fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.22))
