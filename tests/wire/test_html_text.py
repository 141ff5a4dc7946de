import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit
from dlp.core.errors import ParseError
from dlp.core.message import Kind
from dlp.wire.html_text import may_cut, read_html
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


def test_an_empty_comment_cuts_no_text_in_two():
    page = "<p>to maria<!-- -->@<!---->acme.org now</p><!-- --><b><!-- -->x</b>"
    leaves = read(page)
    assert texts(page) == [("/p[1]", "to maria@acme.org now"), ("/b[1]", "x")]
    at = next(i for i, part in enumerate(leaves.parts) if "@" in part.text)
    edits = {at: [Edit(at, 3, 17, "[EMAIL_1]")]}
    written = "<p>to [EMAIL_1] now</p><!-- --><b><!-- -->x</b>"
    assert rewrite(page, leaves.parts, leaves.places, edits) == written
    edits = {at: [Edit(at, 18, 21, "then")]}
    assert rewrite(page, leaves.parts, leaves.places, edits) == page.replace("now", "then")


@pytest.mark.parametrize(
    ("page", "word"),
    [
        ("<p>maria.g<b>onzalez</b>@<wbr>acme.org, x", "maria.gonzalez@acme.org,"),
        ("<p>card 41111111<wbr>11111111 x", "4111111111111111"),
        ("<p>536<i>-90</i>-4399", "536-90-4399"),
        ("<p><em>maria</em>@acme.org", "maria@acme.org"),
    ],
)
def test_a_word_that_formatting_cuts_is_read_as_a_whole_and_not_rewritten(page: str, word: str):
    leaves = read(page)
    (at,) = [i for i, part in enumerate(leaves.parts) if part.text == word]
    with pytest.raises(ParseError):
        rewrite(page, leaves.parts, leaves.places, {at: [Edit(at, 0, 1, "x")]})


@pytest.mark.parametrize(
    "page",
    [
        "<p>write to <b>maria@acme.org</b>, or <i>call</i>.",
        "<p><b>Name:</b>Maria <em>(work)</em>",
        "<td><b>a@b.org</b></td><td><b>c@d.org</b></td>",
        "<span>a@b.org</span><span>Maria</span>",
        "<p>a<br>b<hr>c",
        "<p>maria <b> @acme.org</b>",
    ],
)
def test_what_formatting_does_not_cut_is_read_once(page: str):
    said = "".join(text for _, text in texts(page))
    assert len(said) == len(re.sub(r"<[^>]*>", "", page))


CUTS = ["<b>", "</I >", "<wbr/>", "<!-- -->", "<!---->", "<!--x-->", "<?x>", "</ b>", "<em\xa0x>", "</b><i title='>'>"]


@pytest.mark.parametrize("between", [*CUTS, f"<i a={'b' * 300}>"])
def test_what_may_cut_a_word_is_seen_without_reading(between: str):
    assert may_cut(f"<p>{'x ' * 200_000}maria{between}@acme.org".encode())


def test_a_page_in_which_nothing_cuts_a_word_is_told_so():
    assert not may_cut(b"<p>one <b>two</b>, <i x=y>b</i> <div>a</div><!-- c --><span>b</span><body>c<q>")


@given(st.lists(st.sampled_from([*CUTS, "a", "@", ".", ",", " ", "ü", "<", '<i a="<">', "<span>", "<sup>", "<b "])))
def test_what_is_seen_without_reading_holds_every_text(pieces: list[str]):
    page = f"<p>{''.join(pieces)}"
    if not may_cut(page.encode()):
        assert all(part.text in page for part in read(page).parts)
