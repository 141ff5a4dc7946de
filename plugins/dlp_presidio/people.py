"""People by what stands before and after them: forms of address, roles, trades, ages, who speaks in a chat."""
# ruff: noqa: E501, ARG001  expressions read best in one piece; all recognizers are asked alike

import re
from collections.abc import Iterator

from dlp.core.finding import Confidence
from dlp_presidio.cues import NAME, PART, UP, WORD, Context, Look, Seen
from dlp_presidio.names import NO_NAME, ROLES, is_none

_ages = (
    re.compile(
        r"(?i)\b(1?\d{1,2})(?:[ -]?(?:years?|yrs?|months?|days?|weeks?)[ -]?(?:old|of[ ]age)|[ ]?y/?o\b|[ ]?yrs?\.?[ ]old)"
    ),
    re.compile(r"(?i)\b(1?\d{1,2}(?:st|nd|rd|th))[ ]birthday"),
    re.compile(
        r"(?i)\b(?:age[ds]?|aged|turn(?:ed|s|ing)?|when[ ](?:he|she|they|i)[ ](?:was|were|is))(?:[ ]of)?[ :]{1,2}(1?\d{1,2})\b(?![:/%$\d]|\.\d|[ ](?:times|percent))"
    ),
    re.compile(
        r"(?i)\b(?:i['\u2019]?m|i[ ]am|(?:he|she)(?:['\u2019]s|[ ]is))[ ](1?\d{1,2})\b(?=[ ]*(?:[.,;!?]|$|and\b|years?\b))"
    ),
)
_HONORIFICS = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Rev|Fr|Hon|Sgt|Capt|Lt|Col|Gen|Sen|Gov|Sir|Madam|Dame|Lord|Lady|Herr|Frau|Doctor)"
_title = re.compile(rf"\b({_HONORIFICS}\.?)[ ]+({NAME})")
_title_small = re.compile(rf"\b((?i:mr|mrs|ms|dr|prof)\.)[ ]+({NAME})")
_JOB = (
    r"(?:manager|director|officer|engineer|consultant|administrator|analyst|developer|designer|specialist|assistant|scientist"
    r"|technician|supervisor|coordinator|advis[eo]r|accountant|teacher|nurse|physician|surgeon|therapist|lawyer|attorney|editor"
    r"|operator|clerk|agent|representative|planner|architect|auditor|broker|buyer|chef|driver|inspector|instructor|investigator"
    r"|librarian|mechanic|pharmacist|pilot|psychologist|researcher|secretary|trader|writer|worker|scholar|president|founder|executive"
    r"|controller|strategist|producer|journalist|biologist|chemist|physicist|geologist|surveyor|economist|statistician|programmer)s?"
)
_job_line = re.compile(
    rf"(?m)^[ \t?>*-]*({WORD}(?:[ ,/&-]+(?:[\w()]+)){{0,5}}?[ ](?i:{_JOB})|(?i:{_JOB})(?:,[ ]\w+(?:[ ]\w+){{0,3}})?)[ \t]*$"
)
_job_after = re.compile(rf"{NAME},[ ](?:the|our|their|a|an)[ ]((?:[\w-]+[ ]){{0,3}}(?:{WORD}|(?i:{_JOB}))),")

_OWN_NAME = (
    r"(?:my|your|his|her|their|our|whose|first|last|full|maiden|middle|given|family|partner['\u2019]s|child['\u2019]s)[ ]"
    r"(?:maiden[ ]|first[ ]|last[ ]|full[ ])?names?(?:[ ](?:is|was|are)|['\u2019]s|\?|:)?"
)
_CUES = (
    r"\bname[ds]?(?:[ ](?:is|was|her|him|it))?(?:['\u2019]s|:|\?)?|\bcall(?:s|ed)?[ ](?:me|him|her)|\bi['\u2019]?m|\bi[ ]am|\bthis[ ]is"
    r"|\bit['\u2019]s|\bdear|\bhello,?|\bhi,?|\bhey,?|\bregards,|\bsincerely,|\bsigned,?|\battn:?|\bc/o|\bsaid|\bsays|\basked|\breplied"
    r"|\btold|\baccording[ ]to|\bmarried[ ]to|\bmet[ ]with|\bspoke[ ](?:to|with)|\btalk(?:ed)?[ ]to|\bspeak[ ](?:to|with)|\bheard"
    r"|\b(?:written|directed|sung|made|painted|founded|played)[ ]by|\bstarring|\bcommenter|\bsongwriter|\bsinger|\bauthor|\bactor"
    r"|\bactress|\bplayer|\bfounders?:?|\bunder|\breviewer|\bcolleague|\bbrother|\bsister|\bmother|\bfather|\bwife|\bhusband"
    r"|\bfriend|\bpartner|\bguardian|\bpatient|\bcustomer"
)
_DOES = r"said|says|asked|replied|lives|lived|told|wrote|thinks|works|worked|spent|spoke|speaks|married|moved"
_closing = r"(?:^|[.!?][ ])(?:cheers|thanks|thank you|many thanks|best|best wishes|kind regards|regards|love|yours)(?:,[ ]|,?\s*\n)\s*"
_people = (
    (_title, 0.85, "name:title"),
    (_title_small, 0.85, "name:title"),
    (re.compile(rf"(?i:\b{_OWN_NAME})[ \n]+({NAME})"), 0.75, "name:cue"),
    (
        re.compile(rf"(?m)^[ \t>*-]*(?:(?:Full|Customer|Patient|Contact)[ ][Nn]|N)ame:[ ]+({NAME})[ \t]*$"),
        0.6,
        "name:cue",
    ),
    (re.compile(rf"(?im:{_closing})({NAME})(?m:(?=[ \t]*$))"), 0.6, "name:closing"),
    (re.compile(rf"(?i:{_CUES})[ \n]+({NAME})"), 0.45, "name:cue"),
    (re.compile(rf"\b({NAME})(?=[ ](?:{_DOES}|has[ ]been)\b)"), 0.45, "name:cue"),
)
_role = re.compile(rf"(?<![\w@./-])([^\W\d_]{{2,}})(:?)[ ]+[\"'(]?({NAME})")
_ROLES = "|".join(sorted(ROLES))
_speaker = re.compile(rf"(?m)^[ \t]*({PART}(?:[ ]{PART}){{0,2}}):[ ]+(\S+(?:[ ]\S+){{2}})?")
_SPEAKER, _TOLD = 0.45, 0.6

