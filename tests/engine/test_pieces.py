import random

import pytest

from dlp.core.message import Kind, Part
from dlp.engine import pieces
from dlp.engine.lookup import Lookup
from dlp.engine.pieces import Sent, cut
from dlp.engine.vault import Known, Origin

MAIL = "maria.gonzalez@acme.org"


@pytest.fixture
def lookup() -> Lookup:
    lookup = Lookup()
    for value in (MAIL, "123-45-6789", "85000"):
        lookup.add(Known(value, number=False, origin=Origin()))
    return lookup


def message(**texts: str) -> list[tuple[int, Part]]:
    parts = [each for key, text in texts.items() for each in (Part(f"/{key}", key, Kind.KEY), Part(f"/{key}", text))]
    return list(enumerate(parts))


@pytest.mark.parametrize(
    "texts",
    [
        {"a": "maria.gon", "b": "zalez@acme.org"},
        {"b": "zalez@acme.org", "a": "maria.gon"},
        {"a": "part 1: 123-4", "b": "part 2: 5-67", "c": "part 3: 89"},
        {"a": "gro.emca@", "b": "zelaznog.airam"},
        {"maria.gon": "1", "zalez@acme.org": "2"},
    ],
)
def test_a_value_cut_over_the_fields_of_a_message_is_put_together(lookup: Lookup, texts: dict[str, str]):
    assert list(cut(message(**texts), Sent(), lookup))


def test_in_a_large_message_window_by_window_the_same_is_found(lookup: Lookup, monkeypatch: pytest.MonkeyPatch):
    chance = random.Random(5)  # noqa: S311 - the same messages in every run
    found = 0
    for _ in range(60):
        texts = [
            chance.choice(("row", "open", "-", "", "12", "dock", "lane 4")) for _ in range(chance.randint(20, 200))
        ]
        value = chance.choice((MAIL, "123-45-6789"))
        for _ in range(chance.randint(0, 2)):
            cuts = sorted(chance.sample(range(1, len(value)), chance.randint(1, 6)))
            at = chance.randint(0, len(texts))
            texts[at:at] = [value[first:last] for first, last in zip([0, *cuts], [*cuts, len(value)], strict=True)]
        keys = [f"{chance.choice('abcz')}{number}" for number in range(len(texts))]
        parts = message(**dict(zip(keys, texts, strict=True)))
        monkeypatch.setattr(pieces, "_MANY", 10_000)
        whole = {(number, known.text) for number, known in cut(parts, Sent(), lookup)}
        monkeypatch.setattr(pieces, "_MANY", 19)
        monkeypatch.setattr(pieces, "_OVERLAP", 9)
        assert {(number, known.text) for number, known in cut(parts, Sent(), lookup)} >= whole
        found += len(whole)
    assert found > 40


def test_a_value_sent_letter_by_letter_is_seen_with_its_last_letters(lookup: Lookup):
    sent = Sent()
    seen = []
    for letter in MAIL.replace(".", "").replace("@", ""):
        parts = message(channel="#general", text=letter)
        seen.append(bool(list(cut(parts, sent, lookup))))
        sent.take([part for _, part in parts])
    assert not any(seen[:6])
    assert all(seen[len(MAIL) // 2 :])


def test_pieces_sent_to_several_places_are_put_together(lookup: Lookup):
    sent = Sent()
    for number, piece in enumerate(("123", "45", "67")):
        parts = [(0, Part(f"/field{number}", piece))]
        assert not list(cut(parts, sent, lookup))
        sent.take([part for _, part in parts])
    assert list(cut([(0, Part("/other", "89"))], sent, lookup))


def test_what_ordinary_messages_say_makes_no_value(lookup: Lookup):
    sent = Sent()
    for number in range(200):
        parts = message(channel="#general", page=str(number), text=f"row {number} of 85", status="ok", mail="acme.org")
        assert not list(cut(parts, sent, lookup))
        sent.take([part for _, part in parts])
    assert len(sent.tails) < 10


def test_what_is_remembered_is_bounded():
    sent = Sent()
    for number in range(500):
        sent.take([Part(f"/p{number}", f"text {number}")])
    assert len(sent.tails) <= 64
    assert sum(len(text) for tail in sent.tails.values() for text in tail) <= 64 * 200


def test_what_would_be_forgotten_at_once_is_not_even_taken_up():
    for number in range(40):
        chance = random.Random(number)  # noqa: S311 - the same messages in every run
        quick, slow = Sent(), Sent()
        for _ in range(4):
            places, words = chance.choice((3, 60, 90, 400)), chance.choice((3, 400))
            parts = [
                Part(f"/p{chance.randint(0, places)}", f"text {chance.randint(0, words)}"[chance.choice((0, 5)) :])
                for _ in range(chance.choice((5, 90, 300)))
            ]
            slow.add([(part.path, folded) for part in parts if (folded := pieces._changed(part, slow))])
            quick.take(parts)
            assert list(quick.tails.items()) == list(slow.tails.items())
