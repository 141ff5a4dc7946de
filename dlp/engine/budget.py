"""What a session may use up: calls, calls a minute, time, and guesses; of each session by itself."""

import math
from collections import deque
from dataclasses import dataclass

from dlp.core.policy import Limits
from dlp.core.ports import Clock, Store

_MINUTE = 60.0
_MOST_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that a message would exceed, in words for a refusal; `retryable` where waiting helps."""

    title: str
    detail: str
    following: str
    retryable: bool = False


class Budget:
    """The counters of all sessions.

    Calls and the time of the first one are in the store, so that no restart gives them back. The last minute is in
    this process, and starts anew with it.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._began: dict[str, float] = {}
        self._recent: dict[str, deque[float]] = {}

    def spend(self, session: str, limits: Limits, *, call: bool) -> Over | None:
        """Count a message of a session, and return the limit that stands against it.

        `call` says that it is a request. Answers are not counted, and end with the session's time. What is refused for
        its rate is no call.
        """
        now = self._clock()
        if limits.guesses is not None and self._store.get(session, "limits", _GUESSED_OUT) is not None:
            return _too_often(limits.guesses)
        if limits.duration is not None and now - self._first(session, now) >= limits.duration:
            detail = f"The policy gives a session {limits.duration:g} s from its first request; they are over."
            return Over("The time of this session is over", detail, _NEW)
        if not call:
            return None
        if limits.per_minute is not None and (wait := self._wait(session, limits.per_minute, now)):
            detail = f"The policy allows a session {limits.per_minute} requests a minute."
            return Over("Too many requests in a minute", detail, f"Send it again in {wait} s.", retryable=True)
        if limits.calls is not None and self._store.take_number(session, "calls") > limits.calls:
            detail = f"The policy allows a session {limits.calls} requests; they are used up."
            return Over("This session has used up its requests", detail, _NEW)
        return None

    def guess(self, session: str, limits: Limits, count: int) -> Over | None:
        """Count values that a session sent in the clear and should only have as tokens; return the limit if it is over.

        From then on `spend` lets nothing of the session pass: a refusal, too, would say that a guess was right.
        """
        most = limits.guesses
        if most is None or not count:
            return None
        number = max(self._store.take_number(session, "guesses") for _ in range(min(count, most + 1)))
        if number <= most:
            return None
        self._store.put(session, "limits", _GUESSED_OUT, b"")
        return _too_often(most)

    def _first(self, session: str, now: float) -> float:
        began = self._began.get(session)
        if began is None:
            if len(self._began) >= _MOST_REMEMBERED:
                self._began.clear()  # the store has them
            began = float(self._store.put(session, "limits", b"began", repr(now).encode()))
            self._began[session] = began
        return began

    def _wait(self, session: str, most: int, now: float) -> int:
        """Count a request in the last minute; return for how many seconds there is no room for it, 0 if there is."""
        recent = self._recent.get(session)
        if recent is None:
            if len(self._recent) >= _MOST_REMEMBERED:
                self._recent = {name: times for name, times in self._recent.items() if times[-1] > now - _MINUTE}
            recent = self._recent[session] = deque()
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        if len(recent) >= most:
            return max(1, math.ceil(recent[0] + _MINUTE - now))
        recent.append(now)
        return 0


_GUESSED_OUT = b"guessed out"


def _too_often(most: int) -> Over:
    detail = f"It sent more than {most} values in the clear that it should know as tokens only."
    return Over("This session has guessed too often", detail, _NEW)


_NEW = "Ask the orchestrator for a new session."
