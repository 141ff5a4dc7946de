"""The HTTP proxy beside `mitmdump`: requests a second, added latency, memory under a bomb, start, and CPU by step.

Both proxies stand between the same client and the same upstream on loopback. What is compared alternates in short
rounds, so that the machine's noise hits both alike; each figure is the median of its rounds. The product runs with the
policy that `dlp init` writes and patterns only; `mitmdump` with its stock options. What the bodies are made of stands
in `dlp.bench.bodies`.
"""

import asyncio
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dlp.bench import bodies, peers, steps
from dlp.bench.load import Job, Load, Round, Way, send
from dlp.bench.peers import Peer, Upstream
from dlp.bench.report import Row, at_least, at_most, document, progress, row
from dlp.core.errors import DlpError

MB = 1_000_000
_STALL, _GROWTH = 20.0, 64.0


@dataclass(frozen=True, slots=True)
class Large:
    """A large body, sent or asked for; `back` asks for it first, untimed, and sends what came.

    `growth` is the bar of what the proxy may grow by, where there is one.
    """

    name: str
    body: Callable[[], bytes] = bytes
    path: str = "/clean"
    coding: str = ""
    back: bool = False
    growth: float | None = None


LARGE = (
    Large("10 MB of numbers", bodies.numbers, growth=_GROWTH),
    Large("2 MB of records", bodies.records, growth=_GROWTH),
    Large("2 MB of records in gzip", lambda: gzip.compress(bodies.records(), 6, mtime=0), coding="gzip"),
    Large("an answer of 2 MB of records", path="/records", growth=_GROWTH),
    Large("an answer of 2 MB with 10,000 new values", path="/people"),
    Large("2 MB with 10,000 tokens sent back", path="/people", back=True),
    Large("an answer of 2 MB of a log with personal data", path="/log"),
    Large("an answer of 5 MB of CSV", path="/table"),
)
FACTOR = "times requests/s of mitmdump"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of exchange in which both proxies are compared: how many connections, and the bar of the ratio."""

    name: str
    path: str
    bar: float | None = None
    tls: bool = False
    body: Callable[[int], bytes] | None = None
    connections: int = 32
    tokens: bool = False
    most_rounds: int = 100


COMPARISONS = (
    Comparison("clean GET over HTTP", "/clean", 1.3),
    Comparison("clean GET over TLS", "/clean", 1.3, tls=True),
    Comparison("1 KB both ways over HTTP", "/clean", 1.1, body=bodies.clean),
    Comparison("1 KB both ways over TLS", "/clean", 1.1, tls=True, body=bodies.clean),
    Comparison("five new values over HTTP", "/personal", 0.7, tokens=True),
    Comparison("five new values over TLS", "/personal", None, tls=True, tokens=True),
    Comparison("clean GET with UUIDs over HTTP", "/uuid"),
    Comparison("100 KB clean over HTTP", "/large"),
    # Each of these holds 500 new values; with more at once, a round would be over before the first answer.
    Comparison(
        "100 KB with 500 new values over HTTP, 4 connections",
        "/large-personal",
        connections=4,
        tokens=True,
        most_rounds=3,
    ),
)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: which comparisons, in how many rounds of how many seconds, and how many starts."""

    rounds: int = 7
    seconds: float = 0.6
    latency_rounds: int = 7
    latency_answers: int = 200
    starts: int = 3
    exchanges: int = 500
    kinds: tuple[Comparison, ...] = COMPARISONS
    large: tuple[Large, ...] = LARGE


def run(effort: Effort | None = None) -> dict[str, object]:
    """Measure everything; return the rows as one object.

    Raises:
        DlpError: a proxy did not start, or answered otherwise than it must.

    """
    effort = effort or Effort()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="dlp-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        up = stack.enter_context(peers.upstream(folder))
        progress("preparing: dlp init")
        home = folder / "product"
        home.mkdir()
        peers.prepare(home, up)
        rows += _starts(effort, folder, home, up)
        product = stack.enter_context(peers.product(home))
        baseline = stack.enter_context(peers.mitmdump(folder))
        for comparison in effort.kinds:
            rows += asyncio.run(_compare(effort, comparison, home, (product, baseline), up))
        for tls in (False, True):
            rows += asyncio.run(_latency(effort, home, (product, baseline), up, tls=tls))
        rows += asyncio.run(_stall(effort, home, (product, baseline), up))
        rows += asyncio.run(_bomb(home, (product, baseline), up))
        stack.pop_all().close()
        rows += _steps(effort, home, folder / "steps", up)
    return document("http", rows)


# --- requests a second ------------------------------------------------------------------------------------------------


