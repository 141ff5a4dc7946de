import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest
import requests

from dlp.adapters import aside as aside_module
from dlp.adapters.aside import Aside
from dlp.core.message import Block, Direction, Endpoint, Message, Part
from dlp.core.outcome import Forward
from dlp.engine.pipeline import Apart
from dlp.engine.work import Call
from dlp.wire import body as wire_body

MESSAGE = Message(Direction.OUTBOUND, Endpoint("", "", ""), (Block(lambda: (Part("", "x"),)),))


def get(world: Any, path: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": world.url}
        return session.get(f"http://api.test{path}", timeout=20).status_code


def test_a_small_request_is_served_while_a_large_one_is_looked_through(world: Any):
    begun, served = threading.Event(), threading.Event()
    order: list[str] = []

    def look() -> None:
        begun.set()
        assert served.wait(15)
        order.append("large")

    def judge(_call: Call, message: Message) -> Generator[Apart, Any, Forward]:
        if message.endpoint.path == "/large" and message.direction is Direction.OUTBOUND:
            yield Apart(look, message)
        return Forward("event")

    world.upstream("api.test", tls=False)
    world.engine.on_judge = judge
    world.start()
    large = threading.Thread(target=get, args=(world, "/large"))
    large.start()
    assert begun.wait(15)
    assert get(world, "/small") == 200
    order.append("small")
    served.set()
    large.join(15)
    assert order == ["small", "large"]


def test_what_fails_beside_the_loop_is_thrown_into_the_judgement_without_its_text(world: Any):
    thrown: list[Exception] = []

    def look() -> None:
        raise KeyError("maria@acme.org")

    def judge(_call: Call, message: Message) -> Generator[Apart, Any, Forward]:
        if message.direction is Direction.OUTBOUND:
            try:
                yield Apart(look, message)
            except Exception as error:
                thrown.append(error)
                raise
        return Forward("event")

    world.upstream("api.test", tls=False)
    world.engine.on_judge = judge
    world.start()
    assert get(world, "/x") >= 400
    (error,) = thrown
    assert "KeyError" in str(error)
    assert "maria" not in str(error)


def test_tasks_are_done_one_at_a_time_and_sessions_take_turns():
    order: list[str] = []

    async def main() -> None:
        aside = Aside()
        go = threading.Event()

        def task(name: str) -> None:
            go.wait(15)
            order.append(name)

        given = [("a", "s1"), ("b", "s1"), ("c", "s1"), ("d", "s2")]
        tasks = [asyncio.create_task(aside.do(partial(task, name), session)) for name, session in given]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*tasks)
        aside.close()

    asyncio.run(main())
    assert order == ["a", "d", "b", "c"]


def test_after_it_was_closed_nothing_is_begun():
    async def main() -> None:
        aside = Aside()
        aside.close()
        await aside.do(lambda: None, "s1")

    with pytest.raises(RuntimeError):
        asyncio.run(main())


NEVER = 1 << 29  # so many passes that there will be none


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside_module, "_AFTER", 0.001)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing says so
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("quickly")
def test_the_collector_goes_through_all_there_is_only_once_large_messages_are_let_go_of():
    usual = gc.get_threshold()

    async def main() -> None:
        aside = Aside()
        with aside.large(MESSAGE):
            with aside.large(MESSAGE):
                assert gc.get_threshold()[2] > NEVER
            await asyncio.sleep(0.05)
            assert gc.get_threshold()[2] > NEVER
            assert gc.isenabled()  # what is new is gone through all the same
        assert gc.get_threshold()[2] > NEVER
        await until(lambda: gc.get_threshold() == usual)
        aside.close()

    asyncio.run(main())


@pytest.mark.usefixtures("quickly")
def test_the_collector_goes_through_all_there_is_now_and_then_however_many_large_messages_come(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(aside_module, "_LONGEST", 0.01)

    async def main() -> None:
        aside = Aside()
        passes = gc.get_stats()[2]["collections"]
        with aside.large(MESSAGE):
            await until(lambda: gc.get_stats()[2]["collections"] > passes)
        aside.close()

    asyncio.run(main())


@pytest.mark.usefixtures("quickly")
def test_the_collector_works_as_usual_after_the_end():
    usual = gc.get_threshold()

    async def main() -> None:
        aside = Aside()
        with aside.large(MESSAGE):
            pass
        aside.close()
        assert gc.get_threshold() == usual
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert gc.get_threshold() == usual


@pytest.mark.usefixtures("quickly")
def test_what_of_a_large_message_is_still_needed_is_not_taken_apart():
    kept = [Block(lambda: (Part("", "x"),) * 6000)]
    assert len(kept[0].parts) == 6000

    async def main() -> None:
        aside = Aside()
        with aside.large(Message(Direction.OUTBOUND, Endpoint("", "", ""), (kept[0],))):
            pass
        await asyncio.sleep(0.05)
        assert gc.get_threshold()[2] > NEVER
        kept.clear()
        await until(lambda: gc.get_threshold()[2] < NEVER)
        aside.close()

    asyncio.run(main())


@pytest.mark.usefixtures("quickly")
def test_a_large_message_is_let_go_of_once_it_was_judged():
    given = [Message(Direction.OUTBOUND, Endpoint("", "", ""), (Block(lambda: (Part("", "x"),) * 2000),))]
    assert len(given[0].blocks[0].parts) == 2000
    left = weakref.ref(given[0])

    async def main() -> None:
        aside = Aside()
        with aside.large(given.pop()):
            assert left() is not None
        await until(lambda: left() is None)
        aside.close()

    asyncio.run(main())


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
def test_a_small_request_is_served_while_a_compressed_one_is_read(
    world: Any, monkeypatch: pytest.MonkeyPatch, coding: str
):
    begun, served = threading.Event(), threading.Event()
    order: list[str] = []
    read_body = wire_body.read_body

    def read(raw: bytes, kind: str, given: str, **options: Any) -> wire_body.Body:
        if given == coding:
            begun.set()
            assert served.wait(15)
            order.append("compressed")
        return read_body(raw, kind, given, **options)

    monkeypatch.setattr(wire_body, "read_body", read)
    world.upstream("api.test", tls=False)
    world.start()
    answers: list[int] = []

    def send() -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"http": world.url}
            answer = session.post("http://api.test/x", data=b"x", headers={"content-encoding": coding}, timeout=20)
            answers.append(answer.status_code)

    compressed = threading.Thread(target=send)
    compressed.start()
    assert begun.wait(15)
    assert get(world, "/small") == 200
    order.append("small")
    served.set()
    compressed.join(15)
    assert order == ["small", "compressed"]
    assert answers
