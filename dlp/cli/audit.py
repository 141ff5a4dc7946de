"""`dlp audit`: what happened, in names and counts."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer

from dlp.cli.common import CONFIG, Config, Json, say, say_json, say_table, when
from dlp.cli.state import audit_file
from dlp.config import load_settings
from dlp.core.errors import ConfigError
from dlp.engine.audit import Event, read, trace

app = typer.Typer(no_args_is_help=True, help="Read what happened.")

_POLL_SECONDS = 0.25


@app.command()
def tail(
    lines: Annotated[int, typer.Option("-n", min=0, help="How many of the last events.")] = 20,
    *,
    follow: Annotated[bool, typer.Option("-f", help="Go on with what is written from now on.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Show the last events."""
    path = audit_file(load_settings(config))
    if follow:
        for event in _followed(path, lines):
            typer.echo(orjson.dumps(event).decode() if json else _line(event))  # flushed, unlike print into a pipe
        return
    last = deque(read(path) if path.exists() else (), maxlen=lines)
    if json:
        for event in last:
            say_json(event)
    else:
        _table(last)


@app.command("trace")
def trace_(
    name: Annotated[str, typer.Argument(metavar="ID", help="An event's id or a trace id.")],
    *,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Tell the story behind an event: where its data entered, what followed, and what was decided."""
    path = audit_file(load_settings(config))
    events = trace(path, name) if path.exists() else ()
    if not events:
        raise ConfigError(f"{path}: no event or trace is called {name}; `dlp audit tail` shows the last ones")
    if json:
        say_json(events)
        return
    _table(events)
    for event in events:
        if name in (event.get("event"), event.get("trace")):
            _explain(event)


def _table(events: Iterable[Event]) -> None:
    columns = ("event", "time", "session", "call", "from → to", "labels", "verdict", "rules")
    say_table(columns, (_row(event) for event in events), empty="Nothing has happened yet.")


def _row(event: Event) -> tuple[str, ...]:
    if "unreadable" in event:
        return ("?", "", "", f"line {event['unreadable']} cannot be read", "", "", "", "")
    return (
        str(event["event"]),
        when(float(str(event["time"]))),
        str(event["session"]),
        f"{event['operation']} {event['upstream']}",
        f"{event['source'] or '?'} → {event['sink'] or 'unlisted'}",
        "\n".join(_label(label) for label in _items(event, "labels")),
        str(event["verdict"]) + (f" (would {event['would']})" if event.get("would") else ""),
        "\n".join(map(str, _items(event, "rules"))),
    )


def _line(event: Event) -> str:
    return "  ".join(cell.replace("\n", ", ") for cell in _row(event) if cell)


def _explain(event: Event) -> None:
    say(f"\n{event['event']}: {event['verdict']}" + (f", {event['reason']}" if event.get("reason") else ""))
    for rule in _items(event, "rules"):
        say(f"  rule    {rule}")
    for label in _items(event, "labels"):
        where = f" at {label['path']}" if label.get("path") else ""
        origin = f", entered in {label['origin']} at {label.get('origin_path', '?')}" if label.get("origin") else ""
        say(f"  label   {_label(label)}{where}{origin}")


def _label(label: object) -> str:
    match label:
        case {"class": data_class, "state": state, "source": source, "count": count, **more}:
            form = f" as {more['form']}" if more.get("form") not in (None, "exact") else ""
            return f"{data_class} ({state}{form}) from {source} ({count})"
        case _:
            return "?"


def _items(event: Event, name: str) -> list[dict[str, object]]:
    items = event.get(name)
    return items if isinstance(items, list) else []


def _followed(path: Path, lines: int) -> Iterator[Event]:
    """Yield the last events, then what is written from now on, for ever; a log that was rotated is followed anew."""
    inode, offset, rest, first = 0, 0, b"", True
    while True:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            now = os.fstat(file.fileno())
            if now.st_ino != inode:
                inode, offset, rest = now.st_ino, 0, b""
            file.seek(offset)
            new = file.read()
            offset += len(new)
            *whole, rest = (rest + new).split(b"\n")
            events = [event for line in whole if (event := _parsed(line)) is not None]
            yield from events[max(len(events) - lines, 0) :] if first else events
        first = False
        time.sleep(_POLL_SECONDS)


def _parsed(line: bytes) -> Event | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
