import sys
from types import ModuleType, SimpleNamespace

import pytest

from .conftest import Run

ROWS = [
    {"name": "clean GET", "value": 1.41, "unit": "x", "baseline": 1.0, "bar": 1.3, "met": True},
    {"name": "memory", "value": 12, "unit": "MB", "baseline": None, "bar": None, "met": None},
]


@pytest.fixture
def area(monkeypatch: pytest.MonkeyPatch):
    """Make an area called `made_up`, whose figures a test can change."""
    told = {"bench": "made_up", "machine": "two cores", "rows": [dict(row) for row in ROWS]}
    module = ModuleType("dlp.bench.made_up")
    module.run = lambda: told  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dlp.bench.made_up", module)
    monkeypatch.setattr("pkgutil.iter_modules", lambda _path: [SimpleNamespace(name="made_up")])
    return told


@pytest.mark.usefixtures("area")
def test_alone_it_lists_the_areas(dlp: Run):
    assert dlp("bench").out == "made_up\n"
    assert dlp("bench", "--json").json == {"areas": ["made_up"]}


def test_an_area_is_measured_and_printed(dlp: Run, area: dict[str, object]):
    told = dlp("bench", "made_up", "--json")
    assert (told.code, told.json) == (0, area)
    table = dlp("bench", "made_up").out
    assert "1.41" in table
    assert "on two cores" in table


def test_a_bar_that_is_missed_is_a_finding(dlp: Run, area: dict[str, list[dict[str, object]]]):
    area["rows"][0]["met"] = False
    told = dlp("bench", "made_up")
    assert (told.code, "NO" in told.out) == (1, True)


@pytest.mark.usefixtures("area")
def test_an_unknown_area_is_misuse(dlp: Run):
    told = dlp("bench", "nothing")
    assert (told.code, "known: made_up" in told.err) == (2, True)
