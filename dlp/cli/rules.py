"""`dlp rules`: check a policy, test what it decides, and write it out for editors and for those who only read it."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from dlp.cli import rules_why
from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say, say_json, say_table
from dlp.cli.junit import junit
from dlp.cli.rehearsing import Result, run_file, tested, tests_beside
from dlp.cli.shipped import PACKS
from dlp.config import Settings, load_settings
from dlp.core.errors import PolicyError
from dlp.core.policy import Policy
from dlp.policy.case import ruled
from dlp.policy.document import document
from dlp.policy.lint import ERROR, WARNING, Finding, lint
from dlp.policy.load import load_policy
from dlp.policy.rehearse import load_rehearsal
from dlp.policy.schema import schema
from dlp.policy.seen import Seen, seen
from dlp.policy.written import read_written

app = typer.Typer(no_args_is_help=True, help="Check a policy, test what it decides, and see what a change would do.")

PolicyFile = Annotated[Path | None, typer.Argument(metavar="POLICY", help="Else that of the settings.")]
Tests = Annotated[list[Path] | None, typer.Option("--tests", metavar="FILE", help="Tests, besides POLICY's own.")]


@app.command("check")
def check_(
    policy: PolicyFile = None,
    *,
    tests: Tests = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as well.")] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Load a policy and say what is wrong with it and where: what cannot be loaded, never applies, or is too broad.

    Exit code 1 on errors, with --strict on warnings too. Needs neither settings nor a state folder, given a POLICY.
    """
    path = policy or load_settings(config).policy
    try:
        loaded = load_policy(path, packs=PACKS)
    except PolicyError as error:
        if json:
            say_json({"policy": str(path), "ok": False, "error": str(error), "findings": [asdict(_load_error(error))]})
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(FINDINGS) from None
    findings = _linted(loaded, path, tests or [], _settings(config))
    errors = sum(one.level == ERROR for one in findings)
    warnings = len(findings) - errors
    bad = bool(errors or (strict and warnings))
    told = _contents(loaded)
    if json:
        head = {"policy": str(path), "ok": not bad, "name": loaded.name, "digest": loaded.digest}
        say_json(head | told | {"findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            say(f"{one.place}: {one.level}: {one.says} [{one.id}]\n    → {one.todo}")
        counts = ", ".join(f"{count} {name}" for name, count in told.items())
        noted = f"; {_many(errors, 'error')}, {_many(warnings, 'warning')}" if findings else ""
        say(f"{path}: {loaded.name}: {'not ok' if bad else 'ok'} ({counts}{noted})")
    if bad:
        raise typer.Exit(FINDINGS)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _load_error(error: PolicyError) -> Finding:
    place, _, says = str(error).partition(": ")
    return Finding("load", ERROR, place, says, "mend this first: a policy is loaded whole or not at all")


def _linted(policy: Policy, path: Path, tests: Sequence[Path], settings: Settings | None) -> list[Finding]:
    text = read_written(path, packs=PACKS)
    beside = tests_beside(path)
    files = list(dict.fromkeys([*([beside] if beside else []), *tests]))
    if not files:
        says = f"there are no tests: {path.stem}.test.yaml is not beside it, and none were given"
        missing = Finding("no-tests", WARNING, f"{path}:1", says, "write some, or name them with --tests FILE")
        return [*lint(policy, text, now=time.time()), missing]
    cases = [result.case for result in tested(policy, path, files, settings) if result.case is not None]
    tried = {match.rule for case in cases for match in ruled(policy, case).matches}
    return list(lint(policy, text, now=time.time(), tried=tried))


def _contents(policy: Policy) -> dict[str, int]:
    return {
        "classes": len(policy.classes),
        "sources": len(policy.sources),
        "destinations": len(policy.sinks),
        "rules": len(policy.rules),
    }


@app.command("test")
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files with rule tests.")],
    *,
    coverage: Annotated[bool, typer.Option("--coverage", help="Say which rules and branches the tests hold.")] = False,
    report: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report, too.")] = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Run rule tests: what was given, what should be decided, and where that differs.

    Real bodies are classified with the plugins of the settings, or, where there are no settings, with the bundled ones.
    """
    settings = _settings(config)
    suites = [(path, list(run_file(path, settings))) for path in files]
    results = [result for _, told in suites for result in told]
    failed = [result for result in results if result.differences]
    shown = _coverage(suites) if coverage else None
    if report is not None:
        told = ((str(path), [(one.name, one.place, one.differences) for one in results]) for path, results in suites)
        report.write_text(junit(told), "utf-8")
    if json:
        tests = [{"name": one.name, "place": one.place, "differences": one.differences} for one in results]
        more = {} if shown is None else {"coverage": [asdict(one) | _ways(one) for one in shown]}
        say_json({"passed": len(results) - len(failed), "failed": len(failed), "tests": tests} | more)
    else:
        for result in failed:
            say(f"FAILED {result.place}: {result.name}")
            for difference in result.differences:
                say(f"       {difference}")
        if shown is not None:
            _say_coverage(shown)
        say(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(FINDINGS)


def _settings(config: Path) -> Settings | None:
    return load_settings(config) if config.exists() or config != CONFIG else None


def _coverage(suites: Iterable[tuple[Path, list[Result]]]) -> list[Seen]:
    """Return what the tests show of every rule of the policies that they name; several files may share a policy."""
    by_policy: dict[Path, list[Result]] = {}
    for path, results in suites:
        by_policy.setdefault(load_rehearsal(path).policy.resolve(), []).extend(results)
    return [
        one
        for path, results in by_policy.items()
        for one in seen(load_policy(path, packs=PACKS), [one.case for one in results if one.case is not None])
    ]


def _ways(one: Seen) -> dict[str, object]:
    return {"both_ways": one.both_ways, "whole": one.whole}


def _say_coverage(shown: Sequence[Seen]) -> None:
    rows = [
        (
            one.rule,
            str(one.matched),
            str(one.won),
            str(one.missed),
            "\n".join(f"{branch.needs}: {branch.met} met, {branch.unmet} unmet" for branch in one.branches),
            "✓"
            if one.whole
            else "both ways, not every branch"
            if one.both_ways
            else "one way"
            if one.matched
            else "never",
        )
        for one in shown
    ]
    say_table(("rule", "matched", "won", "just missed", "unless", ""), rows, empty="There are no rules.")
    both, whole = sum(one.both_ways for one in shown), sum(one.whole for one in shown)
    say(f"{both} of {len(shown)} rules both ways, {whole} with every branch")


@app.command("schema")
def schema_(
    policy: PolicyFile = None,
    *,
    names: Annotated[
        bool, typer.Option("--names", help="With the policy's own names, for an editor to offer.")
    ] = False,
    config: Config = CONFIG,
) -> None:
    """Print a JSON Schema of policy files, so that editors complete and check them.

    With VS Code and its YAML extension: `# yaml-language-server: $schema=policy.schema.json` as a policy's first line.
    """
    loaded = None
    if policy is not None or names:
        loaded = load_policy(policy or load_settings(config).policy, packs=PACKS)
    say(orjson.dumps(schema(loaded), option=orjson.OPT_INDENT_2).decode())


@app.command("docs")
def docs(
    policy: PolicyFile = None,
    *,
    tests: Tests = None,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Print the policy as Markdown, for those who read it: classes, places, and each rule as a sentence."""
    path = policy or load_settings(config).policy
    loaded, text = load_policy(path, packs=PACKS), read_written(path, packs=PACKS)
    beside = tests_beside(path)
    files = list(dict.fromkeys([*([beside] if beside else []), *(tests or [])]))
    shown: tuple[Seen, ...] | None = None
    by_rule: dict[str, list[str]] = {}
    if files:
        results = [one for one in tested(loaded, path, files, _settings(config)) if one.case is not None]
        shown = seen(loaded, [one.case for one in results if one.case is not None])
        for one in results:
            if one.case is not None:
                for rule in dict.fromkeys(match.rule for match in ruled(loaded, one.case).matches if match.rule):
                    by_rule.setdefault(rule, []).append(one.name)
    told = document(loaded, text, seen=shown, tests=by_rule)
    if json:
        say_json({"policy": str(path), "name": loaded.name, "digest": loaded.digest, "markdown": told})
    else:
        say(told.rstrip("\n"))


app.registered_commands += rules_why.app.registered_commands
