"""Images: what is written beside the picture is read; the picture as such is no alarm."""

import io
import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.body import read_body
from dlp.wire.container import sniff
from dlp.wire.images import read_image

VALUE = "123-45-6789"
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
PICTURE = Image.linear_gradient("L").resize((120, 90)).convert("RGB")


def saved(kind: str, picture: Image.Image = PICTURE, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x010E] = VALUE  # what the picture shows
    found.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + VALUE.encode()  # what its user wrote
    return found


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", VALUE)
    info.add_text("Packed", VALUE, zip=True)
    info.add_itxt("International", VALUE)
    return info


def read(data: bytes) -> tuple[Part, ...]:
    return read_body(data, "image/x", "", limit=10_000_000).block.parts


def opaque(parts: tuple[Part, ...]) -> list[str]:
    return [part.why for part in parts if part.kind is Kind.OPAQUE]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_ordinary_picture_says_nothing_and_is_no_alarm(kind: str):
    assert read(saved(kind)) == ()


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_behind_a_pictures_end_are_opaque(kind: str):
    assert opaque(read(saved(kind) + b"\x01\x02\x03 hidden")) == ["image: bytes behind its end"]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (saved("PNG", pnginfo=texts()), 3),
        (saved("PNG", exif=exif()), 2),
        (saved("JPEG", exif=exif()), 2),
        (saved("JPEG", comment=VALUE), 1),
        (saved("JPEG", xmp=f"<x>{VALUE}</x>".encode()), 1),
        (saved("WEBP", exif=exif(), xmp=f"<x>{VALUE}</x>".encode()), 3),
        (saved("GIF", comment=VALUE), 1),
    ],
)
def test_what_is_written_beside_the_picture_is_read(data: bytes, count: int):
    parts = read(data)
    assert sum(VALUE in part.text for part in parts) == count
    assert not opaque(parts)


def test_a_second_picture_behind_the_first_is_read_likewise():
    assert not opaque(read(saved("JPEG") + saved("JPEG")))
    assert any(VALUE in part.text for part in read(saved("JPEG") + saved("JPEG", comment=VALUE)))


def test_pixels_that_are_noise_are_opaque():
    noise = Image.frombytes("RGB", (64, 64), os.urandom(64 * 64 * 3))
    assert opaque(read(saved("PNG", noise))) == ["png: pixels that look like noise"]


def test_a_block_that_nobody_knows_is_opaque():
    chunk = b"prVt" + os.urandom(40)
    whole = struct.pack(">I", 40) + chunk + struct.pack(">I", zlib.crc32(chunk))
    png = saved("PNG")
    assert opaque(read(png[:33] + whole + png[33:]))
    jpeg = saved("JPEG")
    assert opaque(read(jpeg[:2] + b"\xff\xe9" + struct.pack(">H", 42) + os.urandom(40) + jpeg[2:]))


def test_a_packed_text_that_is_a_bomb_is_opaque():
    data = b"k\0\0" + zlib.compress(b"\0" * 5_000_000)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    png = saved("PNG")
    assert opaque(read(png[:33] + chunk + png[33:]))


def test_a_text_that_begins_like_a_picture_is_a_text():
    assert sniff(b"GIF89a is a format") == ""
    assert read(b"GIF89a is a format")[0].text == "GIF89a is a format"


@given(st.data(), st.sampled_from([saved(kind, exif=exif()) for kind in ("PNG", "JPEG", "WEBP")] + [saved("GIF")]))
def test_broken_pictures_raise_nothing_else(data: st.DataObject, raw: bytes):
    broken = bytearray(raw[: data.draw(st.integers(13, len(raw)))])
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(12, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = read_image(sniff(raw), bytes(broken), "")
    except ParseError:
        return
    assert all(isinstance(part, Part) for part in parts)
