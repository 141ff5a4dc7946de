"""The joined address, to the SDK's client in both of its ways to speak: a call brings what it brings directly."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Gateway, environment

PROBE = Path(__file__).with_name("probe_sdk2.py")
BOTH = ["test_tool_with_progress", "test_simple_text", "test_error_handling", "test_image_content"]
CALLS = {
    "legacy": [*BOTH, "test_tool_with_logging"],
    "auto": [
        *BOTH,
        "test_input_required_result_elicitation",
        "test_input_required_result_sampling",
        "test_input_required_result_request_state",
        "test_input_required_result_multi_round",
    ],
}
ASKING = {"legacy": [["call", "test_sampling", {"prompt": "Hi"}], ["call", "test_elicitation", {"message": "Who?"}]]}

pytestmark = pytest.mark.e2e


def seen(mode: str, url: str, token: str, before: str) -> list[Any]:
    """Return what a client sees; `before` stands before every name."""
    calls = [["call", name, {}] for name in CALLS[mode]] + ASKING.get(mode, [])
    steps = [
        *([what, f"{before}.{name}" if before else name, *rest] for what, name, *rest in calls),
        ["read", f"{before}+test://static-text" if before else "test://static-text"],
        ["prompt", f"{before}.test_simple_prompt" if before else "test_simple_prompt", {}],
    ]
    headers = {"Authorization": f"Bearer {token}"}
    target = {"url": url, "mode": mode, "headers": headers, "steps": [["tools"], *steps]}
    done = subprocess.run(  # noqa: S603 - a client of the tests
        [sys.executable, str(PROBE)],
        input=json.dumps([target]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = json.loads(re.sub(r'"[0-9]+"', '"a progress token"', done.stdout.replace("everything+test:", "test:")))
    return list(found)


@pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_a_call_through_the_joined_address_is_what_it_is_directly(
    mode: str, revision: str, everything: str, gateway_to_everything: Gateway
):
    token = gateway_to_everything.env["DLP_MCP_TOKEN"]
    direct = seen(mode, everything, token, "")
    through = seen(mode, gateway_to_everything.url(), token, "everything")
    assert through[0][1] == revision
    listed = {name: (found[2][1]["tools"]) for name, found in (("direct", direct), ("through", through))}
    own = [tool["name"].removeprefix("everything.") for tool in listed["through"]]
    assert own == [*(tool["name"] for tool in listed["direct"]), "search_tools"]
    assert through[2][1].get("_meta", {}).get("dlp/unavailable") is None

    def said(found: list[Any]) -> list[Any]:
        return [what[1:] if isinstance(what[0], list) else what for what in found[3:]]

    assert said(through) == said(direct)
    kinds = {what[0] for what in direct if isinstance(what[0], str)}
    assert {"sampling", "elicitation"} <= kinds
