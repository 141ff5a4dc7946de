"""What every store must do, whatever keeps it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from dlp.core.errors import StoreError
from dlp.core.ports import Store
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "state.db"),
    "sqlite with power": lambda folder: SqliteStore(folder / "state.db", power=True),
}


@pytest.fixture(params=STORES.values(), ids=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path):
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def test_a_set_holds_what_was_added_to_it(store: Store):
    store.add("s", "seen", [b"a", b"b"])
    store.add("s", "seen", [b"b", b"c"])
    store.add("s", "seen", [])
    assert store.members("s", "seen") == {b"a", b"b", b"c"}


def test_sets_of_other_scopes_and_kinds_are_apart(store: Store):
    store.add("s", "seen", [b"a"])
    assert store.members("s", "other") == set()
    assert store.members("t", "seen") == set()


def test_present_tells_which_candidates_are_in_a_set(store: Store):
    store.add("s", "seen", (str(n).encode() for n in range(0, 3000, 2)))
    found = store.present("s", "seen", (str(n).encode() for n in range(2000)))
    assert found == {str(n).encode() for n in range(0, 2000, 2)}


def test_numbers_count_from_one_in_each_counter(store: Store):
    assert [store.take_number("s", "EMAIL") for _ in range(3)] == [1, 2, 3]
    assert store.take_number("s", "PHONE") == 1
    assert store.take_number("t", "EMAIL") == 1


def test_the_first_value_put_under_a_key_stays(store: Store):
    assert store.put("s", "token", b"k", b"first") == b"first"
    assert store.put("s", "token", b"k", b"second") == b"first"
    assert store.get("s", "token", b"k") == b"first"
    assert store.get("s", "token", b"other") is None


def test_a_table_is_listed_oldest_entry_first(store: Store):
    for key in (b"z", b"a", b"m"):
        store.put("s", "token", key, key * 2)
    store.put("s", "token", b"z", b"again")
    assert store.items("s", "token") == [(b"z", b"zz"), (b"a", b"aa"), (b"m", b"mm")]


def test_dropping_a_scope_forgets_it_and_no_other(store: Store):
    for scope in ("s", "t"):
        store.add(scope, "seen", [b"a"])
        store.put(scope, "token", b"k", b"v")
        store.take_number(scope, "EMAIL")
    store.drop("s")
    assert (store.members("s", "seen"), store.items("s", "token"), store.take_number("s", "EMAIL")) == (set(), [], 1)
    assert (store.members("t", "seen"), store.items("t", "token"), store.take_number("t", "EMAIL")) == (
        {b"a"},
        [(b"k", b"v")],
        2,
    )


def _write_everything(store: Store) -> None:
    store.add("s", "seen", [b"a", b"b"])
    store.put("s", "token", b"k", b"v")
    store.take_number("s", "EMAIL")


def test_a_batch_keeps_all_that_was_written_in_it(store: Store):
    with store.batch():
        _write_everything(store)
        assert store.members("s", "seen") == {b"a", b"b"}
    assert store.get("s", "token", b"k") == b"v"
    assert store.take_number("s", "EMAIL") == 2


def test_a_batch_that_fails_keeps_nothing(store: Store):
    store.add("s", "seen", [b"a"])
    store.put("t", "token", b"k", b"before")

    def fail() -> None:
        with store.batch():
            _write_everything(store)
            store.drop("t")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert store.members("s", "seen") == {b"a"}
    assert store.get("s", "token", b"k") is None
    assert store.take_number("s", "EMAIL") == 1
    assert store.get("t", "token", b"k") == b"before"


def test_a_batch_inside_a_batch_stands_or_falls_with_it(store: Store):

    def fail() -> None:
        with store.batch():
            with store.batch():
                _write_everything(store)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert store.members("s", "seen") == set()
    with store.batch(), store.batch():
        _write_everything(store)
    assert store.members("s", "seen") == {b"a", b"b"}


def test_a_failure_inside_a_batch_that_somebody_swallowed_still_keeps_nothing(store: Store):
    def fail() -> None:
        with store.batch():
            with suppress(LookupError), store.batch():
                store.add("s", "seen", [b"a"])
                raise LookupError
            store.add("s", "seen", [b"b"])

    with pytest.raises(StoreError, match="nothing of the batch was kept"):
        fail()
    assert store.members("s", "seen") == set()
    store.add("s", "seen", [b"c"])
    assert store.members("s", "seen") == {b"c"}


def test_own_writes_do_not_change_the_stamp(store: Store):
    stamp = store.stamp()
    _write_everything(store)
    with store.batch():
        store.drop("s")
    assert store.stamp() == stamp


def test_threads_never_get_the_same_number(store: Store):
    taken: list[int] = []

    def take() -> None:
        for _ in range(50):
            with store.batch():
                number = store.take_number("s", "EMAIL")
                store.put("s", "token", str(number).encode(), b"")
            taken.append(number)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 201))


def test_a_closed_store_says_so(store: Store):
    store.close()
    for use in (store.stamp, lambda: store.get("s", "token", b"k"), lambda: store.take_number("s", "EMAIL")):
        with pytest.raises(StoreError, match=r"closed|deleted"):
            use()
