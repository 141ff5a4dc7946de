"""What rules that combine ask for: how many values, what the session has read, and whose words an argument repeats.

Whatever cannot be told stays unknown, which restricts. The reading of untrusted content is a mark in the ledger, and
sound; tracing an argument to it is a heuristic, kept by keyed hashes of the words that were read.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dlp.core.combined import UNTRUSTED, kind_of
from dlp.core.finding import Finding
from dlp.core.label import OPAQUE, ancestors
from dlp.core.message import Endpoint, Fact, Facts, Kind, Part
from dlp.core.policy import Flow, Policy, read_at
from dlp.engine.encodings import decodings
from dlp.engine.folding import skeleton
from dlp.engine.lookup import IN_PLACE
from dlp.engine.past import Past
from dlp.engine.rewriting import Span
from dlp.engine.vault import Known

READ = "read"
"""The ledger's kind of mark for what was read: `from` and a source, `untrusted`, and `unprinted`."""

PRINTS = "prints"
"""The ledger's kind of mark for keyed hashes of words in untrusted content."""

_FROM = b"from "
_IS_UNTRUSTED = b"untrusted"
UNPRINTED = b"unprinted"
"""The mark that more was read than is remembered word by word."""
_MOST_PRINTS = 20_000
_PRINT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """What an inbound message will add to the session's past once it is delivered.

    `marks` are the sources that it has not read from before. `untrusted` says that anybody may have written this, and
    that it matters still; `names` are object keys that the policy itself spells out.
    """

    marks: frozenset[bytes] = frozenset()
    untrusted: bool = False
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is anything to note."""
        return bool(self.marks) or self.untrusted


NOTHING_NEW = Reading()


def reading(policy: Policy, endpoint: Endpoint, past: Past) -> Reading:
    """Return what reading from `endpoint` adds to a session's past."""
    names, untrusted, keys = read_at(policy, endpoint)
    ledger = past.ledger
    marks = frozenset([mark for name in names if not ledger.marked(READ, mark := _FROM + name.encode())])
    if untrusted and ledger.marked(READ, _IS_UNTRUSTED) and ledger.marked(READ, UNPRINTED):
        untrusted = False
    return Reading(marks, untrusted, keys) if marks or untrusted or keys else NOTHING_NEW


@dataclass(frozen=True, slots=True)
class Said:
    """What untrusted content tells the sandbox: whether it says anything, and keyed hashes of its words.

    These are None where there are more than is remembered, or where no rule of the policy asks for them.
    """

    anything: bool = False
    prints: frozenset[bytes] | None = frozenset()


def said(policy: Policy, given: Reading, parts: Sequence[Part], spans: Iterable[Span], past: Past) -> Said:
    """Return what is told by content with these parts, of which these spans are rewritten."""
    if not given.untrusted:
        return Said()
    hidden: dict[int, list[Span]] = {}
    for span in spans:
        hidden.setdefault(span.part, []).append(span)
    shown = [
        text
        for number, part in enumerate(parts)
        if _says(part, text := _clear(part, hidden.get(number, ())), given.names)
    ]
    if not shown:
        return Said()
    asked = any(kind_of(name)[0] == "traced" for name in policy.combined_facts)
    if not asked or past.ledger.marked(READ, UNPRINTED):
        return Said(anything=True, prints=None)
    most = _MOST_PRINTS - len(past.ledger.marks(PRINTS))
    prints = set[bytes]()
    for text in shown:
        prints.update(_print(past, piece) for piece in pieces(text))
        if len(prints) > most:
            return Said(anything=True, prints=None)
    return Said(anything=True, prints=frozenset(prints))


def note(given: Reading, said: Said, past: Past) -> Collection[bytes]:
    """Record what is read: before it is delivered, and durable with the batch around this.

    Content of which every part was hidden behind tokens as a whole leaves the session as it is. Return the hashes that
    are to be marked as `PRINTS`, before it is delivered as well.
    """
    ledger = past.ledger
    ledger.mark(READ, given.marks)
    if said.anything:
        ledger.mark(READ, [_IS_UNTRUSTED])
        if said.prints is None:  # another policy may ask later, and then all of it counts
            ledger.mark(READ, [UNPRINTED])
    return said.prints or ()


