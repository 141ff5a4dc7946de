"""What an adapter must do with a message."""

from dataclasses import dataclass

from dlp.core.edit import Edit
from dlp.core.message import Direction


@dataclass(frozen=True, slots=True)
class Forward:
    """Deliver the message with these edits made; without edits, its original bytes."""

    event: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not deliver the message; tell the sandbox this instead. Nothing here holds a protected value.

    `kind` is the last word of the problem's type (`flow`, `identity`, `approval`, `limit`, `unreadable`, `error`, …),
    `next` what to do next, `event` the decision's id. `approval` names a pending approval to poll.
    """

    kind: str
    title: str
    detail: str
    event: str
    trace: str
    direction: Direction = Direction.OUTBOUND
    next: str = ""
    rule: str = ""
    says: str = ""
    missing: tuple[str, ...] = ()
    approval: str = ""
    retryable: bool = False


type Outcome = Forward | Refuse
