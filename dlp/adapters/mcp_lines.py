"""One peer that speaks MCP in lines: read from one file descriptor, written to another, at its own pace."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from dlp.wire.jsonrpc import Id, id_of_oversized

_AT_ONCE = 65_536
_LINES_AT_ONCE = 8  # of one peer, before others have their turn
_KEPT = 4096  # of either end of a line over the limit
_MOST_OVER = 20  # times the limit, after which a line is a flood
_MOST_WAITING = 4_000_000  # bytes that a peer has not taken yet, before its partner is not read from any more


class Lines:
    """Reads lines and writes lines; tells what came, and once, that it is over.

    The descriptors become this object's to close. `on_large` is told the id of a message that was over `limit` bytes,
    as far as that can be known; such a line is thrown away as it comes.
    """

    def __init__(
        self,
        read_from: int,
        write_to: int,
        *,
        limit: int,
        on_line: Callable[[bytes], None],
        on_large: Callable[[Id | None], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._in, self._out = read_from, write_to
        self._limit = limit
        self._on_line, self._on_large, self._on_end = on_line, on_large, on_end
        self._buffer = bytearray()
        self._skipped = 0
        self._start = b""  # of a line over the limit
        self._lines: deque[bytes] = deque()
        self._waiting = bytearray()
        self._paused = self._reading = self._writing = self.over = False
        self._eof = False
        self.on_drained: Callable[[], None] | None = None
        for descriptor in (read_from, write_to):
            os.set_blocking(descriptor, False)
        self._watch()

    @property
    def full(self) -> bool:
        """Whether more waits to be written than should."""
        return len(self._waiting) > _MOST_WAITING

    def write(self, message: bytes) -> None:
        """Write a message as one line; line ends inside of it are JSON's white space."""
        if self.over:
            return
        if b"\n" in message or b"\r" in message:
            message = message.replace(b"\n", b" ").replace(b"\r", b" ")
        data = message + b"\n"
        if not self._waiting:
            try:
                done = os.write(self._out, data)
            except BlockingIOError:
                done = 0
            except OSError:
                self.close()
                return
            if done == len(data):
                return
            data = data[done:]
        self._waiting += data
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._out, self._drain)

    def pause(self) -> None:
        """Read nothing for now."""
        self._paused = True
        self._watch()

    def resume(self) -> None:
        """Read again."""
        self._paused = False
        self._watch()
        if self._lines:
            self._loop.call_soon(self._hand_on)

    def close(self) -> None:
        """Stop reading and writing."""
        if self.over:
            return
        self.over = True
        self._watch()
        if self._writing:
            self._loop.remove_writer(self._out)
        for descriptor in {self._in, self._out}:
            with suppress(OSError):
                os.close(descriptor)
        self._loop.call_soon(self._on_end)

    def _watch(self) -> None:
        wanted = not (self._paused or self.over or self._eof or self._lines)
        if wanted and not self._reading:
            self._loop.add_reader(self._in, self._readable)
        elif self._reading and not wanted:
            self._loop.remove_reader(self._in)
        self._reading = wanted

    def _readable(self) -> None:
        try:
            data = os.read(self._in, _AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._eof = True
            self._watch()
            self._take(self._buffer.endswith(b"}"))
            return
        self._buffer += data
        # A long line comes in many pieces: it is not looked through again for each.
        if b"\n" in data or len(self._buffer) > self._limit or self._skipped:
            self._take(ended=False)

    def _take(self, ended: bool) -> None:  # noqa: FBT001 - private
        """Take whole lines out of the buffer."""
        *lines, rest = self._buffer.split(b"\n")
        if ended:
            lines, rest = [*lines, rest], bytearray()
        for line in lines:
            if self._skipped:
                self._end_large(bytes(line))
            elif len(line) > self._limit:
                self._on_large(id_of_oversized(bytes(line[:_KEPT]), bytes(line[-_KEPT:])))
            elif line.strip():
                self._lines.append(bytes(line).removesuffix(b"\r"))
        if len(rest) > self._limit or self._skipped:
            if not self._skipped:
                self._start = bytes(rest[:_KEPT])
            kept = rest[-_KEPT:]
            self._skipped += len(rest) - len(kept) + 1
            rest = kept
            if self._skipped > self._limit * _MOST_OVER:
                self.close()
        self._buffer = rest
        self._hand_on()

    def _end_large(self, end: bytes) -> None:
        number = id_of_oversized(self._start, end[-_KEPT:])
        self._skipped, self._start = 0, b""
        self._on_large(number)

    def _hand_on(self) -> None:
        for _ in range(_LINES_AT_ONCE):
            if self.over or self._paused or not self._lines:
                break
            self._on_line(self._lines.popleft())
        if self._lines and not self._paused and not self.over:
            self._loop.call_soon(self._hand_on)
        elif self._eof and not self._lines:
            self.close()
        self._watch()

    def _drain(self) -> None:
        try:
            done = os.write(self._out, self._waiting[:1_000_000])
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._waiting[:done]
        if not self._waiting:
            self._writing = False
            self._loop.remove_writer(self._out)
        if not self.full and self.on_drained is not None:
            self.on_drained()
