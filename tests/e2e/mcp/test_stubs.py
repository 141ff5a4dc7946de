"""`dlp mcp stubs` against real servers: what it writes runs in a sandbox without any package, and passes the wall."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import DLP, NODE, PEERS, PROJECT, Gateway, environment, running_gateway

pytestmark = pytest.mark.e2e

POLICY = """
policy: Code
version: "1"
ner: off
use: [base]
sources: {everything: {at: "mcp://everything/**"}, time: {at: "mcp://time/**"}, gone: {at: "mcp://gone/**"}}
destinations:
  everything: {at: "mcp://everything/**"}
  time: {at: "mcp://time/**"}
  gone: {at: "mcp://gone/**"}
rules:
  - {name: no sums, says: Sums are not for agents., to: everything, when: path == "/tools/get-sum", then: block}
  - {name: people may be told, says: This server echoes., data: pii, to: everything, then: allow}
"""
PROGRAM = """
import asyncio
from servers._wall import ToolError
from servers.everything import echo, get_structured_content, get_sum
from servers.time import convert_time

async def main():
    print(await echo(message="Mail to ada@example.com"))
    print((await get_structured_content(location="Chicago"))["temperature"])
    print("21:00" in await convert_time(source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"))
    try:
        await get_sum(a=1, b=7)
    except ToolError as error:
        print(error.problem["rule"])

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    script = PROJECT / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
    servers = {
        "everything": {"command": [NODE, str(script)], "env": environment()},
        "time": {"command": [str(PEERS / "mcp-server-time")]},
        "gone": {"url": "http://127.0.0.1:9/mcp"},
    }
    with running_gateway(tmp_path_factory.mktemp("stubs"), servers, POLICY, bound=False) as running:
        yield running


def test_tools_are_called_as_functions_and_what_they_say_passes_the_wall(gateway: Gateway, tmp_path: Path):
    made = subprocess.run(  # noqa: S603 - our own command
        [DLP, "mcp", "stubs", str(tmp_path)], cwd=gateway.folder, capture_output=True, text=True, check=False
    )
    # A server that is not there is told, and keeps no other's tools away.
    assert made.returncode == 1
    assert "everything: " in made.stdout
    assert "time: 2 tools" in made.stdout
    assert not (tmp_path / "servers" / "gone").exists()
    env = {**gateway.env, "DLP_MCP_URL": gateway.url(), "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(  # noqa: S603 - a program of the test
        [sys.executable, "-c", PROGRAM], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.splitlines() == ["Echo: Mail to [EMAIL_1]", "36", "True", "no sums"]


def test_what_is_not_wanted_any_more_is_taken_away_and_nothing_else(gateway: Gateway, tmp_path: Path):
    old = tmp_path / "servers" / "time" / "old.py"
    old.parent.mkdir(parents=True)
    old.write_text('"""Written by `dlp mcp stubs`: the tool old of the MCP server time."""\n', encoding="utf-8")
    mine = old.with_name("mine.py")
    mine.write_text("own = 1\n", encoding="utf-8")
    gateway.dlp("mcp", "stubs", str(tmp_path), "--server", "time")
    assert mine.exists()
    assert not old.exists()
    assert (old.parent / "convert_time.py").exists()


def test_a_server_that_is_not_in_the_settings_is_an_error(gateway: Gateway, tmp_path: Path):
    done = subprocess.run(  # noqa: S603 - our own command
        [DLP, "mcp", "stubs", str(tmp_path), "--server", "tiem"], cwd=gateway.folder, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"known under mcp: servers: everything, time, gone" in done.stderr
