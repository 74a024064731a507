"""The event loop's threads, begun before anything else is: a script may use up every process that this user or unit may have."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

_SIZE = 6


def muster() -> None:
    """In the running loop: have all threads of `asyncio.to_thread` now. Where there are too few of them, fewer must do."""
    executor = ThreadPoolExecutor(_SIZE, thread_name_prefix="crew")
    together = Barrier(_SIZE + 1)
    try:
        for _ in range(_SIZE):
            executor.submit(_wait_for, together)
    except RuntimeError:  # "can't start new thread"
        together.abort()
    _wait_for(together)
    asyncio.get_running_loop().set_default_executor(executor)


def _wait_for(together: Barrier) -> None:
    try:
        together.wait()
    except BrokenBarrierError:
        return
