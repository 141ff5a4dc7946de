"""Other engines than spaCy: each through its own recognizer of Presidio's, with a stub and with a real, tiny model."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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

# Where GLiNER is installed Presidio imports it, and so what it is made of: nothing of ours is, before a test has begun.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")


@pytest.fixture(autouse=True)
def settings_are_put_back() -> Iterator[None]:
    yield
    subject.configure({})
    subject._model.cache_clear()


class Told:
    """Stands for one of Presidio's recognizers, which need packages and models that are not here."""

    supported_entities = ("PERSON",)

    def __init__(self, model_name: str, **_: object) -> None:
        self._folder, self._is_loaded = model_name, False
        self.load()

    def load(self) -> None:
        """Do what Presidio's do as they are made; GLiNER's would read all of its model again."""
        assert not self._is_loaded
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
    monkeypatch.setattr(f"presidio_analyzer.predefined_recognizers.{name}", Told)
    monkeypatch.setattr(chosen.importlib.util, "find_spec", lambda _name: installed)
    host = host_of("dlp_presidio", subject, {"ner": "on", "engine": engine, "model": str(tmp_path)})
    body = {"a": "we met Anna Lee today", "b": "we met Anna Lee today", "c": "Nobody Else"}
    assert found_texts(host, body).count(("PERSON", "Anna Lee")) == 2


def test_without_the_folder_of_its_model_an_engine_stops_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chosen.importlib.util, "find_spec", lambda _name: SimpleNamespace())
    with pytest.raises(chosen.ConfigError, match="expected the folder of its model"):
        chosen.check_engine({"engine": "gliner", "model": "some/hub-name"})


@pytest.fixture
def asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Refuse the network, and tell what was wanted of it: who is refused may keep quiet about it."""
    wanted: list[object] = []

    def refused(*whom: object, **_: object) -> None:
        wanted.append(whom)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    return wanted


def tiny_tokenizer(folder: Path, *more: str) -> Any:
    """Return a tokenizer that knows the words of the sentences, and more."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    known = sorted({word for text, _ in SENTENCES for word in text.split()} | set(more))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known]))
    return transformers.BertTokenizerFast.from_pretrained(str(folder), do_lower_case=True, model_max_length=64)


def tiny_model(folder: Path) -> None:
    """Write a model of one layer that was taught four sentences."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    tokenizer = tiny_tokenizer(folder)
    torch.manual_seed(0)
    model = transformers.BertForTokenClassification(
        transformers.BertConfig(
            vocab_size=len(tokenizer),
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


def test_a_tiny_transformers_model_finds_names_without_a_network(tmp_path: Path, asked_of_the_network: list[object]):
    tiny_model(tmp_path)
    host = host_of("dlp_presidio", subject, {"ner": "on", "engine": "transformers", "model": str(tmp_path)})
    found = found_texts(host, {"note": "Anna Lee met Bob Ray in Paris"})
    assert ("LOCATION", "Paris") in found  # where a name ends it hardly learnt
    assert any(entity == "PERSON" and "Ray" in text for entity, text in found)
    assert not asked_of_the_network


def tiny_gliner(folder: Path) -> None:
    """Write a GLiNER model of one layer that was taught the sentences, among all the labels that Presidio asks for."""
    gliner = pytest.importorskip("gliner", reason="gliner is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from presidio_analyzer.nlp_engine import NerModelConfiguration  # noqa: PLC0415

    labels = list(NerModelConfiguration().model_to_presidio_entity_mapping)
    tokenizer = tiny_tokenizer(folder, *(label.lower() for label in labels))
    tokenizer.add_tokens(["<<ENT>>", "<<SEP>>"])
    torch.manual_seed(0)
    config = gliner.GLiNERConfig(
        model_name="nobody/this-backbone",  # a real one names what it was made from
        encoder_config={
            "model_type": "bert",
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 128,
        },
        vocab_size=len(tokenizer),
        class_token_index=len(tokenizer) - 2,
        hidden_size=32,
        dropout=0.0,
        max_width=3,
        max_len=64,
    )
    model = gliner.model.UniEncoderSpanGLiNER(config, tokenizer=tokenizer, backbone_from_pretrained=False)
    model.model.train()
    examples = [{"tokenized_text": text.split(), "ner": spans(said.split())} for text, said in SENTENCES]
    batch = model._create_data_collator()(examples, entity_types=[labels] * len(examples))
    learning = torch.optim.Adam(model.model.parameters(), 1e-2)
    for _ in range(100):
        model.model(**batch).loss.backward()
        learning.step()
        learning.zero_grad()
    model.save_pretrained(folder)


def spans(said: list[str]) -> list[tuple[int, int, str]]:
    """Return what is said of a sentence's words as GLiNER is taught it: first word, last word, label."""
    named = {"B-PER": "PERSON", "B-LOC": "LOCATION"}
    return [
        (at, at + (said[at + 1 : at + 2] == ["I-PER"]), named[label]) for at, label in enumerate(said) if label in named
    ]


def test_a_tiny_gliner_model_finds_names_without_a_network(
    tmp_path: Path, asked_of_the_network: list[object], caplog: pytest.LogCaptureFixture
):
    tiny_gliner(tmp_path)
    host = host_of("dlp_presidio", subject, {"ner": "on", "engine": "gliner", "model": str(tmp_path)})
    found = found_texts(host, {"note": "Anna Lee met Bob Ray in Paris", "more": "the card of Anna Lee"})
    assert sorted(found) == [
        ("LOCATION", "Paris"),
        ("PERSON", "Anna Lee"),
        ("PERSON", "Anna Lee"),
        ("PERSON", "Bob Ray"),
    ]
    assert not asked_of_the_network
    for file in tmp_path.glob("*token*"):
        file.unlink()
    with pytest.raises(OSError, match="in the cached files"):  # its backbone would have them
        chosen.EngineModel("gliner", tmp_path)
    assert "nobody/this-backbone" not in caplog.text  # that it was wanted of a server would be said here
