"""What one session has behind it, held together: its taint, its values, and the index over them."""

import copy
from collections.abc import Callable

from dlp.core.label import DataClass
from dlp.core.ports import Store
from dlp.engine.keys import Seal
from dlp.engine.ledger import Ledger
from dlp.engine.lookup import Lookup
from dlp.engine.pieces import Sent
from dlp.engine.vault import Vault


class Past:
    """One session's ledger and vault in this worker's memory; the store has the truth."""

    def __init__(self, store: Store, scope: str, seal: Seal, kind_of: Callable[[DataClass], str]) -> None:
        self._store = store
        self.seal = seal
        self.ledger = Ledger(store, scope)
        self.vault = Vault(store, scope, seal, kind_of)
        self._index = Lookup()
        self._is_apart = False
        self.sent = Sent()
        self.glanced: dict[object, tuple[int, str]] = {}
        """Blocks that come again and hold nothing: how many values were looked for in them, and in what."""

    def refresh(self, stamp: object = None) -> None:
        """Take up what other workers wrote, or all of it after `forget`; `stamp` is the store's if it is at hand."""
        if stamp is None:
            stamp = self._store.stamp()
        self.ledger.refresh(stamp)
        if self.vault.refresh(stamp):
            self._start_anew()

    def apart(self) -> "Past":
        """Return what is behind the session as of now, to be read in another thread while this one goes on."""
        _ = self.index  # what this may have to write is written here
        there = copy.copy(self)
        there.ledger, there.vault = copy.copy(self.ledger), copy.copy(self.vault)
        there._is_apart = True  # noqa: SLF001 - a copy of this very thing
        there.glanced = {}
        return there

    def forget(self) -> None:
        """Drop what memory holds: the last batch may not have become durable."""
        self.ledger.forget()
        self.vault.forget()
        self._start_anew()

    def _start_anew(self) -> None:
        self._index = Lookup()  # what is being done in another thread keeps the one it has
        self.glanced = {}

    @property
    def index(self) -> Lookup:
        """The values of this session, ready to be looked for."""
        if self._is_apart:
            return self._index
        fresh = self.vault.fresh
        if fresh:
            for known in fresh:
                self._index.add(known)
            fresh.clear()
            if self._index.crowded:  # memory is bounded without forgetting: the session carries these
                classes = {label.data_class for known in self._index.crowded for label in known.labels}
                self.ledger.mark("coarse", [data_class.encode() for data_class in classes])
        return self._index
