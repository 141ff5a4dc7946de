"""The official conformance suite says the same of a server through the gateway as without it, check by check."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[3]
MODULES = PROJECT / "node_modules"
NODE = str(MODULES / ".bin" / "node")
SUITES = {
    "0.1.16": (MODULES / "@modelcontextprotocol" / "conformance", ()),
    "2025-11-25": (MODULES / "conformance-next", ("--requirements", "2025-11-25")),
    "2026-07-28": (MODULES / "conformance-next", ("--requirements", "2026-07-28")),
}
TIMED = re.compile(r"-\d{4}-\d\d-\d\dT[\d-]+Z$")

pytestmark = pytest.mark.e2e

type Results = dict[str, list[tuple[str, str]]]
"""What became of each check, by scenario, in the order in which they were made."""


def results(suite: str, url: str, folder: Path) -> Results:
    package, options = SUITES[suite]
    subprocess.run(  # noqa: S603 - a fixed command; its exit code says that checks failed, which is compared instead
        [NODE, str(package / "dist" / "index.js"), "server", "--url", url, "-o", str(folder), *options],
        capture_output=True,
        timeout=120,
        check=False,
    )
    return {
        TIMED.sub("", file.parent.name): [(check["id"], check["status"]) for check in json.loads(file.read_text())]
        for file in sorted(folder.glob("*/checks.json"))
    }


def statuses(found: Results) -> set[str]:
    return {status for checks in found.values() for _, status in checks}


@pytest.mark.parametrize(("suite", "scenarios"), [("0.1.16", 30), ("2025-11-25", 33), ("2026-07-28", 50)])
def test_every_scenario_ends_through_the_gateway_as_it_ends_directly(
    suite: str, scenarios: int, everything: str, gateway_to_everything: Any, tmp_path: Path
):
    direct = results(suite, everything, tmp_path / "direct")
    through = results(suite, gateway_to_everything.url("everything"), tmp_path / "through")
    assert len(direct) >= scenarios
    assert statuses(direct) <= (
        {"SUCCESS", "INFO"} if suite != "2026-07-28" else {"SUCCESS", "INFO", "FAILURE", "SKIPPED"}
    )
    assert through == direct
