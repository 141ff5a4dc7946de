"""Text without a format that we know."""

from dlp.core.message import Part
from dlp.wire.leaf import VERBATIM, Leaves


def read_plain(text: str, prefix: str, into: Leaves) -> None:
    """Read the whole text as one part."""
    into.add(Part(prefix, text, unstructured=True), 0, len(text), VERBATIM)
