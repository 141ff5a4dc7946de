"""Honest traffic as without the proxy: real servers (nginx, granian, git, GraphQL) and clients, our engine between."""

import asyncio
import gzip
import hashlib
import http.server
import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests

POLICY = """
policy: honest
use: [base]
sources:
  site: {at: "https://*.test/**"}
destinations:
  site: {at: "https://*.test/**"}
rules:
  - {name: files enter, data: opaque, from: site, to: sandbox, then: allow}
  - {name: files leave, data: opaque, to: site, then: allow}
  - {name: people enter, data: pii, from: site, to: sandbox, then: allow}
  - {name: people leave, data: pii, to: site, then: allow}
"""
FILE = b"\x89BIN\x00\xff" + random.Random(5).randbytes(120_000)  # noqa: S311
TEXT = b"line of a text that goes on\n" * 3000


def trust(world: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.ca_file))


def pem(world: Any, name: str) -> Path:
    """Return the file of a new key and certificate for a name."""
    world.authority.context(name)
    folder = Path(world.authority_file).parent
    return max(folder.glob(f"{name}-*.pem"), key=lambda path: path.stat().st_mtime_ns)


def free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    import socket  # noqa: PLC0415

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(port)


@pytest.fixture
def running() -> Iterator[Callable[..., Any]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(port: int, *command: str, **options: Any) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(command, **quiet, **options))  # noqa: S603
        await_port(port)

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


# --- nginx: files, ranges, validators, redirects ----------------------------------------------------------------------


@pytest.fixture
def nginx(world: Any, running: Any, tmp_path: Path) -> Path:
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(binary).exists():
        pytest.skip("nginx is not installed")
    root = tmp_path / "www"
    root.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o111)
    (root / "file.bin").write_bytes(FILE)
    (root / "page.txt").write_bytes(TEXT)
    port, certificate = free_port(), pem(world, "files.test")
    conf = tmp_path / "nginx.conf"
    conf.write_text(f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
        events {{ worker_connections 64; }}
        http {{
          access_log off; default_type application/octet-stream; types {{ text/plain txt; }}
          gzip on; gzip_types text/plain; gzip_min_length 100;
          client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
          uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e; large_client_header_buffers 8 64k;
          server {{
            listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate};
            root {root}; absolute_redirect off;
            location = /old {{ return 301 /page.txt; }}
            location = /cookie {{ add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=two; Path=/";
                                  return 200 "set $http_cookie"; }}
          }}
        }}""")
    running(port, binary, "-c", str(conf))
    world.hosts["files.test"] = ("127.0.0.1", port)
    return root


def test_ranges_validators_and_redirects_work_as_with_nginx_itself(judged: Any, nginx: Path):
    at = judged(POLICY)
    assert nginx.is_dir()
    with httpx.Client(proxy=at.world.bare_url, verify=trust(at.world), base_url="https://files.test") as client:
        whole = client.get("/file.bin")
        assert whole.content == FILE
        assert whole.headers["content-length"] == str(len(FILE))
        etag = whole.headers["etag"]
        piece = client.get("/file.bin", headers={"Range": "bytes=1000-1999"})
        assert (piece.status_code, piece.content) == (206, FILE[1000:2000])
        assert piece.headers["content-range"] == f"bytes 1000-1999/{len(FILE)}"
        last = client.get("/file.bin", headers={"Range": "bytes=-50", "If-Range": etag})
        assert (last.status_code, last.content) == (206, FILE[-50:])
        beyond = client.get("/file.bin", headers={"Range": f"bytes={len(FILE)}-"})
        assert beyond.status_code == 416
        same = client.get("/file.bin", headers={"If-None-Match": etag})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        since = client.get("/file.bin", headers={"If-Modified-Since": whole.headers["last-modified"]})
        assert since.status_code == 304
        other = client.get("/file.bin", headers={"If-Match": '"another"'})
        assert other.status_code == 412
        head = client.head("/file.bin")
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(FILE)), b"")
        moved = client.get("/old", follow_redirects=True)
        assert (str(moved.url), moved.content) == ("https://files.test/page.txt", TEXT)
        missing = client.get("/missing")
        assert missing.status_code == 404


def test_several_cookies_are_set_and_come_back(judged: Any, nginx: Path):
    at = judged(POLICY)
    assert nginx.is_dir()
    given: Any = {"proxies": {"https": at.world.bare_url}, "verify": str(at.world.ca_file), "timeout": 10}
    with requests.Session() as session:
        session.get("https://files.test/cookie", **given)
        assert session.cookies.get_dict() == {"a": "1", "b": "two"}
        assert session.get("https://files.test/cookie", **given).text == "set a=1; b=two"


def test_what_is_compressed_passes_compressed_and_unchanged(judged: Any, nginx: Path):
    at = judged(POLICY)
    assert nginx.is_dir()
    with (
        httpx.Client(proxy=at.world.bare_url, verify=trust(at.world)) as client,
        client.stream("GET", "https://files.test/page.txt", headers={"Accept-Encoding": "gzip"}) as response,
    ):
        raw = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert len(raw) < len(TEXT) // 10
    assert gzip.decompress(raw) == TEXT


def test_a_download_that_was_cut_is_taken_up_again(judged: Any, nginx: Path):
    at = judged(POLICY)
    out = nginx.parent / "resumed"
    out.write_bytes(FILE[:50_000])
    command = ["curl", "-sS", "-C", "-", "-o", str(out), "--proxy", at.world.bare_url]
    done = subprocess.run(  # noqa: S603
        [*command, "--cacert", str(at.world.ca_file), "https://files.test/file.bin"], check=False, timeout=30
    )
    assert done.returncode == 0
    assert out.read_bytes() == FILE


# --- an application server: granian, with an ASGI application ---------------------------------------------------------


APPLICATION = """
import asyncio, hashlib, json
from ariadne import QueryType, make_executable_schema
from ariadne.asgi import GraphQL
query = QueryType()
@query.field("double")
def double(_root, _info, of): return of * 2
graphql = GraphQL(make_executable_schema("type Query { double(of: Int!): Int! }", query))
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            await send({"type": (await receive())["type"] + ".complete"})
    if scope["path"] == "/graphql":
        return await graphql(scope, receive, send)
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"): break
    headers = {k.decode(): v.decode() for k, v in scope["headers"]}
    if scope["path"] == "/poll": await asyncio.sleep(2)
    told = {"method": scope["method"], "path": scope["path"], "size": len(body), "version": scope["http_version"],
            "sha": hashlib.sha256(body).hexdigest(), "longest": max(map(len, headers.values())),
            "type": headers.get("content-type", "")}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})
