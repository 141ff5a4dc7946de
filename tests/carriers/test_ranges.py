"""Answers that are asked for in pieces: no value enters by being cut in two, and honest pieces come as they are."""

from itertools import pairwise

import pytest

from dlp.engine.ranges import EDGE
from dlp.engine.sessions import SessionInfo

from .conftest import Rig
from .table import Sent

NUMBER = "536-90-4399"
TEXT = f"The number of her account is {NUMBER} and has been since May."


def piece(
    rig: Rig,
    session: SessionInfo,
    whole: bytes,
    start: int,
    stop: int,
    host: str = "source.test",
    target: str = "/things",
) -> bytes:
    """Ask for some bytes, of a server that gives what it is asked for; return what came of them."""
    first, last = max(0, start - EDGE), min(len(whole), stop + EDGE)
    where = ("Content-Range", f"bytes {first}-{last - 1}/{len(whole)}")
    rig.answer = Sent(body=whole[first:last], kind="text/plain", headers=(where,))
    asked = Sent(method="GET", target=target, headers=(("Range", f"bytes={start}-{stop - 1}"),))
    status, headers, body = rig.ask(session, host, asked)
    assert dict(rig.received[0].headers)["Range"] == f"bytes={first}-{stop - 1 + EDGE}"
    assert status != 200 or headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
    return body if status == 200 else b""


@pytest.mark.parametrize("places", [[(0, 42)], [(32, 64)], [(0, 34)], [(34, 64)], [(0, 31), (31, 41)], [(35, 36)]])
def test_no_piece_of_a_value_enters(rig: Rig, places: list[tuple[int, int]]):
    came = [piece(rig, rig.wall.open(), TEXT.encode(), *place) for place in places]
    assert not any(came)


def test_what_stands_next_to_no_value_enters(rig: Rig):
    whole = b"Nothing of note. " * 30 + TEXT.encode()
    assert piece(rig, rig.wall.open(), whole, 3, 250) == whole[3:250]


@pytest.mark.parametrize("cuts", [(34,), (31, 35, 38), tuple(range(29, 42)), (20, 45)])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_value_that_ranges_cut_in_two_does_not_enter(rig: Rig, cuts: tuple[int, ...], turn: int):
    session = rig.wall.open()
    places = list(zip((0, *cuts), (*cuts, len(TEXT)), strict=True))[::turn]
    came = {start: piece(rig, session, TEXT.encode(), start, stop) for start, stop in places}
    assert NUMBER.encode() not in b"".join(came[start] for start in sorted(came))


def test_however_its_address_is_written_the_answer_is_the_same(rig: Rig):
    session, whole = rig.wall.open(), TEXT.encode()
    came = [
        piece(rig, session, whole, 0, 34, target="/things"),
        piece(rig, session, whole, 34, 64, target="/th%69ngs?a"),
    ]
    assert not any(came)


def test_a_value_that_may_enter_does_so_in_pieces_as_well(rig: Rig):
    session = rig.wall.open()
    assert piece(rig, session, TEXT.encode(), 0, 34, "clear.test") == TEXT[:34].encode()
    assert piece(rig, session, TEXT.encode(), 34, len(TEXT), "clear.test") == TEXT[34:].encode()


def test_harmless_pieces_come_as_they_are(rig: Rig):
    session, whole = rig.wall.open(), b"Nothing but a few words about the weather, in pieces. " * 50
    places = [(at, min(at + 701, len(whole))) for at in range(0, len(whole), 701)]
    assert b"".join(piece(rig, session, whole, *place) for place in places) == whole


def test_several_pieces_at_once_are_asked_for_whole(rig: Rig):
    rig.answer = Sent(body=b"whole", kind="text/plain")
    status, _, body = rig.ask(rig.wall.open(), "source.test", Sent(method="GET", headers=(("Range", "bytes=0-1,3-4"),)))
    assert (status, body) == (200, b"whole")
    assert not any(name.lower() == "range" for name, _ in rig.received[0].headers)


def test_what_stands_beside_a_piece_may_begin_within_a_character(rig: Rig):
    whole = ("Nichts als ein paar Wörter über das schöne Wetter. €" * 50).encode()
    ends = [at for at in range(len(whole) + 1) if at == len(whole) or whole[at] & 0xC0 != 0x80][::97]
    session = rig.wall.open()
    for start, stop in pairwise(ends):
        assert piece(rig, session, whole, start, stop) == whole[start:stop]


def test_what_is_beyond_the_end_is_not_there(rig: Rig):
    rig.answer = Sent(body=b"the end", kind="text/plain", headers=(("Content-Range", "bytes 13-19/20"),))
    asked = Sent(method="GET", headers=(("Range", "bytes=269-"),))
    status, headers, body = rig.ask(rig.wall.open(), "source.test", asked)
    assert (status, headers["content-range"], body) == (416, "bytes */20", b"")


def test_a_piece_that_is_asked_for_under_a_signature_is_asked_for_as_it_is_and_enters_where_it_is_no_text(rig: Rig):
    signed = "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host;range;x-amz-date, Signature=0123"
    asked = Sent(method="GET", headers=(("Range", "bytes=0-33"), ("Authorization", signed)))
    for body, code in ((TEXT[:34].encode(), 403), (TEXT.encode(), 200)):
        where = ("Content-Range", f"bytes 0-{len(body) - 1}/{len(TEXT)}")
        rig.answer = Sent(body=body, kind="text/plain", headers=(where,))
        session = rig.wall.open()
        assert (rig.ask(session, "clear.test", asked)[0], rig.received[0].headers[0]) == (code, ("Range", "bytes=0-33"))


@pytest.mark.parametrize("said", ["0-1/*", "0-1/2", "*/0"])
def test_a_list_that_counts_its_rows_is_no_piece(rig: Rig, said: str):
    rig.answer = Sent(body=b'[{"id":1},{"id":2}]', kind="application/json", headers=(("Content-Range", said),))
    status, _, body = rig.ask(rig.wall.open(), "source.test", Sent(method="GET"))
    assert (status, body) == (200, b'[{"id":1},{"id":2}]')


@pytest.mark.parametrize("said", ["bytes 0-9/20", "words 0-5/20", "bytes */20", "bytes 0-5/20"])
def test_a_piece_that_nobody_asked_for_or_that_does_not_say_where_it_belongs_does_not_enter(rig: Rig, said: str):
    rig.answer = Sent(body=b"pieces", kind="text/plain", headers=(("Content-Range", said),))
    assert rig.ask(rig.wall.open(), "source.test", Sent(method="GET"))[0] == 403
