"""Stretches of a text that are made of certain bytes only: found at a tenth of what it costs to split the text."""


def within(signs: bytes) -> bytes:
    """Return the table that `stretches` takes for these bytes."""
    return bytes(byte in signs for byte in range(256))


def stretches(data: bytes, table: bytes, least: int) -> list[bytes]:
    """Return, in order and as long as it is, each stretch of `least` bytes (one or more) that are all in `table`."""
    marks = data.translate(table)
    needle, found = b"\1" * least, list[bytes]()
    start = marks.find(needle)
    while start >= 0:
        end = marks.find(b"\0", start + least)
        found.append(data[start:] if end < 0 else data[start:end])
        start = marks.find(needle, end) if end >= 0 else -1
    return found
