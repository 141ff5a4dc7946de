"""`dlp rules explain|diff|replay|monitor|accept`: why something was decided, and what another policy would do."""

import re
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say, say_json, say_table, when
from dlp.cli.rehearsing import run_test, tests_beside
from dlp.cli.shipped import PACKS
from dlp.cli.state import audit_file, opened, store_file
from dlp.config import Settings, load_settings
from dlp.core.errors import ConfigError, DlpError, PolicyError
from dlp.core.message import Facts
from dlp.core.policy import Policy
from dlp.engine.audit import Event, read
from dlp.engine.reload import accept, check_rollback
from dlp.engine.replay import Trusted, case_of, monitored, nothing, recorded, replay
from dlp.policy.case import ruled
from dlp.policy.diff import Outcome, changes, looser, outcome
from dlp.policy.explain import Explanation, Story, explain
from dlp.policy.load import load_policy
from dlp.policy.rehearse import RuleTest, load_rehearsal
from dlp.policy.written import read_written
from dlp.testing.wall import Wall

app = typer.Typer()

_SINCE = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 90m, 12h, 7d, 4w.")]
Other = Annotated[Path | None, typer.Option("--policy", "-p", metavar="FILE", help="Else that of the settings.")]


def _back(since: str) -> float:
    match = _SINCE.fullmatch(since)
    if match is None:
        raise ConfigError(f"--since: expected a number with s, m, h, d or w, such as 7d, got {since}")
    return time.time() - int(match[1]) * _SECONDS[match[2]]


