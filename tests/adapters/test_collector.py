import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from dlp.adapters import collector


class Knot:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def leave_all_in() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_a_pass_took_long_over_is_left_out_until_all_is_gone_through(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(collector, "_LONG", 0.0)
    monkeypatch.setattr(collector, "_ALL", 0.05)

    async def told() -> tuple[bool, bool]:
        with collector.short_passes():
            knot = Knot()
            gone = weakref.ref(knot)
            gc.collect()
            assert gc.get_freeze_count() > 10_000
            del knot
            gc.collect()
            before = gone() is not None
            for _ in range(500):
                await asyncio.sleep(0.01)
                if gone() is None:
                    break
            return before, gone() is None

    assert asyncio.run(told()) == (True, True)


def test_a_short_pass_leaves_nothing_out_and_afterwards_none_does(monkeypatch: pytest.MonkeyPatch):
    async def passes(long: float) -> None:
        monkeypatch.setattr(collector, "_LONG", long)
        with collector.short_passes():
            gc.collect()

    gc.unfreeze()
    asyncio.run(passes(60.0))
    assert gc.get_freeze_count() == 0
    monkeypatch.setattr(collector, "_LONG", 0.0)
    gc.collect()
    assert gc.get_freeze_count() == 0
