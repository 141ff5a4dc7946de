"""Refuse → what the sandbox is told: an RFC 9457 problem document over HTTP."""

import orjson

from dlp.core.message import Direction
from dlp.core.outcome import Refuse

OWN_HOST = "proxy.dlp"
"""The name under which the proxy itself serves a sandbox, over its own listener."""

MEDIA_TYPE = "application/problem+json"

_STATUS = {
    "identity": 407,
    "limit": 413,
    "protocol": 400,
    "missing": 404,
    "upstream": 502,
}


def status(refuse: Refuse) -> int:
    """Return the HTTP status of a refusal: 403, unless it is about identity, size, framing or an upstream's failure.

    A refused *response* is a 403 as well, since nothing is wrong with the size or form of what the sandbox sent.
    """
    code = _STATUS.get(refuse.kind, 403)
    return 403 if refuse.direction is Direction.INBOUND and code in (400, 413) else code


def status_url(approval: str) -> str:
    """Return where a sandbox can wait for the answer to an approval."""
    return f"http://{OWN_HOST}/approvals/{approval}"


def problem(refuse: Refuse) -> dict[str, object]:
    """Return the problem document (RFC 9457) of a refusal; members without content are left out."""
    document: dict[str, object] = {
        "type": f"urn:dlp:refusal:{refuse.kind}",
        "title": refuse.title,
        "status": status(refuse),
        "detail": refuse.detail,
        "next": refuse.next,
        "rule": refuse.rule,
        "says": refuse.says,
        "missing": list(refuse.missing),
        "decision": refuse.event,
        "trace": refuse.trace,
        "direction": refuse.direction.value,
    }
    document = {name: value for name, value in document.items() if value not in ("", [])}
    document["retryable"] = refuse.retryable
    if refuse.approval:
        document["approval"] = {"id": refuse.approval, "status_url": status_url(refuse.approval)}
    return document


def problem_bytes(refuse: Refuse) -> bytes:
    """Return the problem document as JSON."""
    return orjson.dumps(problem(refuse), option=orjson.OPT_APPEND_NEWLINE)


def headers(refuse: Refuse, length: int) -> list[tuple[bytes, bytes]]:
    """Return the header fields that go with a problem document of `length` bytes."""
    fields = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
    ]
    if refuse.kind == "identity":
        fields.append((b"proxy-authenticate", b'Basic realm="dlp", charset="UTF-8"'))
    return fields