_FRAMING = {
    "header/content-type": re.compile(
        r"(?:application/(?:problem\+)?json|application/(?:xml|x-ndjson)|text/(?:plain|html|csv|xml))"
        r"(?:; ?charset=(?i:utf-8|us-ascii|iso-8859-1))?"
    ),
    "header/cache-control": re.compile(r"(?:no-cache|no-store|private|public|must-revalidate|max-age=[0-9]{1,9}|, ?)+"),
    "header/last-modified": re.compile(
        r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
    ),
    "header/vary": re.compile(r"(?i:accept|accept-encoding|accept-language|origin|cookie|authorization|, ?)+"),
    "header/x-content-type-options": re.compile(r"nosniff"),
}
"""Headers in which nobody can say anything, where they are of this form."""


def _says(part: Part, clear: str, names: Collection[str]) -> bool:
    """Return whether a part tells the sandbox something that whoever wrote the content could choose."""
    if part.kind is Kind.OPAQUE:
        return True
    if not clear.strip() or (part.kind is Kind.KEY and part.text in names):
        return False
    framing = _FRAMING.get(part.path)
    return framing is None or not framing.fullmatch(part.text)


def _clear(part: Part, spans: Iterable[Span]) -> str:
    """Return what of a part enters in the clear; what is rewritten other than to a token still tells something."""
    text, pieces_, done = part.text, list[str](), 0
    for span in sorted(spans, key=lambda span: span.start):
        pieces_ += (text[done : span.start], "\n" if span.transform == "tokenize" else "\n*\n")
        done = span.end
    return "".join([*pieces_, text[done:]])


def worked_out(
    policy: Policy,
    past: Past,
    facts: Facts,
    stated: Facts,
    flows: Sequence[Flow],
    values: "Values",
) -> dict[str, Fact]:
    """Return the facts of `core.combined` that some rule asks for and that can be told.

    `facts` are those of the message, `stated` those of the orchestrator.
    """
    found: dict[str, Fact | None] = {}
    for name in policy.combined_facts:
        kind, of = kind_of(name)
        if name == UNTRUSTED:
            found[name] = past.ledger.marked(READ, _IS_UNTRUSTED)
        elif kind == "distinct":
            found[name] = values.distinct(of, flows)
        elif kind == "from":
            inside = (_FROM + of.encode() + b".", _FROM + of.encode())
            found[name] = any(m == inside[1] or m.startswith(inside[0]) for m in past.ledger.marks(READ))
        elif kind == "data":
            found[name] = any(of in ancestors(label.data_class) for label in past.ledger.labels)
        elif kind == "traced":
            found[name] = traced(facts.get(of), stated, past)
    return {name: fact for name, fact in found.items() if fact is not None}


@dataclass(frozen=True, slots=True)
class Values:
    """The findings of a message with what they stand for; how many values of a class these are is `counted` once."""

    parts: Sequence[Part]
    findings: Sequence[Finding]
    known: Mapping[int, Known]
    counted: dict[str, int | None] = field(default_factory=dict)

    def distinct(self, data_class: str, flows: Iterable[Flow]) -> int | None:
        """Return how many distinct values of a class there are; None where some cannot be seen."""
        for flow in flows:
            carried = flow.finding is None and flow.data_class is not None
            if flow.data_class == OPAQUE or (carried and data_class in ancestors(flow.data_class or "")):
                return None
        if data_class not in self.counted:
            self.counted[data_class] = self._count(data_class)
        return self.counted[data_class]

    def count_all(self, policy: Policy) -> None:
        """Count now what rules may ask for; of many findings, that takes a while."""
        for name in policy.combined_facts:
            kind, of = kind_of(name)
            if kind == "distinct":
                self.distinct(of, ())

    def _count(self, data_class: str) -> int | None:
        seen: set[str] = set()
        for number, finding in enumerate(self.findings):
            if data_class not in ancestors(finding.data_class):
                continue
            known = self.known.get(number)
            if known is None and finding.form not in IN_PLACE:
                return None  # one encoded run may hold many
            text = known.text if known is not None else self.parts[finding.part].text[finding.start : finding.end]
            seen.add(_normal(text))
        return len(seen)


