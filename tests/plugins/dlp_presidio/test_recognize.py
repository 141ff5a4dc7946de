# ruff: noqa: RUF001
import logging
import random
import re

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers.generic.iban_patterns import regex_per_country as COUNTRIES  # noqa: N812
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

from dlp.core.message import Part
from dlp.engine.scan import Scanner
from dlp_presidio import look, recognize
from dlp_presidio.context import Plain
from dlp_presidio.recognize import Recognizers, Result, without_contained

OURS = Recognizers("en")
SCANNER = Scanner({"dlp_presidio": look.patterns(ner=False)})
CONTEXTS = [
    (),
    ("phone",),
    ("ssn", "employee"),
    ("account",),
    ("license",),
    ("card",),
    ("passport",),
    ("date",),
    ("tax",),
]


@pytest.fixture(scope="module")
def vanilla() -> AnalyzerEngine:
    """Return Presidio as it comes, without a model."""
    engine = NoOpNlpEngine([{"lang_code": "en", "model_name": ""}])
    engine.load()
    registry = RecognizerRegistryProvider(registry_configuration={"supported_languages": ["en"]})
    return AnalyzerEngine(registry=registry.create_recognizer_registry(), nlp_engine=engine)


def ours(text: str, words: tuple[str, ...]) -> set[tuple[str, int, int, float]]:
    """Return what is found by way of the scan; entities no pattern hit are not looked for."""
    wanted: dict[str, set[int]] = {}
    for hit in SCANNER.hits([Part("/x", text)]).get("dlp_presidio", []):
        entity, _, kind = hit.pattern.partition(".")
        if kind in ("", "weak") and wanted.get(entity) != {-1}:
            wanted[entity] = {-1} if hit.end < 0 else wanted.get(entity, set()) | {hit.end}
    hits = {entity: () if ends == {-1} else ends for entity, ends in wanted.items()}
    found = OURS.results(text, hits, words)
    return {(one.entity, one.start, one.end, round(one.score, 6)) for one in found}


def theirs(engine: AnalyzerEngine, text: str, words: tuple[str, ...]) -> set[tuple[str, int, int, float]]:
    found = engine.analyze(text, "en", context=list(words))
    return {(one.entity_type, one.start, one.end, round(one.score, 6)) for one in found}


def made(numbers: random.Random) -> str:
    """Return a text of things that look like personal data, and of what stands between them."""

    def digits(count: int) -> str:
        return "".join(numbers.choice("0123456789") for _ in range(count))

    things = [
        lambda: (
            f"{numbers.choice(['bob', 'a.b', 'Jürgen', 'x+y', '日本'])}@{numbers.choice(['x.org', 'ex-a.co.uk', 'a'])}"
        ),
        lambda: f"{digits(3)}-{digits(2)}-{digits(4)}",
        lambda: numbers.choice(["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", f"4{digits(15)}"]),
        lambda: f"+{digits(2)} {digits(3)} {digits(7)}",
        lambda: f"({digits(3)}) {digits(3)}-{digits(4)}",
        lambda: numbers.choice(
            ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "de89 3704 0044 0532 0130 00"]
        ),
        lambda: numbers.choice(
            ["10.0.0.1", "2001:db8::1", "::1", "fe80::1%eth0", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"]
        ),
        lambda: f"20{digits(2)}-0{numbers.randrange(1, 9)}-1{numbers.randrange(9)}",
        lambda: numbers.choice(["12/31/1999", "31.12.99", "5-JAN-2020", "MAR-21", "07/24", "2024-05-01T10:00:00Z"]),
        lambda: numbers.choice(["https://x.example.com/a?b=c", "www.foo.io", '"http://a.co"', "'b.org/x'", "a.b"]),
        lambda: numbers.choice(["A1234567", "12AB3456", "943 476 5919", "9434765919", "912-70-1234", "912701234"]),
        lambda: numbers.choice(["00:1B:44:11:3A:B7", "001b.4411.3ab7", "123e4567-e89b-12d3-a456-426614174000"]),
        lambda: numbers.choice(["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"]),
        lambda: numbers.choice(["AB1234563", "BB1388568", digits(9), digits(12), f"{digits(5)}-{digits(4)}"]),
        lambda: numbers.choice(
            ["é", "١٢٣٤٥٦٧٨٩", "123456789²", "e\u0301 12345678", "x", "_", "😀", "ſ", "１２３-４５-６７８９"]
        ),
    ]
    betweens = [" ", ", ", "\n", "", "_", '"', ": ", " - ", "\t", "(", ")", "\u00a0", "ä"]
    count = numbers.randrange(1, 6)
    return "".join(numbers.choice(things)() + numbers.choice(betweens) for _ in range(count))


