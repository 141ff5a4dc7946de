import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.wire.limits import TooLarge
from dlp.wire.websocket import Message, Side, What, deflate, readable_offers

PACKED = "permessage-deflate"


def sides(extensions: str = "", limit: int = 10_000) -> tuple[Side, Side, Side]:
    """Return what writes for a server, what reads there, and what writes on from there."""
    return (
        Side(from_client=True, extensions=extensions, limit=limit),
        Side(from_client=True, extensions=extensions, limit=limit),
        Side(from_client=True, extensions=extensions, limit=limit),
    )


def text(side: Side, said: str, *fragments: int) -> bytes:
    return side.frames(Message(What.TEXT, said.encode(), side, fragments=fragments))


PAYLOADS = st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=6)


@given(PAYLOADS, st.sampled_from(["", PACKED]), st.integers(1, 40))
def test_any_chunking_gives_the_same_messages_and_they_are_written_again(
    payloads: list[tuple[bool, bytes]], extensions: str, step: int
):
    writer, reader, after = sides(extensions)
    said = [(What.TEXT, raw.hex().encode()) if is_text else (What.BINARY, raw) for is_text, raw in payloads]
    raw = b"".join(writer.frames(Message(what, payload, writer)) for what, payload in said)
    got = [message for at in range(0, len(raw), step) for message in reader.feed(raw[at : at + step])]
    assert [(message.what, message.raw) for message in got] == said
    again = b"".join(message.write(()) for message in got)
    assert [(message.what, message.raw) for message in after.feed(again)] == said


def test_fragments_stay_fragments():
    writer, reader, _ = sides()
    (message,) = reader.feed(text(writer, "onetwothree", 3, 3, 5))
    assert message.fragments == (3, 3, 5)
    assert message.write(()).count(b"\x80") >= 1


def test_an_edited_message_is_one_frame_with_the_edit():
    writer, reader, after = sides(PACKED)
    (message,) = reader.feed(text(writer, '{"a": "bob"}', 4, 8))
    number = next(n for n, part in enumerate(message.blocks[0].parts) if part.text == "bob")
    (again,) = after.feed(message.write([Edit(number, 0, 3, "[N_1]")]))
    assert (again.raw, again.fragments) == (b'{"a": "[N_1]"}', (14,))


def test_pings_pongs_and_a_close_say_something_too():
    writer, reader, after = sides()
    raw = writer.frames(Message(What.PING, b"are you", writer)) + writer.frames(Message(What.PONG, b"\xff", writer))
    raw += writer.close(4000, "bye")
    ping, pong, close = reader.feed(raw)
    assert [part.text for part in ping.blocks[0].parts] == ["are you"]
    assert pong.blocks[0].parts[0].kind == "opaque"
    assert (close.what, close.code, close.raw) == (What.CLOSE, 4000, b"bye")
    assert [m.raw for m in after.feed(ping.write(()) + pong.write(()) + close.write(()))] == [
        b"are you",
        b"\xff",
        b"bye",
    ]
    assert reader.feed(b"whatever follows a close") == []
    assert reader.finish() == []
    with pytest.raises(ParseError):
        ping.write([Edit(0, 0, 3, "x")])


@pytest.mark.parametrize("extensions", ["", PACKED])
def test_a_message_over_the_limit_is_refused(extensions: str):
    writer, _, _ = sides(extensions)
    raw = text(writer, "a" * 2000)
    with pytest.raises(TooLarge):
        Side(from_client=True, extensions=extensions, limit=1000).feed(raw)


def test_a_bomb_is_not_unpacked():
    packer = zlib.compressobj(wbits=-15)
    data = (packer.compress(bytes(50_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    raw = bytes([0xC2, 126]) + len(data).to_bytes(2) + data
    with pytest.raises(TooLarge):
        Side(from_client=False, extensions=PACKED, limit=1000).feed(raw)


@pytest.mark.parametrize("raw", [b"\xf1\x80\0\0\0\0", b"\x81\x03abc", b"\x83\x80\0\0\0\0", b"\x80\x80\0\0\0\0"])
def test_frames_that_break_the_protocol_are_refused(raw: bytes):
    with pytest.raises(ParseError):
        Side(from_client=True, extensions="", limit=1000).feed(raw)


def test_a_broken_compression_is_refused():
    with pytest.raises(ParseError):
        Side(from_client=False, extensions=PACKED, limit=1000).feed(b"\xc1\x03\xff\xff\xff")


@pytest.mark.parametrize(
    "answer",
    ["x-unknown", f"{PACKED}, {PACKED}", f"{PACKED}; strange", f"{PACKED}; server_max_window_bits=99"],
)
def test_extensions_that_are_not_read_are_refused(answer: str):
    with pytest.raises(ParseError):
        deflate(answer, 1000)


def test_what_is_agreed_on_is_taken_up():
    agreed = deflate(f"{PACKED}; server_no_context_takeover; client_max_window_bits=12", 1000)
    assert agreed is not None
    assert (agreed.server_no_context_takeover, agreed.client_max_window_bits) == (True, 12)
    assert deflate("", 1000) is None


def test_only_offers_that_can_be_read_are_passed_on():
    assert readable_offers("x-webkit; a=1, permessage-deflate; client_max_window_bits") == (
        "permessage-deflate; client_max_window_bits"
    )
    assert readable_offers("x-webkit") == ""


def test_a_message_shows_nothing_of_what_it_says():
    writer, reader, _ = sides()
    (message,) = reader.feed(text(writer, "536-90-4399"))
    assert "536" not in repr(message)
