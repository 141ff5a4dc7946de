"""What a language model said, put right: ends trimmed, lines parted, times that tell nobody's date left out."""

import re
from collections.abc import Iterable, Sequence

from dlp_presidio.machine import is_odd_there
from dlp_presidio.names import begins_with_role, grown, is_field, is_none, trimmed
from dlp_presidio.places import GROUP

type Span = tuple[str, int, int, float]

_EDGES = " \t\n,.;:!?\"'()[]{}<>#*-\u2013\u2014\u201c\u201d\u2018\u2019|/\\"
UNLIKELY = 0.4
"""The score of a name that looks odd: of low confidence."""

_LONG = 4  # shorter words are abbreviations in any mix of cases
_title = re.compile(r"(?i)(?:mr|mrs|ms|miss|mx|dr|prof|rev|hon|sgt|capt|lt|col|gen|sir|madam)\.?[ ]+(?=\S)")
_article = re.compile(r"(?i)(?:the|a|an)[ ]+(?=\S)")
_date = re.compile(
    r"(?i)\b(?:1[6-9]|20)\d\d\b(?!s)|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d\d"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ ]+\d|\d(?:st|nd|rd|th)?[ ]+(?:of[ ]+)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
)
_owned = re.compile(r"['\u2019]s[ ]")
_code = re.compile(r"[A-Z]{1,4}[ -]?\d[\d/.-]*|\w*[^\W\d_]\d\w*|[a-z]{1,3}").fullmatch
_initialled = re.compile(r"[^\W\d_a-z]\.[ ][^\W\d_]").match
_pieces = re.compile(r"(?:[^\n\t(]|(?<! )\(|\([^\n\t()]*\))+|\([^\n\t(]+").finditer
_after_date = re.compile(r"[ ]\w*[\[\]{}<>=]")
_counted = re.compile(r"\d[ \u00a0]").search
_weekday = re.compile(r"(?i)(?:on[ ]+)?((?:mon|tues|wednes|thurs|fri|satur|sun)day)s?")
_trade = re.compile(r"\w(?:er|or|ist|ian|ant|yst|tary|man|woman)s?$")
_direction = re.compile(r"(?i)(?:south|north|east|west|central)(?:ern)?[ ]+(?=\S)")
_upper = re.compile(r"[^\W\d_a-z]")
_no_firm = re.compile(r"://|[=<>{}\[\]|\\~`]|\A[^\W\d_A-Z]{1,4}\Z|\A[^\W\d_A-Z]/[^\W\d_A-Z]\Z").search
_impossible = re.compile(r"://|[=<>{}\[\]_|\\@#$%^*+~`;\"]|\w[(]|\w{26}|[\u3400-\u9fff]{8}").search
_humps = re.compile(
    r"(?:Mc|Mac|O['\u2019]|D['\u2019]|De|Di|Da|Du|La|Le|Lo|Van|Von|Fitz|Al|El|St|Ten|Ter)?[^\W\d_][^\W\d_A-Z]*"
).fullmatch
_before_code = re.compile(r"[\w)\]]\.|[@#$\\/_~]").fullmatch
_after_code = re.compile(r"[(\[_=@\\{]|\.[^\W\d_]|::|/\w|->").match
_THINGS = frozenset(
    """
    iban ssn atm pin url api json xml html csv sql http https id ip zip vat usa card credit debit visa mastercard phone fax
    mobile desk email e-mail mail website address date name title note notes subject re fwd info personal cc bcc number account
    monday tuesday wednesday thursday friday saturday sunday hello hi hey dear thanks thank please sorry mr mrs ms dr sir
    """.split()
)


def refined(
    text: str,
    spans: Iterable[Span],
    within: Sequence[tuple[int, int]] = (),
    formats: Sequence[tuple[int, int]] = (),
) -> list[Span]:
    """Return the model's spans with their ends put right, and the same names where they stand again.

    What lies `within` an address is part of it: a street called after somebody is nobody. What has one of the `formats`
    of numbers and addresses that leave no doubt is no part of a name either.
    """
    kept: list[Span] = []
    for entity, start, end, score in [piece for span in spans for piece in _without(span, formats)]:
        for number, (first, last) in enumerate(_lines(text, start, end)):
            if number and text[last : last + 1] == ":":
                continue  # the name of the next field
            if number and entity in ("PERSON", "ORGANIZATION"):
                # A signature: the name, then what the person does, then where.
                trade = _trade.search(text, first, last)
                kept.append(
                    ("TITLE" if trade else "ORGANIZATION" if entity == "PERSON" else "LOCATION", first, last, 0.4)
                )
                continue
            if entity == "ORGANIZATION" and (group := GROUP.match(text, first, last)) and group.end() < last:
                kept.append(("NRP", *group.span(), 0.6))
            if one := _judged(text, entity, first, last, score):
                kept.append(one)
    kept = [one for one in kept if not any(start <= one[1] and one[2] <= end for start, end in within)]
    kept = _whole(text, kept, within)
    return kept + _repeated(text, kept)


def _whole(text: str, spans: Sequence[Span], within: Sequence[tuple[int, int]]) -> list[Span]:
    """Return the spans with people's names grown to all of their words, and each name once."""
    others = [*within, *((start, end) for entity, start, end, _ in spans if entity != "PERSON")]
    found: list[Span] = []
    for entity, start, end, score in spans:
        if entity == "PERSON":
            start, end = grown(text, start, end, others)  # noqa: PLW2901  the same, whole
            if any(one[0] == "PERSON" and one[1] <= start and end <= one[2] for one in found):
                continue
        found.append((entity, start, end, score))
    return found


