"""Heads: the request line or status, and the headers, as parts, and how they are written back.

Longer than most modules because what is read of a head must be written back in the same places.
"""
# Beyond 400 lines: a head is one subject, and a third of this is tables of names and grammars.

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from itertools import chain

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Block, Kind, Part
from dlp.wire.form_text import read_form
from dlp.wire.graphql_text import add_query
from dlp.wire.json_text import pointer, read_json
from dlp.wire.leaf import FIXED, MIRROR, Codec, Leaves, by_part, edited_text, rewrite
from dlp.wire.percent import PERCENT, percent_decode

type Header = tuple[bytes, bytes]

_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"])
_ASKING = frozenset(["GET", "HEAD"])
_REASONS = frozenset(["", "ok", "connection established", *(status.phrase.lower() for status in HTTPStatus)])
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BASIC = re.compile(r"\s*basic[ \t]+([A-Za-z0-9+/_-]+={0,2})[ \t]*", re.IGNORECASE)
_CREDENTIALS = frozenset([b"authorization", b"proxy-authorization"])
# Values that say nothing but how the message is framed. Anything else under these names is a part like any other.
_CODINGS = r"(?:gzip|x-gzip|deflate|br|zstd|identity|compress|\*)(?:;\s?q=[01](?:\.[0-9]{1,3})?)?"
_HARMLESS = {
    "content-length": re.compile(r"[0-9]{1,15}"),
    "transfer-encoding": re.compile(r"(?i:chunked)"),
    "connection": re.compile(r"(?i:keep-alive|close|te|, ?)+"),
    "proxy-connection": re.compile(r"(?i:keep-alive|close)"),
    "keep-alive": re.compile(r"(?:timeout=[0-9]{1,4}|max=[0-9]{1,4}|, ?)+"),
    "accept-encoding": re.compile(rf"{_CODINGS}(?:, ?{_CODINGS})*"),
    "te": re.compile(r"trailers"),
}
# Only an upstream writes these in a response; in a request they could carry anything.
_HARMLESS_INBOUND = _HARMLESS | {
    "date": re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"),
}
# Names that are no news; any other may be a value in disguise, and is a part.
_KNOWN = frozenset(
    (  # noqa: SIM905 - as a list it would be two pages
        "accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials "
        "access-control-allow-headers access-control-allow-methods access-control-allow-origin "
        "access-control-expose-headers access-control-max-age access-control-request-headers "
        "access-control-request-method age allow alt-svc authorization baggage cache-control connection content-digest "
        "content-disposition content-encoding content-language content-length content-location content-md5 "
        "content-range content-security-policy content-type cookie cross-origin-embedder-policy "
        "cross-origin-opener-policy cross-origin-resource-policy date digest dnt etag expect expires forwarded from "
        "host idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive "
        "last-modified link location max-forwards mcp-protocol-version mcp-session-id origin permissions-policy pragma "
        "priority proxy-authenticate proxy-authorization proxy-connection range referer referrer-policy repr-digest "
        "retry-after sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site "
        "sec-fetch-user server set-cookie strict-transport-security te traceparent tracestate trailer "
        "transfer-encoding upgrade upgrade-insecure-requests user-agent vary via warning www-authenticate x-api-key "
        "x-content-type-options x-forwarded-for x-forwarded-host x-forwarded-proto x-frame-options x-powered-by "
        "x-request-id x-requested-with x-xss-protection "
    ).split()
)


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ParseError("edit: a line end, NUL or other control character in a head")
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text) or text.lower() in _KNOWN:
        raise ParseError("edit: not a header's name, or one that means something already")
    return text


def _user(text: str) -> str:
    if ":" in text:
        raise ParseError("edit: a colon in a user name")
    return _no_control(text)


def _cookie(text: str) -> str:
    if ";" in text:
        raise ParseError("edit: a semicolon in a cookie")
    return _no_control(text)


