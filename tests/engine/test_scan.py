import re
import sys
import unicodedata
from pathlib import Path

import hyperscan
import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlp.core.message import Part
from dlp.core.ports import Hit, Pattern
from dlp.engine import scan as subject
from dlp.engine.scan import Scanner

# ruff: noqa: RUF001
ODDITIES = [
    "é",
    "ß",
    "ſ",
    "K",
    "İ",
    "ı",
    "²",
    "½",
    "e\u0301",
    "\u200d",
    "😀",
    "🫠",
    "١",
    "𐴰",
    "\x1c",
    "\u180e",
    "Ⓐ",
    "ა",
    "ܐ",
]
WORDS = ["123456789", "12-34", "a@b.co", "key=1", "K9", "s s", "_", "-", " ", "\n", "x", "٣٤٥", "日本", "\ud800", ""]
texts = st.lists(st.sampled_from(ODDITIES + WORDS) | st.text(max_size=4), max_size=8).map("".join)

EXPRESSIONS = [
    Pattern("digits", r"\b\d{2,9}\b"),
    Pattern("word", r"\b\w+@\w+\.\w{2}\b"),
    Pattern("space", r"\w\s\w"),
    Pattern("not", r"[^\W\d_]\S"),
    Pattern("folded", r"[a-z]{2}k|s+", ignore_case=True),
    Pattern("behind", r"(?<![A-Z0-9])[A-Z]\d(?!\d)"),
    Pattern("negative", r"(?<!x)12(?!x)|1(?=2)"),
    Pattern("again", r"(\w)\1"),
    Pattern("lazy", r"a.*?b|1.+?4"),
    Pattern("open", r"x{,2}-"),
    Pattern("unicode", "\u65e5\\u672c|\\x41|[\u0660-\u0669]{2}"),
    Pattern("cased", "\u00e9x|\u10d0", ignore_case=True),
    Pattern("anchored", r"^1|4$|\Ax|y\Z"),
    Pattern("class", r"[a[:x]\d"),
    Pattern("empty", r"\d*"),
    Pattern("named", r"(?P<n>\d)-(?P=n)?"),
    Pattern("atomic", r"(?>\d+)-|\d++x"),
    Pattern("inline", r"(?i:KEY)=\d"),
]
COMPILED = {one.name: re.compile(one.expression, re.IGNORECASE if one.ignore_case else 0) for one in EXPRESSIONS}
SCANNER = Scanner({"p": EXPRESSIONS})
SEEN = [one for one in EXPRESSIONS if one.name not in ("anchored", "empty", "class", "cased")]
SURFACES = Scanner({"p": SEEN})


def parts_of(*given_texts: str) -> list[Part]:
    return [Part(f"/{number}", text) for number, text in enumerate(given_texts)]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400, deadline=None)
@given(st.lists(texts, max_size=4), st.booleans())
def test_what_re_matches_in_a_part_is_never_missed(given_texts: list[str], ends: bool):  # noqa: FBT001
    parts = parts_of(*given_texts)
    with pytest.MonkeyPatch.context() as patch:
        if ends:
            patch.setattr(subject, "SHORT", 0)
        hits = {(hit.part, hit.pattern, hit.end) for hit in SCANNER.hits(parts).get("p", [])}
    for number, text in enumerate(given_texts):
        for name, expression in COMPILED.items():
            for match in expression.finditer(text):
                if match.group():
                    assert {(number, name, match.end()), (number, name, -1)} & hits


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200, deadline=None)
@given(st.lists(texts, max_size=3))
def test_a_surface_in_which_nothing_is_seen_has_no_match_in_any_part(given_texts: list[str]):
    given_texts = [text for text in given_texts if "\ud800" not in text and '"' not in text and "\\" not in text]
    surface = ('{"k":"' + '","'.join(given_texts) + '"}').encode()
    if not SURFACES.scan(surface):
        assert not any(COMPILED[one.name].search(text) for one in SEEN for text in given_texts)


LIFTED = [
    *(one for one in SEEN if one.name != "digits"),
    Pattern("digits", r"\b\d{2,9}\b", alone=None, lifted_by=("lifts", "word")),
    Pattern("grouped", r"\b(?:\d{2}-){1,3}\d|[0-9](?i:a|b)|(?>[0-9])x", alone=None, lifted_by=("lifts",)),
    Pattern("lifts", "s s", alone=None),
]
ENOUGH: list[set[str]] = [set(), {"word", "behind"}, {"again", "lazy", "space"}]
LIFTING = [Scanner({"p": LIFTED}, enough=lambda pattern, names=names: pattern.name in names) for names in ENOUGH]
ASCII = [each for each in (*ODDITIES, *WORDS) if each.isascii()]
plainly_written = st.lists(st.sampled_from(ASCII) | st.characters(max_codepoint=127), max_size=8).map("".join)
NARROW = [Scanner({"p": LIFTED}, enough=lambda pattern, names=names: pattern.name in names) for names in ENOUGH]
for _each in NARROW:
    _each.narrow()
