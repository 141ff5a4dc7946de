"""A sample of what `dlp bench laws` tries: generated programs, two secrets, every adapter's messages, every store.

A program that breaks the law is printed as short as it can be made; `dlp.testing.laws.tried` runs it again by its seed.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from dlp.testing.laws import EXCHANGES, STORES, Bench, evicting, tried
from dlp.testing.programs import RESTRICTED, TOKENISED, program, shrunk

SAMPLE = 12
delivered: dict[str, bool] = {}


@pytest.fixture(scope="module", params=[f"{exchange} {store}" for exchange, store in product(EXCHANGES, STORES)])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Bench]]:
    exchange, store = request.param.split()
    with evicting():
        made = Bench(tmp_path_factory.mktemp("laws"), store, exchange)
        yield request.param, made
        made.close()


@pytest.mark.parametrize("about", [RESTRICTED, TOKENISED])
def test_two_secrets_make_no_difference_at_a_forbidding_sink(bench: tuple[str, Bench], about: str):
    name, at = bench
    for seed in range(SAMPLE):
        made = program(seed, about)
        verdict = tried(at, made, seed, about)
        delivered[f"{name} {about} {seed}"] = verdict.delivered
        if verdict.broke:
            made = shrunk(made, lambda shorter: bool(tried(at, shorter, seed, about).broke))  # noqa: B023 - used at once
        assert (seed, verdict.broke, made if verdict.broke else ()) == (seed, "", ())


def test_the_law_was_not_kept_by_refusing_everything():
    assert not delivered or sum(delivered.values()) / len(delivered) >= 0.3
