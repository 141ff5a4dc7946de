import pytest

from dlp.core.edit import Edit
from dlp.wire.body import read_body
from dlp.wire.folded_text import read_folded
from dlp.wire.leaf import Leaves
from dlp.wire.limits import Invalid

CARD = b"BEGIN:VCARD\r\nNOTE:a long\r\n  note\r\nEMAIL:maria@exa\r\n mple.org\r\nEND:VCARD\r\n"
READ = "BEGIN:VCARD\r\nNOTE:a long note\r\nEMAIL:maria@example.org\r\nEND:VCARD\r\n"


@pytest.mark.parametrize("kind", ["text/vcard", "text/calendar; charset=utf-8", "text/plain", ""])
def test_a_folded_line_is_read_as_one_and_only_what_is_edited_is_written_anew(kind: str):
    body = read_body(CARD, kind, "", limit=10_000)
    (part,) = body.block.parts
    assert (part.text, part.unstructured, body.block.surface) == (READ, True, None)
    at = READ.index("maria")
    edited = body.write([Edit(0, at, at + len("maria@example.org"), "[EMAIL_1]")])
    assert edited == CARD.replace(b"maria@exa\r\n mple.org", b"[EMAIL_1]")


def test_what_is_not_folded_is_a_text_like_any_other():
    with pytest.raises(Invalid):
        read_folded("BEGIN:VCARD\r\n", "", Leaves())
    plain = read_body(b"BEGIN:VCARD\r\n", "text/vcard", "", limit=100).block
    assert (plain.parts[0].text, plain.surface) == ("BEGIN:VCARD\r\n", b"BEGIN:VCARD\r\n")
    indented = read_body(b"x\n y", "text/plain", "", limit=100).block
    assert indented.parts[0].text == "x\n y"
