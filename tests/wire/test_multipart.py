import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.body import Body, read_body

FORM = "multipart/form-data; boundary=B"
TWO = (
    b"--B\r\n"
    b'Content-Disposition: form-data; name="meta"; filename="a%22b.json"\r\n'
    b"Content-Type: application/json\r\n"
    b"X-Note: hi\r\n"
    b"\r\n"
    b'{"pay": 100}\r\n'
    b"--B\r\n"
    b'Content-Disposition: form-data; name="file"\r\n'
    b"\r\n"
    b"\x89PNG\r\n"
    b"--B--\r\n"
)


def read(raw: bytes, kind: str = FORM) -> Body:
    return read_body(raw, kind, "", limit=10**6)


def told(body: Body) -> list[tuple[str, str, Kind, str]]:
    return [(p.path, p.text, p.kind, p.name) for p in body.block.parts]


def test_names_file_names_headers_and_contents_are_parts():
    assert told(read(TWO)) == [
        ("/meta", "meta", Kind.KEY, ""),
        ("/meta/@filename", 'a"b.json', Kind.TEXT, "filename"),
        ("/meta/@content-disposition", "form-data", Kind.TEXT, "content-disposition"),
        ("/meta/@content-type", "application/json", Kind.TEXT, "content-type"),
        ("/meta/@x-note", "hi", Kind.TEXT, "x-note"),
        ("/meta/@x-note", "X-Note", Kind.KEY, ""),
        ("/meta/pay", "pay", Kind.KEY, ""),
        ("/meta/pay", "100", Kind.NUMBER, "pay"),
        ("/file", "file", Kind.KEY, ""),
        ("/file/@content-disposition", "form-data", Kind.TEXT, "content-disposition"),
        ("/file", "", Kind.OPAQUE, "file"),
    ]
    assert read(TWO).block.surface is None


def test_an_edit_changes_only_its_span_binary_sections_included():
    written = read(TWO).write([Edit(7, 0, 3, "[PAY_1]"), Edit(1, 0, 1, '"')])
    assert written == TWO.replace(b"100", b'"[PAY_1]"').replace(b"a%22b", b"%22%22b")


@pytest.mark.parametrize("new", ["x\r\n--B\r\ny", "\r\n--B--"])
def test_an_edit_cannot_forge_a_boundary(new: str):
    raw = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--B--\r\n'
    with pytest.raises(ParseError):
        read(raw).write([Edit(2, 0, 4, new)])


def test_a_section_that_states_its_length_is_read_and_not_edited():
    raw = b'--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Length: 4\r\n\r\ntext\r\n--B--\r\n'
    assert read(raw).block.parts[-1].text == "text"
    with pytest.raises(ParseError, match="length"):
        read(raw).write([Edit(3, 0, 4, "x")])


def test_what_stands_around_the_sections_is_read_too():
    raw = b"before\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\nafter"
    assert [p.text for p in read(raw).block.parts] == ["before", "a", "form-data", "1", "after"]


def test_an_empty_section_has_one_empty_text():
    raw = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--B--\r\n'
    assert read(raw).block.parts[-1].text == ""
    assert read(raw).block.parts[-1].path == "/a"
    assert read(read(raw).write([Edit(2, 0, 0, "x")])).block.parts[-1].text == "x"


def test_a_section_may_hold_sections():
    inner = b'--C\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--C--'
    raw = b"--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n" + inner + b"\r\n--B--"
    assert ("/0/x", "1", Kind.TEXT, "x") in told(read(raw))


SECTION = b"--B\r\n%s\r\n\r\nx\r\n--B--\r\n"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (TWO, "multipart/form-data"),
        (TWO, "multipart/form-data; boundary=C"),
        (TWO.replace(b"--B--", b"--B"), FORM),
        (TWO[:-7], FORM),
        (b"--B\r\nno header\r\n\r\n--B--", FORM),
        (b"--B\r\nA: b\r\n--B--", FORM),
        (SECTION % b"Content-Transfer-Encoding: base64", FORM),
        (SECTION % b"A: b\r\nA: c", FORM),
        (SECTION % b"Content-Disposition: form-data; name=a; name=b", FORM),
        (SECTION % b"Content-Disposition: form-data; name=a; secret=b", FORM),
        (SECTION % b"Content-Disposition: form-data; name", FORM),
        (SECTION % b"A: \xff", FORM),
        (b"--B\r\nA: b\r\n\r\n--B\r\n" * 3, FORM),
    ],
)
def test_what_receivers_would_read_differently_is_opaque(raw: bytes, kind: str):
    assert [p.kind for p in read(raw, kind).block.parts] == [Kind.OPAQUE]
