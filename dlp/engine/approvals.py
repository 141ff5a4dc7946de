"""Approvals: what a person was asked, what they said, and what that allows once."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

import orjson

from dlp.core.errors import DlpError
from dlp.core.ports import Clock, Random, Store

_SCOPE = "approvals"


class ApprovalError(DlpError):
    """Whoever answered an approval must do it differently, or cannot do it any more."""


class Answer(StrEnum):
    """How far an approval has come. Time makes `PENDING` and `APPROVED` into `EXPIRED`, which counts as denied."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to a person about one exact action, and its answer.

    `binding` is the hash of the action. `summary` holds names, paths and counts, never a value. `until` is when the
    current answer ends, in seconds since the epoch: a pending question expires, a grant lapses, a denial may be asked
    about anew. `by` is who answered.
    """

    id: str
    session: str
    binding: str
    approvers: tuple[str, ...]
    asked: float
    ttl: float
    summary: Mapping[str, object] = field(default_factory=dict)
    answer: Answer = Answer.PENDING
    by: str = ""
    answered: float = 0.0

    @property
    def until(self) -> float:
        """When the current answer ends."""
        return (self.answered or self.asked) + self.ttl


class Approvals:
    """The approvals in a store. Whatever two processes do at once, one answer and one use win."""

    def __init__(self, store: Store, clock: Clock, random: Random) -> None:
        self._store = store
        self._clock = clock
        self._random = random

    def request(
        self, session: str, binding: str, summary: Mapping[str, object], approvers: tuple[str, ...], ttl: float
    ) -> Approval:
        """Ask for a review by one of `approvers`, or find that it was asked already.

        The identical request finds the same approval while that is pending, granted or freshly denied. It opens a new
        one after a use, an expiry, and where the grant came from someone who is not among these `approvers`.
        """
        for turn, old in enumerate(self._turns(session, binding)):
            if old is None:
                return self._open_turn(session, binding, turn, summary, approvers, ttl)
            match old.answer:
                case Answer.PENDING:
                    return old
                case Answer.APPROVED if old.by in approvers:
                    return old
                case Answer.DENIED if self._clock() <= old.until:
                    return old
                case _:  # used, expired, or granted by someone else: the next turn
                    pass
        raise AssertionError  # the turns never end

    def answer(self, name: str, *, approve: bool, by: str) -> Approval:
        """Record what `by`, one of the approvers, said; return the approval as it now is.

        Raises:
            ApprovalError: there is no such approval, `by` may not answer it, or it is answered or expired.

        """
        approval = self.status(name)
        if approval is None:
            raise ApprovalError(f"approval {name}: there is none; `dlp approvals list` shows those that wait")
        if by not in approval.approvers or by == approval.session:
            known = ", ".join(approval.approvers)
            raise ApprovalError(f"approval {name}: {by!r} may not answer it; expected one of: {known}")
        if approval.answer is Answer.PENDING:
            answer = Answer.APPROVED if approve else Answer.DENIED
            said = orjson.dumps({"answer": answer, "by": by, "time": self._clock()})
            if self._store.put(_SCOPE, "answer", name.encode(), said) == said:
                return self._read(name)
            approval = self._read(name)
        raise ApprovalError(
            f"approval {name}: it is {approval.answer} already" + f", by {approval.by}" * bool(approval.by)
        )

    def status(self, name: str) -> Approval | None:
        """Return an approval as it is now."""
        try:
            return self._read(name)
        except LookupError:
            return None

    def list(self, session: str = "") -> tuple[Approval, ...]:
        """Return all approvals, oldest first, or those of one session."""
        found = (self._read(name.decode()) for name, _ in self._store.items(_SCOPE, "request"))
        return tuple(approval for approval in found if session in ("", approval.session))

    def granted(self, session: str, binding: str) -> tuple[Approval, ...]:
        """Return the grants that this exact action may use now; the one who delivers it consumes them."""
        found = []
        for approval in self._turns(session, binding):
            if approval is None:
                break
            if approval.answer is Answer.APPROVED:
                found.append(approval)
        return tuple(found)

    def grant(self, session: str, binding: str) -> tuple[str, ...]:
        """Return who has agreed to this exact action, as far as it is approved, in time and not yet used."""
        return tuple(approval.by for approval in self.granted(session, binding))

    def consume(self, name: str) -> bool:
        """Use a grant up; False if it is none any more, or someone else was first."""
        approval = self.status(name)
        if approval is None or approval.answer is not Answer.APPROVED:
            return False
        mine = self._random(16)
        return self._store.put(_SCOPE, "used", name.encode(), mine) == mine

    def _turns(self, session: str, binding: str) -> Iterator[Approval | None]:
        """Yield the approvals of one action, oldest first, then None for ever: each is the next turn to be taken."""
        turn = 0
        while True:
            name = self._store.get(_SCOPE, "turn", _turn_key(session, binding, turn))
            yield None if name is None else self._read(name.decode())
            turn += 1

    def _open_turn(
        self,
        session: str,
        binding: str,
        turn: int,
        summary: Mapping[str, object],
        approvers: tuple[str, ...],
        ttl: float,
    ) -> Approval:
        name = base64.b32encode(self._random(10)).decode().lower()
        asked = self._clock()
        record = {
            "session": session,
            "binding": binding,
            "approvers": approvers,
            "asked": asked,
            "ttl": ttl,
            "summary": dict(summary),
        }
        with self._store.batch():
            first = self._store.put(_SCOPE, "turn", _turn_key(session, binding, turn), name.encode())
            if first != name.encode():
                return self._read(first.decode())
            self._store.put(_SCOPE, "request", name.encode(), orjson.dumps(record))
        return self._read(name)

    def _read(self, name: str) -> Approval:
        key = name.encode("utf-8", "surrogatepass")
        content = self._store.get(_SCOPE, "request", key)
        if content is None:
            raise LookupError(name)
        record = orjson.loads(content)
        approval = Approval(
            id=name,
            session=record["session"],
            binding=record["binding"],
            approvers=tuple(record["approvers"]),
            asked=record["asked"],
            ttl=record["ttl"],
            summary=MappingProxyType(record["summary"]),
        )
        said = self._store.get(_SCOPE, "answer", key)
        if said is not None:
            told = orjson.loads(said)
            approval = replace(approval, answer=Answer(told["answer"]), by=told["by"], answered=told["time"])
        if approval.answer is Answer.APPROVED and self._store.get(_SCOPE, "used", key) is not None:
            return replace(approval, answer=Answer.USED)
        if approval.answer in (Answer.PENDING, Answer.APPROVED) and self._clock() > approval.until:
            return replace(approval, answer=Answer.EXPIRED)
        return approval


def _turn_key(session: str, binding: str, turn: int) -> bytes:
    return f"{session}\0{binding}\0{turn}".encode()
