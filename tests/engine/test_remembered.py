"""Values that are remembered beyond sessions: known again by keyed hashes, bounded, and never kept."""

from pathlib import Path

import pytest

from dlp.core.label import DataClass
from dlp.engine import remembered
from dlp.engine.keys import Seal
from dlp.engine.remembered import Recalled, Remembered, Stored
from dlp.stores.memory import MemoryStore
from dlp.stores.sqlite import SqliteStore
from dlp.testing.wall import Wall

CODE, PAY = DataClass("code"), DataClass("pay")
SHOP = "https://shop.test:443"
LONG = "the contract with the harbour ends in spring unless both sides agree on the price of the cranes before that day"


def made() -> Remembered:
    return Remembered(MemoryStore(), Seal(b"\x05" * 32))


def test_a_value_is_known_again_where_it_stands_whatever_its_case_and_separators():
    memory = made()
    memory.note([Stored("KX-12 34", CODE, "desk")], SHOP)
    assert list(memory.recall(["nothing", "your code kx 1234, thanks"], [CODE])) == [Recalled(1, 10, 17, CODE, "desk")]
    assert not list(memory.recall(["kx 1235", "kx"], [CODE]))
    assert not list(memory.recall(["kx 1234"], [PAY]))


def test_short_and_common_values_are_known_as_whole_parts_only():
    memory = made()
    memory.note([Stored("May", CODE, "desk"), Stored("", CODE, "desk"), Stored("--", CODE, "desk")], SHOP)
    assert list(memory.recall(["may", "in May we met", ""], [CODE])) == [Recalled(0, 0, 3, CODE, "desk")]


def test_a_long_text_is_known_by_pieces_of_it():
    memory = made()
    memory.note([Stored(LONG, CODE, "desk")], SHOP)
    words = LONG.split()
    assert list(memory.recall([" ".join(words[8:16])], [CODE]))
    assert list(memory.recall([" ".join(words[-8:])], [CODE]))
    assert list(memory.recall([f"As agreed: {LONG}. Regards"], [CODE]))
    assert not list(memory.recall([" ".join(words[3:7])], [CODE]))


def test_beyond_the_bound_all_that_the_upstream_says_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembered, "_MOST", 1)
    memory = made()
    memory.note([Stored("first-1", CODE, "desk"), Stored("first-1", CODE, "desk")], SHOP)
    assert not memory.carried(SHOP, [CODE, PAY])
    memory.note([Stored("second-2", CODE, "desk")], SHOP)
    assert memory.carried(SHOP, [CODE, PAY]) == {CODE}
    assert not memory.carried("https://other.test:443", [CODE])


def test_words_that_were_hashed_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembered, "_CACHED", 2)
    memory = made()
    memory.note([Stored("KX-1234", CODE, "desk")], SHOP)
    assert list(memory.recall(["a b c d kx-1234 e f g"], [CODE]))
    assert len(memory._digests) <= 2


def test_nothing_of_a_value_is_in_the_store_or_in_a_repr(tmp_path: Path):
    store = SqliteStore(tmp_path / "s.db")
    memory = Remembered(store, Seal(b"\x05" * 32))
    one = Stored("KX-1234-harbour", CODE, "desk")
    memory.note([one], SHOP)
    store.close()
    assert b"harbour" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert "harbour" not in repr(one)


POLICY = """
policy: remembering
classes:
  code: {level: confidential, remember: tenant}
  code.inner: {}
  pay: {level: restricted, remember: tenant}
  note: {level: internal}
sources:
  desk: {at: "https://desk.test/**", fields: {"$..code": code, "$..note": note}}
  hr: {at: "https://hr.test/**", fields: {"$..salary": pay}}
  wiki: {at: "https://wiki.test/**"}
destinations:
  desk: {at: "https://desk.test/**"}
  hr: {at: "https://hr.test/**"}
  wiki: {at: "https://wiki.test/**"}
  chat: {at: "https://chat.test/**"}
rules:
  - {name: clear, data: [pay, note], from: hr, to: sandbox, then: allow}
  - {name: codes, data: [code, note], to: sandbox, then: tokenize}
  - {name: pay comes back hidden, data: pay, from: wiki, to: sandbox, then: tokenize}
  - {name: the wiki may have it, data: [code, pay, note], to: [wiki, desk, hr], then: allow}
"""


