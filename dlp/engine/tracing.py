"""What a message carries: own tokens, known values in any form that is looked for, fields of the source, opaque parts.

Pure but for reading a session's past. The classifiers' findings come from elsewhere and join these. Longer than most
modules because what shows that a message holds nothing must agree with what finds something in it.
"""

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import NamedTuple

from dlp.core.finding import Finding
from dlp.core.label import DERIVED, OPAQUE, RAW, TOKENISED, DataClass, Label, State, Tracking
from dlp.core.message import Block, Kind, Part
from dlp.core.policy import Flow, Policy, Route
from dlp.core.token import escapes, unescaped
from dlp.engine import alphabets, pieces
from dlp.engine.encodings import MAX_DECODED, Decoding, coded, decodings, glimpse, readable, telling, tells, views
from dlp.engine.folding import skeleton
from dlp.engine.ledger import Ledger
from dlp.engine.matching import SHORTEST, fold, stands_alone
from dlp.engine.past import Past
from dlp.engine.sealed import lists, may_be_sealed, sealed
from dlp.engine.stretches import Unusual
from dlp.engine.traits import ENCODED, ODD, SEALED, UNREAD, traits
from dlp.engine.vault import Known

BY_TOKEN = "token"  # noqa: S105 - a name, no secret
"""What a finding says has seen it where it is one of the session's own tokens."""

CUT = "cut"
"""The form of a value of which a part holds only a piece."""

BY_FIELD = "field"
"""What a finding says has seen it where the source declares its field to be of that class."""

_BRACKET = re.compile(rb"\[~*[A-Z][A-Z0-9_]*_[1-9]")
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_MAX_GLANCED, _MANY_NEW = 64, 100
"""Of how many blocks a session remembers that they are plain, and up to how many new values are looked for singly."""

_WHOLE_TEXTS = frozenset({"escape", "url", "html", "quoted-printable", "utf-7", "punycode"})
_FEW_BYTES = 512
_TOGETHER = 1024  # parts
_APART = f"\n{' ' * 8}then{' ' * 8}\n"
"""Between texts that are looked at together: a gap and a word, so that none of them makes another look harmless."""
_LOWER = bytes(range(ord("a"), ord("z") + 1))
_IN_RUNS = bytes(byte for byte in range(128) if chr(byte).isalnum()) + b"+/_-"
_LONG_RUNS = Unusual(_IN_RUNS, _LOWER, 12)
"""What encoded runs are made of: without known values, only those matter in which a classifier could see something."""


def is_unescaped(form: str) -> bool:
    """Return whether something was seen in a whole text once its escapes were undone, and in no other form."""
    return form != "" and _WHOLE_TEXTS.issuperset(form.split("+"))


