"""Archives: what is in them is read, and whatever no entry accounts for is opaque."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.body import read_body
from dlp.wire.container import sniff
from dlp.wire.limits import TooLarge

VALUE = "123-45-6789"


def unpacked(raw: bytes, content_type: str = "") -> tuple[Part, ...]:
    body = read_body(raw, content_type, "", limit=10_000_000)
    if body.block.far is not None:
        body.block.settle(body.block.far())
    return body.block.parts


def zipped(*entries: tuple[str, str | bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*entries: tuple[str, bytes], **pax: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers=pax) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def where(parts: tuple[Part, ...]) -> list[str]:
    return [part.path for part in parts if VALUE in part.text]


def opaque(parts: tuple[Part, ...]) -> list[str]:
    return [part.why for part in parts if part.kind is Kind.OPAQUE]


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: zipped(("a/b.txt", data)),
        lambda data: tarred(("a/b.txt", data)),
        lambda data: gzip.compress(tarred(("a/b.txt", data))),
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zstandard.compress,
        lambda data: zipped(("in.zip", zipped(("in.tar", tarred(("b.txt", data)))))),
        lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
        lambda data: bz2.compress(data[:9]) + bz2.compress(data[9:]),
    ],
)
def test_what_is_packed_is_read_and_nothing_of_it_is_opaque(pack: Callable[[bytes], bytes]):
    parts = unpacked(pack(f"the number is {VALUE}".encode()))
    assert len(where(parts)) == 1
    assert not opaque(parts)


def test_entries_are_read_in_the_format_of_their_names():
    parts = unpacked(zipped(("people.json", f'{{"ssn": "{VALUE}"}}'), ("people.csv", f"ssn\n{VALUE}\n")))
    assert where(parts) == ["/people.json/ssn", "/people.csv/0/ssn"]


def test_names_comments_owners_and_links_are_read():
    assert where(unpacked(zipped((f"{VALUE}.txt", "x")))) == [f"/{VALUE}.txt/@name"]
    assert where(unpacked(zipped(("a.txt", "x"), comment=VALUE.encode()))) == ["/@comment"]
    assert where(unpacked(tarred((VALUE, b"x")))) == [f"/{VALUE}/@name"]
    assert where(unpacked(tarred(("a", b"x"), note=VALUE))) == ["/a/@note"]
    out = io.BytesIO()
    with gzip.GzipFile(VALUE, "wb", fileobj=out) as file:
        file.write(b"x")
    assert where(unpacked(out.getvalue())) == ["/@filename"]


def test_a_paragraph_cut_into_runs_is_read_as_a_whole():
    runs = "<w:r><w:t>123-</w:t></w:r><w:r><w:t>45-6789</w:t></w:r>"
    text = f'<w:document xmlns:w="w"><w:body><w:p>{runs}</w:p></w:body></w:document>'
    parts = unpacked(zipped(("[Content_Types].xml", "<Types/>"), ("word/document.xml", text)))
    assert where(parts) == ["/word~1document.xml/w:document/w:body[1]/w:p[1]"]


def test_an_encrypted_entry_is_opaque():
    raw = bytearray(zipped(("a.txt", "secret")))
    raw[6] |= 1  # in its own header
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # and in the list
    assert opaque(unpacked(bytes(raw))) == ["zip: an encrypted entry"]


def test_bytes_that_no_entry_accounts_for_are_opaque():
    raw = zipped(("a.txt", "x"))
    start = raw.index(b"PK\x01\x02")
    hidden = raw[:start] + b"\x01hidden bytes\x02" * 3 + raw[start:]
    end = hidden.rindex(b"PK\x05\x06")
    hidden = hidden[: end + 16] + struct.pack("<I", start + 42) + hidden[end + 20 :]
    assert opaque(unpacked(hidden))
    assert opaque(unpacked(tarred(("a", b"x")) + b"\x01" * 600))
    assert opaque(unpacked(gzip.compress(b"x") + b"\x01\x02 behind the end"))


def test_what_an_entry_says_of_itself_twice_must_agree():
    raw = zipped(("a.txt", "x")).replace(b"a.txt", b"b.txt", 1)
    assert opaque(unpacked(raw)) == ["zip: an entry's header and its list say different things"]


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: zipped(("zeros", b"\0" * 40_000_000)),
        lambda: gzip.compress(b"\0" * 40_000_000),
        lambda: bz2.compress(b"\0" * 40_000_000),
        lambda: lzma.compress(b"\0" * 40_000_000),
        lambda: zstandard.compress(b"\0" * 40_000_000),
        lambda: zipped(*((f"{n}", b"") for n in range(10_001))),
        lambda: zipped(*((f"{n}", b"\0" * 4_000_000) for n in range(10))),
    ],
)
def test_a_bomb_is_refused(bomb: Callable[[], bytes]):
    raw = bomb()
    with pytest.raises(TooLarge):
        unpacked(raw)


def test_an_entry_that_says_itself_that_it_is_too_large_is_not_unpacked():
    raw = zipped(("zeros", b"\0" * 40_000_000))
    broken = raw[:40] + b"\xff" * 20 + raw[60:]
    with pytest.raises(TooLarge):
        unpacked(broken)


def test_archives_in_archives_are_refused_beyond_a_depth():
    raw = b"x"
    for _ in range(6):
        raw = zipped(("in.zip", raw))
    with pytest.raises(TooLarge, match="deep"):
        unpacked(raw)


def test_an_archive_in_a_form_is_unpacked_and_the_other_fields_can_be_rewritten():
    packed = zipped(("a.txt", VALUE))
    raw = (
        b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n' + packed + b"\r\n--B--\r\n"
    )
    body = read_body(raw, "multipart/form-data; boundary=B", "", limit=10_000_000)
    assert body.block.far is not None
    body.block.settle(body.block.far())
    assert where(body.block.parts) == ["/file/a.txt"]
    number = next(i for i, part in enumerate(body.block.parts) if part.text == "hello")
    assert body.write([Edit(number, 0, 5, "bye")]) == raw.replace(b"hello", b"bye")
    packed_part = next(i for i, part in enumerate(body.block.parts) if VALUE in part.text)
    with pytest.raises(ParseError, match="not rewritten"):
        body.write([Edit(packed_part, 0, 5, "x")])


def test_an_archive_that_is_not_unpacked_is_opaque():
    (part,) = read_body(zipped(("a.txt", "x")), "application/zip", "", limit=10_000).block.parts
    assert part.kind is Kind.OPAQUE


@given(st.data(), st.sampled_from([zipped(("a.txt", VALUE * 9)), tarred(("a", b"x")), gzip.compress(b"x" * 99)]))
def test_broken_archives_raise_nothing_else(data: st.DataObject, raw: bytes):
    broken = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = unpacked(bytes(broken[: data.draw(st.integers(1, len(raw)))]))
    except ParseError:
        return
    assert all(isinstance(part, Part) for part in parts)


@given(st.binary(min_size=1, max_size=300).filter(lambda data: not sniff(data)))
def test_whatever_is_stored_comes_out_as_if_it_had_been_sent_alone(data: bytes):
    alone = [(part.text, part.kind) for part in read_body(data, "", "", limit=1000).block.parts]
    packed = [(part.text, part.kind) for part in unpacked(zipped(("a", data))) if "@" not in part.path]
    assert packed == alone
