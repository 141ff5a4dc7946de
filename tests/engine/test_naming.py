import base64
import random

import pytest

from dlp.engine.encodings import decodings
from dlp.engine.naming import named

NAMES = [
    "org/TR/xhtml1/DTD/xhtml1-strict",
    "docs/GettingStarted/Install/Linux64",
    "//bucket/AWSLogs/2026/11/22/file",
    "getElementsByClassNameAndTagName2",
    "13/site-packages/phonenumbers/shortdata/region_MQ",
    "arn/aws/iam/123456789012/role/AdminRole",
    "k8s-prod-eu-west-1a/Deployment",
    "Q3_2026_Report_Final_v2",
]


def _encoded(seed: int, size: int) -> str:
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()  # noqa: S311 - the same in every run


@pytest.mark.parametrize("name", NAMES)
def test_names_put_together_are_no_ciphertext(name: str):
    assert named(name)
    assert not [run for run in decodings(name) if run.text is None]


def test_encoded_bytes_are_no_names():
    missed = [sum(named(_encoded(seed, size).rstrip("=")) for seed in range(2000)) for size in (16, 24, 32)]
    assert missed[0] <= 12
    assert missed[1] <= 2
    assert not missed[2]


@pytest.mark.parametrize("name", NAMES)
def test_encoded_bytes_are_seen_behind_names_and_between_them(name: str):
    hidden = [f"{name}/{_encoded(seed, 24)}/{name}" for seed in range(200)]
    assert not any(map(named, hidden))


def test_what_is_seen_does_not_depend_on_the_alphabet_for_urls():
    assert not any(named(base64.urlsafe_b64encode(random.Random(seed).randbytes(33)).decode()) for seed in range(200))  # noqa: S311


def test_other_characters_are_in_no_name():
    assert not named("docs/Getting:Started/Install/Linux64")
