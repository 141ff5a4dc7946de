"""`limits:`, compiled: what one session may use up."""

import re
from collections.abc import Iterable, Mapping

from dlp.core.policy import Limits
from dlp.strict_yaml import Node, Scalar, expect_integer, expect_map, fail, kind

_KEYS = ("calls", "per_minute", "duration", "memory", "guesses")
_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([A-Za-z]+)")
_SIZES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def compile_limits(nodes: Iterable[Node]) -> Limits:
    """Return the limits of all files together: of each, the strictest."""
    least: dict[str, float] = {}
    for node in nodes:
        for key, value in expect_map(node, "limits", _KEYS).items():
            given = _READ[key](value, f"limits: {key}")
            least[key] = min(given, least.get(key, given))
    whole = {key: round(least[key]) if key in least else None for key in ("calls", "per_minute", "memory", "guesses")}
    return Limits(duration=least.get("duration"), **whole)


def _count(node: Node, what: str) -> float:
    count = expect_integer(node, what)
    if count < 1:
        fail(node, f"{what}: expected 1 or more, got {count}")
    return count


def _none_or_more(node: Node, what: str) -> float:
    count = expect_integer(node, what)
    if count < 0:
        fail(node, f"{what}: expected 0 or more, got {count}")
    return count


def _amount(units: Mapping[str, float], example: str, node: Node, what: str) -> float:
    text = node.value if isinstance(node, Scalar) else None
    match = _AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        got = kind(node) if match is None else f"the unit {match[2]}"
        known = ", ".join(units)
        fail(node, f"{what}: expected a number with a unit, such as {example}, got {got}; known units: {known}")
    amount = float(match[1]) * units[match[2]]
    if not amount:
        fail(node, f"{what}: expected more than nothing")
    return amount


def _duration(node: Node, what: str) -> float:
    return _amount(_DURATIONS, "30s", node, what)


def _memory(node: Node, what: str) -> float:
    return _amount(_SIZES, "256MB", node, what)


_READ = {"calls": _count, "per_minute": _count, "duration": _duration, "memory": _memory, "guesses": _none_or_more}