"""


@pytest.fixture
def granian(world: Any, running: Any, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    port, both = free_port(), pem(world, "app.test")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    before, mark, after = both.read_text().partition("-----BEGIN CERTIFICATE-----")
    key.write_text(before)
    certificate.write_text(mark + after)
    command = [str(Path(sys.executable).with_name("granian")), "--interface", "asgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--ssl-certificate", str(certificate), "--ssl-keyfile", str(key)]
    running(port, *command, "application:app", cwd=tmp_path)
    world.hosts["app.test"] = ("127.0.0.1", port)


@pytest.mark.usefixtures("granian")
def test_uploads_long_polls_and_large_headers_reach_an_application_server(judged: Any):
    at = judged(POLICY)
    with httpx.Client(proxy=at.world.bare_url, verify=trust(at.world), base_url="https://app.test") as client:
        told = client.put("/up?x=%20y", content=FILE, headers={"Content-Type": "image/png"}).json()
        assert (told["method"], told["size"], told["sha"]) == ("PUT", len(FILE), hashlib.sha256(FILE).hexdigest())
        assert told["type"] == "image/png"
        large = client.get("/", headers={"X-Large": ("a word " * 2000).strip()})
        assert large.json()["longest"] == 13_999
        form = client.post("/form", files={"file": ("a.bin", FILE, "application/octet-stream")}, data={"b": "c"})
        assert form.json()["size"] > len(FILE)
        start = time.monotonic()
        assert client.get("/poll").status_code == 200
        assert time.monotonic() - start >= 2
    waits = ["curl", "-sS", "--proxy", at.world.bare_url, "--cacert", str(at.world.ca_file)]
    waits += ["-H", "Expect: 100-continue", "--data-binary", "@-", "https://app.test/waits"]
    done = subprocess.run(waits, input=TEXT, capture_output=True, timeout=30, check=True)  # noqa: S603
    assert json.loads(done.stdout)["sha"] == hashlib.sha256(TEXT).hexdigest()


@pytest.mark.usefixtures("granian")
def test_many_streams_of_one_http2_connection_are_answered_each(judged: Any):
    at = judged(POLICY)
    paths = [f"/number{n}" for n in range(36)]

    async def ask() -> list[httpx.Response]:  # its client for threads loses answers that two threads wait for
        async with httpx.AsyncClient(proxy=at.world.bare_url, verify=trust(at.world), http2=True) as client:
            return await asyncio.gather(*(client.post(f"https://app.test{path}", content=TEXT) for path in paths))

    answers = asyncio.run(ask())
    assert [answer.json()["path"] for answer in answers] == paths
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert {answer.json()["version"] for answer in answers} == {"2"}


@pytest.mark.usefixtures("granian")
def test_aiohttp_and_node_reach_an_application_server(judged: Any):
    at = judged(POLICY)

    async def ask() -> list[Any]:
        async with aiohttp.ClientSession() as session:

            async def one(n: int) -> Any:
                url = f"https://app.test/{n}"
                async with session.post(url, data=FILE, proxy=at.world.bare_url, ssl=trust(at.world)) as response:
                    return (await response.json())["sha"]

            return await asyncio.gather(*(one(n) for n in range(5)))

    assert set(asyncio.run(ask())) == {hashlib.sha256(FILE).hexdigest()}
    script = """
      const answer = await fetch('https://app.test/node', { method: 'POST', body: 'from node', headers: {
        'Content-Type': 'text/plain' } });
      console.log(JSON.stringify(await answer.json()));"""
    environment = {"NODE_USE_ENV_PROXY": "1", "HTTPS_PROXY": at.world.bare_url}
    done = subprocess.run(  # noqa: S603
        ["node_modules/.bin/node", "--input-type=module", "-e", script],  # noqa: S607
        env={**environment, "NODE_EXTRA_CA_CERTS": str(at.world.ca_file)},
        capture_output=True,
        timeout=30,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["method"], told["size"]) == ("POST", 9)


@pytest.mark.usefixtures("granian")
def test_a_graphql_server_is_asked(judged: Any):
    at = judged(POLICY)
    asked = {"query": "query($n: Int!) { double(of: $n) }", "variables": {"n": 21}}
    with httpx.Client(proxy=at.world.bare_url, verify=trust(at.world)) as client:
        assert client.post("https://app.test/graphql", json=asked).json() == {"data": {"double": 42}}


# --- git over HTTPS ---------------------------------------------------------------------------------------------------


class Cgi(http.server.BaseHTTPRequestHandler):
    """Runs git-http-backend."""

    root = ""

    def do_GET(self) -> None:
        """Answer."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self._chunks()
        environment = {
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "someone",
            "PATH": os.environ["PATH"],
        }
        backend = "/usr/lib/git-core/git-http-backend"
        done = subprocess.run([backend], input=body, env=environment, capture_output=True, check=False)  # noqa: S603
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(b": ")[::2] for line in head.split(b"\r\n")]
        self.send_response(int(dict(fields).get(b"Status", b"200")[:3]))
        for name, value in fields:
            if name != b"Status":
                self.send_header(name.decode(), value.decode())
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def _chunks(self) -> bytes:
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def git(at: Any, *arguments: str, cwd: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "https_proxy": at.world.bare_url,
        "GIT_SSL_CAINFO": str(at.world.ca_file),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(  # noqa: S603
        ["git", *identity, *arguments],  # noqa: S607
        cwd=cwd,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_git_clones_and_pushes_over_https(world: Any, judged: Any, tmp_path: Path):
    if not Path("/usr/lib/git-core/git-http-backend").exists():
        pytest.skip("git-http-backend is not installed")
    root = tmp_path / "repositories"
    root.mkdir()
    handler = type("Handler", (Cgi,), {"root": str(root)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = world.authority.context("git.test").wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    world.hosts["git.test"] = ("127.0.0.1", server.server_port)
    at = judged(POLICY)
    try:
        git(at, "init", "--bare", "project.git", cwd=root)
        git(at, "config", "http.receivepack", "true", cwd=root / "project.git")
        git(at, "clone", "https://git.test/project.git", "one", cwd=tmp_path)
        (tmp_path / "one" / "file.bin").write_bytes(FILE)
        git(at, "add", "file.bin", cwd=tmp_path / "one")
        git(at, "commit", "-m", "a file", cwd=tmp_path / "one")
        git(at, "push", "origin", "HEAD:main", cwd=tmp_path / "one")
        git(at, "clone", "-b", "main", "https://git.test/project.git", "two", cwd=tmp_path)
        assert (tmp_path / "two" / "file.bin").read_bytes() == FILE
    finally:
        server.shutdown()
        server.server_close()
