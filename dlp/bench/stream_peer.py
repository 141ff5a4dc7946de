"""The upstream of `dlp bench streams`, in a process of its own: events, frames and large bodies, over plain HTTP.

What it sends at a rate carries the time at which it was sent, on the clock that all processes share.
"""

import asyncio
import base64
import gc
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from functools import cache
from urllib.parse import parse_qs, urlsplit

from dlp.bench import bombs

PIECE = 256 * 1024
_WORDS = "the report of last week says that all went as planned and nothing else has to be done about it now".split()  # noqa: SIM905
_EXTENDED = 126
_LETTERS, _DIGITS = str.maketrans("0123456789", "abcdefghij"), str.maketrans("abcdefghij", "0123456789")
SPELLED = 23
"""Characters of a time as `spelled` writes it."""


@cache
def piece(kind: str) -> bytes:
    """Return what a large body is made of, over and over: `text`, or bytes that are none."""
    made = random.Random(7)  # noqa: S311 - no secret: the same in every run
    if kind == "binary":
        return bytes([0xFF, 0]) + made.randbytes(PIECE - 2)
    lines = bytearray()
    while len(lines) < PIECE:
        lines += " ".join(made.choices(_WORDS, k=12)).encode() + b"\n"
    return bytes(lines[:PIECE])


def _names() -> list[tuple[str, str]]:
    """Return names of people, no two of them alike."""
    made = random.Random(3)  # noqa: S311 - no secret: the same in every run
    sounds = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    return [("".join(made.choices(sounds, k=3)), "".join(made.choices(sounds, k=4))) for _ in range(_PEOPLE)]


_PEOPLE = 200
_NAMES = _names()


def spelled(now: int) -> str:
    """Return a time in letters, in groups of three: its digits would be taken for a card's or a telephone's number."""
    letters = f"{now:018d}".translate(_LETTERS)
    return " ".join(letters[at : at + 3] for at in range(0, len(letters), 3))


def told(text: bytes) -> int:
    """Return the time that `spelled` wrote."""
    return int(text.decode().replace(" ", "").translate(_DIGITS))


def event(kind: str, number: int) -> bytes:
    """Return one event: a record, a record of a person, or a piece of a text as language models write it."""
    sent = spelled(time.perf_counter_ns())
    said: dict[str, object]
    if kind == "text":
        said = {"sent": sent, "choices": [{"index": 0, "delta": {"content": f"{_WORDS[number % len(_WORDS)]} "}}]}
    elif kind == "person":
        name, family = _NAMES[number % _PEOPLE]
        said = {"sent": sent, "line": number, "about": f"{name} wrote", "email": f"{name}.{family}@example.com"}
    else:
        said = {"sent": sent, "line": number, "state": "ready", "about": " ".join(_WORDS)}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def frame(kind: str, number: int) -> bytes:
    """Return one WebSocket frame with a text."""
    text = event(kind, number)[6:-2]
    head = bytes([0x81, len(text)]) if len(text) < _EXTENDED else bytes([0x81, _EXTENDED]) + len(text).to_bytes(2)
    return head + text


def _accept(key: str) -> bytes:
    """Return what RFC 6455, 4.2.2 wants as an answer to a key."""
    mixed = (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
    return base64.b64encode(hashlib.sha1(mixed, usedforsecurity=False).digest())


async def _at_rate(writer: asyncio.StreamWriter, make: Callable[[int], bytes], rate: float, count: int) -> None:
    start = time.perf_counter()
    for number in range(count):
        wait = start + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        writer.write(make(number))
        await writer.drain()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = urlsplit(head.split(" ", 2)[1])
        asked = {name: values[0] for name, values in parse_qs(target.query).items()}
        rate, count, kind = float(asked.get("rate", 1)), int(asked.get("count", 0)), asked.get("kind", "record")
        length = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
        match target.path:
            case "/events":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
                await _at_rate(writer, lambda number: event(kind, number), rate, count)
            case "/frames":
                key = next(
                    line[18:].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")
                )
                upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade % _accept(key))
                await _at_rate(writer, lambda number: frame(kind, number), rate, count)
                writer.write(b"\x88\x02\x03\xe8")
                await reader.read(1000)
            case "/download":
                size, body = int(asked["size"]), piece(kind)
                media = b"text/plain" if kind == "text" else b"application/octet-stream"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (media, size))
                while size > 0:
                    writer.write(body[:size])
                    await writer.drain()
                    size -= len(body)
            case "/bomb":
                for part in bombs.answer(asked["name"]):
                    writer.write(part)
                    await writer.drain()
            case _:
                got = 0
                while got < length and (data := await reader.read(PIECE)):
                    got += len(data)
                told = b"%d" % got
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(told))
                writer.write(told)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main() -> None:
    """Serve on a free port, told on standard output, until standard input ends."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    sys.stdout.write(json.dumps({"http": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    gc.freeze()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
