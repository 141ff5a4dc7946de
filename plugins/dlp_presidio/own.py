"""Recognizers beyond Presidio's, which need no model: addresses, ages, titles, organisations, names by what stands before.

Everything here is a form or a cue; the only list is of countries and what their people are called. Scores are Presidio's: from 0.5 on medium, from 0.8
on high confidence; what only looks like it stays low, so that policies which ask for `medium` are not drowned.
"""
# Longer than 400 lines: a third is tables of cues, and the recognizers share how cues and names are read.

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache

from dlp.core.finding import Confidence
from dlp.core.ports import Asked, Pattern
from dlp_presidio import formats
from dlp_presidio.gazetteer import COUNTRIES, DEMONYMS

MEDIUM, HIGH = 0.5, 0.8
"""Scores from which a finding is of medium and of high confidence. A valid check digit scores 1.0, the model 0.85, a
format with a context word mostly 0.75 to 0.85, a format alone 0.4 to 0.6."""

type Seen = tuple[str, int, int, float, str]
"""Entity, start, end, score, and the recognizer's name."""

type Context = tuple[str, ...]
"""Words from outside the text, lower case: those of the key it stands under."""

type Find = Callable[[str, Context, float], Iterator[Seen]]
"""Takes also the score under which nothing is of use, so that what never reaches it is not looked for."""

_low, _up = r"[^\W\d_A-Z]", r"[^\W\d_a-z]"  # letters that are no ASCII capitals; letters that are no ASCII small ones
_Word = rf"(?:{_up}[\w'\u2019\-]*)"
_particle = r"(?:de|da|do|dos|das|di|del|della|der|den|van|von|vom|zu|zum|bin|ibn|al|el|la|le|ter|ten|of|the|am|im|an|der|y|e|des|du|les|las|los|na|pod|nad)"
_Words = rf"{_Word}(?:[ ](?:{_particle}[ ]){{0,2}}{_Word})"
_name_part = rf"(?:{_up}\.|{_up}[\w'\u2019\-]*\w|{_up}(?![\w.]))"
_Name = rf"{_name_part}(?:[ ](?:(?:{_particle})[ ]){{0,2}}{_name_part}){{0,3}}"

