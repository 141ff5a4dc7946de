from dlp.core.label import RAW, DataClass, Label
from dlp.core.ports import LabelNote, Pattern


def test_a_pattern_does_not_print_its_expression():
    assert "secret-format" not in repr(Pattern("p", "secret-format"))


def test_a_note_without_lineage_says_nothing_of_it():
    note = LabelNote(Label(DataClass("pii.email"), RAW, "hr"), 1)
    assert (note.origin, note.origin_path, note.form, note.transform) == ("", "", "", "")
