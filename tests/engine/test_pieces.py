import pytest

from dlp.core.message import Kind, Part
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


def test_a_value_sent_letter_by_letter_is_seen_with_its_last_letters(lookup: Lookup):
    sent = Sent()
    seen = []
    for letter in MAIL.replace(".", "").replace("@", ""):
        parts = message(channel="#general", text=letter)
        seen.append(bool(list(cut(parts, sent, lookup))))
        sent.take(parts)
    assert not any(seen[:6])
    assert all(seen[len(MAIL) // 2 :])


def test_pieces_sent_to_several_places_are_put_together(lookup: Lookup):
    sent = Sent()
    for number, piece in enumerate(("123", "45", "67")):
        parts = [(0, Part(f"/field{number}", piece))]
        assert not list(cut(parts, sent, lookup))
        sent.take(parts)
    assert list(cut([(0, Part("/other", "89"))], sent, lookup))


def test_what_ordinary_messages_say_makes_no_value(lookup: Lookup):
    sent = Sent()
    for number in range(200):
        parts = message(channel="#general", page=str(number), text=f"row {number} of 85", status="ok", mail="acme.org")
        assert not list(cut(parts, sent, lookup))
        sent.take(parts)
    assert len(sent.tails) < 10


def test_what_is_remembered_is_bounded():
    sent = Sent()
    for number in range(500):
        sent.take([(0, Part(f"/p{number}", f"text {number}"))])
    assert len(sent.tails) <= 64
    assert sum(len(text) for tail in sent.tails.values() for text in tail) <= 64 * 200
