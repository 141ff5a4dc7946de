"""The transform step: what leaves with its values put back, what enters as tokens, and what that adds to the past.

Longer than most modules because what is put back, what is hidden and what is recorded of it must not come apart.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import batched
from typing import Any

from dlp.core.edit import Edit, apply_edits
from dlp.core.errors import PolicyError
from dlp.core.finding import Finding
from dlp.core.label import DERIVED, OPAQUE, RAW, TOKENISED, DataClass, Label, State
from dlp.core.message import Form, Kind, Part, Shape
from dlp.core.policy import Decision, Flow, Policy, Verdict, carries_of, facts_of, fields_of, sink_of, source_of
from dlp.core.token import escapes, lookalikes
from dlp.engine import combining, rewriting, tracing
from dlp.engine.encodings import decodings
from dlp.engine.gently import let_go
from dlp.engine.lookup import IN_PLACE
from dlp.engine.matching import fold, whole_only
from dlp.engine.tracing import BY_TOKEN
from dlp.engine.vault import Known, Origin, Vault
from dlp.engine.work import Work
from dlp.hooks.host import Host
from dlp.wire import record

_MAX_VALUES = 1_000_000
_SEGMENT = re.compile(r"[^/\\\\?#%;\x00-\x1f]*[^/\\\\?#%;.\x00-\x1f][^/\\\\?#%;\x00-\x1f]*")  # and more than dots

_HASH = re.compile(
    r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})"
    r"|sha(?:1-[A-Za-z0-9+/]{27}=?|256-[A-Za-z0-9+/]{43}=?|384-[A-Za-z0-9+/]{64}|512-[A-Za-z0-9+/]{86}(?:==)?)"
)
"""Digests in hex, and as pages state them of their scripts (Subresource Integrity)."""

_TELLING = frozenset({"generalise", "mask", "hash"})
"""Transforms whose result says enough about the value to be followed like one."""


type Steps[T] = Generator[Callable[[], object] | None, Any, T]
"""Work in pieces. After each, others may go on; what is yielded, where it is not None, is called where it holds up
nobody, and what it returns sent in. What a piece wrote stands in the store by then."""

_FEW, _PIECE, _LOOKS = 64, 8, 1000
"""How many values are written at once; where they are more, how many are in one piece, and how many parts: 2 ms."""
_MOST_READ_AGAIN = 65_536
_MANY = 256
"""Beyond so many findings, what is pure is done where it holds up nobody."""


class Delivery:
    """Makes the edits that a decision asks for. Each piece of what it writes is in the store's batch around it."""

    def __init__(self, policy: Policy, host: Host, decide: Callable[[Work, Sequence[Flow]], Decision]) -> None:
        self.policy = policy
        self.host = host
        self._decide = decide

    def outbound(self, work: Work) -> Steps[list[Edit]]:
        """Put values back where the rules allow them raw; rewrite what a rule wants rewritten; unescape look-alikes.

        What the request as such reveals is recorded with the last piece: `taint_carried`.
        """
        wanted: dict[int, str] = {}
        for number, finding in enumerate(work.findings):
            ruling = work.rulings[number]
            if ruling.verdict is Verdict.TRANSFORM and finding.by != BY_TOKEN:
                if finding.form not in IN_PLACE or finding.data_class == OPAQUE:
                    raise PolicyError("a rule wants a value rewritten that stands in an encoding; only block can help")
                wanted[number] = ruling.transform
        yield from self._note_own(work)
        upstream = work.message.endpoint.upstream
        edits = yield from self._put_back(work, upstream)
        spans: list[rewriting.Span] = []
        if wanted:
            spans = yield from _pure(work, partial(rewriting.spans_of, work.parts, work.findings, wanted))
        for at, span in enumerate(spans, 1):
            text = _text(work.parts, span)
            if at % _PIECE == 0 and len(spans) > _FEW:
                yield None
            if span.transform == "tokenize":
                labels = {Label(work.findings[n].data_class, RAW, work.findings[n].source) for n in span.findings}
                work.past.vault.note(text, labels, Origin(work.event, work.path(work.parts[span.part]), "tokenize"))
            edits.append(Edit(span.part, span.start, span.end, self._transform(work, span, text)))
        if spans and (yield from _pure(work, partial(_leftovers, work, edits, spans))):
            raise PolicyError("an edited part still holds the value that was to be replaced")
        edits += yield from self._unescape(work)
        return (yield from _as_written(work, edits))

    def _note_own(self, work: Work) -> Steps[None]:
        """Remember what nobody can read that the session sends: nobody can have issued it to the session."""
        past, upstream = work.past, work.message.endpoint.upstream
        for some in batched(work.runs, _PIECE, strict=False):
            marks = [
                _mark_of(work, run, upstream)
                for run in some
                if run.decoding.text is None and not tracing.was_issued(past, upstream, _text_at(work, run))
            ]
            past.ledger.mark("own", marks)
            if len(work.runs) > _FEW:
                yield None

    def _unescape(self, work: Work) -> Steps[list[Edit]]:
        """Return the edits that give an upstream back its own token-shaped text."""
        edits: list[Edit] = []
        if work.past.ledger.any_marked("escaped"):
            edits += yield from _pure(work, partial(_unescaping, work))
        return edits

    def _put_back(self, work: Work, upstream: str) -> Steps[list[Edit]]:
        """Return the edits that put values in the place of their tokens; note the tokens that go out as they are."""
        tokens: dict[tuple[int, int, int], list[int]] = {}
        for number, finding in enumerate(work.findings):
            if finding.by == BY_TOKEN and finding.form == "exact":
                tokens.setdefault((finding.part, finding.start, finding.end), []).append(number)
        edits: list[Edit] = []
        sent: list[bytes] = []
        exposed: list[bytes] = []
        for count, ((part, start, end), numbers) in enumerate(tokens.items(), 1):
            if count % _FEW == 0:
                yield None
            known = work.known[numbers[0]]
            transforms = {r.transform for n in numbers if (r := work.rulings[n]).verdict is Verdict.TRANSFORM}
            transform = max(transforms, key=rewriting.strictness, default="")
            if transform == "tokenize":
                sent.append(_sent_mark(upstream, known.token))
                continue
            whole = start == 0 and end == len(work.parts[part].text)
            if transform:
                finding = work.findings[numbers[0]]
                view = _View(work.past.vault, number=known.number)
                edits.append(Edit(part, start, end, self.host.transform(transform, finding, known.text, view)))
            else:
                if rewriting.melts(known.text, work.parts[part].text, start, end):
                    raise PolicyError("a token stands inside a word; its value would not be known when it comes back")
                if whole_only(known.text):
                    exposed.append(_sent_mark(upstream, known.token))
                work.counts["resolved"] += 1
                is_number = known.number or work.parts[part].kind is Kind.NUMBER  # a token that is one stands for one
                edits.append(Edit(part, start, end, known.text, number=whole and is_number))
        yield from _marked(work, "sent", sent)
        yield from _marked(work, "exposed", exposed)
        self._hold_course(work, edits)
        return edits

    def _hold_course(self, work: Work, edits: Sequence[Edit]) -> None:
        """Refuse where values that were put back would make the message another one than was judged.

        A token in the path stands for a segment, and one in a name for a field: what is written must have the same
        destination, the same source, and the same decision.
        """
        named = [edit for edit in edits if work.parts[edit.part].kind is Kind.KEY]
        if named and facts_of(self.policy, work.message.endpoint, inbound=False):
            raise PolicyError("a token stands in the name of a field, where names decide which destination this is")
        path = work.message.endpoint.path
        for edit in edits:
            part = work.parts[edit.part]
            if part.path.startswith("url/"):
                if not edit.text or not _SEGMENT.fullmatch(edit.text):
                    raise PolicyError("a token stands in the path, and its value is more than one plain segment")
                path = path.replace(part.text[edit.start : edit.end], edit.text)
        if path == work.message.endpoint.path:
            return
        judged, written = work.message.endpoint, replace(work.message.endpoint, path=path)
        facts = work.facts | {"path": path}
        same = (
            sink_of(self.policy, written, facts) == work.route
            and source_of(self.policy, written) == source_of(self.policy, judged)
            and fields_of(self.policy, written) == fields_of(self.policy, judged)
            and carries_of(self.policy, written) == carries_of(self.policy, judged)
        )
        if same and "path" in self.policy.facts_used:
            before = work.rulings
            again = Work(work.call, work.message, work.event, work.started, work.past, facts=facts)
            decided = self._decide(again, work.flows)
            same = decided.verdict <= Verdict.TRANSFORM and all(
                (ruling.verdict, ruling.transform) == (before[n].verdict, before[n].transform)
                for n, ruling in again.rulings.items()
            )
        if not same:
            raise PolicyError("with the values put back, this path is another destination or source than was judged")

    def inbound(self, work: Work) -> Steps[list[Edit]]:
        """Rewrite what may not enter as it is, and record what does enter as taint."""
        past = work.past
        self.taint_carried(work)
        wanted, in_part = yield from self._let_in(work)
        spans = (yield from _pure(work, partial(_spans_of, work, wanted))) if wanted else []
        edits: list[Edit] = []
        for at, span in enumerate(spans, 1):
            edits.append(self._rewrite(work, span, in_part))
            if at % _PIECE == 0 and len(spans) > _FEW:
                yield None
        if work.message.shape is not None:
            edits = self._fitted(work, work.message.shape, spans, edits)
        if spans and (yield from _pure(work, partial(_leftovers, work, edits, spans))):
            raise PolicyError("an edited part still holds the value that was to be replaced")
        if work.bracketed:
            escaping = yield from _pure(work, partial(self._escape, work, spans))
            if escaping:
                past.ledger.mark("escaped", [b"yes"])
                work.counts["escaped"] += len(escaping)
            edits += escaping
        yield from self._see_forms(work)
        if work.reading:
            parts = work.message.parts if work.reading.untrusted else ()
            said = yield from _pure(work, partial(combining.said, self.policy, work.reading, parts, spans, past))
            yield from _marked(work, combining.PRINTS, combining.note(work.reading, said, past))
        yield from self._issue(work)
        yield from _pure(work, partial(let_go, spans, wanted, in_part))
        return (yield from _as_written(work, edits))

    def _let_in(self, work: Work) -> Steps[tuple[dict[int, str], dict[int, list[int]]]]:
        """Record what enters as it is. Return by finding the transforms that are wanted, and by part the findings."""
        wanted: dict[int, str] = {}
        in_part: dict[int, list[int]] = {}
        effort = 0
        for number, finding in enumerate(work.findings):
            in_part.setdefault(finding.part, []).append(number)
            ruling = work.rulings[number]
            if ruling.verdict is Verdict.TRANSFORM:
                if finding.data_class == OPAQUE:
                    raise PolicyError(
                        "a rule wants something rewritten that cannot be read; only allow or block can help"
                    )
                wanted[number] = ruling.transform
                effort += 1
            else:
                self._enter(work, finding, RAW, _text_of(work.parts, finding))
                if number in work.inner:
                    self._enter(work, finding, RAW, work.inner[number])
                effort += _LOOKS // _PIECE
            if effort >= _LOOKS and len(work.findings) > _FEW:
                effort = 0
                yield None
        return wanted, in_part

    def _issue(self, work: Work) -> Steps[None]:
        """Remember what nobody can read that this upstream gave the session: there it may return.

        Hashes in what an upstream says that has nothing to do with labelled data are public, and may go anywhere.
        """
        ledger, upstream = work.past.ledger, work.message.endpoint.upstream
        for some in batched(work.runs, _PIECE, strict=False):
            runs = [
                run
                for run in some
                if run.decoding.text is None and not ledger.marked("own", _mark_of(work, run, upstream))
            ]
            marks = [_mark_of(work, run, upstream) for run in runs]
            if not ledger.marked("touched", upstream.encode()):
                marks += [
                    _mark_of(work, run, tracing.PUBLIC)
                    for run in runs
                    if work.parts[run.part].path.startswith("/") and _HASH.fullmatch(_text_at(work, run))
                ]
            ledger.mark("issued", marks)
            if len(work.runs) > _FEW:
                yield None

    def _fitted(
        self,
        work: Work,
        shape_of: Callable[[str], Shape | None],
        spans: Sequence[rewriting.Span],
        edits: Sequence[Edit],
    ) -> list[Edit]:
        """Return the edits with tokens written as the places admit where they stand, and alike wherever they do.

        A text that may not hold a token as a part of it becomes a token as a whole.

        Raises:
            PolicyError: a place admits no token.

        """
        in_part: dict[int, list[int]] = {}
        for at, span in enumerate(spans):
            in_part.setdefault(span.part, []).append(at)
        fitted: dict[int, list[Edit]] = {}
        forms: dict[str, list[Form]] = {}
        for number, inside in in_part.items():
            part = work.parts[number]
            shape = shape_of(part.path) if part.kind in (Kind.TEXT, Kind.NUMBER) else None
            given = [edits[at] for at in inside]
            is_number = part.kind is Kind.NUMBER
            entities = self._entities(work, [spans[at] for at in inside])
            around = None if shape is None else shape.around(part.text, number=is_number, entities=entities)
            if (
                around is None
                or any(spans[at].transform != "tokenize" for at in inside)
                or around.admits(apply_edits(part.text, given))
            ):
                continue
            known = self._hidden_whole(work, [spans[at] for at in inside])
            made = (form for form in forms.get(known.text, ()) if around.admits(form.text, number=form.number))
            form = next(made, None) or work.past.vault.shaped(known, around, number=is_number)
            forms.setdefault(known.text, []).append(form)
            fitted[number] = [Edit(number, 0, len(part.text), form.text, number=form.number)]
        rest = [
            replace(edit, text=alike[0].text) if (alike := forms.get(_text(work.parts, span))) else edit
            for span, edit in zip(spans, edits, strict=True)
            if span.part not in fitted
        ]
        return [*rest, *(edit for made in fitted.values() for edit in made)]

    def _entities(self, work: Work, spans: Sequence[rewriting.Span]) -> frozenset[str]:
        """Return which entities the classes are, by the policy, that were found in these spans."""
        classes = {work.findings[number].data_class for one in spans for number in one.findings}
        specs = [spec for name in classes if (spec := self.policy.classes.get(name)) is not None]
        return frozenset[str]().union(*(spec.entities for spec in specs))

    def _hidden_whole(self, work: Work, spans: Sequence[rewriting.Span]) -> Known:
        """Return the value that a whole part is, with a token, of all classes that are in it."""
        span, part, vault = spans[0], work.parts[spans[0].part], work.past.vault
        classes = {work.findings[number].data_class for one in spans for number in one.findings}
        labels = {Label(data_class, TOKENISED, work.source) for data_class in classes}
        origin, is_number = Origin(work.event, work.path(part), "tokenize"), part.kind is Kind.NUMBER
        vault.tokenise(span.finding.data_class, part.text, number=is_number, labels=labels, origin=origin)
        return vault.note(part.text, labels, origin, number=is_number)

    def _rewrite(self, work: Work, span: rewriting.Span, in_part: Mapping[int, Sequence[int]]) -> Edit:
        """Return the edit that keeps a span from entering as it is; record what it becomes."""
        part, text, vault = work.parts[span.part], _text(work.parts, span), work.past.vault
        if span.transform == "tokenize":
            classes = {work.findings[number].data_class for number in span.findings}
            labels = {Label(data_class, TOKENISED, work.source) for data_class in classes}
            origin = Origin(work.event, work.path(part), span.transform)
            is_number = part.kind is Kind.NUMBER
            view = _View(vault, number=is_number, hiding=text, labels=labels, origin=origin)
            new = self.host.transform(span.transform, span.finding, text, view)
            vault.note(text, labels, origin, number=is_number)  # writes nothing where the plugin took a token for it
            for number in span.findings:
                if number in work.inner:  # what was hidden inside an encoding stays hidden when it comes decoded
                    vault.note(work.inner[number], labels, origin)
        else:
            new = self._transform(work, span, text)
            state = rewriting.state_made(span, work.rulings, in_part[span.part])
            for number in span.findings:
                self._enter(work, work.findings[number], state, new if span.transform in _TELLING else "", span)
        work.counts[span.transform] += 1
        return Edit(span.part, span.start, span.end, new)

    def _enter(self, work: Work, finding: Finding, state: State, text: str, span: rewriting.Span | None = None) -> None:
        """Record that data enters the sandbox in a state: as taint, and as a value to look for unless `text` is ""."""
        past = work.past
        label = Label(finding.data_class, state, finding.source)
        path = work.path(work.parts[finding.part])
        origin = Origin(work.event, path, span.transform if span else "")
        past.ledger.taint(label, origin)
        if not text or finding.data_class == OPAQUE:
            return
        if len(past.vault) < _MAX_VALUES:
            past.vault.note(text, [label], origin, number=work.parts[finding.part].kind is Kind.NUMBER)
            for inner in decodings(text):  # a value that enters encoded may leave decoded
                if inner.text and (inner.start, inner.end) == (0, len(text)):
                    past.vault.note(inner.text, [label], origin)
        else:  # memory is bounded without forgetting: what is not tracked as a value is carried by the session
            past.ledger.mark("coarse", [finding.data_class.encode()])

    def taint_carried(self, work: Work) -> None:
        """Record what every response of this source reveals something about: when it is asked, and when it answers.

        Once it was asked, whatever comes back tells something, a refusal too. And whoever has labelled data, be they
        refused, says nothing public any more.
        """
        _touch(work)
        source = work.source if not work.outbound else source_of(self.policy, work.message.endpoint)
        for data_class in sorted(work.carries):
            work.past.ledger.taint(Label(data_class, DERIVED, source), Origin(work.event))

    @staticmethod
    def _escape(work: Work, spans: Sequence[rewriting.Span]) -> list[Edit]:
        """Return the edits that keep an upstream's token-shaped text from being taken for this session's tokens."""
        ledger, vault, upstream = work.past.ledger, work.past.vault, work.message.endpoint.upstream
        looks = [(number, at, token) for number, part in work.bracketed for at, token in lookalikes(part.text)]
        in_part: dict[int, list[tuple[int, int]]] = {number: [] for number, _, _ in looks}
        for span in spans if looks else ():
            if span.part in in_part:
                in_part[span.part].append((span.start, span.end))
        for places in in_part.values():
            places.sort()
        edits: list[Edit] = []
        for number, at, token in looks:
            places = in_part[number]
            before = bisect_left(places, (at, -1)) - 1  # spans of a part do not overlap
            inside = before >= 0 and at <= places[before][1]
            own = token and vault.of_token(token) and ledger.marked("sent", _sent_mark(upstream, token))
            if not own and not inside:
                edits.append(Edit(number, at, at, "~"))
        return edits

    def _see_forms(self, work: Work) -> Steps[None]:
        """See to it that no upstream gives a token that is written as a schema wants it, and that it was never given.

        Raises:
            PolicyError: one does. It cannot be escaped: its shape would be lost.

        """
        if not work.past.vault.may_hold(""):  # it has none in any such form
            return
        if (yield from _pure(work, partial(_holds_others, work))):
            raise PolicyError("an upstream gives a stand-in for a value that it was never given itself")

    def _transform(self, work: Work, span: rewriting.Span, text: str) -> str:
        view = _View(work.past.vault, number=work.parts[span.part].kind is Kind.NUMBER)
        return self.host.transform(span.transform, span.finding, text, view)


