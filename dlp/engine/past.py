"""What one session has behind it, held together: its taint, its values, and the index over them."""

from collections.abc import Callable

from dlp.core.label import DataClass
from dlp.core.ports import Store
from dlp.engine.keys import Seal
from dlp.engine.ledger import Ledger
from dlp.engine.matching import Index
from dlp.engine.vault import Vault


class Past:
    """One session's ledger and vault in this worker's memory; the store has the truth."""

    def __init__(self, store: Store, scope: str, seal: Seal, kind_of: Callable[[DataClass], str]) -> None:
        self._store = store
        self.seal = seal
        self.ledger = Ledger(store, scope)
        self.vault = Vault(store, scope, seal, kind_of)
        self._index = Index()

    def refresh(self, stamp: object = None) -> None:
        """Take up what other workers wrote, or all of it after `forget`; `stamp` is the store's if it is at hand."""
        if stamp is None:
            stamp = self._store.stamp()
        self.ledger.refresh(stamp)
        if self.vault.refresh(stamp):
            self._index = Index()

    def forget(self) -> None:
        """Drop what memory holds: the last batch may not have become durable."""
        self.ledger.forget()
        self.vault.forget()
        self._index = Index()

    @property
    def index(self) -> Index:
        """The values of this session, ready to be looked for."""
        fresh = self.vault.fresh
        if fresh:
            for known in fresh:
                self._index.add(known)
            fresh.clear()
        return self._index
