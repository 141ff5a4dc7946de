"""One rule, compiled."""

import pytest

from dlp.core.label import DataClass, Level, Tracking
from dlp.core.policy import ClassSpec, Rule, Tier, Verdict
from dlp.policy.names import Names
from dlp.policy.rules import Scope, compile_rule
from dlp.strict_yaml import YamlError, load

PAY = DataClass("pay")
NAMES = Names(
    {PAY: ClassSpec(PAY, Level.RESTRICTED, Tracking.SESSION, "PAY")}, {"x": "boolean"}, {"team": ("a", "a", "b")}
)
SCOPE = Scope(NAMES, frozenset({"hr"}), frozenset({"slack", "slack.hr"}))


def rule(text: str) -> Rule:
    return compile_rule(load(text, "f.yaml"), SCOPE)[0]


def test_what_is_left_out_means_any():
    assert rule("{name: a, then: block}") == Rule(
        name="a", says="", place="f.yaml:1", verdict=Verdict.BLOCK, tier=Tier.ORDINARY, labelled=False
    )
    assert rule("{name: a, then: block, data: any}").labelled
    assert rule("{name: a, then: mask, data: pay}").transform == "mask"


def test_approvers_are_a_list_or_the_name_of_one():
    assert rule("{name: a, then: ask, approvers: team}").approvers == ("a", "b")
    assert rule("{name: a, then: ask, approvers: [team]}").approvers == ("team",)
    unless = rule("{name: a, then: block, unless: [{approved_by: team}, {approved_by: boss}]}").unless
    assert [one.approvers for one in unless] == [("a", "b"), ("boss",)]


def test_the_facts_of_its_conditions_are_told():
    assert compile_rule(load("{name: a, then: block, when: x}", "f"), SCOPE)[1] == {"x"}
    assert compile_rule(load("{name: a, then: block, unless: [{when: x}]}", "f"), SCOPE)[1] == {"x"}


def test_a_rule_about_messages_from_a_source_is_about_what_enters():
    assert rule("{name: a, then: block, from: hr}").sources == {"hr"}
    assert rule("{name: a, then: block, from: hr, to: [slack, sandbox]}").sources == {"hr"}
    with pytest.raises(YamlError, match="never matches"):
        rule("{name: a, then: block, from: hr, to: slack}")