def test_what_an_allowed_upstream_stored_keeps_its_label_in_another_session():
    wall = Wall(POLICY, plugins=(("dlp_tokens", {}),))
    first = wall.open()
    wall.receive(first, "GET https://desk.test/1", json={"code": "KX-1234", "note": "fragile"})
    stored = wall.send(first, "POST https://wiki.test/page", json={"text": "code [CODE_1], it is [NOTE_1]"})
    assert stored.json == {"text": "code KX-1234, it is fragile"}
    wall.start()
    second = wall.open()
    page = wall.receive(second, "GET https://wiki.test/page", body=stored.body, content_type="application/json")
    assert page.json == {"text": "code [CODE_1], it is fragile"}  # nobody asked to remember notes
    assert not wall.send(second, "POST https://chat.test/in", json={"x": "[CODE_1]"}).passed
    assert wall.log[-1].labels[0].label.data_class == "code"


def test_a_value_in_an_encoded_run_keeps_its_label_too():
    wall = Wall(POLICY, plugins=(("dlp_tokens", {}),))
    first, second = wall.open(), wall.open()
    wall.receive(first, "GET https://desk.test/1", json={"code": "KX-1234-KX-99"})
    wall.send(first, "POST https://wiki.test/page", json={"text": "[CODE_1]"})
    page = wall.receive(second, "GET https://wiki.test/page", json={"text": "S1gtMTIzNC1LWC05OQ=="})
    assert page.json == {"text": "[CODE_1]"}


def test_what_session_taint_carries_is_remembered_as_the_texts_that_took_it_along():
    wall = Wall(POLICY, plugins=(("dlp_tokens", {}),))
    first, second = wall.open(), wall.open()
    wall.receive(first, "GET https://hr.test/all", json={"salary": 52000})
    told = {"text": "somewhat above the median of last year", "n": 3}
    assert wall.send(first, "POST https://wiki.test/page", json=told).passed
    page = wall.receive(second, "GET https://wiki.test/page", json=told)
    assert page.json == {"text": "[PAY_1]", "n": 3}


def test_what_was_refused_or_went_as_a_token_is_not_remembered():
    wall = Wall(
        POLICY.replace("data: [code, pay, note], to: [wiki", "data: [pay, note], to: [wiki"),
        plugins=(("dlp_tokens", {}),),
    )
    first, second = wall.open(), wall.open()
    wall.receive(first, "GET https://desk.test/1", json={"code": "KX-1234"})
    assert not wall.send(first, "POST https://wiki.test/page", json={"text": "[CODE_1]"}).passed
    assert wall.receive(second, "GET https://wiki.test/page", json={"text": "KX-1234"}).json == {"text": "KX-1234"}


def test_an_upstream_that_got_too_much_carries_the_class(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remembered, "_MOST", 0)
    wall = Wall(POLICY, plugins=(("dlp_tokens", {}),))
    first, second = wall.open(), wall.open()
    wall.receive(first, "GET https://desk.test/1", json={"code": "KX-1234"})
    assert wall.send(first, "POST https://wiki.test/page", json={"text": "[CODE_1]"}).passed
    wall.receive(second, "GET https://wiki.test/page", json={"text": "KX-1234"})
    assert wall.taint(second) == {"code/derived/wiki"}
    assert not wall.send(second, "POST https://chat.test/in", json={"x": "hello"}).passed


def test_a_narrower_class_is_remembered_like_the_wider_unless_it_says_otherwise():
    classes = Wall(POLICY).policy.remembered
    assert classes == {"code", "code.inner", "pay"}
    other = Wall(POLICY.replace("code.inner: {}", "code.inner: {remember: session}")).policy.remembered
    assert other == {"code", "pay"}