async def _compare(
    effort: Effort, comparison: Comparison, home: Path, both: tuple[Peer, Peer], up: Upstream
) -> list[Row]:
    """Return the ratio of requests a second, and the CPU time of one request."""
    credentials = peers.open_session(home)
    job = Job(comparison.path, up.https if comparison.tls else up.http, comparison.tls, comparison.body)
    loads = [Load(peer.way(credentials), job, comparison.connections) for peer in both]
    rounds: list[list[Round]] = [[], []]
    used = [0.0, 0.0]
    try:
        for load in loads:
            await load.open()
            await load.round(effort.seconds / 2)  # warms caches and fills pools
        for _ in range(min(effort.rounds, comparison.most_rounds)):
            for at, load in enumerate(loads):
                before = both[at].cpu()
                rounds[at].append(await load.round(effort.seconds))
                used[at] += both[at].cpu() - before
        _check_tokens(comparison, *(load.answer for load in loads))
    finally:
        for load in loads:
            await load.close()
    ours, theirs = ([one.rate for one in of_peer] for of_peer in rounds)
    ratio = statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
    cpu = [1e6 * seconds / sum(one.answers for one in made) for seconds, made in zip(used, rounds, strict=True)]
    progress(f"{comparison.name}: {ratio:.2f} times mitmdump, {cpu[0]:.0f} µs of CPU instead of {cpu[1]:.0f}")
    name, base = f"requests/{comparison.name}", statistics.median(theirs)
    first = (
        row(name, ratio, FACTOR, base)
        if comparison.bar is None
        else at_least(name, ratio, FACTOR, comparison.bar, base)
    )
    return [first, row(f"CPU of a request/{comparison.name}", cpu[0], "µs", cpu[1])]


def _check_tokens(comparison: Comparison, ours: bytes, theirs: bytes) -> None:
    """See to it that the product did what is being measured, and that the baseline passed everything as it was."""
    expected = (b"[EMAIL_", b"[PHONE_", b"[CARD_")
    if comparison.tokens and not all(token in ours for token in expected):
        raise DlpError(f"bench: {comparison.name}: expected tokens for e-mail, phone and card in the product's answer")
    if b"[EMAIL_" in theirs or (not comparison.tokens and b"_1]" in ours):
        raise DlpError(f"bench: {comparison.name}: found tokens where the upstream's own text was expected")


# --- latency ----------------------------------------------------------------------------------------------------------


