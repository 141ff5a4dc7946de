"""Which method of MCP carries what where: one JSON-RPC message as parts, and how it is written back.

Parts are numbered in the order in which they stand. What `params` or `result` holds has its path from there
(`/arguments/channel`, `/content/0/text`), an error from `/error`; what a tool returned, be it `structuredContent` or
JSON in a text, has a root of its own, so that one declared field covers both copies. A resource's URI is `url/uri`.
Longer than most modules because what is read of a message, and what is left out, must be written back in the same way.
"""

import base64
import binascii
import functools
import json
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import MCP_METHODS, Block, Kind, Part
from dlp.core.policy import decoded_path
from dlp.wire.body import Body, read_body
from dlp.wire.container import sniff
from dlp.wire.json_text import JSON_STRING, scan_json
from dlp.wire.jsonrpc import Id, Rpc, Sort, may_be_json
from dlp.wire.leaf import Leaves, Place, by_part, make_part, rewrite
from dlp.wire.limits import Invalid

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
"""The member of `_meta` by which a request says that it is of a revision without sessions."""

_NAMED = {"tools/call": "/tools/", "prompts/get": "/prompts/"}
_OF_A_RESOURCE = frozenset(
    {"resources/read", "resources/subscribe", "resources/unsubscribe", "notifications/resources/updated"}
)
_OF_THE_CLIENT = {
    "sampling/createMessage": "/sampling",
    "elicitation/create": "/elicitation",
    "roots/list": "/roots",
}
_UNKNOWN = "/other"
_SLASHES = re.compile(r"/{2,}")
_LOCALHOST = re.compile(
    r"\A//(?:{})\.?(?=/)".format("".join(f"(?:{sign}|%{ord(sign):x}|%{ord(sign) - 32:x})" for sign in "localhost")),
    re.IGNORECASE,
)

_SPACE = re.compile(r"[ \t\r\n]*+")
_TEXT = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^\s,}\]]++', re.DOTALL)
_PREFIX = {"params": "", "result": "", "error": "/error"}
_STRUCTURED = frozenset(["text/csv", "text/tab-separated-values", "text/xml", "application/xml", "text/html"])
_RETURNED = "/structuredContent"
_OF_A_RESULT = re.compile(r"/(?:contents?|messages)/")

_META = "/_meta/"
_META_KEY = re.compile(rb'"_meta"[ \t\r\n]*:[ \t\r\n]*(?={)')
_LONGEST_META = 1024
MOST_COUNTED = 1_000_000
"""What a number that counts messages is below."""
_DECODER = json.JSONDecoder()

