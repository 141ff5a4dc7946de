"""URL-encoded forms (WHATWG URL section 5), as bodies and as queries."""

from dlp.core.message import Kind, Part
from dlp.wire.json_text import pointer
from dlp.wire.leaf import Leaves, text_part
from dlp.wire.limits import check_count
from dlp.wire.percent import PERCENT_PLUS, percent_decode


def read_form(text: str, prefix: str, into: Leaves) -> None:
    """Read names and values into `into`. A name given twice gives two parts of one path.

    Where there is a `;`, at which other readers split as well, all parts are ambiguous.

    Raises:
        ParseError: more names than are read.

    """
    check_count(text, "&=", "form")
    at = 0
    for pair in text.split("&"):
        raw_name, equals, raw_value = pair.partition("=")
        if pair:
            name = percent_decode(raw_name, plus=True)
            path = f"{prefix}/{pointer(name)}"
            middle = at + len(raw_name)
            into.add(Part(path, name, Kind.KEY), at, middle, PERCENT_PLUS)
            if equals:
                value = percent_decode(raw_value, plus=True)
                into.add(text_part(path, value, name), middle + 1, at + len(pair), PERCENT_PLUS)
        at += len(pair) + 1
    if ";" in text:
        into.doubt()