filled = st.lists(texts | st.integers(1, 300).map(lambda count: "w " * count), max_size=6).map("".join)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400, deadline=None)
@given(filled, st.sampled_from(LIFTING))
def test_a_large_text_is_looked_through_faster_with_the_same_answer(text: str, scanner: Scanner):
    if "\ud800" in text:
        return
    plainly = scanner.scan(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subject, "_GLANCED_FROM", -1)
        assert scanner.scan(text.encode()) >= plainly
        if text.isascii():
            assert scanner.scan(text.encode()) == plainly


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=400, deadline=None)
@given(filled | plainly_written, st.sampled_from(range(len(LIFTING))))
def test_a_short_text_is_looked_through_faster_with_the_same_answer(text: str, number: int):
    if "\ud800" not in text:
        assert NARROW[number].scan(text.encode()) == LIFTING[number].scan(text.encode())


def test_no_sign_of_ascii_is_overlooked_where_a_short_text_is_looked_through_faster():
    for number, scanner in enumerate(NARROW):
        for sign in map(chr, range(128)):
            for text in (sign, f"w{sign}w", f"1{sign}1"):
                assert scanner.scan(text.encode()) == LIFTING[number].scan(text.encode())


def test_what_is_looked_for_most_quickly_may_hold_no_pattern_with_a_digit_and_is_kept(tmp_path: Path):
    scanner = Scanner({"p": [Pattern("x", "x"), Pattern("never", "y", alone=None)]}, tmp_path)
    scanner.narrow()
    assert scanner.scan(b"1 x")
    assert not scanner.scan(b"1 y")
    kept = sorted(tmp_path.iterdir())
    Scanner({"p": [Pattern("x", "x"), Pattern("never", "y", alone=None)]}, tmp_path).narrow()
    assert sorted(tmp_path.iterdir()) == kept


def test_what_does_not_compile_without_the_others_is_looked_for_with_them(monkeypatch: pytest.MonkeyPatch):
    scanner = Scanner({"p": [Pattern("x", "x"), Pattern("y", "y1")]})
    monkeypatch.setattr(subject, "_database", lambda *_: (SCANNER._compiled.once(b""), frozenset()))
    scanner.narrow()
    monkeypatch.undo()
    assert scanner.scan(b"x")
    assert scanner.scan(b"y1")


def test_no_digit_of_any_script_is_overlooked_in_a_large_text():
    digits = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Nd"]
    assert len(digits) > 600
    assert all(each.encode()[0] in {byte for byte, is_one in enumerate(subject._DIGITS) if is_one} for each in digits)


@pytest.mark.parametrize("expression", [r"\d", "[0-9]x", "1|[2-4]", r"x?(?P<n>\d){1,40}", r"a{2}(?:b|cd)\d", r"(?>\d)"])
def test_an_expression_is_known_to_need_a_digit(expression: str):
    assert subject._is_near_digits(Pattern("p", expression))


@pytest.mark.parametrize(
    "expression",
    ["x", "[^0-9]", r"\D", r"[\da]", "[0-9a-f]", r"(?:1|a)", r"\d*x", r"(?=1)x", r"(?<!\d)x", r"\d+", ".1{60}", "("],
)
def test_an_expression_may_match_without_a_digit_or_far_from_it(expression: str):
    assert not subject._is_near_digits(Pattern("p", expression))


def test_hyperscan_and_python_agree_on_all_of_unicode_but_the_odd_characters():
    points = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000 and code != 0x0A]
    text = "\n".join(map(chr, points))
    surface = text.encode()
    ends = {}
    offset = 0
    for code in points:
        offset += len(chr(code).encode())
        ends[offset] = code
        offset += 1

    def seen(expression: str, flags: int = 0) -> set[int]:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(expressions=[expression.encode()], ids=[0], flags=[flags | subject._FLAGS | subject._UNICODE])
        found: set[int] = set()
        database.scan(surface, match_event_handler=lambda _i, _f, end, _g, _c: found.add(ends.get(end, -1)))
        return found - {-1}

    odd = {code for code in seen(subject._ODD) if subject._matters(chr(code))}
    for expression, module_flags, flags in [
        (r"\d", 0, 0),
        (r"\w", 0, 0),
        (r"\s", 0, 0),
        ("[a-z]", re.IGNORECASE, hyperscan.HS_FLAG_CASELESS),
    ]:
        ours = seen(expression, flags)
        for module in (re, regex):
            found = (match.start() for match in module.finditer(expression, text, module_flags))
            theirs = {ord(text[place]) for place in found if place % 2 == 0}
            assert (ours ^ theirs) <= odd
    assert not odd & set(range(0x1C))
    assert not odd & set(range(0x20, 0x80))
    assert not odd & set(range(0xC0, 0x130))  # ordinary Western text is scanned at full speed


