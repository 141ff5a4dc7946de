"""Runs the steps of a dialogue: waits where the engine waits, delivers in order, and answers for what raised."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from dlp.adapters.fail_closed import FailClosed
from dlp.core.message import Direction
from dlp.engine.mcp_dialogue import Dialogue, Send, Steps


class Finish(Protocol):
    """Drives what has to wait to its end: a classification elsewhere, an approval."""

    def __call__(self, run: Any, wait: Any, session: str, /) -> Coroutine[Any, Any, Any]:
        """Return what the generator returns."""
        ...


class Driver:
    """Runs the steps of one dialogue and hands on what they give.

    What needs no waiting is handed on at once. An answer waits for the notifications that came before it.
    """

    def __init__(self, dialogue: Dialogue, finish: Finish, deliver: Callable[[Send], None]) -> None:
        self.dialogue = dialogue
        self._finish = finish
        self._deliver = deliver
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: set[asyncio.Task[None]] = set()  # notifications of the server's that are still judged

    def run(self, steps: Steps, raw: bytes, direction: Direction) -> None:
        """Take the steps for one message; what raises refuses it."""
        guard = FailClosed()
        sends: Sequence[Send] = ()
        with guard:
            try:
                wait = next(steps)
            except StopIteration as end:
                sends = end.value
            else:
                early = direction is Direction.INBOUND and b'"method"' in raw
                self._later(self._wait(steps, wait, raw, direction, set(self._early)), early=early)
                return
        if guard.error is not None:
            sends = self.dialogue.broken(raw, direction)
        self.hand_on(sends)

    def hand_on(self, sends: Sequence[Send]) -> None:
        """Deliver, an answer not before what came before it."""
        for send in sends:
            if send.answers and self._early:
                self._later(self._after(set(self._early), send))
            else:
                self._deliver(send)

    def cancel(self) -> None:
        """Give up what still waits."""
        for task in list(self._tasks):
            task.cancel()

    def _later(self, work: Coroutine[Any, Any, None], *, early: bool = False) -> None:
        task = asyncio.ensure_future(work)
        if task.done():
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if early:
            self._early.add(task)
            task.add_done_callback(self._early.discard)

    async def _wait(
        self, steps: Steps, wait: object, raw: bytes, direction: Direction, before: set[asyncio.Task[None]]
    ) -> None:
        guard = FailClosed()
        sends: Sequence[Send] = ()
        with guard:
            sends = await self._finish(steps, wait, self.dialogue.session.id)
        if guard.error is not None:
            sends = self.dialogue.broken(raw, direction)
        for send in sends:
            if send.answers:
                await self._until(before)
            self._deliver(send)

    async def _after(self, before: set[asyncio.Task[None]], send: Send) -> None:
        await self._until(before)
        self._deliver(send)

    @staticmethod
    async def _until(tasks: set[asyncio.Task[None]]) -> None:
        if tasks:
            await asyncio.wait(tasks)


async def steps_done(
    dialogue: Dialogue, steps: Steps, raw: bytes, direction: Direction, finish: Finish
) -> Sequence[Send]:
    """Run the steps for one message to their end; what raises refuses it."""
    guard = FailClosed()
    with guard:
        try:
            wait = next(steps)
        except StopIteration as end:
            done: Sequence[Send] = end.value
        else:
            done = await finish(steps, wait, dialogue.session.id)
        return done
    return dialogue.broken(raw, direction)
