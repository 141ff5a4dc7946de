"""Reading in a process of its own, with a real one."""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dlp.adapters import readers
from dlp.adapters.readers import Readers
from dlp.core.errors import ParseError
from dlp.wire.container import Packed, Unpacking


def reading(*tasks: Callable[[], object]) -> list[object]:
    async def read() -> list[object]:
        pool, told = Readers(), list[object]()
        try:
            for task in tasks:
                try:
                    told.append(await pool.read(task, "s1"))
                except ParseError as error:
                    told.append(str(error))
        finally:
            pool.close()
        return told

    return asyncio.run(read())


def test_what_is_packed_is_read_elsewhere_and_what_breaks_its_reader_is_refused():
    bomb = zlib.compressobj(wbits=31)
    zeros = bomb.compress(bytes(40_000_000)) + bomb.flush()
    read, refused, again = reading(
        Unpacking((Packed("gzip", b"\x1f\x8b\x08broken", ""),)),
        Unpacking((Packed("gzip", zeros, ""),)),
        Unpacking(()),
    )
    assert isinstance(read, Sequence)
    assert "unpacks to more" in str(refused)
    assert again == []


def test_a_reader_that_takes_too_long_or_breaks_is_refused_and_replaced(monkeypatch: pytest.MonkeyPatch):
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    monkeypatch.setattr(readers, "SECONDS", 0.5)
    import reader_tasks  # noqa: PLC0415 - importable by name from here on, as workers need it

    slow, greedy, broken, fine = reading(
        reader_tasks.sleep, reader_tasks.take_memory, reader_tasks.die, reader_tasks.answer
    )
    assert "within 0.5 s" in str(slow)
    assert "memory" in str(greedy)
    assert "broke" in str(broken)
    assert fine == ["read"]