@pytest.fixture
def every_text_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SHORT", 0)


def test_hyperscan_and_python_agree_on_ascii_without_unicodes_tables():
    characters = [chr(code) for code in range(128)]
    scanner = Scanner({"p": [Pattern(one, rf"\{one}|\{one}\{one}") for one in "dwsDWS"]})
    for character in characters:
        hits = {hit.pattern for hit in scanner.hits(parts_of(character)).get("p", [])}
        assert {one for one in "dwsDWS" if re.search(rf"\{one}", character)} <= hits


@pytest.mark.usefixtures("every_text_is_long")
def test_ends_are_counted_in_code_points():
    scanner = Scanner({"p": [Pattern("x", "x")]})
    assert scanner.hits(parts_of("", "aéx", "日本x x")) == {"p": [Hit(1, "x", 3), Hit(2, "x", 3), Hit(2, "x", 5)]}


def test_in_a_short_text_a_pattern_is_named_once_and_without_an_end():
    scanner = Scanner({"p": [Pattern("x", "x"), Pattern("y", "y")]})
    assert scanner.hits(parts_of("xyx", "é", "xyx")) == {
        "p": [Hit(0, "x", -1), Hit(0, "y", -1), Hit(2, "x", -1), Hit(2, "y", -1)]
    }


@pytest.mark.usefixtures("every_text_is_long")
def test_an_end_that_hyperscan_reports_inside_a_character_counts_as_the_characters_end():
    scanner = Scanner({"p": [Pattern("x", r"\b4\d{3}(?!9)\b")]})
    assert {hit.end for hit in scanner.hits(parts_of("400\u0660"))["p"]} == {4}


def test_nothing_matches_across_two_parts():
    scanner = Scanner({"p": [Pattern("x", r"1\s?2")]})
    assert scanner.hits(parts_of("1", "2")) == {}


def test_a_text_that_has_no_utf8_may_match_everything():
    scanner = Scanner({"p": [Pattern("x", "x")], "q": [Pattern("y", "y")]})
    assert scanner.hits(parts_of("a\ud800", "x")) == {"p": [Hit(0, "x", -1), Hit(1, "x", -1)], "q": [Hit(0, "y", -1)]}


def test_a_letter_that_hyperscan_does_not_know_lets_everything_match_and_a_new_emoji_does_not():
    scanner = Scanner({"p": [Pattern("x", "x")]})
    assert scanner.hits(parts_of("\U00010d30")) == {"p": [Hit(0, "x", -1)]}
    assert scanner.hits(parts_of("\U0001fae0")) == {}
    assert scanner.scan("\U0001fae0".encode())


@pytest.mark.parametrize("expression", ["^x", "x$", r"\Ax", r"x\Z", "", "x*", "(", r"\N{BULLET}", "[[:x]", "(?a:x)"])
def test_what_no_scan_can_answer_may_match_anywhere(expression: str):
    scanner = Scanner({"p": [Pattern("x", expression)]})
    assert scanner.always
    assert scanner.scan(b"")
    assert scanner.hits(parts_of("a", "")) == {"p": [Hit(0, "x", -1)]}


def test_a_pattern_that_is_no_reason_by_itself_needs_one_that_lifts_it():
    weak = Pattern("weak", r"\d{9}", alone=None, lifted_by=("context",))
    context = Pattern("context", "ssn", ignore_case=True, alone=None)
    scanner = Scanner({"p": [weak, context], "q": [Pattern("strong", "!")]})
    assert not scanner.scan(b"123456789")
    assert not scanner.scan(b"SSN")
    assert scanner.scan(b"123456789 SSN")
    assert scanner.scan(b"SSN 123456789")
    assert scanner.scan(b"!")
    assert not scanner.scan(b"")


