import json
from pathlib import Path
from types import ModuleType

import pytest

from dlp.bench import accuracy
from dlp.bench.detect import _default_policy
from dlp.core.message import Part
from dlp.engine.classify import Classifier
from dlp.hooks.host import load_host

from . import fresh, unseen
from .held_out import TEMPLATES, samples

_OF_CLASS = {
    "pii.person": "PERSON",
    "pii.address": "STREET_ADDRESS",
    "pii.location": "LOCATION",
    "pii.email": "EMAIL_ADDRESS",
    "pii.phone": "PHONE_NUMBER",
    "pii.iban": "IBAN_CODE",
    "pii.card": "CREDIT_CARD",
    "pii.ssn": "US_SSN",
    "pii.driver_license": "US_DRIVER_LICENSE",
    "pii.group": "NRP",
    "pii.ip": "IP_ADDRESS",
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[accuracy.Sample]:

    file: Path = tmp_path_factory.mktemp("held-out") / "texts.json"
    file.write_text(json.dumps(samples(4 * len(TEMPLATES))), "utf-8")
    return accuracy.load(file)


def test_labels_are_where_their_values_are(texts: list[accuracy.Sample]):
    assert samples(80) == samples(80)
    for made, sample in zip(samples(len(texts)), texts, strict=True):
        assert (
            [span["entity_value"] for span in made["spans"]]
            == [  # type: ignore[attr-defined]
                sample.text[span.start : span.end] for span in sample.spans
            ]
        )


@pytest.mark.ner
def test_texts_of_other_templates_than_the_set_s_are_read_as_well(texts: list[accuracy.Sample]):
    scores = accuracy.score(texts, accuracy.ours([one.text for one in texts]))
    assert scores["overall"].f(2.0) >= accuracy.BAR
    for sure in ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS"):
        assert scores[sure].f(2.0) >= 0.95, sure


@pytest.mark.ner
def test_so_they_are_with_the_bands_that_are_shipped():
    given = samples(2 * len(TEMPLATES), seed=43)
    classifier = Classifier(load_host([("dlp_presidio", {"ner": "on"})]), _default_policy().classes.values())
    found = labelled = 0
    for one in given:
        text = str(one["full_text"])
        seen = [
            (_OF_CLASS.get(str(each.data_class), ""), each.start, each.end)
            for each in classifier.classify([Part("", text)])
        ]
        for span in one["spans"]:  # type: ignore[attr-defined]
            if span["entity_type"] in ("PERSON", "STREET_ADDRESS", "PHONE_NUMBER", "EMAIL_ADDRESS", "IBAN_CODE"):
                labelled += 1
                found += any(start < span["end_position"] and span["start_position"] < end for _, start, end in seen)
    assert found / labelled >= 0.9


@pytest.mark.parametrize("styles", [unseen, fresh])
def test_labels_of_the_texts_in_other_styles_are_where_their_values_are(styles: ModuleType):
    given = styles.samples(2 * len(styles.TEMPLATES))
    assert given == styles.samples(2 * len(styles.TEMPLATES))
    for one in given:
        for span in one["spans"]:  # type: ignore[attr-defined]
            assert str(one["full_text"])[span["start_position"] : span["end_position"]] == span["entity_value"]


@pytest.mark.ner
@pytest.mark.parametrize(("styles", "least"), [(unseen, 0.9), (fresh, accuracy.BAR)])
def test_texts_in_other_styles_score_no_less_than_they_did(tmp_path: Path, styles: ModuleType, least: float):
    """Tell of a loss. `fresh` was scored once, by rules written without it: F2 .856, vanilla Presidio's .737.

    `unseen` had .831 so, and .725; what it showed was mended since: .93.
    """
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(styles.samples((8 if styles is unseen else 20) * len(styles.TEMPLATES))), "utf-8")
    given = accuracy.load(file)
    assert accuracy.score(given, accuracy.ours([one.text for one in given]))["overall"].f(2.0) >= least
