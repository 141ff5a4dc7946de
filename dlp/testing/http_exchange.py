"""What generated programs do, as HTTP messages."""

import gzip
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

import orjson

from dlp.engine.sessions import SessionInfo
from dlp.testing import upstreams
from dlp.testing.exchange import Heard, Told
from dlp.testing.upstreams import Said
from dlp.testing.wall import Crossing, Headers, Wall

type _Given = tuple[str, bytes, str, Headers]
"""What is added to the path, the body, its type, and headers."""

_JSON = "application/json"


class HttpExchange:
    """Programs over HTTP."""

    def ask(self, wall: Wall, session: SessionInfo, source: str, query: str) -> bool:
        """Send the question to a source; return whether it passed."""
        return wall.send(session, _question(source, query)).passed

    def hear(self, wall: Wall, session: SessionInfo, source: str, query: str, said: Said) -> Heard:
        """Let a source's answer in."""
        return _heard(wall, session, _question(source, query), said)

    def tell(self, wall: Wall, session: SessionInfo, sink: str, text: str, way: str) -> Told:
        """Send a text to a sink."""
        path, body, content_type, headers = WAYS[way](text)
        request = f"POST https://{sink}.test/in{path}"
        crossed = wall.send(session, request, body=body, content_type=content_type, headers=headers)
        if not crossed.passed:
            return Told()
        return Told(_bytes(crossed), crossed.body, for_staff(crossed.body))

    def echo(self, wall: Wall, session: SessionInfo, manner: str, text: str) -> Heard:
        """Send a text to the upstream that says it again, and let its answer in."""
        request = f"POST https://friend.test/say/{manner}"
        crossed = wall.send(session, request, json={"x": text})
        if not crossed.passed:
            return Heard(passed=False)
        said = upstreams.echo(manner, crossed.body)
        if manner != "later":
            return _heard(wall, session, request, said)
        later = "GET https://friend.test/kept"
        if not wall.send(session, later).passed:
            return Heard(passed=False)
        return _heard(wall, session, later, said)


def _question(source: str, query: str) -> str:
    what, _, which = query.partition("/")
    return f"GET https://{source}.test/{what}" + (f"?row={which}" if which else "")


def _heard(wall: Wall, session: SessionInfo, request: str, said: Said) -> Heard:
    crossed = wall.receive(
        session, request, body=said.body, content_type=said.content_type, headers=said.headers, status=said.status
    )
    if not crossed.passed:
        return Heard(passed=False)
    headers = b" ".join(value for name, value in crossed.headers if name.lower() != b"content-type")
    return Heard(passed=True, seen=b"%d %b %b" % (said.status, headers, crossed.body), body=crossed.body)


def _bytes(crossed: Crossing) -> bytes:
    headers = b"\n".join(name + b": " + value for name, value in crossed.headers)
    return b"\n".join((crossed.target.encode("utf-8", "surrogatepass"), headers, crossed.body))


def for_staff(body: bytes) -> bool:
    """Return whether whoever reads this message, in whatever way, shows it to staff only."""
    audiences = re.findall(rb'"audience":"(\w+)"', body)
    return bool(audiences) and set(audiences) == {b"staff"}


def _header_safe(text: str) -> bytes:
    return quote(text, safe="[]_~ !*'();:@&=+$,/?.-")[:2000].strip().encode()


WAYS: Mapping[str, Callable[[str], _Given]] = {
    "json": lambda text: ("", orjson.dumps({"x": text}), _JSON, ()),
    "text": lambda text: ("", text.encode(), "text/plain; charset=utf-8", ()),
    "query": lambda text: (f"?x={quote(text, safe='')}", b"", "", ()),
    "form": lambda text: ("", f"x={quote(text, safe='')}".encode(), "application/x-www-form-urlencoded", ()),
    "header": lambda text: ("", b"{}", _JSON, [(b"x-note", _header_safe(text))]),
    "path": lambda text: (f"/{quote(text[-300:], safe='')}", b"", "", ()),
    "key": lambda text: ("", orjson.dumps({text: 1}), _JSON, ()),
    "gzip": lambda text: (
        "",
        gzip.compress(orjson.dumps({"x": text}), mtime=0),
        _JSON,
        [(b"content-encoding", b"gzip")],
    ),
    "cookie": lambda text: ("", b"{}", _JSON, [(b"cookie", b"x=" + quote(text[-300:], safe="").encode())]),
    "staff": lambda text: ("", orjson.dumps({"audience": "staff", "x": text}), _JSON, ()),
    "staff twice": lambda text: (
        "",
        b'{"audience":"staff","x":%b,"audience":"all"}' % orjson.dumps(text),
        _JSON,
        (),
    ),
    "ask audience": lambda text: ("", orjson.dumps({"x": text, "for": {"audience": "staff"}}), _JSON, ()),
}
"""How a text is put into a request."""
