"""Bodies over the limit through the proxy with its real engine: judged window by window, and passed byte for byte."""

import hashlib
import random
import subprocess
from typing import Any

import pytest

from dlp.config import Limits
from dlp.engine.ranges import EDGE
from dlp.wire.window import SIZE

POLICY = """
policy: bodies
use: [base]
classes:
  employee.pay: {level: restricted, token: PAY}
sources:
  files: {at: https://files.test/**}
  closed: {at: https://closed.test/**}
  hr: {at: https://hr.test/**, fields: {"$..salary": employee.pay}}
destinations:
  files: {at: https://files.test/**}
  closed: {at: https://closed.test/**}
  hr: {at: https://hr.test/**}
rules:
  - {name: files are files, data: opaque, from: files, to: sandbox, then: allow}
  - {name: files go out, data: opaque, to: files, then: allow}
  - {name: people do not enter, data: pii, from: [files, closed], to: sandbox, then: block}
  - {name: people do not leave, data: pii, to: files, then: block}
  - {name: what cannot be read does not enter, data: opaque, from: closed, to: sandbox, then: block}
"""
LIMITS = Limits(body=300_000, connect=5.0)
SSN = b" my social security number is 536-90-4399 "


def text(size: int, seed: int = 1) -> bytes:
    made = random.Random(seed)  # noqa: S311
    words = b"nothing of note is in this report and it goes on for a long while".split()
    out = bytearray()
    while len(out) < size:
        out += b" ".join(made.choices(words, k=10)) + b"\n"
    return bytes(out[:size])


BODIES = {
    "binary": b"\xff\x00" + random.Random(2).randbytes(1_500_000),  # noqa: S311
    "text": text(1_500_000),
    "json": b'{"text": "' + text(1_000_000).replace(b"\n", b"\\n") + b'"}',
    "utf-8 across windows": ("é" * 700_000).encode(),
}
WAYS = [
    ("binary", "--http1.1", "length"),
    ("binary", "--http2", "length"),
    ("text", "--http1.1", "chunked"),
    ("text", "--http2", "chunked"),
    ("json", "--http1.1", "length"),
    ("utf-8 across windows", "--http2", "length"),
]
TYPES = {"binary": "application/octet-stream", "json": "application/json"}


def reply(body: bytes, kind: str, framing: str = "length") -> bytes:
    head = f'HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: "v1"\r\n'.encode()
    if framing == "chunked":
        pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
        return (
            head
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
        )
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def curl(world: Any, url: str, *arguments: str, data: bytes | None = None) -> tuple[int, int, bytes]:
    """Return curl's exit code, the status and the body."""
    out = world.folder / "out"
    out.unlink(missing_ok=True)
    command = ["curl", "-s", "--max-time", "60", "-o", str(out), "-w", "%{http_code}", "--proxy", world.bare_url]
    command += ["--cacert", str(world.ca_file), *(("--data-binary", "@-") if data is not None else ()), *arguments, url]
    done = subprocess.run(command, input=data, capture_output=True, timeout=90, check=False)  # noqa: S603
    return done.returncode, int(done.stdout), out.read_bytes() if out.exists() else b""


@pytest.mark.parametrize(("what", "version", "framing"), WAYS)
def test_a_download_over_the_limit_arrives_byte_for_byte(
    world: Any, judged: Any, what: str, version: str, framing: str
):
    body = BODIES[what]
    world.upstream("files.test", reply(body, TYPES.get(what, "text/plain"), framing), close=framing == "chunked")
    at = judged(POLICY, LIMITS)
    code, status, got = curl(at.world, "https://files.test/large", version)
    assert (code, status) == (0, 200)
    assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest()


@pytest.mark.parametrize(("what", "version", "framing"), WAYS)
def test_an_upload_over_the_limit_arrives_byte_for_byte(world: Any, judged: Any, what: str, version: str, framing: str):
    body = BODIES[what]
    upstream = world.upstream("files.test")
    at = judged(POLICY, LIMITS)
    headers = ["-H", f"Content-Type: {TYPES.get(what, 'text/plain')}"]
    headers += ["-H", "Transfer-Encoding: chunked"] if framing == "chunked" and version == "--http1.1" else []
    code, status, _ = curl(at.world, "https://files.test/large", version, *headers, data=body)
    assert (code, status) == (0, 200)
    assert hashlib.sha256(upstream.requests[0].body).digest() == hashlib.sha256(body).digest()


def test_what_cannot_be_read_is_refused_before_the_first_byte_where_the_policy_says_so(world: Any, judged: Any):
    world.upstream("closed.test", reply(BODIES["binary"], "application/octet-stream"))
    at = judged(POLICY, LIMITS)
    _, _, got = curl(at.world, "https://closed.test/")
    assert BODIES["binary"][:20] not in got
    upstream = world.upstream("hr.test")
    _, status, said = curl(at.world, "https://closed.test/", data=BODIES["binary"])
    assert status == 403
    assert b"urn:dlp:refusal:flow" in said
    assert upstream.requests == []


