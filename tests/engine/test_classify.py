import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from dlp.core.errors import PluginError
from dlp.core.finding import Confidence
from dlp.core.label import DataClass, Level, Tracking
from dlp.core.message import Block, Part
from dlp.core.policy import ClassSpec
from dlp.engine import classify as subject
from dlp.engine.classify import Classifier, ClassifierConfig, build_classifier, worker_classify, worker_init
from dlp.hooks.host import load_host

PRESIDIO = (("dlp_presidio", {"ner": "off"}),)
PARTS = [
    Part("/email", "bob@example.org", name="email"),
    Part("/phone", "212-555-0142", name="phone"),
    Part("/note", "call 212-555-0142", name="note"),
    Part("/other", "212-555-0142", name="other"),
]


def spec(name: str, *entities: str, least: str = "low") -> ClassSpec:
    return ClassSpec(
        DataClass(name), Level.CONFIDENTIAL, Tracking.GUARDED, "T", entities=frozenset(entities), at_least=least
    )


EMAIL, PHONE = spec("pii.email", "EMAIL_ADDRESS"), spec("pii.phone", "PHONE_NUMBER", least="medium")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def classifier(cache: Path, *classes: ClassSpec) -> Classifier:
    return build_classifier(ClassifierConfig(PRESIDIO, classes, cache))


def test_entities_become_the_classes_that_name_them(cache: Path):
    found = classifier(cache, EMAIL, spec("contact", "EMAIL_ADDRESS", "IBAN_CODE")).classify(PARTS)
    assert [(one.part, one.data_class) for one in found] == [(0, "pii.email"), (0, "contact")]


def test_what_is_less_sure_than_a_class_asks_for_is_left_out(cache: Path):
    sure = {one.part for one in classifier(cache, PHONE).classify(PARTS)}
    assert sure == {1, 2}
    every = classifier(cache, spec("pii.phone", "PHONE_NUMBER")).classify(PARTS)
    assert {one.part: one.confidence for one in every} == {
        1: Confidence.MEDIUM,
        2: Confidence.MEDIUM,
        3: Confidence.LOW,
    }


def test_an_entity_that_no_class_names_is_not_even_looked_for(cache: Path):
    only_iban = classifier(cache, spec("pii.iban", "IBAN_CODE"))
    assert only_iban.classify(PARTS) == []
    assert only_iban.clean(Block(tuple, surface=b'{"email":"bob@example.org"}'))


def test_a_surface_without_a_reason_to_look_is_clean_and_makes_no_parts(cache: Path):
    def never() -> tuple[Part, ...]:
        raise AssertionError

    both = classifier(cache, EMAIL, PHONE)
    assert both.clean(Block(never, surface=b'{"id":7,"text":"lorem ipsum"}'))
    assert both.clean(Block(never, surface=b'{"total":2125550142}'))  # a phone number only with a word that says so
    assert not both.clean(Block(never, surface=b'{"phone":2125550142}'))
    assert not both.clean(Block(never, surface=b"bob@example.org"))
    assert not both.clean(Block(never))


def test_that_a_block_with_a_key_was_clean_is_remembered(cache: Path, monkeypatch: pytest.MonkeyPatch):
    both = classifier(cache, EMAIL)
    monkeypatch.setattr(subject, "_REMEMBERED", 2)
    seen = Block(tuple, surface=b"x", key="a")
    assert both.clean(seen)
    assert both.clean(Block(tuple, key="a"))
    assert not both.clean(Block(tuple, key="b"))
    both.remember_clean(Block(tuple, key="b"))
    both.remember_clean(Block(tuple))
    assert both.clean(Block(tuple, key="b"))
    both.remember_clean(Block(tuple, key="c"))
    assert not both.clean(Block(tuple, key="a"))


def test_no_part_no_finding_and_the_order_of_parts_is_kept(cache: Path):
    both = classifier(cache, EMAIL)
    assert both.classify([]) == []
    assert [one.part for one in both.classify([PARTS[1], PARTS[0], PARTS[0]])] == [1, 2]


def test_a_classifier_that_fails_is_an_error(cache: Path, monkeypatch: pytest.MonkeyPatch):
    both = classifier(cache, EMAIL)
    monkeypatch.setattr("dlp_presidio.plugin._recognizers", lambda *_: 1 / 0)
    with pytest.raises(PluginError, match="plugin dlp_presidio: classify: ZeroDivisionError"):
        both.classify(PARTS)


def test_without_the_model_nothing_always_has_to_be_looked_at(cache: Path):
    without = classifier(cache, spec("pii.person", "PERSON"))
    assert not without.always
    assert not without.needs_model


@pytest.mark.ner
def test_with_the_model_every_text_has_to_be_looked_at_if_a_class_wants_it(cache: Path):
    plugins = (("dlp_presidio", {"ner": "on"}),)
    wanting = build_classifier(ClassifierConfig(plugins, (spec("pii.person", "PERSON"),), cache))
    assert wanting.always
    assert wanting.needs_model
    assert not wanting.clean(Block(tuple, surface=b"x"))
    assert not build_classifier(ClassifierConfig(plugins, (EMAIL,), cache)).needs_model


def test_a_worker_builds_the_same_classifier(cache: Path):
    config = pickle.loads(pickle.dumps(ClassifierConfig(PRESIDIO, (EMAIL, PHONE), cache)))  # noqa: S301  our own bytes
    worker_init(config)
    assert worker_classify(PARTS) == classifier(cache, EMAIL, PHONE).classify(PARTS)
    subject._worker.clear()
    with pytest.raises(RuntimeError, match="worker_init"):
        worker_classify(PARTS)


def test_findings_can_be_sent_between_processes(cache: Path):
    found = classifier(cache, EMAIL).classify(PARTS)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301  our own bytes


def test_starting_imports_neither_presidio_nor_spacy(cache: Path):
    code = (
        "import sys; from pathlib import Path; from dlp.engine.classify import *\n"
        f"build_classifier(ClassifierConfig((('dlp_presidio', {{'ner': 'auto'}}),), (), Path({str(cache)!r})))\n"
        "print(sorted({'presidio_analyzer', 'spacy', 'phonenumbers'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)  # noqa: S603
    assert out.stdout.strip() == "[]"


def test_a_plugin_without_patterns_makes_every_block_worth_a_look(cache: Path, monkeypatch: pytest.MonkeyPatch):
    host = load_host([("dlp_tokens", {})])
    monkeypatch.setattr(type(host), "unpatterned", ("other",))  # a property of the loaded plugins
    assert not Classifier(host, (EMAIL,), cache).clean(Block(tuple, surface=b"x"))
