import json
from pathlib import Path

import pytest

from dlp.bench.accuracy import BAR, Sample, Span, held_out, load, rows, score
from dlp.core.errors import ConfigError

SET = Path(__file__).parents[3] / "shared" / "corpora" / "pii_dev" / "pii_dev.json"
TEXT = "Mr. John Smith moved to 12 Main Street, Boston"
LABELS = (Span("PERSON", 4, 14), Span("STREET_ADDRESS", 24, 38), Span("GPE", 40, 46))


def overall(*predicted: Span) -> tuple[int, int, int]:
    told = score([Sample(TEXT, LABELS)], [predicted])["overall"]
    return told.labelled, told.predicted, told.found


def test_neighbours_of_one_type_are_one_label_and_may_be_found_in_pieces():
    assert overall() == (2, 0, 0)
    assert overall(Span("LOCATION", 24, 46)) == (2, 1, 1)
    assert overall(Span("LOCATION", 24, 31), Span("PERSON", 40, 46)) == (2, 2, 0)  # too little of it


def test_titles_and_other_skip_words_at_the_edge_do_not_count():
    assert overall(Span("PERSON", 0, 14)) == (2, 1, 1)


def test_a_wrong_type_counts_overall_and_not_by_type():
    told = score([Sample(TEXT, LABELS)], [[Span("ORGANIZATION", 4, 14)]])
    assert told["overall"].found == 1
    assert (told["PERSON"].found, told["ORGANIZATION"].predicted) == (0, 1)


def test_the_surer_of_two_spans_gives_a_word_its_type():
    told = score([Sample(TEXT, LABELS)], [[Span("ORGANIZATION", 4, 14, 0.4), Span("PERSON", 4, 14, 0.9)]])
    assert (told["PERSON"].found, told["overall"].predicted) == (1, 1)


def test_what_nobody_labelled_lowers_precision():
    told = score([Sample("Zebra crossing", ())], [[Span("PERSON", 0, 5)]])["overall"]
    assert (told.precision, told.recall, told.f(2)) == (0, 0, 0)


def test_rows_show_ours_beside_the_baseline_and_the_bar():
    samples = [Sample(TEXT, LABELS, template) for template in range(6)]
    every = lambda texts: [list(LABELS) for _ in texts]  # noqa: E731
    none = lambda texts: [[] for _ in texts]  # noqa: E731
    told = {row.name: row for row in rows(samples, finders=(every, none))}
    assert (told["f2/overall"].value, told["f2/overall"].baseline, told["f2/overall"].bar) == (1, 0, BAR)
    assert told["recall/PERSON"].value == 1
    assert "held-out-f2/overall" in told


def test_a_third_of_the_templates_is_held_out_always_the_same():
    samples = [Sample("", (), template) for template in range(300)]
    assert 70 < len(held_out(samples)) < 130
    assert held_out(samples) == held_out(reversed(samples))[::-1]


def test_a_set_with_other_fields_is_refused(tmp_path: Path):
    file = tmp_path / "set.json"
    file.write_text(json.dumps([{"text": "x"}]))
    with pytest.raises(ConfigError, match="expected a JSON list of objects with full_text and spans"):
        load(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.json")


@pytest.mark.ner
@pytest.mark.skipif(not SET.exists(), reason="the labelled set is not beside the project")
def test_the_labelled_set_is_met_by_a_wide_margin():
    from dlp.bench.accuracy import ours  # noqa: PLC0415

    samples = load(SET)[::4]
    told = score(samples, ours([sample.text for sample in samples]))
    assert told["overall"].f(2) >= BAR
