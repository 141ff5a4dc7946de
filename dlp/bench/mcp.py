"""MCP through the wall beside MCP without it: the SDK's client and server at both ends, over pipes and over HTTP.

What is compared alternates in short rounds, so that the machine's noise hits both alike. The product runs with the
policy that `dlp init` writes, patterns only, and a source and a destination for the servers.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlp
from dlp.bench import peers
from dlp.bench.peers import Peer
from dlp.bench.report import Row, at_most, document, progress, row
from dlp.core.errors import ConfigError
from dlp.engine.classify import ClassifierConfig, build_classifier
from dlp.policy.load import load_policy
from dlp.wire.body import read_body

KB = ("The nightly export ran for eleven minutes and wrote three files; nothing in them needs a second look. " * 10)[
    :1000
]
FACTOR = "times direct"
LISTING = "times the slowest server"
STDIO_BAR, HTTP_BAR, LISTING_BAR = 1.35, 1.5, 1.3
_SERVER = (sys.executable, "-m", "dlp.bench.mcp_server")
_SLOWEST = 0.5
_SETTLED_WITHIN = 30.0
_IDLE = 0.05  # CPU seconds in a second
_HERE = Path(dlp.__file__).parent
_PACKS = next((path for path in (_HERE.parent / "dlp_rules", _HERE.parent / "rules") if path.is_dir()), _HERE)
_PLUGINS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("dlp_presidio", {"ner": "off"}),
    ("dlp_secrets", {}),
    ("dlp_tokens", {}),
)
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: rounds, calls in a round, calls with personal data, listings, and servers of 50 tools."""

    rounds: int = 20
    calls: int = 50
    pages: int = 30
    listings: int = 7
    servers: int = 20
    tools: int = 50


@dataclass(frozen=True, slots=True)
class Home:
    """A running product, its settings, the origin of its gateway, and the origin of the servers."""

    product: Peer
    config: Path
    gateway: str
    direct: str


def run(effort: Effort | None = None) -> dict[str, object]:
    """Measure everything; return the rows as one object.

    Raises:
        DlpError: the proxy or a server did not start.

    """
    effort = effort or Effort()
    # Slow servers are slow because they wait for somebody else: the later ones wait longer.
    names = [f"crm{number}" for number in range(effort.servers)]
    given = {"bench": (0, 0.0)} | {
        name: (effort.tools - 2, _SLOWEST * (number + 1) / effort.servers) for number, name in enumerate(names)
    }
    with tempfile.TemporaryDirectory(prefix="dlp-bench-") as folder, _running(Path(folder), given) as home:
        rows = asyncio.run(_calls(effort, home))
        rows += asyncio.run(_listings(effort, home, names))
        rows += _detection(home, effort.pages, rows)
    return document("mcp", rows)


# --- calls ------------------------------------------------------------------------------------------------------------


async def _calls(effort: Effort, home: Home) -> list[Row]:
    """Return the rows of single calls: of 1 KB without findings, and of 20 KB with personal data."""
    rows: list[Row] = []
    for way, bar in (("stdio", STDIO_BAR), ("HTTP", HTTP_BAR)):
        progress(f"calls over {way}")
        took: list[list[float]] = [[], []]
        async with _both(home, way) as ends:
            for end in ends:
                await _timed(end, effort.calls, "echo", {"text": KB})
            before = home.product.cpu()
            for number in range(effort.rounds):
                for at in (0, 1) if number % 2 else (1, 0):
                    took[at] += await _timed(ends[at], effort.calls, "echo", {"text": KB})
            used = (home.product.cpu() - before) / len(took[1])
        pages: list[list[float]] = [[], []]
        async with _both(home, way) as ends:  # another session: this one comes to know thousands of values
            for number in range(effort.pages):
                for at in (0, 1):
                    pages[at] += await _timed(ends[at], 1, "customers", {"number": number})
        direct, through = map(statistics.median, took)
        rows += [
            at_most(f"1 KB call over {way}/p50", through / direct, FACTOR, bar, 1.0),
            row(f"1 KB call over {way}/p50 in ms", through * 1000, "ms", direct * 1000),
            row(f"1 KB call over {way}/CPU of the proxy in ms", used * 1000, "ms"),
        ]
        direct, through = map(statistics.median, pages)
        rows.append(row(f"20 KB with personal data over {way}/p50 in ms", through * 1000, "ms", direct * 1000))
    return rows


