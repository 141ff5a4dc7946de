import pytest

from dlp.core.edit import Edit
from dlp.core.errors import PolicyError
from dlp.core.finding import Confidence, Finding
from dlp.core.label import GENERALISED, RAW, DataClass, State
from dlp.core.message import Kind, Part
from dlp.core.policy import Flow, Route, Ruling, Verdict
from dlp.engine.rewriting import leftovers, repetitions, spans_of, state_made, strictness

PARTS = (Part("/note", "call Maria Gonzalez or 91500"), Part("/pay", "91500", Kind.NUMBER))


def finding(
    start: int, end: int, name: str = "pii.person", part: int = 0, sure: Confidence = Confidence.HIGH
) -> Finding:
    return Finding(part, start, end, DataClass(name), "test", sure)


def ruling(recipe: str = "", transform: str = "generalise") -> Ruling:
    return Ruling(Flow(None, RAW, Route("a", "b")), Verdict.TRANSFORM, transform=transform, recipe=recipe)


def test_overlapping_findings_become_one_span_with_the_strictest_transform():
    findings = [finding(5, 10), finding(5, 19), finding(23, 28, "pii.phone")]
    spans = spans_of(PARTS, findings, {0: "mask", 1: "tokenize", 2: "tokenize"})
    assert [(span.start, span.end, span.transform) for span in spans] == [(5, 19, "mask"), (23, 28, "tokenize")]
    assert spans[0].finding is findings[1]
    assert spans[0].findings == (0, 1)


def test_findings_that_merely_touch_stay_apart():
    spans = spans_of(PARTS, [finding(0, 4), finding(4, 10)], {0: "mask", 1: "mask"})
    assert len(spans) == 2


def test_of_equally_wide_findings_the_surest_speaks():
    findings = [finding(5, 10, "pii.location", sure=Confidence.LOW), finding(5, 10, "pii.person")]
    assert spans_of(PARTS, findings, {0: "tokenize", 1: "tokenize"})[0].finding is findings[1]


def test_a_number_is_rewritten_whole():
    (span,) = spans_of(PARTS, [finding(1, 3, part=1)], {0: "tokenize"})
    assert (span.start, span.end) == (0, 5)


def test_a_transform_that_only_a_plugin_knows_is_the_strictest():
    assert strictness("scramble") > strictness("redact") > strictness("tokenize")


def test_a_recipe_gives_its_state_only_if_the_whole_part_was_transformed():
    (span,) = spans_of(PARTS, [finding(5, 10)], {0: "generalise"})
    assert state_made(span, {0: ruling("anonymised")}, [0]) == State("anonymised")
    assert state_made(span, {0: ruling("anonymised"), 1: ruling()}, [0, 1]) == GENERALISED
    assert state_made(span, {0: ruling("anonymised")}, [0, 1]) == GENERALISED


def test_a_transform_without_a_state_is_an_error():
    (span,) = spans_of(PARTS, [finding(5, 10)], {0: "scramble"})
    with pytest.raises(PolicyError, match="scramble"):
        state_made(span, {0: ruling()}, [0])


def test_a_hidden_value_is_hidden_again_where_nobody_saw_it():
    parts = (Part("/a", "Maria Gonzalez"), Part("/b", "ask Maria Gonzalez, Maria Gonzalez"), Part("", "", Kind.OPAQUE))
    (span,) = spans_of(parts, [finding(0, 14)], {0: "tokenize"})
    more = repetitions(list(enumerate(parts)), [span], ["Maria Gonzalez"])
    assert [(each.part, each.start, each.end) for each in more] == [(1, 4, 18), (1, 20, 34)]


def test_a_value_too_short_to_look_for_is_not_repeated():
    parts = (Part("/a", "May"), Part("/b", "in May"))
    (span,) = spans_of(parts, [finding(0, 3)], {0: "tokenize"})
    assert repetitions(list(enumerate(parts)), [span], ["May"]) == []


def test_a_value_that_an_edit_leaves_behind_is_noticed():
    parts = (Part("/a", "Maria Gonzalez and Maria Gonzalez"),)
    once = [Edit(0, 0, 14, "[PERSON_1]")]
    assert leftovers(parts, once, [(0, "Maria Gonzalez")])
    assert not leftovers(parts, [*once, Edit(0, 19, 33, "[PERSON_1]")], [(0, "Maria Gonzalez")])


def test_of_many_values_one_that_is_left_is_noticed_and_one_in_other_case_is_none():
    names = [f"Customer Number {number}" for number in range(40)]
    parts = (Part("/a", f"{'. '.join(names)}. CUSTOMER NUMBER 7."),)
    texts = [(0, name) for name in names]
    starts = [parts[0].text.index(f"{name}.") for name in names]
    edits = [Edit(0, at, at + len(name), "*") for at, name in zip(starts, names, strict=True)]
    assert not leftovers(parts, edits, texts)
    assert leftovers(parts, edits[:-1], texts)
