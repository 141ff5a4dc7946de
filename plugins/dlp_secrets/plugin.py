"""The hooks: where secrets may be, and what is found there."""

import re
from collections.abc import Iterable, Iterator

from dlp.core import unseen
from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Kind, Message
from dlp.core.ports import Hits, Pattern
from dlp.hooks.spec import hookimpl
from dlp_secrets.formats import Format, compiled
from dlp_secrets.named import ASSIGNED, NAME, assigned_secrets, named_secret

_ASSIGNED = "assigned"
_NAMED = "named"
_UNSEEN = "unseen"


@hookimpl
def patterns() -> Iterable[Pattern]:
    """Say where secrets may be: every format, names that promise one, and names with their values in one text."""
    found = [Pattern(one.name, one.look or one.expression, one.ignore_case, finds=one.entity) for one, _ in compiled]
    found.append(Pattern(_ASSIGNED, ASSIGNED, ignore_case=True))
    found.append(Pattern(_NAMED, NAME, ignore_case=True, in_name=True))
    found.append(Pattern(_UNSEEN, unseen.LOOK))
    return found


@hookimpl
def classify(message: Message, hits: Hits) -> Iterator[Finding]:
    """Report secrets as the entities that `formats` names, such as `SECRET_API_KEY`."""
    formats = {one.name: (one, expression) for one, expression in compiled}
    for index, name in dict.fromkeys((hit.part, hit.pattern) for hit in hits):
        part = message.parts[index]
        if name == _NAMED:
            judged = (
                None if part.kind is Kind.KEY or part.path.startswith("header/") else named_secret(part.name, part.text)
            )
            if judged:
                yield _finding(index, 0, len(part.text), judged[0], "named", judged[1])
        elif name == _UNSEEN:
            yield from _with_unseen(index, part.text)
        elif name == _ASSIGNED:
            for start, end, entity, confidence in assigned_secrets(part.text):
                yield _finding(index, start, end, entity, "assigned", confidence)
        else:
            for start, end, sure in _matches(*formats[name], part.text):
                yield _finding(index, start, end, formats[name][0].entity, name, sure)


def _matches(one: Format, expression: re.Pattern[str], text: str) -> Iterator[tuple[int, int, Confidence]]:
    group = 1 if expression.groups else 0
    for match in expression.finditer(text):
        if sure := _sure(one, match.group(group)):
            yield *match.span(group), sure


def _with_unseen(index: int, text: str) -> Iterator[Finding]:
    """Report secrets in which characters stand that nobody sees."""
    for line in unseen.lines(text):
        seen = [
            (start, end, one.entity, one.name, sure)
            for one, expression in compiled
            for start, end, sure in _matches(one, expression, line.shown)
        ]
        seen += [(start, end, entity, _ASSIGNED, sure) for start, end, entity, sure in assigned_secrets(line.shown)]
        for start, end, entity, by, sure in seen:
            first, last = line.places[start], line.places[end - 1] + 1
            if last - first > end - start:  # what has none in it was found already
                yield _finding(index, first, last, entity, by, sure)


def _sure(one: Format, text: str) -> Confidence | None:
    return one.check(text) if one.check else Confidence.HIGH


def _finding(index: int, start: int, end: int, entity: str, by: str, confidence: Confidence) -> Finding:
    return Finding(index, start, end, DataClass(entity), f"dlp_secrets/{by}", confidence)