@asynccontextmanager
async def _both(home: Home, way: str) -> AsyncIterator[tuple[Any, Any]]:
    """Connect a client straight to the server, and one, in a session of its own, through the wall."""
    straight, through = _clients(home, way, _token(home.config))
    async with straight as one, through as other:
        yield one, other


async def _timed(client: Any, calls: int, tool: str, arguments: Mapping[str, object]) -> list[float]:
    took = []
    for _ in range(calls):
        began = time.perf_counter()
        answer = await client.call_tool(tool, dict(arguments))
        took.append(time.perf_counter() - began)
        if answer.is_error:
            raise ConfigError(f"bench: {tool} was refused: {answer.content[0].text[:300]}")
    return took


def _clients(home: Home, way: str, token: str) -> tuple[Any, Any]:
    """Return the SDK's client straight to the server, and through the wall."""
    # Two thirds of a second: whoever lists the areas does not wait for it.
    from mcp import Client, StdioServerParameters  # noqa: PLC0415

    if way == "HTTP":
        return _http(f"{home.direct}/bench"), _http(f"{home.gateway}/bench/mcp", token)
    wrap = ("-m", "dlp.cli.main", "mcp", "wrap", "-c", str(home.config), "--name", "bench", "--")
    plain = StdioServerParameters(command=_SERVER[0], args=[*_SERVER[1:], "stdio"])
    env = {"DLP_MCP_TOKEN": token}
    wrapped = StdioServerParameters(command=sys.executable, args=[*wrap, *_SERVER, "stdio"], env=env)
    return Client(plain, cache=None), Client(wrapped, cache=None)


@asynccontextmanager
async def _http(url: str, token: str = "") -> AsyncIterator[Any]:
    import httpx2  # noqa: PLC0415 - as above
    from mcp import Client  # noqa: PLC0415
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as client,
    ):
        yield client


def _detection(home: Home, pages: int, rows: list[Row]) -> list[Row]:
    """Return how much of a call with personal data is detection: the classifiers alone, on the same pages."""
    from dlp.bench.mcp_server import page  # noqa: PLC0415 - as in `_clients`

    progress("detection alone")
    policy = load_policy(home.config.with_name("policy.yaml"), packs=_PACKS)
    cache = home.config.with_name("state") / "cache"
    classifier = build_classifier(ClassifierConfig(_PLUGINS, tuple(policy.classes.values()), cache))
    classifier.warm()
    took = []
    for number in range(pages):
        parts = read_body(page(number).encode(), "application/json", "", limit=MB).block.parts
        began = time.perf_counter()
        found = classifier.classify(parts)
        took.append(time.perf_counter() - began)
        if not found:
            raise ConfigError("bench: expected personal data in a page of customers, found none")
    alone = statistics.median(took) * 1000
    made = [row("20 KB with personal data/detection alone in ms", alone, "ms")]
    for way in ("stdio", "HTTP"):
        (whole,) = (one.value for one in rows if one.name == f"20 KB with personal data over {way}/p50 in ms")
        made.append(row(f"20 KB with personal data over {way}/share of detection", 100 * alone / whole, "%"))
    return made


# --- listings ---------------------------------------------------------------------------------------------------------


