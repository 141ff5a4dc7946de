"""Tool definitions, pinned at first sight: what an MCP server told of its tools, in hashes, and what changed since.

A definition is everything that a model may read of a tool: its name, title, description, schemas and annotations. What
is kept of it is a hash for each member, the kinds of hidden text in it, and the hints that it gives; never a text but
that of the schema of its results, which says how a token has to be written there.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from dlp.core.errors import StoreError
from dlp.core.message import Fact, Shape
from dlp.core.ports import Store
from dlp.engine.hidden import hidden_in, texts_in
from dlp.wire.output_schema import OutputSchema
from dlp.wire.stand_ins import DOMAIN

FACTS: Mapping[str, str] = {
    "tool_known": "boolean",
    "tool_changed": "boolean",
    "hidden_text": "boolean",
}
"""What the proxy itself states about a tool."""

HINTS: Mapping[str, str] = {
    "read_only_hint": "readOnlyHint",
    "destructive_hint": "destructiveHint",
    "idempotent_hint": "idempotentHint",
    "open_world_hint": "openWorldHint",
}
"""What a server claims about its tool, and the annotation that does: a claim may restrict, and never allows."""

# The protocol's defaults (schema, ToolAnnotations): a server that claims nothing claims the worst.
_DEFAULTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}
_VOLATILE = frozenset({"_meta", "icons"})  # not read by a model, and free to change from call to call
_SCOPE = "mcp-pins"
_MOST_TOOLS = 10_000
_MOST_VARIANTS = 50
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Definition:
    """A tool as its server describes it: `members` are hashes by name, `hidden` kinds of text that nobody sees."""

    name: str
    digest: str
    members: Mapping[str, str]
    hidden: tuple[str, ...] = ()
    hints: Mapping[str, bool] = field(default_factory=dict)
    returns: str = field(default="", repr=False)  # the `outputSchema`, in JSON


@dataclass(frozen=True, slots=True)
class Pin:
    """A tool of a server: the definition first seen and the one last seen, and whether the last was accepted."""

    server: str
    first: Definition
    last: Definition
    accepted: bool

    @property
    def changed(self) -> bool:
        """Whether the definition is another than the first, and nobody has accepted it."""
        return self.last.digest != self.first.digest and not self.accepted

    @property
    def hidden(self) -> bool:
        """Whether the definition holds hidden text, and nobody has accepted it."""
        return bool(self.last.hidden) and not self.accepted

    @property
    def differs(self) -> tuple[str, ...]:
        """The members in which the last definition differs from the first."""
        names = {**self.first.members, **self.last.members}
        return tuple(sorted(n for n in names if self.first.members.get(n) != self.last.members.get(n)))

    @property
    def suspect(self) -> bool:
        """Whether something about the tool waits for a person."""
        return self.changed or self.hidden


def define(tool: Mapping[str, object]) -> Definition:
    """Return the definition of a tool as `tools/list` gives it.

    Raises:
        ValueError: it has no name.

    """
    name = tool.get("name")
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME:
        raise ValueError(f"expected a tool with a name of 1 to {_LONGEST_NAME} characters")
    members = {key: _hash(value) for key, value in sorted(tool.items()) if key not in _VOLATILE}
    read = {key: value for key, value in tool.items() if key not in _VOLATILE}
    hidden = sorted(frozenset().union(*(hidden_in(text) for text in texts_in(read))))
    if not name.isascii():  # a letter of another script looks the same, and names another tool
        hidden.append("name")
    returns = json.dumps(tool["outputSchema"]) if isinstance(tool.get("outputSchema"), dict) else ""
    hints = _hints(tool.get("annotations"))
    return Definition(name, _hash(members), members, tuple(hidden), hints, returns)


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode("ascii")).hexdigest()[:32]


def _hints(annotations: object) -> dict[str, bool]:
    given = annotations if isinstance(annotations, Mapping) else {}
    told = {key: given.get(key, default) for key, default in _DEFAULTS.items()}
    return {key: value if isinstance(value, bool) else _DEFAULTS[key] for key, value in told.items()}


class Pins:
    """The pins of all servers, kept in the store; what was seen last is remembered while the process lives."""

    def __init__(self, store: Store, domain: str = DOMAIN) -> None:
        """`domain` is where stand-ins in results are addresses at."""
        self._store = store
        self._domain = domain
        self._stamp: object = None
        self._servers: dict[str, _Server] = {}

    def see(self, server: str, tools: Iterable[Mapping[str, object]]) -> list[Pin]:
        """Take note of a listing; return the pin of each of its tools, in their order.

        Of two tools of one name in a listing the later counts as a change of the earlier.

        Raises:
            ValueError: a tool has no name, or is no JSON.
            StoreError: it cannot be kept.

        """
        known = self._known(server)
        definitions = [known.define(tool) for tool in tools]
        new = [one for one in definitions if known.keep(one)]
        if new:
            self._keep(server, new)
        pins: list[Pin] = []
        worst: dict[str, Definition] = {}
        for one in definitions:
            pin = known.pin(server, one)
            pins.append(pin)
            if one.name not in worst or pin.suspect:
                worst[one.name] = one
        known.last |= worst
        known.told.clear()
        return pins

    def get(self, server: str, tool: str) -> Pin | None:
        """Return the pin of one tool, None if its server has never listed it."""
        known = self._known(server)
        last = known.last.get(tool)
        return None if last is None else known.pin(server, last)

    def facts(self, server: str, tool: str) -> Mapping[str, Fact]:
        """Return what rules may know of a tool that is called."""
        known = self._servers.get(server)
        told = None if known is None else known.told.get(tool)
        if told is None:
            pin = self.get(server, tool)
            told = facts_of(pin)
            if pin is not None and not pin.suspect:
                # What another process accepts meanwhile changes nothing about it: only a listing can.
                self._servers[server].told[tool] = told
        return told

    def admitted(self, server: str, tool: str) -> Callable[[str], Shape | None] | None:
        """Return what gives the shape of a place in what a tool returns, by its schema as it was last seen.

        None where there is no schema.
        """
        known = self._servers.get(server) or self._known(server)  # what was accepted since changes no schema
        last = known.last.get(tool)
        return None if last is None or not last.returns else _output_schema(last.returns, self._domain).shape

    def all(self) -> list[Pin]:
        """Return every pin, by server and name."""
        servers = {key.decode() for key, _ in self._store.items(_SCOPE, "servers")}
        return [
            known.pin(server, known.last[name])
            for server in sorted(servers)
            for known in (self._known(server),)
            for name in sorted(known.last)
        ]

    def accept(self, pin: Pin) -> None:
        """Take a definition for good, hidden text and all."""
        known = self._known(pin.server)
        member = f"{pin.last.name}\0{pin.last.digest}"
        self._store.add(_SCOPE, f"accepted {pin.server}", [member.encode("utf-8", "surrogatepass")])
        known.accepted.add(member)

    def _known(self, server: str) -> "_Server":
        """Return what is known of a server; what another process accepted since is read anew."""
        stamp = self._store.stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            for name, known in self._servers.items():
                known.accepted = self._accepted(name)
        if server not in self._servers:
            loaded = _Server(accepted=self._accepted(server))
            for _, value in self._store.items(_SCOPE, f"seen {server}"):
                loaded.keep(_read(value))
            self._servers[server] = loaded
        return self._servers[server]

    def _accepted(self, server: str) -> set[str]:
        return {m.decode("utf-8", "surrogatepass") for m in self._store.members(_SCOPE, f"accepted {server}")}

    def _keep(self, server: str, new: Sequence[Definition]) -> None:
        try:
            with self._store.batch():
                self._store.put(_SCOPE, "servers", server.encode(), b"")
                for one in new:
                    key = f"{one.name}\0{one.digest}".encode("utf-8", "surrogatepass")
                    self._store.put(_SCOPE, f"seen {server}", key, _written(one))
        except BaseException:
            self._servers.pop(server, None)  # memory must not know more than the store
            raise


@functools.lru_cache(maxsize=256)
def _output_schema(returns: str, domain: str) -> OutputSchema:
    return OutputSchema(json.loads(returns), domain)


@dataclass(slots=True)
class _Server:
    """What is known of one server: definitions by tool, oldest first, the last seen, and what was accepted."""

    accepted: set[str]
    seen: dict[str, dict[str, Definition]] = field(default_factory=dict)
    last: dict[str, Definition] = field(default_factory=dict)
    made: dict[bytes, Definition] = field(default_factory=dict)
    told: dict[str, Mapping[str, Fact]] = field(default_factory=dict)  # of tools about which nothing waits

    def define(self, tool: Mapping[str, object]) -> Definition:
        """Return a tool's definition; one that reads as it did before is not worked out again."""
        text = orjson.dumps({key: value for key, value in tool.items() if key not in _VOLATILE})
        known = self.made.get(text)
        if known is None:
            known = define(tool)
            if len(self.made) >= _MOST_TOOLS:
                self.made.clear()
            self.made[text] = known
        return known

    def keep(self, one: Definition) -> bool:
        """Add a definition behind those that were seen before; tell whether it is new.

        A server that makes up ever more of them gets no more room.
        """
        variants = self.seen.get(one.name, {})
        if (
            one.digest in variants
            or len(variants) >= _MOST_VARIANTS
            or (not variants and len(self.seen) >= _MOST_TOOLS)
        ):
            return False
        self.seen.setdefault(one.name, variants)[one.digest] = one
        self.last[one.name] = one
        return True

    def pin(self, server: str, one: Definition) -> Pin:
        """Return a definition beside the first of its tool; a tool for which there was no room counts as changed."""
        variants = self.seen.get(one.name)
        first = next(iter(variants.values())) if variants else Definition(one.name, "", {})
        return Pin(server, first, one, f"{one.name}\0{one.digest}" in self.accepted)


def facts_of(pin: Pin | None) -> Mapping[str, Fact]:
    """Return what rules may know of a tool; one that was never listed has not changed, and claims nothing."""
    if pin is None:
        return {"tool_known": False, "tool_changed": False, "hidden_text": False}
    claimed = {name: pin.last.hints[key] for name, key in HINTS.items()}
    return {"tool_known": True, "tool_changed": pin.changed, "hidden_text": pin.hidden, **claimed}


def _written(one: Definition) -> bytes:
    told = {"name": one.name, "digest": one.digest, "members": one.members, "hidden": one.hidden, "hints": one.hints}
    return json.dumps(told | ({"returns": one.returns} if one.returns else {})).encode()


def _read(value: bytes) -> Definition:
    try:
        told = json.loads(value)
        name, digest, returns = (str(told.get(key, "")) for key in ("name", "digest", "returns"))
        return Definition(name, digest, told["members"], tuple(told["hidden"]), told["hints"], returns)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError("the pins of MCP tools cannot be read; see to the store with `dlp doctor`") from error
