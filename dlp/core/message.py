"""One thing crossing the wall, with no trace of its wire format."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

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
    no key. `far`, where it is not None, is to be called where it may take long and can be killed, and what it returns
    given to `settle`, which hands it to `take`; without that, the parts are what can be said without it. `size` is in
    bytes, once decoded: what it takes to look through it. `bound`, where it is not None, gives what a grant for the
    message is bound to in place of all this: a protocol that numbers its messages never says the same twice.
    """

    __slots__ = ("_make", "_parts", "_take", "bound", "far", "key", "raw", "size", "surface")

    def __init__(
        self,
        make: Callable[[], tuple[Part, ...]],
        *,
        surface: bytes | None = None,
        key: object = None,
        raw: bytes | None = None,
        far: Callable[[], object] | None = None,
        take: Callable[[Any], object] | None = None,
        size: int = 0,
        bound: Callable[[], bytes] | None = None,
    ) -> None:
        self.far, self._take = far, take
        self.bound = bound
        self.size = size or len(surface or raw or b"")
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

    @property
    def made(self) -> tuple[Part, ...]:
        """The parts as far as anybody has asked for them."""
        return self._parts or ()

    def settle(self, answer: object) -> None:
        """Take what `far` returned; the parts are made anew with it."""
        if self._take is not None:
            self._take(answer)
        self._parts = self.far = None

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


MCP_METHODS = frozenset(
    (  # noqa: SIM905 - the same
        "initialize ping server/discover tools/list tools/call resources/list resources/templates/list resources/read "
        "resources/subscribe resources/unsubscribe prompts/list prompts/get completion/complete logging/setLevel "
        "subscriptions/listen sampling/createMessage elicitation/create roots/list tasks/get tasks/result tasks/list "
        "tasks/cancel tasks/update notifications/initialized notifications/cancelled notifications/progress "
        "notifications/message notifications/roots/list_changed notifications/tools/list_changed "
        "notifications/resources/list_changed notifications/resources/updated notifications/prompts/list_changed "
        "notifications/elicitation/complete notifications/tasks/status notifications/subscriptions/acknowledged"
    ).split(" ")
)
"""The methods of MCP, of all revisions."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a message is to or from.

    `upstream` is `scheme://host:port` with the port always written; `path` is decoded; `operation` is the HTTP method
    or the method of MCP. `mcp://SERVER:0` with a path such as `/tools/NAME` is a part of an MCP server, `/` the server
    as such.
    """

    protocol: str
    upstream: str
    operation: str
    path: str = field(default="/", repr=False)  # may hold values: an id, an e-mail address

    @property
    def told(self) -> str:
        """The operation as it may be recorded: a method that nobody registered may be a value, and becomes `*`."""
        return self.operation if self.operation in (MCP_METHODS if self.protocol == "mcp" else _METHODS) else "*"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a stand-in for a value: a text, or a number that is written so."""

    text: str
    number: bool = False


class Shape(Protocol):
    """What one place in a message admits, as whoever reads it checks."""

    @property
    def key(self) -> str:
        """What stands for it: shapes of equal keys admit the same."""
        ...

    def around(self, text: str, *, number: bool, entities: Collection[str] = ()) -> "Shape | None":
        """Return the shape that a stand-in for what stands there must have; None where even that is not admitted.

        `entities` are those of the classes that what stands there has.
        """
        ...

    def admits(self, text: str, *, number: bool = False) -> bool:
        """Return whether a text is admitted, or the number that is written so."""
        ...

    def form(self, seed: int, *, number: bool) -> Form | None:
        """Return a stand-in chosen by a number of 512 bits, of the type asked for; None where none is to be had."""
        ...


@dataclass(frozen=True)
class Message:
    """One thing crossing the wall. `facts` are what its adapter states of it; nobody else can state the same.

    `shape`, where it is not None, gives what the place at a part's path admits, None where it admits anything.
    """

    direction: Direction
    endpoint: Endpoint
    blocks: tuple[Block, ...]
    facts: Facts = field(default_factory=dict, repr=False)
    shape: Callable[[str], Shape | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All parts of all blocks; findings and edits count them from zero."""
        return tuple(part for block in self.blocks for part in block.parts)