@app.command("explain")
def explain_(
    event: Annotated[str, typer.Argument(metavar="[EVENT]", help="An event of the audit log.")] = "",
    *,
    given: Annotated[Path | None, typer.Option("--given", metavar="FILE", help="A file of rule tests instead.")] = None,
    test: Annotated[str, typer.Option("--test", metavar="NAME", help="Which test of the file; else all.")] = "",
    policy: Other = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Say why a message was decided as it was, why other rules did not speak, and what would make it pass."""
    if bool(event) == bool(given):
        raise ConfigError("expected either an event of the audit log or --given FILE; `dlp audit tail` shows events")
    if given is not None:
        told = _explained_tests(given, test, policy, load_settings(config) if config.exists() else None)
        if json:
            say_json([{"test": name} | asdict(one) for name, one in told])
        else:
            for name, one in told:
                _tree(name, one, ())
        return
    settings = load_settings(config)
    path = policy or settings.policy
    loaded = load_policy(path, packs=PACKS)
    found, log = _find(audit_file(settings), event)
    record = recorded(found, _trusted(settings))
    if record is None:
        raise PolicyError(f"event {event}: no rule decided it: {found.get('reason') or 'it is not a decision'}")
    one = explain(loaded, case_of(loaded, record))
    lineage = tuple(_lineage(found, log))
    same = found.get("policy") == loaded.digest
    notes = lineage if same else (*lineage, _otherwise(found, one))
    if json:
        was = {"event": event, "recorded": {"verdict": found.get("verdict"), "rule": found.get("reason", "")}}
        say_json(was | {"same_policy": same, "lineage": lineage} | asdict(one))
    else:
        _tree(f"event {event}: {found.get('operation')} {found.get('upstream')}", one, notes)


def _otherwise(found: Event, one: Explanation) -> str:
    was = f"version {found['version']}" if found.get("version") else f"{str(found.get('policy', ''))[:12]}"
    by = f" by {found['reason']}" if found.get("reason") else ""
    return (
        f"decided under another policy ({was}: {found.get('verdict')}{by}); this is what {one.policy} "
        f"({one.version or one.digest[:12]}) says of it"
    )


def _explained_tests(
    file: Path, name: str, policy: Path | None, settings: Settings | None
) -> list[tuple[str, Explanation]]:
    rehearsal = load_rehearsal(file)
    path = policy or rehearsal.policy
    loaded = load_policy(path, packs=PACKS)
    tests = [one for one in rehearsal.tests if name in ("", one.name)]
    if not tests:
        known = ", ".join(one.name for one in rehearsal.tests)
        raise ConfigError(f"{file}: no test is called {name}; there are: {known}")
    walls: list[Wall] = []
    found = []
    for one in tests:
        case = run_test(loaded, one, settings, walls).case
        if case is None:
            raise PolicyError(f"{one.place}: test {one.name}: no rule decided it: the message was refused before")
        found.append((one.name, explain(loaded, case)))
    return found


def _find(path: Path, name: str) -> tuple[Event, Mapping[str, Event]]:
    log = {str(event["event"]): event for event in (read(path) if path.exists() else ()) if "event" in event}
    if name not in log:
        raise ConfigError(f"{path}: no event is called {name}; `dlp audit tail` shows the last ones")
    return log[name], log


def _lineage(event: Event, log: Mapping[str, Event]) -> Iterable[str]:
    """Give for each label where it was found and as what, and in which response and field it entered."""
    labels = event.get("labels")
    for label in labels if isinstance(labels, list) else ():
        form, path, origin = (str(label.get(name, "")) for name in ("form", "path", "origin"))
        found = f" as {form}" if form not in ("", "exact", "taint") else ""
        found = f" found{found}" + (f" at {path}," if path else ",") if found or path else ""
        carried = " carried by the session," if form == "taint" else ""
        if origin:
            at = f" at {label['origin_path']}" if label.get("origin_path") else ""
            by = f" by {log[origin]['operation']} {log[origin]['upstream']}" if origin in log else ""
            yield f"{label['class']}{found}{carried} entered in {origin}{at}{by}"
        elif found:
            yield f"{label['class']}{found} not known from before"


def _trusted(settings: Settings) -> Trusted:
    """Return what looks up what the orchestrator stated of a session that is still known."""
    if not store_file(settings).exists():
        return nothing
    known: dict[str, Facts] = {}
    try:
        with opened(settings.path) as state:
            known = {info.id: info.facts for info in state.sessions.list()}
    except DlpError:
        return nothing
    return lambda session: known.get(session, {})


def _tree(title: str, one: Explanation, notes: Iterable[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a third of a second command's start; most print no tree
    from rich.text import Text  # noqa: PLC0415
    from rich.tree import Tree  # noqa: PLC0415

    tree = Tree(Text(f"{title}: {one.verdict}" + (f", by {one.rule}" if one.rule else ""), style="bold"))
    if one.says:
        tree.add(Text(one.says, style="italic"))
    for note in notes:
        tree.add(Text(note))
    for flow in one.flows:
        branch = tree.add(Text(f"{_flow(flow)}: {flow.verdict}" + (f", by {flow.rule}" if flow.rule else "")))
        for rule in flow.spoke:
            mark = "→" if rule.won else "·"
            what = [rule.verdict, rule.tier] + ([] if rule.enforced else ["only watched"])
            what += [f"{rule.lifted} {rule.exception}".strip()] if rule.lifted else []
            what += [f"missing: {'; '.join(rule.missing)}"] if rule.missing else []
            name = rule.rule or "no rule speaks of it"
            branch.add(Text(f"{mark} {name} ({', '.join(what)}) {rule.place}".rstrip()))
        for other in flow.silent:
            branch.add(Text(f"  not {other.rule}: {'; '.join(other.why)}", style="dim"))
    if one.passes:
        branch = tree.add(Text("it would pass"))
        for way in one.passes:
            branch.add(Text(way))
    if one.unknown:
        tree.add(Text(f"asked for and not known: {', '.join(one.unknown)}"))
    tree.add(Text(f"{one.policy}, version {one.version or '(none)'}, {one.digest[:12]}", style="dim"))
    Console(width=None if sys.stdout.isatty() else 200).print(tree)


def _flow(flow: Story) -> str:
    where = flow.sink or "an unlisted address"
    if not flow.data_class:
        return f"the message itself to {where}"
    how = f"at {flow.part}" if flow.part else "" if flow.found else "carried by the session"
    return f"{flow.data_class} ({flow.state}) from {flow.source} to {where} {how}".rstrip()


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD")],
    new: Annotated[Path, typer.Argument(metavar="NEW")],
    *,
    tests: Annotated[
        list[Path] | None, typer.Option("--tests", metavar="FILE", help="Tests, besides those beside the policies.")
    ] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Say what differs between two policies: in words, and in what they decide on the tests of both."""
    first, second = load_policy(old, packs=PACKS), load_policy(new, packs=PACKS)
    changed = list(changes(read_written(old, packs=PACKS), read_written(new, packs=PACKS)))
    settings = load_settings(config) if config.exists() else None
    files = [file for path in (old, new) if (file := tests_beside(path)) is not None] + (tests or [])
    judged = [
        (one, was, now)
        for file in dict.fromkeys(path.resolve() for path in files)
        for one, was, now in _both(file, first, second, settings)
    ]
    moved = [
        {"test": one.name, "place": one.place, "was": asdict(was), "now": asdict(now)}
        for one, was, now in judged
        if was != now
    ]
    loosened = list(looser(first, second))
    if json:
        told = {
            "old": first.digest,
            "new": second.digest,
            "changes": [asdict(one) | {"says": str(one)} for one in changed],
        }
        say_json(told | {"looser": loosened, "tests": len(judged), "decisions": moved})
    else:
        for one in changed:
            say(str(one))
        for says in loosened:
            say(f"! {says}")
        rows = [
            (str(one["test"]), _said(was), _said(now))
            for one, was, now in (({"test": t.name}, was, now) for t, was, now in judged if was != now)
        ]
        if rows:
            say_table(("test", "decides", "would decide"), rows, empty="")
        say(f"{len(changed)} changes; {len(moved)} of {len(judged)} tests are decided otherwise")
    if changed or moved:
        raise typer.Exit(FINDINGS)


def _said(one: Outcome) -> str:
    return one.error or one.verdict + (f" ({one.rule})" if one.rule else "")


def _both(
    file: Path, old: Policy, new: Policy, settings: Settings | None
) -> Iterable[tuple[RuleTest, Outcome, Outcome]]:
    walls: tuple[list[Wall], list[Wall]] = ([], [])
    for one in load_rehearsal(file).tests:
        yield one, _outcome(old, one, settings, walls[0]), _outcome(new, one, settings, walls[1])


def _outcome(policy: Policy, one: RuleTest, settings: Settings | None, walls: list[Wall]) -> Outcome:
    try:
        case = run_test(policy, one, settings, walls).case
    except PolicyError as error:
        return Outcome("", error=str(error).rpartition(": ")[2])
    return Outcome("block", error="refused before any rule was asked") if case is None else outcome(ruled(policy, case))


@app.command("replay")
def replay_(
    *,
    policy: Other = None,
    since: Since = "7d",
    log: Annotated[Path | None, typer.Option("--audit", metavar="FILE", help="Else that of the settings.")] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Decide what was recorded again under another policy, and print what would be decided otherwise.

    Works from labels and facts: there are no bodies in an audit log. Exit code 1 if anything differs.
    """
    settings = load_settings(config) if log is None or policy is None or config.exists() else None
    path = policy or (settings.policy if settings is not None else Path("policy.yaml"))
    loaded = load_policy(path, packs=PACKS)
    source = log or (audit_file(settings) if settings is not None else Path("audit.jsonl"))
    events = read(source) if source.exists() else ()
    trusted = _trusted(settings) if settings is not None else nothing
    told = replay(loaded, events, since=_back(since), trusted=trusted)
    if json:
        say_json({"policy": str(path), "digest": loaded.digest} | asdict(told))
    else:
        rows = [
            (
                one.event,
                when(one.time),
                f"{one.call} → {one.sink or 'unlisted'}",
                one.was + (f" ({one.was_rule})" if one.was_rule else ""),
                one.now + (f" ({one.rule})" if one.rule else "") + _doubt(one.unsure),
            )
            for one in told.differences
        ]
        columns = ("event", "time", "call", "was", "would be")
        say_table(columns, rows, empty="Nothing would have been decided otherwise.")
        skipped = f", {told.skipped} that no policy decided left out" if told.skipped else ""
        say(f"{told.judged} decisions made again{skipped}; {len(told.differences)} differ")
    if told.differences:
        raise typer.Exit(FINDINGS)


def _doubt(unsure: tuple[str, ...]) -> str:
    return f"\nnot recorded: {', '.join(unsure)}" if unsure else ""


@app.command("monitor")
def monitor(*, since: Since = "7d", json: Json = False, config: Config = CONFIG) -> None:
    """Report what monitor mode let pass that a rule would have stopped or rewritten."""
    source = audit_file(load_settings(config))
    told = monitored(read(source) if source.exists() else (), since=_back(since))
    if json:
        say_json([asdict(one) for one in told])
        return
    rows = [
        (
            one.rule or "(no rule allows it)",
            one.sink,
            one.data_class or "(the message)",
            one.verdict,
            str(one.count),
            str(one.sessions),
            when(one.last),
        )
        for one in told
    ]
    columns = ("rule", "to", "data", "would", "times", "sessions", "last")
    say_table(columns, rows, empty="Nothing that is only watched would have been stopped.")


@app.command("accept")
def accept_(
    *,
    force: Annotated[bool, typer.Option("--force", help="Also an older version than the newest that ran.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Accept the policy of the settings as the one to run, so that a proxy takes it up even if it is older."""
    settings = load_settings(config)
    policy = load_policy(settings.policy, packs=PACKS)
    with opened(config) as state:
        if not force:
            check_rollback(state.store, policy)
        accept(state.store, policy, time.time(), forced=force)
    if json:
        say_json({"policy": policy.name, "version": policy.version, "digest": policy.digest, "forced": force})
    else:
        say(f"accepted: {policy.name}, version {policy.version or '(none)'} ({policy.digest[:12]})")
