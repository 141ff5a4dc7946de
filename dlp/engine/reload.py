"""Which policy may follow which: versions rise, and one that is older is taken up only if somebody said so."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from dlp.core.errors import DlpError, PolicyError
from dlp.core.policy import Policy
from dlp.core.ports import Store

_SCOPE = "policy"
_KIND = "accepted"
_PIECE = re.compile(r"[0-9]+|[^0-9.]+")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A version of a policy that ran, or that somebody accepted by force."""

    name: str
    version: str
    digest: str
    time: float
    forced: bool = False


def older(version: str, than: str) -> bool:
    """Tell whether a version is older than another: numbers between dots count as numbers, all else as text.

    No version at all is older than any.
    """
    return _key(version) < _key(than)


def _key(version: str) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    # 1.10 is newer than 1.9, and 1.0-b than 1.0-a; a text stands before a number, so 1.rc1 comes before 1.1.
    return tuple(
        tuple((1, int(piece), "") if piece.isdigit() else (0, 0, piece) for piece in _PIECE.findall(step))
        for step in version.split(".")
        if version
    )


def accepted(store: Store, name: str) -> Accepted | None:
    """Return the version of a policy that was last accepted: what is older may not replace it."""
    found = [orjson.loads(value) for _, value in store.items(_SCOPE, _KIND)]
    mine = [one for one in found if one["name"] == name]
    return Accepted(**mine[-1]) if mine else None


def accept(store: Store, policy: Policy, now: float, *, forced: bool = False) -> None:
    """Record that a policy runs, or that somebody wants it to; one that is recorded already is not recorded again."""
    last = accepted(store, policy.name)
    if last is not None and (last.version, last.digest) == (policy.version, policy.digest):
        return
    entry = {
        "name": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "time": now,
        "forced": forced,
    }
    number = store.take_number(_SCOPE, _KIND)
    store.put(_SCOPE, _KIND, number.to_bytes(8), orjson.dumps(entry))


def check_rollback(store: Store, policy: Policy) -> None:
    """Refuse a policy that is older than the one last accepted.

    Raises:
        PolicyError: it is older.

    """
    last = accepted(store, policy.name)
    if last is not None and older(policy.version, last.version):
        raise PolicyError(
            f"policy {policy.name}: expected version {last.version} or a newer one, got {policy.version or 'none'}: a "
            "rollback; raise the version, or run `dlp rules accept --force`"
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What came of looking at the policy's files again. One of `policy` (to be taken up), `error`, or neither."""

    policy: Policy | None = None
    error: str = ""


def reconsider(running: Policy, store: Store, load: Callable[[], Policy]) -> Step:
    """Load the policy anew and say whether it is to be taken up; what cannot be loaded or is older is not."""
    try:
        new = load()
        if new.digest == running.digest:
            return Step()
        check_rollback(store, new)
    except DlpError as error:
        return Step(error=str(error))
    return Step(policy=new)
