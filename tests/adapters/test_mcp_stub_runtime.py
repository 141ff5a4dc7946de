"""The stubs' own client, against the SDK's server over HTTP, in both eras."""

import asyncio
import importlib.util
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

RUNTIME = Path(__file__).parents[2] / "dlp" / "adapters" / "mcp_stub_runtime.py"


class Sum(BaseModel):
    """What adding gives."""

    total: int


def server() -> MCPServer:
    made = MCPServer(name="calc")

    @made.tool()
    def add(a: int, b: int = 1) -> Sum:
        """Add."""
        return Sum(total=a + b)

    @made.tool(structured_output=False)
    def greet(name: str) -> str:
        """Greet."""
        return f"Hello {name}"

    @made.tool()
    def fail() -> str:
        """Fail."""
        raise ToolError("no")

    @made.tool()
    def where(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        """Say where."""
        return region

    return made


class OnlyLegacy:
    """Lets through only what the older revision knows, and the right token."""

    def __init__(self, app: Any, *, modern: bool, seen: list[str]) -> None:
        self.app, self.modern, self.seen = app, modern, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            self.seen.append(headers.get(b"mcp-method", b"").decode())
            if headers.get(b"authorization") != b"Bearer s:secret":
                problem = {"title": "No session", "detail": "The token names no session.", "status": 401}
                await JSONResponse(problem, 401)(scope, receive, send)
                return
            if not self.modern and headers.get(b"mcp-protocol-version") == b"2026-07-28":
                error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}
                await JSONResponse(error, 400)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@pytest.fixture(scope="module", params=[True, False], ids=["2026-07-28", "2025-11-25"])
def gateway(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    inner = server().streamable_http_app(streamable_http_path="/calc/mcp")
    app = OnlyLegacy(inner, modern=request.param, seen=seen)
    yield from _served(app, seen)


def _served(app: Any, seen: list[str]) -> Iterator[tuple[str, list[str]]]:
    serving = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/mcp", seen
    serving.should_exit = True
    thread.join(10)


@pytest.fixture
def runtime(gateway: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Any:
    return _runtime(gateway[0], monkeypatch)


def _runtime(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DLP_MCP_URL", url)
    monkeypatch.setenv("DLP_MCP_TOKEN", "s:secret")
    spec = importlib.util.spec_from_file_location("_wall", RUNTIME)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_structured_content_comes_back_as_it_is_and_what_is_left_out_is_not_sent(runtime: Any):
    arguments = {"a": 2, "b": runtime.LEFT_OUT}
    assert asyncio.run(runtime.call("calc", "add", arguments, {})) == {"total": 3}


def test_text_comes_back_as_text(runtime: Any):
    assert asyncio.run(runtime.call("calc", "greet", {"name": "Zoë"}, {})) == "Hello Zoë"


@pytest.mark.parametrize("region", ["eu", "Zürich", " eu ", "=?base64?"])
def test_an_argument_that_is_wanted_in_a_header_is_there_too(runtime: Any, region: str):
    answer = asyncio.run(runtime.call("calc", "where", {"region": region}, {"Region": region}))
    assert answer == {"result": region}


def test_a_tool_that_fails_raises_and_says_why(runtime: Any):
    with pytest.raises(runtime.ToolError, match="no"):
        asyncio.run(runtime.call("calc", "fail", {}, {}))


def test_the_revision_is_agreed_on_once_and_many_calls_run_at_a_time(runtime: Any, gateway: Any):
    gateway[1].clear()

    async def many() -> list[Any]:
        return await asyncio.gather(*(runtime.call("calc", "add", {"a": n}, {}) for n in range(8)))

    assert [one["total"] for one in asyncio.run(many())] == list(range(1, 9))
    assert gateway[1].count("server/discover") == 1


def test_a_refused_token_is_told_with_its_problem(gateway: Any, monkeypatch: pytest.MonkeyPatch):
    module = _runtime(gateway[0], monkeypatch)
    monkeypatch.setenv("DLP_MCP_TOKEN", "s:wrong")
    with pytest.raises(module.ToolError, match="names no session") as caught:
        asyncio.run(module.call("calc", "add", {"a": 1}, {}))
    assert caught.value.problem["status"] == 401


def test_a_refusal_raises_with_the_problem_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    problem = {"status": 403, "rule": "pay in Slack", "next": "Read pay anonymised."}

    async def refuse(request: Request) -> Response:
        asked = await request.json()
        if asked["method"] == "server/discover":
            result: dict[str, Any] = {"supportedVersions": ["2026-07-28"]}
        else:
            content = [{"type": "text", "text": "Refused."}]
            result = {"isError": True, "content": content, "structuredContent": problem}
        return JSONResponse({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    app = Starlette(routes=[Route("/hr/mcp", refuse, methods=["POST"])])
    for url, _ in _served(app, []):
        module = _runtime(url, monkeypatch)
        with pytest.raises(module.ToolError, match="Refused") as caught:
            asyncio.run(module.call("hr", "post", {}, {}))
        assert caught.value.problem == problem


def test_a_gateway_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch):
    module = _runtime("http://127.0.0.1:9/mcp", monkeypatch)
    with pytest.raises(module.ToolError, match="cannot be reached"):
        asyncio.run(module.call("calc", "add", {"a": 1}, {}))
