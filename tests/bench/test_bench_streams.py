import pytest

from dlp.bench import bombs, stream_peer, streams
from dlp.bench.streams import MB, Effort


def test_a_time_survives_being_spelled_in_letters():
    assert stream_peer.told(stream_peer.spelled(1_234_567_890).encode()) == 1_234_567_890
    assert len(stream_peer.spelled(1)) == stream_peer.SPELLED


def test_a_text_is_text_and_what_is_binary_is_not():
    assert len(stream_peer.piece("text")) == stream_peer.PIECE
    assert stream_peer.piece("text").isascii()
    with pytest.raises(UnicodeDecodeError):
        stream_peer.piece("binary").decode()


@pytest.mark.e2e
def test_a_short_run_measures_every_row():
    thrown = ("gzip coding", bombs.ENDLESS[1])
    told = streams.run(Effort(rate=500, count=100, rounds=1, body=12 * MB, stream=12 * MB, bombs=thrown))
    rows = {row["name"]: row for row in told["rows"]}  # type: ignore[attr-defined, index]
    assert len(rows) == 21 + 3 * (2 + 1)
    assert all(row["value"] >= -5 for name, row in rows.items() if not name.endswith("another session"))


@pytest.mark.parametrize("name", [*bombs.ENDLESS, *bombs.LYING, "JSON nested 100,000 deep"])
def test_a_bomb_is_an_answer_with_a_head(name: str):
    assert next(bombs.answer(name)).startswith(b"HTTP/1.1 200 OK\r\nContent-Type: ")
