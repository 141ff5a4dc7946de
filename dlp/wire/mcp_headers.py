"""The header fields in which a streamable-HTTP client says again what its message says: read, and written anew.

`Mcp-Name` and `Mcp-Param-*` mirror members of the body (revision 2026-07-28); servers compare both. A field that
mirrors is made from the message as it goes out. One that does not says something of its own, so it is a part.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import MCP_METHODS, Block, Kind, Part
from dlp.wire.jsonrpc import Rpc, RpcError, read_rpc
from dlp.wire.mcp import VERSIONS

type Fields = Sequence[tuple[bytes, bytes]]

_PARAM = b"mcp-param-"
_NAMES = frozenset([b"mcp-method", b"mcp-name", b"mcp-protocol-version"])
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_CODED = re.compile(r"=\?base64\?(.*)\?=")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_MOST = 64


class McpHeaders:
    """The fields of one request that go on, beside its message."""

    def __init__(self, fields: Iterable[tuple[bytes, bytes]], raw: bytes) -> None:
        """Take the request's fields and its body as it came."""
        self._fields = [
            (lower, value) for name, value in fields if (lower := name.lower()) in _NAMES or lower.startswith(_PARAM)
        ]
        self._mirrors: list[str | None] = []
        self.blocks: Sequence[Block] = ()
        self.rpc = _message(raw) if self._fields else None
        if not self._fields:
            return
        self._says = says = _says(self.rpc, params=any(name.startswith(_PARAM) for name, _ in self._fields))
        parts: list[Part] = []
        for name, value in self._fields:
            text = decoded(value)
            path = next((path for path, said in says.get(_about(name), {}).items() if said == text), None)
            self._mirrors.append(path)
            if path is None and not _is_word(name, text):
                parts.append(Part(f"header/{name.decode('latin-1')}", text or value.decode("latin-1")))
            if name.startswith(_PARAM):
                parts.append(Part("header-name/mcp-param", name[len(_PARAM) :].decode("latin-1"), Kind.KEY))
        if parts:
            made = tuple(parts)
            surface = "\n".join(part.text for part in made).encode("utf-8", "replace")
            self.blocks = (Block(lambda: made, surface=surface, key=("mcp-headers", surface)),)

    def names(self, *wanted: bytes) -> Mapping[bytes, str | None]:
        """Return what the fields of these names say; of one that is missing, None."""
        said = {name: decoded(value) for name, value in self._fields}
        return {name: said.get(name) for name in wanted}

    def write(self, edits: Sequence[Edit], raw: bytes) -> Fields:
        """Return the fields that go with `raw`, the message as it goes out.

        Raises:
            ParseError: something is to be rewritten that stands in a field and nowhere in the message.

        """
        if edits or len(self._fields) > _MOST:
            raise ParseError("edit: of a header field that mirrors nothing in the message")
        if not self._fields:
            return ()
        same = self.rpc is not None and raw is self.rpc.raw
        says = self._says if same else _says(_message(raw), params=True)
        return [
            (name, value if path is None else encoded(says[_about(name)].get(path, "")))
            for (name, value), path in zip(self._fields, self._mirrors, strict=True)
        ]


def encoded(text: str) -> bytes:
    """Return a text as a header's value: as it is where it survives that, else in base64 (transports, 2026-07-28)."""
    if _PLAIN.fullmatch(text) and text == text.strip() and not _CODED.fullmatch(text):
        return text.encode()
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?=".encode()


def decoded(value: bytes) -> str | None:
    """Return what a header's value says; None where it is broken."""
    text = value.decode("latin-1").strip()
    match = _CODED.fullmatch(text)
    if match is None:
        return text
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _about(name: bytes) -> str:
    return "param" if name.startswith(_PARAM) else name.decode("latin-1")


def _is_word(name: bytes, text: str | None) -> bool:
    """Return whether a field says no more than one of the protocol's own words."""
    return text in {b"mcp-method": MCP_METHODS, b"mcp-protocol-version": VERSIONS}.get(name, frozenset())


def _message(raw: bytes) -> Rpc | None:
    """Return the message that a body is, None where it is none, or more than one."""
    try:
        return read_rpc(raw)
    except RpcError:
        return None


def _says(rpc: Rpc | None, *, params: bool) -> Mapping[str, Mapping[str, str]]:
    """Return what a message says that a field may mirror: by the field, then by where it stands."""
    if rpc is None:
        return {}
    named = rpc.body.get(_NAMED_BY.get(rpc.method, ""))
    return {
        "mcp-method": {"/method": rpc.method},
        "mcp-name": {"/name": named} if isinstance(named, str) else {},
        "param": dict(_scalars(rpc)) if params else {},
    }


def _scalars(rpc: Rpc) -> Iterator[tuple[str, str]]:
    """Give the scalars of a call's arguments as a client renders them."""
    stack: list[tuple[str, object]] = [("", rpc.body.get("arguments"))]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{path}/{key}", inner) for key, inner in value.items()]
        elif isinstance(value, bool):
            yield path, "true" if value else "false"
        elif isinstance(value, str | int | float):
            yield path, str(value)
