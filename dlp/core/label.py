"""Names for what data is, what was done to it and where it came from; whatever labels are made of lives here."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NewType

DataClass = NewType("DataClass", str)
"""A kind of sensitive data, dotted, as in `pii.email`."""

State = NewType("State", str)
"""What the proxy's own transforms made of a value: one of the constants below, or the name of a recipe."""

OPAQUE = DataClass("opaque")
"""The class of a part that nobody could read."""

RAW = State("raw")
DERIVED = State("derived")
TOKENISED = State("tokenised")
GENERALISED = State("generalised")
MASKED = State("masked")
HASHED = State("hashed")
REDACTED = State("redacted")
STATES = (RAW, DERIVED, TOKENISED, GENERALISED, MASKED, HASHED, REDACTED)

SANDBOX = "sandbox"
"""The name of the sandbox, as the sink of what is inbound and the source of what nothing else accounts for."""

UNLISTED = "unlisted"
"""The source of an inbound message whose address no source of the policy names."""


class Level(StrEnum):
    """How sensitive a class is; it sets the default tracking."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class Tracking(StrEnum):
    """How a class is followed after it entered the sandbox in the clear (semantics: sound and coarse first)."""

    SESSION = "session"
    GUARDED = "guarded"
    VALUE = "value"
    NONE = "none"


DEFAULT_TRACKING = {
    Level.RESTRICTED: Tracking.SESSION,
    Level.CONFIDENTIAL: Tracking.GUARDED,
    Level.INTERNAL: Tracking.VALUE,
    Level.PUBLIC: Tracking.NONE,
}


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """A data class in a state, from a source. Labels join by union."""

    data_class: DataClass
    state: State
    source: str


@lru_cache(maxsize=65536)
def ancestors(name: str) -> tuple[str, ...]:
    """Return `name` and every dotted prefix of it, narrowest first: `a.b.c`, `a.b`, `a`."""
    steps = name.split(".")
    return tuple(".".join(steps[:end]) for end in range(len(steps), 0, -1))
