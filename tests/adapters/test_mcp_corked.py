import asyncio
from typing import Any

from dlp.adapters.mcp_corked import Corked


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.write, self.name = self.events.append, "it"

    def is_closing(self) -> bool:
        """Never, but by its end."""
        return "closed" in self.events

    def close(self) -> None:
        """End."""
        self.events.append("closed")


def test_what_is_written_in_one_turn_leaves_in_one_piece():
    async def story() -> Any:
        transport: Any = Transport()
        corked = Corked(transport)
        corked.write(b"head ")
        corked.write(b"body")
        before = list(transport.events)
        await asyncio.sleep(0)
        corked.write(b"more")
        corked.close()
        await asyncio.sleep(0)
        return corked.name, before, transport.events

    assert asyncio.run(story()) == ("it", [], [b"head body", b"more", "closed"])
