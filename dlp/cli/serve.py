"""`dlp up`: run the proxy."""

import importlib

import typer

from dlp.cli.common import CONFIG, Config
from dlp.config import load_settings

app = typer.Typer()


@app.command()
def up(*, config: Config = CONFIG) -> None:
    """Run the proxy until it is told to stop (Ctrl-C, or SIGTERM)."""
    settings = load_settings(config)
    # mitmproxy takes a while to import: whoever asks for help, or got the settings wrong, need not wait for it.
    raise typer.Exit(importlib.import_module("dlp.cli.up").run(settings) or 0)
