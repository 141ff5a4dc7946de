"""Calls tools through the wall: JSON-RPC over HTTP to the proxy's MCP gateway, with nothing but the standard library.

The address and the session's credentials come from the environment that `dlp session open` prints: `DLP_MCP_URL` and
`DLP_MCP_TOKEN`. This file is copied beside the stubs, into a sandbox that has no other package.
"""

import asyncio
import base64
import http.client
import itertools
import json
import os
import threading
from typing import Any
from urllib.parse import urlsplit

LEFT_OUT: Any = object()
"""The value of an argument that was not given."""

_MODERN = "2026-07-28"
_LEGACY = "2025-11-25"
_CLIENT = {"name": "dlp-stubs", "version": "1"}
_WITHIN = float(os.environ.get("DLP_MCP_TIMEOUT", "120"))
_ids = itertools.count(1)
_servers: dict[str, "_Server"] = {}
_lock = threading.Lock()


class ToolError(Exception):
    """The tool failed, or the wall refused the call: `problem` then says which rule, why, and what to do next."""

    def __init__(self, message: str, problem: dict[str, Any]) -> None:
        super().__init__(message)
        self.problem = problem


async def call(server: str, tool: str, arguments: dict[str, Any], headers: dict[str, Any]) -> Any:
    """Return what a tool answers: its structured content, else its text, else its content as it is.

    `headers` are the arguments that its server wants in headers as well, by the name it gave them.

    Raises:
        ToolError: it says that it failed, or the wall does.

    """
    given = {name: value for name, value in arguments.items() if value is not LEFT_OUT}
    mirrored = {f"Mcp-Param-{name}": _header(value) for name, value in headers.items() if value is not LEFT_OUT}
    with _lock:
        known = _servers.setdefault(server, _Server(server))
    result = await asyncio.to_thread(known.call, tool, given, mirrored)
    content = result.get("content", [])
    text = "\n".join(str(one.get("text", "")) for one in content if one.get("type") == "text")
    structured = result.get("structuredContent")
    if result.get("isError"):
        raise ToolError(text or "the tool failed", structured if isinstance(structured, dict) else {})
    if structured is not None:
        return structured
    return text if all(one.get("type") == "text" for one in content) else content


def _header(value: object) -> str:
    """Return a value as it stands in a header; what no header can hold is written in base64."""
    text = value if isinstance(value, str) else json.dumps(value)
    plain = text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?")
    return text if plain else f"=?base64?{base64.b64encode(text.encode()).decode()}?="


class _Server:
    """A server behind the gateway, and how it wants to be spoken to; found out at the first call."""

    def __init__(self, name: str) -> None:
        self._url = urlsplit(os.environ["DLP_MCP_URL"])
        self._path = f"/{name}/mcp"
        self._lock = threading.Lock()
        self._session: str | None = None
        self._version = ""

    def call(self, tool: str, arguments: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Call a tool; return the result."""
        with self._lock:
            if not self._version:
                self._agree()
        return self._ask("tools/call", {"name": tool, "arguments": arguments}, headers)

    def _agree(self) -> None:
        """Find out which revision the server speaks."""
        self._version = _MODERN
        try:
            if _MODERN in self._ask("server/discover", {}, {}).get("supportedVersions", []):
                return
        except ToolError as error:
            if error.problem.get("rule") or error.problem.get("status") in (401, 403):
                self._version = ""
                raise
        self._version = _LEGACY
        hello = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            self._version = str(self._ask("initialize", hello, {})["protocolVersion"])
            self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, {}, None)
        except BaseException:
            self._version = ""
            raise

    def _ask(self, method: str, params: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        number = next(_ids)
        if self._version == _MODERN:
            meta = {"protocolVersion": _MODERN, "clientInfo": _CLIENT, "clientCapabilities": {}}
            about = {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()}
            params = {**params, "_meta": about}
            headers = {
                **headers,
                "Mcp-Method": method,
                **({"Mcp-Name": _header(params["name"])} if "name" in params else {}),
            }
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        answer = self._post(message, headers, number)
        if "error" in answer:
            told = answer["error"]
            data = told.get("data")
            raise ToolError(str(told.get("message", "refused")), data if isinstance(data, dict) else {})
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ToolError(f"{method}: expected a result, got an answer without one", {})
        if result.get("resultType") == "input_required":
            raise ToolError("the server asks for input, which a program cannot give", {})
        return result

    def _post(self, message: dict[str, Any], headers: dict[str, str], number: int | None) -> dict[str, Any]:
        """Send a message; return the answer to it, from JSON or from a stream of events."""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=_WITHIN)
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {os.environ['DLP_MCP_TOKEN']}",
            **headers,
        }
        if self._version and message.get("method") != "initialize":
            sent["MCP-Protocol-Version"] = self._version
        if self._session:
            sent["Mcp-Session-Id"] = self._session
        try:
            connection.request("POST", self._path, json.dumps(message).encode(), sent)
            response = connection.getresponse()
            self._session = response.headers.get("Mcp-Session-Id", self._session)
            if number is None:
                response.read()
                return {}
            if response.headers.get_content_type() == "text/event-stream":
                return _from_events(response, number)
            return _answer(response.read(), response.status)
        except (OSError, http.client.HTTPException) as error:
            raise ToolError(f"the gateway cannot be reached: {error}", {}) from error
        finally:
            connection.close()


def _answer(body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and ("result" in answer or "error" in answer):
        return answer
    problem = answer if isinstance(answer, dict) else {}
    says = problem.get("detail") or problem.get("title") or f"the gateway answered with status {status}"
    return {"error": {"message": str(says), "data": {"status": status, **problem}}}


def _from_events(response: http.client.HTTPResponse, number: int) -> dict[str, Any]:
    """Return the answer from a stream; what else comes on it (progress, log lines) is for people."""
    data: list[str] = []
    for raw in response:
        line = raw.decode("utf-8").rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            message, data = "\n".join(data), []
            answer = json.loads(message) if message.strip() else None
            if isinstance(answer, dict) and answer.get("id") == number and "method" not in answer:
                return answer
    raise ToolError("the gateway ended the stream before the answer", {})
