"""Stretches of a text that are made of certain bytes only: found at a tenth of what it costs to split the text."""

import numpy as np

_ENOUGH = 512  # bytes; below, splitting is quicker than numpy


def within(signs: bytes) -> bytes:
    """Return the table that `stretches` takes for these bytes."""
    return bytes(byte in signs for byte in range(256))


def stretches(data: bytes, table: bytes, least: int) -> list[bytes]:
    """Return, in order and as long as it is, each stretch of `least` bytes (one or more) that are all in `table`."""
    if len(data) < least:
        return []
    marks = data.translate(table)
    if b"\1" * least not in marks:  # as in most texts
        return []
    if len(data) < _ENOUGH:
        return _split(data, marks, least)
    inside = np.frombuffer(marks, dtype=np.bool_)
    whole, done = inside, 1
    while done < least:  # where `whole` is 1, the next `done` bytes are inside
        step = min(done, least - done)
        whole = whole[: len(whole) - step] & whole[step:]
        done += step
    if not whole.any():
        return []
    begins = np.flatnonzero(whole)
    # Of each stretch longer than `least`, all but its last few places begin one: they follow each other.
    cuts = np.flatnonzero(np.diff(begins) > 1)
    starts = begins[np.concatenate(([0], cuts + 1))].tolist()
    ends = (begins[np.concatenate((cuts, [len(begins) - 1]))] + least).tolist()
    return [data[start:end] for start, end in zip(starts, ends, strict=True)]


def _split(data: bytes, marks: bytes, least: int) -> list[bytes]:
    found, at = [], 0
    for stretch in marks.split(b"\0"):
        if len(stretch) >= least:
            found.append(data[at : at + len(stretch)])
        at += len(stretch) + 1
    return found