def _marked(work: Work, kind: str, marks: Iterable[bytes]) -> Steps[None]:
    for some in batched(marks, _FEW, strict=False):
        work.past.ledger.mark(kind, some)
        if len(some) == _FEW:
            yield None


def _pure[T](work: Work, task: Callable[[], T]) -> Steps[T]:
    """Return what `task` returns, called where it holds up nobody if it may take long."""
    if len(work.findings) <= _MANY and not work.large:
        return task()
    made: T = yield task
    return made


def _holds_others(work: Work) -> bool:
    """Return whether a stand-in that is written as a schema wants it stands for what this upstream was never given."""
    ledger, vault, upstream = work.past.ledger, work.past.vault, work.message.endpoint.upstream
    forms = (known for _, part in work.looked_at for _, _, known in vault.forms_in(part.text))
    return not all(ledger.marked("sent", _sent_mark(upstream, known.token)) for known in forms)


def _as_written(work: Work, edits: list[Edit]) -> Steps[list[Edit]]:
    """Return the edits as they are written where a text holds JSON: it must say there what they say."""
    if not any(record.may_be(work.parts[edit.part].text) for edit in edits):
        return edits
    return (yield from _pure(work, partial(_inside, work.parts, edits)))


def _inside(parts: Sequence[Part], edits: Sequence[Edit]) -> list[Edit]:
    in_part: dict[int, list[Edit]] = {}
    for edit in edits:
        in_part.setdefault(edit.part, []).append(edit)
    return [edit for number, some in in_part.items() for edit in record.fitted(parts[number].text, some)]


