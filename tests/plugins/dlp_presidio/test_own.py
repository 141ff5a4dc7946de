import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp.core.finding import Confidence
from dlp.core.message import Part
from dlp.engine.scan import Scanner
from dlp_presidio import own

SCANNER = Scanner({"x": own.patterns()})


def seen(entity: str, text: str, words: tuple[str, ...] = ()) -> list[str]:
    return [text[start:end] for _, start, end, _, _ in own.find(text, [(entity, 0.0)], words)]


@pytest.mark.parametrize(
    ("entity", "text", "expected"),
    [
        (
            "STREET_ADDRESS",
            "ship to 12 Main Street, Springfield, IL 62704 today",
            "12 Main Street, Springfield, IL 62704",
        ),
        (
            "STREET_ADDRESS",
            "He lives on 48 Elm Road\n Apt. 3\n Leeds\n United Kingdom",
            "48 Elm Road\n Apt. 3\n Leeds\n United Kingdom",
        ),
        ("STREET_ADDRESS", "am Hauptstra\u00dfe 31, Berlin", "Hauptstra\u00dfe 31, Berlin"),
        ("STREET_ADDRESS", "c/o PSC 12, Box 99\nAPO AE 09012", "PSC 12, Box 99\nAPO AE 09012"),
        ("STREET_ADDRESS", "P.O. Box 77", "P.O. Box 77"),
        ("AGE", "a 79 year old woman", "79"),
        ("AGE", "she just turned 40.", "40"),
        ("TITLE", "ask Dr. Who", "Dr."),
        ("ZIP_CODE", "ZIP: 90210", "90210"),
        ("PERSON", "ask Mrs. Jones", "Jones"),
        ("PERSON", "ask Mrs. A. Jones", "A. Jones"),
        ("PERSON", "My name is Anna Lee", "Anna Lee"),
        ("PERSON", "Consignee: Seo-yeon Kamau, ul. Dluga 9", "Seo-yeon Kamau"),
        ("PERSON", "the tenant Anna Lee moved", "Anna Lee"),
        ("PERSON", "See you there. Cheers, Anna Lee", "Anna Lee"),
        ("PERSON", "Thank you\n\nAnna Lee\n", "Anna Lee"),
        ("PERSON", "Anna: are you there yet\nKim: I will be soon", "Kim"),
        ("AGE", "her 63rd birthday", "63rd"),
        ("ZIP_CODE", "12 Main Street, Springfield, IL 62704", "62704"),
        ("ZIP_CODE", "4 Orchard Close, Leeds LS2 9AB", "LS2 9AB"),
        ("ZIP_CODE", "Rua das Flores 12\nLisboa 1200-195", "1200-195"),
        ("STREET_ADDRESS", "of Ermou 121, Athens, 75382", "Ermou 121, Athens, 75382"),
        ("CREDIT_CARD", "charged 2221 0012 3412 3450 twice", "2221 0012 3412 3450"),
        ("ORGANIZATION", "bought by Acme Widgets Inc.", "Acme Widgets Inc."),
        ("ORGANIZATION", "I work for Initech", "Initech"),
        ("LOCATION", "she lives in Smallville now", "Smallville"),
        ("NRP", "I am cambodian", "cambodian"),
        ("DATE_TIME", "at 2024-01-05 10:11:12 it", "2024-01-05 10:11:12"),
        ("IBAN_CODE", "my iban is gb82west12345698765432", "gb82west12345698765432"),
        ("CREDIT_CARD", "card number 630427373398 is lost", "630427373398"),
        ("PHONE_NUMBER", "call me at 0494 92 82 32", "0494 92 82 32"),
        ("US_DRIVER_LICENSE", "my driver's license number is 2270-66-1551", "2270-66-1551"),
    ],
)
def test_a_form_or_a_cue_is_seen_and_the_scan_points_to_it(entity: str, text: str, expected: str):
    assert expected in seen(entity, text)
    hits = SCANNER.hits([Part("", text)]).get("x", [])
    names = {hit.pattern for hit in hits}
    assert entity in dict(own.worth_running(names | {"PHONE_NUMBER"}, None))


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        ("STREET_ADDRESS", "a 500 GB Hard Drive and 3 Day Road"),
        ("STREET_ADDRESS", '{"version": "1.2.3", "build": 4711}'),
        ("AGE", "it is 45% done at 10:30"),
        ("PHONE_NUMBER", "from 2024-01-05 to 2024-02-06"),
        ("PHONE_NUMBER", "order 12345678901234567890"),
        ("CREDIT_CARD", "card 1234567890123"),
        ("IBAN_CODE", "de12ab34cd56ef7890ab12cd34ef5678"),
        ("TITLE", "the drive is full"),
        ("PERSON", "the name of the file"),
        ("PERSON", "Start: the engine runs\nTotal: 12"),
        ("PERSON", "Manager: Date of birth is wanted\nSteps: open the page first"),
        ("STREET_ADDRESS", "Build 4821 passed in 6 minutes"),
        ("STREET_ADDRESS", "seen on Nov 4, 2021, by all"),
        ("ZIP_CODE", "it took 62704 ms"),
        ("CREDIT_CARD", "2221 0012 3412 3451"),
    ],
)
def test_what_only_looks_like_it_is_left_alone(entity: str, text: str):
    assert seen(entity, text) == []


