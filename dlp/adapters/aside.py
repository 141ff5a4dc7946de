"""Long and pure work in a thread beside the loop: it takes as long as it takes, and nobody waits for it who need not.

What is done so only reads what it is given; what must be able to be killed is for `pool`.
"""

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from dlp.adapters.pool import Turns
from dlp.core.message import Message

_WAIT = 30.0
_SLICE = 0.001  # seconds until the thread lets the loop go on; 5 ms, Python's own, would come once for every event
_AFTER, _LONGEST = 0.5, 5.0
_MANY, _BIT = 5000, 500  # parts of a message that are freed apart, and how many at once


class Aside:
    """One thread. Sessions take turns, so that none waits for more than one task of each other."""

    def __init__(self) -> None:
        self._turns = Turns(1)
        self._thread = ThreadPoolExecutor(1, "aside")
        self._large = 0
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
        """Put the collector of cyclic garbage off while a large message is at hand, and a little longer.

        Going through its hundred thousand parts would hold everybody up for 100 ms, again and again, and free nothing.
        Every few seconds the collector gets its chance all the same.
        """
        loop = asyncio.get_running_loop()
        self._large += 1
        if gc.isenabled():
            gc.disable()
            loop.call_later(_LONGEST, gc.enable)
        try:
            yield
        finally:
            self._large -= 1
            if not self._large:
                loop.call_later(_AFTER, self._collect_again)
            if sum(len(block.made) for block in message.blocks) > _MANY:
                loop.call_later(_AFTER, self._let_go, [message])

    def _let_go(self, last: list[Message]) -> None:
        """Free a message bit by bit, where its hundred thousand parts together would take the loop 60 ms."""
        with suppress(RuntimeError):  # it was closed
            self._thread.submit(_free, last)

    def _collect_again(self) -> None:
        if not self._large:
            gc.enable()

    def close(self) -> None:
        """Begin nothing any more; what is being done ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        gc.enable()


def _free(last: list[Message]) -> None:
    parts = [part for block in last.pop().blocks for part in block.made]
    while parts:
        del parts[-_BIT:]
