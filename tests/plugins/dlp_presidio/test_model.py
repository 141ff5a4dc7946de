import pytest

from dlp_presidio import model as subject
from dlp_presidio.model import Model, model_path

pytestmark = pytest.mark.ner


@pytest.fixture(scope="module")
def model() -> Model:
    path = model_path()
    assert path is not None
    return Model(path)


def test_the_model_is_found_by_its_package_and_not_imported():
    path = model_path()
    assert path is not None
    assert (path / "config.cfg").is_file()


def test_no_package_no_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "PACKAGE", "no_such_package")
    assert model_path() is None


def test_spans_are_offsets_into_their_text(model: Model):
    text = "My friend Anna Smith lives in Berlin."
    (spans,) = model.spans([text])
    assert ("PERSON", "Anna Smith") in {(entity, text[start:end]) for entity, start, end, _ in spans}
    assert model.spans([text, "", text]) == [spans, (), spans]


def test_a_text_longer_than_a_piece_is_looked_at_to_its_end(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "_LONGEST", 60)
    text = "Nothing happened here at all today. " * 5 + "Then Anna Smith came from Berlin."
    (spans,) = model.spans([text])
    assert "Anna Smith" in {text[start:end] for _, start, end, _ in spans}
    (spans,) = model.spans(["x" * 200])
    assert isinstance(spans, tuple)


def test_only_short_texts_are_remembered_and_not_forever(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "_REMEMBERED", 2)
    model.spans(["one", "two", "three", "y" * 300])
    assert list(model._known) == ["two", "three"]


def test_words_are_told_of_the_texts_they_are_asked_of(model: Model):
    text = "The drivers were asked about 1234567"
    (spans,), words = model.read(["Anna Smith"], [text])
    assert spans[0][0] == "PERSON"
    assert list(words) == [text]
    assert words[text].near(text.index("123")) == "driver\nask\n1234567"


def test_a_leaf_without_a_capital_is_read_where_unlikely_names_are_asked_for_if_it_has_two_words():
    assert subject.worth_reading("Anna")
    assert not subject.worth_reading("anna smith")
    assert subject.worth_reading("anna smith", small=True)
    assert subject.worth_reading("anna, berlin", small=True)
    assert not subject.worth_reading("enabled", small=True)
    assert not subject.worth_reading("2026-11-20t10:00:00z", small=True)
    assert not subject.worth_reading("us-east-1", small=True)
