"""Newline-delimited JSON: one value a line."""

from dlp.wire.json_text import scan_json
from dlp.wire.leaf import Leaves
from dlp.wire.limits import Invalid, check_count

_SPACE = " \t\r"


def read_ndjson(text: str, prefix: str, into: Leaves) -> None:
    """Read every line that is not blank as JSON into `into`; paths begin with the number of the line among these.

    Raises:
        Invalid: a line is not JSON.
        ParseError: as `read_json` does.

    """
    check_count(text, ",:\n", "ndjson")
    at = number = 0
    while at < len(text):
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        if text[at:stop].strip(_SPACE):
            end = scan_json(text, at, stop, f"{prefix}/{number}", into)
            if text[end:stop].strip(_SPACE):
                raise Invalid(f"ndjson: code points after the value of line {number}")
            number += 1
        at = stop + 1
