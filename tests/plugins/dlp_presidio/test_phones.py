import random

from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from dlp_presidio.phones import phone_spans

VANILLA = PhoneRecognizer()


def ours(text: str) -> list[tuple[int, int]]:
    return phone_spans(text, VANILLA.supported_regions, VANILLA.leniency)


def test_candidate_by_candidate_gives_what_region_by_region_gives():
    numbers = random.Random(3)  # noqa: S311  not for secrets

    def digits(count: int) -> str:
        return "".join(numbers.choice("0123456789") for _ in range(count))

    for _ in range(300):
        pieces = [
            digits(numbers.randrange(1, 22)),
            f"+{digits(2)} {digits(3)} {digits(4)} {digits(numbers.randrange(2, 5))}",
            f"({digits(3)}) {digits(3)}-{digits(4)}",
            f"{digits(4)}-{digits(2)}-{digits(2)}",
            f"0{digits(numbers.randrange(2, 5))} {digits(numbers.randrange(3, 9))}",
            f"{digits(3)}.{digits(3)}.{digits(4)} x{digits(3)}",
            f"00{digits(numbers.randrange(8, 14))}",
            f"{digits(2)}/{digits(2)}/{digits(4)} {digits(2)}:{digits(2)}",
            " ".join(digits(numbers.randrange(1, 5)) for _ in range(numbers.randrange(2, 9))),
            numbers.choice(["tel ", "a", "€", "/", " / ", " ext. 12", "#", "(", "]", "\n", "é", "~5"]),
        ]
        text = "".join(
            numbers.choice(pieces) + numbers.choice(["", " ", "  ", ",", "-", "; "])
            for _ in range(numbers.randrange(1, 7))
        )
        assert ours(text) == sorted({(one.start, one.end) for one in VANILLA.analyze(text, ["PHONE_NUMBER"])}), text


def test_a_long_run_of_what_is_no_number_does_not_end_the_search():
    text = "7-7 \n" * 70_000 + "+1 212 555 0142"
    assert ours(text)[-1] == (350_000, len(text))