class Sighting(NamedTuple):
    """A finding, with the value behind it where the session knows one."""

    finding: Finding
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The decoding of a run of part `part`, to be classified like a part of its own."""

    part: int
    decoding: Decoding


class _Otherwise(NamedTuple):
    """What something in part `part` reads as in a less usual way, `whole` if that is all of it."""

    part: int
    place: Decoding
    form: str
    whole: bool


def plain(block: Block, past: Past, *, guarded: bool) -> bool:
    """Return whether a block's surface shows that it holds no token, no known value and nothing encoded.

    `guarded` asks for more: that it holds no run which nobody could read, either.
    """
    surface = block.surface
    if not surface:
        return surface is not None
    if past.index and len(surface) <= _FEW_BYTES and not any(part.kind is Kind.OPAQUE for part in block.parts):
        return _plain_parts(block, past, guarded=guarded)
    if (
        (b"#" in surface and b"&#" in surface)  # one byte is looked for at a tenth of the cost of two
        or (b"-" in surface and b"xn--" in surface)
        or ((b"[" in surface or b"%" in surface) and (_BRACKET.search(surface) or _PERCENT.search(surface)))
        or past.vault.shows_form(surface)
    ):
        return False
    runs = (alphabets.RUNS if past.index else _LONG_RUNS).within(surface)
    if any(tells(run, opaque=guarded) for run in runs) or (guarded and may_be_sealed(surface)):
        return False
    return not _holds_known(surface, past, runs)  # last: it costs most


def _holds_known(surface: bytes, past: Past, runs: Collection[bytes]) -> bool:
    """Return whether a surface may hold a value that the session knows."""
    index = past.index
    if not index or index.wholes or coded(surface):
        return bool(index)
    text = surface.decode("utf-8", "replace")
    return any(index.find_in([text, *_views_of([text] if alphabets.odd(text, runs) else [])]))


def _plain_parts(block: Block, past: Past, *, guarded: bool) -> bool:
    """Return what `plain` does, by the parts of a block: in a head, most of them come again and again."""
    index, parts, surface = past.index, block.parts, block.surface or b""
    its = {part.text: traits(part.text) for part in parts if part.text}
    reasons = ENCODED | (UNREAD | SEALED if guarded else 0)
    if any(each & reasons for each in its.values()):
        return False
    if (
        _BRACKET.search(surface)
        or b"%5" in surface
        or past.vault.shows_form(surface)
        or any(lists(list(enumerate(parts))))
    ):
        return False
    odd = [text for text, each in its.items() if each & ODD]
    if index.wholes and (odd or any(index.whole(text) for text in its)):
        return False
    return not any(index.find_in([*its, *_views_of(odd)]))


def _views_of(texts: Iterable[str]) -> Iterator[str]:
    """Give what these texts read as in less usual ways."""
    for _, view in views([(0, text) for text in texts]):
        if view.text:
            yield view.text


def still_plain(block: Block, past: Past, *, guarded: bool) -> bool:
    """Return what `plain` does, for a block with a key: where one comes again, only new values are looked for in it."""
    values, key = past.vault.listed, (block.key, guarded)
    seen = past.glanced.get(key)
    if seen is not None and len(values) - seen[0] <= _MANY_NEW and not past.index.wholes:
        since, text = seen
        if not any(_may_hold(text, known.text) for known in values[since:]):
            past.glanced[key] = (len(values), text)
            return True
    if not plain(block, past, guarded=guarded):
        return False
    if len(past.glanced) >= _MAX_GLANCED:
        past.glanced.clear()
    surface = block.surface or b""
    text = f"{surface.decode('utf-8', 'replace')}\0{glimpse(surface)}"
    past.glanced[key] = (len(values), f"{fold(text)}\0{skeleton(text)}")
    return True


def _may_hold(text: str, value: str) -> bool:
    """Return whether a text, given folded in both ways, may hold a value."""
    lower, folded = _folded(value)
    return lower in text or (len(folded) >= SHORTEST and folded in text)


@functools.lru_cache(maxsize=256)
def _folded(value: str) -> tuple[str, str]:
    """Return a value folded in both ways; a new one is looked for in several blocks of each message that follows."""
    return fold(value), skeleton(value)


def encoded(parts: Sequence[tuple[int, Part]]) -> list[Encoded]:
    """Return the encoded runs of these parts, given with their numbers."""
    budget = [MAX_DECODED]
    found: list[Encoded] = []
    unread: list[tuple[int, str]] = []
    for some in batched(parts, _TOGETHER, strict=False):
        if len(some) == _TOGETHER and not _tells_anything([part.text for _, part in some]):
            continue
        for number, part in some:
            its = traits(part.text) if part.text else 0
            if its & (ENCODED | UNREAD):
                found += [Encoded(number, decoding) for decoding in decodings(part.text, budget)]
            if its & SEALED:
                unread.append((number, part.text))
    return found + list(_sealed(parts, unread, found))


def _tells_anything(texts: Iterable[str]) -> bool:
    """Return whether one of many texts may be encoded: all of them together cost a fraction of each by itself."""
    data = _APART.join(texts).encode("utf-8", "surrogatepass")
    return telling(data) != [] or may_be_sealed(data)


def _sealed(
    parts: Sequence[tuple[int, Part]], texts: Iterable[tuple[int, str]], known: Iterable[Encoded]
) -> Iterator[Encoded]:
    """Give what nobody could read beside what `known` says already; what reads as text in some alphabet is not it."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for run in known:
        if run.decoding.form not in _WHOLE_TEXTS:
            spans.setdefault(run.part, []).append((run.decoding.start, run.decoding.end))
    for number, text in texts:
        for start, end in sealed(text):
            inside = any(first <= start and end <= last for first, last in spans.get(number, ()))
            if not inside and not readable(text[start:end]):
                yield Encoded(number, Decoding(start, end, "sealed", None))
    for number, text, length in _lists(parts):
        if any(sealed(text)) and not readable(text):
            yield Encoded(number, Decoding(0, length, "sealed", None))


