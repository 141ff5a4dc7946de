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


def test_a_street_called_after_somebody_is_nobody():
    text = "at 3 John Adams Street"
    assert told(text, ("PERSON", "John Adams"), within=((3, 22),)) == []


def test_words_that_name_fields_are_no_names():
    assert told("IBAN and Phone", ("ORGANIZATION", "IBAN"), ("PERSON", "Phone")) == []
