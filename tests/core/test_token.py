import re

from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit, apply_edits
from dlp.core.token import TOKEN, escapes, lookalikes, unescaped, write_token


def escaped(text: str) -> str:
    return apply_edits(text, [Edit(0, at, at, "~") for at, _ in lookalikes(text)])


def test_a_token_is_written_as_people_read_it():
    assert write_token("EMAIL", 1) == "[EMAIL_1]"
    assert TOKEN.fullmatch(write_token("US_SSN", 120))


def test_what_is_no_token_is_not_taken_for_one():
    assert not any(
        TOKEN.search(text) for text in ["[email_1]", "[EMAIL_0]", "[EMAIL_01]", "[EMAIL]", "EMAIL_1", "[_1]"]
    )


def test_lookalikes_say_where_they_stand_and_which_token_they_are():
    assert lookalikes("a [EMAIL_1] b [~PHONE_2] [x]") == [(3, "[EMAIL_1]"), (15, "")]
    assert lookalikes("/a/%5BEMAIL_1%5d") == [(6, "[EMAIL_1]")]
    assert lookalikes("nothing here") == []
    assert escapes("nothing here") == []


@given(st.from_regex(re.compile(r"([a\[\]~]|(\[|%5B)~*EMAIL_1(\]|%5D)){0,12}"), fullmatch=True) | st.text())
def test_unescaping_undoes_escaping_and_no_token_survives_escaping(text: str):
    assert unescaped(escaped(text)) == text
    assert apply_edits(escaped(text), [Edit(0, at, at + 1, "") for at in escapes(escaped(text))]) == text
    assert not TOKEN.search(escaped(text))