LATEST = "2026-07-28"
"""The revision without sessions."""
VERSIONS = frozenset(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", LATEST])
_VERSION = re.compile(rb'("io\.modelcontextprotocol/protocolVersion"\s*:\s*)"(?:%b)"' % "|".join(VERSIONS).encode())
_FRAME = frozenset(
    (  # noqa: SIM905 - as a list it would be a page
        "structuredContent isError resultType progressToken ttlMs cacheScope requestState inputResponses mimeType "
        "nextCursor inputSchema outputSchema readOnlyHint destructiveHint idempotentHint openWorldHint "
        "additionalProperties"
    ).split(" ")
)
"""Names of members that are the protocol's, and in which small and capital letters stand as in something sealed: as
parts they would be looked at again and again, and they say nothing."""
_NAMES = frozenset(
    (  # noqa: SIM905 - the same
        "content contents text blob data uri uriTemplate name title description type role resource messages tools "
        "prompts resources resourceTemplates values completion"
    ).split(" ")
)
"""More of them, which are words that may be somebody's where a message holds what is somebody's: a member of the
protocol's that were rewritten, as `blob` would be once somebody is called that, would be no member any more."""
_SOMEBODYS = ("/arguments/", "/structuredContent/", "/_meta/", "/inputSchema/", "/outputSchema/", "/requestedSchema/")
_CALLED = re.compile(r"/(?:tools|prompts|resourceTemplates)/\d+/(?:.*/)?(?:name|title)")
_FRAMES = re.compile(rb'"(?:jsonrpc|%b)"\s*:' % "|".join(sorted(_FRAME)).encode())
_OPENS = re.compile(rb'\{?"result":\{"content":\[\{(?:"type":"text",)?"text":')
_OPENED = b'"content" "type" "text" '
"""What most answers begin with, and the keys in it: all of it in a row would make of the first word what is no word."""
_TOKEN = re.compile(rb'"progressToken"\s*:\s*\d+\s*,?\s*')
_BLOCKS = ["text", "image", "audio", "resource", "resource_link", "tool_use", "tool_result"]
_SCHEMAS = ["object", "string", "number", "integer", "boolean", "array", "null"]
_WORDS: Mapping[str, frozenset[str]] = {
    "protocolVersion": VERSIONS,
    VERSION_KEY: VERSIONS,
    "type": frozenset([*_BLOCKS, *_SCHEMAS]),
    "role": frozenset(["user", "assistant"]),
    "resultType": frozenset(["complete", "input_required"]),
    "cacheScope": frozenset(["public", "private"]),
    "action": frozenset(["accept", "decline", "cancel"]),
}
"""What the protocol's own words are: a text that is one of them, in its place, tells nothing (a version is no date)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a message is to or from within its server: the operation, and the path that policies name."""

    operation: str
    path: str = field(repr=False)


def target_of(rpc: Rpc) -> Target:
    """Return what a request or notification is about; of an answer, that of what it answers is meant instead."""
    method, body = rpc.method, rpc.body
    if method not in MCP_METHODS:
        return Target("*", _UNKNOWN)
    if method in _NAMED:
        name = body.get("name")
        return Target(method, _NAMED[method] + (name if isinstance(name, str) else ""))
    if method in _OF_A_RESOURCE:
        return Target(method, _resource(body.get("uri")))
    if method == "completion/complete":
        ref = body.get("ref")
        named = ref.get("name") if isinstance(ref, dict) else None
        if isinstance(named, str):
            return Target(method, f"/prompts/{named}")
        return Target(method, _resource(ref.get("uri") if isinstance(ref, dict) else None))
    return Target(method, _OF_THE_CLIENT.get(method, "/"))


def _resource(uri: object) -> str:
    """Return the path of a resource: `file:///a/b` is `/resources/file/a/b`."""
    text = uri if isinstance(uri, str) else ""
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "file":
        rest = _LOCALHOST.sub("", rest)  # RFC 8089: the same as none
    return decoded_path(_SLASHES.sub("/", f"/resources/{scheme.lower()}/{rest}"))


class McpBody:
    """One message as blocks of parts. They are made when parts are asked for.

    What stands in `_meta` is a block of its own with a key, since a client says the same there with every request.
    `known` are texts of the peer's own that are no news to whom it goes: the id and token of what it answers. `again`
    says that a server may well say the same once more, as a list of tools: its block has a key then, too.
    """

    __slots__ = ("_known", "_limit", "_pieces", "_rpc", "blocks")

    def __init__(self, rpc: Rpc, *, limit: int, known: Collection[str] = (), again: bool = False) -> None:
        self._rpc, self._limit, self._known = rpc, limit, known
        self._pieces: _Pieces | None = None
        raw = rpc.raw
        # Blobs are decoded, so their text does not stand here; nor does one with escapes, and JSON in a text has them.
        verbatim = not (b"\\" in raw or b'"blob"' in raw or (b'"data"' in raw and b'"mimeType"' in raw))
        meta = _meta_of(rpc) if verbatim else None
        start, end = meta or (0, 0)
        rest, key = raw[:start] + raw[end:], None
        if str(rpc.id) in known and (without := _without_id(rest, rpc)) is not None:  # a known id is no part
            rest, key = without, ("mcp", sha256(without).digest()) if again else None
        surface = _shown(rest, rpc) if verbatim else None
        if meta is None:
            whole = Block(self._make, surface=surface, key=key, raw=raw, bound=self._bound)
            self.blocks: tuple[Block, ...] = (whole,)
            return
        said = raw[start:end]
        tokens = said.count(b'"progressToken"')  # of which none may stand for another that says something else
        if tokens == 1 and rpc.meta.get("progressToken") == rpc.id and type(rpc.id) is int:  # the id says it
            said = _TOKEN.sub(b"", said, count=1)
        self.blocks = (
            Block(lambda: self._share(meta=False), surface=surface, key=key, raw=raw, bound=self._bound),
            Block(lambda: self._share(meta=True), surface=_surface_of_meta(said), key=("_meta", said), bound=bytes),
        )

    def __repr__(self) -> str:
        """Say how much is here, never what."""
        return f"McpBody({len(self._rpc.raw)} bytes)"

    def _bound(self) -> bytes:
        """Return what the message says, without the numbers that a client gives its messages: they only count."""
        rpc = self._rpc
        meta = {key: value for key, value in rpc.meta.items() if key != "progressToken" or not _counts(value)}
        number = None if _counts(rpc.id) else rpc.id
        said = {"id": number, "method": rpc.method, "body": {**rpc.body, "_meta": meta}}
        return json.dumps(said, sort_keys=True).encode()

    def _make(self) -> tuple[Part, ...]:
        try:
            return self._read().parts
        except ParseError as error:
            return (Part("", "", Kind.OPAQUE, length=len(self._rpc.raw), why=str(error)),)

    def _share(self, *, meta: bool) -> tuple[Part, ...]:
        try:
            pieces = self._read()
        except ParseError:
            return () if meta else self._make()
        return pieces.parts[pieces.meta :] if meta else pieces.parts[: pieces.meta]

    def _read(self) -> "_Pieces":
        if self._pieces is None:
            self._pieces = _Pieces(self._rpc, self._limit, self._known)
        return self._pieces

    def write(self, edits: Iterable[Edit]) -> bytes:
        """Return the message as it came with `edits` made; a result that is edited may be kept by its client only.

        Raises:
            ParseError: an edit does not fit, or is of what says which message this is: its id, or what it names.

        """
        sorted_out = by_part(edits)
        return self._read().write(sorted_out) if sorted_out else self._rpc.raw


class _Pieces:
    """The parts of a message, each from a leaf of it or from a body that stands in a leaf."""

    def __init__(self, rpc: Rpc, limit: int, known: Collection[str]) -> None:
        self._rpc, self._limit = rpc, limit
        self._text = rpc.raw.decode()
        self._scope: Place | None = None  # of `cacheScope: public`
        leaves = self._leaves = _scan(self._text, rpc)
        inner = [part.path.startswith(_META) for part in leaves.parts]
        order = [at for at, meta in enumerate(inner) if not meta] + [at for at, meta in enumerate(inner) if meta]
        self._mimes = {
            part.path.removesuffix("/mimeType"): part.text
            for part in leaves.parts
            if part.kind is Kind.TEXT and part.path.endswith("/mimeType")
        }
        # Which leaf each run of parts is from, by the number of its first part.
        self._starts: list[int] = []
        self._origins: list[tuple[int, Body | None, bool]] = []
        parts: list[Part] = []
        self.meta = -1  # how many parts stand before those of `_meta`
        for index in order:
            part = leaves.parts[index]
            if inner[index] and self.meta < 0:
                self.meta = len(parts)
            if self._is_word(part, index) or self._is_known(part, known) or self._is_id(part):
                continue
            body, is_blob = self._inner(part)
            self._starts.append(len(parts))
            self._origins.append((index, body, is_blob))
            parts += (self._placed(part),) if body is None else body.block.parts
        self.parts = tuple(parts)
        self.meta = len(parts) if self.meta < 0 else self.meta

    def _is_word(self, part: Part, index: int) -> bool:
        """Return whether this is one of the protocol's own words."""
        if part.kind is Kind.KEY:
            return part.text in _FRAME or (part.text in _NAMES and not any(one in part.path for one in _SOMEBODYS))
        words = _WORDS.get(part.name)
        if part.kind is not Kind.TEXT or words is None or part.text not in words:
            return False
        if part.path == "/cacheScope" and part.text == "public":
            self._scope = self._leaves.places[index]
        return not part.path.startswith(("/arguments/", _RETURNED))  # there they may be somebody's

    @staticmethod
    def _is_known(part: Part, known: Collection[str]) -> bool:
        return part.path in ("rpc/id", "/progressToken", "/requestId") and part.text in known

    def _is_id(self, part: Part) -> bool:
        """Return whether this is a progress token that says what the request's id says, or its name."""
        id_, token = self._rpc.id, self._rpc.meta.get("progressToken")
        return part.path == "/_meta/progressToken" and type(id_) is int and token == id_

    def _placed(self, part: Part) -> Part:
        if part.path == "/uri" and part.kind is Kind.TEXT and self._rpc.method in _OF_A_RESOURCE:
            return replace(part, path="url/uri")
        if part.path.startswith(_RETURNED + "/"):
            return make_part(
                part.path.removeprefix(_RETURNED), part.text, part.kind, part.name, unstructured=part.unstructured
            )
        if self._rpc.sort is Sort.RESULT and _CALLED.fullmatch(part.path):
            return replace(part, name="function")  # a tool or a parameter is called so, after nobody
        if part.name == "text" and self._rpc.sort is Sort.RESULT and _OF_A_RESULT.match(part.path):
            return replace(part, unstructured=True)  # CSV, prose: a field may be anywhere in it, as in a text body
        return part

    def _inner(self, part: Part) -> tuple[Body | None, bool]:
        """Return the body that a leaf holds, and whether it is there in base64."""
        if part.kind is not Kind.TEXT:
            return None, False
        where, _, name = part.path.rpartition("/")
        mime = self._mimes.get(where, "")
        returned = self._rpc.sort is Sort.RESULT and _OF_A_RESULT.match(part.path) is not None
        if name == "blob" or (name == "data" and mime):
            try:
                content = base64.b64decode(part.text, validate=True)
            except binascii.Error:
                return None, False
            body = read_body(content, mime, "", limit=self._limit, prefix=part.path)
            # What only happens to be base64 must not pass for a text in some other charset: then nobody looks at it.
            return (None, False) if _is_other_text(content, body) else (body, True)
        text = part.text.lstrip()
        if text[:1] in ("{", "[") and may_be_json(part.text):
            prefix = "" if returned and name == "text" else part.path
            body = read_body(part.text.encode(), "application/json", "", limit=self._limit, prefix=prefix)
            if all(one.kind is not Kind.OPAQUE for one in body.block.parts) or _is_json(part.text):
                return body, False
        if name == "text" and mime.partition(";")[0].strip().lower() in _STRUCTURED:
            kind = mime.partition(";")[0]
            prefix = "" if returned else part.path
            return read_body(part.text.encode(), kind, "", limit=self._limit, prefix=prefix), False
        return None, False

    def write(self, edits: Mapping[int, Sequence[Edit]]) -> bytes:
        """Return the message with its parts edited."""
        outer: dict[int, list[Edit]] = {}
        inner: dict[int, list[Edit]] = {}
        for number, given in edits.items():
            if not 0 <= number < len(self.parts):
                raise ParseError(f"edit: of a part that is not there; the message has {len(self.parts)}")
            run = bisect_right(self._starts, number) - 1
            index, body, _ = self._origins[run]
            if body is None:
                self._refuse_routing(self._leaves.parts[index])
                outer[index] = list(given)
            else:
                start = self._starts[run]
                inner.setdefault(run, []).extend(replace(edit, part=number - start) for edit in given)
        for run, given in inner.items():
            index, body, is_blob = self._origins[run]
            assert body is not None  # noqa: S101 - or it would be an outer one
            written = body.write(given)
            text = base64.b64encode(written).decode() if is_blob else written.decode()
            outer[index] = [_difference(index, self._leaves.parts[index].text, text)]
        parts, places = self._leaves.parts, self._leaves.places
        if self._scope is not None and self._rpc.sort is Sort.RESULT:
            index = places.index(self._scope)
            outer[index] = [Edit(index, 0, len(parts[index].text), "private")]
        text = rewrite(self._text, parts, places, outer)
        if any(parts[index].kind is Kind.KEY for index in outer):
            _scan(text, self._rpc)  # a key may now be there twice
        return text.encode()

    def _refuse_routing(self, part: Part) -> None:
        """Raise ParseError for an edit of what says which message this is, or which tool is meant."""
        named = self._rpc.method and part.path in _ROUTING
        if named or part.path in ("rpc/id", "rpc/method"):
            raise ParseError("edit: of what says which message this is")


def _meta_of(rpc: Rpc) -> tuple[int, int] | None:
    """Return where the `_meta` of a message's body stands in it; None where it is long, or not sure to be that one."""
    raw = rpc.raw
    if not rpc.meta or raw.count(b'"_meta"') != 1 or (key := _META_KEY.search(raw)) is None:
        return None
    value, length = _value_at_start(raw[key.end() : key.end() + _LONGEST_META])
    return (key.end(), key.end() + length) if value == rpc.meta else None


@functools.lru_cache(maxsize=256)
def _value_at_start(data: bytes) -> tuple[object, int]:
    """Return the JSON value that these bytes begin with and its length; None and 0 where there is none.

    It is for comparing. What ends a message is the same in the next, where it holds no number of it.
    """
    try:
        # Latin-1 keeps bytes apart, so lengths are right; what is beyond ASCII reads differently, and is not the same.
        value, length = _DECODER.raw_decode(data.decode("latin-1"))
    except ValueError:
        return None, 0
    return value, length


@functools.lru_cache(maxsize=256)
def _surface_of_meta(said: bytes) -> bytes:
    """Return what a `_meta` says beside the protocol's own words."""
    return _FRAMES.sub(b"", _VERSION.sub(rb'\1""', said))


def _shown(raw: bytes, rpc: Rpc) -> bytes:
    """Return what a message without its `_meta` says beside the protocol's own words."""
    if rpc.sort is Sort.RESULT:
        raw = _said_once(raw, rpc)
        if opens := _OPENS.match(raw):
            raw = _OPENED + raw[opens.end() :]
    return _FRAMES.sub(b"", raw)


def _said_once(raw: bytes, rpc: Rpc) -> bytes:
    """Return a result without the second copy of a text that the SDKs put into both `content` and the structure."""
    content, value = rpc.body.get("content"), rpc.body.get("structuredContent")
    text = value.get("result") if isinstance(value, dict) else None
    if not (isinstance(text, str) and isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict)):
        return raw
    return raw.replace(b'"result":"%b"' % text.encode(), b'"result"', 1) if content[0].get("text") == text else raw


