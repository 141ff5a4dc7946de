"""Where a request goes: its tunnel, its URL, the name in its TLS hello and its Host must say one thing."""

import re

from mitmproxy import http
from mitmproxy.connection import Client

from dlp.adapters import http_head
from dlp.adapters import http_objections as objections
from dlp.adapters.http_head import Head, Objection

DEFAULT_PORTS = {"http": 80, "https": 443}

# Nor are small letters passed: some servers take `post` for POST, which rules about POST would not see.
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Z-]{1,32}")
_TARGET = re.compile(rb"/[!-\"$-~]*|\*")
# Dot segments, plain or escaped: what stands behind them depends on who resolves them.
_DOTS = re.compile(rb"/(?:\.|%2[eE]){1,2}(?:[/?;]|$)")

type Target = tuple[str, int]
"""Host and port."""


def settle(request: http.Request, head: Head, tunnel: Target | None, client: Client) -> Target | Objection:
    """Return where a request goes, and write it in origin-form; an objection if anything in it says otherwise.

    `tunnel` is where the tunnel leads that the request is in, None outside of one.
    """
    data = request.data
    if not _METHOD.fullmatch(data.method):
        return objections.BAD_METHOD
    if data.method == b"CONNECT":
        return _connect_target(request, head, tunnel)
    if not _TARGET.fullmatch(data.path) or _DOTS.search(data.path.partition(b"?")[0]):
        return objections.BAD_TARGET
    return _target(request, head, tunnel, client)


def _connect_target(request: http.Request, head: Head, tunnel: Target | None) -> Target | Objection:
    target = None if tunnel is not None else http_head.read_authority(request.authority, 0)
    if target is not None and head.host:  # some clients leave the port out here
        named = http_head.read_authority(text(head.host), target[1])
        if named is None or named[0] != target[0]:
            return objections.MISMATCH
    return target or objections.NOT_A_PROXY_REQUEST


def _target(request: http.Request, head: Head, tunnel: Target | None, client: Client) -> Target | Objection:
    """Return host and port of a request that is not a CONNECT; TLS, URL and Host must agree on them."""
    written, scheme = request.authority, request.scheme
    if tunnel is not None:
        over_tls = "https" if client.tls else "http"
        if scheme and scheme != over_tls and not request.is_http2:
            return objections.MISMATCH
        request.scheme = scheme = over_tls
        if client.sni is not None and client.sni.lower().removesuffix(".") != tunnel[0]:
            return objections.MISMATCH
    if scheme not in DEFAULT_PORTS:
        return objections.NOT_A_PROXY_REQUEST
    port = DEFAULT_PORTS[scheme]
    said = (written, text(head.host))
    named = [http_head.read_authority(one, port) for one in said if one]
    if tunnel is not None:
        target: Target | None = tunnel
    else:
        target = named[0] if written else None
    if target is None:
        return objections.NOT_A_PROXY_REQUEST
    if not named or any(one != target for one in named) or head.host == b"":
        return objections.MISMATCH
    if not request.is_http2:
        if head.host is None:
            request.headers.fields = ((b"Host", request.data.authority), *request.headers.fields)
        request.authority = ""  # origin-form: some servers know no other
    return target


def text(data: bytes | None) -> str:
    """Return a header's or a request line's bytes as text, one code point a byte."""
    return (data or b"").decode("latin-1")


def bracketed(host: str) -> str:
    """Return a host as it stands in an authority."""
    return f"[{host}]" if ":" in host else host
