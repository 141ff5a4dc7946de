"""What rules may speak of."""

import pytest

from dlp.core.label import STATES, DataClass, Level, Tracking
from dlp.core.policy import ClassSpec
from dlp.policy.names import Names, class_names, condition, defined_classes, state_names
from dlp.strict_yaml import Map, YamlError, load

EMAIL = DataClass("pii.work.email")
NAMES = Names(
    classes={EMAIL: ClassSpec(EMAIL, Level.INTERNAL, Tracking.VALUE, "EMAIL")},
    types={"amount": "number"},
    lists={},
    recipes=frozenset({"anonymised"}),
)


def test_a_rule_may_name_what_is_above_a_class_and_a_label_only_the_class():
    assert NAMES.wider_classes == {"pii", "pii.work", "pii.work.email"}
    assert class_names(load("[pii, pii.work.email]", "f"), "data", NAMES) == {"pii", "pii.work.email"}
    with pytest.raises(YamlError, match=r"f:1:1: fields: unknown name pii; known: pii\.work\.email"):
        defined_classes(load("pii", "f"), "fields", NAMES)


def test_a_recipe_is_a_state():
    assert NAMES.states == {*STATES, "anonymised"}
    assert state_names(load("anonymised", "f"), "state", NAMES) == {"anonymised"}


@pytest.mark.parametrize(
    ("text", "place"),
    [("when: amont > 1", "1:7"), ("when: 'amount > 1 or amont > 1'", "1:22"), ("when: >-\n  amont > 1\n  or x", "1:7")],
)
def test_a_mistake_in_a_condition_is_told_where_it_is(text: str, place: str):
    root = load(text, "f")
    assert isinstance(root, Map)
    with pytest.raises(YamlError, match=rf"^f:{place}: when: unknown fact amont; did you mean amount\?"):
        condition(root.entries[0].node, "when", NAMES)
