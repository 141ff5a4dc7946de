"""What frames a message is a place, too: chunks, their extensions, trailers, and who a URL says is asking."""

import pytest

from .conftest import Rig
from .table import CARD, Sent

CHUNKED = "POST http://a.shut.test/in HTTP/1.1\r\nHost: a.shut.test\r\nTransfer-Encoding: chunked\r\n\r\n"
STOPPED = {
    "a value in a chunk": f"{CHUNKED}10\r\n{CARD}\r\n0\r\n\r\n",
    "a value cut over chunks": f"{CHUNKED}8\r\n{CARD[:8]}\r\n8\r\n{CARD[8:]}\r\n0\r\n\r\n",
    "a chunk for each sign": CHUNKED + "".join(f"1\r\n{sign}\r\n" for sign in CARD) + "0\r\n\r\n",
    "a trailer": f"{CHUNKED}2\r\nhi\r\n0\r\nX-Note: {CARD}\r\n\r\n",
    "a user in the URL": f"GET http://u:{CARD}@a.shut.test/in HTTP/1.1\r\nHost: a.shut.test\r\n\r\n",
    "a fragment": f"GET http://a.shut.test/in#{CARD} HTTP/1.1\r\nHost: a.shut.test\r\n\r\n",
    "two lengths": f"POST http://a.shut.test/in HTTP/1.1\r\nHost: a.shut.test\r\nContent-Length: 2\r\n"
    f"Content-Length: 18\r\n\r\nhi{CARD}",
    "a second host": f"GET http://a.shut.test/in HTTP/1.1\r\nHost: a.shut.test\r\nHost: {CARD}.test\r\n\r\n",
    "a folded header": f"GET http://a.shut.test/in HTTP/1.1\r\nHost: a.shut.test\r\nX-A: 1\r\n {CARD}\r\n\r\n",
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_frames_a_message_carries_nothing(rig: Rig, name: str):
    assert rig.write(rig.wall.open(), STOPPED[name].encode()) in (400, 403)
    assert rig.received == []


def test_extensions_of_chunks_are_left_out(rig: Rig):
    rig.answer = Sent()
    status = rig.write(rig.wall.open(), f"{CHUNKED}2;x={CARD}\r\nhi\r\n0;y={CARD}\r\n\r\n".encode())
    if status == 200:
        assert [sent.body for sent in rig.received] == [b"hi"]
        assert CARD not in str(rig.received)
    else:
        assert rig.received == []


def test_harmless_chunks_arrive_as_one_body(rig: Rig):
    rig.answer = Sent()
    assert rig.write(rig.wall.open(), f"{CHUNKED}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n".encode()) == 200
    assert [sent.body for sent in rig.received] == [b"hello"]
