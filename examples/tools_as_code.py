"""What a model has to read: all definitions and every row, or a search, one file and what a program printed.

Twenty MCP servers of fifty tools each stand behind the gateway; one of them answers with 10,000 rows. Both ways pass
the wall. Tokens are counted with the `gpt-tokenizer` package (o200k_base).
"""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp_services import running_mcp_services
from services import make_authority
from stage import NODE, PROJECT, SANDBOX, Proxy, running_proxy

ROWS = 10_000
TOOLS = 50
OBJECTS = {
    "salesforce": ("opportunity", "lead", "account", "contact", "campaign"),
    "slack": ("message", "channel", "reminder", "file", "member"),
    "jira": ("issue", "sprint", "board", "worklog", "version"),
    "github": ("pull request", "commit", "branch", "release", "workflow"),
    "calendar": ("event", "invitation", "room", "reminder", "schedule"),
    "drive": ("document", "folder", "permission", "comment", "revision"),
    "mail": ("message", "thread", "label", "draft", "filter"),
    "hubspot": ("deal", "company", "ticket", "form", "sequence"),
    "stripe": ("charge", "refund", "invoice", "subscription", "payout"),
    "zendesk": ("ticket", "macro", "organization", "view", "article"),
    "notion": ("page", "database", "block", "comment", "template"),
    "linear": ("issue", "cycle", "project", "label", "roadmap"),
    "asana": ("task", "project", "section", "portfolio", "goal"),
    "datadog": ("monitor", "dashboard", "incident", "metric", "log"),
    "pagerduty": ("incident", "service", "escalation", "rotation", "postmortem"),
    "snowflake": ("table", "warehouse", "query", "stage", "role"),
    "workday": ("employee", "position", "absence", "review", "organization"),
    "netsuite": ("order", "vendor", "bill", "item", "journal entry"),
    "figma": ("file", "component", "style", "comment", "version"),
    "confluence": ("page", "space", "attachment", "comment", "label"),
}
VERBS = {
    "get": "Return one {} by its id, with all of its fields.",
    "list": "List {}s page by page, the newest first, optionally only those that match a filter.",
    "search": "Find {}s by words that stand in them, best match first.",
    "create": "Create a {} from the given fields and return it with its new id.",
    "update": "Change some fields of a {} and leave the others as they are.",
    "delete": "Delete a {} for good. This cannot be undone.",
    "archive": "Put a {} aside without deleting it; it can be restored later.",
    "export": "Export {}s in a format of your choice, for use in another program.",
    "share": "Give others access to a {}, to read it or to change it as well.",
    "watch": "Be told when a {} changes, until the given time.",
}
QUERY = "query_records"


# ---------------------------------------------------------------------------------------------------- the servers


def _definitions(server: str) -> Iterator[types.Tool]:
    """Yield fifty tools as such servers have them; one of the first server's is the one that is looked for."""
    properties: dict[str, Any] = {
        "id": {"type": "string", "description": "The id of the record."},
        "filter": {"type": "string", "description": "Only what matches, such as `status = open and owner = me`."},
        "fields": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The fields to return; all, if left out.",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "How many at most."},
    }
    names = itertools.product(VERBS.items(), OBJECTS[server])
    for (verb, says), what in itertools.islice(names, TOOLS - 1 if server == "salesforce" else TOOLS):
        yield types.Tool(
            name=f"{verb}_{what.replace(' ', '_')}",
            description=says.format(what),
            input_schema={"type": "object", "properties": properties, "required": ["id"] if verb != "list" else []},
        )
    if server == "salesforce":
        yield types.Tool(
            name=QUERY,
            description="Query the records of an object, such as Opportunity, and return them as rows.",
            input_schema={
                "type": "object",
                "properties": {
                    "object": {"type": "string", "description": "The object to query."},
                    "limit": {"type": "integer", "description": "How many rows at most."},
                },
                "required": ["object"],
            },
            output_schema={
                "type": "object",
                "properties": {"records": {"type": "array", "items": {"type": "object"}}},
                "required": ["records"],
            },
        )


