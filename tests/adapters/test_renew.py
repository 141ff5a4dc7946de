"""What a proxy does when another policy is taken up: new messages go to the new engine, waiting ones keep theirs."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dlp.adapters.pool import Pool
from dlp.core.message import Part
from dlp.engine.pipeline import Classify

from .conftest import World

WAIT = Classify((Part("/text", "x"),))


class NamedEngine(SimpleNamespace):
    """An engine whose classifier answers with the engine's name."""

    @property
    def classifier(self) -> Any:
        """Answer with the name."""
        return SimpleNamespace(classify=lambda _parts: [self.name])


def judging() -> Generator[Classify, Any, Any]:
    answer = yield WAIT
    return answer[0]


def test_a_message_that_waits_is_classified_for_the_policy_it_began_with(world: World):
    world.start()
    proxy: Any = world.proxy
    proxy.renew(NamedEngine(name="old"), None)
    waiting, fresh = judging(), judging()
    next(waiting)
    finishing = proxy.finish(waiting, WAIT, "s1")
    proxy.renew(NamedEngine(name="new"), None)
    next(fresh)
    assert world.run(finishing) == "old"
    assert world.run(proxy.finish(fresh, WAIT, "s1")) == "new"


def test_retired_workers_finish_what_they_were_given(monkeypatch: pytest.MonkeyPatch):
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    import pool_workers  # noqa: PLC0415 - importable by name from here on, as workers need it

    pool = Pool(pool_workers.prepare, (0.2,), pool_workers.classify, workers=1)

    async def both() -> list[Any]:
        given = asyncio.create_task(pool.classify((Part("", "text"),), 30.0))
        await asyncio.sleep(0)
        await asyncio.to_thread(pool.retire)
        return await given

    assert len(asyncio.run(both())) == 1