# --- addresses -------------------------------------------------------------------------------------------------------
_SUFFIX = (
    r"(?:streets?|str|st|avenues?|ave?|roads?|rd|lanes?|ln|drives?|dr|courts?|ct|boulevard|blvd|places?|pl|plazas?|terrace"
    r"|terr?|squares?|sq|highway|hwy|parkways?|pkwy|circles?|cir|crescent|cres|close|groves?|mews|quay|rows?|trails?|trl"
    r"|alley|crossing|esplanade|expressway|turnpike|tpke|freeway|motorway|ways?|wy)"
)
_RARE_SUFFIX = (  # words of the postal service's list that are also ordinary words
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
    r"(?:\d{5}-\d{4}|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d|\d{3}[ ]\d{2}|\d{2}-\d{3}|\d{4}[ ]?[A-Z]{2}"
    r"|\d{3,6})(?!\w)"
)
_number = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,5})?"
_any = r"[^\W\d_][\w'\u2019.\-]*"
_street = rf"(?:(?:(?:St|Ste|Mt|Ft|Dr|Sgt)\.|{_Word}|{_particle}|\d{{1,3}}(?:st|nd|rd|th))[ ]){{1,4}}"
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
    (re.compile(rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}(?:[NSEW]\.?[ ])?{_street}(?i:{_SUFFIX})\b\.?"), 0.8, "street"),
    (re.compile(rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}{_street}(?i:{_RARE_SUFFIX})\b"), 0.5, "rare"),
    (
        # 27534 Hauptgata 63, with a house number last, and what was a house number before it was moved to the front
        re.compile(
            rf"(?<![\w.:/-])\d{{3,6}}[ ](?!(?i:and|to|of|or|in|at|from|is|was|on|by|for)\b){_any}(?:[ ]{_any}){{0,3}}[ ]\d{{1,5}}[A-Za-z]?\b"
            rf"(?![:/%-]|\.\d)\.?(?:[ ]{_street}(?i:{_SUFFIX}|{_RARE_SUFFIX})\b)?"
        ),
        _ALONE,
        "numbered",
    ),
    (
        re.compile(
            rf"(?:\b\d{{3,6}}[ ])?(?:\b{_Word}[ ]and[ ])?\b(?:{_Word}[ ]){{0,2}}(?:{_up}[\w\-]*|{_Word}[ ])(?i:{_FOREIGN_END})[ ]"
            rf"\d{{1,5}}[A-Za-z]?\b\.?(?:[ ]{_street}(?i:{_SUFFIX}|{_RARE_SUFFIX})\b)?"
        ),
        0.8,
        "foreign",
    ),
    (
        re.compile(
            rf"(?:\b{_Word}[ ]and[ ])?(?<!\w)(?i:{_FOREIGN_START})[ ]?(?:{_Word}[ ]|{_particle}[ ]|\d+[ ]){{1,4}}\d{{1,5}}[A-Za-z]?\b"
            rf"(?:[ ]{_street}(?i:{_SUFFIX}|{_RARE_SUFFIX})\b)?"
        ),
        0.8,
        "foreign",
    ),
    (
        re.compile(
            rf"(?<![\w.:/-])(?:{_number}[ ]){{1,2}}(?i:{_FOREIGN_START})[ ](?:{_particle}[ ]){{0,2}}{_any}(?:[ ](?:{_particle}[ ])?{_Word}){{0,3}}"
        ),
        0.8,
        "foreign",
    ),
    (re.compile(r"\b(?i:p\.?[ ]?o\.?[ ]?box|postbox|postfach)[ ]\d+"), 0.85, "box"),
    (
        re.compile(
            rf"{_LIVES}((?:{_number}[ ]){{0,2}}(?:(?:{_Word}|{_particle}|and)[ ]){{1,5}}\d{{1,5}}[A-Za-z]?\b\.?(?:[ ]{_street}(?i:{_SUFFIX}|{_RARE_SUFFIX})\b)?)"
        ),
        0.8,
        "place",
    ),
    (
        re.compile(
            rf"{_LIVES}((?:{_number}[ ]){{1,2}}{_Word}(?:[ ](?:{_particle}[ ])?{_Word}){{0,2}}(?=[ ](?i:{_UNIT})))"
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
            rf"(?i:\bthe[ ]corner[ ]of)[ ](?:[\w.'\u2019\-]+[ ]){{1,5}}?and[ ](?:{_Word}|\d+|{_particle})(?:[ ](?:{_Word}|\d+\b)){{0,4}}"
        ),
        0.85,
        "corner",
    ),
)
_CERTAIN = ("street", "foreign", "place")
_line = r"[ \t]*(?:,|\n)[ \t,\n?>*|\u2022]*"  # a comma or an end of line, and what begins a quoted or listed line
_unit_next = re.compile(rf"(?:{_line}|[.,]?[ ])(?i:{_UNIT})")
_bracket = rf"(?:[ ]\({_up}[^()\n]{{1,40}}\))?"
_city = rf"{_Word}(?:[ ](?:{_particle}[ ])?{_Word}){{0,3}}(?:[ ]\d{{1,2}}(?!\d))?{_bracket}"
_city_next = re.compile(rf"{_line}{_city}(?![ \t]*:)(?=[ \t]*(?:[,.;?!)\n]|$|[ ]\d|[ ][^\W\d_A-Z]))")
_city_beside = re.compile(rf"[ ]{_city}(?![ \t]*:)")
_lower_city = re.compile(rf"{_line}{_any}(?:[ ]{_any}){{0,2}}(?=,[ ][a-z]{{2,3}}[ ]\d{{4,6}}\b)")
_state_next = re.compile(
    r"(?:[ \t]*,[ \t\n]*|[ \t]*\n[ \t,]*|[ ])(?:[A-Z]{2,3}|nan|[a-z]{2}(?=[ \n]+\d))(?=[ \t]*(?:[,.;?!\n]|$|[ ][\da-z]))(?![ \t]*:)"
)
_zip_next = re.compile(rf"[ \t]*[,\n ][ \t,\n?>*|]*{_ZIP}(?![ ]*[:/-])")
_street_keys = frozenset(("address", "addresses", "addr", "street", "line", "shipping", "billing", "residence", "home"))
_unit = re.compile(rf"(?m)(?:^|(?<=[,\n ]))(?i:{_UNIT})(?=[ \t]*(?:[,\n]|$))")


def _address_end(text: str, end: int) -> tuple[int, bool, bool]:
    """Return where an address ends whose street ends at `end`, and what belongs to it: anything more, a unit or code."""
    begin, sure = end, False
    while match := _unit_next.match(text, end):
        end, sure = match.end(), True
    for expression in (_city_next, _lower_city, *((_city_beside,) if sure else ())):
        if match := expression.match(text, end):
            end = match.end()
            break
    for expression in (_state_next, _zip_next, _city_next, _zip_next):
        if match := expression.match(text, end):
            end = match.end()
            sure = sure or expression is _zip_next
    return end, end > begin, sure


# --- ages, titles, codes -------------------------------------------------------------------------------------------
_ages = (
    re.compile(
        r"(?i)\b(1?\d{1,2})(?:[ -]?(?:years?|yrs?|months?|days?|weeks?)[ -]?(?:old|of[ ]age)|[ ]?y/?o\b|[ ]?yrs?\.?[ ]old)"
    ),
    re.compile(
        r"(?i)\b(?:age[ds]?|aged|turn(?:ed|s|ing)?|when[ ](?:he|she|they|i)[ ](?:was|were|is))(?:[ ]of)?[ :]{1,2}(1?\d{1,2})\b(?![:/%$\d]|\.\d|[ ](?:times|percent))"
    ),
    re.compile(
        r"(?i)\b(?:i['\u2019]?m|i[ ]am|(?:he|she)(?:['\u2019]s|[ ]is))[ ](1?\d{1,2})\b(?=[ ]*(?:[.,;!?]|$|and\b|years?\b))"
    ),
)
_HONORIFICS = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Rev|Fr|Hon|Sgt|Capt|Lt|Col|Gen|Sen|Gov|Sir|Madam|Dame|Lord|Lady|Herr|Frau|Doctor)"
_title = re.compile(rf"\b({_HONORIFICS}\.?)[ ]+({_Name})")
_title_small = re.compile(rf"\b((?i:mr|mrs|ms|dr|prof)\.)[ ]+({_Name})")
_JOB = (
    r"(?:manager|director|officer|engineer|consultant|administrator|analyst|developer|designer|specialist|assistant|scientist"
    r"|technician|supervisor|coordinator|advis[eo]r|accountant|teacher|nurse|physician|surgeon|therapist|lawyer|attorney|editor"
    r"|operator|clerk|agent|representative|planner|architect|auditor|broker|buyer|chef|driver|inspector|instructor|investigator"
    r"|librarian|mechanic|pharmacist|pilot|psychologist|researcher|secretary|trader|writer|worker|scholar|president|founder|executive"
    r"|controller|strategist|producer|journalist|biologist|chemist|physicist|geologist|surveyor|economist|statistician|programmer)s?"
)
_job_line = re.compile(
    rf"(?m)^[ \t?>*-]*({_Word}(?:[ ,/&-]+(?:[\w()]+)){{0,5}}?[ ](?i:{_JOB})|(?i:{_JOB})(?:,[ ]\w+(?:[ ]\w+){{0,3}})?)[ \t]*$"
)
_job_after = re.compile(rf"{_Name},[ ](?:the|our|their|a|an)[ ]((?:[\w-]+[ ]){{0,3}}(?:{_Word}|(?i:{_JOB}))),")
_zip = re.compile(
    rf"\b(?i:zip|zip[ -]?code|postal[ ]?code|post[ ]?code|postcode|plz)(?:[ ]is|:|=|[ ])[ ]{{0,2}}({_ZIP})"
)

