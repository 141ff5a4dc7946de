"""Wider terms: a band for a number, a year for a date, the class for anything else."""

import re
from decimal import Decimal

_number = re.compile(
    r"([^\w.,+-]{0,4}|[A-Z]{3} ?)?([+-]?(?:\d{1,3}(?:[, '\u00a0]\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)"
    r"( ?(?:[A-Z]{3}|[^\w\s]{1,2}))?"
)
_grouping = re.compile(r"[, '\u00a0]")
_year = re.compile(r"(?<!\d)(1[89]\d{2}|20\d{2}|21\d{2})(?!\d)")
_dated = re.compile(
    r"\d{4}-\d{1,2}(?:-\d{1,2})?(?:[T ][\d:.,+\-Z ]*)?|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}/\d{1,2}/\d{1,2}"
    r"|(?:\d{1,2}\.? )?[A-Za-z]{3,9}\.?,? (?:\d{1,2},? )?\d{4}"
)


_UNITS = ((9, "bn"), (6, "M"), (3, "k"))


def generalise(data_class: str, text: str) -> str:
    """Return a term that `text` falls under and that many other values share.

    A date becomes its year, a number the band of its first digit, so that 84500 becomes "80k-90k"; anything else
    becomes the last word of its class, as in "<PERSON>". A band's end is not in it.
    """
    stripped = text.strip()
    if _dated.fullmatch(stripped) and (year := _year.search(stripped)):
        return year.group()
    if match := _number.fullmatch(stripped):
        return band(Decimal(_grouping.sub("", match.group(2))))
    return f"<{data_class.rsplit('.', 1)[-1].upper()}>"


def band(number: Decimal) -> str:
    """Return the band of `number`: its first digit and the next, at their power of ten.

    Thousands are written "k", so that a round number is not to be read in its own band: what still holds the value that
    it stands for is refused.
    """
    if number.is_zero():
        return "under 1"
    size = number.copy_abs()
    digit, power = size.as_tuple().digits[0], size.adjusted()
    low, high = _written(digit, power), _written(digit + 1, power)
    return f"{low}-{high}" if number > 0 else f"minus {low}-{high}"


def _written(digit: int, power: int) -> str:
    for zeros, unit in _UNITS:
        if power >= zeros:
            return f"{digit * 10 ** (power - zeros)}{unit}"
    return f"{Decimal(digit).scaleb(power):f}"
