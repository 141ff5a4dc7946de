"""What a key says by itself of the value under it: `ssn`, `salary`, `dateOfBirth`. A table: words, entity, form.

Such findings are entities of their own (`KEY_SSN`), so that a policy decides whether a name is enough for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from dlp.core.finding import Confidence
from dlp.core.ports import Pattern

SCORE = 0.85
"""What a key with a value of the right form counts for, as Presidio counts."""

_DIGITS = r"[0-9Xx*][0-9Xx* .-]{2,24}"
_NUMBER = r"[A-Za-z]{0,5}[ -]?[0-9][A-Za-z0-9 ./-]{2,30}"
_MONEY = r"(?:[A-Z]{3}|[$\u20ac\u00a3\u00a5])?[ ]?-?[0-9][0-9., '\u2019]*[ ]?(?:[A-Z]{3}|[$\u20ac\u00a3\u00a5]|[kKM])?"
_DATE = r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}(?:[T ].{0,20})?|[0-9]{8}|.{0,12}[A-Za-z]{3,9}.{0,12}[0-9]{2,4}"
_ANY = r"(?s:.{1,200})"


@dataclass(frozen=True, slots=True)
class Key:
    """Keys that say what is under them: `name` is looked for in keys of words joined by `_`, `form` is all of a value."""

    entity: str
    name: str = field(repr=False)
    form: str = field(repr=False)


KEYS = (
    Key(
        "KEY_SSN",
        r"ssn|sin|social_security(?:_(?:number|no|num))?|socialsecurity(?:number)?|nino|national_insurance_\w+",
        _DIGITS,
    ),
    Key(
        "KEY_NATIONAL_ID",
        r"national_id(?:entity)?(?:_\w+)?|id_card(?:_\w+)?|personal_(?:id|number|code)|cpf|curp|aadhaar|pesel|bsn",
        _NUMBER,
    ),
    Key("KEY_TAX_ID", r"tax_?id|tax_number|tin|itin|steuer_?id|vat_id", _NUMBER),
    Key("KEY_PASSPORT", r"passport(?:_(?:number|no|num|id))?", _NUMBER),
    Key("KEY_DRIVER_LICENSE", r"driver_?s?_licen[cs]e(?:_\w+)?|driving_licen[cs]e(?:_\w+)?|dl_(?:number|no)", _NUMBER),
    Key("KEY_IBAN", r"iban", r"[A-Za-z]{2}[0-9]{2}[A-Za-z0-9 ]{8,40}"),
    Key(
        "KEY_BANK_ACCOUNT",
        r"bank_account(?:_\w+)?|account_(?:number|no)|routing_number|sort_code|acct_(?:number|no)",
        _NUMBER,
    ),
    Key("KEY_CARD", r"card_(?:number|no)|credit_card(?:_\w+)?|cc_(?:number|num)|pan", r"[0-9Xx*][0-9Xx* -]{10,24}"),
    Key("KEY_CVV", r"cvv2?|cvc2?|card_verification\w*|security_code", r"[0-9]{3,4}"),
    Key("KEY_PIN", r"pin|pin_code", r"[0-9]{4,8}"),
    Key(
        "KEY_SALARY",
        r"(?:base_|gross_|net_|annual_|monthly_)?(?:salary|salaries|wages?|pay|compensation|remuneration|income|bonus)(?:_amount)?",
        _MONEY,
    ),
    Key("KEY_BIRTH_DATE", r"dob|birth_?(?:date|day)|date_of_birth|born(?:_on)?|bday", _DATE),
    Key(
        "KEY_ADDRESS",
        r"(?:street|home|mailing|postal|billing|shipping|residential)_address|street(?:_?line)?_?[12]?|address_?line_?[12]?",
        r"(?s:.{0,160}\w.{0,160})",
    ),
    Key(
        "KEY_PHONE",
        r"(?:(?:home|work|mobile|cell|office)_)?(?:phone|mobile|telephone|tel|fax|cell)(?:_(?:number|no))?",
        r"[+(]?[0-9][0-9 ()./+-]{5,24}(?:x[0-9]+)?",
    ),
    Key("KEY_GENDER", r"gender|sex", r"[A-Za-z][A-Za-z -]{0,24}"),
    Key("KEY_RELIGION", r"religion|ethnicity|race|political_party|sexual_orientation", r"[^\W\d_][\w /-]{1,40}"),
    Key("KEY_DIAGNOSIS", r"diagnos[ei]s(?:_\w+)?|medical_condition|icd_?(?:9|10)(?:_code)?|allerg(?:y|ies)", _ANY),
    Key("KEY_RECORD_NUMBER", r"mrn|medical_record_(?:number|no)|patient_(?:id|number)", _NUMBER),
)

_step = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_compiled = tuple((key, re.compile(key.name), re.compile(key.form)) for key in KEYS)


def patterns() -> list[Pattern]:
    """Look for the keys in names; each only where a policy asks for its entity."""
    return [
        Pattern(f"{key.entity}.named", _loose(key.name), ignore_case=True, finds=key.entity, in_name=True)
        for key in KEYS
    ]


def find(entity: str, name: str, value: str) -> Confidence | None:
    """Say how sure it is that the key promises the entity and the value has its form; None: it is not."""
    said = _entity(name)
    if said is None or said[0].entity != entity or not said[1].fullmatch(value.strip()):
        return None
    return Confidence.HIGH


def found(its: Iterator[str] | set[str], name: str, value: str) -> Iterator[tuple[str, Confidence]]:
    """Give the entities that the key and the form of its value promise, out of the patterns that matched."""
    for pattern in sorted(its):
        entity, _, kind = pattern.partition(".")
        if kind == "named" and (sure := find(entity, name, value)):
            yield entity, sure


@lru_cache(maxsize=8192)
def _entity(name: str) -> tuple[Key, re.Pattern[str]] | None:
    words = [word.lower() for word in _step.split(name) if word]
    # All of the key, or what is left of it after words in front: `employeeSsn`, `customer_date_of_birth`.
    for first in range(min(len(words), 3)):
        joined = "_".join(words[first:])
        for key, expression, form in _compiled:
            if expression.fullmatch(joined):
                return key, form
    return None


def _loose(name: str) -> str:
    # A key ends with what it says: `tin` is looked for in `tax_tin`, and not in `waiting`.
    return "(?:" + name.replace("_", "[^A-Za-z0-9]{0,2}") + r")(?:\b|_)"
