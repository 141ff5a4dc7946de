"""The measured example of tools as code: what it prints stands in the README, and code reads a fraction."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))  # examples are scripts that import each other by name, not a package

pytestmark = pytest.mark.e2e


def test_code_reads_a_fraction_of_what_a_prompt_with_all_tools_holds_and_the_readme_says_so(tmp_path: Path):
    example: Any = importlib.import_module("tools_as_code")
    tokens = example.measured(tmp_path, rows=100)
    assert tokens["tools"] == 20 * 50 + 1  # and `search_tools`
    few = ("listing", "search", "stub", "program", "printed")
    assert sum(tokens[name] for name in few) * 100 < tokens["definitions"]
    # The README has the figures of the whole run; all but the rows are the same here.
    table = dict(
        re.findall(r"^\| ([^|]+?) \|[^0-9*]*([0-9,]+)", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)
    )
    printed = dict(re.findall(r"^\| ([^|]+?) \|[^0-9*]*([0-9,]+)", example.report(tokens), re.MULTILINE))
    same = [what for what in printed if "10,000" not in what and "printed" not in what and "in all" not in what]
    assert {what: table.get(what) for what in same} == {what: printed[what] for what in same}
