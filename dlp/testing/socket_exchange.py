"""What generated programs do, over real sockets: a client, the HTTP proxy, and an upstream, each with its own.

The sandbox's side is the standard library's client; the upstream answers what the program's run says it would.
"""

import asyncio
import http.client
import os
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import orjson

from dlp.adapters import ca
from dlp.adapters.http import HttpProxy
from dlp.adapters.resolver import Resolver
from dlp.config import Limits
from dlp.engine.sessions import SessionInfo
from dlp.testing import upstreams
from dlp.testing.exchange import Heard, Told
from dlp.testing.http_exchange import WAYS, for_staff
from dlp.testing.programs import PAY_SOURCES, SINKS
from dlp.testing.upstreams import Said
from dlp.testing.wall import Wall

_HOSTS = tuple(f"{name}.test" for name in {*PAY_SOURCES, *SINKS, "people"})
_KEPT = ("x-note", "cookie")  # other headers are the client's own, or differ from run to run as a trace does
_REFUSED = "application/problem+json"


class _Proxy(HttpProxy):
    """A proxy that takes a session's name for its credentials: that these are checked is not what is tried here."""

    def identify(self, credentials: bytes | None) -> SessionInfo | None:
        """Return the session that is named."""
        name = b64decode((credentials or b"").removeprefix(b"Basic ")).decode().partition(":")[0]
        return self.engine.sessions.get(name)


class SocketExchange:
    """Programs over a proxy that listens, with an upstream that does."""

    def __init__(self) -> None:
        self._said = Said()
        self._received: list[tuple[str, bytes, bytes]] = []
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._proxy: _Proxy | None = None
        self._port = 0

    def close(self) -> None:
        """Stop listening."""

        async def end() -> None:
            if self._proxy is not None:
                await self._proxy.close()
            self._upstream.close()
            rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            if self._proxy is not None:
                self._upstream.abort_clients()
            await asyncio.sleep(0)  # connections end in the loop's next turn

        if self._proxy is not None:
            self._run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._folder.cleanup()

    def ask(self, wall: Wall, session: SessionInfo, source: str, query: str) -> bool:  # noqa: ARG002
        """Return whether it passed: question and answer are one exchange, which `hear` makes."""
        return True

    def hear(self, wall: Wall, session: SessionInfo, source: str, query: str, said: Said) -> Heard:
        """Ask a source, and let its answer in."""
        what, _, which = query.partition("/")
        self._said = said
        return self._request(wall, session, "GET", f"http://{source}.test/{what}" + (f"?row={which}" if which else ""))

    def tell(self, wall: Wall, session: SessionInfo, sink: str, text: str, way: str) -> Told:
        """Send a text to a sink."""
        path, body, content_type, headers = WAYS[way](text)
        self._said = Said()
        self._received.clear()
        given = {name.decode(): value.decode() for name, value in headers}
        url = f"http://{sink}.test/in{path}"
        self._request(wall, session, "POST", url, body, {**given, "content-type": content_type or "text/plain"})
        if not self._received:
            return Told()
        target, told, sent = self._received[-1]
        return Told(b"\n".join((target.encode(), told, sent)), sent, for_staff(sent))

    def echo(self, wall: Wall, session: SessionInfo, manner: str, text: str) -> Heard:
        """Send a text to the upstream that says it again, and let its answer in."""
        self._said = Said(content_type=f"echo/{manner}")
        self._received.clear()
        body = orjson.dumps({"x": text})
        url = f"http://friend.test/say/{manner}"
        return self._request(wall, session, "POST", url, body, {"content-type": "application/json"})

    def _request(
        self,
        wall: Wall,
        session: SessionInfo,
        method: str,
        url: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Heard:
        self._start(wall)
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        credentials = b64encode(f"{session.id}:x".encode()).decode()
        try:
            client.request(
                method, url, body or None, {**(headers or {}), "proxy-authorization": f"Basic {credentials}"}
            )
            answer = client.getresponse()
            told = answer.read()
        except (http.client.HTTPException, OSError):  # refused before it was read
            return Heard(passed=False)
        finally:
            client.close()
        if answer.headers.get("content-type") == _REFUSED:
            return Heard(passed=False)
        values = " ".join(
            value for name, value in answer.headers.items() if name.lower() in ("x-value", "x-said", "etag")
        )
        return Heard(passed=True, seen=b"%d %b %b" % (answer.status, values.encode("latin-1"), told), body=told)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def _start(self, wall: Wall) -> None:
        """Have the proxy listen, and judge by the engine that the wall has now."""
        if self._proxy is None:
            self._proxy = self._run(self._listen(wall))
        self._proxy.renew(wall.engine, None)

    async def _listen(self, wall: Wall) -> _Proxy:
        self._upstream = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._upstream.sockets[0].getsockname()[1]
        folder = Path(self._folder.name)
        ca.create(folder, time.time)

        async def nowhere(_: str) -> tuple[str, ...]:
            raise OSError

        proxy = _Proxy(
            wall.engine,
            resolver=Resolver(dict.fromkeys(_HOSTS, ("127.0.0.1", port)), time.time, nowhere),
            clock=time.time,
            random=os.urandom,
            ca_file=ca.files(folder).key,
            limits=Limits(body=wall.limit, connect=2.0),
        )
        _, self._port = await proxy.listen("127.0.0.1", 0)
        return proxy

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line, _, rest = head.decode("latin-1").partition("\r\n")
            headers = {
                name.lower(): value for name, _, value in (one.partition(": ") for one in rest.split("\r\n") if one)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            kept = "\n".join(f"{name}: {headers[name]}" for name in _KEPT if name in headers)
            self._received.append((line.split(" ")[1], kept.encode("latin-1"), body))
            said = self._said
            if said.content_type.startswith("echo/"):
                said = upstreams.echo(said.content_type.removeprefix("echo/"), body)
            writer.write(_response(said))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _response(said: Said) -> bytes:
    lines = [f"HTTP/1.1 {said.status} OK".encode(), b"content-type: " + said.content_type.encode()]
    lines += [name + b": " + value for name, value in said.headers]
    lines += [b"content-length: %d" % len(said.body), b"connection: close"]
    return b"\r\n".join(lines) + b"\r\n\r\n" + said.body