@pytest.mark.parametrize("at_byte", [10, SIZE - 20, 2 * SIZE - 15, 1_400_000])
@pytest.mark.parametrize("shape", ["plain", "escaped"])
def test_a_value_anywhere_stops_the_rest_of_a_download(world: Any, judged: Any, at_byte: int, shape: str):
    value = SSN if shape == "plain" else SSN.replace(b"-", b"\\u002d")
    body = text(at_byte) + value + text(1_500_000 - at_byte, 3)
    world.upstream("files.test", reply(body, "text/plain"))
    at = judged(POLICY, LIMITS)
    code, _, got = curl(at.world, "https://files.test/")
    assert code != 0
    assert b"4399" not in got
    assert len(got) < len(body)


@pytest.mark.parametrize("at_byte", [10, 2 * SIZE - 15, 1_400_000])
def test_a_value_anywhere_stops_the_rest_of_an_upload(world: Any, judged: Any, at_byte: int):
    body = text(at_byte) + SSN + text(1_500_000 - at_byte, 3)
    upstream = world.upstream("files.test")
    at = judged(POLICY, LIMITS)
    code, status, said = curl(at.world, "https://files.test/", data=body)
    assert (code, status, b"urn:dlp:refusal:flow" in said) == (0, 403, True) or code != 0
    assert upstream.requests == []


def test_a_source_with_fields_is_not_read_in_pieces(world: Any, judged: Any):
    world.upstream("hr.test", reply(BODIES["json"], "application/json"))
    at = judged(POLICY, LIMITS)
    _, status, said = curl(at.world, "https://hr.test/")
    assert status == 403
    assert b"urn:dlp:refusal:limit" in said


@pytest.mark.parametrize("end", ["short", "long"])
def test_a_body_that_is_not_as_long_as_it_says_is_no_complete_answer(world: Any, judged: Any, end: str):
    body = text(600_000)
    whole = reply(body, "text/plain")
    world.upstream("files.test", whole[:-1000] if end == "short" else whole + b"more", close=True)
    at = judged(POLICY, LIMITS)
    code, _, got = curl(at.world, "https://files.test/")
    assert (code != 0 and len(got) < len(body)) if end == "short" else got == body


def test_a_session_that_is_stopped_gets_no_more_of_a_body(world: Any, judged: Any):
    world.upstream("files.test", reply(BODIES["text"], "text/plain"))
    at = judged(POLICY, LIMITS)
    seen = []

    def stop(entry: Any) -> None:
        seen.append(entry)
        if len(seen) == 3:
            at.wall.sessions.freeze(at.session.id)

    write = at.wall.log.write
    at.wall.log.write = lambda entry: (write(entry), stop(entry))
    try:
        code, _, got = curl(at.world, "https://files.test/")
    finally:
        del at.wall.log.write
    assert code != 0
    assert len(got) < len(BODIES["text"])


@pytest.mark.parametrize(("what", "version"), [("binary", "--http1.1"), ("text", "--http2")])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_piece_over_the_limit_is_judged_with_what_stands_beside_it_and_arrives_byte_for_byte(
    world: Any, judged: Any, what: str, version: str, framing: str
):
    body = BODIES[what]
    first, last = 1000, len(body) - 2000
    came = body[first - EDGE : last + EDGE + 1]
    head, _, rest = reply(came, TYPES.get(what, "text/plain"), framing).partition(b"\r\n\r\n")
    head = head.replace(b"200 OK", b"206 Partial Content")
    head += b"\r\nContent-Range: bytes %d-%d/%d" % (first - EDGE, last + EDGE, len(body))
    upstream = world.upstream("files.test", head + b"\r\n\r\n" + rest, close=framing == "chunked")
    at = judged(POLICY, LIMITS)
    code, status, got = curl(at.world, "https://files.test/large", version, "-r", f"{first}-{last}")
    assert (code, status) == (0, 206)
    assert upstream.requests[0].header("range") == f"bytes={first - EDGE}-{last + EDGE}"
    assert hashlib.sha256(got).digest() == hashlib.sha256(body[first : last + 1]).digest()


def test_half_a_value_at_the_end_of_a_piece_over_the_limit_does_not_enter(world: Any, judged: Any):
    body = text(900_000) + SSN + text(1000)
    cut = body.index(b"536-90-4399") + 10
    came = body[: cut + EDGE]
    said = reply(came, "text/plain").replace(b"200 OK", b"206 Partial Content")
    said = said.replace(b"\r\n\r\n", b"\r\nContent-Range: bytes 0-%d/%d\r\n\r\n" % (len(came) - 1, len(body)), 1)
    world.upstream("files.test", said)
    at = judged(POLICY, LIMITS)
    code, _, got = curl(at.world, "https://files.test/large", "-r", f"0-{cut - 1}")
    assert code != 0
    assert b"536-90" not in got