def _without(span: Span, formats: Sequence[tuple[int, int]]) -> Iterable[Span]:
    """Give what is left of a span before, between and after the formats in it."""
    entity, start, end, score = span
    for first, last in sorted(formats):
        if first < end and start < last:
            if start < first:
                yield entity, start, first, score
            start = last
    if start < end:
        yield entity, start, end, score


def _lines(text: str, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Give the pieces of a span that stand on one line each, without punctuation and articles at their edges."""
    for piece in _pieces(text[start:end]):
        first, last = start + piece.start(), start + piece.end()
        while first < last and text[first] in _EDGES:
            first += 1
        while first < last and text[last - 1] in _EDGES and not (text[last - 1] == ")" and "(" in text[first:last]):
            last -= 1
        if text[first:last].lower().endswith(("'s", "\u2019s")):
            last -= 2
        if last > first:
            yield first, last


def _judged(text: str, entity: str, start: int, end: int, score: float) -> Span | None:
    shown = text[start:end]
    if entity == "DATE_TIME":
        return _dated(shown, start, end, score)
    if entity == "ORGANIZATION" and (begins_with_role(shown) or _initialled(shown)):
        entity, end = "PERSON", start + len(shown.partition(" from ")[0])
    if entity == "PERSON":
        start, end = _bare(text, start, end)
        if is_field(text, start, end):
            return None
        if is_none(text[start:end]):
            score = min(score, UNLIKELY)
    else:
        entity, start = _placed(text, entity, start, end)
    shown = text[start:end]
    if shown.lower() in _THINGS or not any(map(str.isalpha, shown)) or _is_code(text, entity, start, end):
        return None
    score = _likely(text, entity, start, end, score)
    if entity in ("PERSON", "ORGANIZATION") and any(map(str.isdigit, shown)):
        score = min(score, UNLIKELY)
    if entity == "ORGANIZATION":
        score = max(score, 0.4)  # Presidio's default drops them all; as a guess of low confidence they are of use
    return (entity, start, end, score) if score else None


def _dated(shown: str, start: int, end: int, score: float) -> Span | None:
    if weekday := _weekday.fullmatch(shown):
        return "DATE_TIME", start + weekday.start(1), start + weekday.end(1), score
    if cut := _after_date.search(shown):
        shown, end = shown[: cut.start()], start + cut.start()
    return ("DATE_TIME", start, end, score) if _date.search(shown) else None


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a person's span without labels, greetings, roles and titles before it, and without what is theirs."""
    start = trimmed(text, start, end)
    if title := _title.match(text, start, end):
        start = title.end()
    owned = _owned.search(text, start, end)
    return start, owned.start() if owned else end


def _placed(text: str, entity: str, start: int, end: int) -> tuple[str, int]:
    """Return what a place, a group or an organisation is, and where it begins: without an article, or a direction."""
    if article := _article.match(text, start, end):
        start = article.end()
    if entity != "LOCATION":
        return entity, start
    if (direction := _direction.match(text, start, end)) and "ern" in direction.group().lower():
        start = direction.end()
    if text[max(0, start - 3) : start].lower() == "at " and text[end : end + 4] == " in ":
        return "ORGANIZATION", start  # at a firm in a town
    return entity, start


def _is_code(text: str, entity: str, start: int, end: int) -> bool:
    """Say whether a span is a code, a unit after a number, or a piece of a line that no firm is written with."""
    shown = text[start:end]
    if entity == "LOCATION":
        return end - start < _LONG and _counted(text[max(0, start - 2) : start]) is not None
    return bool(_code(shown)) or (entity == "ORGANIZATION" and _no_firm(shown) is not None)


def _likely(text: str, entity: str, start: int, end: int, score: float) -> float:
    """Return the score of what the model took for a name: none where it cannot be one, a low one where it looks odd."""
    shown = text[start:end]
    if entity not in ("PERSON", "NRP", "LOCATION"):
        return score
    if _impossible(shown):
        return 0.0
    if is_odd_there(text, start, end, is_place=entity == "LOCATION") or not _is_written_as_names_are(text, start, end):
        return min(score, UNLIKELY)
    return score


def _is_written_as_names_are(text: str, start: int, end: int) -> bool:
    """Say whether a span has a capital, no humps (camelCase), and stands where words stand: most of code does not."""
    if _after_code(text, end) or _before_code(text[max(0, start - 2) : start]) or _before_code(text[start - 1 : start]):
        return False
    shown = text[start:end]
    if not _upper.search(shown):
        return False
    words = (word.strip(".,'\u2019()") for part in shown.split() for word in part.split("-"))
    return all(len(word) < _LONG or word.isupper() or not word.isascii() or _humps(word) for word in words)


def _repeated(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return where the words of names that were seen stand again by themselves: `Anna Smith`, later `Smith`."""
    taken = [(start, end) for _, start, end, _ in spans]
    found: list[Span] = []
    for _, start, end, score in [one for one in spans if one[0] == "PERSON"]:
        for word in re.findall(r"[^\W\d_][\w'\u2019\-]{2,}", text[start:end]):
            if not _upper.match(word) or word.lower() in _THINGS:
                continue
            for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                if not any(first < match.end() and match.start() < last for first, last in taken):
                    taken.append(match.span())
                    found.append(("PERSON", *match.span(), score))
    return found
