"""JSON-RPC 2.0 as MCP uses it: one message as bytes, read strictly, or a batch of them taken apart."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeIs

import orjson

from dlp.core.errors import ParseError

type Id = str | int
"""What names a request; MCP has no null ids, and fractions are nobody's."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600

_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_PARAMS = frozenset(
    {"name", "arguments", "uri", "ref", "argument", "requestId", "progressToken", "requestState", "inputResponses"}
)
_LONGEST_METHOD = 256
_LONGEST_ID = 1024
_MOST_IN_BATCH = 1000
_SPACE = " \t\r\n"
_ID = rb'"id"[ \t\r\n]*:[ \t\r\n]*(-?[0-9]{1,18}|"[^"\\]{0,1024}")[ \t\r\n]*'
_LAST = re.compile(rb",[ \t\r\n]*" + _ID + rb"\}[ \t\r\n]*$")
_FIRST = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*(?:"(?:jsonrpc|method)"[ \t\r\n]*:[ \t\r\n]*"[^"\\]{0,256}"[ \t\r\n]*,[ \t\r\n]*){0,2}'
    + _ID
    + rb"[,}]"
)


class Sort(StrEnum):
    """What a message is."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESULT = "result"
    ERROR = "error"


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Rpc:
    """One message. `id` is None for a notification, and for an error about nobody knows what.

    `body` is what `params`, `result` or `error` holds; it is for looking at, and never written from.
    """

    sort: Sort
    id: Id | None
    method: str = field(repr=False)  # may be a value in disguise
    body: Mapping[str, object] = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def meta(self) -> Mapping[str, object]:
        """The `_meta` of its body."""
        meta = self.body.get("_meta")
        return meta if isinstance(meta, dict) else {}


class RpcError(ParseError):
    """A message that is no JSON-RPC, with the code to answer it by, and its id where that can be told."""

    def __init__(self, code: int, text: str, id: Id | None = None) -> None:  # noqa: A002 - the protocol's word
        super().__init__(text)
        self.code = code
        self.id = id


def read_rpc(raw: bytes) -> Rpc:
    """Return the message that `raw` holds.

    Raises:
        RpcError: it is none, or one that two readers may take for different ones: a key twice, or `Method` for
            `method`; its text says what was expected.

    """
    value, twice = _load(raw)
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, f"json-rpc: expected one object, got {_kind(value)}")
    number = value.get("id")
    known = number if _is_id(number) and "id" not in twice else None
    if twice:
        raise RpcError(INVALID_REQUEST, "json-rpc: an object has one key twice", known)
    _check(value, known)
    method = value.get("method")
    if isinstance(method, str):
        params = value.get("params", {})
        _alike(params, _PARAMS, known)
        sort = Sort.REQUEST if "id" in value else Sort.NOTIFICATION
        return Rpc(sort, known, method, params, raw)
    if "result" in value:
        return Rpc(Sort.RESULT, known, "", value["result"], raw)
    return Rpc(Sort.ERROR, known, "", value["error"], raw)


def is_batch(raw: bytes) -> bool:
    """Return whether this begins as a batch does."""
    return raw[:64].lstrip()[:1] == b"["


def may_be_json(text: str) -> bool:
    """Return whether a text is JSON with no key twice, but for what is nested too deep to tell quickly."""
    try:
        _UNREAD.decode(text)
    except RecursionError:
        return True
    except (ValueError, _TwiceError):
        return False
    return True


def split_batch(raw: bytes) -> Sequence[bytes]:
    """Return the messages of a batch, each as it is written.

    Raises:
        RpcError: it is no list, or empty, or too long.

    """
    value, _ = _load(raw)
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_IN_BATCH:
        raise RpcError(INVALID_REQUEST, f"json-rpc: expected 1 to {_MOST_IN_BATCH} messages in a batch")
    text, decoder = raw.decode(), json.JSONDecoder()
    found: list[bytes] = []
    at = _after_space(text, 0) + 1
    for _ in value:
        at = _after_space(text, at)
        end = decoder.raw_decode(text, at)[1]
        found.append(text[at:end].encode())
        at = _after_space(text, end) + 1  # the comma, or the bracket
    return found


def id_of_oversized(start: bytes, end: bytes) -> Id | None:
    """Return the id of a message of which only the start and the end were kept, where it is the first or last member.

    In the first member nothing can stand before it, and what stands before the last brace is a member of the message
    itself: an id inside of an argument is never taken for its own.
    """
    match = _FIRST.match(start) or _LAST.search(end)
    if match is None:
        return None
    text = match[1].decode("utf-8", "replace")
    return text[1:-1] if text.startswith('"') else int(text)


def error_bytes(id: Id | None, code: int, message: str, data: object = None) -> bytes:  # noqa: A002 - see above
    """Return an error as one line."""
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "error": error})


def result_bytes(id: Id, result: Mapping[str, object]) -> bytes:  # noqa: A002 - see above
    """Return a result as one line."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "result": result})


