"""Answers that are asked for in pieces: no value enters by being cut in two, and honest pieces come as they are."""

import pytest

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
    """Ask for some bytes; return what came of them."""
    where = ("Content-Range", f"bytes {start}-{stop - 1}/{len(whole)}")
    rig.answer = Sent(body=whole[start:stop], kind="text/plain", headers=(where,))
    asked = Sent(method="GET", target=target, headers=(("Range", f"bytes={start}-{stop - 1}"),))
    status, _, body = rig.ask(session, host, asked)
    return body if status == 200 else b""


@pytest.mark.parametrize("cuts", [(34,), (31, 35, 38), tuple(range(29, 42)), (20, 45)])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_value_that_ranges_cut_in_two_does_not_enter(rig: Rig, cuts: tuple[int, ...], turn: int):
    session = rig.wall.open()
    places = list(zip((0, *cuts), (*cuts, len(TEXT)), strict=True))[::turn]
    came = {start: piece(rig, session, TEXT.encode(), start, stop) for start, stop in places}
    assert NUMBER.encode() not in b"".join(came[start] for start in sorted(came))
    assert any(came.values())


def test_however_its_address_is_written_the_answer_is_the_same(rig: Rig):
    session, whole = rig.wall.open(), TEXT.encode()
    came = [
        piece(rig, session, whole, 0, 34, target="/things"),
        piece(rig, session, whole, 34, 64, target="/th%69ngs?a"),
    ]
    assert NUMBER.encode() not in b"".join(came)
    assert any(came)


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


@pytest.mark.parametrize("said", ["bytes 0-9/20", "words 0-5/20", "bytes */20"])
def test_a_piece_that_does_not_say_where_it_belongs_does_not_enter(rig: Rig, said: str):
    rig.answer = Sent(body=b"pieces", kind="text/plain", headers=(("Content-Range", said),))
    assert rig.ask(rig.wall.open(), "source.test", Sent(method="GET"))[0] == 403
