"""`dlp up` killed in the middle of its work, again and again: what a sandbox saw before is still known afterwards.

Clients share a session and collect tokens while one in a session of its own reads pay. Only what a client has received
in full counts as seen; all of that must hold after every restart.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.e2e

DLP = str(Path(sys.executable).with_name("dlp"))
KILLS, CLIENTS, ANSWERS = 3, 4, 60
PAY = {"name": "x", "salary": 91_234}
POLICY = """
policy: Killed
version: "1"
ner: off
classes:
  pii.email: {level: confidential, says: Mail addresses., entities: [EMAIL_ADDRESS], token: EMAIL}
  employee.pay: {level: restricted, says: What someone earns.}
sources:
  people: {at: "http://api.test/people/**"}
  pay: {at: "http://api.test/pay", fields: {"$.salary": employee.pay}}
destinations:
  api: {at: "http://api.test/**"}
  log: {at: "http://log.test/**"}
rules:
  - {name: mail comes as tokens, says: x, data: pii.email, to: sandbox, then: tokenize}
  - {name: mail to the API, says: x, data: pii.email, to: api, then: allow}
  - {name: pay comes in, says: x, data: employee.pay, to: [sandbox, api], then: allow}
"""


def mail(number: int) -> str:
    """Return the mail address of a person; every third person shares one with a neighbour."""
    return f"person{number - number % 3 // 2}@example.com"


class Api(BaseHTTPRequestHandler):
    """Answers who a person is and what someone earns, and keeps what is sent to it."""

    protocol_version = "HTTP/1.1"
    received: list[object] = []  # noqa: RUF012 - one upstream in this test

    def do_GET(self) -> None:
        """Tell of a person, or of pay."""
        *_, last = self.path.split("/")
        self._answer(PAY if last == "pay" else {"email": mail(int(last)), "everyone": mail(0)})

    def do_POST(self) -> None:
        """Keep what came."""
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer({"ok": True})

    def _answer(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Proxy:
    """`dlp up` in a folder, to be killed and started again on the same port."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder = folder
        self.dlp("init", ".")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        (folder / "dlp.yaml").write_text(
            f'policy: policy.yaml\nlisten: {{http: "127.0.0.1:{self.port}"}}\nner: off\n'
            f"hosts: {{api.test: 127.0.0.1:{upstream}, log.test: 127.0.0.1:{upstream}}}\n",
            encoding="utf-8",
        )
        self.start()

    def dlp(self, *arguments: str) -> str:
        """Run another command there."""
        return subprocess.run(  # noqa: S603 - a fixed command
            [DLP, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout

    def session(self) -> str:
        """Open a session; return its credentials as clients show them."""
        parts = urlsplit(json.loads(self.dlp("session", "open", "--agent", "bot", "--json"))["proxy"])
        return "Basic " + base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self.folder / "errors").open("a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(  # noqa: S603 - a fixed command
                [DLP, "up"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, (self.folder / "errors").read_text("utf-8")
            time.sleep(0.05)
        pytest.fail("the proxy does not listen")

    def kill(self) -> None:
        """End it, its workers too, as the kernel ends what runs out of memory."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(15)

    def ask(self, credentials: str, url: str, body: object = None) -> tuple[int, object]:
        """Return status and JSON of an answer that came in full."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Proxy-Authorization": credentials, "Content-Type": "application/json"}
        try:
            connection.request("GET" if body is None else "POST", url, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Proxy(tmp_path, server.server_address[1])
    yield made
    if made.process.poll() is None:
        made.kill()
    server.shutdown()
    server.server_close()


class Clients:
    """Clients of one session that collect tokens until the proxy is gone."""

    def __init__(self, proxy: Proxy, credentials: str, first: int) -> None:
        self._proxy, self._credentials = proxy, credentials
        self.seen: list[tuple[str, str]] = []
        self.refused: list[object] = []
        self._threads = [threading.Thread(target=self._collect, args=(first + at,)) for at in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _collect(self, number: int) -> None:
        for person in range(number, number + 100 * ANSWERS * CLIENTS, CLIENTS):
            try:
                status, said = self._proxy.ask(self._credentials, f"http://api.test/people/{person}")
            except (OSError, HTTPException, ValueError):
                return  # killed: what did not come in full was not seen
            if status != 200 or not isinstance(said, dict):
                self.refused.append(said)
                return
            self.seen += [(said["email"], mail(person)), (said["everyone"], mail(0))]

    def wait(self, answers: int) -> None:
        """Wait until so many answers have come."""
        end = time.monotonic() + 60
        while len(self.seen) < 2 * answers and time.monotonic() < end and any(t.is_alive() for t in self._threads):
            time.sleep(0.002)

    def end(self) -> None:
        """Wait until all have noticed that the proxy is gone."""
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)


def test_no_token_and_no_taint_that_a_sandbox_saw_is_lost_when_the_proxy_is_killed_under_load(proxy: Proxy):
    credentials = proxy.session()
    readers: list[str] = []
    seen: dict[str, str] = {}  # by token
    for turn in range(KILLS):
        reader = proxy.session()
        assert proxy.ask(reader, "http://log.test/", {"page": turn})[0] == 200  # nothing seen yet, nothing refused
        clients = Clients(proxy, credentials, turn * 10_000)
        clients.wait(ANSWERS // 2)
        assert proxy.ask(reader, "http://api.test/pay") == (200, PAY)
        readers.append(reader)
        clients.wait(ANSWERS + turn * 7)
        proxy.kill()
        clients.end()
        assert not clients.refused
        assert len(clients.seen) >= 2 * ANSWERS
        for token, value in clients.seen:
            assert token.startswith("[EMAIL_")
            assert seen.setdefault(token, value) == value  # no number stands for two values, over all restarts
        proxy.start()

        assert len(set(seen.values())) == len(seen)  # nor has a value two tokens
        Api.received.clear()
        for token in seen:
            assert proxy.ask(credentials, "http://api.test/import", {"to": token})[0] == 200
        assert [one["to"] for one in Api.received if isinstance(one, dict)] == list(seen.values())
        for one in readers:
            status, said = proxy.ask(one, "http://log.test/", {"page": turn})
            assert status == 403
            assert isinstance(said, dict)
            assert said["type"] == "urn:dlp:refusal:flow"
        assert {"page": turn} not in Api.received
