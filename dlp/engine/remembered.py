"""What is remembered beyond sessions: values of classes with `remember: tenant` that an upstream was allowed to have.

Where such a value comes back in another session, it has its label again. Kept are keyed hashes, under a key of the
tenant that is wrapped like those of sessions: never a value, and nothing that could be tried without the key. A value
is known again in other case and with other separators; a longer text by any eight of its words that begin where one was
cut. How many are kept is bounded: beyond, all that comes from the upstream tells something of the class.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dlp.core.exact import LONGEST, plain
from dlp.core.label import DataClass
from dlp.core.ports import Store
from dlp.engine.keys import Seal
from dlp.engine.matching import whole_only

_SCOPE = "tenant"
_MOST = 1_000_000
_LEAST = 4  # characters without separators: what is shorter is known as a whole part only
_CACHED = 65_536
_words = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Stored:
    """A value that an upstream was allowed to have: its class, and the source it once came from."""

    text: str
    data_class: DataClass
    source: str

    def __repr__(self) -> str:
        """Say of what class it is, never what."""
        return f"Stored({self.data_class})"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A remembered value at code points `start` to `end` of text number `text`, half-open."""

    text: int
    start: int
    end: int
    data_class: DataClass
    source: str


class Remembered:
    """What one tenant remembers; the store has the truth, and all workers see it."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal
        self._digests: dict[str, bytes] = {}

    def note(self, stored: Iterable[Stored], upstream: str) -> None:
        """Remember what an upstream is about to get; durable with the store's batch around it."""
        for one in dict.fromkeys(stored):
            words = _split(one.text)
            joined = plain(one.text)
            if not joined:
                continue
            if whole_only(one.text) or len(joined) < _LEAST:
                self._put(f"wholes {one.data_class}", joined, one, upstream)
                continue
            for at in range(0, len(words), LONGEST):
                piece = words[at : at + LONGEST]
                if at and len(piece) < LONGEST:  # the end of a long text: its last eight words
                    piece = words[-LONGEST:]
                if self._put(f"values {one.data_class}", "".join(piece), one, upstream):
                    self._store.add(_SCOPE, "starts", [self._digest(piece[0])])

    def recall(self, texts: Sequence[str], classes: Iterable[DataClass]) -> Iterator[Recalled]:
        """Give where values of these classes stand in some texts."""
        kinds = [(f"values {name}", f"wholes {name}", name) for name in sorted(classes)]
        split = [[(plain(match.group()), *match.span()) for match in _words.finditer(text)] for text in texts]
        begins = {word: self._digest(word) for words in split for word, _, _ in words if word}
        known = self._store.present(_SCOPE, "starts", set(begins.values()))
        for number, words in enumerate(split):
            whole = self._digest("".join(word for word, _, _ in words))
            for _, short, name in kinds:
                source = self._store.get(_SCOPE, short, whole) if words else None
                if source is not None:
                    yield Recalled(number, words[0][1], words[-1][2], name, source.decode())
            for at, (word, start, _) in enumerate(words):
                if begins.get(word) in known:
                    yield from self._from(number, words[at : at + LONGEST], start, kinds)

    def carried(self, upstream: str, classes: Iterable[DataClass]) -> frozenset[DataClass]:
        """Return the classes of which this upstream got more than could be remembered one by one."""
        marks = {_full(upstream, name): name for name in classes}
        found = self._store.present(_SCOPE, "full", marks)
        return frozenset(marks[mark] for mark in found)

    def _from(
        self,
        number: int,
        words: Sequence[tuple[str, int, int]],
        start: int,
        kinds: Sequence[tuple[str, str, DataClass]],
    ) -> Iterator[Recalled]:
        joined = ""
        best: dict[DataClass, Recalled] = {}
        for word, _, end in words:
            joined += word
            digest = self._digest(joined, keep=False)
            for kind, _, name in kinds:
                source = self._store.get(_SCOPE, kind, digest)
                if source is not None:
                    best[name] = Recalled(number, start, end, name, source.decode())
        yield from best.values()

    def _put(self, kind: str, joined: str, one: Stored, upstream: str) -> bool:
        digest = self._digest(joined, keep=False)
        if self._store.get(_SCOPE, kind, digest) is not None:
            return True
        if self._store.take_number(_SCOPE, "remembered") > _MOST:
            self._store.add(_SCOPE, "full", [_full(upstream, one.data_class)])
            return False
        self._store.put(_SCOPE, kind, digest, one.source.encode())
        return True

    def _digest(self, text: str, *, keep: bool = True) -> bytes:
        digest = self._digests.get(text)
        if digest is None:
            digest = self._seal.digest(b"remembered", text)[:16]
            if keep:
                if len(self._digests) >= _CACHED:
                    self._digests.clear()
                self._digests[text] = digest
        return digest


def _split(text: str) -> list[str]:
    return [word for match in _words.finditer(text) if (word := plain(match.group()))]


def _full(upstream: str, data_class: DataClass) -> bytes:
    return f"{upstream} {data_class}".encode()
