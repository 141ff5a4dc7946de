"""`dlp rules`: check a policy, and test what it decides."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from dlp.cli.app import classifier_config
from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say, say_json
from dlp.cli.shipped import PACKS
from dlp.config import Settings, load_settings
from dlp.core.errors import PolicyError
from dlp.core.message import Direction
from dlp.core.policy import Policy
from dlp.engine.vault import Origin
from dlp.policy.load import load_policy
from dlp.policy.rehearse import RuleTest, check, load_rehearsal, ruling_for
from dlp.testing.wall import Wall

app = typer.Typer(no_args_is_help=True, help="Check a policy and test what it decides.")


@app.command("check")
def check_(
    policy: Annotated[Path | None, typer.Argument(metavar="POLICY", help="Else that of the settings.")] = None,
    *,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Load a policy and say what it holds, or what is wrong with it and where."""
    path = policy or load_settings(config).policy
    try:
        loaded = load_policy(path, packs=PACKS)
    except PolicyError as error:
        if json:
            say_json({"policy": str(path), "ok": False, "error": str(error)})
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(FINDINGS) from None
    told = _contents(loaded)
    if json:
        say_json({"policy": str(path), "ok": True, "name": loaded.name, "digest": loaded.digest} | told)
    else:
        counts = ", ".join(f"{count} {name}" for name, count in told.items())
        say(f"{path}: {loaded.name}: ok ({counts})")


def _contents(policy: Policy) -> dict[str, int]:
    return {
        "classes": len(policy.classes),
        "sources": len(policy.sources),
        "destinations": len(policy.sinks),
        "rules": len(policy.rules),
    }


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test; it passed if nothing differs."""

    name: str
    place: str
    differences: tuple[str, ...]


@app.command("test")
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files with rule tests.")],
    *,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Run rule tests: what was given, what should be decided, and where that differs.

    Real bodies are classified with the plugins of the settings, or, where there are no settings, with the bundled ones.
    """
    settings = load_settings(config) if config.exists() or config != CONFIG else None
    results = [result for path in files for result in run_tests(path, settings)]
    failed = [result for result in results if result.differences]
    if json:
        say_json(
            {"passed": len(results) - len(failed), "failed": len(failed), "tests": [asdict(one) for one in results]}
        )
    else:
        for result in failed:
            say(f"FAILED {result.place}: {result.name}")
            for difference in result.differences:
                say(f"       {difference}")
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(FINDINGS)


def run_tests(path: Path, settings: Settings | None) -> Iterable[Result]:
    """Yield the results of a file of rule tests.

    Raises:
        PolicyError: the file, or the policy that it names, cannot be loaded.

    """
    rehearsal = load_rehearsal(path)
    policy = load_policy(rehearsal.policy, packs=PACKS)
    for one in rehearsal.tests:
        yield Result(one.name, one.place, tuple(_differences(policy, one, settings)))


def _differences(policy: Policy, one: RuleTest, settings: Settings | None) -> list[str]:
    if not one.body:
        return check(one, ruling_for(policy, one))
    if settings is None:
        return _played(Wall(policy), one)
    config = classifier_config(settings, policy)
    return _played(Wall(policy, plugins=config.plugins, cache=config.cache), one)


def _played(wall: Wall, one: RuleTest) -> list[str]:
    """Return how what a real wall does with a real body differs from what was expected."""
    session = wall.open(one.agent or "bot", one.purpose, **one.trusted)
    for label in one.taint:
        wall.engine.past(session.id).ledger.taint(label, Origin())
    wall.while_held = lambda approval: _review(wall, approval, one.reviewed_by)
    cross = wall.send if one.direction is Direction.OUTBOUND else wall.receive
    request = f"{one.endpoint.operation} {one.endpoint.upstream}{one.endpoint.path}"
    if one.body == "json":
        crossing = cross(session, request, json=one.content)
    else:
        crossing = cross(session, request, body=str(one.content))
    entry, expected = wall.log[-1], one.expected
    verdicts = {entry.verdict, *(note.transform for note in entry.labels if note.transform)}
    missing = "; ".join(() if crossing.passed else crossing.refusal.missing)
    differences = []
    if expected.verdict not in verdicts:
        differences.append(f"expected the verdict {expected.verdict}, got {' '.join(sorted(verdicts))}")
    if expected.rule and expected.rule != entry.reason:
        differences.append(f"expected the rule {expected.rule}, got {entry.reason or 'none'}")
    differences += [
        f"expected {one} to be missing, got {missing or 'nothing'}" for one in expected.missing if one not in missing
    ]
    matched = ", ".join(entry.rules) or "none"
    return differences + [
        f"expected the rule {rule} to match, got {matched}" for rule in expected.matches if rule not in entry.rules
    ]


def _review(wall: Wall, approval: str, reviewers: Iterable[str]) -> None:
    asked = wall.approvals.status(approval)
    for reviewer in reviewers:
        if asked and reviewer in asked.approvers:
            wall.approvals.answer(approval, approve=True, by=reviewer)
            return
