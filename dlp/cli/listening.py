"""Where the proxy listens: what the settings say, or, where they leave the port open, what a running proxy took."""

import os
from pathlib import Path

import orjson

from dlp.config import Settings
from dlp.core.errors import ConfigError


def listen_file(settings: Settings) -> Path:
    """Return the file in which a running proxy says where it listens."""
    return settings.state / "listen.json"


def announce(settings: Settings, host: str, port: int, mcp: tuple[str, int] | None = None) -> None:
    """Say where this process listens, whole or not at all; `mcp` is where its gateway does."""
    path = listen_file(settings)
    new = path.with_suffix(".new")
    gateway = {} if mcp is None else {"mcp": {"host": mcp[0], "port": mcp[1]}}
    new.write_bytes(orjson.dumps({"host": host, "port": port, "pid": os.getpid(), **gateway}))
    new.replace(path)


def withdraw(settings: Settings) -> None:
    """Say that this process no longer listens."""
    listen_file(settings).unlink(missing_ok=True)


def address(settings: Settings) -> tuple[str, int]:
    """Return the host and port at which a sandbox reaches the proxy.

    Raises:
        ConfigError: the settings leave the port open, and no proxy has said which one it took.

    """
    host, port = settings.http.host, settings.http.port
    try:
        told = orjson.loads(listen_file(settings).read_bytes())
        host, port = str(told["host"]), int(told["port"])
    except FileNotFoundError:
        if not port:
            raise ConfigError(
                f"{settings.path}: port 0 is only known while the proxy runs: start it with `dlp up`"
            ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{listen_file(settings)}: expected a host and a port; restart the proxy") from error
    # All interfaces are not an address that one can connect to.
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - read, not listened on


def mcp_address(settings: Settings) -> str:
    """Return the origin at which a sandbox reaches the MCP gateway, such as `http://127.0.0.1:8081`; "" without one.

    Raises:
        ConfigError: the settings leave the port open, and no proxy has said which one it took.

    """
    if settings.mcp is None:
        return ""
    host, port = settings.mcp.host, settings.mcp.port
    try:
        told = orjson.loads(listen_file(settings).read_bytes())["mcp"]
        host, port = str(told["host"]), int(told["port"])
    except (OSError, ValueError, KeyError, TypeError):
        if not port:
            raise ConfigError(
                f"{settings.path}: port 0 is only known while the proxy runs: start it with `dlp up`"
            ) from None
    return gateway_origin(host, port)


def gateway_origin(host: str, port: int) -> str:
    """Return an address as the origin of URLs."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not listened on
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
