"""Facts about a message's labels and a session's past that the proxy works out for rules which combine.

Their names hold a space, so that nothing which a message, a plugin or an orchestrator states can pass for one.
"""

PRESENT = "labels present"
"""The labels of all flows of the message, each as `state class`; `decide()` itself states it."""

UNTRUSTED = "read untrusted"
"""Whether the session has read untrusted content in the clear."""

_DISTINCT = "distinct "
_READ_FROM = "read from "
_READ_DATA = "read data "
_TRACED = "traced "


def distinct(data_class: str) -> str:
    """Return the name of the fact how many distinct values of a class, and of those below it, the message has."""
    return _DISTINCT + data_class


def read_from(source: str) -> str:
    """Return the name of the fact whether the session has read from a source, or one inside it."""
    return _READ_FROM + source


def read_data(data_class: str) -> str:
    """Return the name of the fact whether the session has read data of a class in any form but tokens."""
    return _READ_DATA + data_class


def traced(fact: str) -> str:
    """Return the name of the fact whether another fact's value comes from untrusted content."""
    return _TRACED + fact


def kind_of(name: str) -> tuple[str, str]:
    """Return what a fact is about, as `distinct`, `from`, `data`, `traced` or "", and the name of that."""
    for kind, prefix in (("distinct", _DISTINCT), ("from", _READ_FROM), ("data", _READ_DATA), ("traced", _TRACED)):
        if name.startswith(prefix):
            return kind, name.removeprefix(prefix)
    return "", ""
