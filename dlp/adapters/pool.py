"""Classification in other processes: what holds the loop, or loads a language model, runs where it can be killed."""

import asyncio
import logging
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

import pebble

from dlp.adapters.fail_closed import FailClosed
from dlp.core.errors import PluginError
from dlp.core.finding import Finding
from dlp.core.message import Part


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
    ) -> None:
        self._classify = classify
        # "spawn": a fork would copy the proxy's sockets, keys and threads.
        self._processes = pebble.ProcessPool(
            max_workers=workers,
            initializer=_prepare,
            initargs=(prepare, tuple(prepare_with)),
            context=multiprocessing.get_context("spawn"),
        )

    def start(self) -> None:
        """Start the workers; returns before they are prepared."""
        self._processes.schedule(_nothing)

    async def classify(self, parts: Sequence[Part], limit: float) -> list[Finding]:
        """Return the findings in `parts` within `limit` seconds, the time until a worker is free and ready included.

        Raises:
            TimeoutError: it took longer; the worker that had the task was killed and is replaced.
            PluginError: a classifier raised, or its worker died.

        """
        try:
            scheduled = self._processes.schedule(_run, args=(self._classify, tuple(parts)), timeout=limit)
        except RuntimeError:  # it was closed, or pebble itself broke down
            raise PluginError("the classifiers' workers are not running") from None
        future: asyncio.Future[Any] = asyncio.wrap_future(scheduled)
        try:
            await asyncio.wait([future], timeout=limit)
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
        findings: list[Finding] = future.result()
        return findings

    def retire(self) -> None:
        """Take no more tasks, and end the workers once those that were given are done; waits for it."""
        self._processes.close()  # type: ignore[no-untyped-call]
        self._processes.join()

    def close(self) -> None:
        """End all workers at once."""
        self._processes.stop()  # type: ignore[no-untyped-call]
        self._processes.join()


_unprepared: list[str] = []  # in a worker: why it cannot classify


def _prepare(prepare: Callable[..., None], arguments: tuple[object, ...]) -> None:
    """Prepare a worker. What it raises is kept: pebble would log its text, which may hold a value, and give up."""
    logging.disable(logging.WARNING)  # nor may the lines of libraries that see every text be printed
    guard = FailClosed()
    with guard:
        prepare(*arguments)
    if guard.error is not None:
        _unprepared.append(type(guard.error).__name__)


def _run(classify: Callable[[Sequence[Part]], list[Finding]], parts: Sequence[Part]) -> list[Finding]:
    """Classify in a worker that was prepared."""
    if _unprepared:
        raise PluginError(f"the classifiers could not be loaded in their worker: {_unprepared[0]}")
    return classify(parts)


def _nothing() -> None:
    """Do nothing: the first task makes the pool start."""
