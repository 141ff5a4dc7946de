"""Pieces of one answer that a session asks for one by one (RFC 9110, 14): a value that is cut between two of them.

Each piece by itself may hold half a value, which nobody would know for one. So the ends of what a session has read are
remembered, in this worker's memory only, and what it reads next to them is looked at together with them. Of a session
of which something had to be forgotten, what begins anew is refused: it may be the other half. No clock.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

EDGE = 256
"""Bytes at either end of a piece that are looked at together with what is beside it."""

_MOST_RUNS = 256  # of one answer; each takes two edges
_MOST_ANSWERS, _MOST_SESSIONS = 64, 256  # of a session; a session that is dropped loses all of its own
_CONTENT_RANGE = re.compile(rb"bytes[ \t]+([0-9]{1,15})-([0-9]{1,15})/(?:\*|[0-9]{1,15})")


def place_of(content_range: bytes, length: int) -> int | None:
    """Return where in the whole a piece of `length` bytes begins, by its `Content-Range`; None if that says nothing."""
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None or int(match.group(2)) - int(match.group(1)) + 1 != length:
        return None
    return int(match.group(1))


@dataclass(frozen=True, slots=True)
class _Run:
    """Bytes that were read in a row, half-open, and how they begin and end: all of them, where they are few."""

    first: int
    last: int
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)


class Ranges:
    """What sessions have read of answers in pieces: runs of bytes, by session and address."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._read: OrderedDict[str, OrderedDict[str, list[_Run]]] = OrderedDict()
        self._forgot: set[str] = set()  # sessions of which an answer was dropped

    def beside(self, key: tuple[str, str], start: int, data: bytes) -> list[bytes] | None:
        """Return the ends of a piece with what the session has read beside it: none where that is nothing.

        `key` is session and address. None where the session has read too many pieces to tell. The piece counts as read
        from now on, whatever becomes of it.
        """
        runs = self._runs_of(*key)
        if runs is None:
            return None
        if len(runs) >= _MOST_RUNS:
            return None
        stop = start + len(data)
        left = next((run for run in runs if run.first < start <= run.last), None)
        right = next((run for run in runs if run.first <= stop < run.last), None)
        before = b"" if left is None else left.tail[: max(0, len(left.tail) - (left.last - start))]
        after = b"" if right is None else right.head[max(0, stop - right.first) :]
        joined = before + data + after
        first, last = start if left is None else left.first, stop if right is None else right.last
        head = joined[:EDGE] if left is None or first == start - len(before) else left.head
        tail = joined[-EDGE:] if right is None or last == stop + len(after) else right.tail
        runs[:] = [run for run in runs if run.last < first or run.first > last]
        runs.append(_Run(first, last, head, tail))
        if len(data) <= 2 * EDGE:
            return [joined] if before or after else []
        return [*([before + data[:EDGE]] if before else ()), *([data[-EDGE:] + after] if after else ())]

    def _runs_of(self, session: str, address: str) -> list[_Run] | None:
        """Return what a session has read of an answer; None where that may have been dropped for what came since.

        What one session reads drops nothing of another's, unless very many read in pieces.
        """
        answers = self._read.pop(session, OrderedDict())
        self._read[session] = answers
        if address not in answers and session in self._forgot:
            return None
        runs = answers.pop(address, [])
        answers[address] = runs
        if len(answers) > _MOST_ANSWERS:
            answers.popitem(last=False)
            self._forgot.add(session)
        if len(self._read) > _MOST_SESSIONS:
            self._forgot.add(self._read.popitem(last=False)[0])
        return runs
