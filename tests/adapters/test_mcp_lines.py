import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dlp.adapters.mcp_lines import Lines


class Peer:
    """Lines, and the other ends of their pipes."""

    def __init__(self, limit: int = 1000) -> None:
        self.events: list[object] = []
        inside, self.to_it = os.pipe()
        self.from_it, out = os.pipe()
        self.lines = Lines(
            inside,
            out,
            limit=limit,
            on_line=self.events.append,
            on_large=lambda number: self.events.append(("large", number)),
            on_end=lambda: self.events.append("end"),
        )

    async def says(self, *pieces: bytes) -> list[object]:
        """Let the peer write these; return what came of it."""
        for piece in pieces:
            with suppress(BrokenPipeError):
                await asyncio.to_thread(os.write, self.to_it, piece)
            await asyncio.sleep(0.01)
        return list(self.events)

    def close(self) -> None:
        """Let go of everything."""
        self.lines.close()
        os.close(self.to_it)
        os.close(self.from_it)


def with_peer(story: Callable[[Peer], Any], limit: int = 1000) -> Any:
    async def run() -> Any:
        peer = Peer(limit)
        try:
            return await story(peer)
        finally:
            peer.close()

    return asyncio.run(run())


def test_lines_come_whole_however_they_are_cut():
    assert with_peer(lambda peer: peer.says(b'{"a"', b":1}\n\n", b"x\r\ny", b"\n")) == [b'{"a":1}', b"x", b"y"]


def test_a_line_over_the_limit_is_told_by_its_id_and_the_next_is_read():
    pieces = [b'{"jsonrpc":"2.0","id":7,"x":"', *[b"x" * 700] * 5, b'"}\nnext\n']
    assert with_peer(lambda peer: peer.says(*pieces)) == [("large", 7), b"next"]
    at_once = b'{"x":"' + b"y" * 3000 + b'","id":8}\nnext\n'
    assert with_peer(lambda peer: peer.says(at_once)) == [("large", 8), b"next"]


def test_a_line_without_an_end_is_a_flood_that_ends_the_peer():
    assert with_peer(lambda peer: peer.says(*[b"x" * 5000] * 6))[-1] == "end"


def test_what_stands_at_the_end_without_a_line_end_is_a_line_if_it_is_whole():
    async def story(peer: Peer) -> list[object]:
        await peer.says(b'{"a":1}')
        os.close(peer.to_it)
        peer.to_it = os.open(os.devnull, os.O_RDONLY)
        await asyncio.sleep(0.05)
        return list(peer.events)

    assert with_peer(story) == [b'{"a":1}', "end"]


def test_a_message_is_one_line_however_it_was_written():
    async def story(peer: Peer) -> bytes:
        peer.lines.write(b'{\r\n "a": 1\n}')
        return os.read(peer.from_it, 100)

    assert with_peer(story) == b'{   "a": 1 }\n'


def test_what_a_slow_peer_does_not_take_yet_waits_and_is_whole():
    async def story(peer: Peer) -> tuple[bool, int]:
        for _ in range(50):
            peer.lines.write(b"z" * 100_000)
        full = peer.lines.full
        size = 0
        while size < 50 * 100_001:
            size += len(await asyncio.to_thread(os.read, peer.from_it, 1_000_000))
        return full, size

    assert with_peer(story) == (True, 50 * 100_001)


def test_a_paused_peer_is_not_read_until_it_is_resumed():
    async def story(peer: Peer) -> tuple[list[object], list[object]]:
        peer.lines.pause()
        before = await peer.says(b"a\n")
        peer.lines.resume()
        await asyncio.sleep(0.02)
        return before, list(peer.events)

    assert with_peer(story) == ([], [b"a"])