# --- people ---------------------------------------------------------------------------------------------------------
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
_people = (
    (re.compile(rf"(?i:\b{_OWN_NAME})[ \n]+({_Name})"), 0.75),
    (re.compile(rf"(?m)^[ \t>*-]*(?:(?:Full|Customer|Patient|Contact)[ ][Nn]|N)ame:[ ]+({_Name})[ \t]*$"), 0.6),
    (re.compile(rf"(?i:{_CUES})[ \n]+({_Name})"), 0.45),
    (re.compile(rf"\b({_Name})(?=[ ](?:{_DOES}|has[ ]been)\b)"), 0.45),
)
_speaker = re.compile(rf"(?m)^[ \t]*({_name_part}(?:[ ]{_name_part}){{0,2}}):[ ]+\S")
_SPEAKER = 0.45
_NO_NAME = frozenset(
    """
    i you he she we they it this that these those the a an my your his her our their what who where when why how which
    not no yes please thanks thank good sorry happy sure ok okay here there now then so and but or if is are was were
    name phone fax tel telephone mobile desk email e-mail mail website web address date subject from to cc bcc re note
    notes time title company department office home work answer question user bot agent assistant customer system admin
    order card account bank number id zip code city state country street monday tuesday wednesday thursday friday saturday
    sunday january february march april may june july august september october november december just originally glad
    sir madam everyone everybody all team today tomorrow yesterday error warning info debug trace fatal true false null
    none iban ssn atm pin url http https api json xml html csv sql get post put delete host status message personal
    """.split()
)

