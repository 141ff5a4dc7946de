"""What a session has hidden, and which values it has seen in the clear: values, their tokens and their labels."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from dlp.core.errors import PolicyError, StoreError
from dlp.core.label import TOKENISED, DataClass, Label, State
from dlp.core.message import Form, Shape
from dlp.core.ports import Store
from dlp.core.token import TOKEN, lookalikes, write_token
from dlp.engine.keys import Seal

KINDS = "kinds"
"""The set of words that a session's tokens are written with."""
_LABEL_FIELDS = 3
_ATTEMPTS = 16
_SHORTEST_RUN = 3
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something entered the session: the event, the path of the part, the transform made there (or "")."""

    event: str = ""
    path: str = ""
    transform: str = ""


_NOWHERE = Origin()


@dataclass(slots=True)
class Known:
    """A value that this session knows. `token` is "" while it was only seen in the clear; then it may get one later.

    `forms` are the other ways in which its token is written, each with what stands for the shape that asked for it.
    """

    text: str = field(repr=False)
    number: bool
    origin: Origin
    token: str = ""
    labels: frozenset[Label] = frozenset()
    forms: tuple[tuple[str, Form], ...] = ()

    @property
    def hidden(self) -> bool:
        """Whether the sandbox was never given this value in the clear."""
        return bool(self.token) and all(label.state == TOKENISED for label in self.labels)


class Vault:
    """One session's values. What it writes is durable when the store's batch around it ends.

    INVARIANT: a value has at most one token, and a token stands for one value, on every worker: both go through the
    store's put-if-absent. The memory here is a copy that is dropped (`forget`) whenever a batch fails.
    """

    def __init__(self, store: Store, scope: str, seal: Seal, kind_of: Callable[[DataClass], str]) -> None:
        self._store = store
        self._scope = scope
        self._seal = seal
        self._kind_of = kind_of
        self._known: dict[bytes, Known] = {}
        self._by_text: dict[str, Known] = {}
        self._by_token: dict[str, Known] = {}
        self._by_form: dict[str, Known] = {}
        self._by_word: dict[str, tuple[str, ...]] = {}  # the longest word of a form → the forms that have it
        self._labels: dict[frozenset[Label], frozenset[Label]] = {}  # so that values share what they have in common
        self._stamp: object = None
        self.listed: list[Known] = []  # oldest first
        self.fresh: list[Known] = []  # values that an index of them has not taken up yet; `matching` empties it

    def __len__(self) -> int:
        """How many values are known."""
        return len(self._known)

    def refresh(self, stamp: object) -> bool:
        """Take up what other workers wrote; return whether an index over the values must be built anew."""
        if stamp == self._stamp:
            return False
        anew = self._stamp is None
        tokens = dict(self._store.items(self._scope, "token"))
        for key, sealed in self._store.items(self._scope, "value"):
            if key not in self._known:
                self._take(key, self._read(sealed))
        for key, token in tokens.items():
            self._give(self._entry(key), token.decode())
        for member in self._store.members(self._scope, "seen"):
            key, _, label = member.partition(b"\n")
            known = self._entry(bytes.fromhex(key.decode()))
            known.labels = self._shared(known.labels | {_read_label(label)})
        for _, sealed in self._store.items(self._scope, "form"):
            self._take_form(sealed)
        self._stamp = stamp
        return anew

    def forget(self) -> None:
        """Drop the copy in memory: what was written last may not have become durable.

        Whoever still reads it in another thread keeps it until then.
        """
        self._known, self._by_text, self._by_token = {}, {}, {}
        self._by_form, self._by_word = {}, {}
        self.listed, self.fresh = [], []
        self._stamp = None

    def tokenise(
        self,
        data_class: DataClass,
        text: str,
        *,
        number: bool = False,
        labels: Iterable[Label] = (),
        origin: Origin = _NOWHERE,
    ) -> str:
        """Return the session's token for a value, the same one for the same value for as long as the session lives.

        Where the value is new, it is written down together with its `labels` and its origin.
        """
        known = self._by_text.get(text)
        if known is not None and known.token:
            return known.token
        kind = self._kind_of(data_class)
        number_given = self._store.take_number(self._scope, f"token/{kind}")
        if number_given == 1:
            self._store.add(self._scope, KINDS, [kind.encode()])
        token = write_token(kind, number_given)
        if known is None:
            known = self._put(text, token, frozenset(labels), number=number, origin=origin)
        if not known.token:
            self._give(known, self._store.put(self._scope, "token", self._key(text), token.encode()).decode())
        return known.token

    def digest(self, text: str) -> str:
        """Return a keyed hash of `text` in hex, stable over the session and of no use outside it."""
        return self._seal.digest(b"transform", text).hex()[:32]

    def note(self, text: str, labels: Iterable[Label], origin: Origin, *, number: bool = False) -> Known:
        """Remember that a value carries `labels`, and where it entered if it is new."""
        known = self._by_text.get(text)
        labels = frozenset(labels)
        if known is None:
            known = self._put(text, "", labels, number=number, origin=origin)
        new = labels - known.labels
        if new:
            prefix = self._key(text).hex().encode() + b"\n"
            self._store.add(self._scope, "seen", [prefix + _write_label(label) for label in new])
            known.labels = self._shared(known.labels | new)
        return known

    def adopt(self, known: Known) -> None:
        """Write down what another session knew of a value, its token included: they share a workspace."""
        taken = self._put(known.text, known.token, known.labels, number=known.number, origin=known.origin)
        for shape, form in known.forms:
            self._put_form(taken, shape, form)

    def shaped(self, known: Known, shape: Shape, *, number: bool) -> Form:
        """Return a value's token as it is written where only `shape` is admitted, the same one for the same shape.

        It is one that nobody outside can guess, and neither a value that the session knows nor any other token.

        Raises:
            PolicyError: there is no such form, or too few of them.

        """
        name = f"{sha256(shape.key.encode()).hexdigest()[:32]} {number}"
        given = next((form for shape_, form in known.forms if shape_ == name), None)
        if given is not None:
            return given
        for attempt in range(_ATTEMPTS):
            # From the token and not from the value, of which nothing may show in what stands for it.
            seed = b"".join(self._seal.digest(b"form", f"{attempt} {half} {name} {known.token}") for half in "ab")
            form = shape.form(int.from_bytes(seed), number=number)
            if form is not None and self._is_free(form.text):
                kept = self._put_form(known, name, form)
                if kept is not None:
                    return kept
        raise PolicyError("a value had to become a token in a place whose schema admits no stand-in for it")

    def of_token(self, token: str) -> Known | None:
        """Return the value behind one of this session's own tokens, however it is written."""
        return self._by_token.get(token) or self._by_form.get(token)

    def tokens_in(self, text: str) -> Iterator[tuple[int, int, Known]]:
        """Give where this session's own tokens stand in a text, however they are written: start, end, value."""
        if "[" in text and self._by_token:
            for match in TOKEN.finditer(text):
                known = self._by_token.get(match.group())
                if known is not None:
                    yield match.start(), match.end(), known
        yield from self.forms_in(text)

    def may_hold(self, text: str) -> bool:
        """Return whether it takes `tokens_in` to say that no token of this session stands in a text."""
        return bool(self._by_word) or ("[" in text and bool(self._by_token))

    def shows_form(self, surface: bytes) -> bool:
        """Return whether one of them may stand in what is written so."""
        return bool(self._by_word) and next(self.forms_in(surface.decode("utf-8", "replace")), None) is not None

    def forms_in(self, text: str) -> Iterator[tuple[int, int, Known]]:
        """Give where tokens stand that are written as a schema wants them; only as words of their own are they ones."""
        if not self._by_word:
            return
        done = 0
        forms = sorted(
            {form for word in set(_WORD.findall(text)) if word in self._by_word for form in self._by_word[word]},
            key=len,
            reverse=True,
        )
        found = sorted((at, -len(form), form) for form in forms for at in _places(form, text))
        for start, _, form in found:
            if start >= done:
                done = start + len(form)
                yield start, done, self._by_form[form]

    def of_text(self, text: str) -> Known | None:
        """Return what is known of exactly this value."""
        return self._by_text.get(text)

    def values(self) -> Iterable[Known]:
        """Return every value, oldest first."""
        return self._known.values()

    @property
    def tokens(self) -> int:
        """How many tokens this session has."""
        return len(self._by_token)

    def _key(self, text: str) -> bytes:
        return self._seal.digest(b"value", text)

    def _entry(self, key: bytes) -> Known:
        known = self._known.get(key)
        if known is None:
            raise StoreError("the store holds a token or a label of a value that it does not hold; restore the store")
        return known

    def _put(self, text: str, token: str, labels: frozenset[Label], *, number: bool, origin: Origin) -> Known:
        """Write a value down, with all that is known of it in one row; return what another worker wrote before, if so.

        What is learnt of it later stands in tables of their own: what was put once stays.
        """
        key = self._key(text)
        told = [[label.data_class, label.state, label.source] for label in labels]
        record = orjson.dumps([text, number, origin.event, origin.path, origin.transform, token, told])
        sealed = self._seal.seal(record, b"value")
        kept = self._store.put(self._scope, "value", key, sealed)
        known = Known(text, number, origin, token, labels) if kept == sealed else self._read(kept)
        self._take(key, known)
        return known

    def _read(self, sealed: bytes) -> Known:
        text, number, event, path, transform, *more = orjson.loads(self._seal.open(sealed, b"value"))
        token, told = more or ("", ())
        return Known(text, number, Origin(event, path, transform), token, frozenset(map(_label_of, told)))

    def _shared(self, labels: frozenset[Label]) -> frozenset[Label]:
        return self._labels.setdefault(labels, labels)

    def _take(self, key: bytes, known: Known) -> None:
        known.labels = self._shared(known.labels)
        self._known[key] = known
        self._by_text[known.text] = known
        if known.token:
            self._by_token[known.token] = known
        self.listed.append(known)
        self.fresh.append(known)

    def _give(self, known: Known, token: str) -> None:
        known.token = token
        self._by_token[token] = known

    def _is_free(self, form: str) -> bool:
        """Return whether nobody could take a form for anything else."""
        return (
            len(_longest_word(form)) >= _SHORTEST_RUN
            and form not in self._by_text
            and not lookalikes(form)
            and next(self.tokens_in(form), None) is None
        )

    def _put_form(self, known: Known, shape: str, form: Form) -> Form | None:
        """Write a form down; return the one that another worker wrote before, if so, and None if it is another's."""
        owner = self._store.put(self._scope, "form of", self._key(form.text), self._key(known.text))
        if owner != self._key(known.text):
            return None
        row = self._seal.digest(b"form", f"{shape} {known.text}")
        sealed = self._seal.seal(orjson.dumps([known.text, shape, form.text, form.number]), b"form")
        return self._take_form(self._store.put(self._scope, "form", row, sealed))

    def _take_form(self, sealed: bytes) -> Form:
        text, shape, written, number = orjson.loads(self._seal.open(sealed, b"form"))
        known, form = self._entry(self._key(text)), Form(written, number)
        if written not in self._by_form:
            known.forms += ((shape, form),)
            self._by_form[written] = known
            word = _longest_word(written)
            self._by_word[word] = (*self._by_word.get(word, ()), written)
        return form


def _longest_word(text: str) -> str:
    return max(_WORD.findall(text), key=len, default="")


def _places(form: str, text: str) -> Iterator[int]:
    """Give where a form stands in a text as a word of its own."""
    at = text.find(form)
    while at >= 0:
        around = text[at - 1 : at] + text[at + len(form) : at + len(form) + 1]
        if not any(sign.isalnum() for sign in around):
            yield at
        at = text.find(form, at + 1)


def _write_label(label: Label) -> bytes:
    return orjson.dumps([label.data_class, label.state, label.source])


def _read_label(data: bytes) -> Label:
    return _label_of(orjson.loads(data))


def _label_of(fields: Any) -> Label:
    if not isinstance(fields, list) or len(fields) != _LABEL_FIELDS:
        raise StoreError("the store holds a label that cannot be read; restore the store")
    return Label(DataClass(fields[0]), State(fields[1]), fields[2])