def _unescaping(work: Work) -> list[Edit]:
    return [Edit(number, at, at + 1, "") for number, part in work.looked_at for at in escapes(part.text)]


def _spans_of(work: Work, wanted: Mapping[int, str]) -> list[rewriting.Span]:
    """Return what is to be rewritten, and where what becomes a token stands again."""
    spans = rewriting.spans_of(work.parts, work.findings, _needed(work, wanted))
    hidden = [span for span in spans if span.transform == "tokenize"]
    if hidden:
        spans += rewriting.repetitions(work.looked_at, hidden, [_text(work.parts, span) for span in hidden])
    return spans


def _needed(work: Work, wanted: Mapping[int, str]) -> Mapping[int, str]:
    """Return what is wanted without whole texts that were read with their escapes undone, where nothing calls for that.

    An address beside `%20` stands in the text and in what it reads as. Once what is found singly is rewritten, the text
    is read once more: only if what was seen in it is still there, it is rewritten as a whole.
    """
    wide: dict[int, dict[int, str]] = {}
    for number in wanted:
        finding = work.findings[number]
        size = len(work.parts[finding.part].text)
        if finding.start == 0 and finding.end == size <= _MOST_READ_AGAIN and tracing.is_unescaped(finding.form):
            known = work.known.get(number)
            seen = work.inner.get(number) or (known.text if known is not None else "")
            wide.setdefault(finding.part, {})[number] = fold(seen)
    beside: dict[int, list[Finding]] = {}
    for number in wanted if wide else ():
        finding = work.findings[number]
        if number not in wide.get(finding.part, {number: ""}):
            beside.setdefault(finding.part, []).append(finding)
    needed = dict(wanted)
    for part, findings in beside.items():
        signs = list(work.parts[part].text)
        for finding in findings:
            signs[finding.start : finding.end] = "\0" * (finding.end - finding.start)
        left = "".join(signs)
        read = decodings(left)
        if any(one.beyond for one in read):
            continue
        said = [fold(left), *(fold(one.text or "") for one in read)]
        gone = {seen for seen in set(wide[part].values()) if not any(seen in one for one in said)}
        for number, seen in wide[part].items():
            if seen in gone:
                del needed[number]
    return needed


