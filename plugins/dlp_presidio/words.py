"""What the key of a text says about it: context words, and whether a person's name is to be expected."""

import re
from functools import lru_cache

from dlp_presidio.look import NAME_KEY

_step = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
_particles = "de|da|do|dos|das|di|del|della|der|den|van|von|vom|zu|bin|ibn|al|el|la|le|ter|ten|y|e|and"
_part = r"[^\W\d_a-z](?:[\w'\u2019\-]*\w|\.)?\.?"
_name = re.compile(rf"(?:{_part}|{_particles})(?:,? (?:{_part}|{_particles}|[IVX]+)){{0,4}}").fullmatch
_names = re.compile(rf"{NAME_KEY}").fullmatch

_CERTAIN = frozenset({"first", "last", "full", "given", "family", "middle", "maiden", "legal", "preferred", "birth"})
_PEOPLE = frozenset(  # lists of words read best as words
    """
    surname forename firstname lastname fullname employee manager customer contact person author reviewer assignee
    patient recipient sender candidate applicant cardholder holder signer guest member attendee supervisor colleague
    """.split()  # noqa: SIM905
)
_THINGS = frozenset(
    """
    product company file host domain event class brand item service bucket table column model city state country street
    channel project repo branch tag field key type group team department role organization organisation org account app
    plan currency region zone package display user login screen nick image function method module variable category
    title id status url email mail phone number address date code count total since at by
    """.split()  # noqa: SIM905
)
_LONGEST = 80


@lru_cache(maxsize=8192)
def context_words(name: str, path: str) -> tuple[str, ...]:
    """Return the words of a part's key and of the step above it, lower case: `homePhone` is `home`, `phone`."""
    steps = [step for step in path.replace("~1", "/").replace("~0", "~").split("/") if step and not step.isdigit()]
    near = [*steps[-2:], name]
    return tuple(dict.fromkeys(word.lower() for step in near for word in _step.findall(step)))


@lru_cache(maxsize=8192)
def person_score(name: str, path: str, text: str) -> float:
    """Return how sure it is that `text`, all of a leaf, is a person's name, given the keys it stands under."""
    if len(text) > _LONGEST or not _name(text) or text.isupper():
        return 0.0
    steps = [step for step in path.split("/") if step and not step.isdigit()]
    own = [word.lower() for word in _step.findall(name or (steps[-1] if steps else ""))]
    above = {word.lower() for step in steps[-2:-1] for word in _step.findall(step)}
    if not own or not any(_names(word) or word in _PEOPLE for word in own):
        return 0.0
    words = set(own)
    if words & _THINGS and not words & _PEOPLE:
        return 0.0
    singular = {word.removesuffix("s") for word in words | above}
    if words & _CERTAIN or singular & _PEOPLE:
        return 0.85
    return 0.6 if " " in text else 0.4
