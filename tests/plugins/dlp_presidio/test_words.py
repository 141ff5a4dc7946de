import pytest

from dlp_presidio.words import context_words, person_score


def test_keys_are_split_into_words():
    assert context_words("homePhone", "/a/0/homePhone") == ("a", "home", "phone")
    assert context_words("SSNNumber_old", "") == ("ssn", "number", "old")
    assert context_words("x-api-key", "header/x-api-key") == ("header", "x", "api", "key")


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("name", "/name", "Maria Gonzalez"),
        ("full_name", "/full_name", "María José de la Cruz"),
        ("firstName", "/firstName", "Maria"),
        ("employee", "/employee", "Jean-Luc O'Neill"),
        ("name", "/employees/0/name", "Wei"),
        ("reviewers", "/reviewers/1", "A. Smith"),
        ("surname", "/surname", "van der Berg"),
        ("customer_name", "/customer_name", "Gonzalez, Maria"),
        ("name", "/0/name", "Łukasz Żak"),
    ],
)
def test_a_leaf_of_capitalised_words_under_a_key_for_people_is_a_name(name: str, path: str, text: str):
    assert person_score(name, path, text) >= 0.5


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("company_name", "/company_name", "Acme Widgets"),
        ("hostname", "/hostname", "Server One"),
        ("filename", "/filename", "Report"),
        ("title", "/title", "Maria Gonzalez"),
        ("name", "/name", "blue widget"),
        ("name", "/name", "Item 4"),
        ("name", "/name", "SKU"),
        ("status", "/employee/status", "Active"),
        (
            "name",
            "/name",
            "Maria wrote a long letter to her brother about everything that happened in the spring of that year",
        ),
        ("", "", "Maria Gonzalez"),
    ],
)
def test_other_leaves_and_other_keys_are_not(name: str, path: str, text: str):
    assert person_score(name, path, text) < 0.5