def _cookie_value(text: str) -> str:
    if text.strip(" \t") != text:
        raise ParseError("edit: a cookie's value that begins or ends with a space")
    return _cookie(text)


def _cookie_name(text: str) -> str:
    if not text or text.strip() != text or "=" in text:
        raise ParseError("edit: not a cookie's name")
    return _cookie(text)


def _plain(encode: Callable[[str], str]) -> Codec:
    return Codec(
        encode=encode,
        decode=str,
        whole=lambda text, _number: encode(text),
        pieces=lambda raw: ((raw, raw),),
    )


_VALUE = _plain(_no_control)
_NAME = Codec(encode=str, decode=_token, whole=lambda text, _number: _token(text), pieces=lambda raw: ((raw, raw),))
_COOKIE_VALUE = Codec(
    encode=str, decode=_cookie_value, whole=lambda text, _number: _cookie_value(text), pieces=lambda raw: ((raw, raw),)
)
_COOKIE_NAME = Codec(
    encode=str, decode=_cookie_name, whole=lambda text, _number: _cookie_name(text), pieces=lambda raw: ((raw, raw),)
)
_USER = _plain(_user)
_PASSWORD = _plain(_no_control)


class _Lines:
    """The texts of a head and the leaves in them. Leaf by leaf, `lines` says in which text it stands."""

    def __init__(self) -> None:
        self.leaves = Leaves()
        self.lines: list[object] = []
        self.texts: dict[object, tuple[str, str]] = {}  # line → its text and charset

    def add(self, line: object, part: Part, start: int, end: int, codec: Codec) -> None:
        """Take one more leaf."""
        self.leaves.add(part, start, end, codec)
        self.lines.append(line)

    def rewrite(self, edits: dict[int, list[Edit]]) -> dict[object, str]:
        """Return the new text of every line that changes."""
        lines: dict[object, dict[int, list[Edit]]] = {}
        for index, changes in edits.items():
            lines.setdefault(self.lines[index], {})[index] = changes
        parts, places = self.leaves.parts, self.leaves.places
        return {line: rewrite(self.texts[line][0], parts, places, mine) for line, mine in lines.items()}


class Head:
    """A request's or response's head. Its parts are made when a block's `parts` is asked for."""

    __slots__ = ("_first", "_headers", "_made", "_make", "_target", "blocks")

    def __init__(
        self,
        target: str,
        headers: tuple[Header, ...],
        make: Callable[[], tuple[_Lines, _Lines]],
        keys: Sequence[object],
        surfaces: Sequence[bytes | None],
    ) -> None:
        self._target, self._headers, self._make = target, headers, make
        self._made: tuple[_Lines, _Lines] | None = None
        self.blocks: tuple[Block, ...] = (
            Block(self._first_parts, surface=surfaces[0], key=keys[0]),
            Block(self._header_parts, surface=surfaces[1], key=keys[1]),
        )

    def _lines(self) -> tuple[_Lines, _Lines]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _first_parts(self) -> tuple[Part, ...]:
        return tuple(self._lines()[0].leaves.parts)

    def _header_parts(self) -> tuple[Part, ...]:
        return tuple(self._lines()[1].leaves.parts)

    def write(self, edits: Iterable[Edit]) -> tuple[str, tuple[Header, ...]]:
        """Return the target ("" for a response) and the headers with `edits` made; the rest stays as it came.

        `Edit.part` counts the parts of all blocks from 0.

        Raises:
            ParseError: an edit would break the head (a line end, a semicolon in a cookie, `..` as a path segment), does
                not fit it, or is of what cannot be rewritten (the method, the host, the reason).

        """
        sorted_out = by_part(edits)
        if not sorted_out:
            return self._target, self._headers
        first, second = self._lines()
        count, total = len(first.leaves.parts), len(first.leaves.parts) + len(second.leaves.parts)
        if not all(0 <= part < total for part in sorted_out):
            raise ParseError(f"edit: of a part that is not there; the head has {total}")
        upper = {part: mine for part, mine in sorted_out.items() if part < count}
        lower = {part - count: mine for part, mine in sorted_out.items() if part >= count}
        for part, mine in upper.items():
            if first.leaves.parts[part].path.startswith("url/"):
                _segment(edited_text(first.leaves.parts[part], mine))
        own = {part: mine for part, mine in upper.items() if first.leaves.places[part][2] is not MIRROR}
        target = first.rewrite(own).get("target", self._target)
        if len(own) < len(upper):
            _check_mirrors(first, upper, target)
        headers = list(self._headers)
        for line, text in second.rewrite(lower).items():
            _put(headers, line, text, second)
        return target, tuple(headers)

    def __repr__(self) -> str:
        """Say how much is here, never what."""
        return f"Head({len(self._headers)} headers)"


