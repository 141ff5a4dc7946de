"""agent-egress-bench: every case that applies is stopped or passed as it says; the rest says why it does not apply."""

import pytest

from .egress import CASES, Result, cases, inapplicable, listed, report, run

pytestmark = pytest.mark.skipif(
    not CASES.exists(), reason=f"the corpus is not beside the checkout: {CASES.parent.name}"
)


@pytest.fixture(scope="module")
def results() -> list[Result]:
    corpus = cases()
    return run(corpus, listed(corpus))


def test_every_case_that_applies_goes_as_it_says(results: list[Result]):
    missed = [one for one in results if one.missed]
    assert missed == [], report(missed)


def test_nothing_benign_is_stopped_wherever_it_goes():
    benign = [case for case in cases() if case.get("safe_example")]
    assert [one for one in run(benign, ["https://**", "http://**"]) if one.missed] == []


def test_what_does_not_apply_says_why_and_is_less_than_a_third(results: list[Result]):
    apart = [one for one in results if one.got == "not applicable"]
    assert all(one.because for one in apart)
    assert len(apart) * 3 <= len(results)
    assert not any(inapplicable(case) for case in cases() if case.get("safe_example"))
