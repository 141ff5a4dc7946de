"""The language of `when:`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.message import Facts
from dlp.policy.when import BUILT_IN, WhenError, _fits, compile_when

TYPES = {**BUILT_IN, "amount": "number", "channel": "text", "vip": "boolean", "recipients": "list", "allowed": "list"}
LISTS = {"hr": ("#hr", "#hr-pay"), "codes": (1, 2)}


def ask(text: str, **facts: object) -> bool | None:
    return compile_when(text, TYPES, LISTS)[0](facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "facts", "answer"),
    [
        ('channel == "#hr"', {"channel": "#hr"}, True),
        ("channel == '#hr'", {"channel": "#HR"}, False),
        ('channel != "#hr"', {"channel": "#x"}, True),
        ("amount < 10", {"amount": 9.5}, True),
        ("amount <= 10", {"amount": 10}, True),
        ("amount > 10", {"amount": 10}, False),
        ("amount >= -10.5", {"amount": -10.5}, True),
        ("10 < amount", {"amount": 11}, True),
        ("channel in hr", {"channel": "#hr"}, True),
        ("channel not in hr", {"channel": "#hr"}, False),
        ('channel in ["#a", "#b"]', {"channel": "#b"}, True),
        ("amount in [1, 2,]", {"amount": 2}, True),
        ("vip in [true]", {"vip": True}, True),
        ("amount in codes", {"amount": 3}, False),
        ("channel in recipients", {"channel": "a", "recipients": ("a", "b")}, True),
        ("recipients in allowed", {"recipients": ("a", "b"), "allowed": ("a", "b", "c")}, True),
        ("recipients in allowed", {"recipients": ("a", "z"), "allowed": ("a", "b", "c")}, False),
        ("recipients in hr", {"recipients": ("#hr",)}, True),
        ("recipients not in hr", {"recipients": ()}, None),
        ('channel matches "#hr-*"', {"channel": "#hr-pay"}, True),
        ('channel matches "#hr-*"', {"channel": "#x"}, False),
        ("vip", {"vip": True}, True),
        ("not vip", {"vip": True}, False),
        ("vip == true", {"vip": False}, False),
        ("opaque != false", {"opaque": True}, True),
        ("vip and amount > 1 or channel in hr", {"vip": False, "channel": "#hr"}, True),
        ("(vip or amount > 1) and not (channel in hr)", {"vip": True, "channel": "#x"}, True),
        ("not not vip", {"vip": True}, True),
    ],
)
def test_an_expression_says_what_it_says(text: str, facts: dict[str, object], answer: bool | None):  # noqa: FBT001
    assert ask(text, **facts) is answer


@pytest.mark.parametrize(
    ("text", "facts", "answer"),
    [
        ("amount > 1", {}, None),
        ("amount > 1", {"amount": "2"}, None),
        ("amount > 1", {"amount": True}, None),
        ("channel == 'x'", {"channel": 3}, None),
        ("channel matches 'x*'", {}, None),
        ("vip", {"vip": "true"}, None),
        ("not vip", {}, None),
        ("vip and amount > 1", {"amount": 0}, False),
        ("vip and amount > 1", {"amount": 2}, None),
        ("vip or amount > 1", {"amount": 2}, True),
        ("vip or amount > 1", {"amount": 0}, None),
        ("channel in recipients", {"channel": "a"}, None),
        ("channel not in recipients", {"recipients": ("a",)}, None),
    ],
)
def test_what_depends_on_an_unknown_fact_is_unknown(text: str, facts: dict[str, object], answer: bool | None):  # noqa: FBT001
    assert ask(text, **facts) is answer


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("amont > 1", 0, "unknown fact amont; did you mean amount?"),
        ("amount > 'x'", 9, "expected a number after >, got a text"),
        ("channel > 'x'", 8, "expected numbers around >, got a text"),
        ("recipients == allowed", 11, "expected `in` with a list"),
        ("channel", 7, "expected a comparison after a text, got the end"),
        ("amount 3", 7, "expected a comparison after a number, got 3"),
        ("channel in her", 11, "expected a list, got her"),
        ("channel in hrr", 11, "did you mean hr?"),
        ("channel in codes", 0, "expected a list of texts, got a number in it"),
        ("channel in []", 0, "expected a list of texts, got none"),
        ("channel in [vip]", 12, "expected a value or ]"),
        ("channel in ['a' 'b']", 16, "expected , or ]"),
        ("amount in recipients", 0, "expected a text before `in`, got a number"),
        ("channel not 'x'", 12, "expected `in` after `not`"),
        ("amount matches 'x'", 0, "expected a text before `matches`, got a number"),
        ("channel matches channel", 16, "expected a pattern in quotes"),
        ("vip and", 7, "expected a fact or a value, got the end"),
        ("vip and and", 8, "expected a fact or a value, got and"),
        ("(vip", 4, "expected ), got the end"),
        (
            "vip vip",
            4,
            "expected `and`, `or` or the end, got vip",
        ),
        ("vip &  vip", 4, "expected a fact, a comparison, a quoted text or a number, got &"),
        ("", 0, "expected a fact or a value, got the end"),
        ("channel == 'x", 11, "expected a fact"),
        ("(" * 50 + "vip" + ")" * 50, 40, "expected at most 40 levels"),
        ("not " * 50 + "vip", 160, "expected at most 40 levels"),
        ("vip or " * 1000 + "vip", 0, "expected at most 4000 characters"),
    ],
)
def test_what_cannot_mean_anything_is_an_error_at_its_place(text: str, at: int, told: str):
    with pytest.raises(WhenError) as raised:
        compile_when(text, TYPES, LISTS)
    assert told in str(raised.value)
    assert raised.value.at == at


def test_the_facts_it_asks_for_are_told():
    _, used = compile_when("vip and channel in recipients or method == 'GET'", TYPES, LISTS)
    assert used == {"vip", "channel", "recipients", "method"}


known = st.dictionaries(st.sampled_from(["vip", "opaque"]), st.booleans())


@given(known, st.sampled_from(["vip", "opaque"]))
def test_forgetting_a_fact_only_ever_makes_an_answer_unknown(facts: Facts, forgotten: str):
    condition, _ = compile_when("not (vip and not opaque) or (opaque and vip)", TYPES, LISTS)
    less = {name: value for name, value in facts.items() if name != forgotten}
    assert condition(less) in (None, condition(facts))


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=10))
def test_a_pattern_fits_what_trying_everything_would_find(pattern: str, text: str):
    def fits(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return any(fits(p[1:], t[i:]) for i in range(len(t) + 1))
        return bool(t) and p[0] == t[0] and fits(p[1:], t[1:])

    assert _fits(text, pattern.split("*")) is fits(pattern, text)
