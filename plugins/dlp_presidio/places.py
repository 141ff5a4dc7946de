"""Places, groups and organisations by what is said of them, and dates with their time of day."""
# ruff: noqa: E501, ARG001  expressions read best in one piece; all recognizers are asked alike

import re
from collections.abc import Iterator

from dlp.core.finding import Confidence
from dlp_presidio.cues import BRACKET, PARTICLE, UP, WORD, Context, Look, Seen
from dlp_presidio.gazetteer import COUNTRIES, DEMONYMS
from dlp_presidio.names import NO_NAME

_LEGAL = (
    r"(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Co|Company|GmbH|AG|KG|SE|S\.?A|S\.?p\.?A|S\.?r\.?l|B\.?V|N\.?V|PLC|plc|LLP|LP"
    r"|Oy|AB|AS|ApS|A/S|Kft|Zrt|s\.r\.o|Pty|Group|Holdings?|Partners|Associates|Industries|Enterprises|Technologies|Systems"
    r"|Solutions|Services|Labs?|Software|Consulting|Ventures|Capital|Investments?|Insurance|Pharmaceuticals|Motors|Airlines"
    r"|University|College|Institute|Hospital|Clinic|Foundation|Bank|Sons)"
)
_organisations = (
    (re.compile(rf"\b({WORD}(?:,?[ ](?:&|and|of|{WORD})){{0,4}}[ ]{_LEGAL}\b\.?)"), 0.6, "legal form"),
    (
        re.compile(
            rf"\b({WORD}(?:-{WORD})?,[ ]{WORD}(?:-{WORD})?[ ]and[ ]{WORD}(?:-{WORD})?)(?=[ ]*(?:[.,;!?\n]|$|in\b|is\b|has\b))"
        ),
        0.4,
        "partners",
    ),
    (
        re.compile(
            rf"\b(?i:work(?:s|ed|ing)?[ ](?:for|at)|employed[ ](?:by|at)|office[ ]of|hired[ ]by|ceo[ ]of|founder[ ]of|joined|acquired[ ]by)[ ](?:the[ ])?({WORD}(?:[ ](?:&[ ]|and[ ]|of[ ])?{WORD}){{0,3}}(?:,?[ ]{_LEGAL}\b\.?)?)"
        ),
        0.55,
        "employer",
    ),
    (
        re.compile(
            rf"\b(?i:the)[ ]({WORD}(?:[ -]{WORD}){{0,3}})(?=[ ](?i:office|headquarters|team|board|orchestra|corporation)\b)"
        ),
        0.4,
        "office",
    ),
)

_AT_HOME = (
    r"\b(?:liv(?:e|es|ed|ing)[ ]in|born[ ]in|moved[ ](?:here[ ]|there[ ]|back[ ])?(?:to|from)|(?:is|am|are|originally|comes?)[ ]from"
    r"|reside[sd]?[ ]in|residing[ ]in|grew[ ]up[ ]in)"
)
_GOING = (
    r"\b(?:based[ ]in|travel\w*[ ]to|fl(?:y|ew|ying)[ ]to|trip[ ]to|visit(?:ed|ing)?|arrived[ ](?:at|in)|return(?:ed)?[ ]to"
    r"|go(?:ing)?[ ]to|located[ ]in|city[ ]of|town[ ]of|headquartered[ ]in)"
)
_place = rf"({UP}[\w-]*(?:[ ](?:{PARTICLE}[ ])?{UP}[\w-]*){{0,2}}{BRACKET})(?!['\u2019\w])"
_places = (
    (re.compile(rf"(?i:{_AT_HOME})[ ](?:the[ ])?{_place}"), 0.55),
    (re.compile(rf"(?i:{_GOING})[ ](?:the[ ])?{_place}"), 0.45),
    (re.compile(rf"\b(?:in|from|near|outside)[ ](?:the[ ])?{_place}"), 0.4),
)
_country = re.compile(rf"\b(?:{'|'.join(COUNTRIES)})\b")
GROUP = re.compile(rf"\b(?:{'|'.join(DEMONYMS)})s?\b")
_group_small = re.compile(rf"(?i)\b(?:i['\u2019]?m|am|is|are|was|were|born)[ ](?:an?[ ])?({'|'.join(DEMONYMS)})\b")
_moment = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4},?[ ]\d{1,2}:\d{2}(?::\d{2})?(?:[ ]?[AaPp][Mm])?"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?[ ]\d{1,2}(?:st|nd|rd|th)?,?[ ]\d{4}"
    r"|\d{1,2}(?:st|nd|rd|th)?[ ](?:of[ ])?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?,?[ ]\d{4})\b"
)


def organisations(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give what has a legal form, and what somebody is said to work for."""
    for expression, score, name in _organisations:
        for match in expression.finditer(text) if score >= least else ():
            start, end = match.span(1)
            if text[start:end].split(maxsplit=1)[0].lower() not in NO_NAME:
                yield "ORGANIZATION", start, end, score, f"organisation:{name}"


def places(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give capitalised words where one is said to live, to travel, to be."""
    for match in _country.finditer(text):
        yield "LOCATION", *match.span(), 0.45, "place:country"
    for expression, score in _places:
        for match in expression.finditer(text) if score >= least else ():
            start, end = match.span(1)
            if text[start:end].split(maxsplit=1)[0].lower() not in NO_NAME:
                yield "LOCATION", start, end, score, "place:cue"


def groups(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give nationalities."""
    for match in GROUP.finditer(text):
        yield "NRP", *match.span(), 0.45, "group"
    for match in _group_small.finditer(text):
        yield "NRP", *match.span(1), 0.6, "group"


def moments(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give dates with their time of day, and dates with the month in letters."""
    for match in _moment.finditer(text):
        yield "DATE_TIME", *match.span(), 0.85, "moment"


LOOKS: tuple[Look, ...] = (
    (
        "ORGANIZATION.own",
        rf" {_LEGAL}\b| and |work|employed|office|hired|ceo|founder|joined|acquired|headquarters|team|board|orchestra",
        Confidence.MEDIUM,
    ),
    ("LOCATION.own", rf"(?:{_AT_HOME}) \w", Confidence.MEDIUM),
    (
        "LOCATION.own-weak",
        rf"\b(?:in|from|near|outside) (?:the )?{UP}|{'|'.join(COUNTRIES)}",
        Confidence.LOW,
    ),
    (
        "NRP.own",
        rf"\b(?:i['\u2019]?m|am|is|are|was|were|born) (?:an? )?(?:{'|'.join(sorted({one[:3] for one in DEMONYMS}))})",
        Confidence.MEDIUM,
    ),
    ("NRP.own-weak", "|".join(sorted({one[:4] for one in DEMONYMS})), Confidence.LOW),
    ("DATE_TIME.own", r"\d[ T]\d{1,2}:\d\d|\d[a-z]{0,2} (?:of )?[a-z]{3}|[a-z]{3}\.? \d", Confidence.HIGH),
)
