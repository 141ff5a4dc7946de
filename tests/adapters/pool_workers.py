"""What the pool's tests run in worker processes; imported there by name."""

import os
import time
from collections.abc import Sequence

from dlp.core.errors import PluginError
from dlp.core.finding import Finding
from dlp.core.label import DataClass
from dlp.core.message import Part

_loaded: list[float] = []
_kept: list[bytearray] = []


def prepare(seconds: float = 0.0) -> None:
    """Load slowly, as a model does."""
    time.sleep(seconds)
    _loaded.append(seconds)


def classify(parts: Sequence[Part]) -> list[Finding]:
    """Do what the first part says."""
    text = parts[0].text
    if text == "slow":
        began = time.monotonic()
        time.sleep(0.5)
        return [Finding(0, 0, len(text), DataClass("x"), f"{began} {time.monotonic()}")]
    if text == "hang":
        time.sleep(60)
    if text == "die":
        os._exit(1)
    if text == "grow":
        _kept.append(bytearray(400_000_000))
    if text == "grow in a plugin":
        try:
            _kept.append(bytearray(400_000_000))
        except MemoryError:
            raise PluginError("plugin x: classify: MemoryError") from None
    if text == "raise":
        msg = "a-secret-value"
        raise RuntimeError(msg)
    return [Finding(0, 0, len(text), DataClass("x"), f"worker/{len(_loaded)}")]


def prepare_badly() -> None:
    """Fail to load, as a plugin without its model does."""
    msg = "a-secret-value"
    raise RuntimeError(msg)
