"""Real MCP servers and clients, and the real gateway between them."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlp.cli.state import opened

PROJECT = Path(__file__).parents[3]
DLP = str(Path(sys.executable).with_name("dlp"))
NODE = str(PROJECT / "node_modules" / ".bin" / "node")
PEERS = PROJECT / ".venv" / "peers" / "bin"
EVERYTHING = PROJECT / "tests" / "third_party" / "everything_server" / "server.py"
WITHIN = 30.0

OPEN = """
policy: Everything passes
version: "1"
ner: off
use: [base]
sources: {{{places}}}
destinations: {{{places}}}
rules:
  - {{name: anything, says: This policy is for what must pass unnoticed., data: any, then: allow}}
  - {{name: anything unreadable, says: The same., data: opaque, then: allow}}
"""
"""A policy under which nothing is refused and nothing rewritten, for servers by name."""

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Gateway:
    """`dlp up` with MCP servers behind it, in a folder of its own; `session` is what its listeners are bound to."""

    folder: Path
    mcp: str
    session: str
    env: Mapping[str, str]

    def url(self, server: str = "") -> str:
        """Return where a server is reached, or all of them joined."""
        return f"{self.mcp}/{server}/mcp" if server else f"{self.mcp}/mcp"

    def dlp(self, *arguments: str) -> str:
        """Return what another command says there."""
        done = subprocess.run(  # noqa: S603 - our own command
            [DLP, *arguments], cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wrapped(self, name: str, command: Sequence[str]) -> list[str]:
        """Return the command line that stands in for a server's."""
        return [DLP, "mcp", "wrap", "--config", str(self.folder / "dlp.yaml"), "--name", name, "--", *command]


_COMPILED: list[Path] = []


@pytest.fixture(scope="session", autouse=True)
def compiled(request: pytest.FixtureRequest) -> None:
    """Keep what the scan compiles, which takes seconds, for all gateways of all runs."""
    _COMPILED[:] = [request.config.cache.mkdir("dlp-compiled")]


@contextlib.contextmanager
def running_gateway(
    folder: Path, servers: Mapping[str, Mapping[str, Any]], policy: str = "", *, bound: bool = True
) -> Iterator[Gateway]:
    """Run `dlp up` with these servers behind it until the block ends."""
    policy = policy or OPEN.format(places=", ".join(f"{name}: {{at: 'mcp://{name}/**'}}" for name in servers))
    config = folder / "dlp.yaml"
    settings: dict[str, Any] = {
        "policy": "policy.yaml",
        "ner": "off",
        "listen": {"http": "127.0.0.1:0", "mcp": "127.0.0.1:0"},
        "mcp": {"servers": dict(servers)},
        "limits": {"hold": "500ms"},
    }
    (folder / "state").mkdir()
    (folder / "state" / "cache").symlink_to(_COMPILED[0])
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    config.write_text(json.dumps(settings), encoding="utf-8")
    made = subprocess.run([DLP, "init", str(folder)], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert made.returncode == 0, made.stderr
    with opened(config) as state:
        session, secret = state.sessions.open("bot", "", {})
    if bound:
        config.write_text(json.dumps(settings | {"bind_session": session.id}), encoding="utf-8")
    log = folder / "proxy.log"
    listening = folder / "state" / "listen.json"
    with log.open("wb") as output:
        process = subprocess.Popen([DLP, "up", "-c", str(config)], stdout=output, stderr=output)  # noqa: S603
        try:
            until(listening.exists, process, log)
            told = json.loads(listening.read_text(encoding="utf-8"))
            mcp = f"http://{told['mcp']['host']}:{told['mcp']['port']}" if "mcp" in told else ""
            yield Gateway(folder, mcp, session.id, {"DLP_MCP_TOKEN": f"{session.id}.{secret}"})
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    assert process.returncode == 0, log.read_text(encoding="utf-8")[-2000:]


def until(holds: Callable[[], bool], process: subprocess.Popen[Any], log: Path) -> None:
    """Wait until something holds; fail when the process ends before, or it takes too long."""
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.02)


@contextlib.contextmanager
def running_everything(*arguments: str) -> Iterator[str]:
    """Run the Python SDK's everything-server over HTTP until the block ends; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - a server of the tests
            [sys.executable, str(EVERYTHING), "--port", str(port), "--log-level", "ERROR", *arguments],
            stdout=log,
            stderr=log,
        )

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        try:
            until(answers, process, Path(log.name))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture(scope="session")
def everything() -> Iterator[str]:
    with running_everything() as url:
        yield url


@pytest.fixture(scope="session")
def gateway_to_everything(everything: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(tmp_path_factory.mktemp("gateway"), {"everything": {"url": everything}}) as running:
        yield running


def environment() -> dict[str, str]:
    """Return an environment in which Node is ours and nothing goes through a proxy."""
    told = {name: value for name, value in os.environ.items() if not re.search("proxy", name, re.IGNORECASE)}
    return told | {"PATH": f"{Path(NODE).parent}:{told['PATH']}", "MCP_LOG_LEVEL": "error"}
