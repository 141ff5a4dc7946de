"""How texts are made of templates, with where each value stands in them and of what type it is."""

import json
import random
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def filled(
    templates: Sequence[str], value: Callable[[str, random.Random], str], count: int, seed: int
) -> list[dict[str, object]]:
    """Return that many texts with the field names of presidio-research's set; `{id}` is nobody's and not told."""
    chance = random.Random(seed)  # noqa: S311 - the same texts in every run
    found: list[dict[str, object]] = []
    for number in range(count):
        which = number % len(templates)
        text, spans = "", list[dict[str, object]]()
        for piece in re.split(r"(\{\w+\})", templates[which]):
            if not piece.startswith("{"):
                text += piece
                continue
            kind, said = piece[1:-1], value(piece[1:-1], chance)
            if kind != "id":
                end = len(text) + len(said)
                spans.append(
                    {"entity_type": kind, "entity_value": said, "start_position": len(text), "end_position": end}
                )
            text += said
        found.append({"full_text": text, "spans": spans, "template_id": which})
    return found


def write(texts: Sequence[dict[str, object]]) -> None:
    """Write texts into the file that the command line names."""
    Path(sys.argv[1]).write_text(json.dumps(texts, ensure_ascii=False), "utf-8")