def _lists(parts: Sequence[tuple[int, Part]]) -> Iterator[tuple[int, str, int]]:
    """Give what lists of short parts say together, with the part that it is told of, and how long that is."""
    found = list(lists(parts))
    told = {number for number, _ in found}
    lengths = {number: len(part.text) for number, part in parts if number in told} if told else {}
    return ((number, text, lengths[number]) for number, text in found)


def escaped(parts: Iterable[tuple[int, Part]]) -> list[Encoded]:
    """Return what these parts say once the look-alikes in them are unescaped: what the upstream will get."""
    return [
        Encoded(number, Decoding(0, len(part.text), "escaped", unescaped(part.text)))
        for number, part in parts
        if escapes(part.text)
    ]


def exposed(past: Past, upstream: str) -> list[Known]:
    """Return the short and common values that were put back at this upstream: there they may come back anywhere."""
    start = f"{upstream} ".encode()
    marks = past.ledger.marks("exposed")
    tokens = (mark.removeprefix(start).decode() for mark in marks if mark.startswith(start))
    return [known for token in tokens if (known := past.vault.of_token(token)) is not None]


def shows(block: Block, values: Sequence[Known]) -> bool:
    """Return whether a block's surface may hold one of these values."""
    if not values or block.surface is None:
        return bool(values)
    surface = fold(block.surface.decode("utf-8", "replace"))
    return any(fold(known.text) in surface for known in values)


def sightings(
    parts: Sequence[tuple[int, Part]], runs: Iterable[Encoded], past: Past, exposed: Sequence[Known] = ()
) -> Iterator[Sighting]:
    """Give the session's own tokens and known values in these parts and in what their encoded runs decode to.

    `exposed` are values that are looked for as words although they are short or common.
    """
    for number, start, known in _words(parts, exposed):
        yield from _labelled(number, start, start + len(known.text), known, RAW, "exact")
    for number, part in parts:
        if part.kind is Kind.OPAQUE:
            yield Sighting(Finding(number, 0, 0, OPAQUE, "wire"))
    runs = list(runs)
    for run in runs:
        if run.decoding.beyond:
            yield Sighting(Finding(run.part, 0, 0, OPAQUE, "wire"))
    texts = [part.text for _, part in parts]
    decoded = [run.decoding.text or "" for run in runs]
    otherwise = list(_read_otherwise(parts, runs)) if past.index else []
    sighted: set[tuple[int, int, int, int]] = set()
    # One pass over all is what costs least; what reads as a value in several ways is told in the most usual one.
    for at, start, end, known, state, inner in _seen(texts, decoded, otherwise, past):
        if at < len(texts):
            yield from _labelled(parts[at][0], start, end, known, state, inner)
            continue
        usual = at < len(texts) + len(runs)
        if usual:
            run = runs[at - len(texts)]
            number, place, form = run.part, run.decoding, run.decoding.form
        else:
            number, place, form, _ = otherwise[at - len(texts) - len(runs)]
        spot = (number, place.start, place.end, id(known))
        if usual or spot not in sighted:
            sighted.add(spot)
            shown = form if inner == "exact" else f"{inner}+{form}"
            yield from _labelled(number, place.start, place.end, known, state, shown)


def _read_otherwise(parts: Sequence[tuple[int, Part]], runs: Iterable[Encoded]) -> Iterator[_Otherwise]:
    """Give what parts, and what was decoded of them, read as in less usual ways."""
    inside: list[tuple[int, str, Decoding | None]] = [
        (number, part.text, None) for number, part in parts if traits(part.text) & ODD
    ]
    inside += [(run.part, text, run.decoding) for run in runs if (text := run.decoding.text) and traits(text) & ODD]
    for number, text, length in _lists(parts):
        if alphabets.odd(text):
            inside.append((number, text, Decoding(0, length, "list", None)))
    for at, view in views([(at, text) for at, (_, text, _) in enumerate(inside)]) if inside else ():
        number, text, outer = inside[at]
        whole = (view.start, view.end) == (0, len(text))
        if outer is None:
            yield _Otherwise(number, view, view.form, whole)
        else:
            place = Decoding(outer.start, outer.end, outer.form, view.text)
            yield _Otherwise(number, place, f"{view.form}+{outer.form}", whole)