def _records(rows: int) -> list[dict[str, object]]:
    regions, stages = ("north", "south", "east", "west"), ("open", "won", "lost", "stalled")
    return [
        {
            "id": f"OP-{number:05}",
            "name": f"Renewal {number}",
            "region": regions[number * 7 % 4],
            "stage": stages[number * 13 // 4 % 4],
            "amount": 1000 + number * 7919 % 90_000,
            "owner": f"owner.{number % 200}@example.com",
        }
        for number in range(rows)
    ]


def _server(name: str, rows: int) -> Server[Any]:
    tools = list(_definitions(name))

    async def listed(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def called(_context: Any, _params: Any) -> types.CallToolResult:
        found = {"records": _records(rows)}
        text = types.TextContent(type="text", text=json.dumps(found))
        return types.CallToolResult(content=[text], structured_content=found)

    return Server(name, on_list_tools=listed, on_call_tool=called)


# ------------------------------------------------------------------------------------------------------- both ways


async def _everything(url: str, token: str) -> dict[str, str]:
    """Return what a model reads that is given all tools, and every result."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as client,
    ):
        tools = []
        cursor = None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        rows = await client.call_tool(f"salesforce.{QUERY}", {"object": "Opportunity", "limit": ROWS})
        names = await client.call_tool("search_tools", {"query": "query opportunity records", "detail_level": "name"})
        assert rows.content[0].type == "text"  # noqa: S101 - narrows the type
        return {
            "definitions": json.dumps(tools),
            "result": rows.content[0].text,
            "search": json.dumps(names.structured_content),
            "count": str(len(tools)),
        }


def measured(folder: Path, rows: int = ROWS) -> dict[str, int]:
    """Return the tokens of each thing that a model reads."""
    with running_mcp_services({name: _server(name, rows) for name in OBJECTS}) as mcp:
        services: Any = SimpleNamespace(hosts={}, authority=make_authority(folder, ["none.test"])[0], mcp=mcp)
        with running_proxy(services, folder, "tools-as-code.yaml", mcp=OBJECTS) as proxy:
            environment = proxy.open_session("analyst")
            read = asyncio.run(_everything(environment["DLP_MCP_URL"], environment["DLP_MCP_TOKEN"]))
            printed = _as_code(proxy, environment, folder / "code")
    program = SANDBOX / "tools_as_code.py"
    stub = folder / "code" / "servers" / "salesforce" / f"{QUERY}.py"
    listing = "\n".join(sorted(path.name for path in (folder / "code" / "servers").iterdir()))
    return _tokens(
        {
            **{name: text for name, text in read.items() if name != "count"},
            "listing": listing,
            "stub": stub.read_text(encoding="utf-8"),
            "program": program.read_text(encoding="utf-8"),
            "printed": printed,
        }
    ) | {"tools": int(read["count"])}


def _as_code(proxy: Proxy, environment: dict[str, str], code: Path) -> str:
    """Return what the program printed, which has the stubs on its path."""
    proxy.dlp("mcp", "stubs", str(code))
    done = subprocess.run(  # noqa: S603 - the program that this is about
        [sys.executable, SANDBOX / "tools_as_code.py"],
        env={**environment, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the program ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def _tokens(texts: dict[str, str]) -> dict[str, int]:
    done = subprocess.run(  # noqa: S603 - our own script
        [NODE, PROJECT / "examples" / "count_tokens.mjs"],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    counted: dict[str, int] = json.loads(done.stdout)
    return counted


def report(tokens: dict[str, int]) -> str:
    """Return the figures as a table in Markdown."""
    everything = tokens["definitions"] + tokens["result"]
    code = sum(tokens[name] for name in ("listing", "search", "stub", "program", "printed"))
    rows = (
        ("all definitions in the prompt", tokens["definitions"], ""),
        (f"the result of {ROWS:,} rows", tokens["result"], ""),
        ("the names of the servers, as `ls servers/` lists them", "", tokens["listing"]),
        ("`search_tools`, by name", "", tokens["search"]),
        ("one stub", "", tokens["stub"]),
        ("the program, which the model writes", "", tokens["program"]),
        ("what it printed", "", tokens["printed"]),
        ("**in all**", everything, code),
    )
    lines = ["| what a model reads, in tokens | tools in the prompt | tools as code |", "|---|---:|---:|"]
    lines += [f"| {what} | {_number(first)} | {_number(second)} |" for what, first, second in rows]
    return "\n".join(lines)


def _number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="dlp-tools-") as place:
        print(report(measured(Path(place))))