def test_several_hundred_texts_give_what_presidio_itself_gives(vanilla: AnalyzerEngine):
    numbers = random.Random(7)  # noqa: S311  not for secrets
    for _ in range(400):
        text, words = made(numbers), numbers.choice(CONTEXTS)
        assert ours(text, words) == theirs(vanilla, text, words), text


def test_long_texts_are_looked_at_in_pieces_with_the_same_result(vanilla: AnalyzerEngine):
    numbers = random.Random(8)  # noqa: S311
    filler = ["lorem ipsum dolor ", "status ok\n", "a,b;c ", "12 34 ", "x.y ", "//"]
    for _ in range(6):
        text = "".join(made(numbers) if numbers.random() < 0.1 else numbers.choice(filler) for _ in range(500))
        assert len(text) > recognize._WHOLE
        assert ours(text, ()) == theirs(vanilla, text, ())


def test_more_candidates_than_presidio_tries_are_all_looked_at():
    text = "1-2 \n" * 70_000 + "212-555-0142"
    (found,) = [one for one in OURS.results(text, {"PHONE_NUMBER": ()}, ()) if one.entity == "PHONE_NUMBER"][-1:]
    assert text[found.start : found.end] == "212-555-0142"


def expressions() -> list[tuple[str, str]]:
    runners = [(entity, runner) for entity in sorted(OURS.entities) for runner in OURS._by_entity[entity]]
    return [(entity, one.pattern) for entity, runner in runners for one, _ in getattr(runner, "_expressions", [])]


@pytest.mark.parametrize(("entity", "expression"), expressions())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
def test_whatever_an_expression_of_presidio_matches_is_seen_by_the_scan(
    entity: str, expression: str, data: st.DataObject
):
    text = data.draw(st.from_regex(re.compile(expression, re.IGNORECASE), fullmatch=True))
    if entity == "IBAN_CODE":  # what no country uses is not looked at
        text = data.draw(
            st.from_regex(re.compile(data.draw(st.sampled_from(sorted(COUNTRIES.values())))), fullmatch=True)
        )
        text = data.draw(st.sampled_from([text.replace(" ", ""), text, text.lower()]))
    if regex.search(expression, text, regex.IGNORECASE):
        hits = SCANNER.hits([Part("/x", text)]).get("dlp_presidio", [])
        assert entity in {hit.pattern.removesuffix(".weak") for hit in hits}


def test_every_entity_that_presidio_finds_without_a_model_is_looked_for():
    assert {one.finds for one in look.patterns(ner=False)} - {"PERSON"} == OURS.entities


def test_context_words_of_weak_patterns_are_in_every_word_of_presidios():
    for entity, words in look.CONTEXT.items():
        for runner in OURS._by_entity[entity]:
            for theirs_ in runner.context:
                assert any(own in theirs_ for own in words)


def test_words_before_a_value_lift_its_score_without_a_model():
    plain = OURS.results("it is 536-22-1234", {"US_SSN": ()}, (), around=Plain("it is 536-22-1234"))
    lifted = OURS.results("My SSN is 536-22-1234", {"US_SSN": ()}, (), around=Plain("My SSN is 536-22-1234"))
    assert [one.score for one in plain] == [0.5]
    assert [(one.score, one.context) for one in lifted] == [(0.85, "ssn")]


def test_results_under_the_least_score_are_left_out():
    assert OURS.results("536221234", {"US_SSN": ()}, (), least=0.3) == []
    assert OURS.results("536221234", {"US_SSN": ()}, ("ssn",), least=0.3)[0].score == 0.4


def test_an_expression_that_runs_out_of_time_is_an_error(monkeypatch: pytest.MonkeyPatch):
    (runner,) = OURS._by_entity["MEDICAL_LICENSE"]
    monkeypatch.setattr(runner, "_expressions", [(regex.compile(r"(?:a|aa)+(?:a|aa)+[bd]x"), 0.5)])
    monkeypatch.setattr(recognize, "SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        runner.run("a" * 500 + "by", ())


def test_presidios_own_log_lines_are_dropped_and_a_skipped_expression_raises(caplog: pytest.LogCaptureFixture):
    logger = logging.getLogger("presidio-analyzer")
    logger.error("Failed to validate text %s", "hunter2")
    assert "hunter2" not in caplog.text
    with pytest.raises(TimeoutError):
        logger.warning("Regex pattern '%s' timed out after %s seconds, skipping.", "x", 60)


def test_what_lies_in_another_of_the_same_entity_is_left_out():
    wide, narrow = Result("A", 0, 9, 0.5, "x"), Result("A", 2, 5, 0.5, "x")
    better, other = Result("A", 2, 5, 0.9, "x"), Result("B", 2, 5, 0.1, "x")
    assert without_contained([narrow, wide, Result("A", 0, 9, 0.0, "x")]) == [wide]
    assert set(without_contained([better, wide, other])) == {better, wide, other}