def cut(parts: Sequence[tuple[int, Part]], past: Past) -> list[Sighting]:
    """Return the values that several short texts make, of a message or of it and those that were sent before.

    `parts` are all of the message's, with their numbers.
    """
    index = past.index
    if not index:
        return []
    return [
        sighting
        for number, known in pieces.cut(parts, past.sent, index)
        for sighting in _labelled(number, 0, len(parts[number][1].text), known, RAW, CUT)
    ]


def _words(parts: Iterable[tuple[int, Part]], values: Sequence[Known]) -> Iterator[tuple[int, int, Known]]:
    """Give where these values stand as words of their own."""
    if not values:
        return
    for number, part in parts:
        text = fold(part.text)
        for known in values:
            value = fold(known.text)
            at = text.find(value)
            while at >= 0:
                if stands_alone(value, text, at):
                    yield number, at, known
                at = text.find(value, at + 1)


def _seen(
    texts: Sequence[str], decoded: Sequence[str], otherwise: Sequence[_Otherwise], past: Past
) -> Iterator[tuple[int, int, int, Known, State, str]]:
    """Give text, start, end, value, state and form of each own token and known value; texts are numbered in order."""
    index, given = past.index, [*texts, *decoded]
    if past.vault.tokens:
        yield from _own_tokens(given, past)
    if not index:
        return
    if index.wholes:
        for at, text in enumerate([*given, *((one.place.text or "") if one.whole else "" for one in otherwise)]):
            whole = index.whole(text)
            if whole is not None:
                yield at, 0, len(text), whole, RAW, "exact" if fold(whole.text) == fold(text) else "whole"
    for at, found in index.find_in([*given, *(one.place.text or "" for one in otherwise)]):
        yield at, found.start, found.end, found.known, RAW, found.form


def _own_tokens(texts: Sequence[str], past: Past) -> Iterator[tuple[int, int, int, Known, State, str]]:
    for at, text in enumerate(texts):
        if past.vault.may_hold(text):
            for start, end, known in past.vault.tokens_in(text):
                yield at, start, end, known, TOKENISED, "exact"


def _labelled(part: int, start: int, end: int, known: Known, state: State, form: str) -> Iterator[Sighting]:
    """Give one sighting a label of the value. A hidden value that turns up in the clear is raw there."""
    by = BY_TOKEN if state == TOKENISED else "known value"
    for label in known.labels:
        shown = RAW if state == RAW and label.state == TOKENISED else label.state if state == RAW else TOKENISED
        finding = Finding(part, start, end, label.data_class, by, state=shown, source=label.source, form=form)
        yield Sighting(finding, known)


def field_findings(
    fields: Sequence[tuple[DataClass, Callable[[str], bool]]], parts: Iterable[tuple[int, Part]]
) -> Iterator[Finding]:
    """Give a finding over each part that a source's `fields:` label."""
    if not fields:
        return
    for number, part in parts:
        if part.kind is not Kind.KEY and part.text:
            for data_class, names in fields:
                if part.unstructured or names(part.path):  # where the structure is unknown, the field may be anywhere
                    yield Finding(number, 0, len(part.text), data_class, BY_FIELD)


def unreadable(parts: Iterable[tuple[int, Part]], runs: Iterable[Encoded], past: Past, upstream: str) -> bool:
    """Return whether the proxy cannot read something in these parts that neither their upstream nor the public issued.

    A cookie is not opaque to whoever set it: a run that this upstream gave this session may return to it. What an
    upstream gave that has nothing to do with labelled data is public here: hashes on a page may go anywhere.
    """
    numbered = dict(parts)
    if any(part.kind is Kind.OPAQUE for part in numbered.values()):
        return True
    return any(
        run.decoding.text is None
        and not was_issued(past, upstream, numbered[run.part].text[run.decoding.start : run.decoding.end])
        for run in runs
    )


PUBLIC = ""
"""In place of an upstream: hashes that one told that has nothing to do with labelled data."""


