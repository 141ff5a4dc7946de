"""When Python's collector of cyclic garbage goes through what: nothing that a session knows holds others up twice.

A pass through all there is takes 100 ms where sessions know a hundred thousand values, and finds nothing: these hold no
cycles, and are freed when the last reference goes. So what a pass took long over is left out of those that follow.
"""

import asyncio
import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_LONG = 0.008  # seconds
_ALL = 3600.0
_OLDEST = 2


@contextmanager
def short_passes() -> Iterator[None]:
    """Keep each pass short, in the loop that runs: but for one an hour, if any was long, for what became garbage since.

    That is what had cycles when a pass left it out: a few open connections.
    """
    began, left_out = 0.0, False

    def told(phase: str, about: Mapping[str, int]) -> None:
        nonlocal began, left_out
        if about["generation"] != _OLDEST:
            return
        if phase == "start":
            began = time.perf_counter()
        elif time.perf_counter() - began > _LONG:
            gc.freeze()
            left_out = True

    async def now_and_then() -> None:
        nonlocal left_out
        while True:
            await asyncio.sleep(_ALL)
            if left_out:
                left_out = False
                gc.unfreeze()
                gc.collect()  # which takes long, and so leaves out again what is left

    task = asyncio.get_running_loop().create_task(now_and_then())
    gc.callbacks.append(told)
    try:
        yield
    finally:
        gc.callbacks.remove(told)
        task.cancel()