def read_request_head(method: str, authority: str, target: str, headers: Sequence[Header]) -> Head:
    """Return the parts of a request's head in two blocks: method, authority and target; headers.

    `target` is path and query, or an absolute URL. Nothing is parsed before parts are asked for.
    """
    pairs = tuple(headers)

    def make() -> tuple[_Lines, _Lines]:
        return _request_lines(method, authority, target), _header_lines(pairs, authority, _HARMLESS)

    line = f"{method} {authority} {target}"
    hides = "%" in target or "+" in target or "%" in authority or ("query=" in target and "{" in target)
    first = line.encode() if line.isascii() and not hides else None
    keys = (("request", method, authority, target), ("request", authority, pairs))
    return Head(target, pairs, make, keys, (first, _surface(pairs)))


def read_response_head(status: int, reason: str, headers: Sequence[Header]) -> Head:
    """Return the parts of a response's head in two blocks: the reason, where it is not the usual one; headers."""
    pairs = tuple(headers)

    def make() -> tuple[_Lines, _Lines]:
        lines = _Lines()
        if reason.lower() not in _REASONS:
            lines.add("fixed", _part("status/reason", reason), 0, len(reason), FIXED)
            lines.texts["fixed"] = reason, "utf-8"
        return lines, _header_lines(pairs, "", _HARMLESS_INBOUND)

    first = reason.encode() if reason.isascii() else None
    return Head("", pairs, make, (("response", status, reason), ("response", pairs)), (first, _surface(pairs)))


def _surface(headers: tuple[Header, ...]) -> bytes | None:
    """Return all names and values, and what stands encoded in Basic credentials, each on its own line."""
    joined = b"\n".join(chain.from_iterable(headers))
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return None
    if b"basic" not in joined.lower():
        return joined
    more = [joined]
    for name, value in headers:
        if name.lower() in _CREDENTIALS and (basic := _read_basic(_text(value)[0])):
            more.append(basic[0].encode())
    return b"\n".join(more)


