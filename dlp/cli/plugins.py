"""`dlp plugins`: what can be loaded here, and what is."""

import typer

from dlp.cli.common import CONFIG, Config, Json, say_json, say_table
from dlp.config import load_settings
from dlp.hooks.host import installed, load_host

app = typer.Typer(no_args_is_help=True, help="What teaches the proxy to see and to transform.")


@app.callback()
def group() -> None:
    """Keep `list` a command of its own, since more will follow."""


@app.command("list")
def list_(*, json: Json = False, config: Config = CONFIG) -> None:
    """List installed plugins, and for those that the settings name, what they do."""
    settings = load_settings(config)
    loaded = load_host([(plugin.name, plugin.settings) for plugin in settings.plugins]).plugins
    idle = sorted(set(installed()) - {plugin.name for plugin in loaded})
    if json:
        told = [
            {
                "plugin": plugin.name,
                "loaded": True,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "hooks": plugin.hooks,
            }
            for plugin in loaded
        ]
        say_json(told + [{"plugin": name, "loaded": False} for name in idle])
        return
    rows = [(one.name, "yes", f"{one.distribution} {one.version}", ", ".join(one.hooks)) for one in loaded]
    rows += [(name, "no", "", "") for name in idle]
    say_table(("plugin", "loaded", "from", "hooks"), rows, empty="No plugin is installed.")
