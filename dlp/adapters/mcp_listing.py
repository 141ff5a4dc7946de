"""Listing the tools of MCP servers through the gateway, as a sandbox would see them, with the SDK's client."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

_WITHIN = 30.0
_MOST_PAGES = 1000

type Tools = Sequence[Mapping[str, object]]


def list_tools(origin: str, token: str, servers: Iterable[str]) -> dict[str, Tools | str]:
    """Return the tools of each server behind the gateway at `origin`, or what kept them from being listed."""
    return asyncio.run(_all(origin, token, tuple(servers)))


async def _all(origin: str, token: str, servers: tuple[str, ...]) -> dict[str, Tools | str]:
    # The operator's own proxy has no business between two of the proxy's own ends.
    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, timeout=_WITHIN, trust_env=False
    ) as http:
        found = await asyncio.gather(*(_one(f"{origin}/{server}/mcp", http) for server in servers))
    return dict(zip(servers, found, strict=True))


async def _one(url: str, http: httpx2.AsyncClient) -> Tools | str:
    try:
        async with asyncio.timeout(_WITHIN):
            return await _listed(url, http)
    except TimeoutError:
        return f"no answer within {_WITHIN:g} s"
    except MCPError as error:
        return error.error.message
    except (httpx2.HTTPError, OSError, ValueError) as error:
        return type(error).__name__
    except ExceptionGroup as error:  # the SDK's task groups: what went wrong stands inside
        first = _first(error)
        return first.error.message if isinstance(first, MCPError) else type(first).__name__


async def _listed(url: str, http: httpx2.AsyncClient) -> Tools:
    tools: list[Mapping[str, object]] = []
    async with Client(streamable_http_client(url, http_client=http), cache=None) as client:
        cursor = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                return tools
    raise ValueError(f"expected at most {_MOST_PAGES} pages")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