def traced(value: Fact | None, stated: Facts, past: Past) -> bool | None:
    """Return whether a fact's value occurs in untrusted content that was read, and not in what the orchestrator stated.

    None where the value is unknown. Once more was read than can be remembered, whatever was not stated is traced.
    """
    ledger = past.ledger
    if not ledger.marked(READ, _IS_UNTRUSTED):
        return False
    if value is None:
        return None
    given = value if isinstance(value, tuple) else (_told(value),)
    return any(not _stated(one, stated) and (_was_read(one, past) or _part_read(one, stated, past)) for one in given)


def _was_read(text: str, past: Past) -> bool:
    ledger = past.ledger
    if ledger.marked(READ, UNPRINTED):
        return True
    prints = ledger.marks(PRINTS)
    words = _words(text)
    return any(_print(past, form) in prints for form in _forms(text)) or (
        bool(words) and all(any(_print(past, form) in prints for form in _forms(word)) for word in words)
    )


def _part_read(text: str, stated: Facts, past: Past) -> bool:
    """Return whether part of a text was read that only few texts have: an address, a number, or what it decodes to."""
    prints = past.ledger.marks(PRINTS)
    words = [word for word in _words(text) if len(word) >= _TELLING and not word.isalpha()]
    if any(not _stated(word, stated) and any(_print(past, form) in prints for form in _forms(word)) for word in words):
        return True
    inner = (decoding.text for decoding in decodings(text) if decoding.text)
    return any(not _stated(said, stated) and _was_read(said, past) for said in inner)


def _stated(text: str, stated: Facts) -> bool:
    forms = set(_forms(text))
    for fact in stated.values():
        for one in fact if isinstance(fact, tuple) else (_told(fact),):
            if forms & set(_forms(one)) or f" {_normal(text)} " in f" {_normal(one)} ":
                return True
    return False


def _told(value: Fact) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_PUNCTUATION = ".,;:!?()[]{}<>\"'`*_|=\u201c\u201d\u2018\u2019\xab\xbb"
_NUMBER = re.compile(r"[-+]?[$€£¥]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
_EUROPEAN = re.compile(r"[-+]?[$€£¥]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]{1,2}")
_GROUPED = re.compile(r"\b[A-Z0-9]{2,}(?:[ -][A-Z0-9]{2,})+\b")
_LONGEST = 300
_TELLING = 6  # characters of a word that is not only letters: few texts have it by chance


def pieces(text: str) -> set[str]:
    """Return what of a text an argument may repeat: all of it, its lines, its words, and numbers written in groups."""
    found = {form for one in (text, *text.splitlines()) if len(one) <= _LONGEST for form in _forms(one)}
    found |= {form for word in _words(text) for form in _forms(word)}
    return found | {form for match in _GROUPED.finditer(text) for form in _forms(match.group())}


def _words(text: str) -> list[str]:
    return [word for part in text.split() if (word := part.strip(_PUNCTUATION))]


def _forms(text: str) -> Collection[str]:
    """Return the ways in which the same value is written: as it is, without spaces and dashes, and as a number."""
    plain = _normal(text)
    if not plain:
        return ()
    forms = {plain, plain.replace(" ", "").replace("-", "")}
    folded = skeleton(plain)
    if not folded.isdigit():  # of a number, the point says something
        forms.add(folded or plain)
    if _NUMBER.fullmatch(plain):
        forms.add(_as_number(plain.replace(",", "")))
    elif _EUROPEAN.fullmatch(plain):
        forms.add(_as_number(plain.replace(".", "").replace(",", ".")))
    return forms


def _as_number(text: str) -> str:
    digits = text.translate({ord(sign): None for sign in "$€£¥+"})
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()


def _print(past: Past, piece: str) -> bytes:
    return past.seal.digest(b"print", piece)[:_PRINT_BYTES]