def renamed(rpc: Rpc, new: Mapping[str, object]) -> bytes:
    """Return a message with other texts or numbers at these paths, where there is something; all else as it came."""
    text = rpc.raw.decode()
    leaves = _scan(text, rpc)
    out, done = list[str](), 0
    for part, (start, end, _) in zip(leaves.parts, leaves.places, strict=True):
        if part.kind is not Kind.KEY and part.path in new:
            out += (text[done:start], json.dumps(new[part.path]))
            done = end
    return ("".join(out) + text[done:]).encode()


def with_id(rpc: Rpc, new: Id, token: Id | None = None) -> bytes:
    """Return a message under another id, and with another progress token where one is given; all else as it came."""
    if token is None and rpc.id is not None:
        old, number = json.dumps(rpc.id).encode(), json.dumps(new).encode()
        begins, ends = b'{"jsonrpc":"2.0","id":%b,' % old, b',"id":%b}' % old
        # So the SDKs write it: nothing can stand around the first member, nor around the last.
        if rpc.raw.startswith(begins):
            return b'{"jsonrpc":"2.0","id":%b,' % number + rpc.raw[len(begins) :]
        if rpc.raw.endswith(ends):
            return rpc.raw[: -len(ends)] + b',"id":%b}' % number
    return renamed(rpc, {"rpc/id": new} | ({} if token is None else {"/_meta/progressToken": token}))


