"""What a session may use up, as it is written."""

import pytest

from dlp.core.policy import Limits
from dlp.policy.limits import compile_limits
from dlp.strict_yaml import YamlError, load


def limits(*texts: str) -> Limits:
    return compile_limits(load(text, "f.yaml") for text in texts)


def test_amounts_have_units_and_counts_have_none():
    assert limits("{calls: 50, per_minute: 20, duration: 30s, memory: 256MB}") == Limits(50, 20, 30.0, 256_000_000)
    assert limits("{duration: 1.5 h}") == Limits(duration=5400.0)
    assert limits("{guesses: 0}", "{guesses: 4}") == Limits(guesses=0)
    assert limits() == Limits()


def test_of_several_files_the_strictest_holds():
    assert limits("{calls: 50, duration: 1m}", "{calls: 80, duration: 30s, memory: 1GiB}") == Limits(
        calls=50, duration=30.0, memory=1 << 30
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{calls: 0}", "expected 1 or more"),
        ("{calls: many}", "limits: calls"),
        ("{duration: 30}", "expected a number with a unit, such as 30s, got a number"),
        ("{duration: 30 weeks}", "got the unit weeks"),
        ("{memory: 0MB}", "expected more than nothing"),
        ("{guesses: -1}", "expected 0 or more"),
        ("{cals: 3}", "did you mean calls"),
    ],
)
def test_what_could_not_be_meant_is_an_error(text: str, message: str):
    with pytest.raises(YamlError, match=message):
        limits(text)
