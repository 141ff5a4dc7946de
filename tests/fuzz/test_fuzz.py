"""A short run of what is fuzzed at length: the corpus as it is, and with some of its bytes changed."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .targets import CORPUS, TARGETS

SEEDS = sorted(file for file in CORPUS.rglob("*") if file.is_file())


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_a_corpus(name: str):
    assert any(file.parent.name == name for file in SEEDS)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_nothing_but_a_refusal_comes_of_the_corpus(seed: Path):
    data = seed.read_bytes()
    chance = random.Random(seed.name)  # noqa: S311 - the same in every run
    target = TARGETS[seed.parent.name]
    assert target(data) is None
    for _ in range(8):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed) + 1)
            changed[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        assert target(bytes(changed)) is None


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(data=st.binary(max_size=400))
def test_nothing_but_a_refusal_comes_of_any_bytes(name: str, data: bytes):
    assert TARGETS[name](data) is None
