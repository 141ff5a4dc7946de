"""`dlp ca`: the authority that sandboxes trust."""

from pathlib import Path
from typing import Annotated

import typer

from dlp.adapters import ca
from dlp.cli.common import CONFIG, Config, say
from dlp.config import load_settings
from dlp.core.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The authority that sandboxes trust.")


@app.callback()
def group() -> None:
    """Keep `export` a command of its own, since more will follow."""


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; else it is printed.")
    ] = None,
    *,
    config: Config = CONFIG,
) -> None:
    """Print the certificate of the proxy's authority in PEM; the key never leaves its folder."""
    pem = ca.export(load_settings(config).state)
    if out is None:
        say(pem.rstrip())
        return
    try:
        out.write_text(pem, "ascii")
    except OSError as error:
        raise ConfigError(f"{out}: cannot write the certificate: {error.strerror}") from error
