"""Servers and clients that others wrote see no difference: directly, through `dlp mcp wrap`, through the gateway."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import NODE, PEERS, PROJECT, Gateway, environment, running_gateway

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
SERVERS = PROJECT / "node_modules" / "@modelcontextprotocol"
CLIENTS = {"mcp 2.x": (sys.executable, "probe_sdk2.py"), "mcp 1.x": (str(PEERS / "python"), "probe_sdk1.py")}
WAYS = ("wrap", "gateway")

# Resources that are made on the spot say when.
TIMED = re.compile(r"\d{1,2}:\d\d:\d\d\s?(?:AM|PM)")
BESIDE = ("roots", "log")
"""What a server does on the side, in no order with its answers."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and what a client does with it; `{folder}` stands for a folder of its own."""

    command: tuple[str, ...]
    steps: tuple[tuple[Any, ...], ...]
    env: tuple[tuple[str, str], ...] = ()


PEERS_BY_NAME = {
    "everything": Peer(
        (NODE, str(SERVERS / "server-everything" / "dist" / "index.js")),
        (
            *(("tools",), ("resources",), ("templates",), ("prompts",)),
            ("read", "demo://resource/static/document/features.md"),
            ("read", "demo://nowhere"),
            ("prompt", "simple-prompt"),
            ("prompt", "args-prompt", {"city": "Bern", "state": "BE"}),
            ("complete", "completable-prompt", "department", "Eng"),
            ("call", "echo", {"message": "héllo \u2028 [EMAIL] \\u0000"}),
            ("call", "get-sum", {"a": 1, "b": 2.5}),
            ("call", "get-structured-content", {"location": "Chicago"}),
            ("call", "get-annotated-message", {"messageType": "error", "includeImage": True}),
            ("call", "get-tiny-image", {}),
            ("call", "get-resource-links", {"count": 2}),
            ("call", "get-resource-reference", {"resourceType": "Text", "resourceId": 2}),
            ("call", "trigger-long-running-operation", {"duration": 0.3, "steps": 3}),
            ("call", "trigger-sampling-request", {"prompt": "Say something."}),
            ("call", "trigger-elicitation-request", {}),
            ("call", "get-sum", {"a": "x"}),
            ("call", "there is no such tool", {}),
        ),
    ),
    "filesystem": Peer(
        (NODE, str(SERVERS / "server-filesystem" / "dist" / "index.js"), "{folder}/files"),
        (
            ("tools",),
            ("call", "write_file", {"path": "{folder}/files/b.txt", "content": "Zwölf\n"}),
            ("call", "list_directory", {"path": "{folder}/files"}),
            ("call", "read_text_file", {"path": "{folder}/files/b.txt"}),
            ("call", "read_text_file", {"path": "/etc/hostname"}),
        ),
    ),
    "memory": Peer(
        (NODE, str(SERVERS / "server-memory" / "dist" / "index.js")),
        (
            ("tools",),
            (
                "call",
                "create_entities",
                {"entities": [{"name": "Oak", "entityType": "tree", "observations": ["tall"]}]},
            ),
            ("call", "read_graph", {}),
            ("call", "search_nodes", {"query": "tall"}),
        ),
        (("MEMORY_FILE_PATH", "{folder}/memory.json"),),
    ),
    "git": Peer(
        (str(PEERS / "mcp-server-git"), "--repository", "{folder}/files"),
        (
            ("tools",),
            ("call", "git_log", {"repo_path": "{folder}/files"}),
            ("call", "git_status", {"repo_path": "/nowhere"}),
        ),
    ),
    "time": Peer(
        (str(PEERS / "mcp-server-time"),),
        (
            ("tools",),
            ("call", "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
            ("call", "convert_time", {"source_timezone": "Nowhere", "time": "12:00", "target_timezone": "UTC"}),
        ),
    ),
}


def filled(thing: Any, folder: Path) -> Any:
    """Return something with the folder put in."""
    return json.loads(json.dumps(thing).replace("{folder}", str(folder)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("peers")
    (made / "files").mkdir()
    return made


def begin(folder: Path) -> None:
    """Let the servers begin with the same files."""
    (folder / "memory.json").unlink(missing_ok=True)
    (folder / "files" / "b.txt").unlink(missing_ok=True)
    if not (folder / "files" / ".git").exists():
        (folder / "files" / "a.txt").write_text("One\n", encoding="utf-8")
        git = ("git", "-C", str(folder / "files"), "-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        for command in (("init", "-q"), ("add", "a.txt"), ("commit", "-qm", "One")):
            subprocess.run([*git, *command], check=True, env=environment())  # noqa: S603 - fixed


@pytest.fixture(scope="module")
def gateway(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    begin(folder)
    servers = {
        name: {"command": filled(peer.command, folder), "env": {**environment(), **filled(dict(peer.env), folder)}}
        for name, peer in PEERS_BY_NAME.items()
    }
    with running_gateway(tmp_path_factory.mktemp("gateway"), servers, bound=False) as running:
        yield running


def target(name: str, way: str, folder: Path, gateway: Gateway) -> dict[str, Any]:
    """Return how a client reaches a server: started directly, or wrapped, or at the gateway's address."""
    peer = PEERS_BY_NAME[name]
    command = filled(peer.command, folder)
    env = {**environment(), **filled(dict(peer.env), folder)}
    if way == "gateway":
        token = gateway.env["DLP_MCP_TOKEN"]
        return {"url": gateway.url(name), "headers": {"Authorization": f"Bearer {token}"}}
    if way == "wrap":
        return {"command": gateway.wrapped(name, command), "env": {**env, **gateway.env}}
    return {"command": command, "env": env}


def transcripts(client: str, way: str, folder: Path, gateway: Gateway) -> dict[str, Any]:
    """Return what a client saw of each server."""
    begin(folder)
    python, script = CLIENTS[client]
    targets = [
        {**target(name, way, folder, gateway), "steps": filled(peer.steps, folder)}
        for name, peer in PEERS_BY_NAME.items()
    ]
    done = subprocess.run(  # noqa: S603 - a client of the tests
        [python, "-W", "ignore", str(HERE / script)],
        input=json.dumps(targets),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = TIMED.sub("NOW", done.stdout)
    return {name: ordered(seen) for name, seen in zip(PEERS_BY_NAME, json.loads(told), strict=True)}


def ordered(seen: list[Any]) -> list[Any]:
    """Return what was seen, with what came on the side at the end."""
    return [one for one in seen if one[0] not in BESIDE] + sorted(
        (one for one in seen if one[0] in BESIDE), key=json.dumps
    )


@pytest.fixture(scope="module")
def directly(folder: Path, gateway: Gateway) -> Callable[[str], Mapping[str, Any]]:
    known: dict[str, Mapping[str, Any]] = {}

    def see(client: str) -> Mapping[str, Any]:
        if client not in known:
            known[client] = transcripts(client, "direct", folder, gateway)
        return known[client]

    return see


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_of_each_server_what_it_sees_directly(
    client: str, way: str, directly: Any, folder: Path, gateway: Gateway
):
    direct = directly(client)
    assert [step[0][0] for step in direct["everything"] if isinstance(step[0], list)].count("call") >= 10
    kinds = {step[0] for step in direct["everything"] if isinstance(step[0], str)}
    assert {"sampling", "elicitation", "progress"} <= kinds
    through = transcripts(client, way, folder, gateway)
    for name, seen in through.items():
        assert seen == direct[name], name


@pytest.mark.parametrize("way", WAYS)
def test_the_inspector_sees_what_it_sees_directly(way: str, folder: Path, gateway: Gateway):
    def inspected(way: str, *asked: str) -> Any:
        given = target("everything", way, folder, gateway)
        if "url" in given:
            header = given["headers"]["Authorization"]
            words = (given["url"], "--transport", "http", "--header", f"Authorization: {header}", *asked)
        else:
            token = gateway.env["DLP_MCP_TOKEN"]
            words = ("-e", f"DLP_MCP_TOKEN={token}", *asked, "--", *given["command"])
        inspector = PROJECT / "node_modules" / ".bin" / "mcp-inspector"
        done = subprocess.run(  # noqa: S603 - fixed
            [NODE, str(inspector.resolve()), "--cli", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment(),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    asked = ("--method", "tools/call", "--tool-name", "get-structured-content", "--tool-arg", "location=Chicago")
    assert inspected(way, *asked) == inspected("direct", *asked)
