"""The hooks a plugin may implement. A hook takes only the arguments it names."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pluggy

from dlp.core.finding import Finding
from dlp.core.message import Endpoint, Fact, Facts, Message
from dlp.core.policy import Flow, Ruling
from dlp.core.ports import Asked, AuditEntry, Hits, Pattern, SessionVault, Store

PROJECT = "dlp"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def configure(settings: Mapping[str, object]) -> None:
    """Take this plugin's own settings, once, at start. Raise ConfigError to stop the start."""


@hookspec
def patterns() -> Iterable[Pattern]:
    """Give the patterns to look for in the one scan that all classifiers share."""


@hookspec
def classify(message: Message, hits: Hits, asked: Asked) -> Iterable[Finding]:
    """Report the data classes seen in `message`; `hits` says where your patterns may match.

    `asked` says which findings will be used, so that nobody need look for others; what is reported beyond is dropped.
    """


@hookspec
def catalog() -> Iterable[Path]:
    """Give YAML files with the sources, sinks, classes and fields of the service you know."""


@hookspec
def describe(message: Message, endpoint: Endpoint) -> Mapping[str, Fact] | None:
    """Add facts that names and rules can use, in either direction: a channel's visibility, a recipient's domain."""


@hookspec
def rule(flow: Flow, flows: Sequence[Flow], facts: Facts) -> Ruling | None:
    """Rule on `flow`, one of the message's `flows`, or leave it with None. The strictest ruling stands."""


@hookspec(firstresult=True)
def transform(name: str, finding: Finding, text: str, vault: SessionVault) -> str | None:
    """Return what replaces `text`, or None if `name` is not yours. A name nobody claims refuses the message."""


@hookspec
def record(entry: AuditEntry) -> None:
    """Observe what happened to a message."""


@hookspec(firstresult=True)
def open_store(url: str) -> Store | None:
    """Open the store behind a URL you know, such as "valkey://host"."""
