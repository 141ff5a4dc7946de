"""Which policy a running proxy enforces: said in a file beside its address, for commands that ask."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from dlp.config import Settings


def policy_file(settings: Settings) -> Path:
    """Return the file in which a running proxy says which policy it enforces."""
    return settings.state / "policy.json"


def tell(settings: Settings, health: Mapping[str, object]) -> None:
    """Say which policy is enforced, whole or not at all; that it cannot be said is no reason to stop."""
    path = policy_file(settings)
    new = path.with_suffix(".new")
    with suppress(OSError):
        new.write_bytes(orjson.dumps(dict(health) | {"pid": os.getpid(), "time": time.time()}))
        new.replace(path)


def told(settings: Settings) -> Mapping[str, object]:
    """Return what a running proxy said of its policy; nothing where none did."""
    try:
        content = orjson.loads(policy_file(settings).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
