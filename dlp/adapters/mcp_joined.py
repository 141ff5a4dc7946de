"""All servers behind one address, under `server.tool` names: a server of our own that hands each call to its server.

It speaks the revisions that begin with `initialize` and the one without sessions. A server that does not speak the
client's kind is spoken to in its own: then it is not offered to ask the client anything. Every server is asked through
the same door as if it were asked by name, so all that is judged there is judged here too. Requests get ids of the
gateway's own, in either direction: those of two clients, or of two servers, may be the same. Longer than most modules
because it is client and server at once, and both sides are one conversation.
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
from dlp.wire.mcp import VERSION_KEY, renamed, with_id
from dlp.wire.mcp_headers import McpHeaders, encoded

_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
_LATEST, _MODERN = "2025-11-25", "2026-07-28"
_NO_METHOD, _BAD_PARAMS, _MISMATCH, _UNSUPPORTED = -32601, -32602, -32020, -32022
_STATUS = {_NO_METHOD: 404, _BAD_PARAMS: 400, _MISMATCH: 400, _UNSUPPORTED: 400}
_SELF = {"name": "dlp", "title": "All servers", "version": "1"}
_US = {"name": "dlp", "version": "1"}
_ABOUT = "io.modelcontextprotocol/"
_CAN: Mapping[str, object] = {"tools": {}, "prompts": {}, "resources": {}, "completions": {}}
_NOT_MODERN = frozenset({"initialize", "ping", "logging/setLevel"})
_UNREACHED = "dlp/unavailable"
"""The member of a list's `_meta` that says which servers are missing from it, and why."""
_MOST_PAGES = 100
_MOST_TOLD = 16
_ACCEPTED, _OK, _BAD, _MISSING = 202, 200, 400, 404
_LISTS = {"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources"}
_LISTS["resources/templates/list"] = "resourceTemplates"
_NEEDS = {"tools": "tools", "prompts": "prompts", "resources": "resources", "resourceTemplates": "resources"}
_MOST_ASKED = 4096
_BEARING = frozenset({"tools/call", "prompts/get", "resources/read"})
_BY_URI = frozenset({"resources/read", "resources/subscribe", "resources/unsubscribe"})


