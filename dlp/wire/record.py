"""JSON that is written inside a text: how an edit of the text has to be written for the JSON to say it."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.wire.json_text import JSON_NUMBER, read_json, unescape
from dlp.wire.leaf import Leaves


def may_be(text: str) -> bool:
    """Return whether a text begins as a JSON object or list does."""
    return text.lstrip(" \t\r\n").startswith(("{", "["))


def fitted(text: str, edits: Sequence[Edit]) -> Sequence[Edit]:
    """Return the edits of a text as they are written where it is a JSON object or list, and as they are where not.

    What stands in a string is escaped for that string, as often as one is inside another, and what stands for a number
    or a part of one makes it a string. An edit of more than one string or number is left as it is.
    """
    if not may_be(text):
        return edits
    leaves = Leaves()
    try:
        read_json(text, "", leaves)
    except ParseError:
        return edits
    return [_fitted(text, leaves, edit) for edit in edits]


def _fitted(text: str, leaves: Leaves, edit: Edit) -> Edit:
    at = bisect_right(leaves.places.starts, edit.start) - 1
    if at < 0:
        return edit
    start, end, codec = leaves.places[at]
    if codec is JSON_NUMBER and edit.end <= end:
        says = text[start : edit.start] + edit.text + text[edit.end : end]
        return replace(edit, start=start, end=end, text=json.dumps(says, ensure_ascii=False))
    if not start < edit.start <= edit.end < end:
        return edit
    try:
        first = len(unescape(text[start + 1 : edit.start]))
        last = first + len(unescape(text[edit.start : edit.end]))
    except ParseError:  # it begins or ends within an escape
        return edit
    (inside,) = fitted(leaves.parts[at].text, [Edit(edit.part, first, last, edit.text)])
    # Where it grew, it grew over the digits of a number, which are not escaped.
    start, end = edit.start - (first - inside.start), edit.end + (inside.end - last)
    if "\\" in text[start : edit.start] + text[edit.end : end]:
        return edit
    return replace(edit, start=start, end=end, text=codec.encode(inside.text))
