"""PDF files: what their pages say, and every string beside."""

import io
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from dlp.core.errors import ParseError
from dlp.core.message import Kind, Part
from dlp.wire.body import read_body

VALUE = "123-45-6789"


def document(text: str, *, title: str = "A page", more: bytes = b"") -> bytes:
    """Write a PDF of one page, its text drawn in two pieces and compressed."""
    half = len(text) // 2
    drawn = zlib.compress(f"BT /F1 12 Tf 72 720 Td [({text[:half]}) 0 ({text[half:]})] TJ ET".encode())
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Title ({title}) >>".encode(),
    ]
    out, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", list[int]()
    for number, data in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, data)
    out += more
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n" + table
    return out + b"trailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def unpacked(raw: bytes) -> tuple[Part, ...]:
    body = read_body(raw, "application/pdf", "", limit=10_000_000)
    assert body.block.far is not None
    body.block.settle(body.block.far())
    return body.block.parts


def opaque(parts: tuple[Part, ...]) -> list[str]:
    return [part.why for part in parts if part.kind is Kind.OPAQUE]


def test_a_text_drawn_in_pieces_is_read_as_a_whole():
    parts = unpacked(document(f"the number is {VALUE}"))
    assert "/page/0" in [part.path for part in parts if VALUE in part.text]
    assert not opaque(parts)


def test_what_describes_it_is_read():
    assert any(VALUE in part.text for part in unpacked(document("x", title=VALUE)))


def test_comments_between_its_objects_are_read():
    assert any(VALUE in part.text for part in unpacked(document("x", more=b"% " + VALUE.encode() + b"\n")))


def test_attachments_are_read():
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document("x"))))
    writer.add_attachment("people.csv", f"ssn\n{VALUE}\n".encode())
    out = io.BytesIO()
    writer.write(out)
    assert any(VALUE in part.text for part in unpacked(out.getvalue()))


def test_a_document_that_does_not_say_where_it_begins_is_given_up_soon(monkeypatch: pytest.MonkeyPatch):
    tried: list[object] = []
    get = PdfReader.get_object

    def counted(self: PdfReader, reference: Any) -> Any:
        tried.append(reference)
        return get(self, reference)

    monkeypatch.setattr(PdfReader, "get_object", counted)
    raw = document("x").replace(b"/Size 7", b"/Size 2147483648").replace(b"/Type /Catalog", b"/Type /Catalogs")
    assert opaque(unpacked(raw.replace(b" 00000 n", b" 00(00 n")))
    assert 0 < len(tried) < 500


def test_an_encrypted_document_is_opaque():
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document("x"))))
    writer.encrypt("a password", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    assert any("encrypted" in why for why in opaque(unpacked(out.getvalue())))


def test_bytes_behind_its_end_and_objects_without_a_name_are_opaque():
    assert opaque(unpacked(document("x") + b"hidden")) == ["pdf: bytes behind its end"]
    loose = document("x", more=b"9 0 obj\n(never named)\nendobj\n")
    assert opaque(unpacked(loose)) == ["pdf: objects that are not in its table"]


def test_a_stream_that_is_neither_text_nor_a_font_is_opaque():
    noise = bytes(range(128, 256)) * 4
    font = b"/Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    stream = b"/Length 512 >>\nstream\n" + noise + b"\nendstream"
    assert opaque(unpacked(document("x").replace(font, stream)))


@settings(max_examples=40)
@given(st.data())
def test_broken_documents_raise_nothing_else(data: st.DataObject):
    broken = bytearray(document("x"))
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(8, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        parts = unpacked(bytes(broken))
    except ParseError:
        return
    assert all(isinstance(part, Part) for part in parts)
