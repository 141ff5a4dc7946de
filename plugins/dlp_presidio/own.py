"""Recognizers beyond Presidio's, which need no model: where the scan has to point to them, and which of them to run.

Everything they go by is a form or a cue; the only lists of names are of countries and what their people are called.
Scores are Presidio's: from 0.5 on medium, from 0.8 on high confidence; what only looks like it stays low, so that
policies which ask for `medium` are not drowned.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from dlp.core.finding import Confidence
from dlp.core.ports import Asked, Pattern
from dlp_presidio import addresses, formats, numbers, people, places
from dlp_presidio.cues import Context, Find, Seen

MEDIUM, HIGH = 0.5, 0.8
"""Scores from which a finding is of medium and of high confidence. A valid check digit scores 1.0, the model 0.85, a
format with a context word mostly 0.75 to 0.85, a format alone 0.4 to 0.6."""

_FINDERS: Mapping[str, Find] = {
    "STREET_ADDRESS": addresses.addresses,
    "ZIP_CODE": addresses.codes,
    "AGE": people.ages,
    "TITLE": people.titles,
    "PERSON": people.people,
    "ORGANIZATION": places.organisations,
    "LOCATION": places.places,
    "NRP": places.groups,
    "DATE_TIME": places.moments,
    "IBAN_CODE": numbers.ibans,
    "CREDIT_CARD": numbers.cards,
    "PHONE_NUMBER": numbers.phones,
    "US_DRIVER_LICENSE": numbers.licences,
    "EMAIL_ADDRESS": formats.mails_seen,
    "CRYPTO": formats.wallets_seen,
}
_LOOKS = (*addresses.LOOKS, *people.LOOKS, *places.LOOKS, *numbers.LOOKS, *formats.LOOKS)
"""Where they may match: a title, an expression, and the most confident finding that a match leads to by itself.

`ENTITY.own` is a reason by itself, or beside what `_LIFTED` names; `ENTITY.own-weak` is for what stays low.
"""

_LIFTED = {"STREET_ADDRESS.own": ("STREET_ADDRESS.own-context",), "CREDIT_CARD.own": ("CREDIT_CARD.own-context",)}
_AS_WRITTEN = ("PERSON.own",)  # ms is a unit of time
_WEAKEST = {"STREET_ADDRESS": (Confidence.LOW, Confidence.MEDIUM)}

ENTITIES = tuple(_FINDERS)
KINDS = ("own", "own-weak", "own-context", "own-sure")
FLOOR = {Confidence.LOW: 0.0, Confidence.MEDIUM: MEDIUM, Confidence.HIGH: HIGH}
_KIND = {f"{entity}.own": (entity, False) for entity in ENTITIES}
_KIND |= {f"{entity}.own-sure": (entity, False) for entity in ENTITIES}
_KIND |= {f"{entity}.own-weak": (entity, True) for entity in ENTITIES} | {"PHONE_NUMBER": ("PHONE_NUMBER", False)}


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


def patterns() -> list[Pattern]:
    """Say where these recognizers may match."""
    return [
        Pattern(
            title,
            expression,
            ignore_case=title not in _AS_WRITTEN,
            finds=title.partition(".")[0],
            alone=alone,
            lifted_by=_LIFTED.get(title, ()),
        )
        for title, expression, alone in _LOOKS
    ]