def test_who_builds_the_scanner_says_what_is_enough():
    scanner = Scanner({"p": [Pattern("x", "x"), Pattern("y", "y")]}, enough=lambda pattern: pattern.name == "y")
    assert not scanner.scan(b"x")
    assert scanner.scan(b"y")


def test_a_pattern_that_may_match_anywhere_can_lift_another():
    scanner = Scanner({"p": [Pattern("x", "x", alone=None, lifted_by=("any",)), Pattern("any", "", alone=None)]})
    assert not scanner.always
    assert scanner.scan(b"x")
    assert not scanner.scan(b"y")


def test_a_pattern_can_be_looked_for_in_names_alone():
    scanner = Scanner({"p": [Pattern("n", "pass", in_name=True), Pattern("t", "abc")]})
    parts = [Part("/a", "abc pass", name="a"), Part("/pass", "x", name="passé"), Part("/p", "", name="pass")]
    assert scanner.hits(parts) == {"p": [Hit(0, "t", -1), Hit(1, "n", -1)]}
    assert scanner.hits([Part("/a", "x", name="\ud800")]) == {"p": [Hit(0, "n", -1)]}
    anywhere = Scanner({"p": [Pattern("n", "^p", in_name=True)]})
    assert anywhere.hits([Part("/a", "x", name="a"), Part("/", "x")]) == {"p": [Hit(0, "n", -1)]}


def test_a_slow_pattern_makes_the_scanner_say_so():
    assert Scanner({"p": [Pattern("x", "x", slow=True)]}).slow
    assert not Scanner({"p": [Pattern("x", "x")]}).slow
    assert Scanner({}).hits(parts_of("x")) == {}


def test_the_database_is_kept_and_read_again(tmp_path: Path):
    patterns = {"p": [Pattern("x", "x+y")]}
    Scanner(patterns, tmp_path / "cache")
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()}
    again = Scanner(patterns, tmp_path / "cache")
    assert again.hits(parts_of("xxy")) == {"p": [Hit(0, "x", -1)]}
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()} == kept
    Scanner({"p": [Pattern("x", "x+z")]}, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2 * len(kept)


def test_what_nobody_asks_for_is_compiled_and_not_reported(tmp_path: Path):
    patterns = {"p": [Pattern("x", "x"), Pattern("y", "y"), Pattern("any", ""), Pattern("n", "n", in_name=True)]}
    only_x = Scanner(patterns, tmp_path, wanted=lambda pattern: pattern.name == "x")
    kept = sorted(tmp_path.iterdir())
    assert not only_x.always
    assert only_x.scan(b"x")
    assert not only_x.scan(b"y")
    assert only_x.hits([Part("/n", "xy", name="n"), Part("/n", "y\ud800", name="n")]) == {
        "p": [Hit(0, "x", -1), Hit(1, "x", -1)]
    }
    assert Scanner(patterns, tmp_path, wanted=lambda pattern: pattern.name == "y").scan(b"y")
    assert sorted(tmp_path.iterdir()) == kept


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 4096])
def test_a_damaged_database_is_built_anew(tmp_path: Path, damage: bytes):
    patterns = {"p": [Pattern("x", "x+y")]}
    Scanner(patterns, tmp_path)
    whole = {file: file.read_bytes()[32:40] for file in tmp_path.iterdir()}
    for file in whole:
        file.write_bytes(damage)
    assert Scanner(patterns, tmp_path).scan(b"xy")
    assert {file: file.read_bytes()[32:40] for file in tmp_path.iterdir()} == whole


def test_a_database_of_another_build_is_built_anew(tmp_path: Path):
    wanted = [(0, "x+y", subject._FLAGS)]
    subject._database(wanted, 0, tmp_path)
    (kept,) = tmp_path.iterdir()
    content = kept.read_bytes()[32:40] + b"\0" * 8 + b"no database"
    kept.write_bytes(subject.hashlib.sha256(subject._digest(wanted) + content).digest() + content)
    database, numbers = subject._database(wanted, 0, tmp_path)
    assert numbers == {0}
    assert database.size() > 0


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert Scanner({"p": [Pattern("x", "x")]}, tmp_path / "file" / "cache").scan(b"x")


def test_short_texts_in_which_nothing_matched_are_remembered_and_others_are_not_taken_for_them():
    scanner = Scanner({"p": [Pattern("digits", r"\d{4}")]})
    for number in range(20_000):
        parts = [Part("", f"n{number % 10_000:05}"), Part("", "open")]
        assert scanner.hits(parts) == {"p": [Hit(0, "digits", -1)]}
        assert scanner.hits([Part("", f"s{number}-{number % 7}"[:4])]) == {}
