"""Daemons of one answer, for the verbs that ask one."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paiwatch.control.server import ControlServer
from paiwatch.domain.principal import Principal


@contextmanager
def a_daemon(state: Path, reply: dict[str, Any]) -> Iterator[None]:
    """Something that answers every request on the control socket like a daemon."""
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def answer(_: dict[str, Any], __: Principal) -> AsyncGenerator[dict[str, Any], None]:
        yield reply

    async def serve() -> None:
        server = ControlServer(state, answer)
        await server.start()
        started.set()
        await stop.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="daemon")
    thread.start()
    try:
        assert started.wait(30)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
