import pytest

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.html_text import read_html
from dlp.wire.leaf import Leaves, rewrite


def read(text: str) -> Leaves:
    leaves = Leaves()
    read_html(text, "", leaves)
    return leaves


def texts(text: str) -> list[tuple[str, str]]:
    return [(p.path, p.text) for p in read(text).parts if p.kind is Kind.TEXT]


def test_texts_attributes_comments_and_scripts_are_parts():
    page = (
        '<!doctype html><p class=x>A &amp; B<br><a href="?a=1&copy=2">l</a><!-- c --><script>if (a<b) "</p>"</script>'
    )
    assert texts(page) == [
        ("/p[1]/@class", "x"),
        ("/p[1]", "A & B"),
        ("/a[1]/@href", "?a=1&copy=2"),
        ("/a[1]", "l"),
        ("/a[1]/comment()", " c "),
        ("/script[1]", 'if (a<b) "</p>"'),
    ]


def test_each_tag_and_attribute_name_is_a_key_once():
    assert [p.text for p in read("<p a=1><p a=2><x-123></x-123>").parts if p.kind is Kind.KEY] == ["p", "a", "x-123"]


@pytest.mark.parametrize(
    ("page", "hidden"),
    [
        ("1 < 2 <", "1 < 2 <"),
        ("<a <b", "<a <b"),
        ("<!-- open", " open"),
        ("<script>open", "open"),
        ("</p 123-45>", " 123-45"),
        ("<? 123 >", " 123 "),
        ("<!doctype 123>", "doctype 123"),
        ('<p "123"=\'>', '<p "123"=\'>'),
        ("<p ='1'>", "='1'"),
        ("<p 'x\">", "<p 'x\">"),
    ],
)
def test_nothing_hides_in_broken_markup(page: str, hidden: str):
    assert hidden in [text for _, text in texts(page)]


def test_edits_are_escaped_where_they_stand():
    page = "<p title='x' id=y>a &amp; b</p>"
    leaves = read(page)
    index = {p.text: i for i, p in enumerate(leaves.parts)}

    def write(at: str, new: str) -> str:
        i = index[at]
        return rewrite(page, leaves.parts, leaves.places, {i: [Edit(i, 0, 1, new)]})

    assert write("a & b", "<") == "<p title='x' id=y>&lt; &amp; b</p>"
    assert write("x", "'") == "<p title='&#x27;' id=y>a &amp; b</p>"
    with pytest.raises(ParseError):
        write("y", "a b")
    with pytest.raises(ParseError):
        write("title", "T")
