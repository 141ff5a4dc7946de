import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.charset import read_text
from dlp.wire.document import Reading, opaque_document, text_document
from dlp.wire.leaf import Leaves
from dlp.wire.plain_text import read_plain


def plain(text: str) -> Reading:
    leaves = Leaves()
    read_plain(text, "", leaves)
    return Reading(leaves)


def test_an_opaque_document_says_why_and_cannot_be_written():
    document = opaque_document("/x", 7, "broken")
    assert [(p.kind, p.length, p.why, p.text) for p in document.parts] == [(Kind.OPAQUE, 7, "broken", "")]
    with pytest.raises(ParseError):
        document.write({0: [Edit(0, 0, 0, "x")]})


def test_a_charset_with_two_ways_to_write_a_text_is_read_and_not_edited():
    data = b"\x87\x90 x"  # an NEC extension that everyone writes as 81 E0
    document = text_document(data, read_text(data, "cp932"), plain, read_text)
    assert document.parts[0].text == "≒ x"
    with pytest.raises(ParseError, match="two ways"):
        document.write({0: [Edit(0, 2, 3, "y")]})


def test_a_byte_order_mark_stays():
    data = b"\xff\xfeh\0i\0"
    assert text_document(data, read_text(data), plain, read_text).write({0: [Edit(0, 0, 1, "J")]}) == b"\xff\xfeJ\0i\0"
