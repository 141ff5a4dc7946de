from pathlib import Path

from dlp.core.label import RAW, TOKENISED, DataClass, Label
from dlp.engine.keys import Seal
from dlp.engine.past import Past
from dlp.engine.vault import Origin
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore

EMAIL = DataClass("pii.email")


def past_on(store: MemoryStore | SqliteStore) -> Past:
    past = Past(store, "s1", Seal(b"k" * 32), lambda _: "EMAIL")
    past.refresh()
    return past


def test_a_value_can_be_looked_for_as_soon_as_it_is_known():
    past = past_on(MemoryStore())
    assert not past.index
    past.vault.note("maria@acme.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    assert [match.known.text for match in past.index.find("to maria@acme.org")] == ["maria@acme.org"]


def test_what_another_worker_hid_is_looked_for_after_a_refresh(tmp_path: Path):
    one, other = SqliteStore(tmp_path / "s.db"), SqliteStore(tmp_path / "s.db")
    here, there = past_on(one), past_on(other)
    there.vault.note("maria@acme.org", [Label(EMAIL, TOKENISED, "hr")], Origin("e1"))
    here.refresh()
    assert here.index.find("to maria@acme.org")
    one.close()
    other.close()


def test_after_forgetting_everything_comes_from_the_store_again():
    past = past_on(MemoryStore())
    past.vault.note("maria@acme.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    past.ledger.taint(Label(EMAIL, RAW, "hr"), Origin("e1"))
    assert past.index
    past.forget()
    assert not past.index
    past.refresh()
    assert past.index
    assert len(past.index.find("maria@acme.org")) == 1
    assert list(past.ledger.labels) == [Label(EMAIL, RAW, "hr")]


def test_what_another_thread_reads_stays_as_it_was_when_everything_is_forgotten():
    past = past_on(MemoryStore())
    past.vault.note("maria@acme.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    past.ledger.taint(Label(EMAIL, RAW, "hr"), Origin("e1"))
    there = past.apart()
    past.forget()
    assert there.index.find("to maria@acme.org")
    assert there.vault.of_text("maria@acme.org") is not None
    assert list(there.ledger.labels) == [Label(EMAIL, RAW, "hr")]


def test_another_thread_only_reads_the_index():
    past = past_on(MemoryStore())
    there = past.apart()
    past.vault.note("maria@acme.org", [Label(EMAIL, RAW, "hr")], Origin("e1"))
    assert not there.index
    assert past.index.find("maria@acme.org")
    assert there.index.find("maria@acme.org")
