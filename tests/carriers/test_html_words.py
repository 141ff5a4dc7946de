"""Values in a page that its marks cut in two: nobody sees the marks, so nothing is hidden by them."""

import pytest

from dlp.core.errors import ParseError
from dlp.testing.wall import Wall

POLICY = """
policy: p
use: [base]
ner: off
sources: {crm: {at: "https://crm.test/**"}}
destinations: {crm: {at: "https://crm.test/**"}}
"""


def _page(body: str) -> tuple[bool, bytes]:
    wall = Wall(POLICY)
    answer = wall.receive(wall.open(), "GET https://crm.test/p", body=body, content_type="text/html")
    return answer.passed, answer.body


def test_a_value_between_empty_comments_becomes_one_token():
    assert _page("<p>to maria<!-- -->@<!-- -->acme-corp.org</p>") == (True, b"<p>to [EMAIL_1]</p>")


@pytest.mark.parametrize("body", ["<p>maria.g<b>onzalez</b>@<wbr>acme-corp.org</p>", "<p>41111111<wbr>11111111</p>"])
def test_a_value_that_formatting_cuts_does_not_enter(body: str):
    with pytest.raises(ParseError, match="can be read but not rewritten"):  # which refuses the answer
        _page(body)


def test_a_page_without_values_passes_byte_for_byte():
    body = "<p>Ver<b>y</b> <em>im</em>portant<!-- -->: <b>read</b> th<i>i</i>s.</p>"
    assert _page(body) == (True, body.encode())


def test_a_value_inside_a_mark_is_still_rewritten():
    assert _page("<p>to <b>maria@acme-corp.org</b>.</p>") == (True, b"<p>to <b>[EMAIL_1]</b>.</p>")
