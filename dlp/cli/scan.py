"""`dlp scan`: what would be found in a file, without a proxy."""

import mimetypes
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dlp.cli.app import classifier_config
from dlp.cli.common import CONFIG, FINDINGS, Config, Json, say_json, say_table
from dlp.cli.shipped import PACKS
from dlp.config import load_settings
from dlp.core.errors import ConfigError
from dlp.core.finding import Confidence, Finding
from dlp.core.message import Kind, Part
from dlp.core.policy import Policy
from dlp.engine.classify import build_classifier
from dlp.policy.load import load_policy
from dlp.wire.body import read_body

app = typer.Typer()

_YES = "yes"
_CODINGS = {"gzip": "gzip", "br": "br"}
_MORE_TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".log": "text/plain", ".zst": ""}


@app.command()
def scan(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    content_type: Annotated[str, typer.Option("--type", help="Its media type; else it is told by its name.")] = "",
    *,
    show: Annotated[bool, typer.Option("--show", help="Print the values too.")] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say which context word helped, and tell what was seen and does not count."),
    ] = False,
    json: Json = False,
    config: Config = CONFIG,
) -> None:
    """Show what the proxy would find in FILE: where, which class, and what saw it. Exit code 1 if there is anything."""
    settings = load_settings(config)
    policy = load_policy(settings.policy, packs=PACKS)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    guessed, coding = mimetypes.guess_type(file.name)
    media = content_type or _MORE_TYPES.get(file.suffix) or guessed or "text/plain"
    body = read_body(raw, media, _CODINGS.get(coding or "", ""), limit=settings.limits.body)
    parts = body.block.parts
    classifying = classifier_config(settings, policy)
    findings = counting = build_classifier(classifying).classify(parts)
    if explain:  # what is less sure than the policy asks for is told as well
        every = tuple(replace(spec, at_least=Confidence.LOW) for spec in classifying.classes)
        findings = build_classifier(replace(classifying, classes=every)).classify(parts)
    opaque = [part for part in parts if part.kind is Kind.OPAQUE]
    told = [
        _told(parts, finding, show=show) | (_explained(finding, counting, policy) if explain else {})
        for finding in sorted(findings, key=lambda f: (f.part, f.start, f.end))
    ]
    if json:
        say_json({"file": str(file), "type": media, "parts": len(parts), "opaque": len(opaque), "findings": told})
    else:
        more = {"value": show, "context": explain, "counts": explain}
        columns = [
            "path",
            "class",
            "seen by",
            "confidence",
            "offsets",
            *(name for name, is_told in more.items() if is_told),
        ]
        rows = [
            [
                *map(str, list(one.values())[:4]),
                f"{one['start']}:{one['end']}",
                *(str(one[name]) for name in columns[5:]),
            ]
            for one in told
        ]
        say_table(columns, rows, empty=f"Nothing was found in {len(parts)} parts.")
        for part in opaque:
            typer.echo(f"{part.path or 'the file'}: cannot be read ({part.length} bytes): {part.why}", err=True)
    if opaque or counting:
        raise typer.Exit(FINDINGS)


def _told(parts: Sequence[Part], finding: Finding, *, show: bool) -> dict[str, object]:
    part = parts[finding.part]
    told: dict[str, object] = {
        "path": part.path,
        "class": finding.data_class,
        "by": finding.by,
        "confidence": finding.confidence,
        "start": finding.start,
        "end": finding.end,
    }
    return told | ({"value": part.text[finding.start : finding.end]} if show else {})


def _explained(finding: Finding, counting: Collection[Finding], policy: Policy) -> dict[str, object]:
    """Return the context word that made it as sure as it is, and whether the policy counts what is as sure."""
    counts = _YES if finding in counting else f"no, from {policy.classes[finding.data_class].at_least} on"
    return {"context": finding.because, "counts": counts}
