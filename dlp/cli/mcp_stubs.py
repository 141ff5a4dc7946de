"""`dlp mcp stubs`: the tools of all MCP servers as small typed Python files, for code in a sandbox."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import dlp.adapters
from dlp.cli.common import CONFIG, FINDINGS, Config, say
from dlp.cli.listening import mcp_address
from dlp.cli.state import State, opened
from dlp.core.errors import ConfigError
from dlp.engine.mcp_stubs import MARK, RUNTIME
from dlp.engine.mcp_stubs import stubs as written

_AGENT = "dlp mcp stubs"


def stubs(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write servers/ into.")],
    server: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this server; again for each. All, if left out.")
    ] = None,
    *,
    config: Config = CONFIG,
) -> None:
    """Write OUT/servers/SERVER/TOOL.py for every tool; `dlp up` must run. Exit code 1 if a server could not be listed.

    With OUT on its path, code in a sandbox does `from servers.slack import post_message`, and everything it sends and
    gets passes the wall. Tools that wait for a person (`dlp mcp pins list`) get no file.
    """
    from dlp.adapters.mcp_listing import list_tools  # noqa: PLC0415 - the SDK takes a second; other commands do not wait

    with opened(config) as state:
        names = _wanted(state, server or [])
        origin = mcp_address(state.settings)
        info, secret = state.sessions.open(_AGENT, "", {})
        try:
            found = list_tools(origin, f"{info.id}.{secret}", names)
        finally:
            state.sessions.close(info.id)
    listed = {name: tools for name, tools in found.items() if not isinstance(tools, str)}
    runtime = Path(dlp.adapters.__path__[0], "mcp_stub_runtime.py").read_text(encoding="utf-8")
    files = {out / stub.path: stub.text for stub in written(listed)}
    files[out / "servers" / f"{RUNTIME}.py"] = runtime
    _write(out / "servers", files)
    for name, tools in found.items():
        say(f"{name}: {tools}" if isinstance(tools, str) else f"{name}: {_count(tools)}")
    if len(listed) < len(found):
        raise typer.Exit(FINDINGS)


def _wanted(state: State, servers: Sequence[str]) -> Sequence[str]:
    known = state.settings.servers
    unknown = [name for name in servers if name not in known]
    if unknown or not known:
        what = f"{unknown[0]} is no server of" if unknown else "there are no servers in"
        raise ConfigError(
            f"mcp stubs: {what} {state.settings.path}; known under mcp: servers: {', '.join(known) or 'none'}"
        )
    return servers or tuple(known)


def _count(tools: Sequence[object]) -> str:
    return f"{len(tools)} {'tool' if len(tools) == 1 else 'tools'}"


def _write(root: Path, files: dict[Path, str]) -> None:
    """Write the files, and take away those of an earlier run that are not among them."""
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for path in root.rglob("*.py"):
            if path not in files and path.read_text(encoding="utf-8").startswith(f'"""{MARK}'):
                path.unlink()
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error