# --- organisations --------------------------------------------------------------------------------------------------
_LEGAL = (
    r"(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Co|Company|GmbH|AG|KG|SE|S\.?A|S\.?p\.?A|S\.?r\.?l|B\.?V|N\.?V|PLC|plc|LLP|LP"
    r"|Oy|AB|AS|ApS|A/S|Kft|Zrt|s\.r\.o|Pty|Group|Holdings?|Partners|Associates|Industries|Enterprises|Technologies|Systems"
    r"|Solutions|Services|Labs?|Software|Consulting|Ventures|Capital|Investments?|Insurance|Pharmaceuticals|Motors|Airlines"
    r"|University|College|Institute|Hospital|Clinic|Foundation|Bank|Sons)"
)
_organisations = (
    (re.compile(rf"\b({_Word}(?:,?[ ](?:&|and|of|{_Word})){{0,4}}[ ]{_LEGAL}\b\.?)"), 0.6, "legal form"),
    (
        re.compile(
            rf"\b({_Word}(?:-{_Word})?,[ ]{_Word}(?:-{_Word})?[ ]and[ ]{_Word}(?:-{_Word})?)(?=[ ]*(?:[.,;!?\n]|$|in\b|is\b|has\b))"
        ),
        0.4,
        "partners",
    ),
    (
        re.compile(
            rf"\b(?i:work(?:s|ed|ing)?[ ](?:for|at)|employed[ ](?:by|at)|office[ ]of|hired[ ]by|ceo[ ]of|founder[ ]of|joined|acquired[ ]by)[ ](?:the[ ])?({_Word}(?:[ ](?:&[ ]|and[ ]|of[ ])?{_Word}){{0,3}}(?:,?[ ]{_LEGAL}\b\.?)?)"
        ),
        0.55,
        "employer",
    ),
    (
        re.compile(
            rf"\b(?i:the)[ ]({_Word}(?:[ -]{_Word}){{0,3}})(?=[ ](?i:office|headquarters|team|board|orchestra|corporation)\b)"
        ),
        0.4,
        "office",
    ),
)

# --- places ----------------------------------------------------------------------------------------------------------
_AT_HOME = (
    r"\b(?:liv(?:e|es|ed|ing)[ ]in|born[ ]in|moved[ ](?:here[ ]|there[ ]|back[ ])?(?:to|from)|(?:is|am|are|originally|comes?)[ ]from"
    r"|reside[sd]?[ ]in|residing[ ]in|grew[ ]up[ ]in)"
)
_GOING = (
    r"\b(?:based[ ]in|travel\w*[ ]to|fl(?:y|ew|ying)[ ]to|trip[ ]to|visit(?:ed|ing)?|arrived[ ](?:at|in)|return(?:ed)?[ ]to"
    r"|go(?:ing)?[ ]to|located[ ]in|city[ ]of|town[ ]of|headquartered[ ]in)"
)
_place = rf"({_up}[\w-]*(?:[ ](?:{_particle}[ ])?{_up}[\w-]*){{0,2}}{_bracket})(?!['\u2019\w])"
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