def _load(raw: bytes) -> tuple[object, set[str]]:
    """Return the JSON value and the keys that some object has twice."""
    twice: set[str] = set()
    if len(raw) <= _SHORT and (known := _quickly(raw)) is not None:
        return known, twice
    try:
        text = raw.decode()
        try:
            value = _ONCE.decode(text)
        except _TwiceError:
            value = _collecting(twice).decode(text)
        if b"\\u" in raw:
            orjson.loads(raw)  # half a surrogate pair is read by everyone in another way
    except (ValueError, RecursionError) as error:
        what = "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON"
        raise RpcError(PARSE_ERROR, f"json-rpc: {len(raw)} bytes that are not {what}") from None
    return value, twice


_SHORT = 16_384


def _quickly(raw: bytes) -> object:
    """Return the JSON value of a short message, at half the cost; None where it takes a closer look.

    Where there is no backslash, every quotation mark begins or ends a text. So a reader that keeps the last of equal
    keys has seen none where it has kept as many texts as there are pairs of these.
    """
    if b"\\" in raw:
        return None
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    kept, left = 0, [value]
    while left:
        one = left.pop()
        kind = type(one)
        if kind is str:
            kept += 1
        elif kind is dict:
            kept += len(one)
            left += one.values()
        elif kind is list:
            left += one
        elif kind is float:  # so it reads whole numbers, too, that are long
            return None
    return value if kept * 2 == raw.count(b'"') else None


class _TwiceError(Exception):
    """An object has a key twice."""


def _once(items: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(items)
    if len(made) != len(items):
        raise _TwiceError
    return made


def _collecting(twice: set[str]) -> json.JSONDecoder:
    """Return a decoder that notes which keys some object has twice."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        seen: set[str] = set()
        twice.update(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return dict(items)

    return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=_no_constant)


def _no_constant(_name: str) -> object:
    raise ValueError("no JSON")


_ONCE = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
"""One for all messages: to make a decoder costs more than to read one."""

_UNREAD = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_constant=_no_constant)
"""The same, with whole numbers of any length."""


def _check(value: Mapping[str, object], known: Id | None) -> None:
    """Raise RpcError unless an object has what makes it a message, and only one kind of it."""
    _alike(value, _MEMBERS, known)
    if value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'json-rpc: expected "jsonrpc": "2.0"', known)
    number = value.get("id")
    if "id" in value and known is None and not (number is None and "error" in value):
        raise RpcError(INVALID_REQUEST, "json-rpc: expected an id that is a text or a whole number")
    kinds = [name for name in ("method", "result", "error") if name in value]
    if len(kinds) != 1:
        raise RpcError(INVALID_REQUEST, "json-rpc: expected exactly one of method, result and error", known)
    kind = kinds[0]
    if kind == "method":
        method = value["method"]
        if not isinstance(method, str) or not 0 < len(method) <= _LONGEST_METHOD:
            raise RpcError(INVALID_REQUEST, "json-rpc: expected method to be a short text", known)
        if not isinstance(value.get("params", {}), dict):
            raise RpcError(INVALID_REQUEST, "json-rpc: expected params to be an object", known)
        return
    held = value[kind]
    if not isinstance(held, dict) or "id" not in value or "params" in value:
        raise RpcError(INVALID_REQUEST, f"json-rpc: expected an id and {kind} to be an object", known)
    if kind == "error" and not (type(held.get("code")) is int and isinstance(held.get("message"), str)):
        raise RpcError(INVALID_REQUEST, "json-rpc: expected an error with code and message", known)


def _alike(value: object, names: frozenset[str], known: Id | None) -> None:
    """Raise RpcError where a key differs from one of the protocol's in case only: some readers make no difference."""
    if not isinstance(value, dict) or value.keys() <= names:
        return
    for key in value.keys() - names:
        if key.casefold() in _FOLDED[names]:
            raise RpcError(INVALID_REQUEST, "json-rpc: a key differs in case only from one of the protocol's", known)


_FOLDED = {names: frozenset(name.casefold() for name in names) for names in (_MEMBERS, _PARAMS)}


def _is_id(value: object) -> TypeIs[Id]:
    return type(value) is int or (isinstance(value, str) and len(value) <= _LONGEST_ID)


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
