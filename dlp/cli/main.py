"""The `dlp` command: its groups, loaded when they are asked for, and what its exit codes mean.

0: done, and nothing to report. 1: done, and something was found (a failed check or test, data in a scanned file).
2: what was asked for cannot be done as it was asked: usage, settings, policy, plugins. 3: something broke.
"""

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperGroup

from dlp.cli.common import FINDINGS
from dlp.core.errors import DlpError, ParseError, StoreError

OK, USAGE, INTERNAL = 0, 2, 3
ALL = (OK, FINDINGS, USAGE, INTERNAL)

GROUPS = (
    *("init", "up", "doctor", "session", "approvals", "rules"),
    *("mcp", "scan", "classify", "audit", "ca", "plugins", "bench"),
)
"""The groups, each the module of that name in this package, but for `up`: in the order of a first day's work."""

_MODULES = {"up": "serve"}


class Groups(TyperGroup):
    """Finds a group's module when the group is asked for, so that no command waits for another's imports."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the groups' names."""
        del ctx
        return list(GROUPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a group or command; None where there is none of that name."""
        del ctx
        if cmd_name not in GROUPS:
            return None
        module = importlib.import_module(f"dlp.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=Groups, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")


@app.callback()
def dlp() -> None:
    """Approve flows, not tools: a proxy between code you do not trust and the services it calls."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    command = cast("Callable[..., object]", typer.main.get_command(app).main)
    try:
        code = command(args=arguments, prog_name="dlp", standalone_mode=False)
    except typer.TyperException as error:
        return _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        return 130  # as a shell says of what Ctrl-C ended
    except DlpError as error:
        # In one line, for logs and for people: what is wrong, then what to do.
        sys.stderr.write(f"dlp: {' '.join(str(error).split())}\n")
        return INTERNAL if isinstance(error, StoreError | ParseError) else USAGE
    except BrokenPipeError:
        sys.stderr.close()  # `dlp audit tail | head`: nobody reads on
        return OK
    except Exception as error:  # noqa: BLE001 - the last resort: an exit code instead of a traceback full of values
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"dlp: internal error: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}\n")
        return INTERNAL
    return code if isinstance(code, int) else OK


def _misused(error: Any) -> int:
    if hasattr(error, "show"):
        error.show()
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