async def _latency(effort: Effort, home: Path, both: tuple[Peer, Peer], up: Upstream, *, tls: bool) -> list[Row]:
    """Return what a proxy adds to one answer at a time, at p50 and p99; the baseline is what `mitmdump` adds."""
    credentials = peers.open_session(home)
    job = Job("/clean", up.https if tls else up.http, tls)
    ways = (Way("direct", None, str(up.authority)), *(peer.way(credentials) for peer in both))
    loads = [Load(way, job, 1) for way in ways]
    times: list[list[list[float]]] = [[], [], []]
    try:
        for load in loads:
            await load.open()
            await load.round(5.0, effort.latency_answers)
        for _ in range(effort.latency_rounds):
            for load, of_way in zip(loads, times, strict=True):
                of_way.append(sorted((await load.round(5.0, effort.latency_answers)).times))
    finally:
        for load in loads:
            await load.close()
    what = "TLS" if tls else "HTTP"
    rows = []
    for percent, bar in ((50, 1.5), (99, 4.0)):
        direct, ours, theirs = (
            statistics.median(one[min(len(one) - 1, len(one) * percent // 100)] for one in of_way) for of_way in times
        )
        rows.append(at_most(f"added latency/p{percent} over {what}", ours - direct, "ms", bar, theirs - direct))
        progress(f"p{percent} over {what}: {ours - direct:.2f} ms added, mitmdump {theirs - direct:.2f}")
    return rows


# --- a large body beside a small one ----------------------------------------------------------------------------------


async def _stall(effort: Effort, home: Path, both: tuple[Peer, Peer], up: Upstream) -> list[Row]:
    """Return the longest that a client waits for a small answer while another's large body is judged, and its growth.

    What that client waits at the median is taken away; the other one may well be refused. How long it waits at worst
    while nobody sends anything is told beside: the machine's own noise.
    """
    rows = []
    quiet: list[list[float]] = [[], []]
    small = peers.open_session(home)
    for large in effort.large:
        credentials = peers.open_session(home)
        worst: list[list[float]] = [[], []]
        grown = [0.0, 0.0]
        for _ in range(min(effort.rounds, 3)):
            for at, peer in enumerate(both):
                body = large.body()
                if large.back:
                    body = send(peer.port, up.http, credentials, b"", path=large.path)[1]
                path = "/clean" if large.back else large.path
                load = Load(peer.way(small), Job("/clean", up.http), 1)
                await load.open()
                before = (await load.round(0.5)).times
                usual = statistics.median(before)
                quiet[at].append(max(before) - usual)
                peer.forget_peak()
                memory = peer.memory()
                ask = partial(send, peer.port, up.http, credentials, body, path=path, coding=large.coding)
                sending = asyncio.create_task(asyncio.to_thread(ask))
                times = (await load.round(0.1)).times
                while not sending.done():
                    times += (await load.round(0.1)).times
                await load.close()
                await sending
                worst[at].append(max(times) - usual)
                grown[at] = max(grown[at], (peer.peak() - memory) / MB)
        ours, theirs = (statistics.median(one) for one in worst)
        progress(f"{large.name} beside a small request: {ours:.0f} ms longer, {grown[0]:.0f} MB")
        rows.append(at_most(f"stall of a second client/{large.name}", ours, "ms", _STALL, theirs))
        name = f"growth/{large.name}"
        rows.append(
            row(name, grown[0], "MB", grown[1])
            if large.growth is None
            else at_most(name, grown[0], "MB", large.growth, grown[1])
        )
    ours, theirs = (statistics.median(one) for one in quiet)
    return [*rows, row("stall of a second client/nothing large", ours, "ms", theirs)]


# --- a bomb -----------------------------------------------------------------------------------------------------------


async def _bomb(home: Path, both: tuple[Peer, Peer], up: Upstream) -> list[Row]:
    """Return how much a 300 MB answer of under 300 KB makes the proxies grow, one and eight of them at once.

    Raises:
        DlpError: the product let it pass.

    """
    credentials = peers.open_session(home)
    job = Job("/bomb", up.http)
    rows = []
    for count, bar in ((1, 64.0), (8, None)):
        grown = []
        for peer in both:
            load = Load(peer.way(credentials), job, count)
            peer.forget_peak()
            before = peer.memory()
            await load.open()
            refused = False
            try:
                await load.round(30.0, 1)
            except DlpError:
                refused = True  # its status was not 200
            finally:
                await load.close()
            if peer is both[0] and not refused:
                raise DlpError("bench: expected the product to refuse a decompression bomb, but it passed")
            await asyncio.sleep(0.5)  # until those that were not waited for are through
            grown.append(max(0, peer.peak() - before) / MB)
        name = f"growth under a bomb of 300 MB/{'one' if count == 1 else f'{count} at once'}"
        rows.append(
            row(name, grown[0], "MB", grown[1]) if bar is None else at_most(name, grown[0], "MB", bar, grown[1])
        )
        progress(f"{name}: {grown[0]:.1f} MB")
    return rows


# --- start ------------------------------------------------------------------------------------------------------------


def _starts(effort: Effort, folder: Path, home: Path, up: Upstream) -> list[Row]:
    """Return the seconds from starting a proxy until its first answer, and until the first that it had to rewrite."""
    credentials = peers.open_session(home)
    clean, personal = Job("/clean", up.http), Job("/personal", up.http)
    first, rewritten, theirs = [], [], []
    for _ in range(1 + effort.starts):
        with peers.product(home) as peer:
            first.append(asyncio.run(_first(peer, clean, credentials)))
            rewritten.append(asyncio.run(_first(peer, personal, credentials)))
    for _ in range(effort.starts):
        with peers.mitmdump(folder) as peer:
            theirs.append(asyncio.run(_first(peer, clean, credentials)))
    usual, base = statistics.median(first[1:]), statistics.median(theirs)
    progress(f"start: {usual:.2f} s, the very first {first[0]:.2f} s, mitmdump {base:.2f} s")
    return [
        at_most("start/until the first answer, right after dlp init", first[0], "s", 2.0, base),
        at_most("start/until the first answer", usual, "s", 2.0, base),
        row("start/until the first answer with tokens", statistics.median(rewritten[1:]), "s"),
    ]


async def _first(peer: Peer, job: Job, credentials: bytes) -> float:
    """Return the seconds from the process's start until an answer to this."""
    load = Load(peer.way(credentials), job, 1)
    try:
        await load.open()
        await load.round(0.0)
        return time.perf_counter() - peer.started
    finally:
        await load.close()


# --- steps ------------------------------------------------------------------------------------------------------------


def _steps(effort: Effort, home: Path, folder: Path, up: Upstream) -> list[Row]:
    """Return the CPU time by step, and how often the scan alone settles that there is nothing."""
    rows: list[Row] = []
    rig = steps.Rig(home / "policy.yaml", folder, up.http, home / "state" / "cache")
    try:
        kinds: Sequence[tuple[str, Callable[[int], bytes]]] = (
            ("clean", bodies.clean),
            ("with UUIDs", bodies.with_uuid),
            ("five values", bodies.personal),
        )
        rows += [
            row(f"bodies in which the scan sees nothing/{name}", 100 * rig.clean(make), "%") for name, make in kinds
        ]
        for case in steps.CASES:
            taken = rig.measure(case, effort.exchanges, effort.exchanges // 10)
            rows += [row(f"CPU by step, {case.name}/{step}", spent, "µs") for step, spent in taken.items()]
            rows.append(row(f"CPU by step, {case.name}/all", sum(taken.values()), "µs"))
            progress(f"steps of {case.name}: {sum(taken.values()):.0f} µs")
    finally:
        rig.close()
    return rows
