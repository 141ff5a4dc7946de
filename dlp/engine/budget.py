"""What a session has used up: calls, resolved tokens, guesses. Counted in this process; the audit log keeps it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Spent:
    """What one session has used up so far.

    `resolved` counts tokens put back into messages; `guesses` known values that the sandbox sent without having been
    given them.
    """

    calls: int = 0
    resolved: int = 0
    guesses: int = 0


class Budget:
    """The counters of all sessions. They start anew with the process."""

    def __init__(self) -> None:
        self._spent: dict[str, Spent] = {}

    def count(self, session: str, *, calls: int = 0, resolved: int = 0, guesses: int = 0) -> None:
        """Add to a session's counters."""
        spent = self._spent.get(session)
        if spent is None:
            spent = self._spent[session] = Spent()
        spent.calls += calls
        spent.resolved += resolved
        spent.guesses += guesses

    def spent(self, session: str) -> Spent:
        """Return what a session has used up."""
        return self._spent.get(session) or Spent()

    def drop(self, session: str) -> None:
        """Forget a session."""
        self._spent.pop(session, None)
