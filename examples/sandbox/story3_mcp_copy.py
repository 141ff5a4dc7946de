"""Sandboxed code that copies the customers of a sheet to a CRM over MCP, and logs what it does over HTTP."""

import asyncio

import httpx
from mcp_tools import call, connected, say

PAGE = 250


async def main() -> None:
    """Copy page by page."""
    async with connected() as tools, httpx.AsyncClient(timeout=60) as http:
        offset: int | None = 0
        while offset is not None:
            page = await call(tools, "sheets.read_rows", offset=offset, limit=PAGE)
            if page["refused"]:
                say("page", **page)
                return
            rows = page["rows"]
            written = await call(tools, "crm.create_contacts", contacts=rows)
            line = {"level": "info", "text": f"copied {rows[0]['name']} <{rows[0]['email']}> to {rows[-1]['phone']}"}
            logged = await http.post("https://logs.test/ingest", json=line)
            say("page", rows=rows, written=written, logged=logged.status_code, refused=written["refused"])
            offset = page["next"]


asyncio.run(main())