async def _listings(effort: Effort, home: Home, names: list[str]) -> list[Row]:
    """Return how long all tools take through the joined gateway, beside the slowest server alone."""
    progress("listing tools")
    slowest, joined = [], []
    async with _http(f"{home.direct}/{names[-1]}") as alone, _http(f"{home.gateway}/mcp", _token(home.config)) as all_:
        for _ in range(effort.listings + 1):
            slowest.append(await _listed(alone, effort.tools))
            joined.append(await _listed(all_, effort.servers * effort.tools))
    # The first listing of all connects to every server, as the slowest one's first connects to it.
    one, many = statistics.median(slowest[1:]), statistics.median(joined[1:])
    count = effort.servers * effort.tools
    return [
        at_most(f"{count} tools, joined/p50", many / one, LISTING, LISTING_BAR, 1.0),
        row(f"{count} tools, joined/p50 in ms", many * 1000, "ms", one * 1000),
    ]


async def _listed(client: Any, least: int) -> float:
    began = time.perf_counter()
    found, cursor = 0, None
    while True:
        page = await client.list_tools(cursor=cursor)
        found, cursor = found + len(page.tools), page.next_cursor
        if cursor is None:
            break
    took = time.perf_counter() - began
    if found < least:
        raise ConfigError(f"bench: expected {least} tools or more, got {found}")
    return took


# --- the product and the servers --------------------------------------------------------------------------------------


@contextmanager
def _running(folder: Path, servers: Mapping[str, tuple[int, float]]) -> Iterator[Home]:
    """Run the servers and the product before them, until the block ends."""
    progress("preparing: dlp init")
    home = folder / "product"
    home.mkdir()
    peers.call("init", str(home), at=folder)
    with peers.running((*_SERVER, "http"), folder / "servers.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as up:
        assert up.stdin is not None  # noqa: S101 - asked for above
        assert up.stdout is not None  # noqa: S101 - the same
        up.stdin.write(f"{json.dumps(servers)}\n".encode())
        up.stdin.flush()
        direct = f"http://127.0.0.1:{int(up.stdout.readline())}"
        http, mcp = peers.free_port(), peers.free_port()
        with (home / "dlp.yaml").open("a", encoding="utf-8") as file:
            file.write(f'listen: {{http: "127.0.0.1:{http}", mcp: "127.0.0.1:{mcp}"}}\nner: off\n')
            file.write(f"mcp: {json.dumps({'servers': {name: {'url': f'{direct}/{name}'} for name in servers}})}\n")
        policy = home / "policy.yaml"
        text = policy.read_text(encoding="utf-8")
        places = "".join(f'  {name}: {{at: "mcp://{name}/**"}}\n' for name in servers)
        for key in ("sources:\n", "destinations:\n"):
            if text.count(f"\n{key}") != 1:
                raise ConfigError(f"{policy}: expected one {key.strip()} to add servers to; `dlp init` wrote another")
            text = text.replace(f"\n{key}", f"\n{key}{places}")
        policy.write_text(f"{text}\nner: off\n", encoding="utf-8")
        peers.call("init", str(home), at=folder)  # again: it compiles the scan for the policy that there is now
        with peers.running((*peers.DLP, "up", "-c", str(home / "dlp.yaml")), home / "up.log") as product:
            peers.await_port(product, mcp, home / "up.log")
            peer = Peer("dlp", product.pid, mcp, home / "state" / "ca-bundle.pem", time.perf_counter())
            _settle(peer)
            yield Home(peer, home / "dlp.yaml", f"http://127.0.0.1:{mcp}", direct)


def _token(config: Path) -> str:
    """Open a session; return its token."""
    told = json.loads(peers.call("session", "open", "--agent", "bench", "--json", "-c", config.name, at=config.parent))
    token: str = told["env"]["DLP_MCP_TOKEN"]
    return token


def _settle(peer: Peer) -> None:
    """Wait until the product has loaded what it loads beside its loop, so that calls are measured and not its start."""
    end = time.perf_counter() + _SETTLED_WITHIN
    used = -1.0
    while time.perf_counter() < end and (now := peer.cpu()) - used > _IDLE:
        used = now
        time.sleep(1.0)
