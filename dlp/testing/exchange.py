"""What an adapter's messages must do for generated programs: ask, hear, tell, and hear again what was told."""

from dataclasses import dataclass, field
from typing import Protocol

from dlp.engine.sessions import SessionInfo
from dlp.testing.upstreams import Said
from dlp.testing.wall import Wall


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sandbox gets to see of an exchange: the status and what came with it, or that it was refused."""

    passed: bool
    seen: bytes = field(default=b"", repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """A message that a program sent: what the upstream received of it, None where it was refused.

    `staff` says that whoever reads it shows it to staff only.
    """

    received: bytes | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)
    staff: bool = False


class Exchange(Protocol):
    """How a protocol carries what programs do: one for each adapter."""

    def ask(self, wall: Wall, session: SessionInfo, source: str, query: str) -> bool:
        """Send the question to a source; return whether it passed."""
        ...

    def hear(self, wall: Wall, session: SessionInfo, source: str, query: str, said: Said) -> Heard:
        """Let a source's answer in."""
        ...

    def tell(self, wall: Wall, session: SessionInfo, sink: str, text: str, way: str) -> Told:
        """Send a text to a sink."""
        ...

    def echo(self, wall: Wall, session: SessionInfo, manner: str, text: str) -> Heard:
        """Send a text to the upstream that says it again, and let its answer in."""
        ...