def _part(path: str, text: str, kind: Kind = Kind.TEXT, name: str = "") -> Part:
    """Return a part, opaque where its text holds half a surrogate pair, as a target that was not UTF-8 does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return Part(path, "", Kind.OPAQUE, name, len(text), "not valid utf-8")
    return Part(path, text, kind, name)


def _request_lines(method: str, authority: str, target: str) -> _Lines:
    lines = _Lines()
    lines.texts["target"] = target, "utf-8"
    lines.texts["fixed"] = "", "utf-8"
    if method not in _METHODS:
        lines.add("fixed", _part("method", method), 0, 0, FIXED)
    userinfo, _, host = authority.rpartition("@")
    _host(lines, host)
    _userinfo(lines, userinfo, "fixed", 0)
    at = 0
    if match := _ABSOLUTE.match(target):
        inner, _, inner_host = match.group(1).rpartition("@")
        if inner_host.lower() != host.lower():
            _host(lines, inner_host)
        _userinfo(lines, inner, "target", match.start(1))
        at = match.end()
    path, question, query = target[at:].partition("?")
    segment = 0
    start = at
    for raw in path.split("/"):
        if raw:
            part = _part(f"url/{segment}", percent_decode(raw, plus=False))
            lines.add("target", part, start, start + len(raw), PERCENT)
            segment += 1
        start += len(raw) + 1
    if question:
        _query(lines, query, at + len(path) + 1, may_ask=method in _ASKING)
    return lines


def _host(lines: _Lines, host: str) -> None:
    labels = [host] if host.startswith("[") else re.sub(r":[0-9]*\Z", "", host).split(".")
    for number, label in enumerate(labels):
        if label:
            lines.add("fixed", _part(f"host/{number}", label), 0, 0, FIXED)


def _userinfo(lines: _Lines, userinfo: str, line: str, start: int) -> None:
    if not userinfo:
        return
    user, colon, password = userinfo.partition(":")
    codec = PERCENT if line == "target" else FIXED
    lines.add(line, _part("url/user", percent_decode(user, plus=False)), start, start + len(user), codec)
    if colon:
        first = start + len(user) + 1
        part = _part("url/password", percent_decode(password, plus=False), name="password")
        lines.add(line, part, first, first + len(password), codec)


def _query(lines: _Lines, query: str, start: int, *, may_ask: bool = True) -> None:
    leaves = Leaves()
    read_form(query, "query", leaves)
    names = 0
    for part, (first, last, codec) in zip(leaves.parts, leaves.places, strict=True):
        path = part.path
        if part.kind is Kind.KEY:
            path = f"query-name/{names}"
            names += 1
        found = _part(path, part.text, part.kind, part.name)
        if part.ambiguous:
            found = replace(found, ambiguous=True)
        lines.add("target", found, start + first, start + last, codec)
    _asked(lines, leaves.parts, may_ask=may_ask)


def _asked(lines: _Lines, parts: Sequence[Part], *, may_ask: bool) -> None:
    """Add what a GraphQL query in a URL means, as is done for one in a body (GraphQL over HTTP, 6.3).

    Of a method that has a body, some servers read the one and some the other: then it states no facts.
    """
    queries = [part for part in parts if part.path == "query/query" and part.kind is Kind.TEXT]
    if not queries:
        return
    said, variables = Leaves(), Leaves()
    for part in parts:
        if part.path == "query/variables" and part.kind is Kind.TEXT:
            with suppress(ParseError):  # then they are no variables, and state no facts
                read_json(part.text, "", variables)
    values = {part.path: part for part in variables.parts if part.kind is not Kind.KEY}
    for part in queries:
        add_query(said, part.path, part.text, lambda name: values.get(f"/{name}"))
    near = any(part.path != "query/query" and part.path.lower() == "query/query" for part in parts)
    doubted = near or not may_ask or any(part.ambiguous for part in parts)
    for part in said.parts:
        lines.add("target", replace(part, ambiguous=True) if doubted else part, 0, 0, MIRROR)


def _segment(text: str) -> None:
    if text in ("", ".", ".."):
        raise ParseError("edit: a path segment that would be empty or lead elsewhere")


def _text(value: bytes) -> tuple[str, str]:
    """Return a header's value as text: UTF-8 where it is, else Latin-1 (RFC 9110 section 5.5)."""
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return value.decode("latin-1"), "latin-1"


def _header_lines(headers: tuple[Header, ...], authority: str, harmless: dict[str, re.Pattern[str]]) -> _Lines:
    lines = _Lines()
    for number, (raw_name, raw_value) in enumerate(headers):
        written, charset = _text(raw_name)
        name = written.lower()
        value, value_charset = _text(raw_value)
        path = f"header/{name}"
        lines.texts["name", number] = written, charset
        lines.texts["value", number] = value, value_charset
        if name not in _KNOWN:
            lines.add(("name", number), Part(path, written, Kind.KEY), 0, len(written), _NAME)
        if name == "cookie":
            _cookies(lines, number, value)
        elif name == "set-cookie":
            _set_cookie(lines, number, value)
        elif raw_name.lower() in _CREDENTIALS and (basic := _read_basic(value)):
            _basic(lines, number, path, basic)
        elif name == "host" and authority and value.lower() == authority.lower():
            continue
        elif not (name in harmless and harmless[name].fullmatch(value)):
            lines.add(("value", number), Part(path, value, Kind.TEXT, name), 0, len(value), _VALUE)
    return lines


