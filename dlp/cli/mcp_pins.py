"""`dlp mcp pins`: the tools of MCP servers as they were first seen, what changed since, and taking a change."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say, say_json, say_table
from dlp.cli.state import audit_file, opened
from dlp.config import Settings
from dlp.core.errors import ConfigError
from dlp.core.message import Direction, Fact
from dlp.core.ports import AuditEntry
from dlp.engine.audit import Audit
from dlp.engine.pins import Pin, Pins

app = typer.Typer(no_args_is_help=True, help="Tools as they were first seen, and what changed since.")

Server = Annotated[str, typer.Argument(metavar="SERVER", help="A server, by the name it has in the settings.")]


@app.command("list")
def list_(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="Only the tools of this server.")] = "",
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for a person.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """List the tools that were seen. Exit code 1 if one changed, or has hidden text, and nobody has accepted it."""
    pins = [pin for pin in _pins(config) if server in ("", pin.server)]
    shown = [pin for pin in pins if pin.suspect or not waiting]
    if json:
        say_json([_told(pin) for pin in shown])
    else:
        rows = [(pin.server, _printable(pin.last.name), _state(pin), _hints(pin)) for pin in shown]
        say_table(("server", "tool", "state", "claims to be"), rows, empty="No tool waits." if waiting else "No tools.")
    if any(pin.suspect for pin in pins):
        raise typer.Exit(FINDINGS)


@app.command()
def accept(
    server: Server,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="One tool; without it, all that wait.")] = "",
    *,
    config: Config = CONFIG,
) -> None:
    """Take tools as they are described now, hidden text and all; recorded. A running proxy follows at once."""
    with opened(config) as state:
        pins = Pins(state.store)
        known = [pin for pin in pins.all() if pin.server == server]
        chosen = [pin for pin in known if pin.suspect and tool in ("", pin.last.name)]
        if not known:
            names = ", ".join(sorted({pin.server for pin in pins.all()})) or "none"
            raise ConfigError(f"pins accept: no tool of the server {server} was seen yet; known servers: {names}")
        if tool and all(pin.last.name != tool for pin in known):
            raise ConfigError(f"pins accept: {server} has not listed this tool; `dlp mcp pins list {server}` shows all")
        for pin in chosen:
            _record(state.settings, pin)
            pins.accept(pin)
            say(f"{server}: {_printable(pin.last.name)} is accepted as it is described now")
    if not chosen:
        say(f"{server}: nothing waits")


def _pins(config: Path) -> list[Pin]:
    with opened(config) as state:
        return Pins(state.store).all()


def _record(settings: Settings, pin: Pin) -> None:
    """Write down that somebody takes a tool, before it has its effect."""
    told: dict[str, Fact] = {"tool": _printable(pin.last.name), "first": pin.first.digest, "last": pin.last.digest}
    entry = AuditEntry(
        event=os.urandom(8).hex(),
        time=time.time(),
        trace=os.urandom(16).hex(),
        session="",
        agent="",
        direction=Direction.INBOUND.value,
        protocol="mcp",
        upstream=f"mcp://{pin.server}:0",
        operation="pins accept",
        source="",
        sink="",
        verdict="allow",
        rules=(),
        labels=(),
        policy="",
        reason=f"accepted as described: {_state(pin)}",
        facts=told,
    )
    log = Audit(audit_file(settings), power=settings.durability == "power")
    try:
        log.write(entry)
    finally:
        log.close()


def _state(pin: Pin) -> str:
    if not pin.suspect:
        return "accepted" if pin.accepted else "as first seen"
    changed = f"CHANGED: {', '.join(map(_printable, pin.differs))}" if pin.changed else ""
    hidden = f"HIDDEN TEXT: {', '.join(pin.last.hidden)}" if pin.hidden else ""
    return "; ".join(filter(None, (changed, hidden)))


def _hints(pin: Pin) -> str:
    return "reading only" if pin.last.hints.get("readOnlyHint") else ""


def _printable(name: str) -> str:
    """Return a name as a terminal may show it: a server chose it."""
    return "".join(sign if sign.isascii() and sign.isprintable() else f"\\u{ord(sign):04x}" for sign in name)


def _told(pin: Pin) -> dict[str, object]:
    return {
        "server": pin.server,
        "tool": pin.last.name,
        "changed": pin.changed,
        "hidden": list(pin.last.hidden) if pin.hidden else [],
        "accepted": pin.accepted,
        "differs": list(pin.differs),
        "first": pin.first.digest,
        "last": pin.last.digest,
        "hints": dict(pin.last.hints),
    }
