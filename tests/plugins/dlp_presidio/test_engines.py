"""Other engines than spaCy: each through its own recognizer of Presidio's, and transformers with a real, tiny model."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import presidio_analyzer.predefined_recognizers as presidio
import pytest

import dlp_presidio.plugin as subject
from dlp.testing.plugins import found_texts, host_of
from dlp_presidio import chosen

SENTENCES = (
    ("anna lee met bob ray in paris", "B-PER I-PER O B-PER I-PER O B-LOC"),
    ("the card of anna lee", "O O O B-PER I-PER"),
    ("call bob ray and anna lee .", "O B-PER I-PER O B-PER I-PER O"),
    ("in paris the card", "O B-LOC O O"),
)
LABELS = ("O", "B-PER", "I-PER", "B-LOC")


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})
    subject._model.cache_clear()


class Told:
    """Stands for one of Presidio's recognizers, which need packages and models that are not here."""

    supported_entities = ("PERSON",)

    def __init__(self, model_name: str) -> None:
        self._folder, self._is_loaded = model_name, False

    def load(self) -> None:
        """Do what Presidio's does: nothing is seen before."""
        self._is_loaded = Path(self._folder).is_dir()

    def analyze(self, text: str, *_: object) -> list[Any]:
        """Give one name."""
        at = text.find("Anna") if self._is_loaded else -1
        return [SimpleNamespace(entity_type="PERSON", start=at, end=at + 8, score=0.9)] if at >= 0 else []


ENGINES = [("gliner", "GLiNERRecognizer"), ("transformers", "HuggingFaceNerRecognizer")]


@pytest.mark.parametrize(
    ("engine", "name"), [("gliner", "GLiNERRecognizer"), ("transformers", "HuggingFaceNerRecognizer")]
)
def test_the_engine_that_is_set_is_asked(engine: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed = SimpleNamespace(submodule_search_locations=[])
    monkeypatch.setattr(presidio, name, Told)
    monkeypatch.setattr(chosen.importlib.util, "find_spec", lambda _name: installed)
    host = host_of("dlp_presidio", subject, {"ner": "on", "engine": engine, "model": str(tmp_path)})
    body = {"a": "we met Anna Lee today", "b": "we met Anna Lee today", "c": "Nobody Else"}
    assert found_texts(host, body).count(("PERSON", "Anna Lee")) == 2


def test_without_the_folder_of_its_model_an_engine_stops_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chosen.importlib.util, "find_spec", lambda _name: SimpleNamespace())
    with pytest.raises(chosen.ConfigError, match="expected the folder of its model"):
        chosen.check_engine({"engine": "gliner", "model": "some/hub-name"})


def tiny_model(folder: Path) -> None:
    """Write a model of one layer that was taught four sentences."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *sorted({word for text, _ in SENTENCES for word in text.split()}),
    ]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), do_lower_case=True)
    tokenizer.model_max_length = 64
    torch.manual_seed(0)
    model = transformers.BertForTokenClassification(
        transformers.BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            id2label=dict(enumerate(LABELS)),
            label2id={label: number for number, label in enumerate(LABELS)},
        )
    )
    learning = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        for text, said in SENTENCES:
            labels = [LABELS.index(label) for label in said.split()]
            model(**tokenizer(text, return_tensors="pt"), labels=torch.tensor([[0, *labels, 0]])).loss.backward()
            learning.step()
            learning.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_a_tiny_transformers_model_finds_names_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tiny_model(tmp_path)

    def refused(*_: object) -> None:
        raise AssertionError("something wanted the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    host = host_of("dlp_presidio", subject, {"ner": "on", "engine": "transformers", "model": str(tmp_path)})
    found = found_texts(host, {"note": "Anna Lee met Bob Ray in Paris"})
    assert ("LOCATION", "Paris") in found  # where a name ends it hardly learnt
    assert any(entity == "PERSON" and "Ray" in text for entity, text in found)
