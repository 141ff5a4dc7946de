from contextlib import closing
from pathlib import Path

from dlp.core.label import RAW, DataClass, Label
from dlp.engine.ledger import Ledger
from dlp.engine.vault import Origin
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

PAY = Label(DataClass("employee.pay"), RAW, "workday")
REVIEW = Label(DataClass("employee.review"), RAW, "workday")


def ledger_on(store: MemoryStore | SqliteStore, scope: str = "s1") -> Ledger:
    ledger = Ledger(store, scope)
    ledger.refresh(store.stamp())
    return ledger


def test_taint_stays_with_its_first_origin():
    ledger = ledger_on(MemoryStore())
    ledger.taint(PAY, Origin("e1", "/salary"))
    ledger.taint(PAY, Origin("e2", "/other"))
    assert list(ledger.labels) == [PAY]
    assert ledger.origin(PAY) == Origin("e1", "/salary")


def test_taint_survives_a_restart():
    store = MemoryStore()
    ledger_on(store).taint(PAY, Origin("e1", "/salary"))
    again = ledger_on(store)
    assert list(again.labels) == [PAY]
    assert again.origin(PAY).event == "e1"


def test_taint_that_another_worker_recorded_counts_from_the_next_look(tmp_path: Path):
    path = tmp_path / "store.db"
    with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as other:
        first, second = ledger_on(one), ledger_on(other)
        first.taint(PAY, Origin("e1"))
        second.taint(REVIEW, Origin("e2"))
        first.refresh(one.stamp())
        second.refresh(other.stamp())
    assert set(first.labels) == set(second.labels) == {PAY, REVIEW}


def test_sessions_do_not_share_taint():
    store = MemoryStore()
    ledger_on(store, "s1").taint(PAY, Origin("e1"))
    assert list(ledger_on(store, "s2").labels) == []


def test_marks_are_kept_by_kind_and_survive_a_restart():
    store = MemoryStore()
    ledger = ledger_on(store)
    assert not ledger.any_marked("escaped")
    ledger.mark("sent", [b"https://logs.test:443 [EMAIL_1]"])
    ledger.mark("sent", [b"https://logs.test:443 [EMAIL_1]"])
    again = ledger_on(store)
    assert again.marked("sent", b"https://logs.test:443 [EMAIL_1]")
    assert not again.marked("issued", b"https://logs.test:443 [EMAIL_1]")


def test_after_forgetting_only_the_store_counts():
    store = MemoryStore()
    ledger = ledger_on(store)
    ledger.taint(PAY, Origin("e1"))
    ledger.forget()
    assert list(ledger.labels) == []
    ledger.refresh(store.stamp())
    assert list(ledger.labels) == [PAY]
