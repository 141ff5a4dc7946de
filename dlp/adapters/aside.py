"""Long and pure work in a thread beside the loop: it takes as long as it takes, and nobody waits for it who need not.

What is done so only reads what it is given; what must be able to be killed is for `pool`.
"""

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from dlp.adapters.pool import Turns
from dlp.core.message import Message

_WAIT = 30.0
_SLICE = 0.0001  # seconds until the thread lets the loop go on: an event needs that a dozen times, and 0.3 ms shows
_AFTER, _TRIES, _LONGEST = 0.1, 100, 30.0
_MANY, _BIT = 5000, 500  # parts of a message that are worth being freed apart, and how many at once
_YOUNG, _OLDER, _NEVER = 2000, 4, 1 << 30
"""How many new objects the collector goes through at once, and after how many such passes through what is left.

Ten thousand take it 3 ms.
"""


class Aside:
    """One thread. Sessions take turns, so that none waits for more than one task of each other."""

    def __init__(self) -> None:
        self._turns = Turns(1)
        self._thread = ThreadPoolExecutor(1, "aside")
        self._large = 0
        self._usual = gc.get_threshold()
        self._all: asyncio.TimerHandle | None = None
        sys.setswitchinterval(_SLICE)

    async def do(self, task: Callable[[], object], session: str) -> object:
        """Return what `task` returns, or raise what it raises.

        Raises:
            TimeoutError: it was not the session's turn for too long.

        """
        await self._turns.take(session, _WAIT)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, task)
        finally:
            self._turns.leave(session)

    @contextmanager
    def large(self, message: Message) -> Iterator[None]:
        """Keep the collector of cyclic garbage from going through all there is, until a large message is let go of.

        Its hundred thousand parts would hold everybody up for 100 ms, again and again, and nothing would be freed. What
        is new is gone through all the same, bit by bit; and once in a long while all there is, whatever comes.
        """
        loop = asyncio.get_running_loop()
        if self._all is None:
            self._usual = gc.get_threshold()
            self._all = loop.call_later(_LONGEST, self._collect_all)
            gc.set_threshold(_YOUNG, _OLDER, _NEVER)
        self._large += 1
        try:
            yield
        finally:
            loop.call_later(_AFTER, self._let_go, [message])

    def _let_go(self, last: list[Message], tries: int = _TRIES) -> None:
        """Free a message bit by bit, where its hundred thousand parts together would take the loop 60 ms."""
        if tries and _is_held(last[0]):
            asyncio.get_running_loop().call_later(_AFTER, self._let_go, last, tries - 1)
            return
        try:
            freed = asyncio.get_running_loop().run_in_executor(self._thread, _free, last)
        except RuntimeError:  # it was closed
            self._is_free()
        else:
            freed.add_done_callback(self._is_free)

    def _is_free(self, _freed: object = None) -> None:
        self._large -= 1
        if not self._large:
            self._collect_as_usual()

    def _collect_all(self) -> None:
        gc.collect()
        self._all = asyncio.get_running_loop().call_later(_LONGEST, self._collect_all)

    def _collect_as_usual(self) -> None:
        if self._all is not None:
            self._all.cancel()
            self._all = None
            gc.set_threshold(*self._usual)

    def close(self) -> None:
        """Begin nothing any more; what is being done ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._collect_as_usual()


def _is_held(message: Message) -> bool:
    """Return whether somebody else holds blocks of many parts: what they are made of is still needed."""
    blocks = message.blocks
    return any(sys.getrefcount(blocks[at]) > 2 for at in range(len(blocks)) if len(blocks[at].made) > _MANY)  # noqa: PLR2004 - the tuple and the call


def _free(last: list[Message]) -> None:
    parts = [part for block in last.pop().blocks for part in block.made]
    while parts:
        del parts[-_BIT:]
