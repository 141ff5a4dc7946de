"""SQLite database files, read from memory with the standard library: names, definitions and every cell."""

import sqlite3
from collections.abc import Callable
from itertools import count

from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.container import Contents
from dlp.wire.json_text import pointer

type Inner = Callable[[bytes, str, str, int], None]

_STEPS, _MOST_TIMES = 10_000, 3000  # of SQLite's machine: 30 million, a second or two
_ALLOWED = frozenset([sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_FUNCTION])


def read_sqlite(data: bytes, path: str, contents: Contents, inner: Inner, depth: int) -> None:
    """Read a database: definitions, columns and cells; free pages, and views of foreign modules, are opaque."""
    contents.spend(len(data))
    # A database in write-ahead mode would look for its log; in memory it has none.
    image = data[:18] + b"\x01\x01" + data[20:]
    connection = sqlite3.connect(":memory:")
    times = count()
    try:
        connection.deserialize(image)
        connection.set_progress_handler(lambda: next(times) > _MOST_TIMES, _STEPS)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
        _tables(connection, data, path, contents, inner, depth)
    except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError):
        raise ParseError(f"sqlite of {len(data)} bytes: broken, or it takes too long to read") from None
    finally:
        connection.close()


def _tables(
    connection: sqlite3.Connection, data: bytes, path: str, contents: Contents, inner: Inner, depth: int
) -> None:
    (pages,), (size,), (free,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size", "freelist_count")
    )
    if pages * size < len(data) or free:
        contents.opaque(path, max(len(data) - pages * size, 0) + free * size, "sqlite: pages that nothing names")
    connection.text_factory = bytes  # not every text is UTF-8
    schema = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    for kind, name, sql in schema:
        contents.enter()
        where = f"{path}/{pointer(_text(name))}"
        contents.add(f"{where}/@sql", _text(sql or b""), "sql")
        if kind == b"table" and (sql or b"").lstrip()[:14].upper() == b"CREATE VIRTUAL":
            continue  # what it shows stands in tables of its own
        if kind == b"table":
            _rows(connection, _text(name), where, contents, inner, depth)


def _rows(connection: sqlite3.Connection, table: str, where: str, contents: Contents, inner: Inner, depth: int) -> None:
    quoted = table.replace('"', '""')
    cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a name from the file itself, quoted
    names = [column[0] for column in cursor.description]
    for name in names:
        contents.add(f"{where}/{pointer(name)}", name, kind=Kind.KEY)
    for number, row in enumerate(cursor):
        for name, cell in zip(names, row, strict=True):
            at = f"{where}/{number}/{pointer(name)}"
            if isinstance(cell, int | float):
                contents.add(at, repr(cell).removesuffix(".0"), name, Kind.NUMBER)
            elif cell is not None:
                _cell(cell, at, name, contents, inner, depth)


def _cell(cell: bytes, at: str, name: str, contents: Contents, inner: Inner, depth: int) -> None:
    try:
        text = cell.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        inner(cell, at, "", depth + 1)
    else:
        contents.add(at, text, name)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
