import pytest

from dlp_presidio.names import begins_with_role, grown, is_field, is_none, trimmed


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Reporter: Anna Lee", "Anna Lee"),
        ("omg Anna", "Anna"),
        ("Applicant Anna Lee", "Anna Lee"),
        ("Dear Ms Anna Lee", "Anna Lee"),
        ("A. Lee", "A. Lee"),
        ("de la Cruz", "de la Cruz"),
        ("Bill Tutt", "Bill Tutt"),
        ("Just van Rossum", "Just van Rossum"),
        ("guðgeir bergsveinsson", "guðgeir bergsveinsson"),
        ("Manager", "Manager"),
    ],
)
def test_a_name_begins_after_labels_greetings_and_roles(shown: str, name: str):
    assert shown[trimmed(shown, 0, len(shown)) :] == name


@pytest.mark.parametrize(
    ("text", "seen", "name"),
    [
        ("I met Hyun-woo Kim there", "Hyun", "Hyun-woo Kim"),
        ("for Lieke Haruto Lindholm!", "Lieke Haruto", "Lieke Haruto Lindholm"),
        ("Pt Eszter Demir, 32", "Demir", "Eszter Demir"),
        ("met Anna Lee on Monday", "Anna Lee", "Anna Lee"),
        ("Yesterday Anna left", "Anna", "Anna"),
        ("ask Anna Monday", "Anna", "Anna"),
        ("mail to Anna IBM", "Anna", "Anna"),
        ("Anna Lee@x.example", "Anna", "Anna"),
    ],
)
def test_a_name_is_taken_whole(text: str, seen: str, name: str):
    start, end = grown(text, text.index(seen), text.index(seen) + len(seen), ())
    assert text[start:end] == name


def test_what_is_something_else_is_no_part_of_it():
    assert grown("met Anna Paris", 4, 8, [(9, 14)]) == (4, 8)


def test_what_somebody_does_is_no_name():
    assert is_none("Patient")
    assert is_none("the Manager:")
    assert not is_none("Manager Lee")
    assert begins_with_role("Applicant Anna")
    assert not begins_with_role("Applicant")


def test_a_field_is_told_from_a_speaker():
    form = "Name: Anna Lee\nLaptop: X13"
    assert is_field(form, form.index("Laptop"), form.index("Laptop") + 6)
    chat = "Anna: are you there\nKim: yes"
    assert not is_field(chat, 0, 4)
    assert not is_field("met Anna there", 4, 8)
    assert is_field("Bill to: Anna", 0, 4)
    assert is_field("Customer: Anna", 0, 8)
