"""A client of mcp 2.x: does what it is told on standard input with each server, and prints what came of it as JSON."""

import asyncio
import json
import sys
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


class Probe:
    """What one server was asked, what it said, and what it asked back."""

    def __init__(self, target: dict[str, Any]) -> None:
        self.target = target
        self.seen: list[Any] = []

    async def sampled(self, _context: Any, params: Any) -> types.CreateMessageResult:
        """Answer as a model would."""
        self.seen.append(["sampling", plain(params)])
        said = types.TextContent(type="text", text="A model's answer.")
        return types.CreateMessageResult(role="assistant", content=said, model="m", stop_reason="endTurn")

    async def elicited(self, _context: Any, params: Any) -> types.ElicitResult:
        """Answer as a person would."""
        self.seen.append(["elicitation", plain(params)])
        content = {"name": "Ada", "check": True, "response": "yes", "username": "ada"}
        return types.ElicitResult(action="accept", content=content)

    async def rooted(self, _context: Any) -> types.ListRootsResult:
        """Say which folders may be looked at."""
        self.seen.append(["roots"])
        return types.ListRootsResult(roots=[types.Root(uri=root) for root in self.target.get("roots", [])])

    async def logged(self, params: Any) -> None:
        """Note a log line."""
        self.seen.append(["log", plain(params)])

    async def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        """Note progress."""
        self.seen.append(["progress", progress, total, message])

    async def run(self) -> list[Any]:
        """Return all that was seen, in order."""
        target = self.target
        if "url" in target:
            http = httpx2.AsyncClient(headers=target.get("headers", {}), timeout=30)
            server: Any = streamable_http_client(target["url"], http_client=http)
        else:
            first, *rest = target["command"]
            server = StdioServerParameters(command=first, args=rest, env=target.get("env"), cwd=target.get("cwd"))
        async with Client(
            server,
            mode=target.get("mode", "auto"),
            sampling_callback=self.sampled,
            elicitation_callback=self.elicited,
            list_roots_callback=self.rooted if "roots" in target else None,
            logging_callback=self.logged,
            cache=None,
        ) as client:
            self.seen.append(["connected", client.protocol_version, plain(client.server_info)])
            self.seen.append(["can", plain(client.server_capabilities), client.instructions])
            for step in target["steps"]:
                self.seen.append([step, await self.step(client, *step)])
        return self.seen

    async def step(self, client: Client, what: str, *given: Any) -> Any:  # noqa: PLR0911 - one for each kind of step
        """Return what a server answers."""
        try:
            match what:
                case "tools":
                    return plain(await client.list_tools())
                case "resources":
                    return plain(await client.list_resources())
                case "templates":
                    return plain(await client.list_resource_templates())
                case "prompts":
                    return plain(await client.list_prompts())
                case "read":
                    return plain(await client.read_resource(given[0]))
                case "prompt":
                    return plain(await client.get_prompt(*given))
                case "complete":
                    reference = types.PromptReference(type="ref/prompt", name=given[0])
                    return plain(await client.complete(reference, {"name": given[1], "value": given[2]}))
                case "call":
                    return plain(await client.call_tool(*given, progress_callback=self.progressed))
        except MCPError as error:
            return ["error", error.error.code, error.error.message]
        raise ValueError(what)


def plain(model: Any) -> Any:
    """Return a model as JSON; the id of a request says nothing."""
    return None if model is None else model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def main() -> None:
    """Try each server."""
    targets = json.load(sys.stdin)
    found = await asyncio.gather(*(Probe(target).run() for target in targets))
    sys.stdout.write(json.dumps(found))


asyncio.run(main())
