"""The object that every area of `dlp bench` returns: rows of measured numbers beside their baselines and bars."""

import math
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

RATIO = "times "


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number.

    `name` is `topic/what`; rows of one topic belong together. `baseline` is the same thing measured beside it in the
    same run, in `unit`; for a ratio (its unit begins with `RATIO`) it is what 1 stands for.
    `met` is None where there is no bar.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    bar: float | None = None
    met: bool | None = None


def row(name: str, value: float, unit: str, baseline: float | None = None) -> Row:
    """Return a row that is printed for what it is."""
    return Row(name, _rounded(value), unit, None if baseline is None else _rounded(baseline))


def at_least(name: str, value: float, unit: str, bar: float | None, baseline: float | None = None) -> Row:
    """Return a row that must reach its bar, if it has one. The value is compared before it is rounded."""
    made = row(name, value, unit, baseline)
    return made if bar is None else replace(made, bar=bar, met=value >= bar)


def at_most(name: str, value: float, unit: str, bar: float | None, baseline: float | None = None) -> Row:
    """Return a row that must stay under its bar, if it has one. The value is compared before it is rounded."""
    made = row(name, value, unit, baseline)
    return made if bar is None else replace(made, bar=bar, met=value <= bar)


def document(bench: str, rows: Iterable[Row]) -> dict[str, object]:
    """Return the object that an area's `run` returns and `--json` prints."""
    return {"bench": bench, "machine": machine(), "rows": [asdict(row) for row in rows]}


def machine() -> dict[str, object]:
    """Return what a reader needs to know of this machine; no name, no address."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _rounded(value: float) -> float:
    """Return `value` with three significant digits, and never less than its whole part."""
    if not value or not math.isfinite(value):
        return value
    return round(value, max(0, 2 - math.floor(math.log10(abs(value)))))


def progress(text: str) -> None:
    """Tell on standard error what is being measured."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()