def _without_id(raw: bytes, rpc: Rpc) -> bytes | None:
    """Return an answer without its id, which is where the SDKs write it; None where it is anywhere else."""
    number = b"%d" % rpc.id if isinstance(rpc.id, int) else json.dumps(rpc.id).encode()
    begins = b'{"jsonrpc":"2.0","id":%b,' % number
    ends = b',"jsonrpc":"2.0","id":%b}' % number
    if raw.startswith(begins):
        return raw.removeprefix(begins)
    return raw.removesuffix(ends) if raw.endswith(ends) else None


def _counts(number: object) -> bool:
    """Tell whether a number is one that counts messages, too small to say anything else."""
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < MOST_COUNTED


def _scan(text: str, rpc: Rpc) -> Leaves:
    """Read the leaves of a message that is known to be JSON; raises ParseError."""
    leaves = Leaves()
    at = _after(text, 0) + 1
    while True:
        at = _after(text, at)
        key = _TEXT.match(text, at)
        if key is None:
            raise Invalid(f"json-rpc: not read after code point {at}")
        name = json.loads(key.group())
        start = _after(text, _after(text, key.end()) + 1)  # after the colon
        if text[start] in "{[":
            end = scan_json(text, start, len(text), _PREFIX.get(name, f"/{name}"), leaves)
        else:
            scalar = _SCALAR.match(text, start)
            if scalar is None:
                raise Invalid(f"json-rpc: not read after code point {start}")
            end = scalar.end()
            if name == "id" or (name == "method" and rpc.method not in MCP_METHODS) or name not in _MEMBERS:
                # Not a path of a body: no field that a policy declares is meant by it.
                scan_json(text, start, end, f"rpc/{name}" if name in _MEMBERS else f"/{name}", leaves)
        if name not in _MEMBERS:
            leaves.add(make_part(f"/{name}", name, Kind.KEY, ""), key.start(), key.end(), JSON_STRING)
        at = _after(text, end)
        if text[at : at + 1] != ",":
            return leaves
        at += 1


_ROUTING = frozenset(["/name", "/ref/name", "/ref/uri", "/progressToken", "/requestId", "/_meta/progressToken"])
_MEMBERS = frozenset(["jsonrpc", "id", "method", "params", "result", "error"])


def _after(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _is_json(text: str) -> bool:
    """Return whether a text is JSON that every reader reads alike; what is not is looked at as a text."""
    leaves = Leaves()
    try:
        end = scan_json(text, _after(text, 0), len(text), "", leaves)
    except ParseError:
        return False
    return _after(text, end) == len(text)


def _is_other_text(content: bytes, body: Body) -> bool:
    """Return whether these bytes were read as a text although they are not UTF-8; any bytes are one in Latin-1."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return not sniff(content) and all(part.kind is not Kind.OPAQUE for part in body.block.parts)
    return False


def _difference(part: int, old: str, new: str) -> Edit:
    """Return the one edit that makes `new` of `old`, as short as can be."""
    most = min(len(old), len(new))
    start = next((i for i in range(most) if old[i] != new[i]), most)
    end = next((i for i in range(most - start) if old[-1 - i] != new[-1 - i]), most - start)
    return Edit(part, start, len(old) - end, new[start : len(new) - end])
