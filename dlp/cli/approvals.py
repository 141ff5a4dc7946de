"""`dlp approvals`: what waits for a person, and their answers."""

from typing import Annotated, Any

import typer

from dlp.cli.common import CONFIG, Config, Json, say, say_json, say_table, when
from dlp.cli.state import State, opened
from dlp.core.errors import ConfigError, StoreError
from dlp.engine.approvals import Answer, Approval

app = typer.Typer(no_args_is_help=True, help="Answer what the proxy asks a person.")

Name = Annotated[str, typer.Argument(metavar="APPROVAL")]
Role = Annotated[str, typer.Option("--as", metavar="ROLE", help="Who you answer as: one of its approvers.")]


@app.command("list")
def list_(
    *,
    every: Annotated[bool, typer.Option("--all", help="Answered and expired ones too.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """List what waits for an answer, oldest first."""
    with opened(config) as state:
        found = [approval for approval in state.approvals.list() if every or approval.answer is Answer.PENDING]
    if json:
        say_json([_told(approval) for approval in found])
    else:
        rows = [
            (
                approval.id,
                approval.answer,
                approval.session,
                _words(approval.summary.get("rules", "")),
                ", ".join(approval.approvers),
                when(approval.until),
            )
            for approval in found
        ]
        columns = ("approval", "answer", "session", "rule", "approvers", "until")
        say_table(columns, rows, empty="Nothing waits for an answer.")


@app.command()
def show(approval: Name, *, json: Json = False, config: Config = CONFIG) -> None:
    """Show what is asked, with a preview that has a class in the place of each labelled value."""
    with opened(config) as state:
        found = state.approvals.status(approval)
        if found is None:
            raise ConfigError(f"approval {approval}: there is none; `dlp approvals list` shows those that wait")
        preview = _preview(state, found)
    told = _told(found)
    if json:
        say_json(told | ({"preview": preview} if preview else {}))
        return
    rows = [
        ("session", found.session),
        ("answer", f"{found.answer}, by {found.by}" if found.by else str(found.answer)),
        ("approvers", ", ".join(found.approvers)),
        ("asked", when(found.asked)),
        ("until", when(found.until)),
        *((name, _words(value)) for name, value in told["summary"].items()),
    ]
    say_table(("", approval), rows, empty="")
    # Not in the table, which would break a long line into several: a text must not look like a line of its own.
    for line in preview.splitlines():
        say(f"| {line}")


@app.command()
def approve(approval: Name, role: Role, *, json: Json = False, config: Config = CONFIG) -> None:
    """Let the identical message pass once."""
    _answer(approval, role, config, approve=True, json=json)


@app.command()
def deny(approval: Name, role: Role, *, json: Json = False, config: Config = CONFIG) -> None:
    """Refuse the message."""
    _answer(approval, role, config, approve=False, json=json)


def _answer(name: str, role: str, config: Config, *, approve: bool, json: bool) -> None:
    with opened(config) as state:
        found = state.approvals.answer(name, approve=approve, by=role)
    if json:
        say_json(_told(found))
    else:
        say(f"approval {found.id} is {found.answer}, by {found.by}")


def _preview(state: State, approval: Approval) -> str:
    """Return the preview, which is kept sealed under its session's key: what no label covers may still be private."""
    sealed = approval.summary.get("preview")
    if not isinstance(sealed, str):
        return ""
    try:
        return state.sessions.seal(approval.session).open(bytes.fromhex(sealed), b"preview").decode()
    except StoreError:
        return "It cannot be read any more: the session was closed, which destroyed its key."


def _told(approval: Approval) -> dict[str, Any]:
    return {
        "approval": approval.id,
        "answer": approval.answer,
        "session": approval.session,
        "approvers": approval.approvers,
        "asked": approval.asked,
        "until": approval.until,
        "by": approval.by,
        "summary": {name: value for name, value in approval.summary.items() if name != "preview"},
    }


def _words(value: object) -> str:
    match value:
        case dict():
            return "\n".join(f"{name}: {_words(inner)}" for name, inner in value.items())
        case list():
            return "\n".join(map(_words, value))
        case _:
            return str(value)
