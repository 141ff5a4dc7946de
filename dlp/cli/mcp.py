"""`dlp mcp`: stand in for an MCP server in a client's configuration."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import orjson
import typer

from dlp.cli import mcp_pins, mcp_stubs
from dlp.cli.common import CONFIG, Config
from dlp.cli.state import mcp_socket
from dlp.config import SERVER_NAME, load_settings
from dlp.core.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Put MCP servers behind the wall.")
app.add_typer(mcp_pins.app, name="pins")
app.command()(mcp_stubs.stubs)

_PATIENCE = 5.0
_LOOK = 2.0  # seconds
_RUNNERS = frozenset({"npx", "uvx", "node", "python", "python3", "bunx", "deno", "run", "uv", "bash", "sh"})
_AROUND = re.compile(r"^(?:@[^/]+/)?(?:mcp[-_])?(?:server[-_])?|(?:[-_]mcp)?(?:[-_]server)?(?:\.[a-z]+)?(?:@[^@]*)?$")
_SECRETS = ("DLP_SECRET", "DLP_MCP_TOKEN")


@app.callback()
def mcp() -> None:
    """Put MCP servers behind the wall."""


@app.command(context_settings={"allow_interspersed_args": False})
def wrap(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="The server, as the client would start it.")],
    name: Annotated[
        str, typer.Option(help="What policies call it, as in mcp://NAME/…; taken from CMD if left out.")
    ] = "",
    *,
    errors: Annotated[
        bool, typer.Option("--errors", help="Pass on what the server writes to standard error, unjudged.")
    ] = False,
    config: Config = CONFIG,
) -> None:
    """Stand in for a stdio server: `dlp mcp wrap --name files -- npx -y some-server` in a client's configuration.

    The session is named by DLP_MCP_TOKEN, or by DLP_SESSION and DLP_SECRET; `dlp up` must run.
    """
    settings = load_settings(config)
    if name and not SERVER_NAME.fullmatch(name):
        raise ConfigError("dlp mcp wrap: --name: expected small letters, digits, _ and -, such as slack")
    hello = {**credentials(os.environ), "server": name or server_name(command)}
    if not name:  # clients show what is said here where they show what their servers say
        typer.echo(f"dlp mcp wrap: policies call this server mcp://{hello['server']}; --name NAME changes it", err=True)
    raise typer.Exit(_run(command, hello, mcp_socket(settings), errors=errors))


def server_name(command: list[str]) -> str:
    """Return what to call a server that a command starts: `files` for `npx -y @x/mcp-server-files`.

    Raises:
        ConfigError: the command does not say.

    """
    for word in command:
        base = word if word.startswith("@") else Path(word).name
        if word.startswith("-") or base in _RUNNERS:
            continue
        bare = re.sub(r"[^a-z0-9_-]+", "-", _AROUND.sub("", base).lower()).strip("-_")
        if bare:
            return bare
    raise ConfigError("dlp mcp wrap: expected --name NAME, as the command does not say what to call the server")


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Return whose session this is.

    Raises:
        ConfigError: the environment does not say.

    """
    session, _, secret = environment.get("DLP_MCP_TOKEN", "").partition(".")
    if not secret:
        session, secret = environment.get("DLP_SESSION", ""), environment.get("DLP_SECRET", "")
    if not (session and secret):
        raise ConfigError(
            "dlp mcp wrap: expected DLP_MCP_TOKEN in the environment; `dlp session open --agent NAME --env` prints it"
        )
    return {"session": session, "secret": secret}


def _run(command: list[str], hello: Mapping[str, str], path: Path, *, errors: bool) -> int:
    """Start the server, hand its descriptors and the client's to the proxy, and stay until one of them is gone."""
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as proxy:
        try:
            proxy.connect(str(path))
        except OSError as error:
            raise ConfigError(f"{path}: no proxy listens here: {error.strerror}; start it with `dlp up`") from None
        server, from_server, to_server = _start(command, errors=errors)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: proxy.shutdown(socket.SHUT_RDWR))
        try:
            socket.send_fds(proxy, [orjson.dumps(hello)], [0, 1, from_server, to_server])
            os.close(from_server)
            os.close(to_server)
            told = _line(proxy)
            if "error" in told:
                raise ConfigError(f"dlp mcp wrap: {told['error']}")
            _stay(proxy, parent)
        except OSError:
            pass  # the proxy is gone, and with it all that could be said
        finally:
            code = _end(server)
    return code


def _stay(proxy: socket.socket, parent: int) -> None:
    """Stay until the proxy ends it; tell it once where whoever started this process has left.

    The client's descriptors may be open in another process still, so that nobody would ever see their end.
    """
    told = False
    while True:
        ready, _, _ = select.select([proxy], [], [], None if told else _LOOK)
        if ready and not proxy.recv(1):
            return
        if not told and os.getppid() != parent:
            proxy.sendall(b"!")
            told = True


def _start(command: list[str], *, errors: bool) -> tuple["subprocess.Popen[bytes]", int, int]:
    child_in, to_server = os.pipe()
    from_server, child_out = os.pipe()
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    try:
        # What the client asked for is what is run, as it would run it itself.
        server = subprocess.Popen(  # noqa: S603
            command, stdin=child_in, stdout=child_out, stderr=None if errors else subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise ConfigError(f"dlp mcp wrap: {command[0]}: cannot be started: {error.strerror}") from None
    os.close(child_in)
    os.close(child_out)
    return server, from_server, to_server


def _line(proxy: socket.socket) -> Mapping[str, object]:
    data = b""
    while not data.endswith(b"\n"):
        more = proxy.recv(4096)
        if not more:
            return {"error": "the proxy gave no answer"}
        data += more
    told = orjson.loads(data)
    return told if isinstance(told, dict) else {}


def _end(server: "subprocess.Popen[bytes]") -> int:
    """End the server as the protocol says: its input is closed; then ask; then kill."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            code = server.wait(None if number is signal.SIGKILL else _PATIENCE)
            return code if code >= 0 else 128 - code
    return 1


if __name__ == "__main__":
    sys.exit(app())