def was_issued(past: Past, upstream: str, run: str) -> bool:
    """Return whether an opaque run may go to `upstream`, since it or the public gave it to this session."""
    return any(past.ledger.marked("issued", issued_mark(past, place, run)) for place in (upstream, PUBLIC))


def issued_mark(past: Past, upstream: str, run: str) -> bytes:
    """Return what the ledger remembers an opaque run by, once an upstream has issued it: a keyed hash."""
    return past.seal.digest(b"issued", f"{upstream} {run}")


def carried(policy: Policy, ledger: Ledger, sink: Route, *, opaque: bool) -> Iterator[Flow]:
    """Give the flows that session taint alone carries to a sink, whatever the message looks like.

    `opaque` says that part of the message cannot be read, so that guarded classes are carried as well. A class that the
    policy no longer knows counts as restricted.
    """
    for label in ledger.labels:
        if _carries(policy, ledger, label, opaque=opaque):
            yield Flow(label.data_class, label.state, Route(label.source, sink.sink, sink.possible))


def is_carrying(policy: Policy, ledger: Ledger) -> bool:
    """Return whether any message would carry something that this session has seen, whatever it looks like."""
    return any(_carries(policy, ledger, label, opaque=False) for label in ledger.labels)


def _carries(policy: Policy, ledger: Ledger, label: Label, *, opaque: bool) -> bool:
    spec = policy.classes.get(label.data_class)
    tracking = Tracking.SESSION if spec is None else spec.tracking
    if label.state == DERIVED or tracking is Tracking.SESSION:
        return True
    if ledger.marked("coarse", label.data_class.encode()):  # too many values to follow one by one
        return True
    return tracking is Tracking.GUARDED and opaque


def is_guarding(policy: Policy, ledger: Ledger) -> bool:
    """Return whether something unreadable would carry a class that this session has seen."""
    return any(
        policy.classes[label.data_class].tracking is Tracking.GUARDED
        for label in ledger.labels
        if label.data_class in policy.classes
    )


def flows_of(findings: Sequence[Finding], parts: Sequence[Part], sink: Route) -> list[Flow]:
    """Return one flow per finding, each from the source its value came from."""
    return [
        Flow(
            finding.data_class,
            finding.state,
            Route(finding.source, sink.sink, sink.possible),
            number,
            parts[finding.part].path,
        )
        for number, finding in enumerate(findings)
    ]


_PLAIN_STEP = re.compile(r"[\w$@.:\[\]-]{0,64}")


def shown_path(path: str, hidden: Collection[str]) -> str:
    """Return a part's path as it may be recorded: steps that hold a labelled text, or look like no name, become `*`.

    A key can be a value in disguise, and then so is a path that leads through it.
    """
    steps = path.split("/")
    if not hidden and all(_PLAIN_STEP.fullmatch(step) for step in steps):
        return path
    known = {text.casefold() for text in hidden}
    return "/".join(step if _PLAIN_STEP.fullmatch(step) and known.isdisjoint(_keys(step)) else "*" for step in steps)


def _keys(step: str) -> tuple[str, ...]:
    """Return the keys that a step of a path may be of: as it stands, an attribute's, a repeated element's."""
    key = step.replace("~1", "/").replace("~0", "~").casefold()
    return key, key.removeprefix("@"), _REPEATED.sub("", key)


_REPEATED = re.compile(r"\[[0-9]+\]\Z")
_LONG_LABEL, _MANY_DIGITS, _LONG_MIX = 12, 6, 8
"""From how many characters, digits, and letters and digits in a row a host's label may be a value."""


def shown_upstream(upstream: str, past: Past | None) -> str:
    """Return an upstream as it may be recorded where no rule named it: labels that could be a value become `*`."""
    scheme, _, address = upstream.partition("://")
    host, colon, port = address.rpartition(":")
    return f"{scheme}://{'.'.join(_shown_label(label, past) for label in host.split('.'))}{colon}{port}"


def _shown_label(label: str, past: Past | None) -> str:
    index = past.index if past is not None else None
    told = (
        len(label) > _LONG_LABEL
        or sum(map(str.isdigit, label)) >= _MANY_DIGITS
        or any(len(run) >= _LONG_MIX and not run.isalpha() for run in re.split(r"[-_]", label))
        or any(decoding.text is not None for decoding in decodings(label))
    )
    return "*" if told or (index and (index.whole(label) or index.find(label))) else label
