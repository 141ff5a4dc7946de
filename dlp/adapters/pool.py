"""Classification in other processes: what holds the loop, or loads a language model, runs where it can be killed."""

import asyncio
import logging
import multiprocessing
import os
import pickle
import resource
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import batched
from operator import attrgetter
from pathlib import Path
from typing import Any

import pebble

from dlp.adapters.fail_closed import FailClosed
from dlp.core.errors import PluginError
from dlp.core.finding import Finding
from dlp.core.message import Part

_OUT_OF_MEMORY = 70
_BIT = 500
"""How many parts or findings are pickled at once."""
_WAITS = 2
"""How many limits a task waits for a worker unless told otherwise: one that hangs may be before it, and be replaced."""


class Turns:
    """Whose task is next: every session has one at work at most, and those that wait take turns.

    So a session waits for one task of each other session, however many those have. For one thread's event loop.
    """

    def __init__(self, workers: int) -> None:
        self._free = workers
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # the session that is next comes first
        self._working: set[str] = set()

    @property
    def idle(self) -> bool:
        """Whether nobody works or waits."""
        return not self._working and not self._waiting

    async def take(self, session: str, seconds: float) -> None:
        """Wait until a session may use a worker; it then has to `leave`.

        Raises:
            TimeoutError: it was not its turn within `seconds`.

        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session, deque()).append(turn)
        self._next()
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(session)  # it got its turn in the moment in which it gave up
            else:
                self._give_up(session, turn)
            if isinstance(error, TimeoutError):
                raise TimeoutError(f"no worker was free within {seconds:g} s") from None
            raise

    def leave(self, session: str) -> None:
        """Give the worker to the next; the session goes to the end of the queue."""
        self._free += 1
        self._working.discard(session)
        if session in self._waiting:
            self._waiting[session] = self._waiting.pop(session)
        self._next()

    def _give_up(self, session: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(session, deque())
        if turn not in queue:  # it was passed over, as it had been given up already
            return
        queue.remove(turn)
        if not queue:
            del self._waiting[session]

    def _next(self) -> None:
        while self._free:
            session = next((one for one in self._waiting if one not in self._working), None)
            if session is None:
                return
            queue = self._waiting[session]
            turn = queue.popleft()
            if not queue:
                del self._waiting[session]
            if not turn.done():
                self._free -= 1
                self._working.add(session)
                turn.set_result(None)


class Pool:
    """Worker processes that classify. A task that dies or hangs takes its own worker with it and no other.

    `prepare` is called once in each worker before its first task, `classify` once for each task; both must be
    importable by name, since workers are started afresh.
    """

    def __init__(
        self,
        prepare: Callable[..., None],
        prepare_with: Sequence[object],
        classify: Callable[[Sequence[Part]], list[Finding]],
        *,
        workers: int = 1,
        memory: int = 0,
    ) -> None:
        """Take also how many bytes a worker may need beyond what it has when it is prepared; 0 for no limit."""
        self._classify = classify
        self._turns = Turns(workers)
        self._longest = 0.0
        # "spawn": a fork would copy the proxy's sockets, keys and threads.
        self._processes = pebble.ProcessPool(
            max_workers=workers,
            initializer=_prepare,
            initargs=(prepare, tuple(prepare_with), memory),
            context=multiprocessing.get_context("spawn"),
        )

    def start(self) -> None:
        """Start the workers; returns before they are prepared."""
        self._processes.schedule(_nothing)

    async def classify(
        self, parts: Sequence[Part], limit: float, session: str = "", wait: float | None = None
    ) -> list[Finding]:
        """Return the findings in `parts` within `limit` seconds from when a worker begins with them.

        A session has one task in work at a time, and waits up to `wait` seconds (else twice the limit) until it is its
        turn and a worker is ready.

        Raises:
            TimeoutError: it took longer; the worker that had the task was killed and is replaced.
            PluginError: a classifier raised, or its worker died or needed too much memory.

        """
        wait = _WAITS * limit if wait is None else wait
        self._longest = max(self._longest, wait + limit)
        until = time.monotonic() + wait
        await self._turns.take(session, wait)
        try:
            return await self._run(parts, limit, limit + max(0.0, until - time.monotonic()))
        finally:
            self._turns.leave(session)

    async def _run(self, parts: Sequence[Part], limit: float, in_all: float) -> list[Finding]:
        many = len(parts) > _BIT
        given = await asyncio.to_thread(_pack, parts, _of_part) if many else tuple(parts)
        try:
            task = _run_packed if many else _run
            scheduled = self._processes.schedule(task, args=(self._classify, given), timeout=limit)
        except RuntimeError:  # it was closed, or pebble itself broke down
            raise PluginError("the classifiers' workers are not running") from None
        future: asyncio.Future[Any] = asyncio.wrap_future(scheduled)
        try:
            await asyncio.wait([future], timeout=in_all)
        finally:
            if not future.done():
                future.cancel()  # kills the worker if it has begun
        if future.cancelled():
            raise TimeoutError(f"classification took longer than {limit:g} s")
        error = future.exception()
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"classification took longer than {limit:g} s")
        if isinstance(error, PluginError):  # its text is ours, or by contract without values
            raise PluginError(str(error)) from None
        if error is not None:  # its text may hold a value
            raise PluginError(f"a classifier failed in its worker: {type(error).__name__}")
        if many:
            return await asyncio.to_thread(_unpack, future.result(), Finding)
        findings: list[Finding] = future.result()
        return findings

    def retire(self) -> None:
        """End the workers once the tasks that were given are done; waits for it. To be called in another thread."""
        until = time.monotonic() + self._longest
        while not self._turns.idle and time.monotonic() < until:
            time.sleep(0.05)
        self._processes.close()  # type: ignore[no-untyped-call]
        self._processes.join()

    def close(self) -> None:
        """End all workers at once."""
        self._processes.stop()  # type: ignore[no-untyped-call]
        self._processes.join()


_of_part = attrgetter(*(field.name for field in fields(Part)))
_of_finding = attrgetter(*(field.name for field in fields(Finding)))


def _pack(things: Sequence[object], fields_of: Callable[[Any], tuple[object, ...]]) -> tuple[bytes, ...]:
    """Return many things pickled some at a time: pickling all of them at once would hold everybody up."""
    return tuple([pickle.dumps([fields_of(one) for one in some]) for some in batched(things, _BIT, strict=False)])


def _unpack[T](packed: Sequence[bytes], make: Callable[..., T]) -> list[T]:
    return [make(*one) for some in packed for one in pickle.loads(some)]  # noqa: S301 - of our own processes


def _run_packed(classify: Callable[[Sequence[Part]], list[Finding]], packed: Sequence[bytes]) -> tuple[bytes, ...]:
    """Do what `_run` does for many parts, which come packed; their findings go so as well."""
    return _pack(_run(classify, _unpack(packed, Part)), _of_finding)


_unprepared: list[str] = []  # in a worker: why it cannot classify


def _prepare(prepare: Callable[..., None], arguments: tuple[object, ...], memory: int) -> None:
    """Prepare a worker and bound its memory.

    What it raises is kept: pebble would log its text, which may hold a value, and give up.
    """
    logging.disable(logging.WARNING)  # nor may the lines of libraries that see every text be printed
    guard = FailClosed()
    with guard:
        prepare(*arguments)
        if memory:
            _confine(memory)
    if guard.error is not None:
        _unprepared.append(type(guard.error).__name__)


def _run(classify: Callable[[Sequence[Part]], list[Finding]], parts: Sequence[Part]) -> list[Finding]:
    """Classify in a worker that was prepared."""
    if _unprepared:
        raise PluginError(f"the classifiers could not be loaded in their worker: {_unprepared[0]}")
    try:
        return classify(parts)
    except (MemoryError, PluginError) as error:
        # What it holds may never be freed: the message is refused, and another worker starts. (The plugins' host tells
        # of any error as a PluginError.)
        if isinstance(error, MemoryError) or isinstance(error.__context__, MemoryError):
            os._exit(_OUT_OF_MEMORY)
        raise


def _confine(memory: int) -> None:
    """Let this process take that many bytes more of addresses than it has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _nothing() -> None:
    """Do nothing: the first task makes the pool start."""
