import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.wire.limits import TooLarge
from dlp.wire.sse import Event, EventBody, Reader, split_lines, write_event


def read(*chunks: bytes, limit: int = 10_000) -> list[Event]:
    reader = Reader(limit=limit)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    return events + reader.finish()


def test_an_event_is_there_with_the_blank_line_that_closes_it():
    reader = Reader(limit=1000)
    assert reader.feed(b'event: add\nid: 7\ndata: {"a":\ndata: 1}\n') == []
    (event,) = reader.feed(b"\n")
    assert (event.event, event.id, event.data) == ("add", "7", '{"a":\n1}')
    assert reader.finish() == []


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_closes_lines(end: bytes):
    raw = end.join([b"data: one", b"data: two", b"", b"data:three", b"", b""])
    whole = [event for event in read(raw) if event.has_data]
    assert [event.data for event in whole] == ["one\ntwo", "three"]


def test_a_cr_that_ends_one_chunk_does_not_wait_for_its_lf():
    reader = Reader(limit=1000)
    (event,) = reader.feed(b"data: x\r\r")
    assert event.data == "x"
    (after,) = [event for event in reader.feed(b"\ndata: y\n\n") if event.has_data]
    assert after.data == "y"
    assert after.raw == b"\ndata: y\n\n"


def test_a_comment_between_events_waits_for_nothing():
    reader = Reader(limit=1000)
    (event,) = reader.feed(b": still here\n")
    assert event.lines[0].value == "still here"
    assert not event.has_data


def test_a_byte_order_mark_belongs_to_no_field():
    (event,) = read(b"\xef\xbb\xbfdata: x\n\n")
    assert event.data == "x"
    assert event.with_data("y") == b"\xef\xbb\xbfdata: y\n\n"


def test_what_nothing_closes_is_given_at_the_end():
    (event,) = read(b"data: x")
    assert (event.data, event.tail) == ("x", "")


def test_an_event_over_the_limit_is_refused_before_it_ends():
    with pytest.raises(TooLarge):
        Reader(limit=10).feed(b"data: 0123456789")


def test_what_is_no_utf_8_is_refused_without_being_quoted():
    with pytest.raises(ParseError, match="2 bytes") as caught:
        Reader(limit=10).feed(b"\xff\xfe\n")
    assert "xff" not in str(caught.value)


def test_an_event_shows_nothing_of_what_it_says():
    (event,) = read(b"data: 536-90-4399\n\n")
    assert "536" not in repr(event)
    assert "536" not in repr(EventBody(event, limit=100))


PIECES = st.lists(
    st.sampled_from([b"data", b":", b" ", b"x", b"\r", b"\n", b"\r\n", b"id: 1", b"event", "é".encode(), b": c\n"]),
    max_size=40,
)


@given(PIECES, st.data())
def test_any_chunking_gives_the_same_events_and_loses_no_byte(pieces: list[bytes], data: st.DataObject):
    raw = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    cut = read(*chunks)
    assert b"".join(event.raw for event in cut) == raw

    def says(events: list[Event]) -> list[list[tuple[str, str]]]:
        return [[(line.name, line.value) for line in event.lines] for event in events if event.lines]

    assert says(cut) == says(read(raw))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_what_is_written_is_read_again(text: str):
    (event,) = read(write_event(text, event="message", id="3"))
    assert event.data == "\n".join(split_lines(text))
    assert (event.event, event.id) == ("message", "3")


def body(raw: bytes) -> EventBody:
    (event,) = read(raw)
    return EventBody(event, limit=1000)


def paths(read_body: EventBody) -> dict[str, str]:
    return {part.path: part.text for block in read_body.blocks for part in block.parts}


def test_json_in_data_is_read_as_leaves():
    assert paths(body(b'event: e\ndata: {"a": ["b"]}\n\n')) == {"sse/event/0": "e", "/a": "a", "/a/0": "b"}


def test_comments_ids_and_unknown_fields_are_read_as_well():
    said = paths(body(b"id: 12\nsecret-name: v\ndata: text\n: aside\n\n"))
    assert set(said.values()) == {"12", "secret-name", "v", "text", "aside"}


def test_without_edits_an_event_is_written_as_it_came():
    raw = b"data:{}\r\nid:1\r\n: c\r\n\r\n"
    assert body(raw).write([]) == raw


def test_an_edit_changes_its_span_only():
    read_body = body(b'id: 1\r\ndata: {"a":\r\ndata:  "bob"}\r\n\r\n')
    parts = [part for block in read_body.blocks for part in block.parts]
    number = next(n for n, part in enumerate(parts) if part.text == "bob")
    assert read_body.write([Edit(number, 0, 3, "[NAME_1]")]) == b'id: 1\r\ndata: {"a":\r\ndata:  "[NAME_1]"}\r\n\r\n'


def test_other_lines_can_be_edited_too():
    read_body = body(b"id:bob\nx-bob: yes\ndata: a\n\n")
    written = read_body.write([Edit(0, 0, 3, "[N_1]"), Edit(1, 2, 5, "[N_1]")])
    assert written == b"id: [N_1]\nx-[N_1]: yes\ndata: a\n\n"


@pytest.mark.parametrize(("part", "text"), [(0, "a\nb"), (0, "a\rb"), (1, "data"), (1, "a:b"), (1, "")])
def test_an_edit_that_a_line_cannot_say_is_refused(part: int, text: str):
    read_body = body(b"id:bob\nx-bob: yes\ndata: a\n\n")
    with pytest.raises(ParseError):
        read_body.write([Edit(part, 0, 3 if part == 0 else 5, text)])


def test_an_event_without_data_gets_none():
    (event,) = read(b"id: 1\n\n")
    with pytest.raises(ParseError):
        event.with_data("x")


def test_a_surrogate_cannot_be_written():
    (event,) = read(b"data: 1\n\n")
    with pytest.raises(ParseError):
        event.with_data("\ud800")
