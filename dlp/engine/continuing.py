"""What a kept workspace carries into the next session: its taint, its values where they are still there, its tokens.

Whatever cannot be carried exactly is carried more coarsely: values whose key was destroyed become taint of the whole
session, and words of untrusted content count as everything.
"""

from dlp.core.ports import Store
from dlp.engine import combining
from dlp.engine.keys import Seal
from dlp.engine.ledger import Ledger
from dlp.engine.vault import KINDS, Vault

_MARKS = ("coarse", "escaped")


def carry(store: Store, old: str, new: str, sealed: Seal | None, seal: Seal) -> None:
    """Give a new session what an old one left in their workspace; durable with the store's batch around it.

    `sealed` is the seal of the old session, None where its key was destroyed; `seal` that of the new one. No number of
    a token of the old one is given out again, since the workspace may hold it.
    """
    stamp = store.stamp()
    before, after = Ledger(store, old), Ledger(store, new)
    before.refresh(stamp)
    for label in before.labels:
        after.taint(label, before.origin(label))
    for kind in _MARKS:
        after.mark(kind, before.marks(kind))
    read = before.marks(combining.READ)
    if read:
        # Words are remembered by hashes under the old key: without them, all that is not stated counts as read.
        after.mark(combining.READ, {*read, combining.UNPRINTED})
    for word in store.members(old, KINDS):
        counter = f"token/{word.decode()}"
        used = store.take_number(old, counter) - 1
        while store.take_number(new, counter) < used:
            pass
        store.add(new, KINDS, [word])
    if sealed is None:
        after.mark("coarse", [label.data_class.encode() for label in before.labels])
        return
    left = Vault(store, old, sealed, lambda data_class: data_class)
    left.refresh(stamp)
    taken = Vault(store, new, seal, lambda data_class: data_class)
    for known in left.values():
        taken.adopt(known)
