"""`dlp classify`: what the proxy is to know by heart."""

import csv
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dlp.cli.common import CONFIG, Config, Json, say, say_json
from dlp.cli.shipped import PACKS
from dlp.cli.state import key_file
from dlp.config import load_settings
from dlp.core.errors import ConfigError
from dlp.core.exact import build
from dlp.policy.load import load_policy

app = typer.Typer(no_args_is_help=True, help="Make known data recognisable, however plain it is.")


@app.callback()
def group() -> None:
    """Keep `table` a command of its own, since more will follow."""


@app.command()
def table(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a first line of column names.")],
    columns: Annotated[str, typer.Option("--columns", metavar="A,B", help="The columns to know the values of.")],
    data_class: Annotated[str, typer.Option("--class", metavar="CLASS", help="The class of the policy that they are.")],
    name: Annotated[str, typer.Option("--name", help="What to call the table; else as the file is called.")] = "",
    *,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Write the values of FILE down as keyed hashes, so that they are recognised wherever they turn up."""
    settings = load_settings(config)
    policy = load_policy(settings.policy, packs=PACKS)
    if data_class not in policy.classes:
        raise ConfigError(
            f"{settings.policy}: --class: expected a class of the policy, got {data_class!r}; known: "
            f"{', '.join(sorted(policy.classes))}"
        )
    wanted = [column.strip() for column in columns.split(",") if column.strip()]
    called = name or file.stem
    if not called.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"--name: expected letters, digits, - and _, got {called!r}")
    try:
        secret = key_file(settings).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{key_file(settings)}: cannot read the key: {error.strerror}; `dlp init` makes one"
        ) from error
    key = HKDF(SHA256(), 32, salt=None, info=b"dlp exact").derive(secret)
    rows = [0]
    made, short = build(_values(file, wanted, rows), key, data_class)
    place = settings.state / "exact" / f"{called}.table"
    _write(place, made)
    if json:
        say_json({"table": str(place), "class": data_class, "rows": rows[0], "short": short, "bytes": len(made)})
    else:
        say(f"{place}: {rows[0]} rows as {data_class}, {len(made)} bytes; no value is kept")
        if short:
            say(f"{short} values are shorter than four letters and digits, which would be everywhere: left out")
        say("The proxy reads it at its next start.")


def _values(file: Path, wanted: list[str], rows: list[int]) -> Iterator[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened)
            header = next(reader, [])
            if missing := [column for column in wanted if column not in header]:
                raise ConfigError(
                    f"{file}:1: --columns: there is no column {', '.join(missing)}; "
                    f"known: {', '.join(header) or 'none'}"
                )
            places = [header.index(column) for column in wanted]
            for row in reader:
                rows[0] += 1
                yield from (row[place] for place in places if place < len(row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file}: cannot be read as CSV in UTF-8: {type(error).__name__}") from None


def _write(place: Path, content: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:  # readable by its owner only
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(place)
    except OSError as error:
        raise ConfigError(f"{place}: cannot be written: {error.strerror}") from error
