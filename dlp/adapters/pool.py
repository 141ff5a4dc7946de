"""Classification in other processes: what holds the loop, or loads a language model, runs where it can be killed."""

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

import pebble

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
            initializer=prepare,
            initargs=tuple(prepare_with),
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
        future: asyncio.Future[Any] = asyncio.wrap_future(
            self._processes.schedule(self._classify, args=(tuple(parts),), timeout=limit)
        )
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
        if error is not None:  # its text may hold a value
            raise PluginError(f"a classifier failed in its worker: {type(error).__name__}")
        findings: list[Finding] = future.result()
        return findings

    def close(self) -> None:
        """End all workers at once."""
        self._processes.stop()  # type: ignore[no-untyped-call]
        self._processes.join()


def _nothing() -> None:
    """Do nothing: the first task makes the pool start."""
