"""What every command group uses: the options that mean the same everywhere, and how things are printed."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print for machines to read.")]
CONFIG = Path("dlp.yaml")

FINDINGS = 1
"""The exit code of a command that did what it was asked, and found something."""


def say(text: str = "") -> None:
    """Print a line as it is."""
    sys.stdout.write(text + "\n")


def say_json(thing: object) -> None:
    """Print one JSON document in one line."""
    sys.stdout.write(orjson.dumps(thing, default=list).decode() + "\n")


def say_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` where there are no rows. Nothing in a cell is taken for markup."""
    from rich.console import Console  # noqa: PLC0415 - a third of a second command's start; most print no table
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if table.row_count:
        # Without a terminal there is no width to keep to, and whoever reads on wants whole words.
        Console(width=None if sys.stdout.isatty() else 200).print(table)
    else:
        say(empty)


def when(seconds: float) -> str:
    """Return a time of the day here, as people write it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
