"""How much one message may cost: bytes, seconds, connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one message; what exceeds one is refused, never cut and never passed unread.

    `body` is in bytes and holds for a body as it is on the wire and as it is once decoded. `head` bounds the request
    or status line together with the headers. `classify` is how long a classification in the pool may take, a model that
    is still loading included; `connect` how long reaching an upstream may take; both in seconds. `idle` closes a
    connection on which nothing moves.
    """

    body: int = 10_000_000
    head: int = 65_536
    classify: float = 30.0
    connect: float = 10.0
    idle: int = 600
    streams: int = 32

    @property
    def drain(self) -> int:
        """How much of a refused body is read and thrown away, so that its sender gets to see the refusal."""
        return 4 * self.body + 1_000_000
