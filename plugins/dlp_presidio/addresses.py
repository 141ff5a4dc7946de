"""Postal addresses and codes: forms of streets, house numbers, flats, towns and codes in many countries."""
# ruff: noqa: E501, ARG001  expressions read best in one piece; all recognizers are asked alike

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dlp.core.finding import Confidence
from dlp_presidio.cues import BRACKET, PARTICLE, UP, WORD, Context, Look, Seen

SUFFIX = (
    r"(?:streets?|str|st|avenues?|ave?|roads?|rd|lanes?|ln|drives?|dr|courts?|ct|boulevard|blvd|places?|pl|plazas?|terrace"
    r"|terr?|squares?|sq|highway|hwy|parkways?|pkwy|circles?|cir|crescent|cres|close|groves?|mews|quay|rows?|trails?|trl"
    r"|alley|crossing|esplanade|expressway|turnpike|tpke|freeway|motorway|ways?|wy)"
)
RARE_SUFFIX = (  # words of the postal service's list that are also ordinary words
    r"(?:bayou|beach|bend|bluffs?|branch|bridge|brooks?|burgs?|camp|canyon|cape|causeway|centers?|cliffs?|club|common"
    r"|corners?|coves?|creek|crest|crossroads?|curve|dale|dam|divide|estates?|extensions?|falls?|ferry|fields?|flats?|fords?"
    r"|forest|forges?|forks?|fort|gardens?|gateway|glens?|greens?|harbors?|haven|heights|hills?|hollow|inlet|islands?|isle"
    r"|junctions?|keys?|knolls?|lakes?|landing|lights?|locks?|lodge|loop|mall|manors?|meadows?|mills?|mission|mount"
    r"|mountains?|neck|orchard|oval|overpass|parks?|pass|passage|path|pike|pines?|plains?|points?|ports?|prairie|radial|ramp"
    r"|ranch|rapids?|rest|ridges?|river|route|rue|run|shoals?|shores?|skyway|springs?|spurs?|station|stravenue|stream|summit"
    r"|throughway|trace|track|trafficway|tunnel|underpass|unions?|valleys?|viaduct|views?|villages?|ville|vista|walks?|wells?"
    r"|parade)"
)
_FOREIGN_END = (
    r"(?:stra(?:\u00dfe|sse)|str\.|gata|gatan|gade|gaten|gt\.|vej|veien|vegen|v\u00e4gen|weg|laan|straat|plein|gracht|kade|tie"
    r"|katu|kuja|utca|utca\.?|u\.|\u00fatja|\u00fat|t\u00e9r|gasse|platz|allee|ring|damm|ufer|terrasse|plads|backen|gr\u00e4nd"
    r"|sk\u00e1|ska|n\u00e1m\u011bst\u00ed|ova|ulice|cesta|trg)"
)
_FOREIGN_START = (
    r"(?:via|viale|piazza|corso|rue|avenue|boulevard|chemin|all\u00e9e|impasse|calle|avenida|av\.|rua|travessa|c/|carrer"
    r"|plaza|paseo|camino|ul\.|ulica|al\.|os\.|pl\.|strada|bulevardul|jalan|jl\.|rruga|odos|\u03bf\u03b4\u03cc\u03c2"
    r"|\u03bb\u03b5\u03c9\u03c6\u03cc\u03c1\u03bf\u03c2|trg)"
)
# Of these the ones that are, or end, no word of English: as sure as a street and its number.
_CLEAR_END = (
    r"(?:stra(?:\u00dfe|sse)|gata|gatan|gade|gaten|vej|veien|vegen|v\u00e4gen|laan|straat|gracht|katu|kuja|utca|gasse|platz"
    r"|allee|plads|n\u00e1m\u011bst\u00ed|ulice)"
)
_CLEAR_START = (
    r"(?:Via|Viale|Piazza|[Rr]ue|[Cc]alle|[Aa]venida|[Rr]ua|Travessa|Carrer|Chemin|Impasse|ul\.|Ulica|Jalan|Jl\.|Rruga"
    r"|\u03bf\u03b4\u03cc\u03c2|\u03bb\u03b5\u03c9\u03c6\u03cc\u03c1\u03bf\u03c2)"
)
_CLEAR_LOOK = (  # for the scan, which takes no letter beyond ASCII where case is ignored
    r"(?:stra\w{1,2}e|gatan?|gade|gaten|vej|veien|vegen|v\w?gen|laan|straat|gracht|katu|kuja|utca|gasse|platz|allee|plads"
    r"|n\wm\wst\w|ulice)[ ]\d"
    r"|\b(?:viale?|piazza|rue|calle|avenida|rua|travessa|carrer|chemin|impasse|ul\.|ulica|jalan|jl\.|rruga)[ ][^\W\d_]"
)
_clear = re.compile(rf"(?i:{_CLEAR_END})[ ]\d|(?<!\w){_CLEAR_START}[ ]").search
_ALONE = 0.45
"""What looks like an address and is as often none, unless a flat or a postal code follows."""

