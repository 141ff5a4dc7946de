import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dlp.adapters.pool import Pool
from dlp.core.errors import PluginError
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
