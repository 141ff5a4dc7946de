"""The one place where any exception ends what it happened in, and is told by its type and place only."""

import logging
import traceback
from types import TracebackType
from typing import Self

logger = logging.getLogger("dlp.http")


def place(error: BaseException) -> str:
    """Return an exception's type and where it was raised; never its text, which may hold a value."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {where}"


class ClientGoneError(Exception):
    """Nobody waits for the answer any more; nothing failed."""


class FailClosed:
    """A block that ends at its first exception; the caller then looks at `error` and refuses or closes.

    This is the adapter's blind `except`. mitmproxy logs an exception and lets the message or the connection go on, with
    the exception's text in the log; here whatever raises, known or not, must stop the message, and its text stays out
    of the log.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> bool:
        """End; cancellation and exit requests go on, everything else is noted and stays inside."""
        if not isinstance(error, Exception):
            return False
        self.error = error
        if not isinstance(error, ClientGoneError):
            logger.error("refused after %s", place(error))
        return True
