"""`dlp session`: open, look at and end sessions, whether the proxy runs or not."""

from pathlib import Path
from typing import Annotated

import typer

from dlp.cli.common import CONFIG, Config, Json, say, say_json, say_table, when
from dlp.cli.environment import environment, export_lines, nowhere, proxy_url
from dlp.cli.listening import address, mcp_address
from dlp.cli.shipped import PACKS
from dlp.cli.state import opened
from dlp.config import Settings
from dlp.core.errors import ConfigError, DlpError
from dlp.core.message import Fact
from dlp.engine.approvals import Answer
from dlp.engine.ledger import Ledger
from dlp.engine.sessions import SessionInfo

app = typer.Typer(no_args_is_help=True, help="Open, show and end sessions: one is one sandbox's life.")

Name = Annotated[str, typer.Argument(metavar="SESSION")]


@app.command("open")
def open_(
    agent: Annotated[str, typer.Option(help="Who runs in the sandbox.")],
    purpose: Annotated[str, typer.Option(help="What for; rules may ask.")] = "",
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A trusted fact that the policy declares; again for each item of a list."
        ),
    ] = None,
    *,
    continues: Annotated[
        str,
        typer.Option(
            metavar="SESSION", help="Closed: this one gets its workspace, and carries all that was seen there."
        ),
    ] = "",
    env: Annotated[bool, typer.Option("--env", help="Print `export` lines for a shell.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Open a session and print what its sandbox needs. The secret is shown this once."""
    if env and json:
        msg = "expected --env or --json, got both"
        raise typer.BadParameter(msg)
    try:
        session, proxy, variables = _opened(agent, purpose, fact or [], continues, config)
    except DlpError:
        if env:  # `eval` takes no notice of a failure, and what comes after it would go out directly
            say(export_lines(nowhere()))
        raise
    if json:
        say_json({"session": session, "proxy": proxy, "env": variables})
    elif env:
        say(export_lines(variables))
    else:
        say(f"session  {session}")
        say(f"proxy    {proxy}")
        say(f"CA       {variables['SSL_CERT_FILE']}")
        say('\nFor a shell: eval "$(dlp session open --agent NAME --env)". For an orchestrator: --json.')


def _opened(
    agent: str, purpose: str, stated: list[str], continues: str, config: Path
) -> tuple[str, str, dict[str, str]]:
    with opened(config) as state:
        facts = _facts(stated, state.settings) if stated else {}
        host, port = address(state.settings)
        mcp = mcp_address(state.settings)
        info, secret = state.sessions.open(agent, purpose, facts, continues=continues)
    proxy = proxy_url(info.id, secret, host, port)
    files = state.settings.state.absolute()
    return info.id, proxy, environment(proxy, info.id, files / "ca-bundle.pem", files / "ca-certs", mcp)


@app.command("list")
def list_(*, json: Json = False, config: Config = CONFIG) -> None:
    """List all sessions, oldest first."""
    with opened(config) as state:
        sessions = state.sessions.list()
    if json:
        say_json([_told(info) for info in sessions])
    else:
        rows = [(info.id, info.status, info.agent, info.purpose, when(info.opened)) for info in sessions]
        say_table(("session", "status", "agent", "purpose", "opened"), rows, empty="There are no sessions.")


@app.command()
def show(session: Name, *, json: Json = False, config: Config = CONFIG) -> None:
    """Show one session: what the orchestrator said of it, and what it is tainted with."""
    with opened(config) as state:
        info = _found(state.sessions.get(session), session)
        waiting = [approval.id for approval in state.approvals.list(session) if approval.answer is Answer.PENDING]
        ledger = Ledger(state.store, session)
        ledger.refresh(state.store.stamp())
        taint = [
            {
                "class": label.data_class,
                "state": label.state,
                "source": label.source,
                "event": ledger.origin(label).event,
            }
            for label in sorted(ledger.labels)
        ]
    told = _told(info) | {"facts": dict(info.facts), "approvals": waiting, "taint": taint}
    if json:
        say_json(told)
    else:
        say_table(("", session), [(name, _words(value)) for name, value in told.items()], empty="")


@app.command()
def close(
    session: Name,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the key that its values are sealed under.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """End a session and destroy its key, which erases every value kept for it. Its taint and audit stay."""
    with opened(config) as state:
        info = _found(state.sessions.close(session, destroy=not keep), session)
    _ended(info, json=json)


@app.command()
def freeze(session: Name, *, json: Json = False, config: Config = CONFIG) -> None:
    """Stop a session at once and keep all it holds, for an incident. Nothing thaws it."""
    with opened(config) as state:
        info = _found(state.sessions.freeze(session), session)
    _ended(info, json=json)


def _ended(info: SessionInfo, *, json: bool) -> None:
    if json:
        say_json(_told(info))
    else:
        say(f"session {info.id} is {info.status}")


def _found(info: SessionInfo | None, name: str) -> SessionInfo:
    if info is None:
        raise ConfigError(f"session {name}: there is none; `dlp session list` shows those there are")
    return info


def _told(info: SessionInfo) -> dict[str, object]:
    return {
        "session": info.id,
        "status": info.status,
        "agent": info.agent,
        "purpose": info.purpose,
        "opened": info.opened,
    }


def _words(value: object) -> str:
    match value:
        case {"class": data_class, "state": how, "source": source, "event": event}:
            return f"{data_class} ({how}) from {source}, since {event}"
        case dict():
            return "\n".join(f"{name} = {_words(inner)}" for name, inner in value.items())
        case list() | tuple():
            return "\n".join(map(_words, value))
        case float():
            return when(value)
        case _:
            return str(value)


def _facts(given: list[str], settings: Settings) -> dict[str, Fact]:
    """Return trusted facts by the types that the policy declares for them."""
    from dlp.policy.load import load_policy  # noqa: PLC0415 - only who states facts waits for the policy

    types = load_policy(settings.policy, packs=PACKS).trusted
    facts: dict[str, Fact] = {}
    for statement in given:
        name, equals, text = statement.partition("=")
        kind = types.get(name)
        if not equals or kind is None:
            known = ", ".join(sorted(types)) or "none; declare it under trusted: in the policy"
            raise ConfigError(f"--fact {name}: expected NAME=VALUE for a fact that the policy trusts; known: {known}")
        fact = _fact(name, text, kind)
        before = facts.get(name)
        if before is not None and not (isinstance(before, tuple) and isinstance(fact, tuple)):
            raise ConfigError(f"--fact {name}: given twice, but it is a {kind}; only a list takes several")
        facts[name] = before + fact if isinstance(before, tuple) and isinstance(fact, tuple) else fact
    return facts


def _fact(name: str, text: str, kind: str) -> Fact:
    match kind:
        case "list":
            return (text,)
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "number":
            try:
                return float(text) if "." in text or "e" in text.lower() else int(text)
            except ValueError:
                pass
        case "text":
            return text
        case _:
            pass
    raise ConfigError(f"--fact {name}: expected a {kind}, got a text of {len(text)} characters")
