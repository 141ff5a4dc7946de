"""Streams through the proxy: what it adds to an event and a frame, how it grows, and large bodies beside `mitmdump`.

The upstream is a process of its own (`dlp.bench.stream_peer`). Latencies are those of single events and frames, from
when they are sent until they are there, without the proxy and with it in turn; large bodies go through both in turn.
"""

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlp.bench import bombs, peers, stream_peer
from dlp.bench.load import HOST
from dlp.bench.peers import Peer, Upstream
from dlp.bench.report import Row, at_most, document, progress, row
from dlp.bench.stream_peer import SPELLED, told
from dlp.core.errors import DlpError

MB = 1_000_000
_SENT = b'"sent": "'
_KINDS = (("record", "of a record"), ("text", "of a model's text"), ("person", "of a record with an e-mail address"))
_RULES = """
  - {name: bench passes in what cannot be read, data: opaque, from: bench, to: sandbox, then: allow}
  - {name: bench passes out what cannot be read, data: opaque, to: bench, then: allow}
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: events in one run and how many runs, bytes of a large body and of the largest, bombs."""

    rate: float = 1000.0
    count: int = 3000
    rounds: int = 5
    body: int = 100 * MB
    stream: int = 1000 * MB
    bombs: tuple[str, ...] = (*bombs.BODIES, *bombs.ENDLESS, *bombs.LYING)


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to the upstream: directly, or through a proxy at a port with these credentials."""

    port: int
    credentials: bytes = b""

    def head(self, upstream: int, method: str, path: str, *fields: str) -> bytes:
        """Return a request's head."""
        target = f"http://{HOST}:{upstream}{path}" if self.port != upstream else path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}:{upstream}", *fields]
        if self.credentials:
            lines.append(f"Proxy-Authorization: Basic {self.credentials.decode()}")
        return "\r\n".join((*lines, "", "")).encode()


def run(effort: Effort | None = None) -> dict[str, object]:
    """Measure everything; return the rows as one object.

    Raises:
        DlpError: a proxy did not start, or did not pass on all there was.

    """
    effort = effort or Effort()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="dlp-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        gc.freeze()  # what measures must not itself hold an event up; the upstream does the same
        stack.callback(gc.unfreeze)
        up = stack.enter_context(_upstream(folder))
        home = folder / "product"
        home.mkdir()
        authority = peers._certificate(folder)  # noqa: SLF001 - the same room
        peers.prepare(home, Upstream(up, up, authority.with_name("upstream-authority.pem")))
        policy = home / "policy.yaml"
        text = policy.read_text(encoding="utf-8")
        if text.count("\nrules:") != 1:
            raise DlpError(f"{policy}: expected one `rules:` to add two to; `dlp init` wrote another")
        policy.write_text(text.replace("\nrules:", f"\nrules:{_RULES}", 1), encoding="utf-8")
        product = stack.enter_context(peers.product(home))
        stock = stack.enter_context(peers.mitmdump(folder))
        ways = {"direct": Way(up), "dlp": Way(product.port), "mitmdump": Way(stock.port)}
        knowing = Way(up)

        def new() -> Way:
            """Have what follows in a session that has read nothing: what it knows is looked for in all it says."""
            ways["dlp"] = Way(product.port, peers.open_session(home))
            return ways["dlp"]

        for what, path in (("SSE event", "/events"), ("WebSocket frame", "/frames")):
            for kind, says in _KINDS:
                knowing = new()
                rows += asyncio.run(_latency(effort, ways, up, f"{what} {says}", f"{path}?kind={kind}"))
        rows += asyncio.run(_growth(effort, new(), up, product))
        rows += asyncio.run(_known(effort, knowing, up))
        for kind in ("binary", "text"):
            rows += asyncio.run(_bodies(effort, ways, up, kind))
        rows += asyncio.run(_worn_out(effort, new(), Way(product.port, peers.open_session(home)), up, product))
    return document("streams", rows)


