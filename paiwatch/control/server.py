"""The control socket: commands reach a running daemon as one JSON line each way, and news in between.

`<state>/control.sock`, 0600: who may read the state folder may command. Knows transport only, no verb.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from paiwatch import disk
from paiwatch.control.client import SOCKET, short_path
from paiwatch.errors import BusyError, StoreError

_LINE_LIMIT = 8 * 1024 * 1024

#: Answers one request with any number of replies; the last one has "ok".
Answer = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]


class ControlServer:
    """Listens while the daemon runs. One request per connection; a slow or vanished client harms nobody."""

    def __init__(self, state: Path, answer: Answer) -> None:
        self._state = state
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind the socket; the state lock is held, so whatever lies there is a leftover."""
        before = os.umask(0o177)
        try:
            (self._state / SOCKET).unlink(missing_ok=True)
            with short_path(self._state) as path:
                self._server = await asyncio.start_unix_server(self._serve, path=path, limit=_LINE_LIMIT)
        except OSError as fault:
            raise StoreError(f"{self._state / SOCKET}: cannot listen: {disk.explain(fault)}") from fault
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close the door and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        with suppress(OSError):  # the next daemon replaces it, and nobody listens there until then
            (self._state / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            try:
                request = json.loads(await asyncio.wait_for(reader.readline(), 10))
                async for reply in self._answer(request if isinstance(request, dict) else {}):
                    writer.write(json.dumps(reply).encode() + b"\n")
                    await writer.drain()
            except (ValueError, RecursionError):
                writer.write(b'{"ok": false, "error": "not one line of JSON"}\n')
            finally:
                writer.close()


async def follow(state: Path, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Like `converse`, for those who live on an event loop and listen for long. Raises BusyError without a daemon."""
    try:
        with short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path, limit=_LINE_LIMIT)
    except OSError as fault:
        raise BusyError(f"no daemon listens on {state / SOCKET}: {fault.strerror}") from fault
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        async for line in reader:
            yield json.loads(line)
    finally:
        writer.close()