# --- numbers ---------------------------------------------------------------------------------------------------------
_iban = re.compile(
    r"(?i)(?<![a-z0-9])[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?![a-z0-9])", re.ASCII
)
_IBAN_LENGTHS = {  # of the ISO 13616 registry
    "ad": 24,
    "ae": 23,
    "al": 28,
    "at": 20,
    "az": 28,
    "ba": 20,
    "be": 16,
    "bg": 22,
    "bh": 22,
    "bi": 27,
    "br": 29,
    "by": 28,
    "ch": 21,
    "cr": 22,
    "cy": 28,
    "cz": 24,
    "de": 22,
    "dj": 27,
    "dk": 18,
    "do": 28,
    "ee": 20,
    "eg": 29,
    "es": 24,
    "fi": 18,
    "fk": 18,
    "fo": 18,
    "fr": 27,
    "gb": 22,
    "ge": 22,
    "gi": 23,
    "gl": 18,
    "gr": 27,
    "gt": 28,
    "hn": 28,
    "hr": 21,
    "hu": 28,
    "ie": 22,
    "il": 23,
    "iq": 23,
    "is": 26,
    "it": 27,
    "jo": 30,
    "kw": 30,
    "kz": 20,
    "lb": 28,
    "lc": 32,
    "li": 21,
    "lt": 20,
    "lu": 20,
    "lv": 21,
    "ly": 25,
    "mc": 27,
    "md": 24,
    "me": 22,
    "mk": 19,
    "mn": 20,
    "mr": 27,
    "mt": 31,
    "mu": 30,
    "ni": 28,
    "nl": 18,
    "no": 15,
    "om": 23,
    "pk": 24,
    "pl": 28,
    "ps": 29,
    "pt": 25,
    "qa": 29,
    "ro": 24,
    "rs": 22,
    "ru": 33,
    "sa": 24,
    "sc": 31,
    "sd": 18,
    "se": 24,
    "si": 19,
    "sk": 24,
    "sm": 27,
    "so": 23,
    "st": 25,
    "sv": 28,
    "tl": 23,
    "tn": 24,
    "tr": 26,
    "ua": 29,
    "va": 22,
    "vg": 24,
    "xk": 20,
    "ye": 30,
}
_card = re.compile(r"(?<![\w.+-])(?:\d[ -]?){11,18}\d(?![\w-]|\.\d)")
_CARD_WORDS = r"card|credit|debit|\bcc\b|visa|master|amex|maestro|\bpan\b|payment"
_card_words = re.compile(f"(?i){_CARD_WORDS}")
_phone = re.compile(
    r"(?<![\w.+/=-])(?<!\d:)(?:\+|00)?(?:\(\d{1,5}\)|\d{1,5})(?:[ ./-]{0,2}\(?\d{1,5}\)?){1,6}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?(?![\w/=-]|\.\d)"
)
_phone_run = re.compile(r"[+(\d][\d ./()+-]{5,}\d")  # a phone number lies in one, but for its extension
_phone_start = re.compile(r"(?<![\w.+/=-])[+(\d]")
_PHONE_WORDS = (
    r"phone|mobile|\bcell|\btel|\bfax|\bdesk|\bcall|\bdial|whatsapp|\bsms\b|\btext(?:ed|ing)?\b|messages?[ ]to|answer\w*[ ]at"
    r"|reach|registered|contact|\bring\b"
)
_says_something = re.compile(r"[^\W\d_]{2}").search
_SHAPED = 0.4
_FEWEST = 7
_phone_words = re.compile(f"(?i){_PHONE_WORDS}")
_phone_keys = re.compile(r"phone|mobile|^cell|^tel$|^fax$|whatsapp|msisdn")
_phone_shape = re.compile(
    r"\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?:x\d+)?|(?:\+|00)[1-9][\d ().-]{7,}|0\d{1,4}[ ]\d{2,4}(?:[ ]\d{2,4}){1,3}|(?:\d{2}[.-]){3,4}\d{2}"
)
_year_like = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d|(?:19|20)\d\d[-/ ](?:19|20)\d\d|\d{1,3}(?:\.\d{1,3}){3}"
)
_licence = re.compile(
    r"(?i)\b(?:driv\w+(?:['\u2019]s)?[ ]licen[cs]e|licen[cs]e|permit|\bdl)(?:[ ](?:number|no\.?|id|#))?(?:[ ]is|:|=|#|)[ ]{1,2}([A-Z]?\d[A-Z\d]*(?:[- ][A-Z\d]*\d[A-Z\d]*){0,5})\b"
)

_FEWEST_DIGITS = 7
"""Of a phone number: the shortest local ones."""

_FINDERS: dict[str, Find] = {}


def _finder(*entities: str) -> Callable[[Find], Find]:
    def keep(find: Find) -> Find:
        for entity in entities:
            _FINDERS[entity] = find
        return find

    return keep


