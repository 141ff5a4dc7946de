import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.engine.streams import HOLD, Stream, open_tail
from dlp.wire.sse import EventBody, Reader, write_event


class Event(EventBody):
    """An event with its bytes."""

    def __init__(self, raw: bytes) -> None:
        (event,) = Reader(limit=10_000).feed(raw)
        super().__init__(event, limit=10_000)


def delta(text: str) -> Event:
    return Event(write_event(json.dumps({"delta": {"text": text}}), event="content_block_delta"))


def record(**values: object) -> Event:
    return Event(write_event(json.dumps(values)))


def texts(raw: bytes) -> list[str]:
    events = Reader(limit=10_000).feed(raw)
    return [json.loads(event.data)["delta"]["text"] for event in events]


def parts(stream_batch: object) -> dict[str, str]:
    return {part.path: part.text for block in stream_batch.blocks for part in block.parts if part.kind == "text"}


def test_records_go_on_one_by_one_at_once():
    stream = Stream()
    stream.put(record(name="Bob"), 0.0)
    stream.put(record(name="Ann"), 0.0)
    first, second, none = (stream.take(0.0) for _ in range(3))
    assert first is not None
    assert second is not None
    assert none is None
    assert first.write(())[0] == b'data: {"name": "Bob"}\n\n'


def test_a_text_whose_last_word_may_go_on_is_held_back_until_it_does():
    stream = Stream()
    stream.put(delta("My number is 536-9"), 0.0)
    assert stream.take(0.0) is None
    stream.put(delta("0-4399 and "), 0.01)
    batch = stream.take(0.01)
    assert batch is not None
    assert parts(batch)["/delta/text"] == "My number is 536-90-4399 and "


def test_an_edit_over_two_pieces_is_written_into_the_first():
    stream = Stream()
    stream.put(delta("it is 536-9"), 0.0)
    stream.put(delta("0-4399 and "), 0.0)
    batch = stream.take(0.0)
    assert batch is not None
    number = [part.path for block in batch.blocks for part in block.parts].index("/delta/text", 0)
    joined = [part for block in batch.blocks for part in block.parts]
    number = next(n for n, part in enumerate(joined) if part.text.startswith("it is"))
    raw, ends = batch.write([Edit(number, 6, 17, "[SSN_1]")])
    assert texts(raw) == ["it is [SSN_1]", " and "]
    assert ends == {"/delta/text": "it is [SSN_1] and "}


def test_nothing_is_held_back_longer_than_a_moment():
    stream = Stream()
    stream.put(delta("536-9"), 1.0)
    assert stream.deadline == 1.0 + HOLD
    assert stream.take(1.0 + HOLD) is not None


def test_a_value_that_began_in_what_was_delivered_is_seen_and_cannot_be_rewritten():
    stream = Stream()
    stream.put(delta("536-9"), 0.0)
    batch = stream.take(1.0)
    assert batch is not None
    stream.sent(batch.write(())[1])
    stream.put(delta("0-4399 "), 2.0)
    later = stream.take(3.0)
    assert later is not None
    joined = [part for block in later.blocks for part in block.parts]
    number = next(n for n, part in enumerate(joined) if part.text == "536-90-4399 ")
    with pytest.raises(ParseError):
        later.write([Edit(number, 0, 11, "[SSN_1]")])
    assert texts(later.write([Edit(number, 0, 3, "x")])[0]) == ["0-4399 "]  # it was decided on before


def test_a_message_that_ends_the_text_lets_all_go():
    stream = Stream()
    stream.put(delta("536-9"), 0.0)
    stream.put(record(done=True), 0.0)
    assert stream.take(0.0) is not None
    assert stream.waiting == 0


def test_the_end_of_the_stream_lets_all_go():
    stream = Stream()
    stream.put(delta("536-9"), 0.0)
    assert stream.take(0.0, end=True) is not None


def test_what_is_held_back_is_bounded():
    stream = Stream()
    for _ in range(70):
        stream.put(delta("x"), 0.0)
    assert stream.take(0.0) is not None


def test_a_stream_that_may_not_hold_still_looks_across_its_messages():
    stream = Stream(hold=False)
    stream.put(delta("536-9"), 0.0)
    first = stream.take(0.0)
    assert first is not None
    stream.sent(first.write(())[1])
    stream.put(delta("0-4399"), 0.0)
    second = stream.take(0.0)
    assert second is not None
    assert parts(second)["/delta/text"] == "536-90-4399"


