"""The audit log: one JSON line an event, in names and counts, written before anything is delivered."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from dlp.core.errors import StoreError
from dlp.core.ports import AuditEntry, LabelNote

type Event = Mapping[str, object]
"""An audit entry as read back; empty fields are absent. A line that is no event has only `unreadable`, its number."""

_NOTE_FIELDS = ("path", "form", "transform", "origin", "origin_path")
_ENTRY_FIELDS = ("reason", "would", "sandbox_trace", "approval", "version", "withheld", "possible", "reviewed")


class Audit:
    """The log at `path`, made with mode 600 where it is missing; several processes may write to it at once.

    With `power` every line is flushed to disk. A log that was moved away is begun anew, so it can be rotated.

    Raises:
        StoreError: a line could not be written in full, now or later. What it is about must then be refused.

    """

    def __init__(self, path: Path, *, power: bool = False) -> None:
        self._path = os.fsencode(path.absolute())
        self._power = power
        self._inode = 0
        self._file = -1
        self._broken = b""  # what separates the next line from half a line before it
        try:
            self._reopen()
        except OSError as error:
            raise self._error(error) from error

    def write(self, entry: AuditEntry) -> None:
        """Append one line; when this returns, the kernel has it."""
        try:
            line = self._broken + orjson.dumps(as_event(entry), option=orjson.OPT_APPEND_NEWLINE)
            if self._moved():
                self._reopen()
            written = os.write(self._file, line)
            if self._power:
                os.fdatasync(self._file)
        except (OSError, TypeError) as error:
            raise self._error(error) from error
        self._broken = b"\n" if written < len(line) else b""
        if written < len(line):
            text = f"{os.fsdecode(self._path)}: expected to write {len(line)} bytes, wrote {written}; is the disk full?"
            raise StoreError(text)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _moved(self) -> bool:
        try:
            return os.stat(self._path).st_ino != self._inode  # noqa: PTH116 - a Path costs 5 µs
        except FileNotFoundError:
            return True

    def _reopen(self) -> None:
        self.close()
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        now = os.fstat(self._file)
        self._inode = now.st_ino
        self._broken = b"\n" if now.st_size and os.pread(self._file, 1, now.st_size - 1) != b"\n" else b""

    def _error(self, error: Exception) -> StoreError:
        what = error.strerror if isinstance(error, OSError) else "an entry that is not JSON"
        return StoreError(f"{os.fsdecode(self._path)}: cannot write the audit log: {what}; see to the disk")


def read(path: Path) -> Iterator[Event]:
    """Yield the events of a log, oldest first. Half a line, as a crash leaves it, comes as `unreadable` or not at all.

    Raises:
        StoreError: the file cannot be read.

    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line == b"\n":
                    continue
                try:
                    event = orjson.loads(line)
                except orjson.JSONDecodeError:
                    event = None
                if isinstance(event, dict):
                    yield event
                elif line.endswith(b"\n"):  # else it is being written
                    yield {"unreadable": number}
    except OSError as error:
        raise StoreError(f"{path}: cannot read the audit log: {error.strerror}") from error


def trace(path: Path, name: str) -> tuple[Event, ...]:
    """Return the story behind an event, given its id or a trace id, oldest first; empty if nothing has that name.

    It holds what is so named, the events in which its labels' values or taint entered (and theirs, in turn), and
    what the same sessions did in between.
    """
    found: dict[int, Event] = {}
    wanted, sought = {name}, set[str]()
    while wanted - sought:
        sought |= wanted
        for place, event in enumerate(read(path)):
            if place not in found and (event.get("event") in wanted or event.get("trace") == name):
                found[place] = event
                wanted |= _origins(event)
    if not found:
        return ()
    first, last = min(found), max(found)
    sessions = {event.get("session") for event in found.values()}
    return tuple(
        event
        for place, event in enumerate(read(path))
        if place in found or (first < place < last and event.get("session") in sessions)
    )


def _origins(event: Event) -> set[str]:
    labels = event.get("labels")
    return {str(label["origin"]) for label in labels if label.get("origin")} if isinstance(labels, list) else set()


def as_event(entry: AuditEntry) -> dict[str, object]:
    """Return an entry as it is written and read back."""
    event: dict[str, object] = {
        "event": entry.event,
        "time": entry.time,
        "trace": entry.trace,
        "session": entry.session,
        "agent": entry.agent,
        "direction": entry.direction,
        "protocol": entry.protocol,
        "upstream": entry.upstream,
        "operation": entry.operation,
        "source": entry.source,
        "sink": entry.sink,
        "verdict": entry.verdict,
        "rules": entry.rules,
        "labels": [_note(note) for note in entry.labels],
        "policy": entry.policy,
        "ms": round(entry.ms, 3),
    }
    if entry.counts:
        event["counts"] = dict(entry.counts)
    if entry.facts:
        event["facts"] = dict(entry.facts)
    if entry.watched:
        event["watched"] = [{"rule": w.rule, "class": w.data_class, "verdict": w.verdict} for w in entry.watched]
    for name in _ENTRY_FIELDS:
        if value := getattr(entry, name):
            event[name] = value
    return event


def _note(note: LabelNote) -> dict[str, object]:
    label = note.label
    told: dict[str, object] = {
        "class": label.data_class,
        "state": label.state,
        "source": label.source,
        "count": note.count,
    }
    for name in _NOTE_FIELDS:
        if value := getattr(note, name):
            told[name] = value
    return told