def _cookies(lines: _Lines, number: int, value: str) -> None:
    at = 0
    for pair in value.split(";"):
        _one_cookie(lines, number, at, pair)
        at += len(pair) + 1


def _one_cookie(lines: _Lines, number: int, at: int, pair: str) -> None:
    raw_name, equals, raw_value = pair.partition("=")
    name = raw_name.strip(" \t")
    path = f"cookie/{pointer(name)}"
    if name:
        start = at + raw_name.index(name)
        lines.add(("value", number), Part(path, name, Kind.KEY), start, start + len(name), _COOKIE_NAME)
    if equals:
        says = raw_value.strip(" \t")
        start = at + len(raw_name) + 1 + raw_value.index(says)
        lines.add(("value", number), Part(path, says, Kind.TEXT, name), start, start + len(says), _COOKIE_VALUE)


def _set_cookie(lines: _Lines, number: int, value: str) -> None:
    pair, _, rest = value.partition(";")
    _one_cookie(lines, number, 0, pair)
    if rest.strip():
        part = Part("header/set-cookie", rest, Kind.TEXT, "set-cookie")
        lines.add(("value", number), part, len(pair) + 1, len(value), _VALUE)


def _read_basic(value: str) -> tuple[str, str, re.Match[str]] | None:
    """Return what Basic credentials (RFC 7617) decode to, its charset and where it stood; None if they do not."""
    match = _BASIC.fullmatch(value)
    if match is None:
        return None
    blob = match.group(1).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return *_text(data), match


def _basic(lines: _Lines, number: int, path: str, basic: tuple[str, str, re.Match[str]]) -> None:
    text, charset, _ = basic
    line = ("basic", number)
    lines.texts[line] = text, charset
    user, colon, password = text.partition(":")
    lines.add(line, Part(f"{path}/basic/user", user, Kind.TEXT, "user"), 0, len(user), _USER)
    if colon:
        part = Part(f"{path}/basic/password", password, Kind.TEXT, "password")
        lines.add(line, part, len(user) + 1, len(text), _PASSWORD)


def _check_mirrors(lines: _Lines, edits: dict[int, list[Edit]], target: str) -> None:
    """Raise ParseError unless the new target says in its query what the edits say."""
    parts = lines.leaves.parts
    expected = [edited_text(part, edits[n]) if n in edits else part.text for n, part in enumerate(parts)]
    path, _, query = target.partition("?")
    again = _Lines()
    again.texts["target"] = target, "utf-8"
    _query(again, query, len(path) + 1)
    found = [part.text for part in again.leaves.parts]
    if expected[len(expected) - len(found) :] != found:
        raise ParseError("edit: with it the query would mean something else")


def _put(headers: list[Header], line: object, text: str, lines: _Lines) -> None:
    """Write the new text of a line into `headers`."""
    if not isinstance(line, tuple):
        raise ParseError("edit: this part of the head can be read but not rewritten")
    what, number = line
    name, value = headers[number]
    charset = lines.texts[line][1]
    try:
        data = text.encode(charset)
    except UnicodeEncodeError:
        raise ParseError(f"edit: a header in {charset} cannot hold it") from None
    if _text(data)[0] != text:
        raise ParseError(f"edit: a header in {charset} would be read as something else")
    if what == "name":
        headers[number] = data, value
    elif what == "value":
        headers[number] = name, data
    else:
        whole, whole_charset = lines.texts["value", number]
        basic = _read_basic(whole)
        if basic is None:
            raise ParseError("edit: credentials that cannot be read")
        start, end = basic[2].span(1)
        written = whole[:start] + base64.b64encode(data).decode() + whole[end:]
        headers[number] = name, written.encode(whole_charset)
