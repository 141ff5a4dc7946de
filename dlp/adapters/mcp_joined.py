"""All servers behind one address, under `server.tool` names: a server of our own that hands each call to its server.

It speaks the revisions that begin with `initialize`; newer clients fall back to those. Every server is asked through
the same door as if it were asked by name, so all that is judged there is judged here too.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from dlp.adapters.mcp_http import EVENTS, JSON, SESSION, VERSION, Request
from dlp.config import McpServer
from dlp.core.errors import DlpError
from dlp.engine.mcp_dialogue import REFUSED, readable
from dlp.engine.mcp_search import DEFINITION, NAME, Index, read_call
from dlp.engine.sessions import SessionInfo
from dlp.wire.jsonrpc import INVALID_REQUEST, Id, Rpc, RpcError, Sort, error_bytes, read_rpc, result_bytes
from dlp.wire.mcp import renamed

_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
_LATEST = "2025-11-25"
_NO_METHOD, _BAD_PARAMS = -32601, -32602
_MOST_PAGES = 100
_ACCEPTED, _OK, _BAD = 202, 200, 400
_LISTS = {"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources"}
_LISTS["resources/templates/list"] = "resourceTemplates"
_NEEDS = {"tools": "tools", "prompts": "prompts", "resources": "resources", "resourceTemplates": "resources"}
_BY_URI = frozenset({"resources/read", "resources/subscribe", "resources/unsubscribe"})


class Server(Protocol):
    """What answers for one server."""

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message."""
        ...


class NotThereError(DlpError):
    """A server gave no answer that could be used; its text says which. `problem` is the refusal that kept it away."""

    def __init__(self, text: str, problem: Mapping[str, object] | None = None) -> None:
        super().__init__(text)
        self.problem = problem


@dataclass(slots=True)
class Inner:
    """An MCP session of ours with one server: its id, the revision agreed on, and what the server can do."""

    session: bytes
    revision: bytes
    can: Mapping[str, object]
    last: int = 0
    asked: set[Id] = field(default_factory=set)  # by the server, of the client


