"""A store in memory, for tests and for trying things out: it forgets everything when the process ends."""

import threading
from collections.abc import Callable, Iterable

from dlp.core.errors import StoreError


class MemoryStore:
    """Fills `Store` with dicts and sets. Nobody else can write here, so `stamp` never changes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._sets: dict[str, dict[str, set[bytes]]] = {}
        self._numbers: dict[str, dict[str, int]] = {}
        self._tables: dict[str, dict[str, dict[bytes, bytes]]] = {}
        self._undo: list[Callable[[], object]] = []  # how to take back what the running batch wrote
        self._depth = 0
        self._doomed = False
        self._open = True

    def stamp(self) -> object:
        """Return a constant: this store has one connection."""
        self._check()
        return 0

    def add(self, scope: str, kind: str, members: Iterable[bytes]) -> None:
        """Add to a set."""
        with self:
            kept = self._sets.setdefault(scope, {}).setdefault(kind, set())
            new = set(members) - kept
            kept |= new
            self._on_rollback(lambda: kept.difference_update(new))

    def members(self, scope: str, kind: str) -> set[bytes]:
        """Return a whole set."""
        self._check()
        return set(self._sets.get(scope, {}).get(kind, ()))

    def present(self, scope: str, kind: str, candidates: Iterable[bytes]) -> set[bytes]:
        """Return which of the candidates are in a set."""
        return self.members(scope, kind).intersection(candidates)

    def take_number(self, scope: str, kind: str) -> int:
        """Return the next number of a counter."""
        with self:
            numbers = self._numbers.setdefault(scope, {})
            before = numbers.get(kind, 0)
            numbers[kind] = before + 1
            self._on_rollback(lambda: numbers.update({kind: before}))
            return before + 1

    def put(self, scope: str, kind: str, key: bytes, value: bytes) -> bytes:
        """Put `value` under `key` if nothing is there; return what is there now."""
        with self:
            table = self._tables.setdefault(scope, {}).setdefault(kind, {})
            if key not in table:
                table[key] = value
                self._on_rollback(lambda: table.pop(key))
            return table[key]

    def get(self, scope: str, kind: str, key: bytes) -> bytes | None:
        """Return what is under `key`."""
        self._check()
        return self._tables.get(scope, {}).get(kind, {}).get(key)

    def items(self, scope: str, kind: str) -> list[tuple[bytes, bytes]]:
        """Return a table, oldest entry first."""
        self._check()
        return list(self._tables.get(scope, {}).get(kind, {}).items())

    def batch(self) -> "MemoryStore":
        """Return a context in which writes stand together or not at all; a batch inside a batch joins it."""
        return self

    def drop(self, scope: str) -> None:
        """Forget a scope and all in it."""
        with self:
            self._drop_from(self._sets, scope)
            self._drop_from(self._numbers, scope)
            self._drop_from(self._tables, scope)

    def close(self) -> None:
        """Forget everything; using the store afterwards is an error."""
        self._open = False

    def __enter__(self) -> None:
        """Begin a batch; other threads wait until it ends."""
        self._lock.acquire()
        try:
            self._check()
        except StoreError:
            self._lock.release()
            raise
        self._depth += 1

    def __exit__(self, *exc: object) -> None:
        """Keep what was written, or take it back on an exception."""
        self._depth -= 1
        failed = exc[0] is not None
        self._doomed |= failed
        try:
            if not self._depth:
                self._finish(failed=failed)
        finally:
            self._lock.release()

    def _finish(self, *, failed: bool) -> None:
        undo, self._undo = self._undo, []
        doomed, self._doomed = self._doomed, False
        if doomed:
            for take_back in reversed(undo):
                take_back()
            if not failed:
                msg = "a write inside a batch failed, so nothing of the batch was kept"
                raise StoreError(msg)

    def _on_rollback(self, take_back: Callable[[], object]) -> None:
        self._undo.append(take_back)

    def _drop_from[Kept](self, table: dict[str, Kept], scope: str) -> None:
        if scope in table:
            kept = table.pop(scope)
            self._on_rollback(lambda: table.update({scope: kept}))

    def _check(self) -> None:
        if not self._open:
            msg = "the store in memory was closed; open a new one"
            raise StoreError(msg)
