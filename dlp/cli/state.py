"""What the settings' state folder holds, opened for one command: the same store that a running proxy uses."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dlp.config import Settings, load_settings
from dlp.core.errors import ConfigError
from dlp.core.ports import Store
from dlp.engine.approvals import Approvals
from dlp.engine.keys import load_key
from dlp.engine.sessions import Sessions
from dlp.stores.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class State:
    """Settings, and what is kept below their state folder."""

    settings: Settings
    store: Store
    sessions: Sessions
    approvals: Approvals


@contextmanager
def opened(config: Path) -> Iterator[State]:
    """Open the state that the settings in `config` name, until the block ends.

    Raises:
        ConfigError: there are no such settings, or `dlp init` was not run.

    """
    settings = load_settings(config)
    path = store_file(settings)
    if not path.exists():
        raise ConfigError(f"{path}: there is no store; `dlp init` makes one")
    key = load_key(key_file(settings))
    store = SqliteStore(path, power=settings.durability == "power")
    try:
        sessions = Sessions(store, key, time.time, os.urandom)
        yield State(settings, store, sessions, Approvals(store, time.time, os.urandom))
    finally:
        store.close()


def store_file(settings: Settings) -> Path:
    """Return where the store is."""
    return settings.state / "state.db"


def key_file(settings: Settings) -> Path:
    """Return where the master key is."""
    return settings.state / "key"


def audit_file(settings: Settings) -> Path:
    """Return where the audit log is."""
    return settings.state / "audit.jsonl"


def mcp_socket(settings: Settings) -> Path:
    """Return where `dlp mcp wrap` hands in what it wraps."""
    return settings.state / "mcp.sock"


def admin_socket(settings: Settings) -> Path:
    """Return where the admin API listens."""
    return settings.state / "admin.sock"
