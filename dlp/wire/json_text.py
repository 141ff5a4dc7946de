"""JSON (RFC 8259) as a text with the offsets of its leaves."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from json import JSONDecoder
from json.encoder import encode_basestring, encode_basestring_ascii

from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.leaf import Codec, Leaves, make_part, text_part
from dlp.wire.limits import MAX_DEPTH, MAX_PARTS, MAX_PATHS, Invalid, check_count

# One match takes a member or an item with its delimiter. Possessive throughout: nothing is ever tried twice.
_WS = r"[ \t\n\r]*+"
_STRING = r'"([^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+)"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_VALUE = rf"(?:{_STRING}|({_NUMBER})|true|false|null|([\[{{]))"
_MEMBER = re.compile(rf"{_WS}{_STRING}{_WS}:{_WS}{_VALUE}{_WS}([,}}]?)")
_ITEM = re.compile(rf"{_WS}{_VALUE}{_WS}([,\]]?)")
_EMPTY = {"{": re.compile(rf"{_WS}\}}"), "[": re.compile(rf"{_WS}\]")}
_AFTER = {True: re.compile(rf"{_WS}([,}}])"), False: re.compile(rf"{_WS}([,\]])")}
_BLANK = re.compile(_WS)
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:(?<=\\u[dD][89abAB]..)\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(.))")
_read_string: Callable[[str, int], tuple[str, int]] = JSONDecoder().parse_string  # type: ignore[attr-defined]  # not told
_HALF = re.compile(r"[\ud800-\udfff]")
_SHORT = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERAL = re.compile(_NUMBER, re.ASCII)


def pointer(key: str) -> str:
    """Return a key as one step of a JSON Pointer (RFC 6901 section 3)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def read_json(text: str, prefix: str, into: Leaves) -> None:
    """Read every string, number and key of a JSON text into `into`.

    Raises:
        Invalid: it is not JSON.
        ParseError: it is, but readers differ on it (a key twice, half a surrogate pair), or it is too deep or large.

    """
    if text.count(",") > MAX_PARTS:  # before any of it is kept; commas inside of texts may count
        raise ParseError(f"json: more than {MAX_PARTS} commas, which are as many parts")
    check_count(text, ",:", "json")
    end = scan_json(text, 0, len(text), prefix, into)
    if not _BLANK.fullmatch(text, end):
        raise Invalid(f"json: {len(text) - end} code points after the end at {end}")
    if len(into.parts) == 1 and into.parts[0].path == prefix:  # a text or number alone
        into.parts[0] = replace(into.parts[0], unstructured=True)


