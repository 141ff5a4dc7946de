"""What stands beside the picture in images of several kinds."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.container import Contents
from dlp.wire.image_notes import read_exif, read_profile, read_strange

VALUE = "123-45-6789"


def exif_of(found: Image.Exif) -> list[Part]:
    contents = Contents()
    read_exif(found.tobytes()[6:], "/exif", contents)
    return contents.parts


def test_texts_and_numbers_of_all_directories_are_read():
    found = Image.Exif()
    found[0x010E] = VALUE
    found.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + VALUE.encode()
    found.get_ifd(0x8825)[2] = (48.0, 8.0, 14.5)
    read = {part.path: part.text for part in exif_of(found)}
    assert (read["/exif/010e"], read["/exif/9286"], read["/exif/0002"]) == (VALUE, VALUE, "48 8 14.5")


def test_a_cameras_notes_are_read_for_texts_and_are_no_alarm():
    found = Image.Exif()
    found.get_ifd(0x8769)[0x927C] = b"\x01\xff\x00maker" + VALUE.encode() + b"\xfe" * 40
    (part,) = exif_of(found)
    assert VALUE in part.text


def test_entries_that_share_bytes_are_refused():
    entry = struct.pack("<HHII", 0x010E, 2, 60_000, 8)
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 500) + entry * 500 + b"\0" * 60_000
    with pytest.raises(ParseError, match="exif"):
        read_exif(tiff, "/exif", Contents())


def test_a_colour_profile_is_no_alarm_and_what_is_none_is():
    profile, other = Contents(), Contents()
    read_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "/icc", profile)
    assert all(part.kind is Kind.TEXT for part in profile.parts)
    read_profile(b"\xff" * 300, "/icc", other)
    assert [part.kind for part in other.parts] == [Kind.OPAQUE]


@pytest.mark.parametrize(
    ("data", "kinds"), [(b"text\0\0", [Kind.TEXT]), (b"\xff" * 20, [Kind.OPAQUE]), (b"\xff\0", [])]
)
def test_bytes_of_no_known_format_are_text_or_opaque_or_too_few(data: bytes, kinds: list[Kind]):
    contents = Contents()
    read_strange(data, "/x", contents)
    assert [part.kind for part in contents.parts] == kinds


@given(st.binary(max_size=200).map(lambda data: b"II*\0\x08\0\0\0" + data))
def test_any_exif_is_read_or_refused(data: bytes):
    contents = Contents()
    try:
        read_exif(data, "/exif", contents)
    except ParseError:
        return
    assert all(part.path.startswith("/exif") for part in contents.parts)