@_finder("STREET_ADDRESS")
def addresses(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give what has the form of a postal address."""
    for expression, alone, name in _cores:
        group = 1 if expression.groups else 0
        for match in expression.finditer(text):
            score = alone
            start, core = match.span(group)
            if _UNITS_OF_THINGS.search(text, start, core):
                continue
            end, more, sure = _address_end(text, core)
            if name == "foreign" and not _clear(text, start, core):
                score = _ALONE
            if sure or (name in _CERTAIN and (more or _street_keys.intersection(words))):
                score = 0.85
            yield "STREET_ADDRESS", start, end, score, f"address:{name}"
    for expression, score, name in _whole:
        for match in expression.finditer(text):
            yield "STREET_ADDRESS", *match.span(), score, f"address:{name}"
    for match in _unit.finditer(text):
        yield "STREET_ADDRESS", *match.span(), 0.3 if match.group()[0] == "#" else 0.5, "address:unit"


@_finder("AGE")
def ages(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give how old somebody is said to be."""
    for expression in _ages:
        for match in expression.finditer(text):
            yield "AGE", *match.span(1), 0.75, "age"


@_finder("TITLE")
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


@_finder("ZIP_CODE")
def codes(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give postal codes that are called so."""
    for match in _zip.finditer(text):
        yield "ZIP_CODE", *match.span(1), 0.85, "zip"


@_finder("PERSON")
def people(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give capitalised words where a form of address or the words around them promise a person."""
    for expression in (_title, _title_small):
        for match in expression.finditer(text):
            start, end = _named(text, *match.span(2))
            if end > start:
                yield "PERSON", start, end, 0.85, "name:title"
    for expression, score in _people:
        for match in expression.finditer(text) if score >= least else ():
            start, end = _named(text, *match.span(1))
            if end > start:
                yield "PERSON", start, end, score, "name:cue"
    if least > _SPEAKER:
        return
    speakers = [match for match in _speaker.finditer(text) if match.group(1).split()[0].lower() not in _NO_NAME]
    if len({match.group(1) for match in speakers}) > 1:
        for match in speakers:
            yield "PERSON", *match.span(1), _SPEAKER, "name:speaker"


@_finder("ORGANIZATION")
def organisations(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give what has a legal form, and what somebody is said to work for."""
    for expression, score, name in _organisations:
        for match in expression.finditer(text) if score >= least else ():
            start, end = match.span(1)
            if text[start:end].split(maxsplit=1)[0].lower() not in _NO_NAME:
                yield "ORGANIZATION", start, end, score, f"organisation:{name}"


@_finder("LOCATION")
def places(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give capitalised words where one is said to live, to travel, to be."""
    for match in _country.finditer(text):
        yield "LOCATION", *match.span(), 0.45, "place:country"
    for expression, score in _places:
        for match in expression.finditer(text) if score >= least else ():
            start, end = match.span(1)
            if text[start:end].split(maxsplit=1)[0].lower() not in _NO_NAME:
                yield "LOCATION", start, end, score, "place:cue"


@_finder("NRP")
def groups(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give nationalities."""
    for match in GROUP.finditer(text):
        yield "NRP", *match.span(), 0.45, "group"
    for match in _group_small.finditer(text):
        yield "NRP", *match.span(1), 0.6, "group"


@_finder("DATE_TIME")
def moments(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give dates with their time of day, and dates with the month in letters."""
    for match in _moment.finditer(text):
        yield "DATE_TIME", *match.span(), 0.85, "moment"


@_finder("IBAN_CODE")
def ibans(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give IBANs in small letters too, by their check digits (ISO 13616)."""
    for match in _iban.finditer(text):
        code = re.sub(r"[ -]", "", match.group()).upper()
        if len(code) != _IBAN_LENGTHS.get(code[:2].lower()):
            continue
        if int("".join(str(int(one, 36)) for one in code[4:] + code[:4])) % 97 == 1:  # ISO 7064
            yield "IBAN_CODE", *match.span(), 1.0, "iban"


@_finder("CREDIT_CARD")
def cards(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give numbers with a valid check digit that issuers of any kind give, where a word nearby speaks of a card."""
    for match in _card.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if (
            _luhn(digits)
            and digits[0] in "123456"
            and (any(map(_card_words.search, words)) or _near(_card_words, text, match.start(), match.end(), 60))
        ):
            yield "CREDIT_CARD", *match.span(), 0.9, "card:cue"


@_finder("EMAIL_ADDRESS")
def mails(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give e-mail addresses inside of URLs, percent-encoded too."""
    for start, end in formats.mails(text):
        yield "EMAIL_ADDRESS", start, end, 1.0, "mail:url"


@_finder("CRYPTO")
def wallets(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give Ethereum's addresses."""
    for start, end, score in formats.wallets(text):
        yield "CRYPTO", start, end, score, "wallet:ethereum"


@_finder("PHONE_NUMBER")
def phones(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give digits in groups that are called a phone number, or are written as only phone numbers are."""
    if len(text) < _FEWEST:
        return
    called_so = _is_called_phone(words)
    if least > _SHAPED and not called_so and not _says_something(text):
        return
    for match in _phones(text):
        start, end = match.span()
        shown = match.group().strip()
        digits = sum(map(str.isdigit, shown))
        if not _FEWEST <= digits <= 15 or _year_like.fullmatch(shown):  # noqa: PLR2004  E.164, and the shortest local ones
            continue
        called = called_so or _near(_phone_words, text, start, end, 40)
        shaped = (called or least <= _SHAPED) and _phone_shape.fullmatch(shown) is not None
        if called or shaped:
            yield "PHONE_NUMBER", start, end, 0.75 if called and shaped else 0.6 if called else _SHAPED, "phone:cue"


@lru_cache(maxsize=4096)
def _is_called_phone(words: Context) -> bool:
    return any(map(_phone_keys.search, words))


def _phones(text: str) -> Iterator[re.Match[str]]:
    done = 0
    for run in _phone_run.finditer(text):
        start = _phone_start.search(text, max(run.start(), done), run.end())
        while start is not None:
            place = start.start()
            if match := _phone.match(text, place):
                yield match
                done = match.end()
            start = _phone_start.search(text, match.end() if match else place + 1, run.end())


@_finder("US_DRIVER_LICENSE")
def licences(text: str, words: Context, least: float) -> Iterator[Seen]:
    """Give the number that follows the words driver's licence."""
    for match in _licence.finditer(text):
        if sum(map(str.isdigit, match.group(1))) >= 5:  # noqa: PLR2004  shorter ones are dates and counts
            yield "US_DRIVER_LICENSE", *match.span(1), 0.85, "licence:cue"


ENTITIES = tuple(_FINDERS)
KINDS = ("own", "own-weak", "own-context")
_WEAKEST = {"STREET_ADDRESS": (Confidence.LOW, Confidence.MEDIUM)}


def find(text: str, wanted: Iterable[tuple[str, float]], words: Context = ()) -> Iterator[Seen]:
    """Give what the recognizers of these entities see in `text`, each from a score on.

    `words` are those of the key it stands under.
    """
    for entity, least in wanted:
        for one in _FINDERS[entity](text, words, least):
            if one[3] >= least:
                yield one


def worth_running(its: Collection[str], asked: Asked, least: float = 0.0) -> list[tuple[str, float]]:
    """Return the entities to look for and from which score on, given which patterns may match and what will be used."""
    found = {}
    for pattern in its:
        entity, weak = _KIND.get(pattern, ("", False))
        if not entity or (asked is not None and entity not in asked):
            continue
        if weak and asked is not None and asked[entity] not in _WEAKEST.get(entity, (Confidence.LOW,)):
            continue
        found[entity] = max(least, 0.0 if asked is None else FLOOR[asked[entity]])
    return sorted(found.items())


FLOOR = {Confidence.LOW: 0.0, Confidence.MEDIUM: MEDIUM, Confidence.HIGH: HIGH}
_KIND = {f"{entity}.own": (entity, False) for entity in ENTITIES}
_KIND |= {f"{entity}.own-weak": (entity, True) for entity in ENTITIES} | {"PHONE_NUMBER": ("PHONE_NUMBER", False)}


_AS_WRITTEN = ("PERSON.own",)  # ms is a unit of time


def patterns() -> list[Pattern]:
    """Say where these recognizers may match; `ENTITY.own` by itself, `ENTITY.own-weak` for what stays low."""
    high, medium, low = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
    looks: list[tuple[str, str, Confidence | None]] = [
        (
            "STREET_ADDRESS.own",
            rf"[\w.'-] (?:{_SUFFIX})\b|\bbox \d|postfach \d|[adf]po,? a[aep]|\b(?:apt|apartment|suite)\.? ?#?\d|{_CLEAR_LOOK}",
            None,
        ),
        ("STREET_ADDRESS.own-context", r"\d[a-z]? [^\W\d_]|[^\W\d_]\.? \d|a[aep] \d{5}", None),
        ("STREET_ADDRESS.own-weak", r"\d[ ][^\W\d_]|[^\W\d_.][.,]?[ \n]#?\d|corner of", medium),
        (
            "AGE.own",
            r"\d[ -]?[ymdw]|[a-z'\u2019][ :]{1,2}\d{1,3}\b",
            medium,
        ),
        ("TITLE.own", rf"{_HONORIFICS}\.? [^\W\d_]|{_JOB}|, (?:the|our|their|an?) ", high),
        ("ZIP_CODE.own", r"(?:zip|postal ?code|post ?code|plz)[ -]?(?:code)?(?: is|:|=| )", high),
        (
            "ORGANIZATION.own",
            rf" {_LEGAL}\b| and |work|employed|office|hired|ceo|founder|joined|acquired|headquarters|team|board|orchestra",
            medium,
        ),
        ("US_DRIVER_LICENSE.own", r"(?:licen[cs]e|permit|\bdl)\b[^\n]{0,16}\d", high),
        ("CREDIT_CARD.own", r"(?:\d[ -]?){12}", None),
        ("CREDIT_CARD.own-context", _CARD_WORDS, None),
        ("PERSON.own", rf"\b(?:{_HONORIFICS}\.?|(?i:mr|mrs|ms|dr|prof)\.|(?i:{_OWN_NAME})|[Nn]ame:)[ \n]+\w", high),
        ("PERSON.own-weak", rf"(?:{_CUES})[ \n]\w|\w (?:{_DOES}|has been)\b|\w: \w", low),
        ("LOCATION.own", rf"(?:{_AT_HOME}) \w", medium),
        ("LOCATION.own-weak", rf"\b(?:in|from|near|outside) (?:the )?{_up}|{'|'.join(COUNTRIES)}", low),
        (
            "NRP.own",
            rf"\b(?:i['\u2019]?m|am|is|are|was|were|born) (?:an? )?(?:{'|'.join(sorted({one[:3] for one in DEMONYMS}))})",
            medium,
        ),
        ("NRP.own-weak", "|".join(sorted({one[:4] for one in DEMONYMS})), low),
        ("DATE_TIME.own", r"\d[ T]\d{1,2}:\d\d|\d[a-z]{0,2} (?:of )?[a-z]{3}|[a-z]{3}\.? \d", high),
        ("EMAIL_ADDRESS.own", formats.MAIL_LOOK, high),
        ("CRYPTO.own", formats.ADDRESS_LOOK, high),
        ("IBAN_CODE.own", rf"\b(?:{'|'.join(_IBAN_LENGTHS)})\d{{2}}[ -]?[a-z0-9]{{4}}[ -]?[a-z0-9]{{4}}", high),
    ]
    lifted = {"STREET_ADDRESS.own": ("STREET_ADDRESS.own-context",), "CREDIT_CARD.own": ("CREDIT_CARD.own-context",)}
    return [
        Pattern(
            title,
            expression,
            ignore_case=title not in _AS_WRITTEN,
            finds=title.partition(".")[0],
            alone=alone,
            lifted_by=lifted.get(title, ()),
        )
        for title, expression, alone in looks
    ]


_initial = re.compile(r"[^\W\d_a-z]\.").fullmatch


def _named(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without words at its end, or all of it, that are no names."""
    kept = end
    for number, word in enumerate(re.finditer(r"\S+", text[start:end])):
        if word.group().strip(".'\u2019").lower() in _NO_NAME and not _initial(word.group()):
            kept = start + word.start() if number else start
            break
    while kept > start and text[kept - 1] in " -'\u2019":
        kept -= 1
    if text[start:kept].endswith(("'s", "\u2019s")):
        kept -= 2
    return start, kept


def _near(expression: re.Pattern[str], text: str, start: int, end: int, reach: int) -> bool:
    return bool(expression.search(text, max(0, start - reach), start) or expression.search(text, end, end + reach // 2))


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number  # noqa: PLR2004  the sum of its two digits
    return total % 10 == 0
