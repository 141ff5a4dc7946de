import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.leaf import Leaves, rewrite
from dlp.wire.limits import Invalid
from dlp.wire.xml_text import declared_charset, read_xml


def read(text: str) -> Leaves:
    leaves = Leaves()
    read_xml(text, "", leaves)
    return leaves


def write(text: str, path: str, start: int, end: int, new: str) -> str:
    leaves = read(text)
    index = next(i for i, p in enumerate(leaves.parts) if p.path == path and p.kind is Kind.TEXT)
    return rewrite(text, leaves.parts, leaves.places, {index: [Edit(index, start, end, new)]})


def test_texts_attributes_comments_and_cdata_are_parts_and_each_name_once():
    parts = read(
        "<?xml version='1.0'?><r><x:row a='1&lt;'>A&amp;B</x:row><x:row> <![CDATA[<c>]]> <!-- d --></x:row></r>"
    ).parts
    assert [(p.path, p.text, p.kind, p.name) for p in parts] == [
        ("/r", "r", Kind.KEY, ""),
        ("/r/x:row[1]", "x:row", Kind.KEY, ""),
        ("/r/x:row[1]/@a", "a", Kind.KEY, ""),
        ("/r/x:row[1]/@a", "1<", Kind.TEXT, "a"),
        ("/r/x:row[1]", "A&B", Kind.TEXT, "row"),
        ("/r/x:row[2]", "<c>", Kind.TEXT, "row"),
        ("/r/x:row[2]/comment()", " d ", Kind.TEXT, ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>\x01</a>",
        "<a>]]></a>",
        "<a><!-- - -- --></a>",
        "<a><!-- --</a>",
        "<a><?xml version='1.0'?></a>",
        "<a b='<'/>",
    ],
)
def test_what_is_not_well_formed_is_invalid(text: str):
    with pytest.raises(Invalid):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x '1'>]><a>&x;</a>",
        "<a>123-45<![CDATA[-6789]]></a>",
        "<a>123-45<!-- x -->-6789</a>",
        "<a>" * 201 + "</a>" * 201,
    ],
)
def test_document_types_texts_cut_in_two_and_deep_nesting_are_refused(text: str):
    with pytest.raises(ParseError) as caught:
        read(text)
    assert not isinstance(caught.value, Invalid)


def test_edits_are_escaped_and_references_beside_them_stay():
    assert write("<a>x&#65;y</a>", "/a", 0, 1, "<&") == "<a>&lt;&amp;&#65;y</a>"
    assert write("<a b='x&quot;'/>", "/a/@b", 0, 1, "'\n") == "<a b='&apos;&#10;&quot;'/>"


def test_what_xml_cannot_say_is_refused():
    with pytest.raises(ParseError):
        write("<a>x</a>", "/a", 0, 1, "\x01")


def test_the_declared_charset_is_known():
    assert declared_charset('<?xml version="1.0" encoding="UTF-16"?><a/>') == "UTF-16"
    assert declared_charset("<a/>") == ""