_UNIT = (
    r"(?:(?:apt|apartment|suite|ste|unit|floor|fl|room|rm|flat|bldg|building|postbox|box|p\.? ?o\.? ?box)\.?[ ]?#?\d+[A-Za-z]?"
    r"|#[ ]?\d+)(?!\w)"
)
_ZIP = (
    r"(?:\d{5}-\d{3,4}|\d{4}-\d{3}|\d{3}-\d{4}|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d|\d{3}[ ]\d{2}|\d{2}-\d{3}|\d{4}[ ]?[A-Z]{2}"
    r"|\d{3,6})(?!\w)"
)
_number = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,5})?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b"
_FUNCTION = r"(?:of|on|at|in|to|from|by|is|was|are|and|or|for|with|than|about|after|before|until|since|over|under)"
_upper = re.compile(UP).search
_town = rf"(?:{UP}(?:[^\W\d]|['\u2019\-])*)"
_any = r"[^\W\d_][\w'\u2019.\-]*"
_street = rf"(?:(?:(?:St|Ste|Mt|Ft|Dr|Sgt)\.|{WORD}|{PARTICLE}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}"
_UNITS_OF_THINGS = re.compile(
    r"(?i)\b(?:gb|tb|mb|kb|hard|flash|day|days|pack|piece|best|top|ways|percent|million|users)\b"
)
_LIVES = (
    r"(?i:\b(?:address(?:es)?(?:[ ](?:is|are|with|to)|:)?|liv(?:e|es|ed|ing)[ ](?:on|at|in)|located[ ](?:at|on|in)"
    r"|drops?[ ]\w+[ ]off[ ]at|meet[ ](?:\w+[ ])?at|side[ ]of|enter[ ](?:on|at)|return[ ]to|(?:deliver|ship|mail|post)\w*[ ](?:\w+[ ])?to"
    r"|send\w*[ ](?:\w+[ ]){0,3}to|move[ds]?[ ](?:\w+[ ])?to|(?:is|it['\u2019]s)[ ](?:at|in|on)|directions[ ]to|taxi[ ]to|corner[ ]of"
    r"|resid\w+[ ](?:at|in)|office[ ](?:is[ ])?(?:at|on)|house[ ](?:is[ ])?(?:at|on)|refers[ ]to|user:))[ \n]+"
)
_cores: tuple[tuple[re.Pattern[str], float, str], ...] = (
    (re.compile(rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}(?:[NSEW]\.?[ ])?{_street}(?i:{SUFFIX})\b\.?"), 0.8, "street"),
    (re.compile(rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}{_street}(?i:{RARE_SUFFIX})\b"), 0.5, "rare"),
    (
        # 27534 Hauptgata 63, with a house number last, and what was a house number before it was moved to the front
        re.compile(
            rf"(?<![\w.:/-])\d{{3,6}}[ ](?!(?i:and|to|of|or|in|at|from|is|was|on|by|for)\b){_any}(?:[ ]{_any}){{0,3}}[ ]\d{{1,5}}[A-Za-z]?\b"
            rf"(?![:/%-]|\.\d)\.?(?:[ ]{_street}(?i:{SUFFIX}|{RARE_SUFFIX})\b)?"
        ),
        _ALONE,
        "numbered",
    ),
    (
        re.compile(
            rf"(?:\b\d{{3,6}}[ ])?(?:\b{WORD}[ ]and[ ])?\b(?:{WORD}[ ]){{0,2}}(?:{UP}[\w\-]*|{WORD}[ ])(?i:{_FOREIGN_END})[ ]"
            rf"\d{{1,5}}[A-Za-z]?\b\.?(?:[ ]{_street}(?i:{SUFFIX}|{RARE_SUFFIX})\b)?"
        ),
        0.8,
        "foreign",
    ),
    (
        re.compile(
            rf"(?:\b{WORD}[ ]and[ ])?(?<!\w)(?i:{_FOREIGN_START})[ ]?(?:{WORD}[ ]|{PARTICLE}[ ]|\d+[ ]){{1,4}}\d{{1,5}}[A-Za-z]?\b"
            rf"(?:[ ]{_street}(?i:{SUFFIX}|{RARE_SUFFIX})\b)?"
        ),
        0.8,
        "foreign",
    ),
    (
        re.compile(
            rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}(?i:{_FOREIGN_START})[ ](?:{PARTICLE}[ ]){{0,2}}{_any}(?:[ ](?:{PARTICLE}[ ])?{WORD}){{0,3}}"
        ),
        0.8,
        "foreign",
    ),
    (
        # A name and a number are a street where a town and a postal code follow.
        re.compile(
            rf"(?<![\w.:/-])(?!{_MONTH}){_town}(?:[ ]{_town}|[ ](?!{_FUNCTION}\b)[^\W\d_A-Z]{{1,6}}){{0,2}}[ ]\d{{1,4}}[A-Za-z]?(?=,[ ]|[ ]?\n)"
        ),
        0.0,
        "tail",
    ),
    (re.compile(r"\b(?i:p\.?[ ]?o\.?[ ]?box|postbox|postfach)[ ]\d+"), 0.85, "box"),
    (
        re.compile(
            rf"{_LIVES}((?:{_number}[ ]){{0,2}}(?:(?:{WORD}|{PARTICLE}|and)[ ]){{1,5}}\d{{1,5}}[A-Za-z]?\b\.?(?:[ ]{_street}(?i:{SUFFIX}|{RARE_SUFFIX})\b)?)"
        ),
        0.8,
        "place",
    ),
    (
        re.compile(
            rf"{_LIVES}((?:{_number}[ ]){{1,2}}{WORD}(?:[ ](?:{PARTICLE}[ ])?{WORD}){{0,2}}(?=[ ](?i:{_UNIT})))"
        ),
        0.8,
        "place",
    ),
)
_whole = (
    (
        re.compile(
            r"\b(?:PSC|CMR|Unit|USS|USNS|USNV|USCGC)[ ][\w ]{1,30}?,?(?:[ ]Box[ ]\d+)?[,\n ]+(?:APO|FPO|DPO)[, ]+(?:AA|AE|AP)"
            r"(?:[ ]\d{5}(?:-\d{4})?)?",
            re.IGNORECASE,
        ),
        0.85,
        "military",
    ),
    (
        re.compile(
            rf"(?i:\bthe[ ]corner[ ]of)[ ](?:[\w.'\u2019\-]+[ ]){{1,5}}?and[ ](?:{WORD}|\d+|{PARTICLE})(?:[ ](?:{WORD}|\d+\b)){{0,4}}"
        ),
        0.85,
        "corner",
    ),
)
_CERTAIN = ("street", "foreign", "place")
_line = r"[ \t]*(?:,|\n)[ \t,\n?>*|\u2022]*"  # a comma or an end of line, and what begins a quoted or listed line
_unit_next = re.compile(rf"(?:{_line}|[.,]?[ ])(?i:{_UNIT})")
_city = rf"{_town}(?:[ ](?:{PARTICLE}[ ])?{_town}){{0,3}}(?:[ ]\d{{1,2}}(?!\d))?{BRACKET}"
_city_next = re.compile(rf"{_line}{_city}(?![ \t]*:)(?=[ \t]*(?:[,.;?!)\n]|$|[ ]\d|[ ]{_ZIP}|[ ][^\W\d_A-Z]))")
_city_beside = re.compile(rf"[ ]{_city}(?![ \t]*:)")
_lower_city = re.compile(rf"{_line}{_any}(?:[ ]{_any}){{0,2}}(?=,[ ][a-z]{{2,3}}[ ]\d{{4,6}}\b)")
_state_next = re.compile(
    r"(?:[ \t]*,[ \t\n]*|[ \t]*\n[ \t,]*|[ ])(?:[A-Z]{2,3}|nan|[a-z]{2}(?=[ \n]+\d))(?=[ \t]*(?:[,.;?!\n]|$|[ ][\da-z]))(?![ \t]*:)"
)
_zip_next = re.compile(rf"[ \t]*[,\n ][ \t,\n?>*|]*({_ZIP})(?![ ]*[:/-])")
_street_keys = frozenset(("address", "addresses", "addr", "street", "line", "shipping", "billing", "residence", "home"))
_unit = re.compile(rf"(?m)(?:^|(?<=[,\n ]))(?i:{_UNIT})(?=[ \t]*(?:[,\n]|$))")


@dataclass(frozen=True, slots=True)
class _Rest:
    """What follows a street: where the address ends, whether a flat or a postal code makes it sure, and the code."""

    end: int
    sure: bool
    code: tuple[int, int] | None


def _rest(text: str, end: int) -> _Rest:
    """Return what belongs to an address whose street ends at `end`."""
    sure, code = False, None
    while match := _unit_next.match(text, end):
        end, sure = match.end(), True
    for expression in (_city_next, _lower_city, *((_city_beside,) if sure else ())):
        if match := expression.match(text, end):
            end = match.end()
            break
    for expression in (_state_next, _zip_next, _city_next, _zip_next):
        if match := expression.match(text, end):
            end = match.end()
            if expression is _zip_next:
                sure, code = True, match.span(1)
    return _Rest(end, sure, code)


_zip = re.compile(
    rf"\b(?i:zip|zip[ -]?code|postal[ ]?code|post[ ]?code|postcode|plz)(?:[ ]is|:|=|[ ])[ ]{{0,2}}({_ZIP})"
)


def addresses(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give what has the form of a postal address."""
    for start, core, alone, name, rest in _streets(text):
        score = alone
        if rest.sure or (name in _CERTAIN and (rest.end > core or _street_keys.intersection(words))):
            score = 0.85
        if score:
            yield "STREET_ADDRESS", start, rest.end, score, f"address:{name}"
    for expression, score, name in _whole:
        for match in expression.finditer(text):
            yield "STREET_ADDRESS", *match.span(), score, f"address:{name}"
    for match in _unit.finditer(text):
        yield "STREET_ADDRESS", *match.span(), 0.3 if match.group()[0] == "#" else 0.5, "address:unit"


def _streets(text: str) -> Iterator[tuple[int, int, float, str, _Rest]]:
    """Give what may be a street with its number: where it is, its score, its form, and what follows."""
    for expression, alone, name in _cores:
        group = 1 if expression.groups else 0
        for match in expression.finditer(text):
            start, core = match.span(group)
            if _UNITS_OF_THINGS.search(text, start, core):
                continue
            if name == "numbered" and not (_upper(text, start, core) or text.islower()):
                continue  # 4821 passed in 6
            score = _ALONE if name == "foreign" and not _clear(text, start, core) else alone
            yield start, core, score, name, _rest(text, core)


def codes(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give postal codes that are called so, or that end an address."""
    for match in _zip.finditer(text):
        yield "ZIP_CODE", *match.span(1), 0.85, "zip"
    for _, _, _, _, rest in _streets(text):
        if rest.code:
            yield "ZIP_CODE", *rest.code, 0.85, "zip:address"


LOOKS: tuple[Look, ...] = (
    (
        "STREET_ADDRESS.own",
        rf"[\w.'-] (?:{SUFFIX})\b|\bbox \d|postfach \d|[adf]po,? a[aep]|\b(?:apt|apartment|suite)\.? ?#?\d|{_CLEAR_LOOK}",
        None,
    ),
    ("STREET_ADDRESS.own-context", r"\d[a-z]? [^\W\d_]|[^\W\d_]\.? \d|a[aep] \d{5}", None),
    ("STREET_ADDRESS.own-weak", r"\d[ ][^\W\d_]|[^\W\d_.][.,]?[ \n]#?\d|corner of", Confidence.MEDIUM),
    (
        "ZIP_CODE.own",
        r"(?:zip|postal ?code|post ?code|plz)[ -]?(?:code)?(?: is|:|=| )|[^\W\d_][),.]?\s{1,3}\d\d[\d-]|\d \d[a-z]{2}\b|\b[a-z]\d[a-z] ?\d[a-z]\d",
        Confidence.HIGH,
    ),
)
