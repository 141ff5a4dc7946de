"""The index finds exactly the rules that asking each of them would find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core import rule_index
from dlp.core.label import RAW, TOKENISED, DataClass, State, ancestors
from dlp.core.policy import Rule, Verdict
from dlp.core.rule_index import RuleIndex

_CLASSES = ("pii", "pii.email", "pay")
_SINKS = ("slack", "slack.hr", "crm", "sandbox")
_SOURCES = ("hr", "hr.pay", "sandbox")


def _rule(name: str, **given_: object) -> Rule:
    return Rule(name=name, says="", place="p:1", verdict=Verdict.BLOCK, **given_)  # type: ignore[arg-type]


_rules = st.lists(
    st.builds(
        lambda labelled, classes, states, sources, sinks: _rule(
            "r", labelled=labelled or bool(classes), classes=classes, states=states, sources=sources, sinks=sinks
        ),
        st.booleans(),
        st.frozensets(st.sampled_from(_CLASSES), max_size=2),
        st.frozensets(st.sampled_from((RAW, TOKENISED)), max_size=1),
        st.frozensets(st.sampled_from(_SOURCES), max_size=2),
        st.frozensets(st.sampled_from(_SINKS), max_size=2),
    ),
    max_size=8,
)


@given(
    _rules,
    st.sampled_from((None, *_CLASSES)),
    st.sampled_from((RAW, TOKENISED)),
    st.sampled_from(_SOURCES),
    st.sampled_from((None, *_SINKS)),
    st.frozensets(st.sampled_from(_SINKS), max_size=2),
)
def test_the_index_answers_as_asking_every_rule_would(
    rules: list[Rule],
    data_class: DataClass | None,
    state: State,
    source: str,
    sink: str | None,
    possible: frozenset[str],
):
    expected = []
    for rule in rules:
        about = rule.labelled == (data_class is not None) and (
            not rule.classes or bool(rule.classes & set(ancestors(data_class or "")))
        )
        fits = (not rule.states or state in rule.states) and (
            not rule.sources or bool(rule.sources & set(ancestors(source)))
        )
        sure = not rule.sinks or (sink is not None and bool(rule.sinks & set(ancestors(sink))))
        maybe = any(rule.sinks & set(ancestors(name)) for name in possible)
        if about and fits and (sure or maybe):
            expected.append((rule, sure))
    index = RuleIndex(rules)
    assert list(index.candidates(data_class, state, source, sink, possible)) == expected
    assert list(index.candidates(data_class, state, source, sink, possible)) == expected


def test_answers_are_kept_only_in_bounded_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rule_index, "_KEPT", 2)
    index = RuleIndex([_rule("one", sinks=frozenset({"crm"}))])
    for name in ("a", "b", "c", "d"):
        assert [rule.name for rule, _ in index.candidates(DataClass(name), RAW, "s", "crm", frozenset())] == ["one"]
    assert len(index._answers) <= 2
