import json

from dlp.bench.report import at_least, at_most, document, row


def test_a_row_without_a_bar_is_neither_met_nor_missed():
    assert row("a/b", 1.0, "ms").met is None
    assert at_least("a/b", 1.0, "ms", None).met is None
    assert at_most("a/b", 1.0, "ms", None).bar is None


def test_a_bar_is_met_from_the_side_it_asks_for():
    assert at_least("a", 1.3, "times requests/s", 1.3).met is True
    assert at_least("a", 1.29, "times requests/s", 1.3).met is False
    assert at_most("a", 1.5, "ms", 1.5).met is True
    assert at_most("a", 1.51, "ms", 1.5).met is False


def test_rounding_never_turns_a_miss_into_a_hit():
    made = at_least("a", 1.29999, "times requests/s", 1.3)
    assert made.value == 1.3
    assert made.met is False


def test_three_digits_are_kept_of_small_figures_and_whole_numbers_of_large_ones():
    assert [row("a", value, "µs").value for value in (0.0, 0.012345, 1.23456, 123.456, 123456.7)] == [
        *(0.0, 0.0123, 1.23, 123.0),
        123457.0,
    ]


def test_the_document_is_json_with_the_bench_the_machine_and_the_rows():
    told = json.loads(json.dumps(document("http", [at_least("a/b", 2.0, "times requests/s", 1.3, 800.0)])))
    assert told["bench"] == "http"
    assert told["machine"]["cores"] >= 1
    assert told["rows"] == [
        {"name": "a/b", "value": 2.0, "unit": "times requests/s", "baseline": 800.0, "bar": 1.3, "met": True}
    ]
