"""Bad input: whatever a text is made of, looking through it takes time that grows with it, and memory within bounds."""

import base64
import gzip
import time
from collections.abc import Callable, Iterable

import pytest

from dlp.engine import alphabets, facts
from dlp.engine.encodings import decodings, glimpse, readable, telling, views
from dlp.engine.folding import skeleton, spaced
from dlp.engine.forms import forms
from dlp.engine.lookup import Lookup
from dlp.engine.sealed import may_be_sealed, sealed
from dlp.engine.vault import Known, Origin

SIZE = 150_000
SECONDS = 12  # of a busy machine; what is quadratic takes many minutes
UNITS = (
    *(
        "A",
        "a1",
        "a1 ",
        "aB3",
        "aB3.",
        "0 ",
        "0",
        "01",
        "1,",
        "1.",
        "1 000 ",
        "%41",
        "%",
        "&#65;",
        "&",
        "<",
        "<b>",
        "=",
    ),
    *("=41", "=\n", "\\", "\\x41", "\\u0041", "+A", "+AAA-", "xn--", "xn--a-", ".-", ".- ", "-", "a b ", "ab:", "A.A-"),
    *(
        "(",
        "[",
        "{",
        "one two ",
        "double ",
        "first of ",
        "alfa bravo ",
        "chr(65)",
        "chr(",
        "U+0041",
        "begin 644 ",
        "\0",
    ),
    *(
        "\u00e9",
        "\u200b",
        "\U0001d400",
        "may ",
        "1 may ",
        "12.",
        "1-1-",
        "9e9 ",
        "$1,",
        "!a1B",
        "~}|",
        "H4sI",
        "eJ",
        "/",
    ),
    *("ff ff ", "0x41, ", "A" * 75 + "\n", "deadbeef ", "[EMAIL_", "q7X/", "aaaaaaaa-", "@", "a@b.c ", "\ud800"),
)


def took(task: Callable[[], object]) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


LOOKS: dict[str, Callable[[str], object]] = {
    "odd": alphabets.odd,
    "decodings": decodings,
    "views": lambda text: list(views([(0, text)])),
    "sealed": lambda text: list(sealed(text)),
    "may be sealed": lambda text: may_be_sealed(text.encode("utf-8", "replace")),
    "readable": readable,
    "glimpse": lambda text: glimpse(text.encode("utf-8", "replace")),
    "telling": lambda text: telling(text.encode("utf-8", "replace")),
    "numbers and dates": lambda text: (list(facts.numbers_in(text)), list(facts.dates_in(text))),
    "folding": lambda text: (skeleton(text), spaced(text)),
    "forms": lambda text: list(forms(text)),
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_text_takes_more_time_than_its_length_asks_for(look: str):
    slow = {}
    for unit in UNITS:
        text = (unit * (SIZE // len(unit) + 1))[:SIZE]
        if (seconds := took(lambda text=text: LOOKS[look](text))) > SECONDS:
            slow[unit] = seconds
    assert not slow


def nested(depth: int) -> str:
    data = b"x" * 1000
    for _ in range(depth):
        data = base64.b64encode(data)
    return data.decode()


def bomb(levels: int) -> str:
    data = b"\0" * 30_000_000
    for _ in range(levels):
        data = gzip.compress(data)
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("text", [nested(12), bomb(1), bomb(2), " ".join([bomb(2)] * 50)], ids=range(4))
def test_a_bomb_is_given_up_within_its_bounds_and_told(text: str):
    found: list[object] = []
    assert took(lambda: found.extend(decodings(text))) < SECONDS
    assert any(each.text is None or each.beyond for each in decodings(text))
    assert took(lambda: list(views([(0, text)]))) < SECONDS


def lookup_of(values: Iterable[str]) -> Lookup:
    lookup = Lookup()
    for value in values:
        lookup.add(Known(value, number=False, origin=Origin()))
    return lookup


PROSE = "The quick brown fox may jump over the lazy dog in summer, for 100 euros a day. " * 20
STORMS = {
    "one character": list("abcdefghijklmnopqrstuvwxyz0123456789"),
    "common words": ["May", "summer", "the", "day", "100", "Mark", "Rose", "true", "null"],
    "near-identical": [f"employee-number-{number:07}" for number in range(20_000)],
    "repeated": ["ab" * size for size in range(2, 100)],
    "overlapping": ["abcdefghijklmnopqrstuvwxyz"[at : at + 10] * 3 for at in range(16)],
    "nested in each other": ["quickbrownfoxjumps"[:size] + "7" for size in range(6, 18)],
}


@pytest.mark.parametrize("name", STORMS)
def test_no_values_make_a_storm_in_ordinary_prose(name: str):
    lookup = lookup_of(STORMS[name])
    found: list[object] = []
    assert took(lambda: found.extend(lookup.find(PROSE))) < SECONDS
    assert not found


@pytest.mark.parametrize("name", STORMS)
def test_values_that_are_hard_to_tell_apart_are_still_found_or_told_to_be_too_many(name: str):
    values = STORMS[name]
    lookup = lookup_of(values)
    crowded = {known.text for known in lookup.crowded}
    for value in (values[0], values[-1], values[len(values) // 2]):
        seen = lookup.whole(value) is not None or bool(lookup.find(f"see {value} there"))
        assert seen or value in crowded
