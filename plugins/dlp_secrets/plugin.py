"""The hooks: where secrets may be, and what is found there."""

import re
from collections.abc import Iterable, Iterator, Sequence

from dlp.core import unseen
from dlp.core.finding import Confidence, Finding
from dlp.core.label import DataClass
from dlp.core.message import Kind, Message, Part
from dlp.core.ports import Hits, Pattern
from dlp.hooks.spec import hookimpl
from dlp_secrets.formats import API_KEY, Format, compiled
from dlp_secrets.named import ASSIGNED, NAME, assigned_secrets, named_secret

_ASSIGNED = "assigned"
_NAMED = "named"
_UNSEEN = "unseen"
_CUT = "cut"

_cut = tuple(one for one, _ in compiled if one.head)
_HEADS = rf"\b(?:{'|'.join(one.head for one in _cut)})"
_cut_key = re.compile("|".join(f"({one.expression})" for one in _cut))
_MOST_PIECES, _LONGEST_PIECE = 3, 256


@hookimpl
def patterns() -> Iterable[Pattern]:
    """Say where secrets may be: every format, names that promise one, and names with their values in one text."""
    found = [Pattern(one.name, one.look or one.expression, one.ignore_case, finds=one.entity) for one, _ in compiled]
    found.append(Pattern(_ASSIGNED, ASSIGNED, ignore_case=True))
    found.append(Pattern(_NAMED, NAME, ignore_case=True, in_name=True))
    found.append(Pattern(_UNSEEN, unseen.LOOK))
    found.append(Pattern(_CUT, _HEADS, finds=API_KEY))
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
        elif name == _CUT:
            yield from _in_pieces(message.parts, index)
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


def _in_pieces(parts: Sequence[Part], first: int) -> Iterator[Finding]:
    """Report keys that begin in one part and end in one of the next two values beside it."""
    place = parts[first].path.rpartition("/")[0]
    ends, joined = list[tuple[int, int]](), ""  # of the pieces: the number of the part, where it ends in what is joined
    for number in range(first, len(parts)):
        part = parts[number]
        if part.kind is Kind.KEY and number > first:
            continue
        if part.path.rpartition("/")[0] != place or not part.text or len(part.text) > _LONGEST_PIECE:
            return
        begun, joined = len(joined), joined + part.text
        ends.append((number, len(joined)))
        for match in _cut_key.finditer(joined):
            one = _cut[(match.lastindex or 1) - 1]
            if (
                begun < match.end()
                and match.start() < ends[0][1] < match.end()
                and _sure(one, match[0]) is Confidence.HIGH
            ):
                yield from _pieces_of(match.span(), ends, parts, one)
        if len(ends) == _MOST_PIECES:
            return


def _pieces_of(
    span: tuple[int, int], ends: Sequence[tuple[int, int]], parts: Sequence[Part], one: Format
) -> Iterator[Finding]:
    for number, end in ends:
        begin = end - len(parts[number].text)
        yield _finding(
            number, max(span[0] - begin, 0), min(span[1], end) - begin, one.entity, one.name, Confidence.HIGH
        )


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
