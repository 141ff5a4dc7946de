import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.edit import Edit, apply_edits


def test_edits_count_from_the_original_text_in_any_order():
    edits = [Edit(0, 6, 9, "crm"), Edit(0, 0, 3, "send")]
    assert apply_edits("put to log", edits[::-1]) == apply_edits("put to log", edits) == "send tocrmg"


def test_an_insertion_and_a_replacement_may_touch():
    assert apply_edits("abc", [Edit(0, 1, 1, "~"), Edit(0, 1, 2, "B")]) == "a~Bc"


@pytest.mark.parametrize("edits", [[Edit(0, 0, 2, ""), Edit(0, 1, 3, "")], [Edit(0, 2, 9, "")], [Edit(0, 2, 1, "")]])
def test_edits_that_overlap_or_leave_the_text_are_refused(edits: list[Edit]):
    with pytest.raises(ValueError, match="overlaps another or leaves the text"):
        apply_edits("abc", edits)


def test_what_an_edit_writes_is_not_printed():
    assert "secret" not in repr(Edit(0, 0, 1, "secret"))


@given(st.text(), st.data())
def test_an_edit_that_writes_what_was_there_changes_nothing(text: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert apply_edits(text, [Edit(0, start, end, text[start:end])]) == text