def test_messages_with_facts_of_their_own_are_judged_one_by_one():
    stream = Stream(hold=False)
    stream.put(delta("one"), 0.0)
    stream.put(delta("two"), 0.0)
    first = stream.take(0.0)
    assert first is not None
    assert parts(first)["/delta/text"] == "one"
    assert stream.waiting == 1


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("all is well. ", ""),
        ("all is we", "we"),
        ("pay 4111 1111 ", "4111 1111 "),
        ("call John Sm", "John Sm"),
        ("call John ", "John "),
        ("see [EMA", "[EMA"),
        ("see [", "["),
        ("it ended. And the", "And the"),
        ("a 536-9", "536-9"),
        ("", ""),
    ],
)
def test_a_tail_is_what_may_be_the_beginning_of_something(text: str, tail: str):
    assert text[open_tail(text) :] == tail


def cut(text: str, at: Iterable[int]) -> list[str]:
    cuts = sorted({min(n, len(text)) for n in at})
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if a < b]


@given(st.text("ab 12[.", max_size=60), st.lists(st.integers(0, 60), max_size=8), st.lists(st.integers(0, 1)))
def test_however_a_text_is_cut_and_taken_nothing_is_lost_or_reordered(text: str, at: list[int], late: list[int]):
    stream = Stream()
    out: list[str] = []
    now = 0.0
    for number, piece in enumerate(cut(text, at)):
        stream.put(delta(piece), now)
        now += HOLD if number < len(late) and late[number] else 0.0
        while batch := stream.take(now):
            raw, ends = batch.write(())
            stream.sent(ends)
            out += texts(raw)
    while batch := stream.take(now, end=True):
        out += texts(batch.write(())[0])
    assert "".join(out) == text


def joined(*units: Event) -> tuple[Stream, object]:
    stream = Stream()
    for unit in units:
        stream.put(unit, 0.0)
    return stream, stream.take(0.0, join=True)


def test_records_that_came_together_may_be_judged_as_one():
    given = [record(name="Bob", of={"city": "Ulm"}), record(name="Ann"), record(name="Eve", age=7)]
    stream, batch = joined(*given)
    assert stream.waiting == 0
    assert batch.blocks == tuple(block for unit in given for block in unit.blocks)
    numbered = [part.text for block in batch.blocks for part in block.parts]
    edits = [Edit(numbered.index(name), 0, 3, f"[{name.upper()}_1]") for name in ("Eve", "Bob", "Ulm")]
    raw, ends = batch.write(edits)
    assert raw.split(b"\n\n") == [
        b'data: {"name": "[BOB_1]", "of": {"city": "[ULM_1]"}}',
        b'data: {"name": "Ann"}',
        b'data: {"name": "[EVE_1]", "age": 7}',
        b"",
    ]
    assert ends == {}
    assert batch.write(()) == (b"".join(unit.raw for unit in given), {})


def test_records_that_may_not_all_go_on_are_taken_back_and_given_one_by_one():
    stream, batch = joined(*(record(number=str(n)) for n in range(3)))
    stream.back(batch)
    for n in (3, 4, 5):
        stream.put(record(number=str(n)), 0.0)
    taken = []
    while (batch := stream.take(0.0, join=True)) is not None:
        taken.append((len(batch.several), batch.write(())[0].count(b"number")))
    assert taken == [(0, 1), (0, 1), (0, 1), (3, 3)]


def test_few_records_are_judged_as_one_so_that_the_first_does_not_wait_long():
    assert len(joined(*(record(n="a") for _ in range(30)))[1].several) == 8
    assert len(joined(*(record(n="word " * 200) for _ in range(8)))[1].several) == 4
    assert not joined(*(record(n="word " * 900) for _ in range(2)))[1].several


@pytest.mark.parametrize(
    "raw", [b'data: {"n": [1, 2]}\n\n', b'data: {"7": 1}\n\n', b"data: 7\n\n", b"data: 1\ndata: 2\n\n"]
)
def test_lists_of_numbers_are_never_judged_as_one(raw: bytes):
    for units in ((Event(raw), record(a="b")), (record(a="b"), Event(raw))):
        assert not joined(*units)[1].several


def test_texts_of_models_are_followed_as_if_nothing_could_be_judged_as_one():
    _, batch = joined(record(a="b"), delta("It is a word. "))
    assert batch is not None
    assert not batch.several
    assert parts(batch)["/delta/text"] == "It is a word. "
