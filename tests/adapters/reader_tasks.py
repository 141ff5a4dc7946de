"""Tasks for readers that behave badly; importable by name in a fresh process."""

import os
import time


def sleep() -> list[str]:
    """Take too long."""
    time.sleep(30)
    return []


def take_memory() -> list[str]:
    """Take too much memory."""
    return [str(len(bytearray(500_000_000)))]


def die() -> list[str]:
    """Take the process along."""
    os._exit(1)


def answer() -> list[str]:
    """Behave."""
    return ["read"]
