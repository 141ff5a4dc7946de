"""Sessions: who a sandbox is, until when, and under which key its values are kept."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

import orjson

from dlp.core.errors import ConfigError, StoreError
from dlp.core.message import Fact, Facts
from dlp.core.ports import Clock, Random, Store
from dlp.engine.continuing import carry
from dlp.engine.keys import KEY_LENGTH, MasterKey, Seal

_SCOPE = "sessions"  # where all sessions are listed; a session's own scope is its id
_TENANT = "tenant"  # what is kept beyond sessions
_FACTS = b"facts"
_MOST_REMEMBERED = 65_536


class Status(StrEnum):
    """How far a session's life has come; it only ever moves down this list."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What the orchestrator said of a session when it opened it.

    `opened` is in seconds since the epoch. `facts` are trusted: the sandbox has no part in them. They are empty once
    the session's key is destroyed.
    """

    id: str
    agent: str
    purpose: str
    opened: float
    facts: Facts = field(default_factory=dict, repr=False)  # may hold recipients
    status: Status = Status.OPEN


class Sessions:
    """The sessions in a store, as this process sees them.

    What it has read it keeps until another connection writes to the store, so that a session closed by another process
    is closed for the next message.
    """

    def __init__(self, store: Store, key: MasterKey, clock: Clock, random: Random) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._random = random
        self._stamp: object = None
        self._open: dict[str, tuple[bytes, SessionInfo]] = {}
        self._seals: dict[str, Seal] = {}
        self._tenant: Seal | None = None

    def open(
        self,
        agent: str,
        purpose: str = "",
        facts: Facts = MappingProxyType({}),
        *,
        continues: str = "",
    ) -> tuple[SessionInfo, str]:
        """Open a session; return it with its secret, which is shown this once and kept nowhere.

        One that `continues` another gets that one's workspace, and with it all that its sandbox has seen.

        Raises:
            ConfigError: there is no session to continue, or it is open still and may see more.

        """
        self._check_continued(continues)
        # 100 bits in lower case: safe in a URL, a file name, a shell, and as the user in a proxy's credentials.
        name = base64.b32encode(self._random(13)).decode().rstrip("=").lower()[:20]
        secret = base64.urlsafe_b64encode(self._random(32)).decode().rstrip("=")
        data_key = self._random(KEY_LENGTH)
        sealed = Seal(data_key, self._random).seal(orjson.dumps(dict(facts)), _FACTS)
        info = SessionInfo(name, agent, purpose, self._clock(), _frozen(facts))
        record = {
            "agent": agent,
            "purpose": purpose,
            "opened": info.opened,
            "secret": hashlib.sha256(secret.encode()).hexdigest(),
            "facts": base64.b64encode(sealed).decode(),
        }
        with self._store.batch():
            self._store.put(_key_scope(name), "key", b"", self._key.wrap(data_key, name.encode()))
            self._store.put(_SCOPE, "session", name.encode(), orjson.dumps(record))
            if continues:
                left = self._store.get(_key_scope(continues), "key", b"") is not None
                old = Seal(self.data_key(continues), self._random) if left else None
                carry(self._store, continues, name, old, Seal(data_key, self._random))
        return info, secret

    def _check_continued(self, name: str) -> None:
        if not name:
            return
        info = self.get(name)
        if info is None:
            raise ConfigError(f"session {name}: there is none that could be continued; see `dlp session list`")
        if info.status is Status.OPEN:
            raise ConfigError(
                f"session {name}: it is open and may see more; close it before its workspace is handed on"
            )

    def authenticate(self, name: str, secret: str) -> SessionInfo | None:
        """Return the session that these credentials are for, if it is open; None for all else, frozen ones included."""
        self._forget_if_stale()
        known = self._open.get(name) or self._load(name)
        given = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        if known is None or not hmac.compare_digest(given, known[0]):
            return None
        return known[1]

    def alive(self, name: str, stamp: object = None) -> bool:
        """Return whether a session is open now: what to ask before the last byte of a message leaves."""
        self._forget_if_stale(stamp)
        return (self._open.get(name) or self._load(name)) is not None

    def get(self, name: str) -> SessionInfo | None:
        """Return a session, whatever its status."""
        record = self._store.get(_SCOPE, "session", _encoded(name))
        return None if record is None else self._info(name, orjson.loads(record))

    def list(self) -> tuple[SessionInfo, ...]:
        """Return all sessions, oldest first."""
        return tuple(
            self._info(name.decode(), orjson.loads(record)) for name, record in self._store.items(_SCOPE, "session")
        )

    def freeze(self, name: str) -> SessionInfo | None:
        """Stop a session at once and keep all it holds; None if there is no such session. Nothing thaws it."""
        return self._end(name, Status.FROZEN)

    def close(self, name: str, *, destroy: bool = True) -> SessionInfo | None:
        """End a session; None if there is no such session.

        With `destroy` its data key is destroyed, which erases every value kept for it. Its taint stays: labels hold no
        values, and a kept workspace needs them.
        """
        info = self._end(name, Status.CLOSED)
        if info is not None and destroy:
            self._store.drop(_key_scope(name))
            self._seals.pop(name, None)
            info = replace(info, facts=MappingProxyType({}))
        return info

    def data_key(self, name: str) -> bytes:
        """Return the key that a session's values are kept under.

        Raises:
            StoreError: it was destroyed, or there is no such session.

        """
        wrapped = self._store.get(_key_scope(name), "key", b"")
        if wrapped is None:
            raise StoreError(
                f"session {name}: its key was destroyed when it was closed, or it never was; open a new one"
            )
        return self._key.unwrap(wrapped, name.encode())

    def seal(self, name: str) -> Seal:
        """Return the seal over a session's data key, made once while nobody else writes; raises as `data_key` does."""
        self._forget_if_stale()
        seal = self._seals.get(name)
        if seal is None:
            seal = self._seals[name] = Seal(self.data_key(name), self._random)
        return seal

    def tenant_seal(self) -> Seal:
        """Return the seal over the tenant's data key, which is made when it is first asked for."""
        if self._tenant is None:
            wrapped = self._store.get(_TENANT, "key", b"")
            if wrapped is None:
                made = self._key.wrap(self._random(KEY_LENGTH), _TENANT.encode())
                wrapped = self._store.put(_TENANT, "key", b"", made)
            self._tenant = Seal(self._key.unwrap(wrapped, _TENANT.encode()), self._random)
        return self._tenant

    def _end(self, name: str, status: Status) -> SessionInfo | None:
        self._open.pop(name, None)
        if self._store.get(_SCOPE, "session", _encoded(name)) is None:
            return None
        self._store.add(_SCOPE, status, [name.encode()])
        return self.get(name)

    def _forget_if_stale(self, stamp: object = None) -> None:
        # INVARIANT: the stamp is taken before anything is read, so that a write in between is seen next time.
        if stamp is None:
            stamp = self._store.stamp()
        if stamp != self._stamp or len(self._open) > _MOST_REMEMBERED:
            self._stamp = stamp
            self._open.clear()
            self._seals.clear()

    def _load(self, name: str) -> tuple[bytes, SessionInfo] | None:
        content = self._store.get(_SCOPE, "session", _encoded(name))
        if content is None:
            return None
        record = orjson.loads(content)
        info = self._info(name, record)
        if info.status is not Status.OPEN:
            return None
        known = self._open[name] = (bytes.fromhex(record["secret"]), info)
        return known

    def _info(self, name: str, record: Mapping[str, object]) -> SessionInfo:
        member = [name.encode()]
        status = Status.OPEN
        for later in (Status.FROZEN, Status.CLOSED):
            if self._store.present(_SCOPE, later, member):
                status = later
        facts: Facts = MappingProxyType({})
        if self._store.get(_key_scope(name), "key", b"") is not None:
            sealed = base64.b64decode(str(record["facts"]))
            facts = _frozen(orjson.loads(Seal(self.data_key(name)).open(sealed, _FACTS)))
        opened = record["opened"]
        if not isinstance(opened, float | int):
            raise StoreError(f"session {name}: expected a number for when it was opened; the store was changed")
        return SessionInfo(name, str(record["agent"]), str(record["purpose"]), opened, facts, status)


def _frozen(facts: Mapping[str, Fact | list[str]]) -> Facts:
    return MappingProxyType({name: tuple(fact) if isinstance(fact, list) else fact for name, fact in facts.items()})


def _key_scope(name: str) -> str:
    return f"{name}/key"


def _encoded(name: str) -> bytes:
    # A name from outside may be any text at all; one that is no session's is simply not found.
    return name.encode("utf-8", "surrogatepass")
