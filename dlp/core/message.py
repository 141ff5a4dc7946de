"""One thing crossing the wall, with no trace of its wire format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

type Fact = str | int | float | bool | tuple[str, ...]
"""A typed statement about a message or a session that rules can use."""

type Facts = Mapping[str, Fact]
"""What is known; a name that is absent is unknown, which is not the same as false."""


class Direction(StrEnum):
    """Which way a message crosses the wall, seen from the sandbox."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Kind(StrEnum):
    """What a part's text is in its format; a transform may have to know."""

    TEXT = "text"
    NUMBER = "number"
    KEY = "key"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Part:
    """One readable text in a message, or, for `Kind.OPAQUE`, something nobody could read.

    `path` is a JSON Pointer (RFC 6901) into the body, or `url/…`, `query/…`, `header/…`, `cookie/…`. `name` is the
    key, column or field the text stands under: context for classifiers. `length` is in bytes and set for opaque parts,
    whose `text` is empty and whose `why` says what could not be read, without its contents. `unstructured` says that
    a body's text has no known structure, or holds one that was not read: fields of a record may be in it by no path.
    `ambiguous` says that other readers may take the body or query around it for something else: it states no fact.
    """

    path: str
    text: str = field(repr=False)
    kind: Kind = Kind.TEXT
    name: str = field(default="", repr=False)  # a JSON key can be a value in disguise: keep it out of reprs too
    length: int = 0
    why: str = ""
    unstructured: bool = False
    ambiguous: bool = False


class Block:
    """Some parts that arrived together: the request line, the headers, the body. Parts are made when asked for.

    `surface`, where it is not None, is UTF-8 text that holds the text of every part verbatim: a scan of it that finds
    nothing has answered for all of them. `key`, where it is not None, stands for the contents: blocks of equal keys
    have equal parts, so an answer about one may be kept for the next. `raw` are the bytes as they came, where there is
    no key.
    """

    __slots__ = ("_make", "_parts", "key", "raw", "surface")

    def __init__(
        self,
        make: Callable[[], tuple[Part, ...]],
        *,
        surface: bytes | None = None,
        key: object = None,
        raw: bytes | None = None,
    ) -> None:
        self._make = make
        self._parts: tuple[Part, ...] | None = None
        self.surface = surface
        self.key = key
        self.raw = raw

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in the order in which they stand in the message."""
        if self._parts is None:
            self._parts = self._make()
        return self._parts

    def __repr__(self) -> str:
        """Say how much is here, never what."""
        size = "?" if self.surface is None else len(self.surface)
        return f"Block({size} bytes)"


_METHODS = frozenset(
    (  # noqa: SIM905 - as a list it would be a page
        " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY "
        "PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH"
    ).split(" ")
)
"""Registered methods, and none at all."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a message is to or from.

    `upstream` is `scheme://host:port` with the port always written; `path` is decoded; `operation` is the HTTP method
    or the MCP tool.
    """

    protocol: str
    upstream: str
    operation: str
    path: str = field(default="/", repr=False)  # may hold values: an id, an e-mail address

    @property
    def told(self) -> str:
        """The operation as it may be recorded: a method that nobody registered may be a value, and becomes `*`."""
        return self.operation if self.protocol != "http" or self.operation in _METHODS else "*"


@dataclass(frozen=True)
class Message:
    """One thing crossing the wall."""

    direction: Direction
    endpoint: Endpoint
    blocks: tuple[Block, ...]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts of all blocks; findings and edits count them from zero."""
        return tuple(part for block in self.blocks for part in block.parts)