_initial = re.compile(r"[^\W\d_a-z]\.").fullmatch


def ages(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give how old somebody is said to be."""
    for expression in _ages:
        for match in expression.finditer(text):
            yield "AGE", *match.span(1), 0.75, "age"


def titles(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give forms of address, and the trade on a line or in an apposition of its own."""
    for match in _title.finditer(text):
        yield "TITLE", *match.span(1), 0.85, "title"
    for match in _title_small.finditer(text):
        yield "TITLE", *match.span(1), 0.85, "title"
    for match in _job_line.finditer(text):
        yield "TITLE", *match.span(1), 0.6, "title:line"
    for match in _job_after.finditer(text):
        yield "TITLE", *match.span(1), 0.6, "title:apposition"


def people(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give capitalised words where a form of address or the words around them promise a person."""
    for expression, score, by in _people:
        for match in expression.finditer(text) if score >= least else ():
            start, end = _named(text, *match.span(match.lastindex or 0))
            if end > start:
                yield "PERSON", start, end, score, by
    for match in _role.finditer(text) if least <= _TOLD else ():
        if match.group(1).lower() in ROLES:
            start, end = _named(text, *match.span(3))
            if end > start:
                yield (
                    "PERSON",
                    start,
                    end,
                    _TOLD if match.group(2) and " " in text[start:end] else _SPEAKER,
                    "name:role",
                )
    if least <= _SPEAKER:
        yield from _speakers(text)


def _speakers(text: str) -> Iterator[Seen]:
    """Give who speaks in a chat: several names before a colon, at least two of them before a sentence."""
    lines = [match for match in _speaker.finditer(text) if not is_none(match.group(1))]
    if len({match.group(1) for match in lines if match.group(2)}) > 1:
        for match in lines:
            yield "PERSON", *match.span(1), _SPEAKER, "name:speaker"


def _named(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without words at its end, or all of it, that are no names."""
    kept = end
    for number, word in enumerate(re.finditer(r"\S+", text[start:end])):
        if word.group().strip(".'\u2019").lower() in NO_NAME and not _initial(word.group()):
            kept = start + word.start() if number else start
            break
    while kept > start and text[kept - 1] in " -'\u2019":
        kept -= 1
    if text[start:kept].endswith(("'s", "\u2019s")):
        kept -= 2
    return start, kept


LOOKS: tuple[Look, ...] = (
    ("AGE.own", r"\d[ -]?[ymdw]|[a-z'\u2019][ :]{1,2}\d{1,3}\b|\d(?:st|nd|rd|th) birthday", Confidence.MEDIUM),
    ("TITLE.own", rf"{_HONORIFICS}\.? [^\W\d_]|{_JOB}|, (?:the|our|their|an?) ", Confidence.HIGH),
    (
        "PERSON.own",
        rf"\b(?:{_HONORIFICS}\.?|(?i:mr|mrs|ms|dr|prof)\.|(?i:{_OWN_NAME})|[Nn]ame:)[ \n]+\w|\b(?i:{_ROLES}):[ ]+[\"'(]?{UP}|(?i:cheers|thanks|you|best|wishes|regards|love|yours)(?:,|[ ]?\n)\s{{1,3}}{UP}",
        Confidence.HIGH,
    ),
    (
        "PERSON.own-weak",
        rf"(?:{_CUES})[ \n]\w|\b(?:{_ROLES})[ ]+[\"'(]?\w|\w (?:{_DOES}|has been)\b|\w: \w",
        Confidence.LOW,
    ),
)
