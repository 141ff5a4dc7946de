import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.wire.limits import TooLarge
from dlp.wire.lines import Reader


@given(st.lists(st.sampled_from([b'{"a": 1}', b"\n", b"\r\n", b"", b'"x"']), max_size=12), st.integers(1, 9))
def test_any_chunking_gives_the_same_lines_and_loses_no_byte(pieces: list[bytes], step: int):
    raw = b"".join(pieces)
    reader = Reader(limit=1000)
    got = [line for at in range(0, len(raw), step) for line in reader.feed(raw[at : at + step])] + reader.finish()
    assert b"".join(line.write(()) for line in got) == raw
    assert len(got) == raw.count(b"\n") + bool(raw and not raw.endswith(b"\n"))


def test_an_edit_leaves_the_end_of_the_line_alone():
    (line,) = Reader(limit=100).feed(b'{"a": "bob"}\r\n')
    assert line.write([Edit(1, 0, 3, "[N_1]")]) == b'{"a": "[N_1]"}\r\n'


def test_a_line_over_the_limit_is_refused_before_it_ends():
    with pytest.raises(TooLarge):
        Reader(limit=10).feed(b"0123456789a")
