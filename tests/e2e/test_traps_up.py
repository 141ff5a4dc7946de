"""`dlp up` as it is started, against the traps that only show in the whole process."""

import gzip
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

DLP = str(Path(sys.executable).with_name("dlp"))
POLICY = """
policy: Traps
version: "1"
ner: off
use: [base]
sources:
  api: {at: "http://api.test/**"}
destinations:
  api: {at: "http://api.test/**"}
"""


class Quiet(BaseHTTPRequestHandler):
    """An upstream that answers in JSON, or with a bomb."""

    bomb = b""

    def do_GET(self) -> None:
        """Answer."""
        body = self.bomb if self.path == "/bomb" else b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Server(socketserver.ThreadingTCPServer):
    """Counts the connections it accepts."""

    daemon_threads = True
    accepted = 0

    def get_request(self) -> Any:
        """Accept one."""
        self.accepted += 1
        return super().get_request()


class Proxy:
    """`dlp up` in a folder of its own, with one session open."""

    def __init__(self, folder: Path, hosts: dict[str, int]) -> None:
        self.folder = folder
        self.dlp("init", ".")
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        named = ", ".join(f"{name}: 127.0.0.1:{port}" for name, port in hosts.items())
        (folder / "dlp.yaml").write_text(
            f'policy: policy.yaml\nlisten: {{http: "127.0.0.1:0"}}\nner: off\nhosts: {{{named}}}\n', encoding="utf-8"
        )
        started = time.monotonic()
        with (folder / "errors").open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(  # noqa: S603 - a fixed command
                [DLP, "up"], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.took = time.monotonic() - started
        self.proxy = json.loads(self.dlp("session", "open", "--agent", "bot", "--json"))["proxy"]

    def dlp(self, *arguments: str) -> str:
        """Run another command there."""
        return subprocess.run(  # noqa: S603 - a fixed command
            [DLP, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout

    def curl(self, url: str, *arguments: str, proxy: str = "") -> tuple[int, str]:
        """Return status, and heads and body as text."""
        done = subprocess.run(  # noqa: S603 - a fixed command
            [
                *("/usr/bin/curl", "--silent", "--max-time", "30", "--proxy", proxy or self.proxy),
                *("--cacert", str(self.folder / "state" / "ca-cert.pem"), "--write-out", "\n%{http_code}"),
                *("--include", *arguments, url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def memory(self, field: str) -> int:
        """Return a figure of the process's memory in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        raise AssertionError(field)

    def close(self) -> int:
        """Stop it with a signal; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    Quiet.bomb = gzip.compress(bytes(1 << 20) * 300, 9)
    made = {name: Server(("127.0.0.1", 0), Quiet) for name in ("api.test", "elsewhere.test")}
    for server in made.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    for server in made.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, servers: dict[str, Server]) -> Iterator[Proxy]:
    made = Proxy(tmp_path_factory.mktemp("up"), {name: server.server_address[1] for name, server in servers.items()})
    yield made
    made.close()


def test_one_line_says_that_the_proxy_is_ready_and_where(proxy: Any):
    told = json.loads((proxy.folder / "state" / "listen.json").read_text(encoding="utf-8"))
    assert proxy.said.startswith(f"dlp: ready on {told['host']}:{told['port']}")
    assert told["pid"] == proxy.process.pid


def test_a_listed_service_is_reached(proxy: Any):
    status, body = proxy.curl("http://api.test/x")
    assert status == 200
    assert '{"ok": true}' in body


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unlisted_destination_sees_no_byte(proxy: Any, servers: Any, scheme: str):
    _, said = proxy.curl(f"{scheme}://elsewhere.test/x")
    assert "403" in said.splitlines()[0]
    assert "application/problem+json" in said
    assert servers["elsewhere.test"].accepted == 0


def test_without_identity_nothing_is_reached(proxy: Any, servers: Any):
    before = servers["api.test"].accepted
    host = proxy.proxy.rpartition("@")[2]
    assert proxy.curl("http://api.test/x", proxy=f"http://{host}")[0] == 407
    assert servers["api.test"].accepted == before


def test_a_bomb_of_300_mb_grows_the_process_by_no_more_than_64(proxy: Any):
    proxy.curl("http://api.test/x")
    Path(f"/proc/{proxy.process.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    before = proxy.memory("VmRSS")
    status, body = proxy.curl("http://api.test/bomb")
    assert (status, "urn:dlp:refusal:limit" in body) == (403, True)
    assert proxy.memory("VmHWM") - before <= 64 << 20


def test_a_closed_session_is_refused_on_the_next_message(proxy: Any):
    opened = json.loads(proxy.dlp("session", "open", "--agent", "bot", "--json"))
    assert proxy.curl("http://api.test/x", proxy=opened["proxy"])[0] == 200
    proxy.dlp("session", "close", opened["session"])
    assert proxy.curl("http://api.test/x", proxy=opened["proxy"])[0] == 407


def test_the_secret_of_a_session_is_in_no_file_and_no_log(proxy: Any):
    secret = proxy.proxy.split("@")[0].rpartition(":")[2].encode()
    proxy.curl("http://api.test/x")
    seen = [path for path in proxy.folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert seen == []


def test_a_signal_ends_it_cleanly_and_its_address_is_withdrawn(tmp_path: Path, servers: Any):
    made = Proxy(tmp_path, {"api.test": servers["api.test"].server_address[1]})
    assert made.close() == 0
    assert not (tmp_path / "state" / "listen.json").exists()
    assert (tmp_path / "errors").read_text(encoding="utf-8") == ""


def test_an_address_in_use_stops_the_start_with_one_line(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        subprocess.run([DLP, "init", "."], cwd=tmp_path, check=True, capture_output=True)  # noqa: S603 - fixed
        port = taken.getsockname()[1]
        (tmp_path / "dlp.yaml").write_text(f'policy: policy.yaml\nlisten: {{http: "127.0.0.1:{port}"}}\n', "utf-8")
        done = subprocess.run(  # noqa: S603 - a fixed command
            [DLP, "up"], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ}
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(port) in done.stderr
