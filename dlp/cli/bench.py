"""`dlp bench`: how the proxy compares, measured side by side in one run."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import dlp.bench
from dlp.cli.common import FINDINGS, Json, say, say_json, say_table
from dlp.core.errors import ConfigError

app = typer.Typer()


@app.command()
def bench(
    area: Annotated[
        str, typer.Argument(metavar="AREA", help="What to measure; without it, the areas are listed.")
    ] = "",
    *,
    json: Json = False,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With `detect`: score what is found in these labelled texts."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a plot as PNG.")] = None,
) -> None:
    """Measure an area and print its figures beside their bars. Exit code 1 if a bar is not met."""
    known = areas()
    if not area:
        if json:
            say_json({"areas": known})
        else:
            say("\n".join(known) or "There is nothing to measure yet.")
        return
    if dataset is not None and area != "detect":
        raise ConfigError(f"bench {area}: --dataset scores what is found, so it goes with `detect`")
    if area not in known and dataset is None:
        raise ConfigError(f"bench {area}: there is no such area; known: {', '.join(known) or 'none'}")
    told: Mapping[str, Any]
    if dataset is None:
        told = importlib.import_module(f"dlp.bench.{area}").run()
    else:
        told = importlib.import_module("dlp.bench.accuracy").run_on(dataset)
    if json:
        say_json(told)
    else:
        rows = [
            [_cell(row.get(name)) for name in ("name", "value", "unit", "baseline", "bar", "met")]
            for row in told["rows"]
        ]
        say_table(("", "value", "unit", "baseline", "bar", "met"), rows, empty="Nothing was measured.")
        say(f"on {told['machine']}")
    if plot is not None:
        importlib.import_module("dlp.bench.plot").write(told, plot)
    if any(row.get("met") is False for row in told["rows"]):
        raise typer.Exit(FINDINGS)


def areas() -> list[str]:
    """Return the modules of `dlp.bench` that can be run."""
    found = [module.name for module in pkgutil.iter_modules(dlp.bench.__path__) if not module.name.startswith("_")]
    return [name for name in found if name != "plot" and hasattr(importlib.import_module(f"dlp.bench.{name}"), "run")]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "NO"
        case float():
            return f"{value:.3g}"
        case _:
            return str(value)
