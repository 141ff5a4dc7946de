import pytest

from dlp.bench import detect, fuzz
from dlp_presidio.model import Model, model_path


@pytest.fixture(scope="module")
def ours() -> detect.Ours:
    return detect.Ours()


def test_a_sample_of_fuzzed_texts_gives_what_vanilla_presidio_gives(ours: detect.Ours):
    theirs = detect.vanilla()
    for number, text in enumerate(fuzz.texts(300, seed=11)):
        words = ((), ("phone",), ("ssn",))[number % 3]
        assert ours(text, words) == theirs(text, words), text


def test_a_sample_with_tokens_for_context_gives_what_vanilla_presidio_gives(ours: detect.Ours):
    theirs, tokenised = detect.vanilla("blank"), detect.tokenised(ours)
    for text in fuzz.texts(60, seed=13):
        assert tokenised(text) == theirs(text), text


@pytest.mark.ner
def test_a_sample_with_the_model_gives_what_vanilla_presidio_gives(ours: detect.Ours):
    path = model_path()
    assert path is not None
    theirs, whole = detect.vanilla(str(path)), detect.Modelled(ours, Model(path))
    for number, text in enumerate(fuzz.texts(120, seed=12)):
        words = detect.CONTEXTS[number % len(detect.CONTEXTS)]
        assert whole(text, words) == theirs(text, words), text


def test_the_same_numbers_are_compared_in_every_run():
    assert list(fuzz.texts(30)) == list(fuzz.texts(30))
    assert detect.log(5000) == detect.log(5000)
    assert len(detect.plain(5000)) == 5000


def test_vanilla_sees_nothing_in_what_is_called_plain():
    assert {one[0] for one in detect.vanilla()(detect.plain(3000))} <= {"US_BANK_NUMBER", "US_DRIVER_LICENSE"}


def test_a_number_after_one_that_is_part_of_another_is_judged_as_vanilla_does(ours: detect.Ours):
    text = '"+1 763-059-0449 ext. 709 - (171) 510-6663/3526295 '
    assert ours(text) == detect.vanilla()(text)