def test_a_key_supports_what_stands_under_it():
    assert [one[3] for one in own.find("48 Elm Road", [("STREET_ADDRESS", 0.0)])] == [0.8]
    assert [one[3] for one in own.find("48 Elm Road", [("STREET_ADDRESS", 0.0)], ("street",))] == [0.85]
    assert seen("PHONE_NUMBER", "04949 28232", ("phone",)) == ["04949 28232"]
    assert seen("PHONE_NUMBER", "04949 28232", ("count",)) == []


def test_what_no_policy_asks_for_is_not_looked_for():
    names = {"AGE.own", "PERSON.own-weak", "LOCATION.own"}
    assert own.worth_running(names, {"PERSON": Confidence.MEDIUM, "LOCATION": Confidence.MEDIUM}) == [("LOCATION", 0.5)]
    assert own.worth_running(names, {"PERSON": Confidence.LOW}) == [("PERSON", 0.0)]


def test_no_pattern_may_match_anywhere():
    assert SCANNER._anywhere == []


@pytest.mark.parametrize(
    ("text", "address", "score"),
    [
        ("it is 17 Alder Grove Road now", "17 Alder Grove Road", 0.8),
        ("ship to Lindenstra\u00dfe 14 today", "Lindenstra\u00dfe 14", 0.8),
        ("ask at Via Garibaldi 9 then", "Via Garibaldi 9", 0.8),
        ("it runs on Spring 5 now", "Spring 5", 0.45),
        ("20789 Allika 46, Suite 501", "20789 Allika 46, Suite 501", 0.85),
        ("59 St. Brigid's Terrace", "59 St. Brigid's Terrace", 0.8),
    ],
)
def test_an_address_is_as_sure_as_its_form_is_clear(text: str, address: str, score: float):
    seen = {text[start:end]: best for _, start, end, best, _ in own.find(text, [("STREET_ADDRESS", 0.0)])}
    assert seen[address] == score


def test_a_request_and_its_time_are_no_address_of_any_band():
    assert not list(own.find("took 612 ms status 200", [("STREET_ADDRESS", 0.5)]))


PIECES = """
Mr. Mrs. Dr Dear A. I. a The Name: name is My Anna Lee's Lee ' - , . in from the of works for Acme Inc. 's call 12 Main
Street Apt 3 (212) 555-0142 phone DE89 3704 0044 0532 0130 00 a@b.org 0x Born in Paris aged 40
""".split()  # noqa: SIM905


@given(st.lists(st.sampled_from([*PIECES, "\n"]), max_size=12))
def test_whatever_is_seen_is_inside_of_the_text_and_not_empty(words: list[str]):
    text = " ".join(words)
    for _, start, end, _, _ in own.find(text, [(entity, 0.0) for entity in own.ENTITIES]):
        assert 0 <= start < end <= len(text)