class Server(Protocol):
    """What answers for one server."""

    async def post(self, session: SessionInfo, request: Request, content: bytes) -> None:
        """Serve a message."""
        ...

    def knows(self, session: SessionInfo, ours: bytes) -> bool:
        """Return whether an MCP session goes on."""
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
    modern: bool = False
    last: int = 0
    open: dict[Id, tuple[Id, Id]] = field(default_factory=dict)  # ours → the client's, and its token


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server asks of the client: which server, in which session with it, and under which id there."""

    owner: str
    server: str
    inner: Inner
    id: Id


class Joined:
    """Serves `/mcp`."""

    def __init__(
        self, each: Mapping[str, Server], servers: Mapping[str, McpServer], is_carrying: Callable[[SessionInfo], bool]
    ) -> None:
        """`is_carrying` tells of a session whether all that it says carries something, however it looks."""
        self._each = each
        self._is_carrying = is_carrying
        self._kept: dict[tuple[str, str, str, bool], Sequence[Mapping[str, Any]]] = {}  # lists as they were last heard
        self._told: dict[tuple[str, str], int] = {}  # how much of ours a session that carries something gave rise to
        self._names = tuple(servers)
        self._inner: dict[tuple[str, str, bool], asyncio.Future[Inner]] = {}
        self._asked: dict[Id, Asked] = {}
        self._next = 0
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
            await self._notified(session, rpc)
            await request.answer(_ACCEPTED)
        elif (wrong := _wrong(request, rpc)) is not None:
            code, told, data = wrong
            await request.answer(_STATUS[code], error_bytes(rpc.id, code, told, data))
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
        for kept in [kept for kept in self._kept if not alive(kept[0])]:
            del self._kept[kept]
        for told in [told for told in self._told if not alive(told[0])]:
            del self._told[told]
        for number in [number for number, asked in self._asked.items() if not alive(asked.owner)]:
            del self._asked[number]

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _request(self, session: SessionInfo, request: Request, rpc: Rpc, number: Id) -> None:
        method, modern = rpc.method, _is_modern(rpc)
        if modern and method in _NOT_MODERN:
            await request.answer(404, error_bytes(number, _NO_METHOD, "There is no such method in this revision"))
        elif method == "initialize":
            asked = rpc.body.get("protocolVersion")
            version = asked if asked in _REVISIONS else _LATEST
            result = {"protocolVersion": version, "capabilities": {**_CAN, "logging": {}}, "serverInfo": _SELF}
            await request.answer(_OK, result_bytes(number, result))
        elif method == "server/discover":
            told = {"supportedVersions": [*_REVISIONS, _MODERN], "capabilities": _CAN}
            meta = {"_meta": {f"{_ABOUT}serverInfo": _SELF}}
            await request.answer(_OK, result_bytes(number, {**_cached(told), **meta}))
        elif method in ("ping", "logging/setLevel"):
            await request.answer(_OK, result_bytes(number, {}))
        elif method in _LISTS:
            listed = await self._listed(session, method, modern=modern)
            await request.answer(_OK, result_bytes(number, _cached(listed) if modern else listed))
        elif method == "tools/call" and rpc.body.get("name") == NAME:
            found = await self._search(session, rpc, modern=modern)
            await request.answer(_OK, result_bytes(number, {**found, "resultType": "complete"} if modern else found))
        else:
            await self._hand_on(session, request, rpc, number)

    async def _hand_on(self, session: SessionInfo, request: Request, rpc: Rpc, number: Id) -> None:
        """Hand a request to the server that it names, under the name that the server knows; the answer goes back."""
        path, value, sign = _named(rpc)
        server, _, rest = value.partition(sign)
        modern = _is_modern(rpc)
        if path == "" or server not in self._each or not rest:
            code = _NO_METHOD if path == "" else _BAD_PARAMS
            told = (
                "There is no such method here" if path == "" else f"Expected a name as it is listed: SERVER{sign}NAME"
            )
            await request.answer(_STATUS[code] if modern else _OK, error_bytes(number, code, told))
            return
        inner = await self._session(session, server, modern=modern)
        inner.last += 1
        ours, token = inner.last, rpc.meta.get("progressToken")  # it counts, so that it says nothing
        new: dict[str, object] = {path: rest, "rpc/id": ours}
        if isinstance(token, str | int):
            new["/_meta/progressToken"] = ours
        inner.open[ours] = (number, token if isinstance(token, str | int) else number)
        fields = [*_fields(inner, rpc.method, rest), *_params(request, inner)]
        watch = _Watch(request.deliver, inner, ours, self._asks(session, server, inner), plain=modern > inner.modern)
        try:
            given = Request("POST", f"/{server}/mcp", fields, watch)
            await self._each[server].post(session, given, renamed(rpc, new))
        finally:
            del inner.open[ours]
        if watch.gone:
            self._forget(session, server, inner)
            raise NotThereError(
                f"{server}: it has ended its session, and was not asked; a new one begins with the next"
            )

    def _asks(self, session: SessionInfo, server: str, inner: Inner) -> Callable[[Id], Id]:
        """Return what gives an id of ours to a question of a server's."""

        def give(number: Id) -> Id:
            self._next += 1
            ours = f"{server}-{self._next}"
            while len(self._asked) >= _MOST_ASKED:
                del self._asked[next(iter(self._asked))]
            self._asked[ours] = Asked(session.id, server, inner, number)
            return ours

        return give

    async def _to_asker(self, session: SessionInfo, request: Request, rpc: Rpc) -> None:
        """Hand the client's answer to whichever server asked."""
        asked = self._asked.get(rpc.id) if rpc.id is not None else None
        if asked is None or asked.owner != session.id or rpc.id is None:
            await request.answer(_ACCEPTED)
            return
        del self._asked[rpc.id]
        given = Request("POST", f"/{asked.server}/mcp", _fields(asked.inner), request.deliver)
        await self._each[asked.server].post(session, given, with_id(rpc, asked.id))

    async def _notified(self, session: SessionInfo, rpc: Rpc) -> None:
        """Hand on that a request is cancelled, to whoever works at it; all else that a client notes is for us."""
        number = rpc.body.get("requestId")
        if rpc.method != "notifications/cancelled" or not isinstance(number, str | int):
            return
        for (owner, server, _), ready in list(self._inner.items()):
            if owner == session.id and _is_there(ready):
                inner = ready.result()
                for ours in [ours for ours, (theirs, _) in inner.open.items() if theirs == number]:
                    given = Request("POST", f"/{server}/mcp", _fields(inner, rpc.method), _Collected())
                    await self._each[server].post(session, given, renamed(rpc, {"/requestId": ours}))

    async def _search(self, session: SessionInfo, rpc: Rpc, *, modern: bool) -> dict[str, object]:
        """Return what the gateway's own tool says."""
        try:
            asked = read_call(rpc.body.get("arguments"))
        except ValueError as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        listed = await self._listed(session, "tools/list", modern=modern)
        key = orjson.dumps(listed)
        known = self._index.get(session.id)
        if known is None or known[0] != key:
            tools = listed["tools"]
            index = Index([tool for tool in tools if tool.get("name") != NAME] if isinstance(tools, list) else [])
            known = self._index[session.id] = (key, index)
        answer = known[1].answer(asked)
        text = orjson.dumps(answer).decode()
        meta = {"_meta": listed["_meta"]} if "_meta" in listed else {}
        return {"content": [{"type": "text", "text": text}], "structuredContent": answer, **meta}

    async def _listed(self, session: SessionInfo, method: str, *, modern: bool) -> dict[str, object]:
        """Return what all servers list, under joined names, and which of them gave no list.

        Raises:
            NotThereError: none of them did.

        """
        kind = _LISTS[method]
        found = await asyncio.gather(*(self._one_list(session, name, method, modern=modern) for name in self._names))
        items = [
            _joined_name(name, item, kind)
            for name, (listed, _) in zip(self._names, found, strict=True)
            for item in listed
        ]
        missing = {name: error for name, (_, error) in zip(self._names, found, strict=True) if error is not None}
        if missing and len(missing) == len(self._names):
            told = "; ".join(str(error) for error in missing.values())
            problems = [error.problem for error in missing.values() if error.problem is not None]
            raise NotThereError(told, problems[0] if len(problems) == len(missing) else None)
        result: dict[str, object] = {kind: [*items, DEFINITION] if kind == "tools" else items}
        if missing:
            told_of = [{"server": name, "why": str(error)} for name, error in missing.items()]
            result["_meta"] = {_UNREACHED: told_of}
        return result

    async def _one_list(
        self, session: SessionInfo, server: str, method: str, *, modern: bool
    ) -> tuple[Sequence[Mapping[str, Any]], NotThereError | None]:
        """Return what a server lists, as far as it does, and what kept it from listing the rest."""
        kind, items = _LISTS[method], list[Mapping[str, Any]]()
        params: dict[str, object] = {}
        key = (session.id, server, method, modern)
        if key in self._kept and self._is_carrying(session):  # how often it asks may say something
            return self._kept[key], None
        try:
            inner = await self._session(session, server, modern=modern)
            if _NEEDS[kind] not in inner.can:
                return [], None
            self._count(session, server)
            for _ in range(_MOST_PAGES):
                result = await self._ask(session, server, inner, method, params)
                listed = result.get(kind)
                items += [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
                cursor = result.get("nextCursor")
                if not isinstance(cursor, str):
                    self._kept[key] = items
                    return items, None
                params = {"cursor": cursor}
        except NotThereError as error:
            return items, error
        return items, NotThereError(f"{server}: its list has more than {_MOST_PAGES} pages")

    # --- our own sessions with the servers ----------------------------------------------------------------------------

    async def _session(self, session: SessionInfo, server: str, *, modern: bool) -> Inner:
        """Return our MCP session with a server, begun where there is none; raises NotThereError."""
        key = (session.id, server, modern)
        ready = self._inner.get(key)
        begun = ready.result() if ready is not None and _is_there(ready) else None
        if begun is not None and begun.session and not self._each[server].knows(session, begun.session):
            ready = None  # its process has ended
        if ready is None:
            ready = self._inner[key] = asyncio.ensure_future(self._begin(session, server, modern=modern))
        try:
            return await asyncio.shield(ready)
        except NotThereError:
            if self._inner.get(key) is ready:
                del self._inner[key]
            raise

    def _count(self, session: SessionInfo, server: str) -> None:
        """Count what we are about to ask for a session that carries something; raises NotThereError.

        The words are ours, but that we ask is the session's doing: how often it has us do so must say next to nothing.
        """
        if self._is_carrying(session):
            told = self._told[session.id, server] = self._told.get((session.id, server), 0) + 1
            if told > _MOST_TOLD:
                raise NotThereError(f"{server}: with what this session carries it is asked for nothing more")

    def _forget(self, session: SessionInfo, server: str, inner: Inner) -> None:
        """Forget an MCP session that its server has ended."""
        for key in ((session.id, server, False), (session.id, server, True)):
            ready = self._inner.get(key)
            if ready is not None and _is_there(ready) and ready.result() is inner:
                del self._inner[key]

    async def _begin(self, session: SessionInfo, server: str, *, modern: bool) -> Inner:
        self._count(session, server)
        if modern:
            inner = Inner(b"", _MODERN.encode(), {}, modern=True)
            try:
                result = await self._ask(session, server, inner, "server/discover", {})
            except NotThereError as error:
                if error.problem is not None:  # refused, so that it would be refused again
                    raise
            else:
                versions, can = result.get("supportedVersions"), result.get("capabilities")
                if isinstance(versions, list) and _MODERN in versions:
                    inner.can = can if isinstance(can, dict) else {}
                    return inner
        # Who asks in the newer way can be asked nothing in the older one.
        offers: dict[str, object] = {} if modern else {"sampling": {}, "elicitation": {}}
        params = {"protocolVersion": _LATEST, "capabilities": offers, "clientInfo": _US}
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
        number = inner.last
        if inner.modern:
            about = {"protocolVersion": _MODERN, "clientInfo": _US, "clientCapabilities": {}}
            params = {**params, "_meta": {f"{_ABOUT}{name}": value for name, value in about.items()}}
        raw = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = _Collected()
        ours = Request("POST", f"/{server}/mcp", _fields(inner, method), answer, ours=True)
        await self._each[server].post(session, ours, raw)
        if method == "initialize":
            inner.session = answer.one(SESSION)
        if answer.status == _MISSING:  # the server has forgotten the session
            self._forget(session, server, inner)
        said = answer.message(number)
        result, error = said.get("result"), said.get("error")
        if not isinstance(result, dict):
            told = error if isinstance(error, dict) else {}
            data = told.get("data")
            if told.get("code") == REFUSED and isinstance(data, dict):
                raise NotThereError(f"{server}: it was not asked: {data.get('detail')}", data)
            raise NotThereError(f"{server}: it did not answer {method}")
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

    def message(self, number: Id) -> Mapping[str, Any]:
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
    """Passes an answer on to the client under the client's ids, and what the server asks in it under ours.

    `plain` says that the server answers in an older way than the client asks: then it is said what kind a result is.
    """

    def __init__(
        self, deliver: Callable[..., Any], inner: Inner, ours: Id, asks: Callable[[Id], Id], *, plain: bool
    ) -> None:
        self._deliver = deliver
        self._inner = inner
        self._ours = ours
        self._asks = asks
        self._plain = plain
        self._begun: MutableMapping[str, Any] | None = None
        self._events = False
        self.gone = False  # the server has ended the session in which it was asked, so it did nothing

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._begun = message  # how long its body is will be known once that was written anew
            return
        body, begun = message.get("body", b""), self._begun
        if begun is not None:
            self.gone = begun["status"] == _MISSING and bool(self._inner.session)
            self._events = (b"content-type", EVENTS) in begun["headers"]
        if self.gone:
            return
        if self._events:
            body = b"\n".join(
                b"data: " + self._given(line[6:]) if line.startswith(b"data: ") else line for line in body.split(b"\n")
            )
        elif body:
            body = self._given(body)
        if begun is not None:
            self._begun = None
            whole = not message.get("more_body", False)
            fields = [
                (name, b"%d" % len(body) if name == b"content-length" and whole else value)
                for name, value in begun["headers"]
                if name != SESSION
            ]
            await self._deliver({**begun, "headers": fields})
        await self._deliver({**message, "body": body})

    def _given(self, text: bytes) -> bytes:
        """Return a message as the client gets it."""
        try:
            rpc = read_rpc(text)
        except RpcError:
            return text
        theirs, token = self._inner.open[self._ours]
        if rpc.sort is Sort.REQUEST and rpc.id is not None:
            return with_id(rpc, self._asks(rpc.id))
        if rpc.sort is Sort.NOTIFICATION:
            return renamed(rpc, {"/progressToken": token}) if rpc.body.get("progressToken") == self._ours else text
        if rpc.id != self._ours:
            return text
        if self._plain and rpc.sort is Sort.RESULT:
            return result_bytes(theirs, {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **rpc.body})
        return with_id(rpc, theirs)


def _is_there(ready: "asyncio.Future[Inner]") -> bool:
    return ready.done() and not ready.cancelled() and ready.exception() is None


def _is_modern(rpc: Rpc) -> bool:
    return VERSION_KEY in rpc.meta


def _cached(result: Mapping[str, object]) -> dict[str, object]:
    """Return a result as the revision without sessions wants it: of its kind, and for nobody to keep."""
    return {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", **result}


def _wrong(request: Request, rpc: Rpc) -> tuple[int, str, object] | None:
    """Return code, text and data of the error that a request's head makes it; None where all is well."""
    version = rpc.meta.get(VERSION_KEY)
    if version is None:
        return None
    headers = McpHeaders(request.fields, rpc.raw)
    told = request.one(VERSION).decode("latin-1")
    name = rpc.body.get("uri" if rpc.method == "resources/read" else "name")
    wants = {b"mcp-method": rpc.method} | (
        {b"mcp-name": name} if isinstance(name, str) and rpc.method in _BEARING else {}
    )
    if told != version or headers.names(*wants) != wants:
        return _MISMATCH, "The header fields do not say what the message says", None
    if version != _MODERN:
        supported = [*_REVISIONS, _MODERN]
        return _UNSUPPORTED, "There is no such revision here", {"supported": supported, "requested": str(version)}
    return None


def _fields(inner: Inner, method: str = "", name: str = "") -> Sequence[tuple[bytes, bytes]]:
    fields = [(b"content-type", JSON), (b"accept", JSON + b", " + EVENTS)]
    if inner.session:
        fields.append((SESSION, inner.session))
    if inner.revision:
        fields.append((VERSION, inner.revision))
    if inner.modern and method:
        fields.append((b"mcp-method", method.encode()))
    if inner.modern and name and method in _BEARING:
        fields.append((b"mcp-name", encoded(name)))
    return fields


def _params(request: Request, inner: Inner) -> Sequence[tuple[bytes, bytes]]:
    """Return the client's fields that say arguments again, for a server that reads them."""
    return [(name, value) for name, value in request.fields if inner.modern and name.startswith(b"mcp-param-")]


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
