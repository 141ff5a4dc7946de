"""The admin API: sessions, approvals and health, on a Unix socket that only the proxy's own user can open."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dlp.core.errors import ConfigError, DlpError, StoreError
from dlp.core.message import Fact, Facts
from dlp.engine.approvals import Approval, ApprovalError, Approvals
from dlp.engine.sessions import SessionInfo, Sessions

_MAX_BODY = 64 * 1024

type Handler = Callable[[Request], Awaitable[Response]]


class _BadRequestError(DlpError):
    """The orchestrator must ask differently."""


def admin_app(
    sessions: Sessions,
    approvals: Approvals,
    *,
    trusted: Callable[[], Mapping[str, str]],
    needs: Callable[[str, str], Mapping[str, object]],
    health: Callable[[], Mapping[str, object]],
) -> Starlette:
    """Return the API.

    `trusted` gives the type (text, number, boolean, list) of each fact that an orchestrator may state; `needs` what a
    sandbox needs, given its session and secret; `health` what else `/healthz` tells.
    """

    async def healthz(_: Request) -> Response:
        open_now = sum(info.status == "open" for info in sessions.list())
        return _json({"status": "ok", "sessions": open_now} | dict(health()))

    async def list_sessions(_: Request) -> Response:
        return _json([_session(info) for info in sessions.list()])

    async def open_session(request: Request) -> Response:
        asked = await _body(request, {"agent": str, "purpose": str, "facts": dict, "continues": str}, need=("agent",))
        facts = _facts(asked.get("facts") or {}, trusted())
        agent, purpose, continues = (str(asked.get(key, "")) for key in ("agent", "purpose", "continues"))
        info, secret = sessions.open(agent, purpose, facts, continues=continues)
        return _json(_session(info) | {"secret": secret} | dict(needs(info.id, secret)), 201)

    async def show_session(request: Request) -> Response:
        return _one(sessions.get(request.path_params["name"]))

    async def close_session(request: Request) -> Response:
        return _one(sessions.close(request.path_params["name"]))

    async def freeze_session(request: Request) -> Response:
        return _one(sessions.freeze(request.path_params["name"]))

    async def list_approvals(request: Request) -> Response:
        return _json([_approval(one) for one in approvals.list(request.query_params.get("session", ""))])

    async def show_approval(request: Request) -> Response:
        found = approvals.status(request.path_params["name"])
        return _json(_approval(found)) if found else _problem(404, "there is no such approval")

    async def answer_approval(request: Request) -> Response:
        asked = await _body(request, {"approve": bool, "as": str}, need=("approve", "as"))
        name = request.path_params["name"]
        return _json(_approval(approvals.answer(name, approve=bool(asked["approve"]), by=str(asked["as"]))))

    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/healthz", healthz),
        ("GET", "/sessions", list_sessions),
        ("POST", "/sessions", open_session),
        ("GET", "/sessions/{name}", show_session),
        ("DELETE", "/sessions/{name}", close_session),
        ("POST", "/sessions/{name}/freeze", freeze_session),
        ("GET", "/approvals", list_approvals),
        ("GET", "/approvals/{name}", show_approval),
        ("POST", "/approvals/{name}", answer_approval),
    ]
    return Starlette(routes=[Route(path, _told_errors(handler), methods=[method]) for method, path, handler in routes])


@contextlib.asynccontextmanager
async def serving(app: Starlette, path: Path) -> AsyncIterator[None]:
    """Serve the API on a Unix socket at `path`, in the running loop, until the block ends.

    Raises:
        ConfigError: the socket cannot be made, or another proxy listens there.

    """
    listener = _listener(path)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", server_header=False)
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn sets a flag, not an event
            await asyncio.sleep(0.001)
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


class QuietServer(uvicorn.Server):
    """A server that leaves signals to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the loop."""
        yield


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists():
            _refuse_if_answered(path)
            path.unlink()
        listener.bind(str(path))
        # Nobody can connect before listen(), so there is no moment at which others could.
        path.chmod(0o600)
        listener.listen(64)
    except BaseException as error:
        listener.close()
        if isinstance(error, OSError):
            raise ConfigError(f"{path}: cannot listen here: {error.strerror or error}") from error
        raise
    return listener


def _refuse_if_answered(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        if not other.connect_ex(str(path)):
            raise ConfigError(f"{path}: another proxy listens here; stop it, or give this one its own state folder")


def _told_errors(handler: Handler) -> Handler:
    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except StoreError as error:
            return _problem(503, str(error))
        except ApprovalError as error:
            return _problem(409, str(error))
        except DlpError as error:
            return _problem(400, str(error))

    return told


async def _body(request: Request, keys: Mapping[str, type], need: tuple[str, ...]) -> dict[str, object]:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_BODY:
            raise _BadRequestError(f"expected a body of at most {_MAX_BODY} bytes, got more")
    try:
        asked = orjson.loads(content)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise _BadRequestError(f"expected a JSON object with {', '.join(keys)}")
    for name, value in asked.items():
        if name not in keys:
            raise _BadRequestError(f"unknown member of length {len(name)}; known: {', '.join(keys)}")
        if not isinstance(value, keys[name]):
            raise _BadRequestError(f"{name}: expected {keys[name].__name__}, got {type(value).__name__}")
    if missing := [name for name in need if asked.get(name) in (None, "")]:
        raise _BadRequestError(f"expected the member {missing[0]}")
    return asked


def _facts(given: object, types: Mapping[str, str]) -> Facts:
    facts: dict[str, Fact] = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        match types.get(name), value:
            case "text", str():
                facts[name] = value
            case "boolean", bool():
                facts[name] = value
            case "number", int() | float() if not isinstance(value, bool):
                facts[name] = value
            case "list", list() if all(isinstance(item, str) for item in value):
                facts[name] = tuple(value)
            case kind, _:
                wanted = f"a {kind}" if kind else f"one of: {', '.join(sorted(types)) or 'none'}"
                raise _BadRequestError(f"facts: {name}: expected {wanted}, as the policy's trusted: says")
    return facts


def _session(info: SessionInfo) -> dict[str, object]:
    return {
        "session": info.id,
        "status": info.status,
        "agent": info.agent,
        "purpose": info.purpose,
        "opened": info.opened,
    }


def _one(info: SessionInfo | None) -> Response:
    return _json(_session(info)) if info else _problem(404, "there is no such session")


def _approval(approval: Approval) -> dict[str, object]:
    return {
        "approval": approval.id,
        "answer": approval.answer,
        "session": approval.session,
        "approvers": approval.approvers,
        "asked": approval.asked,
        "until": approval.until,
        "by": approval.by,
        "summary": dict(approval.summary),
    }


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _problem(status: int, detail: str) -> Response:
    content = orjson.dumps({"type": "about:blank", "status": status, "detail": detail})
    return Response(content, status, media_type="application/problem+json")
