"""The four stories end to end, judged by what the upstreams received."""

import base64
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))  # examples are scripts that import each other by name, not a package

demo: Any = importlib.import_module("demo")
running_services: Any = importlib.import_module("services").running_services

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_services(tmp_path_factory.mktemp("upstreams")) as running:
        yield running


@pytest.mark.parametrize("story", [pytest.param(story, id=story.title) for story in demo.STORIES])
def test_a_story_goes_as_told(story: Any, services: Any, tmp_path: Path):
    checks = list(story.play(services, tmp_path))
    assert checks
    assert [f"{check.step}: {check.seen}" for check in checks] == [
        f"{check.step}: {check.expected}" for check in checks
    ]


def test_a_value_is_recognised_in_every_form_the_judge_looks_for():
    stage = importlib.import_module("stage")
    value = "ghp_0123456789abcdefABCDEF"
    for shift in range(3):
        for tail in range(3):
            encoded = base64.b64encode(b"x" * shift + value.encode() + b"y" * tail)
            assert stage.seen_in(b"text " + encoded + b" text", [value]) == "1 of 1"
    for form in (value.encode().hex(), value.encode().hex().upper(), value):
        assert stage.seen_in(form.encode(), [value]) == "1 of 1"
    assert stage.seen_in(b'{"salary": 118472}', ["118472"]) == "1 of 1"
    assert stage.seen_in(b"id 0118472f", ["118472"]) == "none"
    assert stage.seen_in(b"nothing of the kind", [value]) == "none"
