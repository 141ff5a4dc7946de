"""What the sandboxed programs that use MCP share: a connection, a call, and a line for the orchestrator."""

import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


def say(step: str, **seen: object) -> None:
    """Tell the orchestrator what was seen, one JSON object a line."""
    print(json.dumps({"step": step, **seen}), flush=True)


@contextlib.asynccontextmanager
async def connected(server: str = "") -> AsyncIterator[Client]:
    """Connect to one server, or to all of them joined under one address."""
    url = os.environ["DLP_MCP_URL"]
    if server:
        url = f"{url.removesuffix('/mcp')}/{server}/mcp"
    headers = {"Authorization": f"Bearer {os.environ['DLP_MCP_TOKEN']}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; return its structured content with `refused`, whether it was refused or failed."""
    answer = await client.call_tool(tool, arguments)
    told = answer.structured_content
    text = "\n".join(block.text for block in answer.content if block.type == "text")
    return {**(told if isinstance(told, dict) else {"text": text}), "refused": answer.is_error}