class Joined:
    """Serves `/mcp`."""

    def __init__(self, each: Mapping[str, Server], servers: Mapping[str, McpServer]) -> None:
        self._each = each
        self._names = tuple(servers)
        self._inner: dict[tuple[str, str], asyncio.Future[Inner]] = {}
        self._index: dict[str, tuple[bytes, Index]] = {}

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message of the client's."""
        try:
            rpc = read_rpc(content)
        except RpcError as error:
            await request.answer(_BAD, error_bytes(error.id, error.code, str(error)))
            return
        if rpc.sort in (Sort.RESULT, Sort.ERROR):
            await self._to_asker(session, request, rpc)
        elif rpc.sort is Sort.NOTIFICATION or rpc.id is None:
            await request.answer(_ACCEPTED)
        else:
            try:
                await self._request(session, request, rpc, rpc.id)
            except NotThereError as error:
                await request.answer(_OK, _not_there(rpc, rpc.id, error))

    async def get(self, _session: SessionInfo, request: Request) -> None:
        """Say that there is no stream here: what a server says of itself comes with the answers to calls."""
        await request.answer(405, b"", [(b"allow", b"POST")])

    async def delete(self, _session: SessionInfo, request: Request) -> None:
        """Say that no session is kept here."""
        await request.answer(405, b"", [(b"allow", b"POST")])

    def sweep(self, alive: Callable[[str], bool]) -> None:
        """Forget what belongs to sessions that are over."""
        for key in [key for key in self._inner if not alive(key[0])]:
            del self._inner[key]
        for name in [name for name in self._index if not alive(name)]:
            del self._index[name]

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _request(self, session: SessionInfo, request: Request, rpc: Rpc, number: Id) -> None:
        method = rpc.method
        if method == "initialize":
            asked = rpc.body.get("protocolVersion")
            result: dict[str, object] = {
                "protocolVersion": asked if asked in _REVISIONS else _LATEST,
                "capabilities": {"tools": {}, "prompts": {}, "resources": {}, "completions": {}, "logging": {}},
                "serverInfo": {"name": "dlp", "title": "All servers", "version": "1"},
            }
            await request.answer(_OK, result_bytes(number, result))
        elif method in ("ping", "logging/setLevel"):
            await request.answer(_OK, result_bytes(number, {}))
        elif method in _LISTS:
            await request.answer(_OK, result_bytes(number, await self._listed(session, method)))
        elif method == "tools/call" and rpc.body.get("name") == NAME:
            await request.answer(_OK, await self._search(session, rpc, number))
        else:
            await self._hand_on(session, request, rpc, number)

    async def _hand_on(self, session: SessionInfo, request: Request, rpc: Rpc, number: Id) -> None:
        """Hand a request to the server that it names, under the name that the server knows; the answer goes back."""
        path, value, sign = _named(rpc)
        server, _, rest = value.partition(sign)
        if path == "" or server not in self._each or not rest:
            code = _NO_METHOD if path == "" else _BAD_PARAMS
            told = (
                "There is no such method here" if path == "" else f"Expected a name as it is listed: SERVER{sign}NAME"
            )
            await request.answer(_OK, error_bytes(number, code, told))
            return
        inner = await self._session(session, server)
        raw = renamed(rpc, {path: rest})
        watch = _Watch(request.deliver, inner)
        given = Request("POST", f"/{server}/mcp", _fields(inner), watch)
        await self._each[server].post(session, given, raw)

    async def _to_asker(self, session: SessionInfo, request: Request, rpc: Rpc) -> None:
        """Hand the client's answer to whichever server asked."""
        for (owner, server), ready in self._inner.items():
            if owner == session.id and ready.done() and not ready.exception() and rpc.id in ready.result().asked:
                ready.result().asked.discard(rpc.id)
                given = Request("POST", f"/{server}/mcp", _fields(ready.result()), request.deliver)
                await self._each[server].post(session, given, rpc.raw)
                return
        await request.answer(_ACCEPTED)

    async def _search(self, session: SessionInfo, rpc: Rpc, number: Id) -> bytes:
        """Answer a call of the gateway's own tool."""
        try:
            asked = read_call(rpc.body.get("arguments"))
        except ValueError as error:
            told = {"content": [{"type": "text", "text": str(error)}], "isError": True}
            return result_bytes(number, told)
        listed = await self._listed(session, "tools/list")
        key = orjson.dumps(listed)
        known = self._index.get(session.id)
        if known is None or known[0] != key:
            tools = listed["tools"]
            index = Index([tool for tool in tools if tool.get("name") != NAME] if isinstance(tools, list) else [])
            known = self._index[session.id] = (key, index)
        answer = known[1].answer(asked)
        text = orjson.dumps(answer).decode()
        return result_bytes(number, {"content": [{"type": "text", "text": text}], "structuredContent": answer})

    async def _listed(self, session: SessionInfo, method: str) -> dict[str, object]:
        """Return what all servers list, under joined names; a server that does not answer lists nothing."""
        kind = _LISTS[method]
        found = await asyncio.gather(*(self._one_list(session, name, method) for name in self._names))
        items = [
            _joined_name(name, item, kind) for name, listed in zip(self._names, found, strict=True) for item in listed
        ]
        return {kind: [*items, DEFINITION] if kind == "tools" else items}

    async def _one_list(self, session: SessionInfo, server: str, method: str) -> Sequence[Mapping[str, Any]]:
        kind, items = _LISTS[method], list[Mapping[str, Any]]()
        params: dict[str, object] = {}
        try:
            inner = await self._session(session, server)
            if _NEEDS[kind] not in inner.can:
                return []
            for _ in range(_MOST_PAGES):
                result = await self._ask(session, server, inner, method, params)
                listed = result.get(kind)
                items += [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
                cursor = result.get("nextCursor")
                if not isinstance(cursor, str):
                    break
                params = {"cursor": cursor}
        except NotThereError:
            return items
        return items

    # --- our own sessions with the servers ----------------------------------------------------------------------------

    async def _session(self, session: SessionInfo, server: str) -> Inner:
        """Return our MCP session with a server, begun where there is none; raises NotThereError."""
        key = (session.id, server)
        ready = self._inner.get(key)
        if ready is None:
            ready = self._inner[key] = asyncio.ensure_future(self._begin(session, server))
        try:
            return await asyncio.shield(ready)
        except NotThereError:
            if self._inner.get(key) is ready:
                del self._inner[key]
            raise

    async def _begin(self, session: SessionInfo, server: str) -> Inner:
        params = {
            "protocolVersion": _LATEST,
            "capabilities": {"sampling": {}, "elicitation": {}},
            "clientInfo": {"name": "dlp", "version": "1"},
        }
        inner = Inner(b"", b"", {})
        result = await self._ask(session, server, inner, "initialize", params)
        agreed, can = result.get("protocolVersion"), result.get("capabilities")
        inner.revision = str(agreed).encode()
        inner.can = can if isinstance(can, dict) else {}
        told = Request("POST", f"/{server}/mcp", _fields(inner), _Collected(), ours=True)
        await self._each[server].post(session, told, b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return inner

    async def _ask(
        self, session: SessionInfo, server: str, inner: Inner, method: str, params: Mapping[str, object]
    ) -> Mapping[str, Any]:
        """Return the result of a request of our own; raises NotThereError."""
        inner.last += 1
        number = f"dlp-{inner.last}"
        raw = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = _Collected()
        ours = Request("POST", f"/{server}/mcp", _fields(inner), answer, ours=True)
        await self._each[server].post(session, ours, raw)
        if method == "initialize":
            inner.session = answer.one(SESSION)
        if answer.status == 404:  # noqa: PLR2004 - the server has forgotten the session
            self._inner.pop((session.id, server), None)
        said = answer.message(number)
        result, error = said.get("result"), said.get("error")
        if not isinstance(result, dict):
            told = error if isinstance(error, dict) else {}
            data = told.get("data")
            refused = told.get("code") == REFUSED and isinstance(data, dict)
            raise NotThereError(f"{server}: it did not answer {method}", data if refused else None)
        return result


def _not_there(rpc: Rpc, number: Id, error: NotThereError) -> bytes:
    """Return the answer for a server that was not reached; a refusal is told as the server's own door would tell it."""
    if error.problem is None:
        return error_bytes(number, INVALID_REQUEST, str(error))
    if rpc.method != "tools/call":
        return error_bytes(number, REFUSED, str(error), error.problem)
    content = [{"type": "text", "text": readable(error.problem)}]
    return result_bytes(number, {"content": content, "structuredContent": error.problem, "isError": True})


class _Collected:
    """Collects an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.fields: Sequence[tuple[bytes, bytes]] = ()
        self._body = bytearray()

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.fields = message["status"], message["headers"]
        else:
            self._body += message.get("body", b"")

    def one(self, name: bytes) -> bytes:
        """Return a field's value."""
        return next((value for key, value in self.fields if key == name), b"")

    def message(self, number: str) -> Mapping[str, Any]:
        """Return the message that answers a request; empty where there is none."""
        body = bytes(self._body)
        texts = [body]
        if self.one(b"content-type") == EVENTS:
            texts = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
        for text in texts:
            try:
                said = orjson.loads(text)
            except orjson.JSONDecodeError:
                continue
            if isinstance(said, dict) and said.get("id") == number:
                return said
        return {}


class _Watch:
    """Passes an answer on to the client, without the server's session, and notes what the server asks in it."""

    def __init__(self, deliver: Callable[..., Any], inner: Inner) -> None:
        self._deliver = deliver
        self._inner = inner

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            fields = [(name, value) for name, value in message["headers"] if name != SESSION]
            message = {**message, "headers": fields}
        elif b'"method"' in (body := message.get("body", b"")):
            for line in body.split(b"\n"):
                self._note(line.removeprefix(b"data: "))
        await self._deliver(message)

    def _note(self, text: bytes) -> None:
        try:
            rpc = read_rpc(text)
        except RpcError:
            return
        if rpc.sort is Sort.REQUEST and rpc.id is not None:
            self._inner.asked.add(rpc.id)


def _fields(inner: Inner) -> Sequence[tuple[bytes, bytes]]:
    fields = [(b"content-type", JSON), (b"accept", JSON + b", " + EVENTS)]
    if inner.session:
        fields.append((SESSION, inner.session))
    if inner.revision:
        fields.append((VERSION, inner.revision))
    return fields


def _named(rpc: Rpc) -> tuple[str, str, str]:
    """Return where a request names what it is about, what it says there, and what stands between server and name."""
    if rpc.method in ("tools/call", "prompts/get"):
        name = rpc.body.get("name")
        return "/name", name if isinstance(name, str) else "", "."
    if rpc.method in _BY_URI:
        uri = rpc.body.get("uri")
        return "/uri", uri if isinstance(uri, str) else "", "+"
    ref = rpc.body.get("ref")
    if rpc.method == "completion/complete" and isinstance(ref, dict):
        key, sign = ("name", ".") if "name" in ref else ("uri", "+")
        value = ref.get(key)
        return f"/ref/{key}", value if isinstance(value, str) else "", sign
    return "", "", "."


def _joined_name(server: str, item: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return a listed thing under its joined name: `server.name`, and a resource as `server+uri`."""
    key = {"resources": "uri", "resourceTemplates": "uriTemplate"}.get(kind)
    if key is None:
        return {**item, "name": f"{server}.{item.get('name')}"}
    return {**item, key: f"{server}+{item.get(key)}"}
