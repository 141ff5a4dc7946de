import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from dlp.adapters.pool import Pool, Turns
from dlp.core.errors import PluginError
from dlp.core.finding import Finding
from dlp.core.message import Part


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make the workers' module importable by its name, here and in the processes that are started."""
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    spec = importlib.util.find_spec("pool_workers")
    assert spec is not None
    module = importlib.import_module("pool_workers")
    monkeypatch.setitem(sys.modules, "pool_workers", module)
    return module


@pytest.fixture
def pool(workers: ModuleType) -> Iterator[Pool]:
    made = Pool(workers.prepare, (0.0,), workers.classify, workers=1)
    made.start()
    yield made
    made.close()


def ask(pool: Pool, text: str, limit: float = 20.0) -> int:
    return len(asyncio.run(pool.classify((Part("", text),), limit)))


def test_a_worker_gives_the_findings(pool: Pool):
    assert ask(pool, "text") == 1


def test_a_hung_worker_refuses_its_message_and_is_replaced(pool: Pool):
    assert ask(pool, "text") == 1
    with pytest.raises(TimeoutError):
        ask(pool, "hang", 0.5)
    assert ask(pool, "text") == 1


def test_a_dead_worker_refuses_its_message_and_is_replaced(pool: Pool):
    with pytest.raises(PluginError):
        ask(pool, "die")
    assert ask(pool, "text") == 1


def test_a_worker_that_needs_too_much_memory_refuses_its_message_and_is_replaced(workers: ModuleType):
    pool = Pool(workers.prepare, (0.0,), workers.classify, workers=1, memory=200_000_000)
    pool.start()
    assert ask(pool, "text") == 1
    for _ in range(2):
        with pytest.raises(PluginError, match="ProcessExpired"):
            ask(pool, "grow")
        with pytest.raises(PluginError, match="ProcessExpired"):
            ask(pool, "grow in a plugin")
    assert ask(pool, "text") == 1
    pool.close()


def test_a_worker_may_take_the_memory_it_is_given(workers: ModuleType):
    pool = Pool(workers.prepare, (0.0,), workers.classify, workers=1, memory=900_000_000)
    assert ask(pool, "grow") == 1
    pool.close()


def test_what_a_classifier_raised_is_told_without_its_text(pool: Pool):
    with pytest.raises(PluginError) as raised:
        ask(pool, "raise")
    assert "RuntimeError" in str(raised.value)
    assert "a-secret-value" not in repr(raised.value) + str(raised.value.__cause__) + str(raised.value.__context__)


def test_a_task_behind_a_hung_one_is_not_lost_with_it(workers: ModuleType):
    pool = Pool(workers.prepare, (0.0,), workers.classify, workers=2)

    async def both() -> list[object]:
        hung = asyncio.create_task(pool.classify((Part("", "hang"),), 1.0))
        fine = asyncio.create_task(pool.classify((Part("", "text"),), 20.0))
        return await asyncio.gather(hung, fine, return_exceptions=True)

    results = asyncio.run(both())
    pool.close()
    assert isinstance(results[0], TimeoutError)
    assert isinstance(results[1], list)


def test_messages_wait_while_the_workers_load_but_not_for_ever(workers: ModuleType):
    pool = Pool(workers.prepare, (1.5,), workers.classify, workers=1)
    pool.start()
    with pytest.raises(TimeoutError):
        ask(pool, "text", 0.3)
    assert ask(pool, "text", 30.0) == 1
    pool.close()


def test_workers_that_cannot_load_refuse_every_message_and_tell_no_value(
    workers: ModuleType, capfd: pytest.CaptureFixture[str]
):
    pool = Pool(workers.prepare_badly, (), workers.classify, workers=1)
    pool.start()
    for _ in range(3):
        with pytest.raises(PluginError, match="could not be loaded") as raised:
            ask(pool, "text")
        assert "a-secret-value" not in repr(raised.value)
    pool.close()
    said = "".join(capfd.readouterr())
    assert "RuntimeError at" in said
    assert "a-secret-value" not in said


# --- whose turn it is -------------------------------------------------------------------------------------------------


async def task(pool: Pool, session: str, text: str, done: list[str], limit: float = 20.0) -> list[Finding]:
    findings = await pool.classify((Part("", text),), limit, session)
    done.append(session)
    return findings


def test_a_session_has_one_task_in_work_however_many_workers_there_are(workers: ModuleType):
    pool = Pool(workers.prepare, (0.0,), workers.classify, workers=2)

    async def four() -> list[list[Finding]]:
        return await asyncio.gather(*(task(pool, "a", "slow", []) for _ in range(3)))

    spans = sorted(tuple(map(float, found[0].by.split())) for found in asyncio.run(four()))
    pool.close()
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_session_waits_for_one_task_of_another_not_for_all(pool: Pool):
    done: list[str] = []

    async def both() -> None:
        large = [asyncio.create_task(task(pool, "a", "slow", done)) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.gather(task(pool, "b", "text", done), *large)

    asyncio.run(both())
    assert done == ["a", "b", "a", "a", "a"]


def test_the_limit_of_a_task_counts_from_when_it_begins(pool: Pool):
    done: list[str] = []

    async def many() -> None:
        await task(pool, "first", "text", done)
        await asyncio.gather(*(pool.classify((Part("", "slow"),), 2.0, str(number), 60.0) for number in range(6)))

    asyncio.run(many())
    assert done == ["first"]


def test_the_wait_for_a_turn_is_bounded_and_one_that_gave_up_blocks_nobody(pool: Pool):
    async def some() -> tuple[object, ...]:
        hung = asyncio.create_task(pool.classify((Part("", "hang"),), 2.0, "a"))
        await asyncio.sleep(0)
        left = asyncio.create_task(pool.classify((Part("", "text"),), 20.0, "b"))
        await asyncio.sleep(0)
        left.cancel()
        late = pool.classify((Part("", "text"),), 20.0, "c", 0.2)
        last = pool.classify((Part("", "text"),), 20.0, "d")
        return tuple(await asyncio.gather(hung, left, late, last, return_exceptions=True))

    hung, left, late, last = asyncio.run(some())
    assert isinstance(hung, TimeoutError)
    assert isinstance(left, asyncio.CancelledError)
    assert isinstance(late, TimeoutError)
    assert "no worker was free" in str(late)
    assert isinstance(last, list)


def test_a_pool_that_is_retired_first_does_what_still_waits(pool: Pool):
    async def retired() -> list[list[Finding]]:
        waiting = [asyncio.create_task(task(pool, "a", "slow", [])) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(pool.retire)
        return await asyncio.gather(*waiting)

    assert len(asyncio.run(retired())) == 3


def test_who_gives_up_while_passed_over_is_told_nothing_else():
    async def story() -> None:
        turns = Turns(1)
        await turns.take("a", 5)
        waiting = asyncio.ensure_future(turns.take("b", 5))
        await asyncio.sleep(0)
        waiting.cancel()
        turns.leave("a")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert turns.idle

    asyncio.run(story())
