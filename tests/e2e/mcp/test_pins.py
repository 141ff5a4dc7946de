"""Tools that change under a client, in the whole product: what the client sees, and what the operator does about it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from .conftest import DLP, Gateway, running_gateway

pytestmark = pytest.mark.e2e

SERVER = Path(__file__).with_name("changing_server.py")
POLICY = """
policy: Tools that change
version: "1"
ner: off
use: [base]
sources: {calc: {at: "mcp://calc/**"}}
destinations: {calc: {at: "mcp://calc/**"}}
rules:
  - name: nothing is destroyed
    says: Tools that destroy something are not for agents.
    to: calc
    when: method == "tools/call" and destructive_hint
    then: block
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("pins"), {}, POLICY, bound=False) as running:
        yield running


def wrapped(gateway: Gateway, changed: Path) -> StdioServerParameters:
    first, *rest = gateway.wrapped("calc", [sys.executable, "-W", "ignore", str(SERVER), str(changed)])
    return StdioServerParameters(command=first, args=rest, env=dict(gateway.env))


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


async def called(client: Client, tool: str) -> tuple[bool, str]:
    answer: Any = await client.call_tool(tool, {"a": 1})
    return answer.is_error, answer.content[0].text


def waiting(gateway: Gateway) -> set[str]:
    done = subprocess.run(  # noqa: S603 - our own command
        [DLP, "mcp", "pins", "list", "--waiting", "--json"], cwd=gateway.folder, capture_output=True, check=False
    )
    assert done.returncode == 1
    return {told["tool"] for told in json.loads(done.stdout)}


def test_a_changed_tool_is_neither_listed_nor_called_until_somebody_takes_it(gateway: Gateway, tmp_path: Path):
    async def play() -> None:
        changed = tmp_path / "changed"
        async with Client(wrapped(gateway, changed), cache=None) as client:
            # Hidden text keeps a tool away from the first sight on.
            assert await names(client) == {"add", "subtract", "wipe"}
            assert await called(client, "add") == (False, "add was called")
            refused, told = await called(client, "sneak")
            assert refused
            assert "holds text that a model reads and a person does not see" in told
            # What a server claims restricts.
            refused, told = await called(client, "wipe")
            assert refused
            assert "Tools that destroy something are not for agents." in told
            changed.touch()
            assert await names(client) == {"subtract", "wipe"}
            refused, told = await called(client, "add")
            assert refused
            assert "not described as it was when it was first seen" in told
            assert "evil.example" not in told
            assert await called(client, "subtract") == (False, "subtract was called")
            assert waiting(gateway) == {"add", "sneak"}
            gateway.dlp("mcp", "pins", "accept", "calc", "add")
            assert await names(client) == {"add", "subtract", "wipe"}
            assert await called(client, "add") == (False, "add was called")
            assert waiting(gateway) == {"sneak"}
            events = [json.loads(line) for line in (gateway.folder / "state" / "audit.jsonl").read_text().splitlines()]
            reasons = {event["reason"] for event in events if event["verdict"] == "block"}
            assert {"a changed tool waits for a person", "hidden text waits for a person"} <= reasons

    anyio.run(play)
