"""Reading what others packed (archives, documents, images) in a process that may be killed, with little memory.

Its own workers, not those that classify: a language model's memory is no measure for an archive's.
"""

import logging
import resource
from collections.abc import Callable, Sequence
from typing import Any

from dlp.adapters.pool import Pool
from dlp.core.errors import ParseError, PluginError

SECONDS = 2.0
"""How long one body may be read, from when a worker begins with it."""

_WAIT = 10.0  # until a worker is ready: the first has to be started
_MEMORY = 64 * 1024 * 1024  # on top of what the libraries take


class Readers:
    """One worker process for reading; it is started when it is first needed."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    async def read(self, task: Callable[[], object], session: str) -> object:
        """Return what `task` returns; it must be possible to pickle it.

        Raises:
            ParseError: it raised one, took too long or too much memory.

        """
        if self._pool is None:
            reading: Any = _read  # a pool carries parts to findings, or anything to anything
            self._pool = Pool(_confine, (), reading, workers=1)
        given: Any = (task,)
        try:
            read: object = await self._pool.classify(given, SECONDS, session, _WAIT)
        except TimeoutError:
            raise ParseError(f"body: what is packed in it could not be read within {SECONDS:g} s") from None
        except PluginError:
            raise ParseError(
                "body: what is packed in it takes more memory than is given, or broke its reader"
            ) from None
        if isinstance(read, str):
            raise ParseError(read)
        return read

    def close(self) -> None:
        """End the worker."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def _confine() -> None:
    """Load what reads, then allow little more memory than that took."""
    from dlp.wire import container  # noqa: PLC0415 - the proxy itself need not load these libraries

    container.warm()
    logging.disable(logging.CRITICAL)
    pages = int(open("/proc/self/statm").read().split()[0])  # noqa: SIM115, PTH123 - a file of the kernel
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read(tasks: Sequence[Callable[[], object]]) -> object:
    """Read in a worker; what cannot be read for a reason that may be told comes as text."""
    try:
        return tasks[0]()
    except ParseError as error:
        return str(error)