def scan_json(text: str, at: int, stop: int, prefix: str, into: Leaves) -> int:  # noqa: C901, PLR0912, PLR0915 - one loop
    """Read one JSON value that begins at `at`; return where it ends. Raises as `read_json` does."""
    parts, places = into.parts, into.places
    add_part, add_start, add_end = parts.append, places.starts.append, places.ends.append
    add_codec = places.codecs.append
    # The container we are in: is it an object, the path before its members, the name its items inherit, the keys seen,
    # the next index. Those around it are on the stack; the text as a whole is none of them.
    is_object, base, name, seen, index = False, prefix, "", set[str](), -1
    stack: list[tuple[bool, str, str, set[str], int]] = []
    spent = into.spent
    key_kind, text_kind, number_kind = Kind.KEY, Kind.TEXT, Kind.NUMBER
    member, item = _MEMBER.match, _ITEM.match
    while True:
        match = (member if is_object else item)(text, at, stop)
        if match is None:
            raise Invalid(f"json: not valid at or after code point {at}")
        if is_object:
            key, string, number, opened, after = match.groups()
            if "\\" in key:
                key = unescape(key)
            if key in seen:
                raise ParseError(f"json: an object has one key twice, at code point {match.start(1)}")
            seen.add(key)
            path = f"{base}/{pointer(key)}" if "~" in key or "/" in key else f"{base}/{key}"
            start = match.start(1)
            add_part(make_part(path, key, key_kind, name))
            add_start(start - 1)
            add_end(match.end(1) + 1)
            add_codec(JSON_STRING)
            inner, group = key, 2
        else:
            string, number, opened, after = match.groups()
            path = base if index < 0 else f"{base}/{index}"
            index += 1
            inner, group = name, 1
        spent += len(path)
        if spent > MAX_PATHS or len(parts) > MAX_PARTS:
            into.spent = spent
            into.check()
        if opened is None:
            at = match.end()
            if string is not None:
                if "\\" in string:
                    string = unescape(string)
                    add_part(text_part(path, string, inner))  # without a quote in it, it holds no record
                elif "'" in string:
                    add_part(text_part(path, string, inner))
                else:
                    add_part(make_part(path, string, text_kind, inner))
                add_start(match.start(group) - 1)
                add_end(match.end(group) + 1)
                add_codec(JSON_STRING)
            elif number is not None:
                add_part(make_part(path, number, number_kind, inner))
                add_start(match.start(group + 1))
                add_end(match.end(group + 1))
                add_codec(JSON_NUMBER)
        else:
            at = match.end(group + 2)
            if len(stack) >= MAX_DEPTH:
                raise ParseError(f"json: nested more than {MAX_DEPTH} deep")
            empty = _EMPTY[opened].match(text, at, stop)
            if empty is None:
                stack.append((is_object, base, name, seen, index))
                is_object, base, name, seen, index = opened == "{", path, inner, set(), 0
                continue
            at, after = empty.end(), ""
        while after != ",":
            if after:  # It closes the container.
                if not stack:
                    raise Invalid(f"json: closed without being open before code point {at}")
                is_object, base, name, seen, index = stack.pop()
            if not stack:
                into.spent = spent
                return at
            delimiter = _AFTER[is_object].match(text, at, stop)
            if delimiter is None:
                raise Invalid(f"json: not valid at or after code point {at}")
            at, after = delimiter.end(), delimiter.group(1)
        if not stack:
            raise Invalid(f"json: a comma outside any container before code point {at}")


def unescape(raw: str) -> str:
    r"""Return what the inside of a JSON string says.

    Raises:
        ParseError: a `\u` escape is half a surrogate pair, which every reader takes differently.

    """
    if "\\" not in raw:
        return raw
    try:
        says, end = _read_string(raw + '"', 0)
    except ValueError:
        raise Invalid("json: broken escape") from None
    if end != len(raw) + 1:
        raise Invalid("json: broken escape")
    if "\\u" in raw and _HALF.search(says):
        raise ParseError("json: half a surrogate pair")
    return says


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (found := raw.find("\\", at)) >= 0:
        if found > at:
            yield raw[at:found], raw[at:found]
        match = _ESCAPED.match(raw, found)
        if match is None:
            raise Invalid("json: broken escape")
        high, low, short = match.groups()
        if short is not None:
            says = _SHORT[short]
        elif low is not None:
            says = chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
        else:
            says = chr(int(high, 16))
            if "\ud800" <= says <= "\udfff":
                raise ParseError("json: half a surrogate pair")
        yield match.group(), says
        at = match.end()
    if at < len(raw):
        yield raw[at:], raw[at:]


def _escape(text: str) -> str:
    return encode_basestring(text)[1:-1]


def _escape_unencodable(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _decode(leaf: str) -> str:
    return unescape(leaf[1:-1]) if leaf.startswith('"') else leaf


def _whole(text: str, number: bool) -> str:  # noqa: FBT001 - the shape of a codec's function
    return text if number and _LITERAL.fullmatch(text) else f'"{_escape(text)}"'


JSON_STRING = Codec(
    encode=_escape,
    decode=_decode,
    whole=_whole,
    pieces=_pieces,
    fence=1,
    escape=_escape_unencodable,
    usual=(encode_basestring, encode_basestring_ascii),
)
JSON_NUMBER = Codec(encode=_escape, decode=_decode, whole=_whole, pieces=None, escape=_escape_unencodable)
