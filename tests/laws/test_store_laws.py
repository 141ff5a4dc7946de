"""Every store behaves like a dict of sets, a dict of counters and a dict of tables."""
# ruff: noqa: D102 - a rule's name is its sentence

import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dlp.core.ports import Store
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

SCOPES = st.sampled_from(["s", "t", "s/key"])
KINDS = st.sampled_from(["a", "b"])
KEYS = st.binary(max_size=3)


class StoreModel(RuleBasedStateMachine):
    """A store beside the dicts it should behave like."""

    make: Callable[[Path], Store]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = type(self).make(Path(self.folder.name))
        self.sets: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self.numbers: dict[tuple[str, str], int] = defaultdict(int)
        self.tables: dict[tuple[str, str], dict[bytes, bytes]] = defaultdict(dict)
        self.stamp = self.store.stamp()

    @rule(scope=SCOPES, kind=KINDS, members=st.lists(KEYS))
    def add(self, scope: str, kind: str, members: list[bytes]) -> None:
        self.store.add(scope, kind, members)
        self.sets[scope, kind].update(members)

    @rule(scope=SCOPES, kind=KINDS, candidates=st.lists(KEYS))
    def present(self, scope: str, kind: str, candidates: list[bytes]) -> None:
        assert self.store.present(scope, kind, candidates) == self.sets[scope, kind].intersection(candidates)

    @rule(scope=SCOPES, kind=KINDS)
    def take_number(self, scope: str, kind: str) -> None:
        self.numbers[scope, kind] += 1
        assert self.store.take_number(scope, kind) == self.numbers[scope, kind]

    @rule(scope=SCOPES, kind=KINDS, key=KEYS, value=KEYS)
    def put(self, scope: str, kind: str, key: bytes, value: bytes) -> None:
        assert self.store.put(scope, kind, key, value) == self.tables[scope, kind].setdefault(key, value)

    @rule(scope=SCOPES, kind=KINDS, key=KEYS)
    def get(self, scope: str, kind: str, key: bytes) -> None:
        assert self.store.get(scope, kind, key) == self.tables[scope, kind].get(key)

    @rule(scope=SCOPES, kind=KINDS, key=KEYS, keep=st.booleans())
    def batch(self, scope: str, kind: str, key: bytes, *, keep: bool) -> None:
        with suppress(ZeroDivisionError), self.store.batch():
            self.store.add(scope, kind, [key])
            self.store.put(scope, kind, key, b"batch")
            self.store.take_number(scope, kind)
            1 / keep
        if not keep:
            return
        self.sets[scope, kind].add(key)
        self.tables[scope, kind].setdefault(key, b"batch")
        self.numbers[scope, kind] += 1

    @rule(scope=SCOPES)
    def drop(self, scope: str) -> None:
        self.store.drop(scope)
        for kept in (self.sets, self.numbers, self.tables):
            for place in [place for place in kept if place[0] == scope]:
                del kept[place]

    @invariant()
    def holds_the_same(self) -> None:
        for scope in ("s", "t", "s/key"):
            for kind in ("a", "b"):
                assert self.store.members(scope, kind) == self.sets[scope, kind]
                assert self.store.items(scope, kind) == list(self.tables[scope, kind].items())
        assert self.store.stamp() == self.stamp

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


@pytest.mark.parametrize(
    "make",
    [lambda _: MemoryStore(), lambda folder: SqliteStore(folder / "state.db")],
    ids=["memory", "sqlite"],
)
def test_a_store_behaves_like_a_dict_of_sets(make: Callable[[Path], Store]):
    machine = type("Model", (StoreModel,), {"make": staticmethod(make)}).TestCase
    machine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
    machine().runTest()
    assert machine.settings.max_examples == 30
