import pytest

from dlp_presidio.refined import refined


def told(text: str, *spans: tuple[str, str], within: tuple[tuple[int, int], ...] = ()) -> list[tuple[str, str]]:
    given = [(entity, text.index(part), text.index(part) + len(part), 0.85) for entity, part in spans]
    return [(entity, text[start:end]) for entity, start, end, _ in refined(text, given, within)]


def test_ends_are_trimmed():
    assert told("Dr. Anna Lee's book", ("PERSON", "Dr. Anna Lee's")) == [("PERSON", "Anna Lee")]
    assert told("in the Hague,", ("LOCATION", "the Hague,")) == [("LOCATION", "Hague")]


def test_a_span_over_several_lines_is_parted_as_a_signature_is():
    text = "Anna Lee\nLeasing consultant\nAcme"
    assert told(text, ("PERSON", text)) == [
        ("PERSON", "Anna Lee"),
        ("TITLE", "Leasing consultant"),
        ("ORGANIZATION", "Acme"),
    ]


def test_only_times_that_could_tell_a_date_are_kept():
    text = "a couple of months after 12 May 1999, on Monday"
    spans = (("DATE_TIME", "a couple of months"), ("DATE_TIME", "12 May 1999"), ("DATE_TIME", "Monday"))
    assert told(text, *spans) == [("DATE_TIME", "12 May 1999"), ("DATE_TIME", "Monday")]


def test_a_name_is_known_again_by_its_parts():
    text = "Anna Lee wrote it, and Lee signed."
    assert told(text, ("PERSON", "Anna Lee")) == [("PERSON", "Anna Lee"), ("PERSON", "Lee")]


def test_what_is_no_name_around_it_is_left_out():
    assert told("Applicant Anna Lee, born", ("ORGANIZATION", "Applicant Anna Lee")) == [("PERSON", "Anna Lee")]
    assert told("J. Lee from Acme AS", ("ORGANIZATION", "J. Lee from Acme AS")) == [("PERSON", "J. Lee")]
    assert told("Anna Lee's Cautionary Tales", ("PERSON", "Anna Lee's Cautionary Tales")) == [("PERSON", "Anna Lee")]
    text = "New hire: Anna Lee\nStart: 2001\nSSN: x"
    assert told(text, ("PERSON", "Anna Lee\nStart")) == [("PERSON", "Anna Lee")]


def test_codes_and_units_are_nobody_and_nowhere():
    spans = (("PERSON", "SpO2"), ("ORGANIZATION", "BP 132/84"), ("LOCATION", "GB"), ("ORGANIZATION", "ip=1.2.3.4"))
    assert told("SpO2 and BP 132/84, 32 GB, ip=1.2.3.4", *spans) == []


def test_a_date_ends_where_a_log_goes_on():
    text = "Jun 12, 1985 sshd[8812"
    assert told(text, ("DATE_TIME", text)) == [("DATE_TIME", "Jun 12, 1985")]


def test_a_street_called_after_somebody_is_nobody():
    text = "at 3 John Adams Street"
    assert told(text, ("PERSON", "John Adams"), within=((3, 22),)) == []


def test_words_that_name_fields_are_no_names():
    assert told("IBAN and Phone", ("ORGANIZATION", "IBAN"), ("PERSON", "Phone")) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("result: dict[str, int]", "dict[str"),
        ("x = array([1, 2])", "array([1"),
        ("see https://example.org/x", "https://example.org/x"),
        ("self.new_entries: y", "self.new_entries"),
    ],
)
def test_what_no_name_is_written_with_is_no_name(text: str, name: str):
    start = text.index(name)
    assert refined(text, [("PERSON", start, start + len(name), 0.85)]) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import PhoneNumberDesc from there", "PhoneNumberDesc"),
        ("segment = RecordingPen()", "RecordingPen"),
        ("the value of self.Host here", "Host"),
        ("ask @Patrick about it", "Patrick"),
        ("run npm benchclean", "npm benchclean"),
    ],
)
def test_what_is_written_or_stands_as_code_does_is_unlikely_a_name(text: str, name: str):
    start = text.index(name)
    assert [one[3] for one in refined(text, [("PERSON", start, start + len(name), 0.85)])] == [0.4]


@pytest.mark.parametrize(
    "name", ["Anna McDonald", "Conan O'Brien", "Maria de la Cruz", "Anne-Marie Duff", "李明", "DeShawn Lee"]
)
def test_names_of_all_kinds_stay_what_they_are(name: str):
    text = f"It was {name}."
    assert ("PERSON", 7, 7 + len(name), 0.85) in refined(text, [("PERSON", 7, 7 + len(name), 0.85)])


def test_what_has_the_form_of_an_address_or_number_is_cut_out_of_a_name():
    text = "Anna Smith anna@x.org and Bob"
    cut = refined(text, [("PERSON", 0, 29, 0.85)], (), [(11, 21)])
    assert [text[start:end] for _, start, end, _ in cut][:1] == ["Anna Smith"]
    assert refined("a 10.0.0.1", [("DATE_TIME", 2, 10, 0.85)], (), [(2, 10)]) == []
