import pytest

from dlp.engine.alphabets import odd, readings
from dlp.engine.spoken import is_spoken, may_be_spoken, spoken

SAID = {
    "zero two zero seven nine four six oh nine five eight": "02079460958",
    "two one two double five five oh one eight seven": "2125550187",
    "fourteenth of March nineteen eighty-seven": "14 of March 1987",
    "the twenty-first of May nineteen eighty": "21 of May 1980",
    "Oscar dot Bravo Romeo at Foxtrot Echo": "o.br@fe",
}


@pytest.mark.parametrize("text", SAID)
def test_what_is_spelled_out_is_read_as_letters_and_figures(text: str):
    assert [said for _, _, said in spoken(text)] == [SAID[text]]
    assert odd(text)


@pytest.mark.parametrize(
    "text",
    ["one or two of the first", "The client met us at the point of no return.", "In November, at first, one came."],
)
def test_words_of_ordinary_prose_spell_nothing(text: str):
    assert not is_spoken(text)
    assert not list(spoken(text))


def test_only_the_words_that_are_spelled_out_are_read():
    text = "bob@acme.org said that the number is four four two zero seven nine"
    start, end, said = next(spoken(text))
    assert (text[start:end], said) == ("four four two zero seven nine", "442079")


def test_only_the_words_in_leet_are_read():
    text = "ann@mail.example, or 0tt0l1n3 br4ckw4t3r, tok7x9"
    read = [(text[start:end], data.decode()) for start, end, name, data in readings(text) if name == "leet"]
    assert ("0tt0l1n3 br4ckw4t3r", "ottoline brackwater") in read
    assert not any("ann" in said for _, said in read)


@pytest.mark.parametrize("before", ["", "said in words " * 500])
def test_that_words_may_spell_something_is_told_of_texts_of_any_length(before: str):
    told = [f"{before}{text}\n{before}".encode() for text in (next(iter(SAID)), "seventeenth ninety")]
    assert all(map(may_be_spoken, told))
    assert not may_be_spoken(f"{before}one or two of the first\n{before}".encode())