def _leftovers(work: Work, edits: Sequence[Edit], spans: Sequence[rewriting.Span]) -> bool:
    """Return whether an edited part still holds what was to be replaced."""
    made = [edit for edit in edits if edit.end > edit.start]
    return rewriting.leftovers(work.parts, made, [(span.part, _text(work.parts, span)) for span in spans])


class _View:
    """The part of a session's vault that transforms may use; it knows whether the text at hand was a number.

    What it is `hiding` is written down with its labels and origin as soon as it gets its token: in one row.
    """

    __slots__ = ("_hiding", "_labels", "_number", "_origin", "_vault")

    def __init__(
        self,
        vault: Vault,
        *,
        number: bool,
        hiding: str | None = None,
        labels: Collection[Label] = (),
        origin: Origin | None = None,
    ) -> None:
        self._vault = vault
        self._number = number
        self._hiding = hiding
        self._labels = labels
        self._origin = origin or Origin()

    def tokenise(self, data_class: DataClass, text: str, *, number: bool = False) -> str:
        """Return the session's token for a value."""
        number = number or self._number
        if text != self._hiding:
            return self._vault.tokenise(data_class, text, number=number)
        return self._vault.tokenise(data_class, text, number=number, labels=self._labels, origin=self._origin)

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex."""
        return self._vault.digest(text)


def _text(parts: Sequence[Part], span: rewriting.Span) -> str:
    return parts[span.part].text[span.start : span.end]


def _text_of(parts: Sequence[Part], finding: Finding) -> str:
    return parts[finding.part].text[finding.start : finding.end]


def _text_at(work: Work, run: tracing.Encoded) -> str:
    return work.parts[run.part].text[run.decoding.start : run.decoding.end]


def _mark_of(work: Work, run: tracing.Encoded, place: str) -> bytes:
    return tracing.issued_mark(work.past, place, _text_at(work, run))


def _touch(work: Work) -> None:
    """Remember that an upstream gave or got labelled data: what it says from then on may depend on them."""
    if work.carries or any(flow.data_class is not None for flow in work.flows):
        work.past.ledger.mark("touched", [work.message.endpoint.upstream.encode()])


def _sent_mark(upstream: str, token: str) -> bytes:
    return f"{upstream} {token}".encode()