@contextmanager
def _upstream(folder: Path) -> Iterator[int]:
    command = (sys.executable, "-m", "dlp.bench.stream_peer")
    log = folder / "stream-upstream.log"
    with peers.running(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - asked for above
        yield int(json.loads(process.stdout.readline())["http"])


# --- what is added to one event ---------------------------------------------------------------------------------------


async def _latency(effort: Effort, ways: dict[str, Way], up: int, what: str, path: str) -> list[Row]:
    times: dict[str, list[list[float]]] = {"direct": [], "dlp": []}
    for name in times:
        await _read(ways[name], up, path, Effort(effort.rate, 300))
    for _ in range(effort.rounds):
        for name, of_way in times.items():
            of_way.append(sorted(await _read(ways[name], up, path, effort)))
    rows = []
    for percent, bar in ((50, None), (99, 3.0)):
        direct, ours = (
            1000 * statistics.median(one[min(len(one) - 1, len(one) * percent // 100)] for one in of_way)
            for of_way in times.values()
        )
        rows.append(at_most(f"added to a {what}/p{percent} at {effort.rate:g}/s", ours - direct, "ms", bar, direct))
        progress(f"{what}: p{percent} {ours - direct:.2f} ms added")
    return rows


async def _read(way: Way, up: int, path: str, effort: Effort) -> list[float]:
    """Return how long each event or frame took; all of them must come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    socket = path.startswith("/frames")
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA")
    fields = upgrade if socket else ()
    writer.write(way.head(up, "GET", f"{path}&rate={effort.rate}&count={effort.count}", *fields))
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")):
        raise DlpError(f"bench: {path.partition('?')[0]} was answered with {head[9:12].decode()}")
    times: list[float] = []
    rest = b""
    while len(times) < effort.count:
        data = await reader.read(65536)
        now = time.perf_counter_ns()
        if not data:
            raise DlpError(f"bench: {len(times)} of {effort.count} events came")
        data, at = rest + data, 0
        while (found := data.find(_SENT, at)) >= 0 and found + len(_SENT) + SPELLED <= len(data):
            at = found + len(_SENT) + SPELLED
            times.append((now - told(data[found + len(_SENT) : at])) / 1e9)
        rest = data[max(at, len(data) - len(_SENT) - SPELLED) :]
    writer.close()
    return times


# --- large bodies -----------------------------------------------------------------------------------------------------


async def _growth(effort: Effort, way: Way, up: int, product: Peer) -> list[Row]:
    rows = []
    for kind in ("binary", "text"):
        await _download(way, up, 20 * MB, kind)
        product.forget_peak()
        before = product.memory()
        seconds = await _download(way, up, effort.stream, kind)
        grown = (product.peak() - before) / MB
        name = f"growth while {effort.stream / MB:.0f} MB of {kind} are streamed"
        rows.append(at_most(name, grown, "MB", 64.0))
        rows.append(row(f"speed/{kind}", effort.stream / MB / seconds, "MB/s"))
        progress(f"{name}: {grown:.1f} MB, {effort.stream / MB / seconds:.0f} MB/s")
    return rows


async def _known(effort: Effort, way: Way, up: int) -> list[Row]:
    """Return how fast a text is read in a session that knows the addresses of the events before: all are looked for."""
    seconds = await _download(way, up, effort.body, "text")
    progress(f"{effort.body / MB:.0f} MB of text in a session that knows 200 values: {seconds:.2f} s")
    return [row("speed/text, in a session that knows 200 values", effort.body / MB / seconds, "MB/s")]


async def _bodies(effort: Effort, ways: dict[str, Way], up: int, kind: str) -> list[Row]:
    rows = []
    for what, move in (("download", _download), ("upload", _upload)):
        taken: dict[str, list[float]] = {"dlp": [], "mitmdump": []}
        for _ in range(min(effort.rounds, 3)):
            for name, of_way in taken.items():
                of_way.append(await move(ways[name], up, effort.body, kind))
        ours, theirs = (statistics.median(one) for one in taken.values())
        name = f"{effort.body / MB:.0f} MB {what} of {kind}"
        rows.append(at_most(name, ours / theirs, "times the time of mitmdump", 1.5, theirs))
        progress(f"{name}: {ours:.2f} s, mitmdump {theirs:.2f} s")
    return rows


async def _download(way: Way, up: int, size: int, kind: str) -> float:
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port, limit=1 << 20)
    writer.write(way.head(up, "GET", f"/download?kind={kind}&size={size}"))
    head = await reader.readuntil(b"\r\n\r\n")
    got = 0
    while got < size and (data := await reader.read(1 << 20)):
        got += len(data)
    writer.close()
    if not head.startswith(b"HTTP/1.1 200") or got != size:
        raise DlpError(f"bench: a download of {size} bytes of {kind} gave {got} after {head[9:12].decode()}")
    return time.perf_counter() - start


async def _upload(way: Way, up: int, size: int, kind: str) -> float:
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    media = "text/plain" if kind == "text" else "application/octet-stream"
    writer.write(way.head(up, "POST", "/upload", f"Content-Type: {media}", f"Content-Length: {size}"))
    body, left = stream_peer.piece(kind), size
    while left > 0:
        writer.write(body[:left])
        await writer.drain()
        left -= len(body)
    head = await reader.readuntil(b"\r\n\r\n")
    told = await reader.read(100)
    writer.close()
    if told != b"%d" % size:
        raise DlpError(f"bench: an upload of {size} bytes of {kind} was answered with {head[9:12].decode()}")
    return time.perf_counter() - start


# --- what is meant to wear the proxy out ------------------------------------------------------------------------------


async def _worn_out(effort: Effort, way: Way, second: Way, up: int, product: Peer) -> list[Row]:
    """Send each bomb, and have each answered; note how long it takes, what it fills, and what another session sees."""
    rows = []
    for name in effort.bombs:
        for sends in (False, True) if name in bombs.BODIES else (False,):
            rows += await _one_bomb(name, way, second, up, product, sends=sends)
    return rows


async def _one_bomb(name: str, way: Way, second: Way, up: int, product: Peer, *, sends: bool) -> list[Row]:
    await _throw(name, Way(up), up, sends=sends)  # so that it is made, here and there, before anything is measured
    quiet = await _noticed(second, up, asyncio.sleep(0.5))
    product.forget_peak()
    before = product.memory()
    start = time.perf_counter()
    noticed = await _noticed(second, up, _throw(name, way, up, sends=sends))
    seconds = time.perf_counter() - start
    grown = (product.peak() - before) / MB
    topic = f"bomb, {'sent' if sends else 'answered'}: {name}"
    progress(f"{topic}: {seconds:.2f} s, {grown:.0f} MB, noticed {noticed:.0f} ms (without {quiet:.0f})")
    return [
        at_most(f"{topic}/over after", seconds, "s", 2.0),
        at_most(f"{topic}/growth", grown, "MB", 64.0),
        at_most(f"{topic}/longest wait of another session", noticed - quiet, "ms", 20.0, quiet),
    ]


async def _throw(name: str, way: Way, up: int, *, sends: bool) -> None:
    """Send one bomb, or ask for it, and read until the connection is over or answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    try:
        if sends:
            media, coding, data = bombs.body(name)
            fields = [f"Content-Type: {media}", f"Content-Length: {len(data)}", "Connection: close"]
            writer.write(way.head(up, "POST", "/upload", *fields, *([f"Content-Encoding: {coding}"] if coding else [])))
            for at in range(0, len(data), stream_peer.PIECE):
                writer.write(data[at : at + stream_peer.PIECE])
                await writer.drain()
        else:
            writer.write(way.head(up, "GET", f"/bomb?name={quote(name)}", "Connection: close"))
        while await reader.read(1 << 20):
            pass
    except ConnectionError:
        pass  # it was broken off, which is one way to refuse
    finally:
        writer.close()


async def _noticed(way: Way, up: int, meanwhile: Coroutine[Any, Any, None]) -> float:
    """Return the longest time in ms that a small exchange of another session took while something went on."""
    task = asyncio.ensure_future(meanwhile)
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    longest = 0.0
    while not task.done() or not longest:
        start = time.perf_counter()
        writer.write(way.head(up, "GET", "/download?kind=text&size=100"))
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(100)
        longest = max(longest, 1000 * (time.perf_counter() - start))
        await asyncio.sleep(0.002)
    writer.close()
    await task
    return longest
