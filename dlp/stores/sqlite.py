"""A store in one SQLite file, shared by the proxy's workers and the command line."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from itertools import batched
from pathlib import Path
from typing import Any

from dlp.core.errors import StoreError

_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS member(scope TEXT, kind TEXT, member BLOB, PRIMARY KEY(scope, kind, member)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter(scope TEXT, kind TEXT, number INT, PRIMARY KEY(scope, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item(age INTEGER PRIMARY KEY, scope TEXT, kind TEXT, key BLOB, value BLOB,
    UNIQUE(scope, kind, key));
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_SIDE_FILES = ("", "-wal")
_CHANGES = 500
"""After how many changes the log is brought into the file. That waits for the disk, 100 ms and more: in a thread."""
_LONG_LOG = 16_000
"""Pages, 64 MB: a log so long is begun anew, for which who writes has to wait a moment; else it waits for a pause."""


class SqliteStore:
    """Fills `Store` over the SQLite file at `path`, which is made, with mode 600, where it is missing.

    `stamp` changes if and only if *another* connection has committed: what a process writes through its own connection
    does not change it, so a cache of this process must follow its own writes itself. `power` flushes each commit to
    disk. A lock that someone else holds is waited for `patience` seconds. A batch holds the store's only write lock and
    its thread's turn: never wait for anything inside one.

    Raises:
        StoreError: the file cannot be used, now or later: locked, full, corrupt, of another version, deleted under us.

    """

    def __init__(self, path: Path, *, power: bool = False, patience: float = 2.0) -> None:
        self._path = os.fsencode(path.absolute())
        self._uri = f"{path.absolute().as_uri()}?mode=rw"
        self._lock = threading.RLock()
        self._depth = self._checked = 0
        self._doomed = self._erased = False
        self._checkpointing = threading.Lock()
        try:
            folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"{path}: cannot open the store: {error.strerror}; run `dlp init`") from error
        try:
            # Switching a new file to WAL fails at once, whatever the patience, when two processes do it together.
            fcntl.flock(folder, fcntl.LOCK_EX)
            # SQLite would make the file readable for all. Only a new file is opened here: closing an old one would take
            # away the POSIX locks of this process's other connections. The side files take this one's mode.
            if not path.exists():
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
            self._prepare(power=power)
        except (sqlite3.Error, OSError, StoreError) as error:
            self.close()
            raise StoreError(f"{path}: cannot use the store: {error}; run `dlp doctor`") from error
        finally:
            os.close(folder)

    def _prepare(self, *, power: bool) -> None:
        if self._db.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
            msg = "no log that processes share can be kept here (a network disk?): put the state folder on a local one"
            raise StoreError(msg)
        # With secure_delete and the checkpoint after a drop, no copy of an erased data key stays in the files.
        for pragma in (f"synchronous={'FULL' if power else 'NORMAL'}", "secure_delete=ON", "wal_autocheckpoint=0"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise StoreError(f"expected a store of version {_VERSION}, got {version}: move it away")
        if not version:
            self._db.executescript(_SCHEMA)
        names = [self._path + os.fsencode(end) for end in _SIDE_FILES]
        self._files = [(name, os.stat(name).st_ino) for name in names]  # noqa: PTH116 - a Path costs 5 µs
        self._file = self._files[:1]

    def stamp(self) -> object:
        """Return something that is equal as long as no other connection has committed."""
        self._check(self._file)
        try:
            return self._db.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise self._error(error) from error

    def add(self, scope: str, kind: str, members: Iterable[bytes]) -> None:
        """Add to a set."""
        with self:
            for member in members:
                self._run("INSERT OR IGNORE INTO member VALUES(?, ?, ?)", (scope, kind, member))

    def members(self, scope: str, kind: str) -> set[bytes]:
        """Return a whole set."""
        return {row[0] for row in self._run("SELECT member FROM member WHERE scope = ? AND kind = ?", (scope, kind))}

    def present(self, scope: str, kind: str, candidates: Iterable[bytes]) -> set[bytes]:
        """Return which of the candidates are in a set."""
        found: set[bytes] = set()
        for some in batched(candidates, 500, strict=False):  # SQLite takes 32,766 variables; statements are cached
            marks = ",".join("?" * len(some))
            sql = f"SELECT member FROM member WHERE scope = ? AND kind = ? AND member IN ({marks})"  # noqa: S608 - marks
            found.update(row[0] for row in self._run(sql, (scope, kind, *some)))
        return found

    def take_number(self, scope: str, kind: str) -> int:
        """Return the next number of a counter."""
        sql = "INSERT INTO counter VALUES(?, ?, 1) ON CONFLICT DO UPDATE SET number = number + 1 RETURNING number"
        with self:
            return int(self._run(sql, (scope, kind))[0][0])

    def put(self, scope: str, kind: str, key: bytes, value: bytes) -> bytes:
        """Put `value` under `key` if nothing is there; return what is there now."""
        sql = "INSERT INTO item(scope, kind, key, value) VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = value"
        with self:
            return bytes(self._run(f"{sql} RETURNING value", (scope, kind, key, value))[0][0])

    def get(self, scope: str, kind: str, key: bytes) -> bytes | None:
        """Return what is under `key`."""
        rows = self._run("SELECT value FROM item WHERE scope = ? AND kind = ? AND key = ?", (scope, kind, key))
        return rows[0][0] if rows else None

    def items(self, scope: str, kind: str) -> list[tuple[bytes, bytes]]:
        """Return a table, oldest entry first."""
        return self._run("SELECT key, value FROM item WHERE scope = ? AND kind = ? ORDER BY age", (scope, kind))

    def batch(self) -> "SqliteStore":
        """Return a context whose writes become durable together or not at all; a batch inside a batch joins it."""
        return self

    def drop(self, scope: str) -> None:
        """Forget a scope and all in it, in the file's free space and its log as well."""
        with self:
            for table in ("member", "counter", "item"):
                self._run(f"DELETE FROM {table} WHERE scope = ?", (scope,))  # noqa: S608 - three constants
            self._erased = True

    def close(self) -> None:
        """Close the file; using the store afterwards is an error."""
        with self._lock, self._checkpointing:
            if hasattr(self, "_db"):
                self._db.close()

    def __enter__(self) -> None:
        """Begin a batch."""
        self._lock.acquire()
        try:
            if not self._depth:
                self._check(self._files)
                self._run("BEGIN IMMEDIATE")
        except BaseException:
            self._lock.release()
            raise
        self._depth += 1

    def __exit__(self, *exc: object) -> None:
        """Commit, or roll back if anything in the batch failed."""
        self._depth -= 1
        failed = exc[0] is not None
        self._doomed |= failed
        try:
            if not self._depth:
                self._finish(failed=failed)
        finally:
            self._lock.release()

    def _finish(self, *, failed: bool) -> None:
        try:
            if not self._doomed:
                self._run("COMMIT")
                if self._erased:
                    with self._checkpointing:
                        self._run("PRAGMA wal_checkpoint(TRUNCATE)")
                elif self._db.total_changes - self._checked >= _CHANGES and self._checkpointing.acquire(blocking=False):
                    self._checked = self._db.total_changes
                    try:
                        threading.Thread(target=self._checkpoint).start()
                    except RuntimeError:  # there can be no further thread now: the log grows on
                        self._checkpointing.release()
            elif not failed:
                msg = "a write inside a batch failed, so nothing of the batch was kept"
                raise StoreError(msg)
        finally:
            self._doomed = self._erased = False
            if self._db.in_transaction:
                self._db.rollback()

    def _checkpoint(self) -> None:
        """Bring the log into the file, through a connection that nobody waits for; where that fails, it grows on."""
        try:
            with suppress(sqlite3.Error), closing(sqlite3.connect(self._uri, uri=True, isolation_level=None)) as other:
                _busy, pages, _done = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages >= _LONG_LOG:
                    other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        finally:
            self._checkpointing.release()

    def _run(self, sql: str, values: Sequence[str | bytes] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                self._doomed = self._depth > 0
                raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"{os.fsdecode(self._path)}: {error}; see to the store with `dlp doctor`")

    def _check(self, files: Iterable[tuple[bytes, int]]) -> None:
        # SQLite would go on writing into a file that nobody can find any more.
        gone = False
        try:
            for name, inode in files:
                gone = gone or os.stat(name).st_ino != inode  # noqa: PTH116 - a Path costs 5 µs
        except OSError:
            gone = True
        if gone:
            raise StoreError(f"{os.fsdecode(self._path)}: the store was deleted or replaced; restart the proxy")
