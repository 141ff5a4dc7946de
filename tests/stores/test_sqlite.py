"""What a file on a disk adds: other processes, restarts, kills, and everything that can happen to files."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dlp.core.errors import StoreError
from dlp.stores import sqlite
from dlp.stores.sqlite import SqliteStore

COUNTER = """
import sys
from pathlib import Path
from dlp.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), patience=30)
for _ in range(100):
    print(store.take_number("s", "EMAIL"))
"""

WRITER = """
import sys
from pathlib import Path
from dlp.stores.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for n in range(100_000):
    with store.batch():
        number = store.take_number("s", "EMAIL")
        store.add("s", "seen", [b"%d" % number])
        store.put("s", "token", b"%d" % number, b"value")
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path):
    return tmp_path / "state.db"


def test_the_files_are_for_their_owner_only(path: Path):
    store = SqliteStore(path)
    store.add("s", "seen", [b"a"])
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {
        "state.db": "0o600",
        "state.db-wal": "0o600",
        "state.db-shm": "0o600",
    }
    store.close()


def test_counters_and_sets_go_on_after_a_restart(path: Path):
    store = SqliteStore(path)
    store.take_number("s", "EMAIL")
    store.add("s", "seen", [b"a"])
    store.close()
    store = SqliteStore(path)
    assert (store.take_number("s", "EMAIL"), store.members("s", "seen")) == (2, {b"a"})
    store.close()


def test_processes_that_open_and_count_at_once_never_get_the_same_number(path: Path):
    counters = [
        subprocess.Popen([sys.executable, "-c", COUNTER, path], stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(3)
    ]
    taken = [int(line) for counter in counters for line in counter.communicate()[0].split()]
    assert sorted(taken) == list(range(1, 301))


def test_the_stamp_changes_when_another_connection_writes(path: Path):
    one, two = SqliteStore(path), SqliteStore(path)
    stamp = one.stamp()
    two.add("s", "seen", [b"a"])
    assert one.stamp() != stamp
    stamp = one.stamp()
    two.members("s", "seen")
    assert one.stamp() == stamp
    one.close()
    two.close()


def test_what_was_committed_survives_kill_9(path: Path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert writer.stdout is not None
    with writer.stdout:
        told = [writer.stdout.readline() for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    writer.wait()
    numbers = {line.strip().encode() for line in told if line.endswith("\n")}
    store = SqliteStore(path)
    assert numbers <= store.members("s", "seen")
    assert store.members("s", "seen") == {key for key, _ in store.items("s", "token")}
    assert store.take_number("s", "EMAIL") > max(map(int, numbers))
    store.close()


def test_a_file_deleted_while_in_use_is_noticed(path: Path):
    store = SqliteStore(path)
    path.unlink()
    for use in (store.stamp, lambda: store.add("s", "seen", [b"a"]), store.batch().__enter__):
        with pytest.raises(StoreError, match="deleted or replaced"):
            use()
    store.close()


def test_a_file_replaced_while_in_use_is_noticed(path: Path):
    store, other = SqliteStore(path), SqliteStore(path.with_name("other.db"))
    other.close()
    path.with_name("other.db").rename(path)
    with pytest.raises(StoreError, match="deleted or replaced"):
        store.stamp()
    store.close()


def test_a_log_deleted_while_in_use_is_noticed_by_the_next_write(path: Path):
    store = SqliteStore(path)
    path.with_name("state.db-wal").unlink()
    with pytest.raises(StoreError, match="deleted or replaced"):
        store.add("s", "seen", [b"a"])
    store.close()


def test_a_locked_file_is_an_error_and_works_again_afterwards(path: Path):
    store = SqliteStore(path, patience=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.add("s", "seen", [b"a"])
    other.execute("ROLLBACK")
    other.close()
    store.add("s", "seen", [b"b"])
    assert store.members("s", "seen") == {b"b"}
    store.close()


def test_a_full_file_is_an_error_and_keeps_nothing_of_the_batch(path: Path):
    store = SqliteStore(path)
    store._db.execute("PRAGMA max_page_count = 20")

    def fill() -> None:
        with store.batch():
            store.add("s", "seen", [b"a"])
            store.put("s", "token", b"k", bytes(1_000_000))

    with pytest.raises(StoreError, match="full"):
        fill()
    assert store.members("s", "seen") == set()
    store.add("s", "seen", [b"b"])
    assert store.members("s", "seen") == {b"b"}
    store.close()


def test_a_file_that_is_no_store_is_an_error(path: Path):
    path.write_bytes(b"something else entirely " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)


def test_a_damaged_file_is_an_error(path: Path):
    store = SqliteStore(path)
    store.add("s", "seen", (os.urandom(16) for _ in range(2000)))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="malformed"):
        store.members("s", "seen")
    store.close()


def test_a_store_of_a_later_version_is_left_alone(path: Path):
    SqliteStore(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreError, match="expected a store of version 1, got 99"):
        SqliteStore(path)


def test_a_folder_that_is_missing_is_an_error_that_says_what_to_do(tmp_path: Path):
    with pytest.raises(StoreError, match="dlp init"):
        SqliteStore(tmp_path / "nowhere" / "state.db")


def test_nothing_of_a_dropped_scope_stays_in_the_files(path: Path):
    store = SqliteStore(path)
    planted = b"the wrapped key of an erased session"
    store.put("s", "key", b"", planted)
    store.put("t", "key", b"", b"stays")
    assert any(planted in file.read_bytes() for file in path.parent.iterdir())
    store.drop("s")
    assert not any(planted in file.read_bytes() for file in path.parent.iterdir())
    assert store.get("t", "key", b"") == b"stays"
    store.close()


def test_a_disk_without_shared_logs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)  # SQLite's name for a database in memory, which has no log either
    with pytest.raises(StoreError, match="on a local one"):
        SqliteStore(Path(":memory:"))


def test_the_log_is_brought_into_the_file_by_another_thread_and_begun_anew_once_it_is_long(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite, "_CHANGES", 40)
    monkeypatch.setattr(sqlite, "_LONG_LOG", 200)
    store = SqliteStore(path)
    before, empty = store.stamp(), path.stat().st_size
    for number in range(400):
        store.put("s", "value", b"%d" % number, os.urandom(3000))
        if number % 50 == 0:
            with store._checkpointing:  # until it has been
                pass
    with store._checkpointing:
        assert path.stat().st_size > empty + 300 * 3000
    assert path.with_name("state.db-wal").stat().st_size < 1000 * 4096
    assert store.stamp() == before
    assert len(store.items("s", "value")) == 400
    store.close()


def test_a_log_that_cannot_be_brought_into_the_file_harms_nothing(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "_CHANGES", 1)
    store = SqliteStore(path)
    store._uri = "file:/nowhere/state.db?mode=rw"
    for number in range(3):
        store.put("s", "value", b"%d" % number, b"x")
        with store._checkpointing:
            pass
    assert len(store.items("s", "value")) == 3
    store.close()


def test_no_thread_to_bring_the_log_into_the_file_harms_nothing(path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sqlite, "_CHANGES", 1)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    store = SqliteStore(path)
    for number in range(3):
        store.put("s", "value", b"%d" % number, b"x")
    store.drop("s")  # which waits for whoever is at it
    store.close()
